//! Slots → the features of a frozen network at every patch, each slot by itself and blended by its mask
//! (Seitzer et al. 2023, DINOSAUR, §3.2 and appendix E, "MLP decoder").

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use crate::kernels;
use crate::models::blocks::Linear;
use crate::rng::Init;

/// Spatial broadcast over patches: a slot, its place added, goes through a multi-layer perceptron.
#[derive(Module, Debug)]
pub struct FeatureMixture {
    /// A learned code for every patch, `[1, patches, dim]`.
    position: Param<Tensor<3>>,
    layers: Vec<Linear>,
}

/// Sizes of a [`FeatureMixture`].
#[derive(Debug, Clone, Copy)]
pub struct FeatureMixtureSizes {
    /// Width of a slot.
    pub dim: usize,
    /// Width of the layers within.
    pub hidden: usize,
    /// Width of a patch's features.
    pub features: usize,
    /// How many patches there are.
    pub patches: usize,
}

impl FeatureMixture {
    /// Three hidden layers, as in the paper.
    pub fn new(init: &mut Init, sizes: FeatureMixtureSizes) -> Self {
        let FeatureMixtureSizes {
            dim,
            hidden,
            features,
            patches,
        } = sizes;
        let widths = [dim, hidden, hidden, hidden, features + 1];
        Self {
            position: init.normal([1, patches, dim], 0.02),
            layers: widths
                .windows(2)
                .map(|pair| Linear::new(init, pair[0], pair[1]))
                .collect(),
        }
    }

    /// Features of every patch.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - result: `[batch, patches, features]`
    pub fn forward(&self, slots: &Tensor<3>) -> Tensor<3> {
        let [batch, count, dim] = slots.dims();
        let position = self.position.val();
        let patches = position.dims()[1];
        let mut x = slots.clone().reshape([batch * count, 1, dim]) + position;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(if index == 0 { x } else { relu(x) });
        }
        let features = x.dims()[2] - 1;
        let x: Tensor<4> = x.reshape([batch, count, patches, features + 1]);
        let masks = kernels::softmax(x.clone().narrow(3, features, 1), 1);
        let mixed = (x.narrow(3, 0, features) * masks).sum_dim(1);
        mixed.reshape([batch, patches, features])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn features_are_a_mixture_that_does_not_hang_on_the_order_of_slots() {
        let device = Device::flex();
        let sizes = FeatureMixtureSizes {
            dim: 4,
            hidden: 8,
            features: 3,
            patches: 6,
        };
        let model = FeatureMixture::new(&mut Init::seeded(1, &device), sizes);
        let slots: Tensor<3> = SeededRng::new(2, &[]).normal([2, 3, 4], &device);
        let features = model.forward(&slots);
        assert_eq!(features.dims(), [2, 6, 3]);
        let turned = model.forward(&slots.clone().flip([1]));
        let far = |a: Tensor<3>, b: Tensor<3>| (a - b).abs().max().into_scalar::<f32>();
        assert!(far(turned, features.clone()) < 1e-6);
        // Slots that are all alike draw what one of them draws.
        let one = slots.narrow(1, 0, 1);
        let alike = model.forward(&one.clone().repeat_dim(1, 3));
        assert!(far(alike, model.forward(&one)) < 1e-6);
        assert!(far(features, model.forward(&one)) > 1e-3);
    }
}
