//! Question answering on CLEVRER.

/// Slots and questions → answers, by Aloe.
pub mod answer;

/// Answers on disk and against the truth.
pub mod answers;

/// Slots → objects and events → programs → answers (after NS-DR, Yi et al. 2020).
pub mod neuro_symbolic;

/// Slots rolled out behind a clip, and without one of its objects.
pub mod counterfactual_rollout;

/// Questions answered on several readings of a clip.
mod readings;

/// What a question presupposes of a scene.
mod presupposition;

/// Programs on true events, and true states in place of slots: ceilings.
pub mod oracle;

/// Programs on true events with as many errors as the head makes.
pub mod noisy_oracle;

/// Answers → scores with floors and ceilings.
pub mod score_answers;
