//! Weights that are compiled in: those of the default pipeline, and of the three systems that are compared.

use std::path::PathBuf;

use crate::weights::WeightsError;

#[cfg(feature = "shipped-weights")]
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/pipelines/weights/", $name, ".safetensors"
        )))),*]
    };
}

#[cfg(feature = "shipped-weights")]
const SHIPPED: &[(&str, &[u8])] = shipped![
    "slot-encoder",
    "slotformer",
    "latent-diffusion",
    "aloe",
    "motion",
    "sight",
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
const SHIPPED: &[(&str, &[u8])] = &[];

/// The bytes of a weights file that is compiled in.
///
/// # Errors
/// When none of that name is.
pub fn bytes(name: &str) -> Result<&'static [u8], WeightsError> {
    let found = SHIPPED.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, bytes)| *bytes)
        .ok_or_else(|| WeightsError::NotShipped {
            name: name.to_owned(),
            known: names().join(", "),
            path: PathBuf::from(format!("shipped:{name}")),
        })
}

/// The names of all weights that are compiled in.
pub fn names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}
