//! Slots → frames, chunk by chunk: the one way in which everything renders whole clips.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, Array4, ArrayView3, Axis};

use crate::artifacts::progress::Progress;
use crate::artifacts::{RunError, interrupt};
use crate::inference::empty_slots::occupied;
use crate::inference::frames_at_once;
use crate::masks::masks_from_attention;
use crate::models::decoder::sampler::SamplerConfig;
use crate::models::decoder::{Rendered, SlotDecoder};
use crate::rng::SeededRng;
use crate::tensor_conversion::rendered_clip;

/// A slot decoder over whole clips.
#[derive(Debug)]
pub struct ClipRenderer<'a> {
    /// The decoder.
    pub decoder: &'a SlotDecoder,
    /// How latents are sampled.
    pub sampler: &'a SamplerConfig,
    /// One noise for all frames of a clip, so that what stays looks the same.
    pub shared_noise: bool,
    /// What sampling starts from, `[1, rgb, height, width]` in −1..1; noise if unset.
    pub start_frame: Option<Tensor<4>>,
    /// The seed of all noise.
    pub seed: u64,
    /// Where it computes.
    pub device: &'a Device,
}

impl ClipRenderer<'_> {
    /// Frames of the clip called `clip`, each from those of its slots that are not
    /// [empty](crate::inference::empty_slots), at the decoder's own size; `progress` hears how many are done.
    ///
    /// # Shape
    /// - `slots`: `[time, slots, dim]`
    ///
    /// # Errors
    /// When there is no frame, or all slots of a frame are empty.
    pub fn render(
        &self,
        clip: &str,
        slots: ArrayView3<'_, f32>,
        progress: &Progress,
    ) -> Result<RenderedClip, RunError> {
        // A batch holds sets of one size.
        let mut sets: BTreeMap<usize, Vec<(usize, Vec<usize>)>> = BTreeMap::new();
        for (index, frame) in slots.axis_iter(Axis(0)).enumerate() {
            let present = occupied(frame);
            if present.is_empty() {
                let reason =
                    format!("all slots of frame {index} are empty: there is nothing to render");
                return Err(RunError::Unfit { reason });
            }
            sets.entry(present.len())
                .or_default()
                .push((index, present));
        }
        let time = slots.dim().0;
        let (mut rendered, mut done): (Option<RenderedClip>, usize) = (None, 0);
        for chunk in sets
            .values()
            .flat_map(|set| set.chunks(frames_at_once(self.device)))
        {
            interrupt::check()?;
            let part = self.render_sets(clip, slots, chunk);
            let part = part.ok_or_else(|| RunError::Unfit {
                reason: "the pixels of rendered frames are not numbers".to_owned(),
            })?;
            let all = rendered.get_or_insert_with(|| part.blank(time));
            for (at, (index, present)) in chunk.iter().enumerate() {
                all.put(*index, &part, at, present);
            }
            done += chunk.len();
            progress.part(done, time, "frames");
        }
        rendered.ok_or_else(|| RunError::Unfit {
            reason: "there is no frame to render".to_owned(),
        })
    }

    /// Some frames by their numbers, each with the slots that are rendered: equally many of each frame. `None` where their
    /// pixels are not numbers.
    fn render_sets(
        &self,
        clip: &str,
        slots: ArrayView3<'_, f32>,
        sets: &[(usize, Vec<usize>)],
    ) -> Option<RenderedClip> {
        let number = sets.first().map_or(0, |(_, present)| present.len());
        let dim = slots.dim().2;
        let present = Array3::from_shape_fn((sets.len(), number, dim), |(at, place, part)| {
            let (frame, present) = &sets[at];
            slots[[*frame, present[place], part]]
        });
        let data = TensorData::new(present.iter().copied().collect(), [sets.len(), number, dim]);
        let present = Tensor::<3>::from_data(data, self.device);
        if self.shared_noise || !self.decoder.is_random() {
            let noise = SeededRng::new(self.seed, &["render", clip]);
            let Rendered { frames, masks } = self.rendered(&present, &noise);
            return Some(RenderedClip {
                frames: rendered_clip(frames)?,
                masks: masks.map(owners),
            });
        }
        let each = sets.iter().enumerate().map(|(at, (frame, _))| {
            let noise = SeededRng::new(self.seed, &["render", clip, &frame.to_string()]);
            self.rendered(&present.clone().narrow(0, at, 1), &noise)
                .frames
        });
        Some(RenderedClip {
            frames: rendered_clip(Tensor::cat(each.collect(), 0))?,
            masks: None,
        })
    }

    fn rendered(&self, slots: &Tensor<3>, noise: &SeededRng) -> Rendered {
        let start = self.start_frame.clone();
        self.decoder.render(slots, noise, self.sampler, start)
    }
}

/// The slot with the largest share of every pixel, `[batch, slots, height, width]` → `[batch, height, width]`.
fn owners(shares: Tensor<4>) -> Array3<u8> {
    let [_, _, height, width] = shares.dims();
    let masks = masks_from_attention(shares.unsqueeze_dim(0), [height, width]);
    masks.index_axis_move(Axis(0), 0)
}

/// Rendered frames of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedClip {
    /// `[time, height, width, rgb]`
    pub frames: Array4<u8>,
    /// Slot that drew most of every pixel, `[time, height, width]`; `None` where the decoder does not say.
    pub masks: Option<Array3<u8>>,
}

impl RenderedClip {
    /// `time` frames of the same size, not yet rendered.
    fn blank(&self, time: usize) -> Self {
        let (_, height, width, rgb) = self.frames.dim();
        let masks = self.masks.as_ref();
        Self {
            frames: Array4::zeros((time, height, width, rgb)),
            masks: masks.map(|_| Array3::zeros((time, height, width))),
        }
    }

    /// Puts frame `at` of `part` in the place of frame `index`; `present` are the numbers of the slots that it was rendered
    /// from.
    fn put(&mut self, index: usize, part: &Self, at: usize, present: &[usize]) {
        let frame = part.frames.index_axis(Axis(0), at);
        self.frames.index_axis_mut(Axis(0), index).assign(&frame);
        if let (Some(all), Some(masks)) = (&mut self.masks, &part.masks) {
            let slots = masks
                .index_axis(Axis(0), at)
                .mapv(|place| present[usize::from(place)] as u8);
            all.index_axis_mut(Axis(0), index).assign(&slots);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use crate::models::decoder::tests::every_kind;
    use crate::rng::Init;

    use super::*;

    fn slots(time: usize, count: usize, dim: usize) -> Array3<f32> {
        let values = SeededRng::new(3, &["slots"]).normal_vec(time * count * dim);
        Array3::from_shape_vec((time, count, dim), values).unwrap()
    }

    #[test]
    fn every_decoder_renders_an_empty_slot_as_if_it_were_not_there() {
        let device = Device::flex();
        let sampler = SamplerConfig {
            steps: 2,
            ..SamplerConfig::default()
        };
        let quiet = Progress::silent();
        for config in every_kind() {
            let decoder = config.init(&mut Init::seeded(1, &device));
            for shared_noise in [true, false] {
                let renderer = ClipRenderer {
                    decoder: &decoder,
                    sampler: &sampler,
                    shared_noise,
                    start_frame: None,
                    seed: 4,
                    device: &device,
                };
                let whole = slots(4, 3, config.dim());
                let mut holed = whole.clone();
                holed.slice_mut(s![1, 0, ..]).fill(0.0);
                holed.slice_mut(s![3, 2, ..]).fill(0.0);
                let rendered = renderer.render("clip", holed.view(), &quiet).unwrap();
                let full = renderer.render("clip", whole.view(), &quiet).unwrap();
                for (time, kept) in [
                    (0, &[0, 1, 2][..]),
                    (1, &[1, 2]),
                    (2, &[0, 1, 2]),
                    (3, &[0, 1]),
                ] {
                    // Noise hangs on the frame's number: leave the frame where it is.
                    let alone = whole.select(Axis(1), kept);
                    let alone = renderer.render("clip", alone.view(), &quiet).unwrap();
                    let of = |clip: &RenderedClip| clip.frames.index_axis(Axis(0), time).to_owned();
                    assert_eq!(of(&rendered), of(&alone), "{} frame {time}", config.kind());
                    let masks = |clip: &RenderedClip| {
                        let masks = clip.masks.as_ref()?;
                        Some(masks.index_axis(Axis(0), time).to_owned())
                    };
                    let numbered =
                        masks(&alone).map(|masks| masks.mapv(|at| kept[usize::from(at)] as u8));
                    assert_eq!(masks(&rendered), numbered, "{} frame {time}", config.kind());
                    if kept.len() == 3 {
                        assert_eq!(of(&rendered), of(&full), "{} frame {time}", config.kind());
                    }
                }
            }
        }
    }

    #[test]
    fn a_frame_without_any_slot_is_refused() {
        let device = Device::flex();
        let [config, ..] = every_kind();
        let decoder = config.init(&mut Init::seeded(1, &device));
        let renderer = ClipRenderer {
            decoder: &decoder,
            sampler: &SamplerConfig::default(),
            shared_noise: true,
            start_frame: None,
            seed: 0,
            device: &device,
        };
        let mut slots = slots(2, 3, config.dim());
        slots.slice_mut(s![1, .., ..]).fill(0.0);
        let error = renderer
            .render("clip", slots.view(), &Progress::silent())
            .unwrap_err();
        assert!(error.to_string().contains("frame 1"), "{error}");
    }
}
