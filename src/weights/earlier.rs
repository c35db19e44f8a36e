//! Parameter paths as earlier versions wrote them.
//!
//! A parameter's path is the path of its field, so renaming a field renames parameters. Files of earlier versions keep
//! their bytes: every weights file and checkpoint is read through this table.

use super::StateDict;

/// Runs of components of a path, and what they are called now.
const RENAMED: [(&str, &str); 1] = [("initial.doubt", "initial.posterior")];

/// Renames the arrays of an earlier version's file.
pub(super) fn with_current_paths(state: &mut StateDict) {
    let renamed: Vec<(String, String)> = state
        .entries
        .keys()
        .filter_map(|path| Some((path.clone(), current(path)?)))
        .collect();
    for (old, new) in renamed {
        if let Some(value) = state.entries.remove(&old) {
            state.insert(new, value);
        }
    }
}

/// What a path is called now, where that differs.
fn current(path: &str) -> Option<String> {
    let dotted = format!(".{path}.");
    let (old, new) = RENAMED
        .iter()
        .find(|(old, _)| dotted.contains(&format!(".{old}.")))?;
    let dotted = dotted.replacen(&format!(".{old}."), &format!(".{new}."), 1);
    Some(dotted.trim_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::models::WeightsKind;
    use crate::models::encoder::SlotEncoderConfig;
    use crate::rng::Init;
    use crate::weights::{WeightsFile, load_into};

    #[test]
    fn whole_components_are_renamed_wherever_they_stand() {
        assert_eq!(
            current("adam.first.encoder.initial.doubt.norm.weight").as_deref(),
            Some("adam.first.encoder.initial.posterior.norm.weight")
        );
        assert_eq!(current("initial.doubtful.weight"), None);
        assert_eq!(current("my_initial.doubt.weight"), None);
    }

    #[test]
    fn an_encoder_in_the_spelling_of_an_earlier_version_is_loaded() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/earlier/stosavi-encoder.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        let spelling = b"initial.doubt.first.weight";
        assert!(bytes.windows(spelling.len()).any(|part| part == spelling));
        let file = WeightsFile::read(&path).unwrap();
        let config: SlotEncoderConfig = file.config(WeightsKind::SlotEncoder).unwrap();
        let blank = config.init(&mut Init::blank(&burn::tensor::Device::flex()));
        let model = load_into(blank, file.state).unwrap();
        assert!(model.initial.posterior.is_some());
    }
}
