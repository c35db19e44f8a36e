//! Decode, encode, edit, render, compare with the truth: what an edit of slots does to the frames.

use std::path::Path;

use slotflow_datasets::source::open;
use slotflow_datasets::synth::SynthSource;

use super::fits;
use super::video_predict::{FlowError, Outcome};
use crate::artifacts::{Options, Run};
use crate::plan::EditBenchmarkPlan;
use crate::stages::load;
use crate::stages::perceive::decode::{Decode, source_config, window};
use crate::stages::perceive::encode::Encode;
use crate::stages::predict::edit::benchmark::{BenchmarkConfig, EditBenchmark};
use crate::stages::report::edit_report::benchmark::EditBenchmarkReport;

/// Runs a benchmark of edits and writes its folder.
///
/// # Errors
/// What stopped it.
pub fn edit_benchmark(
    plan: &EditBenchmarkPlan,
    out: &Path,
    options: Options,
) -> Result<Outcome, FlowError> {
    let (encoder, decoder) = (load(&plan.encode.weights)?, load(&plan.render.weights)?);
    let run = Run::open(options)?;
    let trained_fps = encoder.trained("fps").and_then(serde_json::Value::as_f64);
    let window = window(&plan.decode, trained_fps.map(|fps| fps as f32));
    let config = source_config(&plan.decode, &window);
    let source = open(plan.decode.dataset, &config)?;
    fits::clips(&plan.decode, &*source)?;
    let slots = fits::encoder(&plan.decode, &plan.encode, &encoder)?;
    let weights = ("render.weights", &decoder);
    fits::decoder(weights, &plan.render.sampler, slots.as_ref())?;
    let generator = plan.decode.dataset.generator()?;
    let generator = SynthSource::new(generator, plan.decode.split, 0, config.clips);
    let measured = BenchmarkConfig {
        edits: plan.edits.clone(),
        render: plan.render.clone(),
    };

    let clips = run.stage(&Decode {
        config: &plan.decode,
        source: &*source,
        window,
    })?;
    let encoded = run.stage(&Encode {
        config: &plan.encode,
        weights: &encoder,
        clips: &clips,
    })?;
    let cases = run.stage(&EditBenchmark {
        config: &measured,
        weights: &decoder,
        source: &generator,
        window,
        clips: &clips,
        encoded: &encoded,
    })?;
    let failures = cases.failures().iter();
    let failures = failures.map(|(clip, why)| (clip.to_string(), why.clone()));
    let failures = failures.collect();
    let report = EditBenchmarkReport {
        plan,
        cases: &cases,
    };
    let report = (!run.options().dry)
        .then(|| report.write(out, &run))
        .transpose()?;
    Ok(Outcome {
        report,
        stages: run.records(),
        failures,
    })
}
