//! U-Net that removes noise from latents and looks at the slots while it does
//! (Rombach et al. 2022, §3.3; Wu et al. 2023, SlotDiffusion §3.2).
//! Reference: SlotDiffusion `video_based/models/unet/openaimodel.py`.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::kernels;
use crate::models::blocks::layers::Kernel;
use crate::models::blocks::soft_position::SoftPosition;
use crate::models::blocks::{Conv2d, GroupNorm};
use crate::models::decoder::resample::Upsample;
use crate::rng::Init;

/// Time embedding and residual blocks.
pub mod blocks;

/// Sizes.
mod config;

/// Self-attention over pixels and cross-attention to slots.
pub mod transformer;

pub use config::{TrainedPart, UNetConfig};

use blocks::{EPSILON, ResidualBlock, TimeEmbedding};
use transformer::{KeysValues, SpatialTransformer};

/// Keys and values of the slots for every cross-attention, in the order of the layers.
#[derive(Debug, Clone)]
pub struct SlotContext {
    layers: Vec<KeysValues>,
}

/// Noisy latents, time step and slots → the prediction (ε, x₀ or v).
#[derive(Module, Debug)]
pub struct UNet {
    time_embed: TimeEmbedding,
    // Lists of lists as in the reference, so that its indices are ours.
    input_blocks: Vec<Vec<UNetBlock>>,
    middle_block: Vec<UNetBlock>,
    output_blocks: Vec<Vec<UNetBlock>>,
    norm_out: GroupNorm,
    conv_out: Conv2d,
    position: Option<SoftPosition>,
}

/// One layer of the network.
#[derive(Module, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a network has a few dozen of these"
)]
enum UNetBlock {
    /// From latents to features.
    Entry(Conv2d),
    /// Residual block conditioned on the time step.
    Residual(ResidualBlock),
    /// Self-attention over pixels, cross-attention to slots.
    Attention(SpatialTransformer),
    /// To half the width and height.
    Halve(Halve),
    /// To twice the width and height.
    Double(Upsample),
}

/// Half as large, by a convolution with step two.
#[derive(Module, Debug)]
struct Halve {
    op: Conv2d,
}

impl UNetConfig {
    /// A network of these sizes; its first prediction is zero everywhere.
    pub fn init(&self, init: &mut Init) -> UNet {
        let (input_blocks, skips) = self.input_blocks(init);
        let (top, lowest) = (skips[skips.len() - 1], self.multipliers.len() - 1);
        let middle_block = vec![
            UNetBlock::Residual(ResidualBlock::new(init, self, top, top)),
            UNetBlock::Attention(SpatialTransformer::new(init, self, lowest)),
            UNetBlock::Residual(ResidualBlock::new(init, self, top, top)),
        ];
        UNet {
            time_embed: TimeEmbedding::new(init, self.channels),
            input_blocks,
            middle_block,
            output_blocks: self.output_blocks(init, skips),
            norm_out: GroupNorm::new(init, self.norm_groups, self.channels, EPSILON),
            conv_out: Conv2d::zeroed(init, self.channels, self.latent_channels, Kernel::same(3)),
            position: self
                .position
                .then(|| SoftPosition::new(init, self.channels, 1.0)),
        }
    }

    /// A residual block and, where the resolution shall have it, attention.
    fn stage(&self, init: &mut Init, input: usize, level: usize) -> Vec<UNetBlock> {
        let output = self.channels * self.multipliers[level];
        let mut steps = vec![UNetBlock::Residual(ResidualBlock::new(
            init, self, input, output,
        ))];
        if self.attention_factors.contains(&(1 << level)) {
            steps.push(UNetBlock::Attention(SpatialTransformer::new(
                init, self, level,
            )));
        }
        steps
    }

    /// The way down, and how many channels each block leaves for the way up.
    fn input_blocks(&self, init: &mut Init) -> (Vec<Vec<UNetBlock>>, Vec<usize>) {
        let entry = Conv2d::new(init, self.latent_channels, self.channels, Kernel::same(3));
        let (mut blocks, mut skips) = (vec![vec![UNetBlock::Entry(entry)]], vec![self.channels]);
        let mut before = self.channels;
        for (level, multiplier) in self.multipliers.iter().enumerate() {
            let width = self.channels * multiplier;
            for _ in 0..self.residual_blocks {
                blocks.push(self.stage(init, before, level));
                skips.push(width);
                before = width;
            }
            if level + 1 < self.multipliers.len() {
                let op = Conv2d::new(init, width, width, Kernel::same(3).strided(2));
                blocks.push(vec![UNetBlock::Halve(Halve { op })]);
                skips.push(width);
            }
        }
        (blocks, skips)
    }

    /// The way up; every block also takes what one block of the way down left.
    fn output_blocks(&self, init: &mut Init, mut skips: Vec<usize>) -> Vec<Vec<UNetBlock>> {
        let mut blocks = Vec::new();
        let mut before = skips[skips.len() - 1];
        for (level, multiplier) in self.multipliers.iter().enumerate().rev() {
            let width = self.channels * multiplier;
            for index in 0..=self.residual_blocks {
                let input = before + skips.pop().unwrap_or(0);
                let mut steps = self.stage(init, input, level);
                if index == self.residual_blocks && level > 0 {
                    steps.push(UNetBlock::Double(Upsample::new(init, width)));
                }
                blocks.push(steps);
                before = width;
            }
        }
        blocks
    }
}

impl UNet {
    /// The network of which only some parameters learn.
    #[must_use]
    pub fn learning(self, part: TrainedPart) -> Self {
        if part == TrainedPart::UNet {
            return self;
        }
        let all = |blocks: Vec<UNetBlock>| -> Vec<UNetBlock> {
            let blocks = blocks.into_iter().map(|block| match block {
                UNetBlock::Attention(attention) => UNetBlock::Attention(attention.learning(part)),
                other => other,
            });
            blocks.collect()
        };
        let mut network = self.no_grad();
        network.input_blocks = network.input_blocks.into_iter().map(all).collect();
        network.middle_block = all(network.middle_block);
        network.output_blocks = network.output_blocks.into_iter().map(all).collect();
        network
    }

    /// What the slots (or tokens of text) say to every layer: computed once, used for every step of a sampler.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    pub fn prepare(&self, slots: &Tensor<3>) -> SlotContext {
        let down = self.input_blocks.iter().flatten();
        let up = self.output_blocks.iter().flatten();
        let steps = down.chain(&self.middle_block).chain(up);
        let prepared = steps.filter_map(|step| match step {
            UNetBlock::Attention(attention) => Some(attention.prepare(slots.clone())),
            _ => None,
        });
        SlotContext {
            layers: prepared.collect(),
        }
    }

    /// The prediction.
    ///
    /// # Shape
    /// - `latents`: `[batch, latent channels, height, width]`
    /// - `times`: steps of the noise schedule, fractions allowed, `[batch]`, or `[1]` for all alike
    /// - result: as `latents`
    pub fn forward(
        &self,
        latents: Tensor<4>,
        times: Tensor<1>,
        context: &SlotContext,
    ) -> Tensor<4> {
        self.watch(latents, times, context, |_, _, _| {})
    }

    /// The prediction for noisy latents that are all at one time step.
    ///
    /// # Shape
    /// - `latents`: `[batch, latent channels, height, width]`
    pub fn denoise(&self, latents: Tensor<4>, time: f64, context: &SlotContext) -> Tensor<4> {
        let time = Tensor::from_floats([time as f32], &latents.device());
        self.forward(latents, time, context)
    }

    /// [`UNet::forward`], with `look` called behind every block: its list (`in`, `mid` or `out`), its place
    /// there, and its features.
    pub fn watch(
        &self,
        latents: Tensor<4>,
        times: Tensor<1>,
        context: &SlotContext,
        mut look: impl FnMut(&'static str, usize, &Tensor<4>),
    ) -> Tensor<4> {
        let time = kernels::silu(self.embed(times));
        let mut pass = ForwardPass {
            time,
            context: context.layers.iter(),
        };
        let mut skips = Vec::with_capacity(self.input_blocks.len());
        let mut h = latents;
        for (place, block) in self.input_blocks.iter().enumerate() {
            h = pass.through(block, h, None);
            if place == 0 {
                h = self.placed(h);
            }
            look("in", place, &h);
            skips.push(h.clone());
        }
        h = pass.through(&self.middle_block, h, None);
        look("mid", 0, &h);
        for (place, block) in self.output_blocks.iter().enumerate() {
            h = Tensor::cat(std::iter::once(h).chain(skips.pop()).collect(), 1);
            // Where an odd size was halved, twice the half is one pixel more than was there.
            let next = skips.last().map(|skip| [skip.dims()[2], skip.dims()[3]]);
            h = pass.through(block, h, next);
            look("out", place, &h);
        }
        self.conv_out.forward(self.norm_out.forward_silu(h))
    }

    /// Features plus position codes, where the network has them.
    fn placed(&self, features: Tensor<4>) -> Tensor<4> {
        let Some(position) = &self.position else {
            return features;
        };
        let [_, channels, height, width] = features.dims();
        let codes = position.codes([height, width]).swap_dims(1, 2);
        features + codes.reshape([1, channels, height, width])
    }

    /// Time embedding of the residual blocks, `[batch]` → `[batch, 4·channels]`.
    pub fn embed(&self, times: Tensor<1>) -> Tensor<2> {
        self.time_embed.forward(times)
    }
}

/// State of one evaluation of the network.
struct ForwardPass<'a> {
    /// The time embedding after `SiLU`.
    time: Tensor<2>,
    /// What the slots say to the attentions that are still to come.
    context: std::slice::Iter<'a, KeysValues>,
}

impl ForwardPass<'_> {
    /// `x` through the layers of a block; where it is made larger, it gets the size `doubled`, or twice its own.
    fn through(
        &mut self,
        steps: &[UNetBlock],
        x: Tensor<4>,
        doubled: Option<[usize; 2]>,
    ) -> Tensor<4> {
        steps.iter().fold(x, |x, step| match step {
            UNetBlock::Entry(conv) | UNetBlock::Halve(Halve { op: conv }) => conv.forward(x),
            UNetBlock::Residual(residual) => residual.forward(x, &self.time),
            UNetBlock::Double(upsample) => match doubled {
                Some(size) => upsample.forward_to(x, size),
                None => upsample.forward(x),
            },
            UNetBlock::Attention(attention) => {
                let Some(context) = self.context.next() else {
                    unreachable!("a context has one entry for every attention of its network")
                };
                attention.forward(x, context)
            }
        })
    }
}

#[cfg(test)]
impl UNet {
    /// The last layer's weight.
    pub(crate) fn last_weight(&self) -> Tensor<4> {
        self.conv_out.weight.val()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::rng::SeededRng;

    pub(crate) fn tiny() -> UNetConfig {
        UNetConfig {
            channels: 8,
            multipliers: vec![1, 2],
            residual_blocks: 1,
            attention_factors: vec![1],
            head_width: 4,
            norm_groups: 4,
            context: 6,
            dropout: 0.0,
            ..UNetConfig::default()
        }
    }

    fn normal<const D: usize>(name: &str, shape: [usize; D]) -> Tensor<D> {
        SeededRng::new(3, &[name]).normal(shape, &Device::flex())
    }

    /// A network whose last layers are not zero.
    fn stirred() -> UNet {
        let mut init = Init::seeded(4, &Device::flex());
        let mut model = tiny().init(&mut init);
        model.conv_out.weight = init.normal([3, 8, 3, 3], 0.1);
        for step in model.output_blocks.iter_mut().flatten() {
            match step {
                UNetBlock::Residual(residual) => residual.stir(&mut init),
                UNetBlock::Attention(attention) => attention.stir(&mut init),
                _ => {}
            }
        }
        model
    }

    /// The largest difference.
    fn far(a: &[f32], b: &[f32]) -> f32 {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    }

    fn values(x: Tensor<4>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_paper_s_sizes_have_the_paper_s_number_of_parameters() {
        let init = &mut Init::blank(&Device::flex());
        assert_eq!(UNetConfig::default().init(init).num_params(), 134_243_331);
    }

    #[test]
    fn the_first_prediction_is_zero() {
        let model = tiny().init(&mut Init::seeded(1, &Device::flex()));
        let context = model.prepare(&normal("slots", [2, 3, 6]));
        let prediction = model.forward(
            normal("x", [2, 3, 4, 4]),
            Tensor::from_floats([5.0, 80.5], &Device::flex()),
            &context,
        );
        assert!(values(prediction).iter().all(|value| *value == 0.0));
    }

    #[test]
    fn a_frame_s_prediction_does_not_depend_on_its_neighbours() {
        let model = stirred();
        let (x, slots) = (normal("x", [2, 3, 4, 4]), normal("slots", [2, 3, 6]));
        let times = Tensor::from_floats([5.0, 80.5], &Device::flex());
        let together = model
            .forward(x.clone(), times.clone(), &model.prepare(&slots))
            .narrow(0, 1, 1);
        let alone = model.forward(
            x.narrow(0, 1, 1),
            times.narrow(0, 1, 1),
            &model.prepare(&slots.narrow(0, 1, 1)),
        );
        assert!(far(&values(together), &values(alone)) < 1e-5);
    }

    #[test]
    fn only_a_network_that_is_told_places_tells_the_middle_of_a_flat_image_apart() {
        let flat = |position: bool| {
            let config = UNetConfig {
                position,
                multipliers: vec![1],
                ..tiny()
            };
            let model = config.init(&mut Init::seeded(4, &Device::flex()));
            let context = model.prepare(&normal("slots", [1, 3, 6]));
            let latents = Tensor::zeros([1, 3, 9, 9], &Device::flex());
            let mut seen = Vec::new();
            let times = Tensor::from_floats([5.0], &Device::flex());
            model.watch(latents, times, &context, |list, place, features| {
                if (list, place) == ("in", 0) {
                    seen = values(features.clone().narrow(2, 3, 2).narrow(3, 4, 1));
                }
            });
            seen.chunks(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-3)
        };
        assert!(flat(true));
        assert!(!flat(false));
    }

    #[test]
    fn one_time_stands_for_all() {
        let model = stirred();
        let (x, context) = (
            normal("x", [2, 3, 4, 4]),
            model.prepare(&normal("slots", [2, 3, 6])),
        );
        let prediction = |times: &[f32]| {
            model.forward(
                x.clone(),
                Tensor::from_floats(times, &Device::flex()),
                &context,
            )
        };
        assert_eq!(
            values(prediction(&[7.25])),
            values(prediction(&[7.25, 7.25]))
        );
    }

    #[test]
    fn the_prediction_depends_on_slots_and_time_but_not_on_the_order_of_slots() {
        let model = stirred();
        let (x, slots) = (normal("x", [1, 3, 4, 4]), normal("slots", [1, 3, 6]));
        let prediction = |slots: &Tensor<3>, time: f32| {
            values(model.forward(
                x.clone(),
                Tensor::from_floats([time], &Device::flex()),
                &model.prepare(slots),
            ))
        };
        let base = prediction(&slots, 10.0);
        assert!(far(&base, &prediction(&(slots.clone() * 2.0), 10.0)) > 1e-3);
        assert!(far(&base, &prediction(&slots, 300.0)) > 1e-3);
        assert!(far(&base, &prediction(&slots.flip([1]), 10.0)) < 1e-5);
    }
}
