//! Pixel metrics and resize kernels.

use ndarray::{Array4, ArrayView3, Axis};
use slotflow_eval::pixel::{MseProfile, SquaredError, mse, psnr, squared_error};
use slotflow_eval::resize::{Kernel, resize};
use slotflow_eval::ssim::{SsimProfile, ssim};

use crate::support::{agree, channels_last, golden, number, numbers, smooth_img, uni};

/// Two pictures and a noisy copy.
fn pair(name: &str, noise: &str, shape: &[usize], strength: f64) -> [Array4<f32>; 2] {
    let clean = smooth_img(name, shape);
    let noisy = (&clean + &uni(noise, shape, strength)).mapv(|pixel| pixel.clamp(0.0, 1.0));
    [channels_last(clean), channels_last(noisy)]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A value of every frame.
fn of_frames<T>(
    [truth, prediction]: [&Array4<f32>; 2],
    value: impl Fn(ArrayView3<'_, f32>, ArrayView3<'_, f32>) -> T,
) -> Vec<T> {
    let frames = truth.axis_iter(Axis(0)).zip(prediction.axis_iter(Axis(0)));
    frames
        .map(|(truth, prediction)| value(truth, prediction))
        .collect()
}

fn psnrs(sides: [&Array4<f32>; 2]) -> Vec<f64> {
    of_frames(sides, |truth, prediction| psnr(truth, prediction).unwrap())
}

fn errors(sides: [&Array4<f32>; 2]) -> Vec<SquaredError> {
    of_frames(sides, |truth, prediction| {
        squared_error(truth, prediction).unwrap()
    })
}

fn ssims(profile: SsimProfile, sides: [&Array4<f32>; 2]) -> Vec<f64> {
    of_frames(sides, |truth, prediction| {
        ssim(profile, truth, prediction).unwrap()
    })
}

/// Mean over frames of an MSE.
fn mean_mse(profile: MseProfile, truth: &Array4<f32>, prediction: &Array4<f32>) -> f64 {
    let frames = truth.axis_iter(Axis(0)).zip(prediction.axis_iter(Axis(0)));
    mean(
        &frames
            .map(|(truth, prediction)| mse(profile, truth, prediction).unwrap())
            .collect::<Vec<_>>(),
    )
}

#[test]
fn errors_agree_with_the_references() {
    let all = golden("image_metrics.json");
    let [x, y] = pair("img.x", "img.n", &[2, 3, 24, 32], 0.15);
    agree(
        mean_mse(MseProfile::SumChw, &x, &y),
        number(&all["slotdiffusion"]["mse"]),
        1e-6,
        "sum-chw",
    );
    agree(
        mean_mse(MseProfile::SumHwMeanC, &x, &y),
        number(&all["slotformer_mse"]),
        1e-6,
        "sum-hw-mean-c",
    );
    agree(
        mean_mse(MseProfile::Mean, &x, &y),
        number(&all["plain_mse"]),
        1e-6,
        "mean",
    );
    for (found, expected) in psnrs([&x, &y]).iter().zip(numbers(&all["psnr_per_image"])) {
        agree(*found, expected, 1e-6, "psnr");
    }
    let global = errors([&x, &y])
        .into_iter()
        .fold(SquaredError::default(), SquaredError::merge);
    agree(
        global.psnr().unwrap(),
        number(&all["torchmetrics_psnr_global"]),
        1e-6,
        "global psnr",
    );
}

#[test]
fn ssim_agrees_with_the_references_under_every_profile() {
    let all = golden("image_metrics.json");
    let [x, y] = pair("img.x", "img.n", &[2, 3, 24, 32], 0.15);
    let of = |profile| ssims(profile, [&x, &y]);
    for (profile, key, tolerance) in [
        (SsimProfile::Gauss11, "ssim_per_image_gauss_f64", 1e-12),
        (
            SsimProfile::Gauss11,
            "ssim_per_image_gauss_slotformer",
            2e-6,
        ),
        (SsimProfile::Uniform7, "ssim_uniform7_skimage_default", 2e-6),
        (SsimProfile::Gauss11SampleCov, "ssim_gauss_sample_cov", 2e-6),
    ] {
        for (found, expected) in of(profile).into_iter().zip(numbers(&all[key])) {
            agree(found, expected, tolerance, key);
        }
    }
    agree(
        mean(&of(SsimProfile::Torchmetrics)),
        number(&all["torchmetrics_ssim"]),
        2e-6,
        "torchmetrics",
    );
    for (found, expected) in SsimProfile::Gauss11
        .taps()
        .into_iter()
        .zip(numbers(&all["gauss11"]))
    {
        agree(found, expected, 1e-15, "taps");
    }
}

#[test]
fn a_video_is_scored_per_time_step() {
    let all = &golden("image_metrics.json")["video"];
    let [x, y] = pair("vid.x", "vid.n", &[2, 3, 3, 16, 16], 0.1);
    let (found_psnr, found_ssim) = (psnrs([&x, &y]), ssims(SsimProfile::default(), [&x, &y]));
    let found_mse: Vec<f64> = errors([&x, &y])
        .iter()
        .map(|error| error.sum / 3.0)
        .collect();
    for (time, expected) in all["slotformer_per_t"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let over_clips = |values: &[f64]| mean(&[values[time], values[3 + time]]);
        agree(
            over_clips(&found_mse),
            number(&expected["mse"]),
            1e-6,
            "mse",
        );
        agree(
            over_clips(&found_psnr),
            number(&expected["psnr"]),
            1e-6,
            "psnr",
        );
        agree(
            over_clips(&found_ssim),
            number(&expected["ssim"]),
            2e-6,
            "ssim",
        );
    }
    agree(
        mean(&found_psnr),
        number(&all["slotdiffusion_flat"]["psnr"]),
        1e-6,
        "flat psnr",
    );
}

#[test]
fn every_resize_kernel_agrees_with_its_library() {
    let all = golden("image_metrics.json");
    let input = smooth_img("rs.a", &[1, 1, 5, 7])
        .into_shape_with_order((1, 5, 7, 1))
        .unwrap();
    let keys = [
        "torch_half_pixel",
        "tf1_legacy",
        "torch_antialias",
        "pil_bicubic_F",
    ];
    for (size, case) in [((8, 9), "resize_5x7_to_8x9"), ((3, 4), "resize_5x7_to_3x4")] {
        for (kernel, key) in Kernel::ALL.iter().zip(keys) {
            let found = resize(*kernel, input.view(), size).unwrap();
            for (found, expected) in found.iter().zip(numbers(&all[case][key])) {
                agree(f64::from(*found), expected, 1e-6, key);
            }
        }
    }
}
