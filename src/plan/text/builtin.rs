//! The plans of the folder `pipelines`, compiled in.

use std::path::{Path, PathBuf};

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
    "compose",
    "speedrun",
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
    "train/slots-synth-metal",
    "train/diffusion-synth",
    "train/dvae-synth",
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
        let read = std::fs::read_to_string(path);
        return Ok((
            read.map_err(|source| PlanError::Io {
                source,
                path: path.to_owned(),
            })?,
            path.to_owned(),
        ));
    }
    let close: Vec<String> = names()
        .into_iter()
        .filter(|known| alike(known, name))
        .map(|n| format!("`{n}`"))
        .collect();
    Err(PlanError::Unknown {
        name: name.to_owned(),
        close: close.join(" or "),
    })
}

/// Whether two names share most of their pairs of letters.
fn alike(known: &str, name: &str) -> bool {
    let pairs = |text: &str| {
        text.as_bytes()
            .windows(2)
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let (known, name) = (pairs(known), pairs(name));
    let shared = name.iter().filter(|pair| known.contains(pair)).count();
    shared * 2 > known.len().max(name.len())
}
