//! The Physion and PHYRE readouts.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use slotflow::models::blocks::TransformerConfig;
use slotflow::models::reasoner::{
    PhyreReadout, PhyreReadoutConfig, PhysionReadout, PhysionReadoutConfig, binary_cross_entropy,
    threshold_accuracy,
};
use slotflow::rng::Init;
use slotflow::weights::{StateDict, collect_gradients, load_into};

use super::{Compare, Fixture};

fn physion(fixture: &Fixture, device: &Device) -> PhysionReadout {
    let size = |name: &str| fixture.size(&format!("readout_dict/{name}"));
    let config = PhysionReadoutConfig {
        dim: size("slot_size"),
        pair: size("feats_dim"),
    };
    load_into(
        config.init(&mut Init::blank(device)),
        fixture.parts().remove("reasoner").unwrap(),
    )
    .unwrap()
}

/// The PHYRE readout of a fixture.
pub fn phyre(fixture: &Fixture, device: &Device) -> PhyreReadout {
    let size = |name: &str| fixture.size(&format!("readout_dict/{name}"));
    let steps = fixture
        .setting("readout_dict/sel_slots")
        .as_array()
        .unwrap();
    let config = PhyreReadoutConfig {
        dim: size("slot_size"),
        steps: steps
            .iter()
            .map(|step| step.as_u64().unwrap() as usize)
            .collect(),
        transformer: TransformerConfig {
            dim: size("d_model"),
            layers: size("num_layers"),
            heads: size("num_heads"),
            feed_forward: size("ffn_dim"),
            dropout: 0.0,
        },
    };
    load_into(
        config.init(&mut Init::blank(device)),
        fixture.parts().remove("reasoner").unwrap(),
    )
    .unwrap()
}

pub fn check_physion(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let model = physion(fixture, &device);
    let logits = model.forward(&fixture.tensor("in/slots", &device));
    compare(fixture, report, logits, |gradients| {
        collect_gradients(&model, gradients)
    });
}

pub fn check_phyre(fixture: &Fixture, report: &mut Compare) {
    let device = Fixture::device().autodiff();
    let model = phyre(fixture, &device);
    let logits = model.forward(&fixture.tensor("in/slots", &device));
    compare(fixture, report, logits, |gradients| {
        collect_gradients(&model, gradients)
    });
}

fn compare(
    fixture: &Fixture,
    report: &mut Compare,
    logits: Tensor<1>,
    gradients: impl Fn(&burn::tensor::Gradients) -> StateDict,
) {
    report.tensor("out/logits", logits.clone());
    let loss = binary_cross_entropy(logits.clone(), fixture.ints("in/label", &logits.device()));
    for name in ["out/loss/vqa_loss", "out/eval/vqa_loss"] {
        report.tensor(name, loss.clone());
    }
    let values: Vec<f32> = logits.into_data().try_to_vec().unwrap();
    let labels = fixture.whole("in/label");
    let names: Vec<String> = fixture.expected().map(str::to_owned).collect();
    for name in names {
        if let Some(threshold) = name.strip_prefix("out/eval/acc_") {
            report.number(
                &name,
                threshold_accuracy(&values, &labels, threshold.parse().unwrap()),
            );
        }
    }
    report.gradients(BTreeMap::from([("reasoner", gradients(&loss.backward()))]));
}
