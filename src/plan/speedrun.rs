//! A plan that trains every model small and predicts with what they learned: other plans, each with changes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Plan, PlanError, TrainPlan, VideoPredictPlan};

/// A plan that trains models one after the other and then predicts with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpeedrunPlan {
    /// Which flow: `speedrun`.
    pub flow: String,
    /// The seed of everything random, in place of those of the plans.
    #[serde(default)]
    pub seed: u64,
    /// The prediction at the end.
    pub predict: Part,
    /// The trainings, in order.
    pub train: Vec<Part>,
}

/// Another plan with changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Part {
    /// Its name or file.
    pub plan: String,
    /// Changes of the form `table.key=value`. What begins with `runs/` is meant inside the folder of the whole run.
    #[serde(default)]
    pub set: Vec<String>,
}

impl Part {
    /// The last part of the plan's name: its folder.
    pub fn name(&self) -> &str {
        let last = self.plan.rsplit('/').next().unwrap_or(&self.plan);
        last.trim_end_matches(".toml")
    }

    fn load(&self, seed: u64, folder: &Path) -> Result<Plan, PlanError> {
        let mut changes = self.set.clone();
        changes.push(format!("seed={seed}"));
        Plan::load_inside(&self.plan, &changes, folder)
    }

    fn unfit(&self, reason: &str) -> PlanError {
        PlanError::Parse {
            reason: reason.to_owned(),
            path: self.plan.clone().into(),
        }
    }
}

/// The plans of a speedrun, each whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Folder names and trainings, in order.
    pub trainings: Vec<(String, TrainPlan)>,
    /// The prediction.
    pub predict: VideoPredictPlan,
}

impl SpeedrunPlan {
    /// The plans, with their weights in `folder`.
    ///
    /// # Errors
    /// When one of them is none, or of another kind than its place asks for.
    pub fn parts(&self, folder: &Path) -> Result<Parts, PlanError> {
        let training = |part: &Part| match part.load(self.seed, folder)? {
            Plan::Train(plan) => Ok((part.name().to_owned(), *plan)),
            _ => Err(part.unfit("`train` names a plan that trains nothing")),
        };
        let predict = match self.predict.load(self.seed, folder)? {
            Plan::VideoPredict(plan) => *plan,
            _ => {
                return Err(self
                    .predict
                    .unfit("`predict` names a plan that predicts nothing"));
            }
        };
        Ok(Parts {
            trainings: self.train.iter().map(training).collect::<Result<_, _>>()?,
            predict,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_one_part_are_found_by_the_next_inside_the_run_s_folder() {
        let Plan::Speedrun(plan) = Plan::load("speedrun", &["seed=7".to_owned()]).unwrap() else {
            panic!("no speedrun");
        };
        let parts = plan.parts(Path::new("elsewhere/here")).unwrap();
        assert_eq!(
            parts.predict.encode.weights.0,
            "elsewhere/here/slots-synth/slot-encoder.safetensors"
        );
        let folders: Vec<&str> = parts.trainings.iter().map(|(name, _)| &**name).collect();
        for (name, training) in &parts.trainings {
            assert_eq!(training.seed, 7);
            let text = toml::to_string(training).unwrap();
            assert!(!text.contains("runs/"), "{text}");
            for weights in text.lines().filter(|line| line.contains("elsewhere/here/")) {
                let from = weights.split("elsewhere/here/").nth(1).unwrap();
                let from = from.split('/').next().unwrap();
                let place = |of: &str| folders.iter().position(|folder| *folder == of);
                assert!(place(from) < place(name), "{name} needs {from} first");
            }
        }
    }
}
