//! Initial slots, and the distribution that StoSAVi draws slots from before each frame.
//! Reference: SlotFormer `base_slots/models/savi.py`, `init_latents` and `kernel_dist_layer`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use crate::models::blocks::{LayerNorm, Linear};
use crate::rng::Init;

/// How slots are initialised before the first frame.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialConfig {
    /// One learned vector per slot: slots have roles.
    #[default]
    Learned,
    /// Draws from one learned normal distribution: slots are exchangeable.
    ///
    /// Differs: SAVi and `SlotDiffusion` learn each slot's start; this is Locatello et al. 2020.
    Gaussian,
    /// Learned vectors, and a distribution around the slots before each frame.
    Stochastic(PosteriorConfig),
}

/// Sizes of the posterior from which the slots of a frame are drawn before slot attention.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PosteriorConfig {
    /// Two layers with a norm between them, instead of one layer.
    pub deep: bool,
    /// Variance that the distribution is drawn to; without it the slots are the means.
    pub prior_variance: Option<f64>,
}

/// Slots before the first frame.
#[derive(Module, Debug)]
pub struct Initial {
    /// Learned starts `[1, slots, dim]`, or the mean of all starts `[1, 1, dim]`.
    pub mean: Param<Tensor<3>>,
    /// `[1, 1, dim]` when starts are drawn.
    pub log_deviation: Option<Param<Tensor<3>>>,
    /// Posterior of stochastic SAVi; absent in the others.
    pub posterior: Option<Posterior>,
    #[module(skip)]
    slots: usize,
}

/// Network from predicted slots to the posterior's `[mean ‖ log-variance]`.
#[derive(Module, Debug)]
pub struct Posterior {
    /// `[2 · dim, dim]`
    pub first: Linear,
    /// What follows the first layer when there are two.
    pub norm: Option<LayerNorm>,
    /// `[2 · dim, 2 · dim]`
    pub second: Option<Linear>,
    #[module(skip)]
    drawn: bool,
}

/// Slots that slot attention starts from.
#[derive(Debug, Clone)]
pub struct InitialSlots {
    /// `[batch, slots, dim]`
    pub slots: Tensor<3>,
    /// Mean and log-variance of the slots before attention, `[batch, slots, 2 · dim]`, where they are stochastic.
    pub posterior: Option<Tensor<3>>,
}

impl InitialConfig {
    /// Initial parameters for `slots` slots of `dim` numbers.
    pub fn init(&self, init: &mut Init, slots: usize, dim: usize) -> Initial {
        let mut initial = match self {
            Self::Gaussian => {
                let bound = (6.0 / (1 + dim) as f64).sqrt();
                Initial {
                    mean: init.uniform([1, 1, dim], bound),
                    log_deviation: Some(init.uniform([1, 1, dim], bound)),
                    posterior: None,
                    slots,
                }
            }
            Self::Learned | Self::Stochastic(_) => Initial {
                mean: init.normal([1, slots, dim], 1.0),
                log_deviation: None,
                posterior: None,
                slots,
            },
        };
        if let Self::Stochastic(config) = self {
            initial.posterior = Some(Posterior::new(init, dim, config));
        }
        initial
    }
}

impl Posterior {
    fn new(init: &mut Init, dim: usize, config: &PosteriorConfig) -> Self {
        Self {
            first: Linear::new(init, dim, 2 * dim),
            norm: config.deep.then(|| LayerNorm::new(init, 2 * dim)),
            second: config.deep.then(|| Linear::new(init, 2 * dim, 2 * dim)),
            drawn: config.prior_variance.is_some(),
        }
    }

    fn forward(&self, slots: Tensor<3>) -> Tensor<3> {
        let mut x = self.first.forward(slots);
        if let Some(norm) = &self.norm {
            x = relu(norm.forward(x));
        }
        match &self.second {
            Some(second) => second.forward(x),
            None => x,
        }
    }
}

impl Initial {
    /// Whether the first slots are draws.
    pub fn is_drawn(&self) -> bool {
        self.log_deviation.is_some()
    }

    /// Whether the slots before each frame are draws.
    pub fn is_stochastic(&self) -> bool {
        self.posterior
            .as_ref()
            .is_some_and(|posterior| posterior.drawn)
    }

    /// Slots before the first frame; drawn ones need `noise`.
    ///
    /// # Shape
    /// `[batch, slots, dim]`, as `noise`
    ///
    /// # Panics
    /// When starts are draws and there is no noise.
    pub fn slots(&self, batch: usize, noise: Option<&Tensor<3>>) -> Tensor<3> {
        let [_, _, dim] = self.mean.dims();
        let mean = self.mean.val().expand([batch, self.slots, dim]);
        let Some(log_deviation) = &self.log_deviation else {
            return mean;
        };
        assert!(noise.is_some(), "slots that are drawn need noise");
        noise.map_or(mean.clone(), |noise| {
            mean + log_deviation.val().exp() * noise.clone()
        })
    }

    /// Slots that go to slot attention, given those expected before the frame.
    ///
    /// # Panics
    /// When slots are draws and there is no noise.
    pub fn start(&self, expected: Tensor<3>, noise: Option<&Tensor<3>>) -> InitialSlots {
        let Some(layer) = &self.posterior else {
            return InitialSlots {
                slots: expected,
                posterior: None,
            };
        };
        let [_, _, dim] = expected.dims();
        let posterior = layer.forward(expected);
        let mean = posterior.clone().narrow(2, 0, dim);
        let slots = if layer.drawn {
            assert!(noise.is_some(), "slots that are drawn need noise");
            let deviation = (posterior.clone().narrow(2, dim, dim) * 0.5).exp();
            noise.map_or(mean.clone(), |noise| mean + deviation * noise.clone())
        } else {
            mean
        };
        InitialSlots {
            slots,
            posterior: Some(posterior),
        }
    }
}

/// Distance of the posterior from its prior: KL(N(μ, σ²) ‖ N(μ, prior variance)), summed over a slot, averaged over slots.
///
/// The prior's mean is μ itself without its gradient, so only the variance is drawn anywhere.
///
/// # Shape
/// - `posterior`: mean and log-variance, `[batch, time, slots, 2 · dim]`
///
/// # Source
/// Reference: SlotFormer `base_slots/models/savi.py`, `_kld_loss`.
pub fn kl_loss(posterior: Tensor<4>, prior_variance: f64) -> Tensor<1> {
    let [_, _, _, width] = posterior.dims();
    let log_variance = posterior.narrow(3, width / 2, width / 2);
    let spread = log_variance.clone().exp() / (2.0 * prior_variance);
    let divergence = spread - log_variance * 0.5 + (0.5 * prior_variance.ln() - 0.5);
    divergence.mean() * (width / 2) as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn a_posterior_as_wide_as_its_prior_costs_nothing_and_any_other_costs() {
        let loss = |variance: f32| {
            let posterior = [3.0, -1.0, variance.ln(), variance.ln()];
            let posterior = TensorData::new(posterior.to_vec(), [1, 1, 1, 4]);
            let posterior = Tensor::<4>::from_data(posterior, &Device::default());
            kl_loss(posterior, 0.01).into_scalar::<f32>()
        };
        assert!(loss(0.01).abs() < 1e-5);
        assert!(loss(0.02) > 0.1 && loss(0.005) > 0.1);
    }
}
