//! Layers that models spend their time in, in the sizes of the published models.

use super::case::{Case, finish, input};
use crate::kernels;

const ROOM: &str = "layers";

/// A case a layer.
pub fn cases() -> Vec<Case> {
    vec![
        // The second block of the diffusion decoder's U-Net, four frames.
        Case::new(ROOM, "conv3x3", &[4, 256, 16, 16], |device, shape| {
            let (x, width) = (input::<4>(shape, device), shape[1]);
            let weight = input::<4>(&[width, width, 3, 3], device);
            Box::new(move || {
                finish(kernels::conv2d(x.clone(), weight.clone(), None, 1, 1));
            })
        }),
        // A layer of SAVi's decoder: twice the size, seven slots of one frame.
        Case::new(
            ROOM,
            "conv-transpose5x5",
            &[7, 64, 32, 32],
            |device, shape| {
                let (x, width) = (input::<4>(shape, device), shape[1]);
                let weight = input::<4>(&[width, width, 5, 5], device);
                Box::new(move || {
                    let (x, weight) = (x.clone(), weight.clone());
                    finish(kernels::conv_transpose2d(x, weight, None, 2, 2, 1));
                })
            },
        ),
        Case::new(
            ROOM,
            "group-norm-silu",
            &[4, 256, 16, 16],
            |device, shape| {
                let (x, ones) = (input::<4>(shape, device), input::<1>(&shape[1..2], device));
                Box::new(move || {
                    let (x, ones) = (x.clone(), ones.clone());
                    finish(kernels::group_norm_silu(x, ones.clone(), ones, 32, 1e-5));
                })
            },
        ),
        // Self-attention of the U-Net.
        Case::new(ROOM, "attention", &[4, 8, 256, 32], |device, shape| {
            let x = input::<4>(shape, device);
            let scale = (shape[3] as f64).powf(-0.5);
            Box::new(move || {
                let [q, k, v] = [x.clone(), x.clone(), x.clone()];
                finish(kernels::attention(q, k, v, None, scale));
            })
        }),
        // The wide layer of SlotFormer's transformer: six frames of seven slots, eight clips.
        Case::new(ROOM, "linear", &[336, 256], |device, shape| {
            let x = input::<2>(shape, device);
            let weight = input::<2>(&[1024, shape[1]], device);
            Box::new(move || finish(kernels::linear(x.clone(), weight.clone(), None)))
        }),
    ]
}
