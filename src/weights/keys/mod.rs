//! Official parameter names ↔ ours, per model.
//!
//! Source: the state dicts of the official classes; the class names are the official ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{StateDict, WeightsError};

/// dVAE and autoregressive decoder.
mod decoder;
/// VQ-VAE and U-Net.
mod diffusion;
/// SlotFormer's variants.
mod dynamics;
/// Slot encoders and the mixture decoder.
mod encoder;
/// Aloe and the readouts.
mod reasoner;
/// Patterns, sections and parts.
mod rule;
/// Stable Diffusion.
pub mod stable_diffusion;
/// Vision transformers of DINO and DINOv2.
pub(super) mod vit;

pub use rule::Part;
use rule::rewrite;

/// The arrays of a checkpoint, sorted.
#[derive(Debug)]
pub struct Sorted {
    /// Under our paths, by part.
    pub parts: BTreeMap<&'static str, StateDict>,
    /// Under official names: what carries nothing.
    pub dropped: StateDict,
    /// Official names that no rule knows.
    pub unused: Vec<String>,
}

/// An official checkpoint: which of our models it bundles.
#[derive(Debug)]
pub struct CheckpointLayout {
    /// Name of the official class.
    pub class: &'static str,
    /// Our models in it.
    pub parts: &'static [Part],
    /// Official names that carry nothing: what can be recomputed, and what no output depends on.
    pub ignored: &'static [&'static str],
}

/// Every official checkpoint that is understood.
pub const LAYOUTS: [CheckpointLayout; 18] = [
    CheckpointLayout {
        class: "ViTModel",
        parts: vit::DINO,
        ignored: vit::IGNORED,
    },
    CheckpointLayout {
        class: "Dinov2Model",
        parts: vit::DINO_V2,
        ignored: vit::IGNORED,
    },
    CheckpointLayout {
        class: "SA",
        parts: encoder::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    CheckpointLayout {
        class: "SAVi",
        parts: encoder::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    CheckpointLayout {
        class: "StoSAVi",
        parts: encoder::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    CheckpointLayout {
        class: "dVAE",
        parts: decoder::DVAE_ALONE,
        ignored: &[],
    },
    CheckpointLayout {
        class: "SLATE",
        parts: decoder::WITH_ENCODER,
        ignored: decoder::IGNORED,
    },
    CheckpointLayout {
        class: "STEVE",
        parts: decoder::WITH_ENCODER,
        ignored: decoder::IGNORED,
    },
    CheckpointLayout {
        class: "VQVAE",
        parts: diffusion::VQVAE_ALONE,
        ignored: &["loss.{..}"],
    },
    CheckpointLayout {
        class: "SADiffusion",
        parts: diffusion::WITH_ENCODER,
        ignored: diffusion::IGNORED,
    },
    CheckpointLayout {
        class: "SAViDiffusion",
        parts: diffusion::WITH_ENCODER,
        ignored: diffusion::IGNORED,
    },
    CheckpointLayout {
        class: "SlotFormer",
        parts: dynamics::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    CheckpointLayout {
        class: "SingleStepSlotFormer",
        parts: dynamics::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    CheckpointLayout {
        class: "STEVESlotFormer",
        parts: dynamics::WITH_AUTOREGRESSIVE,
        ignored: dynamics::IGNORED,
    },
    CheckpointLayout {
        class: "LDMSlotFormer",
        parts: dynamics::WITH_DIFFUSION,
        ignored: diffusion::IGNORED,
    },
    CheckpointLayout {
        class: "CLEVRERAloe",
        parts: reasoner::ALOE,
        ignored: &[],
    },
    CheckpointLayout {
        class: "PhysionReadout",
        parts: reasoner::PHYSION,
        ignored: &["comb_idx"],
    },
    CheckpointLayout {
        class: "PHYREReadout",
        parts: reasoner::PHYRE,
        ignored: &[],
    },
];

impl CheckpointLayout {
    /// The layout of an official class.
    pub fn of(class: &str) -> Option<&'static Self> {
        LAYOUTS.iter().find(|layout| layout.class == class)
    }

    /// The part and the path that an official name becomes, unless nothing knows it.
    pub fn to_ours(&self, official: &str) -> Option<(&'static str, String)> {
        self.parts.iter().find_map(|part| {
            let path = part
                .sections
                .iter()
                .find_map(|section| section.to_ours(official))?;
            Some((part.name, path))
        })
    }

    /// The official name of a path in a part that has the paths that `has` knows.
    pub fn to_official(
        &self,
        part: &str,
        path: &str,
        has: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        let part = self.parts.iter().find(|candidate| candidate.name == part)?;
        let mut sections = part
            .sections
            .iter()
            .filter(|section| section.when.is_none_or(has));
        sections.find_map(|section| section.to_official(path))
    }

    /// Whether an official name may be dropped.
    pub fn ignores(&self, official: &str) -> bool {
        self.ignored
            .iter()
            .any(|pattern| rewrite(official, pattern, pattern).is_some())
    }

    /// Sorts the arrays of a checkpoint into parts, what may be dropped, and what nobody knows.
    pub fn sort(&self, state: StateDict) -> Sorted {
        let source = state.source;
        let empty = || StateDict::new(&source);
        let mut sorted = Sorted {
            parts: self.parts.iter().map(|part| (part.name, empty())).collect(),
            dropped: empty(),
            unused: Vec::new(),
        };
        for (key, value) in state.entries {
            if self.ignores(&key) {
                sorted.dropped.insert(key, value);
                continue;
            }
            match self.to_ours(&key) {
                Some((part, path)) => sorted.parts.entry(part).or_default().insert(path, value),
                None => sorted.unused.push(key),
            }
        }
        sorted
    }

    /// One state dict per part, under our paths.
    ///
    /// # Errors
    /// Lists the names that no rule knows.
    pub fn split(
        &self,
        state: StateDict,
    ) -> Result<BTreeMap<&'static str, StateDict>, WeightsError> {
        let path = state.source.clone();
        let sorted = self.sort(state);
        if sorted.unused.is_empty() {
            return Ok(sorted.parts);
        }
        Err(WeightsError::Keys {
            missing: Vec::new(),
            unused: sorted.unused,
            path,
        })
    }

    /// The official state dict of some parts: the reverse of [`CheckpointLayout::split`].
    ///
    /// # Errors
    /// Lists the paths that no rule knows.
    pub fn merge(
        &self,
        parts: BTreeMap<&'static str, StateDict>,
    ) -> Result<StateDict, WeightsError> {
        let mut official = StateDict::default();
        let mut unused = Vec::new();
        for (part, state) in parts {
            official.source.clone_from(&state.source);
            let paths: BTreeSet<String> = state.entries.keys().cloned().collect();
            let has = |path: &str| paths.contains(path);
            for (path, value) in state.entries {
                match self.to_official(part, &path, &has) {
                    Some(key) => official.insert(key, value),
                    None => unused.push(path),
                }
            }
        }
        if unused.is_empty() {
            return Ok(official);
        }
        Err(WeightsError::Keys {
            missing: Vec::new(),
            unused,
            path: official.source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixture_splits_and_merges_back_to_what_it_was() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "pth") {
                continue;
            }
            let config = std::fs::read(path.with_extension("config.json")).unwrap();
            let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
            let layout = CheckpointLayout::of(config["model"].as_str().unwrap()).unwrap();
            let mut state = crate::weights::read_pth(&path).unwrap();
            let merged = layout.merge(layout.split(state.clone()).unwrap()).unwrap();
            state.entries.retain(|key, _| !layout.ignores(key));
            assert_eq!(merged.entries, state.entries, "{}", path.display());
            count += 1;
        }
        assert!(count > 10);
    }
}
