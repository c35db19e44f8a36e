//! The metrics of sets in the registry. Features are made by networks of the main crate.

use crate::metric::Direction;
use crate::metric::definition::{
    Compute, Definition, FeatureOrigin, Group, KeyFigure, Metric, SetDistance, Unit,
};
use crate::metric::network_profiles::{FidProfile, FvdProfile};

/// A distance without what differs from one to the next.
const BLANK: Metric = Metric {
    name: "",
    title: "",
    meaning: "",
    unit: Unit::One,
    direction: Direction::Lower,
    group: Group::Distance,
    definitions: &[],
    in_runs: None,
    key_figures: &[],
};

/// `fvd`
pub static FVD: Metric = Metric {
    name: "fvd",
    title: "FVD",
    meaning: "Fréchet distance between features of videos (I3D)",
    definitions: &of_videos(SetDistance::Frechet),
    key_figures: &[KeyFigure {
        subset: "videos",
        subject: "the predicted clips",
        floor: "its floor",
    }],
    ..BLANK
};

/// `fid`
pub static FID: Metric = Metric {
    name: "fid",
    title: "FID",
    meaning: "Fréchet distance between features of images (Inception)",
    definitions: &of_frames(SetDistance::Frechet),
    ..BLANK
};

/// `fvd-infinity`
pub static FVD_INFINITY: Metric = Metric {
    name: "fvd-infinity",
    title: "FVD∞",
    meaning: "FVD at infinitely many clips, by a line over 1/N",
    definitions: &of_videos(SetDistance::FrechetInfinity),
    ..BLANK
};

/// `fid-infinity`
pub static FID_INFINITY: Metric = Metric {
    name: "fid-infinity",
    title: "FID∞",
    meaning: "FID at infinitely many frames, by a line over 1/N",
    definitions: &of_frames(SetDistance::FrechetInfinity),
    ..BLANK
};

/// `kvd`
pub static KVD: Metric = Metric {
    name: "kvd",
    title: "KVD",
    meaning: "kernel distance between features of videos",
    definitions: &of_videos(SetDistance::Mmd),
    ..BLANK
};

/// `kid`
pub static KID: Metric = Metric {
    name: "kid",
    title: "KID",
    meaning: "kernel distance between features of images",
    definitions: &of_frames(SetDistance::Mmd),
    ..BLANK
};

/// `jedi`
pub static JEDI: Metric = Metric {
    name: "jedi",
    title: "JEDi",
    meaning: "kernel distance between features of videos (V-JEPA)",
    definitions: &[
        Definition {
            profile: "vjepa-ssv2",
            compute: Compute::Features(FeatureOrigin::NotBuiltIn),
        },
        Definition {
            profile: "given-features",
            compute: Compute::Features(FeatureOrigin::Given),
        },
    ],
    ..BLANK
};

/// `fvd-motion`
pub static FVD_MOTION: Metric = Metric {
    name: "fvd-motion",
    title: "FVD-motion",
    meaning: "Fréchet distance between features of the shipped motion network",
    definitions: &[Definition {
        profile: "shipped",
        compute: Compute::Motion,
    }],
    in_runs: Some("shipped"),
    key_figures: &[
        KeyFigure {
            subset: "imagined",
            subject: "imagined clips",
            floor: "its floor",
        },
        KeyFigure {
            subset: "composed",
            subject: "composed scenes",
            floor: "clips that stand still",
        },
    ],
    ..BLANK
};

const fn of_videos(distance: SetDistance) -> [Definition; 5] {
    [
        of_video(distance, FvdProfile::StyleganV),
        of_video(distance, FvdProfile::SlotdiffusionPaper),
        of_video(distance, FvdProfile::TfOriginal),
        of_video(distance, FvdProfile::CommonMetrics),
        of_video(distance, FvdProfile::VideogptEps1e5),
    ]
}

const fn of_video(distance: SetDistance, profile: FvdProfile) -> Definition {
    Definition {
        profile: profile.name(),
        compute: Compute::VideoSet(distance, profile),
    }
}

const fn of_frames(distance: SetDistance) -> [Definition; 2] {
    [
        of_frame(distance, FidProfile::PytorchFid),
        of_frame(distance, FidProfile::CleanFid),
    ]
}

const fn of_frame(distance: SetDistance, profile: FidProfile) -> Definition {
    Definition {
        profile: profile.name(),
        compute: Compute::FrameSet(distance, profile),
    }
}
