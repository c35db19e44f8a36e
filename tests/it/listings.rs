//! The published configurations at full size, by their shapes alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use slotflow::weights::import::{BUFFERS, from_state};
use slotflow::weights::{StateDict, Value, Values, WeightsFile};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/statedict")
}

/// Name of a listing's model on the command line (`--model`).
fn model_of(listing: &str) -> &'static str {
    let table = [
        ("sd-dvae", "dvae"),
        ("sf-dvae", "dvae"),
        ("sd-sa_ldm_dino", "slotdiffusion-dino"),
        ("sd-sa_ldm", "slotdiffusion-image"),
        ("sd-sa_", "slot-attention"),
        ("sd-savi_ldm", "slotdiffusion-video"),
        ("sd-savi_", "savi"),
        ("sd-slate", "slate"),
        ("sd-steve", "steve"),
        ("sf-steve", "steve"),
        ("sd-vpvqa-ldmslotformer", "slotformer-slotdiffusion"),
        ("sd-vpvqa-readout", "physion-readout"),
        ("sf-readout_physion", "physion-readout"),
        ("sf-readout_phyre", "phyre-readout"),
        ("sd-vqvae", "vqvae"),
        ("sf-aloe", "aloe"),
        ("sf-savi_obj3d", "stosavi"),
        ("sf-savi_phyre", "stosavi-phyre"),
        ("sf-stosavi_clevrer", "stosavi-clevrer"),
        ("sf-slotformer_phyre", "slotformer-phyre"),
        ("sf-slotformer_physion", "slotformer-steve"),
        ("sf-slotformer", "slotformer"),
    ];
    let found = table.iter().find(|(start, _)| listing.starts_with(start));
    found
        .unwrap_or_else(|| panic!("no model for the listing {listing}"))
        .1
}

/// A state dict that has shapes and no numbers, and the count of parameters that its listing states.
fn listed(path: &Path) -> (StateDict, usize) {
    let text = std::fs::read_to_string(path).unwrap();
    let head = text.lines().next().unwrap();
    let count = head
        .rsplit(", ")
        .next()
        .unwrap()
        .strip_suffix(" parameters")
        .unwrap();
    let mut state = StateDict::new(path);
    for line in text.lines().skip(1) {
        let (key, shape) = line.split_once(' ').unwrap();
        let values = Values::F32(Vec::new());
        state.insert(
            key,
            Value {
                shape: serde_json::from_str(shape).unwrap(),
                values,
            },
        );
    }
    (state, count.parse().unwrap())
}

/// Arrays that a listing counts among the parameters and that no model of ours has.
fn is_unused_parameter(key: &str) -> bool {
    // LPIPS names each of its last layers twice, and its scaling is no parameter.
    if key.contains(".lins.") || key.contains("scaling_layer") {
        return false;
    }
    let starts = ["loss.", "prior_slot_layer.", "encoder.dino.pooler."];
    starts.iter().any(|start| key.starts_with(start)) || key.ends_with("self_attn_mask")
}

/// Everything that is imported from the official code's listings, by the listing's name.
pub fn imported_listings() -> BTreeMap<String, Vec<WeightsFile>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .strip_suffix(".txt")
        else {
            continue;
        };
        if name.starts_with("diffusers-") {
            continue;
        }
        let (state, count) = listed(&path);
        let unused: usize = state
            .entries
            .iter()
            .filter(|(key, _)| is_unused_parameter(key))
            .map(|(_, value)| value.shape.iter().product::<usize>())
            .sum();
        let imported = from_state(state, model_of(name), Json::Null);
        let files = imported
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .files;
        let ours = files.iter().filter(|file| file.header.model != BUFFERS);
        let found: usize = ours.map(|file| file.state.numbers()).sum();
        assert_eq!(found, count - unused, "parameters of {name}");
        all.insert(name.to_owned(), files);
    }
    all
}

/// A value of the configuration that was inferred for one module of a listing.
fn inferred<'a>(
    all: &'a BTreeMap<String, Vec<WeightsFile>>,
    listing: &str,
    model: &str,
    key: &str,
) -> &'a Json {
    let file = all[listing]
        .iter()
        .find(|file| file.header.model.name() == model)
        .unwrap();
    file.header.config.pointer(key).unwrap_or(&Json::Null)
}

/// Listing, module, pointer into its configuration, expected value.
const EXPECTED: &str = r"
sd-savi_ldm_movie_params-res128 slot-encoder /slots 15
sd-savi_ldm_movie_params-res128 slot-encoder /resolution [128,128]
sd-savi_ldm_movie_params-res128 slot-encoder /stem/resnet18/widths [64,128,256]
sd-savi_ldm_movie_params-res128 slot-encoder /transition/transformer/feed-forward 768
sd-savi_ldm_movie_params-res128 latent-diffusion /unet/multipliers [1,2,3,4]
sd-savi_ldm_movie_params-res128 latent-diffusion /unet/attention-factors [2,4,8]
sd-savi_ldm_movitex_params-res128 slot-encoder /stem/cnn/strides [2,1,1,1]
sd-sa_ldm_dino_coco_params-res224 slot-encoder /dim 256
sd-sa_ldm_dino_coco_params-res224 slot-encoder /resolution [224,224]
sd-sa_ldm_dino_coco_params-res224 slot-encoder /stem/vit/heads 6
sf-savi_obj3d_params slot-encoder /memory 256
sf-savi_obj3d_params slot-encoder /stem/cnn/strides [1,1,1,1]
sf-savi_phyre_params-fold0 mixture /start [16,16]
sf-stosavi_clevrer_params slot-encoder /initial/stochastic/prior-variance 0.01
sf-slotformer_phyre_params-fold0 slotformer /burn-in 1
sf-slotformer_phyre_params-fold0 slotformer /window 6
sf-slotformer_physion_params autoregressive /layers 4
sd-vpvqa-ldmslotformer_physion_params-res128 slotformer /transformer/layers 12
sf-aloe_clevrer_params-rollout aloe /slots 7
sd-slate_clevrtex_params-res128 autoregressive /resolution [128,128]
";

#[test]
fn every_published_configuration_is_known_by_its_shapes_alone() {
    let all = imported_listings();
    assert_eq!(all.len(), 35);
    for line in EXPECTED.lines().filter(|line| !line.is_empty()) {
        let [listing, model, key, value] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let value: Json = serde_json::from_str(value).unwrap();
        assert_eq!(*inferred(&all, listing, model, key), value, "{line}");
    }
}
