//! Data sets whose clips are folders of pictures: OBJ3D and the MOVi sets.

use std::path::Path;

use slotflow_datasets::Split;
use slotflow_datasets::listing::create_parent;
use slotflow_datasets::video::write_png;

use crate::scene::{CLIPS, Fault, Scene, write_grey, write_jpeg};

const SIZE: [usize; 2] = [64, 64];
/// Frames of a clip of OBJ3D.
const OBJ3D_FRAMES: usize = 51;
/// Frames of a clip of MOVi.
const MOVI_FRAMES: usize = 24;
/// Object masks of a frame of MOVi-Solid and MOVi-Tex.
const LAYERS: u8 = 10;

/// OBJ3D: PNG frames that count from 1.
pub fn obj3d(root: &Path) -> Result<(), Fault> {
    for split in Split::ALL {
        for clip in 0..CLIPS {
            let scene = Scene::new(split, clip, OBJ3D_FRAMES, SIZE)?;
            let folder = root.join(split.name()).join(clip.to_string());
            for (number, frame) in scene.frames.outer_iter().enumerate() {
                let path = folder.join(format!("test_{}.png", number + 1));
                create_parent(&path)?;
                write_png(&path, frame)?;
            }
        }
    }
    Ok(())
}

/// MOVi-D as it is exported.
pub fn movi_d(root: &Path) -> Result<(), Fault> {
    movi(&root.join("MOVi-D"))
}

/// MOVi-E as it is exported.
pub fn movi_e(root: &Path) -> Result<(), Fault> {
    movi(&root.join("MOVi-E"))
}

/// JPEG frames with instance ids beside them.
fn movi(root: &Path) -> Result<(), Fault> {
    for (split, name) in [
        (Split::Train, "train"),
        (Split::Val, "validation"),
        (Split::Test, "test"),
    ] {
        for clip in 0..CLIPS {
            let scene = Scene::new(split, clip, MOVI_FRAMES, SIZE)?;
            let folder = root.join(name).join(format!("{clip:08}"));
            let pairs = scene.frames.outer_iter().zip(scene.masks.outer_iter());
            for (number, (frame, mask)) in pairs.enumerate() {
                write_jpeg(&folder.join(format!("{number:06}.jpg")), frame)?;
                write_grey(&folder.join(format!("{number:06}_mask.png")), mask)?;
            }
        }
    }
    Ok(())
}

/// MOVi-Solid.
pub fn movi_solid(root: &Path) -> Result<(), Fault> {
    steve_movi(&root.join("MOVi-Solid"))
}

/// MOVi-Tex.
pub fn movi_tex(root: &Path) -> Result<(), Fault> {
    steve_movi(&root.join("MOVi-Tex"))
}

/// PNG frames with a picture an object beside them.
fn steve_movi(root: &Path) -> Result<(), Fault> {
    for split in [Split::Train, Split::Test] {
        for clip in 0..CLIPS {
            let scene = Scene::new(split, clip, MOVI_FRAMES, SIZE)?;
            let folder = root.join(split.name()).join(format!("{clip:08}"));
            let pairs = scene.frames.outer_iter().zip(scene.masks.outer_iter());
            for (number, (frame, mask)) in pairs.enumerate() {
                let path = folder.join(format!("{number:08}_image.png"));
                create_parent(&path)?;
                write_png(&path, frame)?;
                for object in 0..LAYERS {
                    let path = folder.join(format!("{number:08}_mask_{object:02}.png"));
                    let layer = mask.mapv(|id| if id == object + 1 { 255 } else { 0 });
                    write_grey(&path, layer.view())?;
                }
            }
        }
    }
    Ok(())
}
