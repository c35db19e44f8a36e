//! Plans of any flow from their text.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use slotflow_datasets::GroundTruth;

use super::{builtin, earlier, set};
use crate::artifacts::progress::say;
use crate::plan::any::Plan;
use crate::plan::check;
use crate::plan::clevrer_vqa::ClevrerVqaPlan;
use crate::plan::error::PlanError;
use crate::plan::flow::Flow;
use crate::plan::physion_vqa::PhysionVqaPlan;
use crate::plan::several::ablation::{AblationPlan, Case};
use crate::plan::several::speedrun::{DataChoice, Part, Parts, SpeedrunPlan};

impl Plan {
    /// The plan of that name, else the one in that file, with changes of the form `table.key=value`.
    ///
    /// # Errors
    /// When there is none, it does not parse, or it has a key that nobody knows.
    pub fn load(name: &str, changes: &[String]) -> Result<Self, PlanError> {
        let (text, origin) = builtin::text(name)?;
        Self::parse(&text, &origin, changes)
    }

    /// The same, with `folder` in place of the folder `runs`.
    ///
    /// # Errors
    /// As [`Plan::load`].
    pub fn load_inside(name: &str, changes: &[String], folder: &Path) -> Result<Self, PlanError> {
        let (text, origin) = builtin::text(name)?;
        let mut table = changed(&text, &origin, changes)?;
        table.iter_mut().for_each(|(_, value)| moved(value, folder));
        Self::typed(table, &origin)
    }

    /// Which flow the plan of that name or file asks for; the default one where it cannot be read.
    pub fn flow_of(name: &str) -> Flow {
        let table = builtin::text(name)
            .ok()
            .and_then(|(text, _)| text.parse::<toml::Table>().ok());
        let flow = table.and_then(|table| Flow::deserialize(table.get("flow")?.clone()).ok());
        flow.unwrap_or_default()
    }

    /// The plan written in `text`; `origin` is named in messages.
    ///
    /// # Errors
    /// When it does not parse or has a key that nobody knows.
    pub fn parse(text: &str, origin: &Path, changes: &[String]) -> Result<Self, PlanError> {
        Self::typed(changed(text, origin, changes)?, origin)
    }

    fn typed(mut table: toml::Table, origin: &Path) -> Result<Self, PlanError> {
        let flow = table.get("flow").cloned();
        let flow = flow.map(Flow::deserialize).transpose().map_err(|error| {
            let reason = format!("`flow`: {}", error.message());
            PlanError::Parse {
                reason,
                path: origin.to_owned(),
            }
        })?;
        let plan = match flow.unwrap_or_default() {
            Flow::VideoPredict => Self::VideoPredict(Box::new(typed(table, origin)?)),
            Flow::ClevrerVqa => {
                ClevrerVqaPlan::rooted(&mut table);
                Self::ClevrerVqa(Box::new(typed(table, origin)?))
            }
            Flow::PhysionVqa => {
                let plan: PhysionVqaPlan = typed(table, origin)?;
                Self::PhysionVqa(Box::new(plan.rooted()))
            }
            Flow::Segment => Self::Segment(Box::new(typed(table, origin)?)),
            Flow::Compose => Self::Compose(Box::new(typed(table, origin)?)),
            Flow::EditBenchmark => Self::EditBenchmark(Box::new(typed(table, origin)?)),
            Flow::Train => Self::Train(Box::new(typed(table, origin)?)),
            Flow::Speedrun => Self::Speedrun(Box::new(typed(table, origin)?)),
            Flow::Ablation => Self::Ablation(Box::new(typed(table, origin)?)),
        };
        check::plan(&plan)?;
        match &plan {
            Self::Speedrun(plan) => drop(plan.parts(Path::new("runs"))?),
            Self::Ablation(plan) => drop(plan.cases(Path::new("runs"))?),
            _ => {}
        }
        Ok(plan)
    }
}

impl Part {
    fn load(&self, data: Vec<String>, seed: u64, folder: &Path) -> Result<Plan, PlanError> {
        let mut changes = self.set.clone();
        changes.extend(data);
        changes.push(format!("seed={seed}"));
        Plan::load_inside(&self.plan, &changes, folder)
    }

    /// The same without weights of trainings that are skipped: what would answer with them is left out.
    fn without(&self, skipped: &[(String, GroundTruth)]) -> Self {
        let mut kept = Self {
            set: Vec::new(),
            ..self.clone()
        };
        for change in &self.set {
            let lost =
                |(name, _): &(String, GroundTruth)| change.contains(&format!("runs/{name}/"));
            if !skipped.iter().any(lost) {
                kept.set.push(change.clone());
            } else if change.starts_with("answer.") {
                kept.set.push("answer=unset".to_owned());
            }
        }
        kept
    }

    fn unfit(&self, reason: &str) -> PlanError {
        PlanError::Parse {
            reason: reason.to_owned(),
            path: self.plan.clone().into(),
        }
    }
}

impl SpeedrunPlan {
    /// The plans, with their weights in `folder`.
    ///
    /// # Errors
    /// When one of them is none, or of another kind than its place asks for.
    pub fn parts(&self, folder: &Path) -> Result<Parts, PlanError> {
        let (mut trainings, mut skipped) = (Vec::new(), Vec::new());
        for part in &self.train {
            let data = self.data.as_ref().map(DataChoice::of_training);
            let Plan::Train(plan) = part.load(data.unwrap_or_default(), self.seed, folder)? else {
                return Err(part.unfit("`train` names a plan that trains nothing"));
            };
            let needs = plan.objective.table().needs();
            let mut missing = needs.truth.iter();
            let name = part.name().to_owned();
            match missing.find(|truth| !plan.data.dataset.knows(**truth)) {
                Some(truth) => skipped.push((name, *truth)),
                None => trainings.push((name, *plan)),
            }
        }
        let data = self.data.as_ref().map(DataChoice::of_prediction);
        let predict = self.predict.without(&skipped);
        match predict.load(data.unwrap_or_default(), self.seed, folder)? {
            Plan::VideoPredict(predict) => Ok(Parts {
                skipped,
                trainings,
                predict: *predict,
            }),
            _ => Err(predict.unfit("`predict` names a plan that predicts nothing")),
        }
    }
}

impl AblationPlan {
    /// Every value with every seed, each in a folder of its own inside `folder`.
    ///
    /// # Errors
    /// When a plan is none or of another kind than its place asks for, or a value does not fit its key.
    pub fn cases(&self, folder: &Path) -> Result<Vec<Case>, PlanError> {
        let mut cases = Vec::new();
        for value in &self.values {
            for seed in (self.seed..).take(self.seeds as usize) {
                cases.push(self.case(&value.to_string(), seed, folder)?);
            }
        }
        Ok(cases)
    }

    fn case(&self, value: &str, seed: u64, folder: &Path) -> Result<Case, PlanError> {
        let leaf = self.key.rsplit('.').next().unwrap_or(&self.key);
        let plain = |letter: char| letter.is_alphanumeric() || "-._".contains(letter);
        let word: String = value.chars().filter(|letter| plain(*letter)).collect();
        let name = format!("{leaf}-{word}-seed-{seed}");
        let inside = folder.join(&name);
        let mut changes = vec![format!("{}={value}", self.key)];
        changes.extend(self.steps.map(|steps| format!("fit.steps={steps}")));
        let Plan::Train(training) = self.train.load(changes, seed, &inside)? else {
            return Err(self.train.unfit("`train` names a plan that trains nothing"));
        };
        let clips = self.clips.map(|clips| format!("decode.clips={clips}"));
        let clips = clips.into_iter().collect();
        let Plan::Segment(evaluation) = self.segment.load(clips, self.seed, &inside)? else {
            let reason = "`segment` names a plan that segments nothing";
            return Err(self.segment.unfit(reason));
        };
        Ok(Case {
            name,
            value: value.to_owned(),
            seed,
            training: *training,
            evaluation: *evaluation,
        })
    }
}

/// The table of a plan with changes.
fn changed(text: &str, origin: &Path, changes: &[String]) -> Result<toml::Table, PlanError> {
    let parsed = text.parse();
    let fault = |reason: String| PlanError::Parse {
        reason,
        path: origin.to_owned(),
    };
    let mut table: toml::Table =
        parsed.map_err(|error: toml::de::Error| fault(error.message().to_owned()))?;
    earlier::rename(&mut table).map_err(fault)?;
    for change in changes {
        set::apply(&mut table, change)?;
    }
    for note in earlier::drop_unread(&mut table) {
        say(&note);
    }
    Ok(table)
}

/// Puts `folder` in the place of `runs` wherever a value begins with it.
fn moved(value: &mut toml::Value, folder: &Path) {
    match value {
        toml::Value::String(text) => {
            if let Some(rest) = text.strip_prefix("runs/") {
                *text = folder.join(rest).display().to_string();
            }
        }
        toml::Value::Array(values) => values.iter_mut().for_each(|value| moved(value, folder)),
        toml::Value::Table(table) => table.iter_mut().for_each(|(_, value)| moved(value, folder)),
        _ => {}
    }
}

fn typed<T: DeserializeOwned>(table: toml::Table, origin: &Path) -> Result<T, PlanError> {
    T::deserialize(table).map_err(|error| PlanError::Parse {
        // What is wrong, and in which key.
        reason: with_suggestion(&error.to_string().trim().replace('\n', " ")),
        path: origin.to_owned(),
    })
}

/// A message of serde about an unknown word, with the known one that is closest.
fn with_suggestion(message: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown ");
    let (Some(word), true) = (words.next(), is_unknown) else {
        return message.to_owned();
    };
    // What stands behind `in` is the table.
    let known = message.split(" in `").next().unwrap_or(message);
    let known = known.split('`').skip(3).step_by(2);
    let closest = known.min_by_key(|known| strsim::levenshtein(word, known));
    match closest.filter(|known| strsim::levenshtein(word, known) <= word.len() / 2) {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_answered_with_the_closest() {
        let said = with_suggestion(
            "unknown field `burnin`, expected one of `weights`, `burn-in`, `steps` in `rollout`",
        );
        assert!(said.ends_with("did you mean `burn-in`?"), "{said}");
        let same = [
            "unknown field `zzz`, expected `weights` in `rollout`",
            "invalid type: string",
        ];
        for message in same {
            assert_eq!(with_suggestion(message), message);
        }
    }

    #[test]
    fn an_ablation_trains_every_value_with_every_seed_and_evaluates_each_by_its_own_weights() {
        let Plan::Ablation(plan) = Plan::load("ablate-steps", &["steps=7".to_owned()]).unwrap()
        else {
            panic!("no ablation");
        };
        let cases = plan.cases(Path::new("here")).unwrap();
        assert_eq!(cases.len(), plan.values.len() * plan.seeds as usize);
        let mut plans = std::collections::BTreeSet::new();
        for case in &cases {
            assert_eq!(
                (case.training.seed, case.training.fit.steps),
                (case.seed, 7)
            );
            assert_eq!(case.evaluation.seed, plan.seed);
            let weights = &case.evaluation.encode.weights.0;
            let own = format!("here/{}/train/slot-encoder.safetensors", case.name);
            assert_eq!(*weights, own);
            plans.insert(toml::to_string(&case.training).unwrap());
        }
        assert_eq!(plans.len(), cases.len(), "two cases are the same training");
        let refused = Plan::load("ablate-steps", &["key=\"fit.sets\"".to_owned()]).unwrap_err();
        assert!(refused.to_string().contains("sets"), "{refused}");
    }

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
