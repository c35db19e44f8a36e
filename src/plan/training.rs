//! A plan that trains one model: data, loop, and one objective.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One table an objective, with what it needs and its checks.
pub mod objectives;

use crate::plan::flow::Flow;
use crate::train::FitConfig;
pub use crate::train::data::TrainData;
pub use objectives::{ObjectivePlan, ObjectiveTable, StartWeights};

/// A plan that trains one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrainPlan {
    /// Which flow: `train`.
    pub flow: Flow,
    /// The seed of everything random.
    pub seed: u64,
    /// What is trained on.
    pub data: TrainData,
    /// The loop.
    pub fit: FitConfig,
    /// Begin with several seeds and go on with the best; unset = one seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<SeedsConfig>,
    /// What is trained: the one table of the plan that is none of the above.
    #[serde(flatten)]
    pub objective: ObjectivePlan,
}

/// Keys of a training plan beside the objective's table.
const KEYS: [&str; 5] = ["flow", "seed", "data", "fit", "seeds"];

impl<'de> Deserialize<'de> for TrainPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TrainPlanVisitor)
    }
}

struct TrainPlanVisitor;

impl<'de> Visitor<'de> for TrainPlanVisitor {
    type Value = TrainPlan;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the tables of a training plan")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TrainPlan, A::Error> {
        let (mut flow, mut seed, mut data, mut fit, mut seeds) = (None, 0, None, None, None);
        let mut objectives: Vec<ObjectivePlan> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "flow" => flow = Some(map.next_value()?),
                "seed" => seed = map.next_value()?,
                "data" => data = Some(map.next_value()?),
                "fit" => fit = Some(map.next_value()?),
                "seeds" => seeds = map.next_value()?,
                name => {
                    let objective = ObjectivePlan::read(name, &mut map)?;
                    objectives.push(objective.ok_or_else(|| unknown(name))?);
                }
            }
        }
        Ok(TrainPlan {
            flow: flow.ok_or_else(|| A::Error::missing_field("flow"))?,
            seed,
            data: TrainData::resolved(data.unwrap_or_default()),
            fit: fit.unwrap_or_default(),
            seeds,
            objective: only_one(objectives)?,
        })
    }
}

fn unknown<E: Error>(key: &str) -> E {
    E::custom(format_args!(
        "unknown field `{key}`; beside {} a training plan has one of the objectives {}",
        quoted(&KEYS),
        quoted(ObjectivePlan::NAMES)
    ))
}

/// The objective of a plan that must name exactly one.
fn only_one<E: Error>(objectives: Vec<ObjectivePlan>) -> Result<ObjectivePlan, E> {
    let names: Vec<&str> = objectives.iter().map(ObjectivePlan::name).collect();
    let found = match names.len() {
        0 => "no objective".to_owned(),
        count => format!("{count} objectives ({})", quoted(&names)),
    };
    let mut objectives = objectives.into_iter();
    match (objectives.next(), objectives.next()) {
        (Some(objective), None) => Ok(objective),
        _ => Err(E::custom(format_args!(
            "a training plan with {found}; exactly one is needed, and there are {}",
            quoted(ObjectivePlan::NAMES)
        ))),
    }
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// `[seeds]`: several beginnings, one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeedsConfig {
    /// How many seeds, from the plan's on.
    pub count: usize,
    /// Steps after which they are compared by their validation; unset = a fifth of all.
    #[serde(default)]
    pub compare_at: Option<u64>,
}

impl SeedsConfig {
    /// Steps after which seeds are compared, of so many in all.
    pub fn compare_at(&self, steps: u64) -> u64 {
        self.compare_at.unwrap_or(steps / 5).clamp(1, steps)
    }
}

#[cfg(test)]
mod tests {
    use slotflow_datasets::GroundTruth;

    use super::*;
    use crate::plan::Plan;
    use crate::train::data::ClipNeeds;

    fn parse(text: &str) -> Result<TrainPlan, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_plan_has_exactly_one_objective_and_the_refusal_names_what_was_found_and_what_exists() {
        let plan = parse("flow = \"train\"\n[dvae]").unwrap();
        assert_eq!(plan.objective.name(), "dvae");
        let none = parse("flow = \"train\"").unwrap_err();
        assert!(
            none.contains("no objective") && none.contains("`slotformer`"),
            "{none}"
        );
        let two = parse("flow = \"train\"\n[dvae]\n[vqvae]").unwrap_err();
        assert!(two.contains("2 objectives (`dvae`, `vqvae`)"), "{two}");
    }

    #[test]
    fn a_key_that_nothing_reads_is_refused_at_every_depth() {
        for text in [
            "flow = \"train\"\nsteps = 3\n[dvae]",
            "flow = \"train\"\n[dvae]\nsteps = 3",
            "flow = \"train\"\n[data]\nsteps = 3\n[dvae]",
            "flow = \"train\"\n[dvae.model]\nsteps = 3",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("unknown field `steps`"), "{error}");
        }
    }

    /// Plans as TOML and JSON, as the version wrote them in which objectives were options, by name.
    fn earlier_plans() -> serde_json::Map<String, serde_json::Value> {
        let text = include_str!("../../tests/golden/earlier/training_plans.json");
        serde_json::from_str(text).unwrap()
    }

    /// Keys that have another name since, now and before.
    const RENAMED: [[&str; 2]; 4] = [
        ["foreground-weight", "salience"],
        ["appearance-probe", "summary"],
        ["kl", "doubt"],
        ["object-event-head", "sight"],
    ];

    #[test]
    fn plans_are_written_as_before_but_for_the_names_of_four_keys() {
        for (name, earlier) in earlier_plans() {
            let text = earlier["toml"].as_str().unwrap();
            let plan = parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            // As recipes are written: through a value, which widens single precision.
            let mut json = serde_json::to_value(&plan).unwrap().to_string();
            let mut toml = toml::to_string(&plan).unwrap();
            for [now, before] in RENAMED {
                json = json.replace(&format!("\"{now}\":"), &format!("\"{before}\":"));
                toml = toml.replace(&format!("\n{now} = "), &format!("\n{before} = "));
                toml = toml.replace(&format!("\n[{now}"), &format!("\n[{before}"));
            }
            assert_eq!(json, earlier["json"].to_string(), "{name}");
            assert_eq!(toml, text, "{name}");
        }
    }

    #[test]
    fn recipes_of_an_earlier_version_hold_the_same_plan() {
        let all = earlier_plans();
        assert!(all.len() > 60, "{}", all.len());
        for (name, earlier) in all {
            let of_toml = parse(earlier["toml"].as_str().unwrap());
            let of_json: TrainPlan = serde_json::from_value(earlier["json"].clone()).unwrap();
            assert_eq!(of_toml, Ok(of_json), "{name}");
        }
    }

    #[test]
    fn only_the_head_on_annotated_objects_reads_true_masks() {
        for name in crate::plan::names() {
            let Ok(Plan::Train(plan)) = Plan::load(name, &[]) else {
                continue;
            };
            let objective = &plan.objective;
            let needs = objective.table().needs();
            assert_eq!(
                needs.truth.contains(&GroundTruth::Masks),
                objective.name() == "object-event-head"
            );
            assert_eq!(
                needs == ClipNeeds::NOTHING,
                objective.table().imported_slots().is_some()
            );
        }
    }
}
