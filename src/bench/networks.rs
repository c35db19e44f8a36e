//! Metric networks, on the inputs of one evaluation: I3D a clip, Inception and LPIPS a batch of frames.
//!
//! `benches/compare` times the same looks in PyTorch.

use super::case::{Case, finish, input};
use crate::models::perceptual::i3d::{self, I3d};
use crate::models::perceptual::inception::{self, Inception};
use crate::models::perceptual::lpips::{Backbone, Lpips};
use crate::rng::Init;

const ROOM: &str = "networks";
/// Pairs of frames that LPIPS compares at a time, and their size.
const PAIRS: [usize; 4] = [4, 3, 128, 128];

/// A case a network.
pub fn cases() -> Vec<Case> {
    let clip = [1, 16, 3, i3d::SIZE, i3d::SIZE];
    let frames = [8, 3, inception::SIZE, inception::SIZE];
    let mut all = vec![
        Case::new(ROOM, "i3d", &clip, |device, shape| {
            let model = I3d::new(&mut Init::seeded(0, device));
            let x = input::<5>(shape, device);
            Box::new(move || finish(model.forward(x.clone())))
        }),
        Case::new(ROOM, "inception", &frames, |device, shape| {
            let model = Inception::new(&mut Init::seeded(0, device));
            let x = input::<4>(shape, device);
            Box::new(move || finish(model.forward(x.clone())))
        }),
    ];
    all.extend(Backbone::ALL.map(|backbone| {
        let name = format!("lpips-{}", backbone.name());
        Case::new(ROOM, &name, &PAIRS, move |device, shape| {
            let model = Lpips::new(backbone, &mut Init::seeded(0, device));
            let (truth, guess) = (input::<4>(shape, device), input::<4>(shape, device) * 0.9);
            Box::new(move || finish(model.forward(truth.clone(), guess.clone())))
        })
    }));
    all
}
