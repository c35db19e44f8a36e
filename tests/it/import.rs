//! Official checkpoints in and out.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value as Json, json};
use slotflow::models::WeightsKind;
use slotflow::models::encoder::{Vit, VitConfig};
use slotflow::rng::Init;
use slotflow::weights::import::{from_state, import};
use slotflow::weights::{
    Value, Values, WeightsError, export, load_into, read_pth, read_safetensors,
};

use crate::support::Product;

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(folder)
}

fn fixture(name: &str) -> PathBuf {
    golden("models").join(format!("{name}.pth"))
}

/// The official configuration of a fixture.
fn config(name: &str) -> Json {
    let path = golden("models").join(format!("{name}.config.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Every fixture that has a checkpoint.
fn fixtures() -> Vec<String> {
    let files = std::fs::read_dir(golden("models")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".pth").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 10);
    names
}

#[test]
fn what_was_imported_is_exported_as_it_was() {
    for name in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&name);
        let class = config["model"].as_str().unwrap().to_owned();
        let imported = import(&fixture(&name), &class, config);
        let paths = imported
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .write(folder.path())
            .unwrap();
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            paths.len(),
            "{name}"
        );
        let back = export::official_state(folder.path(), None).unwrap();
        let out = folder.path().join("back.safetensors");
        export::write_official(&back, &out).unwrap();
        let length = out.metadata().unwrap().len();
        let file = std::fs::File::open(&out).unwrap();
        let (_, written) = read_safetensors(file, length, &out).unwrap();
        let mut official = read_pth(fixture(&name)).unwrap();
        official.entries.retain(|key, _| !key.contains("loss."));
        assert!(written.entries == official.entries, "{name}");
    }
}

#[test]
fn missing_and_unused_names_are_one_error() {
    let mut state = read_pth(fixture("savi")).unwrap();
    for key in [
        "init_latents",
        "slot_attention.gru.bias_hh",
        "decoder.0.0.bias",
    ] {
        state.entries.remove(key).unwrap();
    }
    state.insert("head.weight", Value::f32([1], vec![0.0]));
    let said = from_state(state, "savi", config("savi"))
        .unwrap_err()
        .to_string();
    for word in [
        "missing `decoder.0.0.bias`",
        "`init_latents`",
        "unused `head.weight`",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }

    let mut state = read_pth(fixture("savi")).unwrap();
    state.entries.remove("slot_attention.gru.bias_hh").unwrap();
    state
        .entries
        .remove("predictor.transformer_encoder.layers.1.norm1.bias")
        .unwrap();
    let error = from_state(state, "savi", config("savi")).unwrap_err();
    let WeightsError::Keys {
        missing, unused, ..
    } = error
    else {
        panic!("{error}")
    };
    let gone = [
        "slot_attention.gru.bias_hh",
        "predictor.transformer_encoder.layers.1.norm1.bias",
    ];
    assert!(
        gone.iter()
            .all(|key| missing.iter().any(|missing| missing == key)),
        "{missing:?}"
    );
    assert!(unused.is_empty());
}

#[test]
fn a_checkpoint_of_another_model_is_told_by_its_names() {
    let state = read_pth(fixture("slotformer")).unwrap();
    let said = from_state(state, "savi", Json::Null)
        .unwrap_err()
        .to_string();
    assert!(said.contains("a checkpoint of `slotformer`"), "{said}");
}

#[test]
fn a_wrong_shape_and_a_wrong_kind_name_the_official_parameter() {
    let mut state = read_pth(fixture("savi")).unwrap();
    state.insert(
        "slot_attention.project_k.weight",
        Value::f32([2, 2], vec![0.0; 4]),
    );
    let said = from_state(state, "savi", config("savi"))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("`slot_attention.project_k.weight` has shape [2, 2]"),
        "{said}"
    );

    let mut state = read_pth(fixture("savi")).unwrap();
    let shape = state
        .shape("slot_attention.project_k.weight")
        .unwrap()
        .to_vec();
    let values = Values::I64(vec![0; shape.iter().product()]);
    state.insert("slot_attention.project_k.weight", Value { shape, values });
    let said = from_state(state, "savi", config("savi"))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("`slot_attention.project_k.weight` holds i64"),
        "{said}"
    );
}

#[test]
fn a_configuration_that_contradicts_the_arrays_is_refused() {
    let mut wrong = config("savi_ldm");
    wrong["slot_dict"]["num_slots"] = json!(23);
    let state = read_pth(fixture("savi_ldm")).unwrap();
    let said = from_state(state.clone(), "slotdiffusion-video", wrong)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("`slot_dict.num_slots` is 23 but the arrays say"),
        "{said}"
    );

    let mut wrong = config("savi_ldm");
    wrong["dec_dict"]["diffusion_dict"]["linear_end"] = json!(0.012);
    let said = from_state(state, "slotdiffusion-video", wrong)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("`dec_dict.diffusion_dict.beta_schedule` gives"),
        "{said}"
    );
}

#[test]
fn the_command_imports_refuses_and_leaves_nothing_half_written() {
    let product = Product::new();
    let (pth, json) = (fixture("savi"), golden("models").join("savi.config.json"));
    let (pth, json) = (pth.to_str().unwrap(), json.to_str().unwrap());
    let base = ["import", pth, "--config", json, "--out", "w", "--model"];
    let with = |name: &'static str| [&base[..], &[name]].concat();
    let said = product.fail(2, &with("savy"));
    assert!(
        said.contains("no model is called `savy`; there are slot-attention"),
        "{said}"
    );
    product.fail(2, &with("steve"));
    assert!(!product.path("w").exists());

    let printed = product.succeed(&with("savi"));
    assert!(
        printed.contains("w/slot-encoder.safetensors") && printed.contains("w/mixture.safetensors")
    );
    let said = product.fail(2, &with("savi"));
    assert!(said.contains("is there already"), "{said}");
    product.succeed(&["export", "w", "--out", "back.safetensors"]);
    std::fs::remove_file(product.path("w/mixture.safetensors")).unwrap();
    let said = product.fail(2, &["export", "w", "--out", "again.safetensors"]);
    assert!(
        said.contains("no `mixture`") && !product.path("again.safetensors").exists(),
        "{said}"
    );
}

#[test]
fn a_number_that_is_none_names_its_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nan.safetensors");
    let mut state = read_pth(fixture("physion_readout")).unwrap();
    export::write_official(&state, &path).unwrap();
    assert!(import(&path, "physion-readout", Json::Null).is_ok());
    // The writer refuses NaN too: the bytes of a parameter are overwritten where it alone has them.
    let bias = Value::f32([1], vec![12345.5]);
    state.insert("linear2.bias", bias);
    export::write_official(&state, &path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .windows(4)
        .position(|four| four == 12345.5_f32.to_le_bytes())
        .unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let said = import(&path, "physion-readout", Json::Null)
        .unwrap_err()
        .to_string();
    assert!(said.contains("`linear2.bias` holds NaN"), "{said}");
}

#[test]
fn official_slots_become_artifacts_and_a_numpy_archive() {
    let product = Product::new();
    let file = golden("slots").join("protocol2.pkl");
    let file = file.to_str().unwrap();
    let printed = product.succeed(&["import", file, "--model", "slots", "--out", "s"]);
    assert_eq!(printed, "s/train\ns/val\n");
    product.succeed(&["export", "s", "--out", "slots.npz"]);
    let archive = std::fs::File::open(product.path("slots.npz")).unwrap();
    let mut archive = ndarray_npy::NpzReader::new(archive).unwrap();
    let names = archive.names().unwrap();
    assert_eq!(
        names,
        [
            "train/video_00000.mp4",
            "train/video_00001.mp4",
            "val/video_10000.mp4"
        ]
    );
    let slots: ndarray::Array3<f32> = archive.by_name("train/video_00000.mp4").unwrap();
    assert_eq!((slots.dim(), slots[[2, 1, 3]]), ((3, 2, 4), 213.0));
    let said = product.fail(2, &["import", file, "--model", "slots", "--out", "s"]);
    assert!(said.contains("is there already"), "{said}");

    let whole = std::fs::read(file).unwrap();
    std::fs::write(product.path("cut.pkl"), &whole[..whole.len() - 40]).unwrap();
    product.fail(2, &["import", "cut.pkl", "--model", "slots", "--out", "t"]);
    assert!(!product.path("t").exists());
}

#[test]
fn arrays_in_folders_become_the_splits_that_a_dynamics_model_learns_from() {
    let product = Product::new();
    for (split, clips) in [("train", 4), ("val", 2)] {
        let folder = product.path(&format!("phyre/{split}_slots"));
        std::fs::create_dir_all(&folder).unwrap();
        for clip in 0..clips {
            let value = |(t, slot, x): (usize, usize, usize)| (clip + t * slot + x) as f32 * 0.1;
            let slots = ndarray::Array3::from_shape_fn((6, 2, 4), value);
            ndarray_npy::write_npy(folder.join(format!("{clip:06}.npy")), &slots).unwrap();
        }
    }
    let printed = product.succeed(&["import", "phyre", "--model", "slots", "--out", "s"]);
    assert_eq!(printed, "s/train\ns/val\n");
    let plan = r#"
        flow = "train"
        [data]
        stride = 1
        [fit]
        steps = 2
        [slotformer]
        slots = "s"
        objective = { batch = 2, rollout = 3 }
        model = { burn-in = 1, window = 3, transformer = { dim = 8, layers = 1, heads = 2, feed-forward = 8 } }
    "#;
    std::fs::write(product.path("plan.toml"), plan).unwrap();
    product.succeed(&["train", "plan.toml", "--out", "t"]);
    assert!(product.path("t/slotformer.safetensors").exists());
    // One folder alone: its name says the split.
    let alone = &[
        "import",
        "phyre/val_slots",
        "--model",
        "slots",
        "--out",
        "v",
    ];
    assert_eq!(product.succeed(alone), "v/val\n");
}

/// The fixtures are what `transformers` writes and says for models of a few random numbers.
#[test]
fn a_vision_transformer_imports_and_gives_its_published_tokens() {
    let device = Device::flex();
    for name in ["dino", "dinov2"] {
        let folder = golden("vit");
        let given = json!({"enc_dict": {"vit_dict": {"num_attention_heads": 3}}});
        let imported = import(&folder.join(format!("{name}.safetensors")), name, given).unwrap();
        let file = &imported.files[0];
        let config: VitConfig = file.config(WeightsKind::Vit).unwrap();
        assert_eq!((config.dim, config.layers, config.heads), (24, 2, 3));
        let vit = Vit::new(&mut Init::blank(&device), &config);
        let vit = load_into(vit, file.state.clone()).unwrap();

        let path = folder.join(format!("{name}.io.safetensors"));
        let bytes = std::fs::read(&path).unwrap();
        let (_, io) = read_safetensors(&*bytes, bytes.len() as u64, &path).unwrap();
        let of = |key: &str| {
            let value = io.get(key).unwrap();
            TensorData::new(value.as_f32().unwrap().to_vec(), value.shape.clone())
        };
        let tokens = vit.tokens(Tensor::<4>::from_data(of("in/pixels"), &device));
        let said = Tensor::<3>::from_data(of("out/tokens"), &device);
        let apart = (tokens - said.clone()).abs().max().into_scalar::<f32>();
        let largest = said.abs().max().into_scalar::<f32>();
        assert!(apart < 1e-5 * largest, "{name}: {apart} of {largest}");
    }
}

#[test]
fn imported_weights_run_with_each_of_the_three_decoders() {
    let product = Product::new();
    for (name, model) in [
        ("savi", "savi"),
        ("slotformer", "slotformer"),
        ("slotformer_steve", "slotformer-steve"),
        ("slotformer_ldm", "slotformer-slotdiffusion"),
    ] {
        let (pth, json) = (
            fixture(name),
            golden("models").join(format!("{name}.config.json")),
        );
        let (pth, json) = (pth.to_str().unwrap(), json.to_str().unwrap());
        product.succeed(&[
            "import", pth, "--model", model, "--config", json, "--out", name,
        ]);
    }
    for (dynamics, decoder) in [
        ("slotformer", "savi/mixture"),
        ("slotformer_steve", "slotformer_steve/autoregressive"),
        ("slotformer_ldm", "slotformer_ldm/latent-diffusion"),
    ] {
        let dynamics = format!("rollout.weights={dynamics}/slotformer.safetensors");
        let decoder = format!("render.weights={decoder}.safetensors");
        let mut arguments = vec![
            "run",
            "video-predict",
            "--clips",
            "1",
            "--frames",
            "8",
            "--quiet",
        ];
        for change in [
            "encode.weights=savi/slot-encoder.safetensors",
            &dynamics,
            &decoder,
            "decode.size=[32, 32]",
            "rollout.burn-in=5",
            "render.sampler.steps=3",
            "answer=unset",
            "evaluate.motion=unset",
        ] {
            arguments.extend(["--set", change]);
        }
        assert_eq!(
            product.succeed(&arguments),
            "runs/video-predict/report.html\n"
        );
        std::fs::remove_dir_all(product.path("runs")).unwrap();
    }
}

#[test]
fn a_slotformer_trains_on_imported_slots() {
    let product = Product::new();
    let file = golden("slots").join("protocol4.pkl");
    product.succeed(&[
        "import",
        file.to_str().unwrap(),
        "--model",
        "slots",
        "--out",
        "s",
    ]);
    let plan = "flow = \"train\"\n[data]\ndataset = \"obj3d\"\nstride = 1\n[fit]\nsteps = 2\n\
        [slotformer]\nslots = \"s\"\nobjective = { batch = 2, rollout = 1 }\n\
        [slotformer.model]\nburn-in = 1\nwindow = 1\n\
        transformer = { dim = 8, layers = 1, heads = 2, feed-forward = 8 }\n";
    std::fs::write(product.path("mine.toml"), plan).unwrap();
    let printed = product.succeed(&["train", "mine.toml", "--quiet", "--device", "cpu"]);
    assert!(printed.contains("slotformer.safetensors"), "{printed}");
    let said = product.fail(2, &["train", "mine.toml", "--set", "slotformer.slots=none"]);
    assert!(
        said.contains("no imported slots here: `none/train`"),
        "{said}"
    );
}
