//! Weights that are compiled in: those of the default pipeline (`synth-metal/`), of the three systems that are compared
//! (`compare/`), and those that were the default before and know `synth` (without a folder).

/// What there is to know about each of them.
pub mod cards;

use std::path::PathBuf;

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
const BUNDLED: &[(&str, &[u8])] = bundled![
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

#[cfg(not(feature = "shipped-weights"))]
const BUNDLED: &[(&str, &[u8])] = &[];

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

/// The bytes of a weights file that is compiled in.
///
/// # Errors
/// When none of that name is.
pub fn bytes(name: &str) -> Result<&'static [u8], WeightsError> {
    let earlier = EARLIER.iter().find(|(old, _)| *old == name);
    let current = earlier.map_or(name, |(_, current)| *current);
    let found = BUNDLED.iter().find(|(known, _)| *known == current);
    found
        .map(|(_, bytes)| *bytes)
        .ok_or_else(|| WeightsError::NotBundled {
            name: name.to_owned(),
            known: names().join(", "),
            path: PathBuf::from(format!("bundled:{name}")),
        })
}

/// The names of all weights that are compiled in.
pub fn names() -> Vec<&'static str> {
    BUNDLED.iter().map(|(name, _)| *name).collect()
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
        let file = WeightsFile::from_bytes(head, "head").unwrap();
        assert_eq!(file.header.model, WeightsKind::ObjectEventHead);
    }
}
