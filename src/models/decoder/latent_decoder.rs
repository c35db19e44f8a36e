//! What decoders have in common that draw frames by diffusion in the latents of an auto-encoder which stays as it is
//! (Rombach et al. 2022, §3; Wu et al. 2023, SlotDiffusion §3.2).

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Tensor, TensorData};

use crate::models::decoder::diffusion::NoiseSchedule;
use crate::models::decoder::sampler::{Denoiser, SamplerConfig};
use crate::models::decoder::unet::UNet;
use crate::rng::SeededRng;

/// Moves latents onto what latents can be, such as codes.
pub type Projection<'a> = Box<dyn Fn(Tensor<4>) -> Tensor<4> + 'a>;

/// Slots → frames by diffusion in the latents of an auto-encoder that stays as it is.
pub trait LatentDecoder: Module + ModuleDisplay + Sync {
    /// The denoising U-Net.
    fn unet(&self) -> &UNet;

    /// The diffusion process.
    fn schedule(&self) -> &NoiseSchedule;

    /// Channels, height and width of a frame's latents.
    fn latent_shape(&self) -> [usize; 3];

    /// Latents of frames as the U-Net knows them, without gradients.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`, −1..1
    /// - result: `[batch, channels, height/f, width/f]`
    fn encode(&self, frames: Tensor<4>) -> Tensor<4>;

    /// The frames that latents stand for, without gradients.
    ///
    /// # Shape
    /// - `latents`: `[batch, channels, height/f, width/f]`
    fn decode(&self, latents: Tensor<4>) -> Tensor<4>;

    /// Projection of every image that a sampler predicts; most have none.
    fn projection(&self) -> Option<Projection<'_>> {
        None
    }

    /// The tokens that the U-Net attends to: the slots themselves, or what is made of them.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - result: `[batch, tokens, width]`
    fn tokens(&self, slots: &Tensor<3>) -> Tensor<3> {
        slots.clone()
    }

    /// [`LatentDecoder::tokens`] with a learned null token in the place of every slot of the frames that are `dropped`
    /// (classifier-free guidance, Ho & Salimans 2022); `None` where the decoder has no null token.
    fn tokens_with_dropped(&self, _slots: &Tensor<3>, _dropped: &[bool]) -> Option<Tensor<3>> {
        None
    }

    /// Diffusion loss of frames given slots.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`
    /// - `slots`: `[batch, slots, dim]`
    fn loss(&self, frames: Tensor<4>, slots: &Tensor<3>, rng: &mut SeededRng) -> Tensor<1> {
        self.loss_with_dropout(frames, slots, 0.0, rng)
    }

    /// [`LatentDecoder::loss`] with all slots of a share of the frames dropped, 0..1.
    fn loss_with_dropout(
        &self,
        frames: Tensor<4>,
        slots: &Tensor<3>,
        share: f64,
        rng: &mut SeededRng,
    ) -> Tensor<1> {
        let device = slots.device();
        let (times, noise) = self.draw(frames.dims()[0], rng);
        let dropped = draw_dropped(times.len(), share, rng);
        let latents = Tensor::from_data(self.encode(frames).into_data(), &device);
        let noise = Tensor::from_data(TensorData::new(noise, latents.dims()), &device);
        let tokens = self.tokens_in_training(slots, &dropped);
        self.loss_of_tokens(latents, &tokens, &times, noise)
    }

    /// The tokens of slots, those of the frames that are `dropped` excepted where the decoder has a null token.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    fn tokens_in_training(&self, slots: &Tensor<3>, dropped: &[bool]) -> Tensor<3> {
        let some = dropped.contains(&true);
        let tokens = some.then(|| self.tokens_with_dropped(slots, dropped));
        tokens.flatten().unwrap_or_else(|| self.tokens(slots))
    }

    /// Diffusion loss of latents that [`LatentDecoder::encode`] gave, given slots.
    ///
    /// # Shape
    /// - `latents`, `noise`: `[batch, channels, height/f, width/f]`
    /// - `slots`: `[batch, slots, dim]`
    /// - `times`: one step for each of the batch
    fn loss_of_latents(
        &self,
        latents: Tensor<4>,
        slots: &Tensor<3>,
        times: &[usize],
        noise: Tensor<4>,
    ) -> Tensor<1> {
        self.loss_of_tokens(latents, &self.tokens(slots), times, noise)
    }

    /// [`LatentDecoder::loss_of_latents`] given the tokens that are made of slots.
    ///
    /// # Shape
    /// - `tokens`: `[batch, tokens, width]`
    fn loss_of_tokens(
        &self,
        latents: Tensor<4>,
        tokens: &Tensor<3>,
        times: &[usize],
        noise: Tensor<4>,
    ) -> Tensor<1> {
        let (unet, schedule) = (self.unet(), self.schedule());
        let target = schedule.target(latents.clone(), noise.clone(), times);
        let noisy = schedule.add(latents, noise, times);
        let steps: Vec<f32> = times.iter().map(|time| *time as f32).collect();
        let steps = Tensor::from_floats(steps.as_slice(), &noisy.device());
        let output = unet.forward(noisy, steps, &unet.prepare(tokens));
        schedule.loss(output, target, times)
    }

    /// Times, as often as the process says, and noise for a loss.
    fn draw(&self, batch: usize, rng: &mut SeededRng) -> (Vec<usize>, Vec<f32>) {
        let schedule = self.schedule();
        let (steps, sampling) = (schedule.steps(), schedule.config.times);
        let times = (0..batch).map(|_| sampling.draw(steps, rng)).collect();
        let count = batch * self.latent_shape().iter().product::<usize>();
        (times, rng.normal_vec(count))
    }

    /// Frames from slots. One map of noise, the first that `rng` gives, is the start of every frame:
    /// the same slots give the same frame, whatever stands beside them. With an `init_image` it is that image, made as
    /// noisy as the sampler's `from` says (Meng et al. 2022, `SDEdit`).
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - `init_image`: `[1, rgb, height, width]`
    /// - result: `[batch, rgb, height, width]`
    fn render(
        &self,
        slots: &Tensor<3>,
        rng: &SeededRng,
        sampler: &SamplerConfig,
        init_image: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let mut rng = rng.clone();
        let [channels, height, width] = self.latent_shape();
        let start = rng.normal([1, channels, height, width], &slots.device());
        let start = match init_image {
            Some(init_image) => {
                let level = sampler.start(self.schedule());
                self.encode(init_image) * level.signal + start * level.noise
            }
            None => start,
        };
        self.decode(self.sample(slots, start, sampler, &mut rng))
    }

    /// Latents from slots, without gradients.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - `start`: `[batch, channels, height/f, width/f]`, or `[1, …]` for one start of all
    fn sample(
        &self,
        slots: &Tensor<3>,
        start: Tensor<4>,
        sampler: &SamplerConfig,
        rng: &mut SeededRng,
    ) -> Tensor<4> {
        let model = self.valid();
        let slots = slots.clone().inner();
        let unet = model.unet();
        let conditional = unet.prepare(&model.tokens(&slots));
        let guidance = sampler.guidance;
        let all = vec![true; slots.dims()[0]];
        let null = (guidance != 1.0).then(|| model.tokens_with_dropped(&slots, &all));
        let unconditional = null.flatten().map(|tokens| unet.prepare(&tokens));
        let [_, channels, height, width] = start.dims();
        let start = start
            .inner()
            .expand([slots.dims()[0], channels, height, width]);
        let network = |x: Tensor<4>, time: f64| match &unconditional {
            None => unet.denoise(x, time, &conditional),
            Some(unconditional) => {
                let without = unet.denoise(x.clone(), time, unconditional);
                let with = unet.denoise(x, time, &conditional);
                without.clone() + (with - without) * guidance
            }
        };
        let projection = model.projection();
        let denoiser = Denoiser {
            schedule: model.schedule(),
            network: &network,
            project: projection.as_deref(),
        };
        denoiser.sample(start, sampler, rng)
    }
}

/// Of which of so many frames all slots are dropped: a share of them, 0..1, drawn at random.
pub fn draw_dropped(frames: usize, share: f64, rng: &mut SeededRng) -> Vec<bool> {
    if share == 0.0 {
        return vec![false; frames];
    }
    (0..frames)
        .map(|_| f64::from(rng.uniform()) < share)
        .collect()
}
