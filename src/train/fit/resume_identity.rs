//! The recipe of a training in its folder: it resumes there under the same settings alone.

use std::path::Path;

use serde_json::Value;
use slotflow_datasets::regular;

use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::{Input, Recipe, RunError};
use crate::train::error::TrainError;

/// What the name of the input ends in that stands for all that a supervised training learns from beside frames.
pub const LABELS: &str = "-labels";

fn is_of_labels(input: &Input) -> bool {
    input.name.ends_with(LABELS)
}

/// Refuses a folder that holds a training under another recipe, and notes this one's in an empty one.
///
/// `complete` brings the settings that an earlier version wrote to today's keys and defaults.
///
/// # Errors
/// When the recipe differs, naming what does, or a file cannot be written.
pub fn check_or_write_recipe(
    folder: &Path,
    recipe: &Recipe,
    complete: impl Fn(Value) -> Value,
) -> Result<(), TrainError> {
    make_dir(folder)?;
    let path = folder.join("recipe.json");
    if let Ok(text) = regular::read_to_string(&path) {
        let differences = match serde_json::from_str::<Recipe>(&text) {
            Err(error) => vec![error.to_string()],
            Ok(mut earlier) => {
                // A plan is all of the settings and holds the seed: keys are named as in the plan.
                earlier.config = complete(earlier.config);
                earlier.seed = recipe.seed;
                if !earlier.inputs.iter().any(is_of_labels) {
                    // An earlier version did not note them.
                    let labels = recipe.inputs.iter().filter(|input| is_of_labels(input));
                    earlier.inputs.extend(labels.cloned());
                }
                let named = Recipe {
                    stage: String::new(),
                    ..recipe.clone()
                };
                named.differences(&earlier)
            }
        };
        if !differences.is_empty() {
            return Err(TrainError::Changed {
                differences: differences.join(", "),
                path: folder.to_owned(),
            });
        }
        return Ok(());
    }
    let text = serde_json::to_string_pretty(recipe).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    Ok(write_atomic(&path, text.as_bytes())?)
}
