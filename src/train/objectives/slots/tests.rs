use ndarray::{Array, s};

use super::*;
use crate::models::encoder::SlotEncoderConfig;
use crate::weights::{StateDict, collect, collect_gradients};

const SIZE: [usize; 2] = [16, 16];

fn clips() -> ClipDataset {
    ClipDataset::in_memory(Array::from_elem((1, 2, SIZE[0], SIZE[1], 3), 90), None)
}

fn objective(clips: &ClipDataset, appearance: AppearanceConfig) -> SlotsObjective<'_> {
    let encoder = SlotEncoderConfig {
        resolution: SIZE,
        slots: 3,
        dim: 8,
        slot_mlp: 8,
        ..SlotEncoderConfig::default()
    };
    SlotsObjective {
        encoder: EncoderInit::fresh(encoder),
        decoder: MixtureConfig {
            dim: 8,
            channels: vec![4],
            start: [4, 4],
            resolution: [8, 8],
            ..MixtureConfig::default()
        },
        config: SlotsObjectiveConfig {
            batch: 1,
            window: 2,
            appearance_probe: 1.0,
            appearance,
            ..SlotsObjectiveConfig::default()
        },
        train: clips,
        held_out: clips,
        background: clips.background().unwrap(),
    }
}

/// A window with one white square on grey.
fn batch() -> SlotsBatch {
    let mut frames = Array5::from_elem((1, 2, SIZE[0], SIZE[1], 3), 90);
    let mut segments = Array4::zeros((1, 2, SIZE[0], SIZE[1]));
    frames.slice_mut(s![.., .., 4..8, 4..8, ..]).fill(255);
    segments.slice_mut(s![.., .., 4..8, 4..8]).fill(1);
    SlotsBatch {
        frames,
        weights: None,
        segments: Some(segments),
    }
}

/// Parameters, gradients and the probe's loss of one step.
fn step(appearance: AppearanceConfig) -> (StateDict, StateDict, f32) {
    let clips = clips();
    let objective = objective(&clips, appearance);
    let device = Device::flex().autodiff();
    let model = objective.init(&mut Init::seeded(1, &device));
    let step = StepContext {
        done: 0,
        total: 1,
        part: 0,
        device: &device,
        seed: 1,
    };
    let losses = objective.losses(&model, &batch(), &step);
    let (_, told) = losses
        .parts
        .iter()
        .find(|(name, _)| *name == "appearance-probe")
        .unwrap();
    let told = floats(told.clone())[0];
    let gradients = collect_gradients(&model, &losses.total.backward());
    (collect(&model), gradients, told)
}

#[test]
fn looks_are_read_through_a_hidden_layer_and_place_linearly() {
    let (linear, _, _) = step(AppearanceConfig::default());
    let shape = |state: &StateDict, key: &str| state.get(key).map(|value| value.shape.clone());
    assert_eq!(shape(&linear, "probe.weight"), Some(vec![4 + 576, 8]));
    assert!(
        !linear
            .entries
            .keys()
            .any(|key| key.starts_with("appearance"))
    );

    let full = AppearanceConfig {
        cells: 24,
        cell_size: 1,
        weight: 30.0,
        hidden: Some(16),
    };
    let (hidden, gradients, told) = step(full.clone());
    assert_eq!(shape(&hidden, "probe.weight"), Some(vec![4, 8]));
    let output = shape(&hidden, "appearance.output.weight");
    assert_eq!(output, Some(vec![4 * 24 * 24, 16]));
    let moved = |key: &str| {
        let values = gradients.get(key).and_then(|value| value.as_f32());
        values.is_some_and(|values| values.iter().any(|value| *value != 0.0))
    };
    assert!(moved("probe.weight") && moved("appearance.hidden.weight"));

    let (_, _, unweighted) = step(AppearanceConfig {
        weight: 0.0,
        ..full
    });
    assert!(told > unweighted, "looks count: {told} {unweighted}");
}

#[test]
fn plans_of_earlier_versions_keep_their_words() {
    let earlier: SlotsObjectiveConfig = toml::from_str("summary = 2.0").unwrap();
    let now: SlotsObjectiveConfig = toml::from_str("appearance-probe = 2.0").unwrap();
    assert_eq!((earlier.appearance_probe, &earlier), (2.0, &now));
    let written = serde_json::to_value(&now).unwrap();
    assert_eq!(written["appearance-probe"], 2.0);
    assert_eq!(written.get("appearance"), None);
    let loss = written["segment-loss"].as_object().unwrap();
    assert!(loss.keys().eq(["balance"]), "{loss:?}");
}
