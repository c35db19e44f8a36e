//! `SlotFormer` with every kind of decoder.

use std::collections::BTreeMap;

use burn::tensor::Device;
use slotflow::models::SlotSequence;
use slotflow::models::blocks::TransformerConfig;
use slotflow::models::dynamics::slotformer::SlotLoss;
use slotflow::models::dynamics::{SlotFormer, SlotFormerConfig};
use slotflow::noise::Init;
use slotflow::weights::{StateDict, collect_gradients, load_into};

use super::{Compare, Fixture};

/// The configuration that the official dict says.
pub fn config(fixture: &Fixture) -> SlotFormerConfig {
    let size = |name: &str| fixture.size(&format!("rollout_dict/{name}"));
    let burn_in = size("history_len");
    let window = fixture
        .setting("rollout_dict/cond_len")
        .as_u64()
        .map_or(burn_in, |window| window as usize);
    SlotFormerConfig {
        dim: size("slot_size"),
        burn_in,
        window,
        transformer: TransformerConfig {
            dim: size("d_model"),
            layers: size("num_layers"),
            heads: size("num_heads"),
            feed_forward: size("ffn_dim"),
            dropout: 0.0,
        },
    }
}

/// The model of a fixture with its weights.
pub fn dynamics(fixture: &Fixture, device: &Device) -> SlotFormer {
    let state = fixture.parts().remove("dynamics").unwrap();
    load_into(config(fixture).init(&mut Init::blank(device)), state).unwrap()
}

pub fn check(fixture: &Fixture, report: &mut Compare) {
    let device = Device::flex();
    let model = dynamics(fixture, &device);
    let slots = fixture.tensor::<4>("in/slots", &device);
    let history = SlotSequence::seen(slots.narrow(1, 0, model.burn_in()));
    let steps = fixture.number("in/rollout_steps") as usize;
    report.tensor("out/pred_slots", model.rollout(&history, steps).imagined());

    let window = model.embed_last(history.slots);
    let [batch, time, count, width] = window.dims();
    report.tensor(
        "out/in_proj_step0",
        window.clone().reshape([batch, time * count, width]),
    );
    report.tensor(
        "out/transformer_out_step0",
        model.transformer.forward(model.coded(&window), None),
    );
    check_loss(fixture, report);
    report.not_implemented("decoding");
}

/// The slot loss and its gradients.
fn check_loss(fixture: &Fixture, report: &mut Compare) {
    let device = Device::flex().autodiff();
    let model = dynamics(fixture, &device);
    let burn_in = model.burn_in();
    let slots = fixture.tensor::<4>("in/slots", &device);
    let steps = fixture.size("loss_dict/rollout_len");
    let history = SlotSequence::seen(slots.clone().narrow(1, 0, burn_in));
    let truth = slots.narrow(1, burn_in, steps);
    let imagined = model.rollout(&history, steps).imagined();

    let plain = SlotLoss::default().of(imagined.clone(), truth.clone());
    report.tensor("out/loss/slot_recon_loss", plain.clone());
    for step in 0..steps.min(6) {
        let name = format!("out/loss/slot_recon_loss_{}", step + 1);
        if report.expects(&name) {
            let one = |x: &burn::tensor::Tensor<4>| x.clone().narrow(1, step, 1);
            report.tensor(&name, SlotLoss::default().of(one(&imagined), one(&truth)));
        }
    }
    if report.expects("out/loss_decay0.5/slot_recon_loss") {
        let loss = SlotLoss {
            decay: Some(0.5),
            ..SlotLoss::default()
        };
        report.tensor(
            "out/loss_decay0.5/slot_recon_loss",
            loss.of(imagined.clone(), truth.clone()),
        );
    }
    if report.expects("out/loss_vid_len/slot_recon_loss") {
        let lengths = fixture.whole("in/vid_len");
        let valid = lengths
            .iter()
            .map(|length| (*length as usize).saturating_sub(burn_in))
            .collect();
        let loss = SlotLoss {
            valid_steps: Some(valid),
            decay: None,
        };
        report.tensor("out/loss_vid_len/slot_recon_loss", loss.of(imagined, truth));
    }
    if fixture.setting("loss_dict/use_img_recon_loss").as_bool() != Some(true) {
        if report.expects("out/loss/total") {
            report.tensor("out/loss/total", plain.clone());
        }
        let gradients = collect_gradients(&model, &plain.backward());
        report.gradients(BTreeMap::<_, StateDict>::from([("dynamics", gradients)]));
    }
}
