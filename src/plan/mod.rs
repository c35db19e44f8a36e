//! Plans: settings of runs and trainings, typed and checked.

/// The tables of question answering.
pub mod clevrer_vqa;

/// The tables of composition.
pub mod compose;

/// Edits of a finished run's slots.
pub mod edit;

/// Which stages a plan runs.
pub mod flow;

/// The tables of contact prediction.
pub mod physion_vqa;

/// The tables of a segmentation.
pub mod segment;

/// Plans that name other plans.
pub mod several;

/// The tables of a training.
pub mod training;

/// The tables of a prediction.
pub mod video_predict;

/// A plan of any flow.
mod any;

/// Everything that can be refused before work starts.
mod check;

/// Why a plan was refused.
mod error;

/// Plans from their text, built in or a file.
mod text;

pub use any::Plan;
pub use clevrer_vqa::ClevrerVqaPlan;
pub use compose::ComposePlan;
pub use edit::benchmark::EditBenchmarkPlan;
pub use error::PlanError;
pub use flow::Flow;
pub use physion_vqa::PhysionVqaPlan;
pub use segment::SegmentPlan;
pub use several::ablation::AblationPlan;
pub use several::speedrun::SpeedrunPlan;
pub use text::builtin::names;
pub use text::sweep;
pub use training::TrainPlan;
pub use video_predict::VideoPredictPlan;
