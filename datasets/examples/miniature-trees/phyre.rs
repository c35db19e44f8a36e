//! PHYRE with exported frames: action lists, labels, and the frames of every action as pictures or as an array.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use ndarray::{Array1, Array2};
use ndarray_npy::WriteNpyExt;
use slotflow_datasets::Split;
use slotflow_datasets::listing::create_parent;
use slotflow_datasets::video::write_png;

use crate::scene::{CLIPS, Fault, Scene};

const SIZE: [usize; 2] = [64, 64];
const FRAMES: usize = 15;

/// Fold 0 of the protocol `within`.
pub fn phyre(root: &Path) -> Result<(), Fault> {
    let lists = root.join("splits/PHYRE");
    fs::create_dir_all(&lists)?;
    for split in [Split::Train, Split::Val] {
        let name = format!("within-fold_0-{split}-data_0.1-pos_0.2");
        let number = |(action, column): (usize, usize)| [action as f64, 0.3, 0.7, 0.5][column];
        let actions = Array2::from_shape_fn((CLIPS, 4), number);
        actions.write_npy(BufWriter::new(File::create(
            lists.join(format!("{name}.npy")),
        )?))?;
        let labels = Array1::from_shape_fn(CLIPS, |action| i32::from(is_solved(action)));
        let file = File::create(lists.join(format!("{name}-label.npy")))?;
        labels.write_npy(BufWriter::new(file))?;
        for action in 0..CLIPS {
            write_frames(&root.join("frames").join(&name), split, action)?;
        }
    }
    Ok(())
}

/// Whether an action solves its task.
pub fn is_solved(action: usize) -> bool {
    action.is_multiple_of(2)
}

/// Pictures, but of the last action an array.
fn write_frames(folder: &Path, split: Split, action: usize) -> Result<(), Fault> {
    let frames = Scene::new(split, action, FRAMES, SIZE)?.frames;
    if action + 1 == CLIPS {
        let file = File::create(folder.join(format!("{action:06}.npy")))?;
        return Ok(frames.write_npy(BufWriter::new(file))?);
    }
    for (number, frame) in frames.outer_iter().enumerate() {
        let path = folder.join(format!("{action:06}/{number:06}.png"));
        create_parent(&path)?;
        write_png(&path, frame)?;
    }
    Ok(())
}
