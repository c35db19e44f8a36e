//! No file of weights, slots or plans brings the program down: mutants of everything that this crate reads.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use slotflow::plan::{self, Plan};
use slotflow::weights::import::{from_state, import};
use slotflow::weights::slot_pickle::SlotPickle;
use slotflow::weights::{
    StateDict, WeightsError, WeightsFile, read_pth, read_published, read_safetensors,
};
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::mutator::{Parser, child, failures};

/// The test that runs one parser.
const CHILD: &str = "mutants::one_parser";

/// The crate's folder, also where these parsers are built into the fuzzer.
const HOME: &str = match option_env!("SLOTFLOW_HOME") {
    Some(home) => home,
    None => env!("CARGO_MANIFEST_DIR"),
};

/// Everything that reads a file which a person names.
pub fn parsers() -> Vec<Parser> {
    vec![
        Parser::plain("slots", slots, read_slots),
        Parser::plain("pth", || golden(&["published/zip.pth"]), read_checkpoint),
        Parser::plain("pth-pickle", pickles, |folder, pickle| {
            read_checkpoint(folder, &zipped("published/zip.pth", pickle))
        }),
        Parser::plain("script-pickle", script_pickles, |folder, pickle| {
            read_checkpoint(folder, &zipped("published/script.pt", pickle))
        }),
        Parser::plain("legacy-pth", legacy, read_checkpoint),
        Parser::plain("weights", weights, read_weights),
        Parser::plain("import-pth", || golden(&[READOUT]), read_import),
        Parser::plain("import-safetensors", vit, read_vit),
        Parser::plain("import-config", configs, read_config),
        Parser::plain("plan", plans, read_plan),
    ]
}

const READOUT: &str = "models/physion_readout.pth";

#[test]
fn mutants_of_weights_slots_and_plans_are_read_or_refused() {
    let failures = failures(&parsers(), CHILD);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
#[ignore = "the child of the test above"]
fn one_parser() {
    child(&parsers());
}

fn path_of(name: &str) -> PathBuf {
    let golden = Path::new(HOME).join("tests/golden");
    golden.join(name)
}

fn golden(names: &[&str]) -> Vec<Vec<u8>> {
    let read = |name: &&str| fs::read(path_of(name)).unwrap();
    names.iter().map(read).collect()
}

fn place(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn slots() -> Vec<Vec<u8>> {
    golden(&[
        "slots/protocol2.pkl",
        "slots/protocol3.pkl",
        "slots/protocol4.pkl",
        "slots/protocol5.pkl",
        "slots/foreign/bigendian.pkl",
    ])
}

fn read_slots(folder: &Path, bytes: &[u8]) -> bool {
    let file = SlotPickle::read(&place(folder, "slots.pkl", bytes)).unwrap();
    file.each(|_, _, _| Ok::<_, WeightsError>(())).is_ok()
}

fn read_checkpoint(folder: &Path, bytes: &[u8]) -> bool {
    read_published(place(folder, "a.pth", bytes)).is_ok()
}

fn legacy() -> Vec<Vec<u8>> {
    golden(&["published/legacy.pth", "checkpoints/legacy-trainer.pth"])
}

/// The records of a zip file by name.
fn records(name: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = fs::read(path_of(name)).unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let count = zip.len();
    let record = |place| {
        let mut record = zip.by_index(place).unwrap();
        let mut bytes = Vec::new();
        record.read_to_end(&mut bytes).unwrap();
        (record.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(record).collect()
}

fn is_pickle(name: &str) -> bool {
    name.ends_with("data.pkl")
}

fn pickle(name: &str) -> Vec<Vec<u8>> {
    let records = records(name).into_iter();
    let mut pickles = records.filter(|(name, _)| is_pickle(name));
    vec![pickles.next().unwrap().1]
}

fn pickles() -> Vec<Vec<u8>> {
    pickle("published/zip.pth")
}

fn script_pickles() -> Vec<Vec<u8>> {
    pickle("published/script.pt")
}

/// A checkpoint with another pickle, whole and with its checksums.
fn zipped(name: &str, pickle: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in records(name) {
        zip.start_file(name.as_str(), stored).unwrap();
        let bytes = if is_pickle(&name) { pickle } else { &bytes };
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn weights() -> Vec<Vec<u8>> {
    golden(&["earlier/stosavi-encoder.safetensors"])
}

fn read_weights(_: &Path, bytes: &[u8]) -> bool {
    WeightsFile::from_bytes(bytes, "a.safetensors").is_ok()
}

fn read_import(folder: &Path, bytes: &[u8]) -> bool {
    let path = place(folder, "a.pth", bytes);
    import(&path, "physion-readout", serde_json::Value::Null).is_ok()
}

fn vit() -> Vec<Vec<u8>> {
    golden(&["vit/dino.safetensors"])
}

fn read_vit(folder: &Path, bytes: &[u8]) -> bool {
    let path = place(folder, "a.safetensors", bytes);
    import(
        &path,
        "dino",
        serde_json::json!({ "num_attention_heads": 2 }),
    )
    .ok();
    read_safetensors(bytes, bytes.len() as u64, &path).is_ok()
}

fn configs() -> Vec<Vec<u8>> {
    golden(&["models/stosavi_var.config.json"])
}

fn read_config(_: &Path, bytes: &[u8]) -> bool {
    static STATE: OnceLock<StateDict> = OnceLock::new();
    let state = STATE.get_or_init(|| read_pth(path_of("models/stosavi_var.pth")).unwrap());
    let config = serde_json::from_slice(bytes);
    config.is_ok_and(|config| from_state(state.clone(), "StoSAVi", config).is_ok())
}

fn plans() -> Vec<Vec<u8>> {
    let file = |name: &str| Path::new(HOME).join(format!("pipelines/{name}.toml"));
    let read = |name: &&str| fs::read(file(name)).unwrap();
    plan::names().iter().map(read).collect()
}

fn read_plan(_: &Path, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let plan = Plan::parse(text, Path::new("plan.toml"), &[]);
    plan.is_ok_and(|plan| plan.to_toml().is_ok())
}
