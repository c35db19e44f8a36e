//! Models in their published sizes: what rendering, encoding, roll-out and training spend their time in.
//!
//! `SlotDiffusion` as for Physion (128×128 pixels, 8 slots of 192, U-Net of base 128), the roll-out as there
//! (12 layers, 15 frames seen). `benches/compare` times the same in PyTorch.

use burn::tensor::{Device, Tensor};

use super::case::{Case, finish, input};
use crate::models::blocks::TransformerConfig;
use crate::models::decoder::latent_decoder::LatentDecoder;
use crate::models::decoder::latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
use crate::models::decoder::unet::UNetConfig;
use crate::models::decoder::vqvae::VqVaeConfig;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::encoder::{
    InteractionConfig, ResNetConfig, SlotEncoder, SlotEncoderConfig, StemConfig, TransitionConfig,
};
use crate::models::slots::SlotSequence;
use crate::rng::{Init, SeededRng};
use crate::train::fit::adam::{Adam, clip, global_norm};
use crate::weights::{collect, collect_gradients, load_into};

const ROOM: &str = "models";
/// Slots of a frame, and their width.
const SLOTS: [usize; 2] = [8, 192];
/// Frames that are imagined.
const STEPS: usize = 35;

/// A case a model and direction.
pub fn cases() -> Vec<Case> {
    vec![
        Case::new(ROOM, "unet", &[8, 3, 32, 32], unet_forward),
        Case::new(ROOM, "unet-train", &[8, 3, 32, 32], unet_backward),
        // Quantised latents → frames of 128×128.
        Case::new(ROOM, "vqvae-decode", &[4, 3, 32, 32], |device, shape| {
            let model = VqVaeConfig::default().init(&mut Init::seeded(0, device));
            let x = input::<4>(shape, device);
            Box::new(move || {
                let codes = model.quantize.project(x.clone());
                finish(model.decode(codes));
            })
        }),
        Case::new(
            ROOM,
            "slot-encoder",
            &[1, 12, 3, 128, 128],
            |device, shape| {
                let model = encoder().init(&mut Init::seeded(0, device));
                let frames = input::<5>(shape, device);
                Box::new(move || finish(model.encode(frames.clone(), None, None).slots))
            },
        ),
        Case::new(ROOM, "rollout", &[8, 15, 8, 192], |device, shape| {
            let model = slotformer().init(&mut Init::seeded(0, device));
            let seen = SlotSequence::observed(input::<4>(shape, device));
            Box::new(move || finish(model.rollout(&seen, STEPS).slots))
        }),
        Case::new(ROOM, "training-step", &[2, 3, 3, 128, 128], training_step),
    ]
}

fn encoder() -> SlotEncoderConfig {
    let [slots, dim] = SLOTS;
    SlotEncoderConfig {
        resolution: [128, 128],
        slots,
        dim,
        slot_mlp: 2 * dim,
        stem: StemConfig::Resnet18(ResNetConfig::default()),
        transition: TransitionConfig::Transformer(InteractionConfig::default()),
        ..SlotEncoderConfig::default()
    }
}

fn slotformer() -> SlotFormerConfig {
    SlotFormerConfig {
        dim: SLOTS[1],
        burn_in: 15,
        window: 15,
        transformer: TransformerConfig {
            dim: 256,
            layers: 12,
            heads: 8,
            feed_forward: 1024,
            ..TransformerConfig::default()
        },
        residual: false,
    }
}

/// Times of the noise schedule, one for each of a batch.
fn times(batch: usize, device: &Device) -> Tensor<1> {
    let times: Vec<f32> = (0..batch)
        .map(|index| 100.0 * index as f32 + 50.0)
        .collect();
    Tensor::from_floats(times.as_slice(), device)
}

/// One evaluation as a sampler asks for it; what the slots say is computed once a frame and not timed.
fn unet_forward(device: &Device, shape: &[usize]) -> super::case::Work {
    let model = UNetConfig::default().init(&mut Init::seeded(0, device));
    let context = model.prepare(&input::<3>(&[shape[0], SLOTS[0], SLOTS[1]], device));
    let (x, times) = (input::<4>(shape, device), times(shape[0], device));
    Box::new(move || finish(model.forward(x.clone(), times.clone(), &context)))
}

/// Forward, a loss, and the gradients of all parameters and of the slots; values are dropped.
fn unet_backward(device: &Device, shape: &[usize]) -> super::case::Work {
    let device = device.clone().autodiff();
    let model = UNetConfig::default().init(&mut Init::seeded(0, &device));
    let slots = input::<3>(&[shape[0], SLOTS[0], SLOTS[1]], &device).require_grad();
    let (x, times) = (input::<4>(shape, &device), times(shape[0], &device));
    Box::new(move || {
        let context = model.prepare(&slots);
        let said = model.forward(x.clone(), times.clone(), &context);
        let gradients = (said - x.clone()).square().mean().backward();
        if let Some(gradient) = slots.grad(&gradients) {
            finish(gradient);
        }
    })
}

/// Windows of frames → slots → loss of the noise in their latents → gradients → clip → Adam.
fn training_step(device: &Device, shape: &[usize]) -> super::case::Work {
    let device = device.clone().autodiff();
    let mut init = Init::seeded(0, &device);
    let mut model = Learner {
        encoder: encoder().init(&mut init),
        decoder: LatentDiffusionConfig::default().init(&mut init),
    };
    let (mut parameters, mut adam) = (collect(&model), Adam::default());
    let frames = input::<5>(shape, &device);
    let mut noise = SeededRng::new(0, &["bench"]);
    Box::new(move || {
        let slots = model.encoder.encode(frames.clone(), None, None).slots;
        let frames: Tensor<4> = frames.clone().flatten(0, 1);
        let (times, values) = model.decoder.draw(frames.dims()[0], &mut noise);
        let latents = model.decoder.encode(frames);
        let values = burn::tensor::TensorData::new(values, latents.dims());
        let values = Tensor::from_data(values, &device);
        let latents = Tensor::from_data(latents.into_data(), &device);
        let slots: Tensor<3> = slots.flatten(0, 1);
        let loss = model
            .decoder
            .loss_of_latents(latents, &slots, &times, values);
        let mut gradients = collect_gradients(&model, &loss.backward());
        let norm = global_norm(&gradients);
        clip(&mut gradients, norm, 0.05);
        adam.step(&mut parameters, &gradients, |_| 1e-4);
        match load_into(model.clone(), parameters.clone()) {
            Ok(moved) => model = moved,
            Err(error) => unreachable!("these are the model's own parameters: {error}"),
        }
    })
}

/// What learns.
#[derive(burn::module::Module, Debug)]
struct Learner {
    encoder: SlotEncoder,
    decoder: LatentDiffusion,
}
