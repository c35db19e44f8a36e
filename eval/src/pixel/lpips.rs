//! The registry's entry for LPIPS; the networks are models of the main crate.

use crate::metric::Direction;
use crate::metric::definition::{Compute, Definition, Group, KeyFigure, Metric, Unit};
use crate::metric::network_profiles::LpipsProfile;

/// `lpips`
pub static LPIPS: Metric = Metric {
    name: "lpips",
    title: "LPIPS",
    meaning: "learned perceptual distance of image patches",
    unit: Unit::One,
    direction: Direction::Lower,
    group: Group::Pixels,
    definitions: &[
        definition(LpipsProfile::Vgg),
        definition(LpipsProfile::Alex),
        definition(LpipsProfile::Squeeze),
    ],
    in_runs: None,
    key_figures: &[KeyFigure {
        subset: "videos",
        subject: "the predicted frames",
        floor: "its floor",
    }],
};

const fn definition(profile: LpipsProfile) -> Definition {
    Definition {
        profile: profile.name(),
        compute: Compute::Lpips(profile),
    }
}
