//! The metrics of masks in the registry; each takes its value from a [`Segmentation`] or a `Detection`.

use super::boxes::Detection;
use super::overlap::{SegProfile, Segmentation};
use crate::metric::Direction;
use crate::metric::definition::{Compute, Definition, Group, KeyFigure, MaskValue, Metric, Unit};

/// Profile of masks in runs: whole clips, so that exchanged identities cost.
const IN_RUNS: Option<&str> = Some(SegProfile::ExactVideo.name());
/// The one definition of box metrics.
const BOX_PROFILE: &str = "slotformer";

/// A metric of masks without what differs from one to the next.
const BLANK: Metric = Metric {
    name: "",
    title: "",
    meaning: "",
    unit: Unit::One,
    direction: Direction::Higher,
    group: Group::Masks,
    definitions: &[],
    in_runs: None,
    key_figures: &[],
};

/// `ari`
pub static ARI: Metric = Metric {
    name: "ari",
    title: "ARI",
    meaning: "adjusted Rand index over all pixels: 1 is perfect, 0 is chance",
    definitions: &of_masks(|found| MaskValue::of(Some(found.ari))),
    in_runs: IN_RUNS,
    ..BLANK
};

/// `fg-ari`
pub static FG_ARI: Metric = Metric {
    name: "fg-ari",
    title: "FG-ARI",
    meaning: "adjusted Rand index over the pixels of true objects",
    definitions: &of_masks(|found| MaskValue {
        degenerate: found.fg_ari_degenerate,
        ..MaskValue::of(Some(found.fg_ari))
    }),
    in_runs: IN_RUNS,
    ..BLANK
};

/// `miou`
pub static MIOU: Metric = Metric {
    name: "miou",
    title: "mIoU",
    meaning: "mean overlap of matched masks",
    definitions: &of_masks(|found| MaskValue::of(found.miou)),
    in_runs: IN_RUNS,
    key_figures: &[KeyFigure {
        subset: "observed",
        subject: "the masks of seen frames",
        floor: "masks that never looked",
    }],
    ..BLANK
};

/// `fg-miou`
pub static FG_MIOU: Metric = Metric {
    name: "fg-miou",
    title: "FG-mIoU",
    meaning: "mean overlap of matched masks of objects",
    definitions: &of_masks(|found| MaskValue::of(found.fg_miou)),
    in_runs: IN_RUNS,
    ..BLANK
};

/// `mbo`
pub static MBO: Metric = Metric {
    name: "mbo",
    title: "mBO",
    meaning: "mean overlap with the best mask for each object",
    definitions: &of_masks(|found| MaskValue::of(found.mbo)),
    in_runs: IN_RUNS,
    ..BLANK
};

/// `corloc`
pub static CORLOC: Metric = Metric {
    name: "corloc",
    title: "CorLoc",
    meaning: "share of clips or frames in which an object was found",
    definitions: &of_masks(|found| {
        let hit = f64::from(u8::from(found.found.found > 0));
        MaskValue::of((found.found.objects > 0).then_some(hit))
    }),
    ..BLANK
};

/// `recall`
pub static RECALL: Metric = Metric {
    name: "recall",
    title: "Recall",
    meaning: "share of objects that overlap a mask by more than half",
    definitions: &of_masks(|found| MaskValue {
        sum: found.found.found as f64,
        count: found.found.objects as f64,
        degenerate: false,
    }),
    ..BLANK
};

/// `box-ar`
pub static BOX_AR: Metric = Metric {
    name: "box-ar",
    title: "Box AR",
    meaning: "share of true boxes that were found at IoU ½",
    definitions: &[of_boxes(|found| found.recall)],
    ..BLANK
};

/// `box-ap`
pub static BOX_AP: Metric = Metric {
    name: "box-ap",
    title: "Box AP",
    meaning: "share of predicted boxes that are right at IoU ½",
    definitions: &[of_boxes(|found| found.precision)],
    ..BLANK
};

/// One definition a profile of segmentation.
const fn of_masks(value: fn(&Segmentation) -> MaskValue) -> [Definition; 6] {
    [
        definition(SegProfile::SlotdiffusionVideo, value),
        definition(SegProfile::SlotdiffusionFrame, value),
        definition(SegProfile::ExactVideo, value),
        definition(SegProfile::ExactFrame, value),
        definition(SegProfile::SlotdiffusionRawVideo, value),
        definition(SegProfile::SlotdiffusionRawFrame, value),
    ]
}

const fn definition(profile: SegProfile, value: fn(&Segmentation) -> MaskValue) -> Definition {
    Definition {
        profile: profile.name(),
        compute: Compute::Masks(profile, value),
    }
}

const fn of_boxes(value: fn(&Detection) -> Option<f64>) -> Definition {
    Definition {
        profile: BOX_PROFILE,
        compute: Compute::Boxes(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_of_segmentation_is_a_definition_in_its_order() {
        for metric in [&ARI, &FG_ARI, &MIOU, &FG_MIOU, &MBO, &CORLOC, &RECALL] {
            let found: Vec<&str> = metric.definitions.iter().map(|one| one.profile).collect();
            let known: Vec<&str> = SegProfile::ALL.iter().map(|one| one.name()).collect();
            assert_eq!(found, known, "{}", metric.name);
        }
    }
}
