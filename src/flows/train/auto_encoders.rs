//! Auto-encoders of frames: VQ-VAE, dVAE, and the one of Stable Diffusion.

use std::path::PathBuf;

use burn::module::Module;
use serde::Serialize;
use slotflow_eval::profile::LpipsProfile;

use super::run::TrainingRun;
use crate::metrics::pretrained::PretrainedStore;
use crate::metrics::{MetricsError, lpips};
use crate::models::WeightsKind;
use crate::models::decoder::autoencoder_kl::AutoencoderKlConfig;
use crate::models::perceptual::lpips::{Backbone, Lpips};
use crate::plan::training::objectives::{AutoencoderKlPlan, DvaePlan, VqVaePlan};
use crate::train::objectives::autoencoder_kl::AutoencoderKlObjective;
use crate::train::objectives::parts::reconstruct::Reconstruct;
use crate::train::{Objective, TrainError};
use crate::weights::pretrained::Network;

impl TrainingRun<'_> {
    pub(super) fn vqvae(&mut self, plan: &VqVaePlan) -> Result<Vec<PathBuf>, TrainError> {
        let lpips = self.lpips_where(plan.objective.perceptual)?;
        self.reconstruct(WeightsKind::VqVae, &plan.model, &plan.objective, lpips)
    }

    pub(super) fn autoencoder_kl(
        &mut self,
        plan: &AutoencoderKlPlan,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let lpips = self.lpips_where(plan.objective.perceptual)?;
        let clips = self.clips()?;
        let objective = AutoencoderKlObjective {
            model: plan.model.clone(),
            config: plan.objective.clone(),
            lpips,
            backgrounds: clips.backgrounds()?,
            train: &clips.train,
            held_out: &clips.held_out,
        };
        let result = self.fit(&objective)?;
        let (seed, device) = (self.plan.seed, &self.execution.device);
        let config = AutoencoderKlConfig {
            scaling_factor: objective.scaling_factor(&result.model, seed, device)?,
            ..plan.model.clone()
        };
        let kind = WeightsKind::AutoencoderKl;
        Ok(vec![self.write(
            kind,
            &config,
            &result.model,
            result.facts(),
        )?])
    }

    pub(super) fn dvae(&self, plan: &DvaePlan) -> Result<Vec<PathBuf>, TrainError> {
        self.reconstruct(WeightsKind::Dvae, &plan.model, &plan.objective, None)
    }

    /// Trains an auto-encoder of frames.
    fn reconstruct<M, C>(
        &self,
        kind: WeightsKind,
        model: &M,
        config: &C,
        lpips: Option<Lpips>,
    ) -> Result<Vec<PathBuf>, TrainError>
    where
        M: Clone + Serialize,
        C: Clone,
        for<'a> Reconstruct<'a, M, C>: Objective,
    {
        let clips = self.clips()?;
        let objective = Reconstruct {
            model: model.clone(),
            config: config.clone(),
            lpips,
            backgrounds: clips.backgrounds()?,
            train: &clips.train,
            held_out: &clips.held_out,
        };
        let result = self.fit(&objective)?;
        let file = self.write(kind, model, &result.model, result.facts())?;
        Ok(vec![file])
    }

    /// LPIPS, if it has a weight in the loss.
    fn lpips_where(&mut self, weight: f64) -> Result<Option<Lpips>, TrainError> {
        (weight > 0.0).then(|| self.lpips()).transpose()
    }

    /// LPIPS with VGG-16 from the weights that were downloaded, frozen; its content becomes part of the training's
    /// identity.
    fn lpips(&mut self) -> Result<Lpips, TrainError> {
        let smallest = Backbone::Vgg.smallest();
        if self.plan.data.size.iter().any(|&side| side < smallest) {
            return Err(TrainError::Perceptual {
                reason: format!("it sees nothing in frames below {smallest} pixels a side"),
            });
        }
        let network = Network::Backbone(Backbone::Vgg);
        let wrong = |error: MetricsError| TrainError::Perceptual {
            reason: error.to_string(),
        };
        let pretrained = PretrainedStore::of_cache(&self.execution.options.cache)
            .load(network)
            .map_err(wrong)?;
        let pretrained = pretrained.ok_or_else(|| TrainError::Perceptual {
            reason: PretrainedStore::missing(network),
        })?;
        self.depends_on("lpips", &*pretrained.entry.sha256);
        let device = self.execution.device.clone().autodiff();
        let model = lpips::model(LpipsProfile::Vgg, &pretrained, &device).map_err(wrong)?;
        Ok(model.no_grad())
    }
}
