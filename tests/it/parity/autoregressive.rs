//! SLATE and STEVE.

use slotflow::models::decoder::autoregressive::AutoregressiveConfig;
use slotflow::weights::StateDict;

use super::{Compare, Fixture, dvae};

/// The configuration of the decoder whose weights are `state`.
pub fn config(fixture: &Fixture, state: &StateDict) -> AutoregressiveConfig {
    let shape = |key: &str| state.shape(key).unwrap();
    let size = |name: &str| fixture.size(&format!("dec_dict/{name}"));
    let side = |index: usize| fixture.size(&format!("resolution/{index}"));
    AutoregressiveConfig {
        dim: shape("tokens.input.weight")[1],
        width: shape("tokens.input.weight")[0],
        resolution: [side(0), side(1)],
        layers: size("dec_num_layers"),
        heads: size("dec_num_heads"),
        dropout: 0.0,
        dvae: dvae::config(state, "dvae."),
    }
}

pub fn check(_fixture: &Fixture, report: &mut Compare) {
    report.not_implemented("the model");
}
