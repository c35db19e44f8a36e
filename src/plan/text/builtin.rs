//! The plans of the folder `pipelines`, compiled in.

use std::path::{Path, PathBuf};

use slotflow_datasets::regular;

use crate::plan::PlanError;

macro_rules! plans {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/", $name, ".toml")))),*]
    };
}

const PLANS: &[(&str, &str)] = plans![
    "video-predict",
    "segment",
    "segment-movi-d",
    "segment-movi-e",
    "segment-movi-solid",
    "segment-movi-tex",
    "segment-clevrtex",
    "segment-coco",
    "segment-k-means",
    "segment-voc",
    "segment-pictures",
    "compose",
    "compose-pictures",
    "speedrun",
    "ablate-steps",
    "clevrer-vqa",
    "physion-vqa",
    "edit-benchmark",
    "compare-savi",
    "compare-steve",
    "compare-slotdiffusion",
    "obj3d",
    "clevrer",
    "physion",
    "physion-slotdiffusion",
    "phyre",
    "train/vqvae-synth",
    "train/slots-synth",
    "train/slots-narrow-synth",
    "train/autoencoder-kl-synth",
    "train/diffusion-sd-synth",
    "train/diffusion-synth",
    "train/dvae-synth",
    "train/slot-attention-pictures",
    "train/slate-pictures",
    "train/slotdiffusion-pictures",
    "train/savi-synth",
    "train/steve-synth",
    "train/slotdiffusion-synth",
    "train/slotformer-synth",
    "train/slotformer-savi-synth",
    "train/slotformer-steve-synth",
    "train/slotformer-slotdiffusion-synth",
    "train/aloe-synth",
    "train/aloe-question-synth",
    "train/aloe-last-frame-synth",
    "train/aloe-states-synth",
    "train/readout-synth",
    "train/sight-synth",
    "train/motion-synth",
    "train/aloe-clevrer",
    "train/aloe-clevrer-observed",
    "train/dvae-celeba",
    "train/dvae-clevrtex",
    "train/dvae-movi-d",
    "train/dvae-movi-e",
    "train/dvae-movi-solid",
    "train/dvae-movi-tex",
    "train/dvae-physion",
    "train/readout-phyre",
    "train/readout-physion",
    "train/readout-physion-slotdiffusion",
    "train/savi-movi-d",
    "train/savi-movi-e",
    "train/savi-movi-solid",
    "train/savi-movi-tex",
    "train/savi-obj3d",
    "train/savi-phyre",
    "train/slate-celeba",
    "train/slate-clevrtex",
    "train/slot-attention-celeba",
    "train/slot-attention-clevrtex",
    "train/slotdiffusion-celeba",
    "train/slotdiffusion-clevrtex",
    "train/slotdiffusion-coco",
    "train/slotdiffusion-sd-coco",
    "train/slotdiffusion-movi-d",
    "train/slotdiffusion-movi-e",
    "train/slotdiffusion-movi-solid",
    "train/slotdiffusion-movi-tex",
    "train/slotdiffusion-physion",
    "train/slotdiffusion-voc",
    "train/slotformer-clevrer",
    "train/slotformer-obj3d",
    "train/slotformer-phyre",
    "train/slotformer-physion",
    "train/slotformer-physion-slotdiffusion",
    "train/steve-movi-d",
    "train/steve-movi-e",
    "train/steve-movi-solid",
    "train/steve-movi-tex",
    "train/steve-physion",
    "train/stosavi-clevrer",
    "train/vqvae-celeba",
    "train/vqvae-clevrtex",
    "train/vqvae-coco",
    "train/vqvae-movi-d",
    "train/vqvae-movi-e",
    "train/vqvae-movi-solid",
    "train/vqvae-movi-tex",
    "train/vqvae-physion",
    "train/vqvae-voc",
];

/// Names that a message about an unknown plan proposes.
const CLOSE: usize = 2;

/// The names of all built-in plans; a training is also found without its folder.
pub fn names() -> Vec<&'static str> {
    PLANS.iter().map(|(name, _)| *name).collect()
}

/// The text of a plan and where it is from.
pub fn text(name: &str) -> Result<(String, PathBuf), PlanError> {
    let short = |full: &str| full.rsplit('/').next() == Some(name);
    if let Some((full, text)) = PLANS.iter().find(|(full, _)| *full == name || short(full)) {
        return Ok(((*text).to_owned(), PathBuf::from(full)));
    }
    let path = Path::new(name);
    if path.is_file() {
        let read = regular::read_settings(path);
        return Ok((
            read.map_err(|source| PlanError::Io {
                source,
                path: path.to_owned(),
            })?,
            path.to_owned(),
        ));
    }
    // Two names are alike where few letters have to change; the closest come first.
    let distance = |known: &&str| {
        let parts = known.rsplit('/').chain([*known]);
        let least = parts.map(|part| strsim::levenshtein(part, name)).min();
        least.unwrap_or(usize::MAX)
    };
    let mut known = names();
    known.sort_by_key(distance);
    let close: Vec<String> = known
        .into_iter()
        .filter(|known| distance(known) <= name.len() / 3)
        .take(CLOSE)
        .map(|n| format!("`{n}`"))
        .collect();
    Err(PlanError::Unknown {
        name: name.to_owned(),
        close: close.join(" or "),
    })
}
