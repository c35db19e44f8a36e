//! Frames one by one → slots, attention and rollouts, as a robot's or an agent's loop would have them.
//!
//!     cargo run --release --example stream                  # 1,000 generated frames
//!     cargo run --release --example stream -- VIDEO         # frames of a video, five a second
//!
//! Prints how long a frame takes until its slots are there, how long a rollout of 18 frames takes, and the memory of the process after
//! a tenth of the frames and after all: neither grows with the video.

use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Device;
use ndarray::{Array3, Axis};
use slotflow::inference::stream::SlotStream;
use slotflow::models::WeightsKind;
use slotflow::models::dynamics::SlotFormerConfig;
use slotflow::models::encoder::SlotEncoderConfig;
use slotflow::plan::video_predict::WeightsName;
use slotflow::rng::SeededRng;
use slotflow::stages::load;
use slotflow_datasets::synth::{Renderer, SynthPreset, World};
use slotflow_datasets::video::{DecodeOptions, frames};
use slotflow_datasets::{Fit, FrameSampling, Window};

/// Frames without a video.
const GENERATED: usize = 1000;
/// Frames that a rollout predicts.
const STEPS: usize = 18;
/// Height and width that the encoder was trained at.
const SIZE: [usize; 2] = [64, 64];
/// Frames a second that it was trained at.
const FPS: f32 = 5.0;

fn main() -> Result<()> {
    let costs = match std::env::args().nth(1) {
        Some(video) => {
            let window = Window {
                start: 0,
                count: None,
                pace: FrameSampling::Fps(FPS),
                size: SIZE,
                fit: Fit::Crop,
            };
            let read = frames(video.as_ref(), &window, DecodeOptions::default())?;
            watch(read.map(|frame| Ok(frame?)))?
        }
        None => watch(generated(GENERATED)?.map(Ok))?,
    };
    costs.tell(&mut stdout().lock())
}

/// Sees all frames, and rolls out behind every one from the burn-in on.
fn watch(frames: impl Iterator<Item = Result<Array3<u8>>>) -> Result<Costs> {
    let device = Device::flex();
    let weights = |name: &str| load(&WeightsName(format!("bundled:synth-metal/{name}")));
    let (_, encoder) = weights("slot-encoder")?.model(
        WeightsKind::SlotEncoder,
        &device,
        SlotEncoderConfig::init,
    )?;
    let (_, dynamics) =
        weights("slotformer")?.model(WeightsKind::SlotFormer, &device, SlotFormerConfig::init)?;
    let noise = SeededRng::new(0, &["stream"]);
    let mut stream = SlotStream::new(&encoder, &dynamics, &device, noise);
    let mut costs = Costs::default();
    for frame in frames {
        let frame = frame?;
        let start = Instant::now();
        let seen = stream.push(frame.view());
        costs.slots.push(start.elapsed());
        // A loop would act on these: where a slot is, and what it will be.
        anyhow::ensure!(seen.attention.len_of(Axis(0)) == seen.slots.len_of(Axis(0)));
        if stream.can_roll_out() {
            let start = Instant::now();
            let future = stream.roll_out(STEPS)?;
            anyhow::ensure!(future.len_of(Axis(0)) == STEPS);
            costs.rollouts.push(start.elapsed());
        }
        costs.memory.push(memory_mib());
    }
    Ok(costs)
}

/// Frames of generated clips, one clip behind the other.
fn generated(count: usize) -> Result<impl Iterator<Item = Array3<u8>>> {
    let preset = SynthPreset::synth_metal()?;
    let sampled: Vec<usize> = (0..preset.rendered_frames).step_by(5).collect();
    let clip = move |seed| {
        let record = World::simulate(&preset, seed);
        let (frames, _) = Renderer::new(&preset, &record, SIZE).clip(&sampled);
        let frames: Vec<Array3<u8>> = frames.outer_iter().map(|frame| frame.to_owned()).collect();
        frames
    };
    Ok((0..).flat_map(clip).take(count))
}

/// What every frame took.
#[derive(Debug, Default)]
struct Costs {
    slots: Vec<Duration>,
    rollouts: Vec<Duration>,
    /// Memory of the process behind each frame, MiB.
    memory: Vec<Option<f64>>,
}

impl Costs {
    /// One line for each figure.
    fn tell(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "{} frames", self.slots.len())?;
        for (what, times) in [
            ("slots of a frame", &self.slots),
            ("rollout", &self.rollouts),
        ] {
            let half = times.len() / 2;
            for (which, part) in [
                ("first half", &times[..half]),
                ("second half", &times[half..]),
            ] {
                let [median, late, longest] = [0.5, 0.95, 1.0].map(|share| quantile(part, share));
                writeln!(
                    out,
                    "{what}, {which}: median {median:.1} ms, 95 % within {late:.1}, longest {longest:.1}"
                )?;
            }
        }
        let early = self.memory.get(self.memory.len() / 10).copied().flatten();
        if let (Some(early), Some(Some(last))) = (early, self.memory.last()) {
            writeln!(
                out,
                "memory: {early:.0} MiB after a tenth, {last:.0} MiB at the end"
            )?;
        }
        Ok(())
    }
}

/// The time that this share of the times does not exceed, milliseconds.
fn quantile(times: &[Duration], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    let last = times.len().saturating_sub(1);
    let place = (share * last as f64).round() as usize;
    times
        .get(place)
        .map_or(f64::NAN, |time| 1e3 * time.as_secs_f64())
}

/// Memory of this process, MiB, where the system tells.
fn memory_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_stream_is_watched_to_its_end() -> Result<()> {
        let costs = watch(generated(30)?.map(Ok))?;
        // Six frames are the burn-in.
        assert_eq!((costs.slots.len(), costs.rollouts.len()), (30, 25));
        let mut told = Vec::new();
        costs.tell(&mut told)?;
        let told = String::from_utf8(told)?;
        assert!(told.starts_with("30 frames\n"), "{told}");
        Ok(())
    }
}
