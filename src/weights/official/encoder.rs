//! Sizes of slot encoders, mixture decoders and vision transformers.

use super::{OfficialConfig, Shapes};
use crate::models::decoder::mixture::MixtureConfig;
use crate::models::encoder::{
    CnnConfig, InitialConfig, InteractionConfig, PosteriorConfig, ResNetConfig, SlotEncoderConfig,
    StemConfig, TransitionConfig, VitConfig,
};
use crate::weights::WeightsError;
use crate::weights::official::config::setting;

/// How many times a residual network makes the image smaller.
const RESNET_FACTOR: usize = 4;

/// Height and width of images: given, or told by a grid that knows, or published.
///
/// Of the buffers of a checkpoint, `official` is asked, because they are dropped later.
pub fn resolution(official: &Shapes, facts: &OfficialConfig) -> Result<[usize; 2], WeightsError> {
    let told = if official.any("encoder.layer1.") {
        grid(official, "encoder_pos_embedding.grid")?
            .map(|grid| grid.map(|side| side * RESNET_FACTOR))
    } else if let Some(positions) = official
        .entries
        .get("encoder.dino.embeddings.position_embeddings")
    {
        let [_, _, _, patch] =
            official.axes("encoder.dino.embeddings.patch_embeddings.projection.weight")?;
        square(positions.get(1).map_or(0, |count| count.saturating_sub(1)))
            .map(|side| [side * patch; 2])
    } else {
        let places = ["trans_decoder.pos_emb.pe", "decoder.pos_emb.pe"];
        let place = places.into_iter().find(|place| official.has(place));
        place
            .map(|place| official.axes::<3>(place))
            .transpose()?
            .and_then(|[_, tokens, _]| {
                square(tokens).map(|side| [side * crate::models::decoder::dvae::PATCH; 2])
            })
    };
    let key = "resolution";
    match told {
        Some(told) if !facts.is_given(key) => Ok(told),
        _ => facts
            .pair(key)?
            .ok_or_else(|| setting(key, "is not told by any shape: give it with `--config`")),
    }
}

/// Height and width of a position grid, `[1, height, width, 4]`.
fn grid(official: &Shapes, key: &str) -> Result<Option<[usize; 2]>, WeightsError> {
    if !official.has(key) {
        return Ok(None);
    }
    let [_, height, width, _] = official.axes(key)?;
    Ok(Some([height, width]))
}

/// The side of a square of so many.
fn square(count: usize) -> Option<usize> {
    let side = count.isqrt();
    (side > 0 && side * side == count).then_some(side)
}

/// Sizes of a slot encoder.
pub fn encoder(
    shapes: &Shapes,
    official: &Shapes,
    facts: &OfficialConfig,
) -> Result<SlotEncoderConfig, WeightsError> {
    let [_, slots, dim] = shapes.axes("initial.mean")?;
    let [features, _] = shapes.axes("second.weight")?;
    let [slot_mlp, _] = shapes.axes("attention.widen.weight")?;
    facts.confirm("slot_dict/num_slots", slots)?;
    facts.confirm("slot_dict/slot_size", dim)?;
    facts.confirm("slot_dict/slot_mlp_size", slot_mlp)?;
    facts.confirm("enc_dict/enc_out_channels", features)?;
    let resolution = resolution(official, facts)?;
    let stem = stem(shapes, official, facts, resolution)?;
    check_grid(&stem, resolution, official)?;
    let memory = shapes.has("transition.lstm.weight_hh");
    facts.confirm("pred_dict/pred_rnn", memory)?;
    let memory = memory
        .then(|| {
            shapes
                .axes::<2>("transition.lstm.weight_hh")
                .map(|[_, hidden]| hidden)
        })
        .transpose()?;
    Ok(SlotEncoderConfig {
        resolution,
        slots,
        dim,
        features: Some(features),
        slot_mlp,
        iterations: facts.size("slot_dict/num_iterations")?,
        stem,
        transition: transition(shapes, facts)?,
        memory,
        initial: initial(shapes, facts)?,
        ..SlotEncoderConfig::default()
    })
}

fn stem(
    shapes: &Shapes,
    official: &Shapes,
    facts: &OfficialConfig,
    resolution: [usize; 2],
) -> Result<StemConfig, WeightsError> {
    if shapes.has("stem.class_token") {
        return Ok(StemConfig::Vit(vit(
            &shapes.under("stem."),
            facts,
            resolution,
        )?));
    }
    if shapes.any("stem.layer1.") {
        let width = |layer: usize| -> Result<usize, WeightsError> {
            Ok(shapes.axes::<4>(&format!("stem.layer{layer}.0.conv1.weight"))?[0])
        };
        return Ok(StemConfig::Resnet18(ResNetConfig {
            widths: [width(1)?, width(2)?, width(3)?],
            norm_groups: facts
                .size_or("enc_dict/norm_groups", ResNetConfig::default().norm_groups)?,
        }));
    }
    let (mut channels, mut kernels) = (Vec::new(), Vec::new());
    for index in 0..shapes.count("stem.convs.").max(1) {
        let [output, _, _, side] = shapes.axes(&format!("stem.convs.{index}.weight"))?;
        channels.push(output);
        kernels.push(side);
    }
    let mut strides = vec![1; channels.len()];
    strides[0] = match grid(official, "encoder_pos_embedding.grid")? {
        // Without the grid, the rule of the official code.
        None => 1 + usize::from(resolution[0] > 64),
        Some([rows, columns]) if resolution == [rows, columns] => 1,
        Some([rows, columns]) if resolution == [2 * rows, 2 * columns] => 2,
        Some(grid) => {
            let reason =
                format!("is {resolution:?}, which does not fit the encoder's grid {grid:?}");
            return Err(setting("resolution", reason));
        }
    };
    Ok(StemConfig::Cnn(CnnConfig {
        channels,
        kernels,
        strides,
        norm_groups: None,
    }))
}

/// Refuses a resolution at which the encoder's grid is not the one that the checkpoint has.
fn check_grid(
    stem: &StemConfig,
    resolution: [usize; 2],
    official: &Shapes,
) -> Result<(), WeightsError> {
    let ours = stem.grid(resolution);
    match grid(official, "encoder_pos_embedding.grid")? {
        Some(theirs) if theirs != ours => {
            let reason = format!(
                "is {resolution:?}, which gives a grid of {ours:?}; the checkpoint's is {theirs:?}"
            );
            Err(setting("resolution", reason))
        }
        _ => Ok(()),
    }
}

fn transition(shapes: &Shapes, facts: &OfficialConfig) -> Result<TransitionConfig, WeightsError> {
    if shapes.any("transition.mlp.") {
        facts.confirm("pred_dict/pred_type", "mlp")?;
        return Ok(TransitionConfig::Mlp);
    }
    let layers = shapes.count("transition.transformer.layers.");
    if layers == 0 {
        return Ok(TransitionConfig::None);
    }
    let [feed_forward, _] = shapes.axes("transition.transformer.layers.0.linear1.weight")?;
    facts.confirm("pred_dict/pred_type", "transformer")?;
    facts.confirm("pred_dict/pred_num_layers", layers)?;
    facts.confirm("pred_dict/pred_ffn_dim", feed_forward)?;
    Ok(TransitionConfig::Transformer(InteractionConfig {
        layers,
        heads: facts.size("pred_dict/pred_num_heads")?,
        feed_forward: Some(feed_forward),
        ..InteractionConfig::default()
    }))
}

fn initial(shapes: &Shapes, facts: &OfficialConfig) -> Result<InitialConfig, WeightsError> {
    if !shapes.has("initial.posterior.first.weight") {
        return Ok(InitialConfig::Learned);
    }
    let deep = shapes.has("initial.posterior.norm.weight");
    facts.confirm("slot_dict/kernel_mlp", deep)?;
    let key = "loss_dict/kld_method";
    let wrong = |word: &str| {
        setting(
            key,
            format!("is `{word}`; there are `none` and `var-NUMBER`"),
        )
    };
    let prior_variance = match facts.word(key)? {
        None | Some("none" | "") => None,
        Some(word) => {
            let number = word.strip_prefix("var-").ok_or_else(|| wrong(word))?;
            Some(number.parse::<f64>().map_err(|_| wrong(word))?)
        }
    };
    Ok(InitialConfig::Stochastic(PosteriorConfig {
        deep,
        prior_variance,
    }))
}

/// Sizes of a vision transformer whose paths begin at its own root.
pub fn vit(
    shapes: &Shapes,
    facts: &OfficialConfig,
    resolution: [usize; 2],
) -> Result<VitConfig, WeightsError> {
    let [dim, _, _, patch] = shapes.axes("patches.weight")?;
    let [_, positions, _] = shapes.axes("positions")?;
    let [ffn, _] = shapes.axes("layers.0.widen.weight")?;
    let layer_scale = shapes.has("layers.0.scale1");
    facts.confirm("enc_dict/patch_size", patch)?;
    facts.confirm("enc_dict/vit_dict/hidden_size", dim)?;
    facts.confirm("enc_dict/vit_dict/intermediate_size", ffn)?;
    let grid = resolution.map(|side| side / patch);
    if 1 + grid[0] * grid[1] != positions {
        let reason = format!(
            "is {resolution:?}, which does not fit {positions} positions of patches of {patch}"
        );
        return Err(setting("resolution", reason));
    }
    Ok(VitConfig {
        resolution,
        patch,
        dim,
        layers: shapes.count("layers."),
        // Every published one has heads of 64.
        heads: facts.size_or("enc_dict/vit_dict/num_attention_heads", (dim / 64).max(1))?,
        ffn,
        layer_scale,
        epsilon: if layer_scale { 1e-6 } else { 1e-12 },
    })
}

/// Height and width of the images that a vision transformer's positions were learned at.
pub fn vit_resolution(shapes: &Shapes, facts: &OfficialConfig) -> Result<[usize; 2], WeightsError> {
    if let Some(given) = facts.pair("resolution")? {
        return Ok(given);
    }
    let [_, _, _, patch] = shapes.axes("patches.weight")?;
    let [_, positions, _] = shapes.axes("positions")?;
    square(positions.saturating_sub(1))
        .map(|side| [side * patch; 2])
        .ok_or_else(|| {
            setting(
                "resolution",
                format!(
                    "is needed: {} patches are no square",
                    positions.saturating_sub(1)
                ),
            )
        })
}

/// Sizes of a mixture decoder.
pub fn mixture(
    shapes: &Shapes,
    official: &Shapes,
    facts: &OfficialConfig,
) -> Result<MixtureConfig, WeightsError> {
    let [dim, ..] = shapes.axes::<4>("layers.0.weight")?;
    let mut channels = Vec::new();
    let mut kernel = 0;
    for index in 0..shapes.count("layers.") {
        let [_, output, _, side] = shapes.axes(&format!("layers.{index}.weight"))?;
        channels.push(output);
        kernel = side;
    }
    let mut all = vec![dim];
    all.extend(&channels);
    facts.confirm("dec_dict/dec_channels", all)?;
    facts.confirm("dec_dict/dec_ks", kernel)?;
    let key = "dec_dict/dec_resolution";
    let start = match grid(official, "decoder_pos_embedding.grid")? {
        Some(start) => {
            facts.confirm(key, start.to_vec())?;
            start
        }
        None => facts
            .pair(key)?
            .ok_or_else(|| setting(key, "is told by no shape: give it with `--config`"))?,
    };
    let resolution = resolution(official, facts)?;
    let mut reached = start;
    for _ in &channels {
        if reached != resolution {
            reached = reached.map(|side| side * 2);
        }
    }
    if reached != resolution {
        let reason = format!(
            "is {resolution:?}, which {} layers do not reach from {start:?}",
            channels.len()
        );
        return Err(setting("resolution", reason));
    }
    Ok(MixtureConfig {
        dim,
        channels,
        kernel,
        start,
        resolution,
        ..MixtureConfig::default()
    })
}
