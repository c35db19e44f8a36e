//! Small copies of the published data sets in the layouts that their readers want, made from generated clips:
//!
//! ```text
//! cargo run --release -p slotflow-datasets --example miniature-trees -- DIR [NAME…]
//! ```
//!
//! Each name is a folder below `DIR`; without names all are written. Beside the data sets lie random inputs of plans that
//! no plan trains: `slots` (arrays for `pipeline import --model slots`, and PHYRE's labels) and `dino` (a ViT-S/8 with
//! Hugging Face's names for `pipeline import --model dino`).

/// `CelebA` and `CLEVRTex`.
mod clevrtex_celeba;
/// COCO and PASCAL VOC.
mod coco_voc;
/// OBJ3D, MOVi-D, MOVi-E, MOVi-Solid and MOVi-Tex as folders of pictures.
mod frame_folders;
/// Slots and a vision transformer with random numbers.
mod model_inputs;
/// PHYRE.
mod phyre;
/// What is drawn, and files of pictures.
mod scene;
/// MOVi as TFRecords.
mod tfrecords;
/// CLEVRER and Physion.
mod videos;

use std::path::Path;
use std::process::ExitCode;

use scene::Fault;

/// Writes one tree below a folder of its own.
type Write = fn(&Path) -> Result<(), Fault>;

/// Every tree by the name of its folder.
const TREES: [(&str, Write); 15] = [
    ("obj3d", frame_folders::obj3d),
    ("clevrer", videos::clevrer),
    ("physion", videos::physion),
    ("phyre", phyre::phyre),
    ("movi-d", frame_folders::movi_d),
    ("movi-e", frame_folders::movi_e),
    ("movi-e-tfrecords", tfrecords::movi_e),
    ("movi-solid", frame_folders::movi_solid),
    ("movi-tex", frame_folders::movi_tex),
    ("clevrtex", clevrtex_celeba::clevrtex),
    ("celeba", clevrtex_celeba::celeba),
    ("coco", coco_voc::coco),
    ("voc", coco_voc::voc),
    ("slots", model_inputs::slots),
    ("dino", model_inputs::dino),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, names)) = arguments.split_first() else {
        eprintln!("error: no folder is named\n\nhint: miniature-trees DIR [NAME…]");
        return ExitCode::from(2);
    };
    if let Some(name) = names
        .iter()
        .find(|name| TREES.iter().all(|tree| tree.0 != **name))
    {
        let all: Vec<&str> = TREES.iter().map(|tree| tree.0).collect();
        eprintln!(
            "error: no tree is called `{name}`\n\nhint: there are {}",
            all.join(", ")
        );
        return ExitCode::from(2);
    }
    for (name, write) in TREES {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        let root = Path::new(folder).join(name);
        if let Err(error) = write(&root) {
            eprintln!("error: {error}: `{}`", root.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
