//! PHYRE planning: the single-step `SlotFormer`, then the readout.

use burn::tensor::Tensor;
use slotflow::models::SlotSequence;

use super::{Compare, Fixture, readout, slotformer};

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device();
    let used = |class: &str| {
        let names = fixture
            .uses
            .iter()
            .map(|file| file.trim_end_matches(".pth"));
        let mut fixtures = names.flat_map(|name| Fixture::read_all(fixture.folder(), Some(name)));
        fixtures
            .find(|candidate| candidate.class == class)
            .unwrap_or_else(|| panic!("no {class} among {:?}", fixture.uses))
    };
    let dynamics = slotformer::dynamics(&used("SingleStepSlotFormer"), &device);
    let readout = readout::phyre(&used("PHYREReadout"), &device);

    let slots = fixture.tensor::<4>("in/slots", &device);
    let steps = fixture.value("out/pred_slots").shape[1];
    let burn_in = dynamics.burn_in();
    let rolled = dynamics.rollout(
        &SlotSequence::observed(slots.clone().narrow(1, 0, burn_in)),
        steps,
    );
    report.tensor("out/pred_slots", rolled.clone().imagined());
    report.tensor("out/logits_intended", readout.forward(&rolled.slots));
    // The released code puts the future that it pads with zeros where the seen frames belong.
    let padding = slots.clone().narrow(1, burn_in, slots.dims()[1] - burn_in);
    let released = Tensor::cat(vec![padding, rolled.imagined()], 1);
    report.tensor("out/logits_as_released", readout.forward(&released));
}
