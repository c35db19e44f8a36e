//! The plans that are built in: each parses, says nothing that goes without saying, and has the published sizes.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};
use slotflow::plan::{self, Plan};
use toml::{Table, Value};

use crate::listings::imported_listings;
use crate::support::Product;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("pipelines")
        .join(format!("{name}.toml"));
    std::fs::read_to_string(path).unwrap()
}

/// Whether a plan is of a paper's configuration.
pub fn is_published(name: &str) -> bool {
    let own = [
        "video-predict",
        "segment",
        "segment-k-means",
        "speedrun",
        "compose",
        "edit-benchmark",
        "ablate-steps",
    ];
    !own.contains(&name)
        && !name.ends_with("-vqa")
        && !name.starts_with("compare-")
        && !name.contains("-synth")
        && !name.ends_with("-pictures")
}

/// The keys of every value in a plan.
fn leaves(table: &Table) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                let below = leaves(inner).into_iter();
                found.extend(below.map(|path| [vec![key.clone()], path].concat()));
            }
            _ => found.push(vec![key.clone()]),
        }
    }
    found
}

fn without(table: &Table, path: &[String]) -> Table {
    let mut table = table.clone();
    let (last, before) = path.split_last().unwrap();
    let inner = before
        .iter()
        .fold(&mut table, |table, key| table[key].as_table_mut().unwrap());
    inner.remove(last);
    table
}

#[test]
fn every_published_plan_states_only_what_differs_and_where_it_is_from() {
    let names = plan::names();
    let published: Vec<_> = names.iter().filter(|name| is_published(name)).collect();
    assert!(published.len() > 50, "{}", published.len());
    for name in published {
        let text = text(name);
        assert!(
            text.lines().any(|line| line.starts_with("# Source: ")),
            "{name} has no source"
        );
        let table: Table = text.parse().unwrap();
        let whole = Plan::parse(&text, Path::new(name), &[])
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        for path in leaves(&table) {
            let shorter = toml::to_string(&without(&table, &path)).unwrap();
            let same = Plan::parse(&shorter, Path::new(name), &[]).is_ok_and(|plan| plan == whole);
            assert!(
                !same,
                "{name} says `{}`, which goes without saying",
                path.join(".")
            );
        }
    }
}

#[test]
fn every_file_in_the_folder_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let count = |folder: &Path| {
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .count()
    };
    assert_eq!(
        count(&folder) + count(&folder.join("train")),
        plan::names().len()
    );
}

#[test]
fn a_published_plan_without_its_data_or_weights_says_so_in_one_sentence() {
    let product = Product::new();
    for name in plan::names().into_iter().filter(|name| is_published(name)) {
        let (verb, short) = name
            .strip_prefix("train/")
            .map_or(("run", name), |short| ("train", short));
        let said = product.fail(2, &[verb, short, "--quiet", "--device", "cpu"]);
        let first = said.lines().next().unwrap();
        let imported = ["slotformer-", "readout-"];
        if verb == "train" && imported.iter().any(|start| short.starts_with(start)) {
            // These read imported slots.
            assert!(first.contains("slots/"), "{name}: {said}");
        } else if verb == "run" {
            assert!(first.contains("`weights/"), "{name}: {said}");
        } else {
            let no_folder = first.starts_with("error: the data set `")
                && first.ends_with("` is read from a folder, and none is named");
            let no_weights = first.contains("` names `") && first.contains("`, which is not there");
            assert!(no_folder || no_weights, "{name}: {said}");
        }
    }
    assert!(!product.path("runs").exists(), "something was begun");
}

/// What a configuration leaves to be derived, written out.
fn derived(mut config: Json) -> Json {
    if config.get("slot-mlp").is_some() {
        if config["features"].is_null() {
            config["features"] = config["dim"].clone();
        }
        let dim = config["dim"].as_u64().unwrap();
        if let Some(transformer) = config.pointer_mut("/transition/transformer")
            && transformer["feed-forward"].is_null()
        {
            transformer["feed-forward"] = json!(4 * dim);
        }
    }
    config
}

/// The models of a training plan under the names that their weights files have, as the flow completes them.
fn models_of(name: &str) -> BTreeMap<&'static str, Json> {
    let Plan::Train(plan) = Plan::load(name, &[]).unwrap() else {
        panic!("{name} is no training")
    };
    let size = json!(plan.data.size);
    let plan = serde_json::to_value(plan).unwrap();
    let at = |pointer: &str| plan.pointer(pointer).cloned();
    let mut models = BTreeMap::new();
    for (model, pointer) in [
        ("slot-encoder", "/slots/encoder"),
        ("mixture", "/slots/decoder"),
        ("slot-encoder", "/steve/slots"),
        ("autoregressive", "/steve/model"),
        ("slot-encoder", "/slotdiffusion/slots"),
        ("latent-diffusion", "/slotdiffusion/model"),
        ("slotformer", "/slotformer/model"),
        ("dvae", "/dvae/model"),
        ("vqvae", "/vqvae/model"),
        ("aloe", "/aloe/model"),
        ("physion-readout", "/readout/model/physion"),
        ("phyre-readout", "/readout/model/phyre"),
    ] {
        if let Some(found) = at(pointer) {
            models.insert(model, found);
        }
    }
    let width = models
        .get("slot-encoder")
        .map(|encoder| encoder["dim"].clone());
    if let (Some(decoder), Some(width)) = (models.get_mut("latent-diffusion"), &width) {
        decoder["resolution"] = size.clone();
        decoder["unet"]["context"] = width.clone();
    }
    if let (Some(decoder), Some(width)) = (models.get_mut("autoregressive"), &width) {
        decoder["resolution"] = size.clone();
        decoder["dim"] = width.clone();
    }
    if at("/slotdiffusion").is_some()
        && let Some(encoder) = models.get_mut("slot-encoder")
    {
        encoder["resolution"] = size;
    }
    models
}

/// The plan that trains what a listing lists.
fn plan_of(listing: &str) -> String {
    let data = |rest: &str| {
        let rest = rest.split("_params").next().unwrap();
        ["movid", "movie", "movisolid", "movitex"]
            .into_iter()
            .find(|movi| *movi == rest)
            .map_or_else(|| rest.to_owned(), |movi| movi.replace("movi", "movi-"))
    };
    let table = [
        ("sd-dvae_", "dvae-"),
        ("sf-dvae_", "dvae-"),
        ("sd-sa_ldm_dino_", "slotdiffusion-"),
        ("sd-sa_ldm_", "slotdiffusion-"),
        ("sd-sa_", "slot-attention-"),
        ("sd-savi_ldm_", "slotdiffusion-"),
        ("sd-savi_", "savi-"),
        ("sd-slate_", "slate-"),
        ("sd-steve_", "steve-"),
        ("sf-steve_", "steve-"),
        ("sd-vqvae_", "vqvae-"),
        ("sf-aloe_", "aloe-"),
        ("sf-savi_", "savi-"),
        ("sf-stosavi_", "stosavi-"),
        ("sf-slotformer_", "slotformer-"),
        ("sf-readout_", "readout-"),
    ];
    match listing {
        "sd-vpvqa-ldmslotformer_physion_params-res128" => "slotformer-physion-slotdiffusion".into(),
        "sd-vpvqa-readout_physion_params" => "readout-physion-slotdiffusion".into(),
        _ => {
            let found = table
                .iter()
                .find_map(|(start, plan)| Some((listing.strip_prefix(start)?, plan)));
            let (rest, plan) = found.unwrap();
            format!("{plan}{}", data(rest))
        }
    }
}

#[test]
fn published_plans_have_the_published_sizes() {
    for (listing, files) in imported_listings() {
        let plan = plan_of(&listing);
        let models = models_of(&plan);
        assert!(!models.is_empty(), "{plan}");
        for (model, ours) in models {
            let file = files
                .iter()
                .find(|file| file.header.model.name() == model)
                .unwrap();
            let mut ours = derived(ours);
            if model == "slotformer" {
                // The width is that of the slots.
                ours["dim"] = file.header.config["dim"].clone();
            }
            assert_eq!(
                ours,
                derived(file.header.config.clone()),
                "{model} of {plan} against {listing}"
            );
        }
    }
}
