//! Everything that can be refused before work starts.

use slotflow_datasets::{ClipId, Dataset, GroundTruth};
use slotflow_eval::MetricId;
use slotflow_eval::metric::definition::Compute;
use slotflow_eval::metric::list::PublishedMetrics;

use super::compose::{ComposeConfig, Mode};
use super::video_predict::{DecodeConfig, RenderConfig, RenderStart, VideoPredictPlan};
use super::{
    AblationPlan, ClevrerVqaPlan, ComposePlan, EditBenchmarkPlan, PhysionVqaPlan, Plan, PlanError,
    SegmentPlan,
};
use crate::metrics::distribution_metrics::CLIP_LENGTH;

/// Refusals.
mod refusal;

/// Trainings.
mod training;

use refusal::{generated_root, value};

/// Refuses values that make no sense.
///
/// # Errors
/// The first such value, by its key.
pub fn plan(plan: &Plan) -> Result<(), PlanError> {
    match plan {
        Plan::VideoPredict(plan) => video_predict(plan),
        Plan::ClevrerVqa(plan) => clevrer_vqa(plan),
        Plan::PhysionVqa(plan) => physion_vqa(plan),
        Plan::Segment(plan) => segment(plan),
        Plan::Compose(plan) => compose(plan),
        Plan::EditBenchmark(plan) => edit_benchmark(plan),
        Plan::Train(plan) => training::training(plan),
        // Its parts are plans of their own, checked when they are loaded.
        Plan::Speedrun(_) => Ok(()),
        Plan::Ablation(plan) => ablation(plan),
    }
}

fn ablation(plan: &AblationPlan) -> Result<(), PlanError> {
    if plan.values.is_empty() {
        return value("values", "is empty; there is nothing to compare");
    }
    if !(1..=100).contains(&plan.seeds) {
        return value("seeds", format!("is {}; it must be 1 to 100", plan.seeds));
    }
    let measures = plan.figures.iter().flatten();
    match measures.into_iter().find(|name| !name.contains('/')) {
        Some(name) => value(
            "figures",
            format!("holds `{name}`; a measure is SUBSET/METRIC, such as `observed/miou`"),
        ),
        None => Ok(()),
    }
}

fn clevrer_vqa(plan: &ClevrerVqaPlan) -> Result<(), PlanError> {
    decoding(&plan.decode)?;
    with_truth(&plan.decode, GroundTruth::Questions)?;
    if plan.decode.stride.is_none() {
        return value(
            "decode.stride",
            "is unset; events of sampled frames need it to be placed in the video",
        );
    }
    if plan
        .neuro_symbolic
        .as_ref()
        .is_some_and(|own| own.readings == 0)
    {
        return value("neuro-symbolic.readings", "must be at least 1");
    }
    let answers = &plan.page.answers;
    let known = plan.answerers();
    if !known.contains(answers) {
        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        return value(
            "page.answers",
            format!("is `{answers}`, which is not one of {}", known.join(", ")),
        );
    }
    Ok(())
}

fn physion_vqa(plan: &PhysionVqaPlan) -> Result<(), PlanError> {
    decoding(&plan.decode)?;
    with_truth(&plan.decode, GroundTruth::Outcomes)?;
    if plan.decode.stride.is_none() {
        return value(
            "decode.stride",
            "is unset; it says which frames are observed",
        );
    }
    if plan.physion.hold_out < 2 {
        return value(
            "physion.hold-out",
            "must be at least 2; one of so many clips is held out",
        );
    }
    if let Some(clips @ 0..2) = plan.physion.clips {
        let reason =
            format!("is {clips}; one clip is held out, and at least one more is to learn from");
        return value("physion.clips", reason);
    }
    if plan.physion.steps == 0 || plan.physion.save_every == 0 {
        return value(
            "physion.steps",
            "and `physion.save-every` must be at least 1",
        );
    }
    Ok(())
}

fn edit_benchmark(plan: &EditBenchmarkPlan) -> Result<(), PlanError> {
    decoding(&plan.decode)?;
    rendering(&plan.render)?;
    if plan.decode.dataset.generator().is_err() {
        let reason = format!(
            "is `{}`; only generated clips can be rendered without an object",
            plan.decode.dataset
        );
        return value("decode.dataset", reason);
    }
    from_noise(&plan.render, "a seen frame would show what is taken away")?;
    if plan.edits.every == 0 || plan.edits.least_pixels == 0 {
        return value("edits.every", "and `edits.least-pixels` must be at least 1");
    }
    Ok(())
}

/// Refuses a data set without the ground truth that a plan cannot do without.
fn with_truth(decode: &DecodeConfig, truth: GroundTruth) -> Result<(), PlanError> {
    if decode.dataset.knows(truth) {
        return Ok(());
    }
    value(
        "decode.dataset",
        format!(
            "is `{}`, which has no {}; these have some: {}",
            decode.dataset,
            truth.word(),
            Dataset::that_know(truth)
        ),
    )
}

fn decoding(decode: &DecodeConfig) -> Result<(), PlanError> {
    if decode.size.iter().any(|side| !(1..=4096).contains(side)) {
        return value(
            "decode.size",
            format!("is {:?}; each side must be 1 to 4096 pixels", decode.size),
        );
    }
    if decode.root.is_some() && decode.dataset.generator().is_ok() {
        let reason = generated_root(decode.dataset);
        return value("decode.root", reason);
    }
    if decode.stride == Some(0) {
        return value("decode.stride", "is 0; the least is 1");
    }
    if decode
        .fps
        .is_some_and(|fps| !(fps.is_finite() && fps > 0.0))
    {
        return value("decode.fps", "must be above 0");
    }
    if decode.stride.is_some() && decode.fps.is_some() {
        return value(
            "decode.fps",
            "and `decode.stride` are both set; one of them says which frames",
        );
    }
    if decode.windows && (decode.dataset != Dataset::Videos || decode.frames.is_none()) {
        return value(
            "decode.windows",
            "cuts own videos into clips of `decode.frames` frames; set `dataset = \"videos\"` and `frames`",
        );
    }
    if decode.clips == Some(0) {
        return value("decode.clips", "is 0; there is nothing to do");
    }
    Ok(())
}

fn segment(plan: &SegmentPlan) -> Result<(), PlanError> {
    decoding(&plan.decode)?;
    if let Some(size) = plan.segment.size
        && size.iter().any(|side| !(1..=4096).contains(side))
    {
        let reason = format!("is {size:?}; each side must be 1 to 4096 pixels");
        return value("segment.size", reason);
    }
    let levels = &plan.segment.levels;
    let falls = levels.windows(2).all(|pair| pair[0] > pair[1]);
    if levels.len() > 2 || !falls || levels.contains(&0) {
        let reason =
            format!("is {levels:?}; it takes two numbers above 0 at most, the larger first");
        return value("segment.levels", reason);
    }
    rendering_own_slots(plan)?;
    enlargement(plan.report.scale)?;
    if plan.report.masks.is_empty() {
        return value(
            "report.masks",
            "is empty; masks are what a segmentation gives",
        );
    }
    Ok(())
}

/// What a segmentation renders: frames from their own slots, which nothing but slots may show.
fn rendering_own_slots(plan: &SegmentPlan) -> Result<(), PlanError> {
    let Some(render) = &plan.render else {
        if plan.evaluate.motion.is_some() {
            let reason = "compares rendered clips, and nothing is rendered; name a decoder as `render.weights`";
            return value("evaluate.motion", reason);
        }
        return Ok(());
    };
    rendering(render)?;
    from_noise(render, "a seen frame would show what slots do not hold")?;
    if plan.encode.regions.is_some() {
        return value("encode.regions", NO_ENCODER);
    }
    Ok(())
}

/// Why pooled features are not rendered.
const NO_ENCODER: &str =
    "pools features, and decoders know the slots of an encoder alone; leave it out";

fn from_noise(render: &RenderConfig, why: &str) -> Result<(), PlanError> {
    match render.start {
        RenderStart::Noise => Ok(()),
        RenderStart::LastSeen => value("render.start", format!("must be `noise`; {why}")),
    }
}

fn video_predict(plan: &VideoPredictPlan) -> Result<(), PlanError> {
    let decode = &plan.decode;
    decoding(decode)?;
    if plan.rollout.burn_in == 0 {
        return value(
            "rollout.burn-in",
            "is 0; at least one frame must be observed",
        );
    }
    if let Some(frames) = decode.frames
        && frames <= plan.rollout.burn_in
    {
        let burn_in = plan.rollout.burn_in;
        return value(
            "decode.frames",
            format!("is {frames}, which leaves nothing to predict after {burn_in} observed"),
        );
    }
    if plan.rollout.steps == Some(0) {
        return value("rollout.steps", "is 0; there is nothing to predict");
    }
    rendering(&plan.render)?;
    video_metrics(plan)?;
    enlargement(plan.report.scale)
}

/// Refuses distances between sets of videos that were asked for and that so few clips or predicted frames cannot have.
fn video_metrics(plan: &VideoPredictPlan) -> Result<(), PlanError> {
    let metrics = &plan.evaluate.metrics;
    let of_videos = |id: &&MetricId| matches!(id.compute(), Compute::VideoSet(..));
    // What runs measure by default is left out of the table, with the reason.
    if *metrics == PublishedMetrics::default() {
        return Ok(());
    }
    let Some(metric) = metrics.ids().iter().find(of_videos) else {
        return Ok(());
    };
    let (decode, rollout) = (&plan.decode, &plan.rollout);
    let there = decode.frames.map(|frames| frames - rollout.burn_in);
    let predicted = [there, rollout.steps].into_iter().flatten().min();
    if let Some(predicted) = predicted.filter(|predicted| *predicted < CLIP_LENGTH) {
        let reason = format!(
            "names `{metric}`, which looks at {CLIP_LENGTH} predicted frames of a clip, and there are {predicted}"
        );
        return value("evaluate.metrics", reason);
    }
    if decode.clips == Some(1) {
        let reason =
            format!("names `{metric}`, a distance between sets of clips, and `decode.clips` is 1");
        return value("evaluate.metrics", reason);
    }
    Ok(())
}

fn enlargement(scale: usize) -> Result<(), PlanError> {
    if (1..=16).contains(&scale) {
        return Ok(());
    }
    value("report.scale", "must be 1 to 16")
}

fn compose(plan: &ComposePlan) -> Result<(), PlanError> {
    decoding(&plan.decode)?;
    composing(&plan.compose)?;
    if plan.encode.regions.is_some() {
        return value("encode.regions", NO_ENCODER);
    }
    let burn_in = plan.rollout.burn_in;
    if plan.compose.mode == Mode::Rollout {
        if burn_in == 0 {
            return value(
                "rollout.burn-in",
                "is 0; at least one frame must be composed",
            );
        }
        if let Some(frames) = plan.decode.frames
            && frames <= burn_in
        {
            let reason =
                format!("is {frames}, which leaves nothing to predict after {burn_in} composed");
            return value("decode.frames", reason);
        }
    }
    if plan.decoders.is_empty() {
        return value(
            "decoders",
            "names none; what is composed must be drawn by at least one",
        );
    }
    for (name, decoder) in &plan.decoders {
        if ClipId::new(name).as_str() != name {
            return value(
                "decoders",
                format!("has the name `{name}`, which no file can have"),
            );
        }
        if decoder.sampler.steps == 0 {
            return value(
                "decoders",
                format!("samples `{name}` in 0 steps; the least is 1"),
            );
        }
        if !is_weight(decoder.sampler.guidance) {
            let reason = format!("guides `{name}` by no weight, 0 or above");
            return value("decoders", reason);
        }
        if decoder.sampler.from < 1.0 {
            let reason = format!(
                "samples `{name}` from a frame, and new scenes have none; leave `sampler.from` at 1"
            );
            return value("decoders", reason);
        }
    }
    let of_frames = |id: &&MetricId| matches!(id.compute(), Compute::Lpips(_));
    if let Some(metric) = plan.evaluate.metrics.ids().iter().find(of_frames) {
        let reason = format!(
            "names `{metric}`, which compares frames with their truth; new scenes have none"
        );
        return value("evaluate.metrics", reason);
    }
    enlargement(plan.report.scale)
}

fn composing(compose: &ComposeConfig) -> Result<(), PlanError> {
    let [least, greatest] = compose.share;
    if !(0.0 < least && least < greatest && greatest <= 1.0) {
        return value(
            "compose.share",
            "must be two shares above 0 and at most 1, the smaller first",
        );
    }
    if !(0.0..=1.0).contains(&compose.overlap) {
        return value("compose.overlap", "must be 0 to 1");
    }
    if compose.batch < 2 {
        return value(
            "compose.batch",
            "must be at least 2; of one clip there is nothing to exchange",
        );
    }
    for (key, count) in [
        ("compose.count", compose.count),
        ("compose.objects", compose.objects),
        ("compose.donors", compose.donors),
        ("compose.tries", Some(compose.tries)),
    ] {
        if count == Some(0) {
            return value(key, "is 0; the least is 1");
        }
    }
    Ok(())
}

/// Whether it is a weight that guidance can have.
fn is_weight(guidance: f64) -> bool {
    guidance.is_finite() && guidance >= 0.0
}

fn rendering(render: &RenderConfig) -> Result<(), PlanError> {
    let (from, start) = (render.sampler.from, render.start);
    if !(from > 0.0 && from <= 1.0) {
        return value("render.sampler.from", "must be above 0 and at most 1");
    }
    if from < 1.0 && start == RenderStart::Noise {
        return value(
            "render.sampler.from",
            "is below 1, which needs a frame to start from: `render.start = \"last-seen\"`",
        );
    }
    if render.sampler.steps == 0 {
        return value("render.sampler.steps", "is 0; the least is 1");
    }
    if !is_weight(render.sampler.guidance) {
        return value("render.sampler.guidance", "is a weight, 0 or above");
    }
    Ok(())
}
