//! Pixels of drawn frames against the truth: PSNR, SSIM, MSE, and MSE where something changes.

use ndarray::{Array4, ArrayView4, Axis, s};
use rayon::prelude::*;
use slotflow_datasets::ClipId;
use slotflow_eval::Direction;
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::pixel::{MseProfile, PsnrProfile, changed_error, measure_clip};
use slotflow_eval::ssim::SsimProfile;

use crate::artifacts::RunError;

use crate::stages::predict::evaluate::{Evaluate, Rows, fault};

/// The four measures of one kind of frames.
pub(crate) struct Set {
    psnr: MetricSamples,
    ssim: MetricSamples,
    mse: MetricSamples,
    changed: MetricSamples,
}

/// What one clip gives: one list of values a measure.
struct OfClip {
    first: usize,
    psnr: Vec<f64>,
    ssim: Vec<f64>,
    mse: Vec<f64>,
    changed: Vec<(f64, f64)>,
}

/// All sets: what was measured, its floor and its ceiling.
pub(crate) struct Pixels {
    imagined: [Set; 3],
    reconstruction: [Set; 2],
    ceiling: Option<Set>,
}

impl Set {
    fn new(subset: &str) -> Self {
        let psnr = PsnrProfile::PerImageMean.name();
        let mse = MseProfile::Mean.name();
        Self {
            psnr: MetricSamples::new("psnr", psnr, subset, Direction::Higher),
            ssim: MetricSamples::new(
                "ssim",
                SsimProfile::Gauss11.name(),
                subset,
                Direction::Higher,
            ),
            mse: MetricSamples::new("mse", mse, subset, Direction::Lower),
            changed: MetricSamples::new("mse", mse, &format!("{subset}-changed"), Direction::Lower),
        }
    }

    fn push(&mut self, clip: &ClipId, found: OfClip) {
        let (name, first) = (clip.as_str(), found.first);
        self.psnr.push_frames(name, first, found.psnr);
        self.ssim.push_frames(name, first, found.ssim);
        self.mse.push_frames(name, first, found.mse);
        for (frame, (sum, count)) in found.changed.into_iter().enumerate() {
            self.changed
                .push_ratio(name, Some(first + frame), sum, count);
        }
    }
}

impl Pixels {
    pub(crate) fn add_to(&self, rows: &mut Rows) {
        let [guess, floor, ceiling] = &self.imagined;
        rows.add(&guess.psnr, Some(&floor.psnr), Some(&ceiling.psnr));
        rows.add(&guess.ssim, Some(&floor.ssim), Some(&ceiling.ssim));
        rows.add(&guess.mse, Some(&floor.mse), Some(&ceiling.mse));
        rows.add(&guess.changed, Some(&floor.changed), Some(&ceiling.changed));
        let [guess, floor] = &self.reconstruction;
        let ceiling = self.ceiling.as_ref();
        rows.add(&guess.psnr, Some(&floor.psnr), ceiling.map(|set| &set.psnr));
        rows.add(&guess.ssim, Some(&floor.ssim), ceiling.map(|set| &set.ssim));
        rows.add(&guess.mse, Some(&floor.mse), ceiling.map(|set| &set.mse));
    }
}

/// Measures every clip.
pub(crate) fn measure(stage: &Evaluate<'_>, clips: &[ClipId]) -> Result<Pixels, RunError> {
    let new = |subset: &str| Set::new(subset);
    let mut all = Pixels {
        imagined: [new("imagined"), new("imagined"), new("imagined")],
        reconstruction: [new("reconstruction"), new("reconstruction")],
        ceiling: None,
    };
    let found: Vec<_> = clips
        .par_iter()
        .map(|clip| of_clip(stage, clip))
        .collect::<Result<_, RunError>>()?;
    for (clip, (imagined, reconstruction, ceiling)) in clips.iter().zip(found) {
        for (set, found) in all.imagined.iter_mut().zip(imagined) {
            set.push(clip, found);
        }
        for (set, found) in all.reconstruction.iter_mut().zip(reconstruction) {
            set.push(clip, found);
        }
        if let Some(found) = ceiling {
            all.ceiling
                .get_or_insert_with(|| new("reconstruction"))
                .push(clip, found);
        }
    }
    Ok(all)
}

type Found = ([OfClip; 3], [OfClip; 2], Option<OfClip>);

fn of_clip(stage: &Evaluate<'_>, clip: &ClipId) -> Result<Found, RunError> {
    let truth = stage.clips.frames(clip)?;
    let prediction = stage.frames.prediction(clip)?;
    let reconstruction = stage.frames.reconstruction(clip)?;
    let time = truth.dim().0.min(prediction.dim().0);
    let first = stage.imagined.observed(clip)?;
    let last_seen = truth.slice(s![first - 1..first, .., .., ..]);
    let copied = repeated(last_seen, time - first);
    let later = |frames: &Array4<u8>| frames.slice(s![first..time, .., .., ..]).to_owned();
    let truth_later = later(&truth);
    let one = |guess: &Array4<u8>| {
        compare(
            stage,
            truth_later.view(),
            guess.view(),
            first,
            Some(last_seen),
        )
    };
    let imagined = [
        one(&later(&prediction))?,
        one(&copied)?,
        one(&later(&reconstruction))?,
    ];

    let middle = repeated(median(truth.view()).view(), truth.dim().0);
    let whole = |guess: &Array4<u8>| compare(stage, truth.view(), guess.view(), 0, None);
    let ceiling = stage
        .frames
        .ceiling(clip)?
        .map(|frames| whole(&frames))
        .transpose()?;
    Ok((
        imagined,
        [whole(&reconstruction)?, whole(&middle)?],
        ceiling,
    ))
}

fn compare(
    stage: &Evaluate<'_>,
    truth: ArrayView4<'_, u8>,
    guess: ArrayView4<'_, u8>,
    first: usize,
    last_seen: Option<ArrayView4<'_, u8>>,
) -> Result<OfClip, RunError> {
    let found = measure_clip(SsimProfile::Gauss11, truth, guess).map_err(fault)?;
    let threshold = f64::from(stage.config.change) / 255.0;
    let mut changed = Vec::new();
    if let Some(last) = last_seen {
        for (truth, guess) in truth.outer_iter().zip(guess.outer_iter()) {
            let error = changed_error(last.index_axis(Axis(0), 0), truth, guess, threshold)
                .map_err(fault)?;
            changed.push((error.sum, error.count as f64));
        }
    }
    let mse = found
        .error
        .iter()
        .map(|error| error.mean().unwrap_or(0.0))
        .collect();
    Ok(OfClip {
        first,
        psnr: found.psnr,
        ssim: found.ssim,
        mse,
        changed,
    })
}

/// One frame, again and again.
pub(crate) fn repeated(frame: ArrayView4<'_, u8>, times: usize) -> Array4<u8> {
    let (_, height, width, rgb) = frame.dim();
    Array4::from_shape_fn((times, height, width, rgb), |(_, y, x, c)| {
        frame[[0, y, x, c]]
    })
}

/// Every pixel's median over a clip, as a clip of one frame.
pub(crate) fn median(frames: ArrayView4<'_, u8>) -> Array4<u8> {
    let (time, height, width, rgb) = frames.dim();
    Array4::from_shape_fn((1, height, width, rgb), |(_, y, x, c)| {
        let mut seen: Vec<u8> = (0..time).map(|t| frames[[t, y, x, c]]).collect();
        let middle = seen.len() / 2;
        *seen.select_nth_unstable(middle).1
    })
}
