//! Definitions of metrics that look through a network: how its input is prepared and what is done with its features.

use super::profiles_macro::profiles;
use crate::distribution::moments::Covariance;
use crate::pixel::resize::Kernel;

profiles! {
    /// How clips become a Fréchet video distance.
    pub enum FvdProfile as "profile of fvd" {
        /// StyleGAN-V `fvd2048_16f`, frames in their true order.
        StyleganV = "styleganv",
        /// What SlotDiffusion computed: as StyleGAN-V, frames ordered by the *text* of their index.
        SlotdiffusionPaper = "slotdiffusion-paper",
        /// The TensorFlow original: legacy resize, unbiased covariance.
        TfOriginal = "tf-original",
        /// `common_metrics`: shorter side to 224 and centre crop, unbiased covariance.
        CommonMetrics = "common-metrics",
        /// `VideoGPT` and TATS: batch norm with eps 1e-5, unbiased covariance.
        VideogptEps1e5 = "videogpt-eps1e-5",
    }
}

profiles! {
    /// How frames become a Fréchet inception distance.
    pub enum FidProfile as "profile of fid" {
        /// `pytorch-fid`: bilinear to 299 without antialias.
        PytorchFid = "pytorch-fid",
        /// `clean-fid`: PIL bicubic with antialias, clipped to 0..255.
        CleanFid = "clean-fid",
    }
}

profiles! {
    /// Backbone whose features LPIPS compares.
    pub enum LpipsProfile as "profile of lpips" {
        /// VGG-16, the papers' choice.
        Vgg = "vgg-v0.1",
        /// `AlexNet`.
        Alex = "alex-v0.1",
        /// `SqueezeNet` 1.1.
        Squeeze = "squeeze-v0.1",
    }
}

impl FvdProfile {
    /// Covariance that the profile takes.
    pub const fn covariance(self) -> Covariance {
        match self {
            Self::StyleganV | Self::SlotdiffusionPaper => Covariance::Biased,
            Self::TfOriginal | Self::CommonMetrics | Self::VideogptEps1e5 => Covariance::Unbiased,
        }
    }

    /// Kernel that brings frames to 224×224.
    pub const fn kernel(self) -> Kernel {
        match self {
            Self::TfOriginal => Kernel::Tf1Legacy,
            _ => Kernel::HalfPixel,
        }
    }

    /// Whether the shorter side becomes 224 and the rest is cropped, rather than both sides squeezed.
    pub const fn crops(self) -> bool {
        matches!(self, Self::CommonMetrics)
    }

    /// Epsilon of the network's batch norms.
    pub const fn batch_norm_eps(self) -> f64 {
        match self {
            Self::VideogptEps1e5 => 1e-5,
            _ => 1e-3,
        }
    }

    /// Name for the `frame_order` column.
    pub const fn frame_order(self) -> &'static str {
        match self {
            Self::SlotdiffusionPaper => "string-sorted",
            _ => "numeric",
        }
    }

    /// The frames of a clip that the profile looks at, in the order in which it does: `length` of `available`.
    pub fn frames(self, available: usize, length: usize) -> Vec<usize> {
        let mut frames: Vec<usize> = (0..available).collect();
        if self == Self::SlotdiffusionPaper {
            frames.sort_by_key(ToString::to_string);
        }
        frames.truncate(length);
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_of_slotdiffusion_saw_frames_in_the_order_of_their_text() {
        let frames = FvdProfile::SlotdiffusionPaper.frames(24, 16);
        assert_eq!(
            frames,
            [0, 1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 2, 20, 21, 22]
        );
        assert_eq!(FvdProfile::default().frames(24, 3), [0, 1, 2]);
    }

    #[test]
    fn a_profile_is_found_by_its_name_and_a_wrong_name_lists_the_known() {
        for profile in FvdProfile::ALL {
            assert_eq!(profile.name().parse::<FvdProfile>().unwrap(), *profile);
        }
        let error = "vgg".parse::<LpipsProfile>().unwrap_err().to_string();
        assert!(error.contains("vgg-v0.1, alex-v0.1"), "{error}");
    }
}
