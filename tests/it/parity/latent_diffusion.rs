//! SlotDiffusion for images and videos.

use super::{Compare, Fixture};

pub fn check(_fixture: &Fixture, report: &mut Compare) {
    report.not_implemented("the model");
}
