use burn::tensor::Device;

use super::{assert_close, tensor, values, with_threads};
use crate::kernels::volume::{composed_conv3d, composed_max_pool3d};
use crate::kernels::windows::Windows;
use crate::kernels::{conv3d, max_pool3d};

/// Clip `[batch, time, channels, height, width]`, outputs, windows.
fn cases() -> Vec<([usize; 5], usize, Windows)> {
    let same = |[_, time, _, height, width]: [usize; 5], size, step| {
        Windows::same(size, step, [time, height, width])
    };
    let small = [2, 2, 20, 7, 7];
    let odd = [1, 9, 3, 31, 23];
    let wide = [3, 5, 4, 6, 33];
    vec![
        (small, 17, same(small, [3; 3], [1; 3])),
        (small, 9, same(small, [1; 3], [1; 3])),
        ([9, 1, 6, 5, 7], 9, Windows::flat([3, 3], 1, 1)),
        ([9, 1, 6, 5, 7], 9, Windows::flat([1, 1], 1, 0)),
        ([7, 1, 6, 8, 8], 11, Windows::flat([5, 3], 2, 1)),
        (odd, 8, same(odd, [7; 3], [2; 3])),
        (odd, 8, same(odd, [3, 1, 3], [2, 1, 1])),
        (wide, 10, same(wide, [3; 3], [1; 3])),
        (wide, 3, same(wide, [2, 3, 3], [2, 2, 2])),
        (
            [1, 1, 3, 40, 50],
            5,
            same([1, 1, 3, 40, 50], [5, 7, 1], [1; 3]),
        ),
    ]
}

#[test]
fn clips_convolve_as_their_frames_side_by_side_do() {
    let device = Device::flex();
    for (shape, outputs, windows) in cases() {
        let [long, height, width] = windows.size;
        let x = tensor::<5>(shape, 1, &device);
        let weight = tensor::<4>([outputs, long * shape[2], height, width], 2, &device);
        let bias = tensor::<1>([outputs], 3, &device);
        for rectify in [false, true] {
            let of = |x| conv3d(x, weight.clone(), bias.clone(), windows, rectify);
            let ours = of(x.clone());
            let plain = composed_conv3d(x.clone(), weight.clone(), bias.clone(), windows, rectify);
            assert_close(ours.clone(), plain, 2e-6, &format!("{shape:?} {windows:?}"));
            let alone = values(of(x.clone().narrow(0, 0, 1)));
            assert_eq!(alone, values(ours.clone())[..alone.len()], "{shape:?}");
            let one = with_threads(1, || values(of(x.clone())));
            assert_eq!(one, with_threads(3, || values(of(x.clone()))), "{shape:?}");
            assert_eq!(one, values(ours), "{shape:?}");
        }
    }
}

#[test]
fn clips_pool_as_burn_pools_them() {
    let device = Device::flex();
    for (shape, _, windows) in cases() {
        let x = tensor::<5>(shape, 1, &device);
        let ours = max_pool3d(x.clone(), windows);
        let plain = composed_max_pool3d(x, windows);
        assert_eq!(ours.dims(), plain.dims());
        assert_eq!(values(ours), values(plain), "{shape:?} {windows:?}");
    }
}

#[test]
fn what_is_not_a_number_passes_through_rectifier_and_pool() {
    let device = Device::flex();
    let mut numbers = vec![-1.0_f32; 25];
    numbers[12] = f32::NAN;
    let data = burn::tensor::TensorData::new(numbers, [1, 1, 1, 5, 5]);
    let x = burn::tensor::Tensor::<5>::from_data(data, &device);
    let windows = Windows::flat([3, 3], 1, 1);
    let ones = burn::tensor::Tensor::<4>::ones([1, 1, 3, 3], &device);
    let bias = burn::tensor::Tensor::<1>::zeros([1], &device);
    for y in [
        max_pool3d(x.clone(), windows),
        conv3d(x, ones, bias, windows, true),
    ] {
        let spoiled = values(y).iter().filter(|value| value.is_nan()).count();
        assert_eq!(spoiled, 9);
    }
}
