//! Inception v3 as the Fréchet inception distance knows it: the 2015 graph of TensorFlow (Szegedy et al. 2016).
//!
//! It is torchvision's network but for the pools inside the blocks: means leave the border out of the count, and the
//! last block takes the largest value instead of the mean.
//!
//! Reference: `pytorch-fid` `src/pytorch_fid/inception.py` (names and pools).

use burn::module::Module;
use burn::tensor::Tensor;

use super::conv::{Conv, ConvSpec, max_around, max_pool, mean_around};
use crate::rng::Init;

/// Width of the features.
pub const DIM: usize = 2048;
/// Height and width of the images that it was trained on.
pub const SIZE: usize = 299;
/// Classes of the published file; its last layer is not used.
pub const CLASSES: usize = 1008;

/// All convolutions, in the order in which they are used.
pub fn layers() -> Vec<ConvSpec> {
    let mut all = vec![
        ConvSpec::square("Conv2d_1a_3x3", [3, 32], 3).strided(2),
        ConvSpec::square("Conv2d_2a_3x3", [32, 32], 3),
        ConvSpec::square("Conv2d_2b_3x3", [32, 64], 3).padded(1),
        ConvSpec::square("Conv2d_3b_1x1", [64, 80], 1),
        ConvSpec::square("Conv2d_4a_3x3", [80, 192], 3),
    ];
    for (block, input, pool) in [("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)] {
        all.extend(block_a(block, input, pool));
    }
    all.extend(block_b());
    for (block, inner) in [("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)] {
        all.extend(block_c(block, inner));
    }
    all.extend(block_d());
    for (block, input) in [("7b", 1280), ("7c", 2048)] {
        all.extend(block_e(block, input));
    }
    all
}

fn square(block: &str, branch: &str, channels: [usize; 2], size: usize) -> ConvSpec {
    ConvSpec::square(&format!("Mixed_{block}.{branch}"), channels, size)
}

/// A kernel of one row or one column, with zeros that keep the size.
fn bar(block: &str, branch: &str, channels: [usize; 2], [height, width]: [usize; 2]) -> ConvSpec {
    ConvSpec {
        kernel: [1, height, width],
        padding: [height / 2, width / 2],
        ..square(block, branch, channels, 1)
    }
}

fn block_a(block: &str, input: usize, pool: usize) -> [ConvSpec; 7] {
    [
        square(block, "branch1x1", [input, 64], 1),
        square(block, "branch5x5_1", [input, 48], 1),
        square(block, "branch5x5_2", [48, 64], 5).padded(2),
        square(block, "branch3x3dbl_1", [input, 64], 1),
        square(block, "branch3x3dbl_2", [64, 96], 3).padded(1),
        square(block, "branch3x3dbl_3", [96, 96], 3).padded(1),
        square(block, "branch_pool", [input, pool], 1),
    ]
}

fn block_b() -> [ConvSpec; 4] {
    [
        square("6a", "branch3x3", [288, 384], 3).strided(2),
        square("6a", "branch3x3dbl_1", [288, 64], 1),
        square("6a", "branch3x3dbl_2", [64, 96], 3).padded(1),
        square("6a", "branch3x3dbl_3", [96, 96], 3).strided(2),
    ]
}

fn block_c(block: &str, inner: usize) -> [ConvSpec; 10] {
    let (row, column) = ([1, 7], [7, 1]);
    [
        square(block, "branch1x1", [768, 192], 1),
        square(block, "branch7x7_1", [768, inner], 1),
        bar(block, "branch7x7_2", [inner, inner], row),
        bar(block, "branch7x7_3", [inner, 192], column),
        square(block, "branch7x7dbl_1", [768, inner], 1),
        bar(block, "branch7x7dbl_2", [inner, inner], column),
        bar(block, "branch7x7dbl_3", [inner, inner], row),
        bar(block, "branch7x7dbl_4", [inner, inner], column),
        bar(block, "branch7x7dbl_5", [inner, 192], row),
        square(block, "branch_pool", [768, 192], 1),
    ]
}

fn block_d() -> [ConvSpec; 6] {
    [
        square("7a", "branch3x3_1", [768, 192], 1),
        square("7a", "branch3x3_2", [192, 320], 3).strided(2),
        square("7a", "branch7x7x3_1", [768, 192], 1),
        bar("7a", "branch7x7x3_2", [192, 192], [1, 7]),
        bar("7a", "branch7x7x3_3", [192, 192], [7, 1]),
        square("7a", "branch7x7x3_4", [192, 192], 3).strided(2),
    ]
}

fn block_e(block: &str, input: usize) -> [ConvSpec; 9] {
    let (row, column) = ([1, 3], [3, 1]);
    [
        square(block, "branch1x1", [input, 320], 1),
        square(block, "branch3x3_1", [input, 384], 1),
        bar(block, "branch3x3_2a", [384, 384], row),
        bar(block, "branch3x3_2b", [384, 384], column),
        square(block, "branch3x3dbl_1", [input, 448], 1),
        square(block, "branch3x3dbl_2", [448, 384], 3).padded(1),
        bar(block, "branch3x3dbl_3a", [384, 384], row),
        bar(block, "branch3x3dbl_3b", [384, 384], column),
        square(block, "branch_pool", [input, 192], 1),
    ]
}

/// The network.
#[derive(Module, Debug)]
pub struct Inception {
    convs: Vec<Conv>,
}

/// Convolutions that are taken one after the other.
struct Next<'a>(std::slice::Iter<'a, Conv>);

impl Next<'_> {
    /// `x` through the next convolutions, as many as said.
    fn through(&mut self, x: Tensor<4>, count: usize) -> Tensor<4> {
        self.0
            .by_ref()
            .take(count)
            .fold(x, |x, conv| conv.forward(x))
    }
}

impl Inception {
    /// A network that waits for its weights.
    pub fn new(init: &mut Init) -> Self {
        let convs = layers()
            .iter()
            .map(|layer| Conv::new(init, layer))
            .collect();
        Self { convs }
    }

    /// Features of images (`pool3`).
    ///
    /// # Shape
    /// `[batch, rgb, 299, 299]` in −1..1 → `[batch, 2048]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut next = Next(self.convs.iter());
        let x = max_pool(next.through(images, 3), 3, 2, false);
        let mut x = max_pool(next.through(x, 2), 3, 2, false);
        for _ in 0..3 {
            x = parallel(&mut next, x, &[1, 2, 3], mean_around);
        }
        x = reduced(&mut next, x, &[1, 3]);
        for _ in 0..4 {
            x = parallel(&mut next, x, &[1, 3, 5], mean_around);
        }
        x = reduced(&mut next, x, &[2, 4]);
        x = spread(&mut next, x, mean_around);
        x = spread(&mut next, x, max_around);
        let [batch, channels, height, width] = x.dims();
        let x = x.reshape([batch, channels, height * width]).mean_dim(2);
        x.reshape([batch, channels])
    }
}

type Pool = fn(Tensor<4>) -> Tensor<4>;

/// Branches of so many convolutions, and one behind a pool.
fn parallel(next: &mut Next<'_>, x: Tensor<4>, branches: &[usize], pool: Pool) -> Tensor<4> {
    let mut out: Vec<_> = branches
        .iter()
        .map(|&count| next.through(x.clone(), count))
        .collect();
    out.push(next.through(pool(x), 1));
    Tensor::cat(out, 1)
}

/// Branches of so many convolutions that halve the image, and a pool that does.
fn reduced(next: &mut Next<'_>, x: Tensor<4>, branches: &[usize]) -> Tensor<4> {
    let mut out: Vec<_> = branches
        .iter()
        .map(|&count| next.through(x.clone(), count))
        .collect();
    out.push(max_pool(x, 3, 2, false));
    Tensor::cat(out, 1)
}

/// The last kind of block: two of its branches end in a row and a column side by side.
fn spread(next: &mut Next<'_>, x: Tensor<4>, pool: Pool) -> Tensor<4> {
    let mut out = vec![next.through(x.clone(), 1)];
    for before in [1, 2] {
        let inner = next.through(x.clone(), before);
        out.push(next.through(inner.clone(), 1));
        out.push(next.through(inner, 1));
    }
    out.push(next.through(pool(x), 1));
    Tensor::cat(out, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_layers_are_those_of_the_published_file() {
        let layers = layers();
        assert_eq!(layers.len(), 94);
        let named = |name: &str| layers.iter().find(|layer| layer.name == name).unwrap();
        assert_eq!(
            named("Mixed_6e.branch7x7_2").official_shape(false),
            [192, 192, 1, 7]
        );
        assert_eq!(named("Mixed_7c.branch_pool").input, 2048);
    }
}
