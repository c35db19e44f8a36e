//! Weights that come with the program: those of the default pipeline (`synth-metal/`) are compiled in; those of the three systems
//! that are compared (`compare/`), and those that were the default before and know `synth` (without a folder), lie beside it.

/// What there is to know about each of them.
pub mod cards;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use slotflow_datasets::regular;

use crate::weights::WeightsError;

#[cfg(feature = "shipped-weights")]
macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/pipelines/weights/", $name, ".safetensors"
        )))),*]
    };
}

#[cfg(feature = "shipped-weights")]
const COMPILED_IN: &[(&str, &[u8])] = bundled![
    "synth-metal/slot-encoder",
    "synth-metal/slotformer",
    "synth-metal/latent-diffusion",
    "synth-metal/aloe",
    "synth-metal/motion",
    "synth-metal/vqvae",
    "synth-metal/mixture",
    "synth-metal/object-event-head",
];

#[cfg(not(feature = "shipped-weights"))]
const COMPILED_IN: &[(&str, &[u8])] = &[];

/// All that come with the program.
const NAMES: [&str; 23] = [
    "slot-encoder",
    "slotformer",
    "latent-diffusion",
    "aloe",
    "motion",
    "object-event-head",
    "synth-metal/slot-encoder",
    "synth-metal/slotformer",
    "synth-metal/latent-diffusion",
    "synth-metal/aloe",
    "synth-metal/motion",
    "synth-metal/vqvae",
    "synth-metal/mixture",
    "synth-metal/object-event-head",
    "compare/savi-slot-encoder",
    "compare/savi-slotformer",
    "compare/savi-mixture",
    "compare/steve-slot-encoder",
    "compare/steve-slotformer",
    "compare/steve-autoregressive",
    "compare/slotdiffusion-slot-encoder",
    "compare/slotdiffusion-slotformer",
    "compare/slotdiffusion-latent-diffusion",
];

/// What stands before a name in a plan. The second is the spelling of earlier versions; plans that are built in keep it,
/// because it is part of the keys of cached results.
const PREFIXES: [&str; 2] = ["bundled:", "shipped:"];

/// Names of earlier versions, and what they are called now.
const EARLIER: [(&str, &str); 1] = [("sight", "object-event-head")];

/// The name behind `bundled:` or `shipped:`; `None` for a path.
pub fn name_of(weights: &str) -> Option<&str> {
    PREFIXES
        .iter()
        .find_map(|prefix| weights.strip_prefix(prefix))
}

/// The bytes of a weights file that comes with the program: compiled in, or read from one of its [folders].
///
/// # Errors
/// When there is none of that name, or its folder is not there.
pub fn bytes(name: &str) -> Result<Cow<'static, [u8]>, WeightsError> {
    let earlier = EARLIER.iter().find(|(old, _)| *old == name);
    let current = earlier.map_or(name, |(_, current)| *current);
    if let Some((_, bytes)) = COMPILED_IN.iter().find(|(known, _)| *known == current) {
        return Ok(Cow::Borrowed(bytes));
    }
    if NAMES.contains(&current) {
        return beside(&folders(), current).map(Cow::Owned);
    }
    Err(WeightsError::NotBundled {
        name: name.to_owned(),
        known: NAMES.join(", "),
        path: PathBuf::from(format!("bundled:{name}")),
    })
}

/// The names of all weights that come with the program.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// Whether weights of that name are part of the binary.
pub fn is_compiled_in(name: &str) -> bool {
    COMPILED_IN.iter().any(|(known, _)| *known == name)
}

/// Where weights lie that are not compiled in: beside the binary, below the prefix that it is installed in, or in the source tree
/// that it was built from.
pub fn folders() -> Vec<PathBuf> {
    let binary = std::env::current_exe().unwrap_or_default();
    let folder = binary.parent().unwrap_or(Path::new(""));
    vec![
        folder.join("weights"),
        folder.with_file_name("share").join("slotflow/weights"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/weights"),
    ]
}

/// The file of that name in the first of the folders that has it.
fn beside(folders: &[PathBuf], name: &str) -> Result<Vec<u8>, WeightsError> {
    for folder in folders {
        let path = folder.join(format!("{name}.safetensors"));
        match regular::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            read => {
                return read.map_err(|source| WeightsError::Io {
                    doing: "read",
                    source,
                    path,
                });
            }
        }
    }
    Err(WeightsError::NotBeside {
        name: name.to_owned(),
        path: folders.first().cloned().unwrap_or_default(),
    })
}

#[cfg(all(test, feature = "shipped-weights"))]
mod tests {
    use super::*;
    use crate::models::WeightsKind;
    use crate::weights::WeightsFile;

    #[test]
    fn names_of_earlier_versions_mean_the_same_weights() {
        assert_eq!(name_of("shipped:motion"), name_of("bundled:motion"));
        assert_eq!(name_of("motion.safetensors"), None);
        let head = bytes("object-event-head").unwrap();
        assert_eq!(bytes("sight").unwrap(), head);
        let file = WeightsFile::from_bytes(&head, "head").unwrap();
        assert_eq!(file.header.model, WeightsKind::ObjectEventHead);
    }

    #[test]
    fn every_name_has_its_weights_and_the_default_pipelines_need_no_folder() {
        for name in names() {
            assert!(!bytes(name).unwrap().is_empty());
            assert_eq!(
                is_compiled_in(name),
                name.starts_with("synth-metal/"),
                "{name}"
            );
        }
    }

    #[test]
    fn weights_lie_in_the_first_folder_that_has_them() {
        let room = tempfile::tempdir().unwrap();
        let folders = ["one", "two"].map(|name| room.path().join(name));
        let told = beside(&folders, "compare/a").unwrap_err();
        assert!(
            told.to_string().contains(&folders[0].display().to_string()),
            "{told}"
        );
        assert!(told.hint().contains("pipelines/weights"), "{}", told.hint());
        for (folder, content) in folders.iter().zip(["first", "second"]).rev() {
            std::fs::create_dir_all(folder.join("compare")).unwrap();
            std::fs::write(folder.join("compare/a.safetensors"), content).unwrap();
            assert_eq!(beside(&folders, "compare/a").unwrap(), content.as_bytes());
        }
        // What is there and cannot be read is not passed over.
        std::fs::remove_file(folders[0].join("compare/a.safetensors")).unwrap();
        std::fs::create_dir(folders[0].join("compare/a.safetensors")).unwrap();
        assert!(beside(&folders, "compare/a").is_err());
    }
}
