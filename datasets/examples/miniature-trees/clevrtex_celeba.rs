//! Data sets of pictures in one folder: `CLEVRTex` and `CelebA`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use slotflow_datasets::Split;
use slotflow_datasets::listing::create_parent;
use slotflow_datasets::video::write_png;

use crate::scene::{CLIPS, Fault, still, write_jpeg, write_palette};

const CLEVRTEX_SIZE: [usize; 2] = [120, 160];
const CELEBA_SIZE: [usize; 2] = [109, 89];

/// `CLEVRTex`: splits by number.
pub fn clevrtex(root: &Path) -> Result<(), Fault> {
    for (split, first) in [(Split::Test, 0), (Split::Val, 5000), (Split::Train, 10_000)] {
        for clip in 0..CLIPS {
            let (picture, mask) = still(split, clip, CLEVRTEX_SIZE)?;
            let id = first + clip;
            let folder = root.join(format!("clevrtex_full/{}", id / 1000));
            let path = folder.join(format!("CLEVRTEX_full_{id:06}.png"));
            create_parent(&path)?;
            write_png(&path, picture.view())?;
            write_palette(
                &folder.join(format!("CLEVRTEX_full_{id:06}_flat.png")),
                mask.view(),
            )?;
        }
    }
    Ok(())
}

/// `CelebA`: splits by the official partition.
pub fn celeba(root: &Path) -> Result<(), Fault> {
    let folder = root.join("celeba");
    let mut partition = String::new();
    for (place, split) in Split::ALL.into_iter().enumerate() {
        for clip in 0..CLIPS {
            let name = format!("{:06}.jpg", place * CLIPS + clip + 1);
            let (picture, _) = still(split, clip, CELEBA_SIZE)?;
            write_jpeg(&folder.join("img_align_celeba").join(&name), picture.view())?;
            writeln!(partition, "{name} {place}")?;
        }
    }
    Ok(fs::write(
        folder.join("list_eval_partition.txt"),
        partition,
    )?)
}
