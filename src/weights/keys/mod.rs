//! Official parameter names ↔ ours, per model.
//!
//! A rule pairs two patterns. `{}` stands for one component of a dotted name, `{..}` at the end for all
//! that are left; both sides hold the same wildcards in the same order. The first rule that matches
//! wins, in either direction.
//!
//! Source: `spec` of the official classes' state dicts; the class names are the official ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{StateDict, WeightsError};

mod decoder;
mod diffusion;
mod dynamics;
mod encoder;
mod reasoner;
mod vit;

/// Official pattern, our pattern.
pub type Rule = (&'static str, &'static str);

/// Rules for names that begin alike.
#[derive(Debug)]
pub struct Section {
    /// What official names begin with.
    pub official: &'static str,
    /// What our paths begin with.
    pub ours: &'static str,
    /// How the rest is translated.
    pub rules: &'static [Rule],
    /// Towards official names it holds only for models that have this path.
    pub when: Option<&'static str>,
}

impl Section {
    /// Rules for names that begin so.
    pub const fn new(official: &'static str, ours: &'static str, rules: &'static [Rule]) -> Self {
        Self {
            official,
            ours,
            rules,
            when: None,
        }
    }

    /// The same, towards official names only for models that have this path.
    #[must_use]
    pub const fn when(self, path: &'static str) -> Self {
        Self {
            when: Some(path),
            ..self
        }
    }

    fn to_ours(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(self.official)?;
        let found = self
            .rules
            .iter()
            .find_map(|(official, ours)| rewrite(rest, official, ours))?;
        Some(format!("{}{found}", self.ours))
    }

    fn to_official(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.ours)?;
        let found = self
            .rules
            .iter()
            .find_map(|(official, ours)| rewrite(rest, ours, official))?;
        Some(format!("{}{found}", self.official))
    }
}

/// What becomes one model of ours, and one file.
#[derive(Debug)]
pub struct Part {
    /// `encoder`, `decoder`, `dynamics`, `reasoner`.
    pub name: &'static str,
    /// What the header of its weights file calls it.
    pub model: &'static str,
    /// Its rules.
    pub sections: &'static [&'static Section],
}

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
pub struct Layout {
    /// Name of the official class.
    pub class: &'static str,
    /// Our models in it.
    pub parts: &'static [Part],
    /// Official names that carry nothing: what can be recomputed, and what no output depends on.
    pub ignored: &'static [&'static str],
}

/// Every official checkpoint that is understood.
pub const LAYOUTS: [Layout; 18] = [
    Layout {
        class: "ViTModel",
        parts: vit::DINO,
        ignored: vit::IGNORED,
    },
    Layout {
        class: "Dinov2Model",
        parts: vit::DINO_V2,
        ignored: vit::IGNORED,
    },
    Layout {
        class: "SA",
        parts: encoder::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    Layout {
        class: "SAVi",
        parts: encoder::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    Layout {
        class: "StoSAVi",
        parts: encoder::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    Layout {
        class: "dVAE",
        parts: decoder::DVAE_ALONE,
        ignored: &[],
    },
    Layout {
        class: "SLATE",
        parts: decoder::WITH_ENCODER,
        ignored: decoder::IGNORED,
    },
    Layout {
        class: "STEVE",
        parts: decoder::WITH_ENCODER,
        ignored: decoder::IGNORED,
    },
    Layout {
        class: "VQVAE",
        parts: diffusion::VQVAE_ALONE,
        ignored: &["loss.{..}"],
    },
    Layout {
        class: "SADiffusion",
        parts: diffusion::WITH_ENCODER,
        ignored: diffusion::IGNORED,
    },
    Layout {
        class: "SAViDiffusion",
        parts: diffusion::WITH_ENCODER,
        ignored: diffusion::IGNORED,
    },
    Layout {
        class: "SlotFormer",
        parts: dynamics::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    Layout {
        class: "SingleStepSlotFormer",
        parts: dynamics::WITH_MIXTURE,
        ignored: encoder::IGNORED,
    },
    Layout {
        class: "STEVESlotFormer",
        parts: dynamics::WITH_AUTOREGRESSIVE,
        ignored: dynamics::IGNORED,
    },
    Layout {
        class: "LDMSlotFormer",
        parts: dynamics::WITH_DIFFUSION,
        ignored: diffusion::IGNORED,
    },
    Layout {
        class: "CLEVRERAloe",
        parts: reasoner::ALOE,
        ignored: &[],
    },
    Layout {
        class: "PhysionReadout",
        parts: reasoner::PHYSION,
        ignored: &["comb_idx"],
    },
    Layout {
        class: "PHYREReadout",
        parts: reasoner::PHYRE,
        ignored: &[],
    },
];

impl Layout {
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

    /// The official state dict of some parts: the reverse of [`Layout::split`].
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

/// `name` as `to` says, if it is as `from` says.
fn rewrite(name: &str, from: &str, to: &str) -> Option<String> {
    let (from, open) = match from.strip_suffix("{..}") {
        Some(start) => (start.trim_end_matches('.'), true),
        None => (from, false),
    };
    let mut caught = Vec::new();
    let mut rest = Some(name);
    for pattern in from.split('.').filter(|pattern| !pattern.is_empty()) {
        let text = rest?;
        let (component, left) = text
            .split_once('.')
            .map_or((text, None), |(first, left)| (first, Some(left)));
        if pattern == "{}" {
            caught.push(component);
        } else if pattern != component {
            return None;
        }
        rest = left;
    }
    if open {
        caught.push(rest.take()?);
    }
    if rest.is_some() {
        return None;
    }
    let mut caught = caught.into_iter();
    let mut pieces = to.split("{..}").flat_map(|piece| piece.split("{}"));
    let mut written = pieces.next()?.to_owned();
    for piece in pieces {
        written.push_str(caught.next()?);
        written.push_str(piece);
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_carry_over_in_order() {
        assert_eq!(
            rewrite("a.3.b.w", "a.{}.b.{}", "x.{}.y.{}"),
            Some("x.3.y.w".into())
        );
        assert_eq!(
            rewrite("a.3.b.w", "a.{..}", "z.{..}"),
            Some("z.3.b.w".into())
        );
        assert_eq!(rewrite("a.3", "a.{}.b", "x.{}"), None);
        assert_eq!(rewrite("a.3.b", "a.{}", "x.{}"), None);
        assert_eq!(rewrite("a", "a", "b"), Some("b".into()));
    }

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
            let layout = Layout::of(config["model"].as_str().unwrap()).unwrap();
            let mut state = crate::weights::read_pth(&path).unwrap();
            let merged = layout.merge(layout.split(state.clone()).unwrap()).unwrap();
            state.entries.retain(|key, _| !layout.ignores(key));
            assert_eq!(merged.entries, state.entries, "{}", path.display());
            count += 1;
        }
        assert!(count > 10);
    }
}
