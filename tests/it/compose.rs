//! New scenes from slots of different clips: films, roll-outs and pictures, their parents, and what is refused.

use std::collections::BTreeMap;
use std::path::Path;

use slotflow_eval::ScoreTable;

use crate::support::{Product, contents};

/// Four short clips, and the diffusion decoder in one step.
const SMALL: [&str; 9] = [
    "run",
    "compose",
    "--clips",
    "4",
    "--quiet",
    "--device",
    "cpu",
    "--set",
    "decoders.diffusion.sampler.steps=1",
];

fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().chain(more).copied().collect()
}

fn names(folder: &Path) -> Vec<String> {
    let all = contents(folder);
    all.iter()
        .map(|(path, _)| path.display().to_string())
        .collect()
}

fn scores(product: &Product, out: &str) -> ScoreTable {
    ScoreTable::load(&product.path(out).join("scores.csv")).unwrap()
}

/// The lines of `parents.csv` by decoder and scene: role, clip and slot of every parent.
fn parents(product: &Product, out: &str) -> BTreeMap<(String, String), Vec<[String; 3]>> {
    let text = std::fs::read_to_string(product.path(out).join("parents.csv")).unwrap();
    let mut lines = text.lines();
    let head = "decoder,scene,slot,role,parent,parent_slot,share,overlap,unlikely";
    assert_eq!(lines.next(), Some(head));
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), 9, "{line}");
        let scene = found.entry((cells[0].to_owned(), cells[1].to_owned()));
        let scene: &mut Vec<_> = scene.or_default();
        assert_eq!(cells[2], scene.len().to_string(), "{line}");
        scene.push([cells[3], cells[4], cells[5]].map(str::to_owned));
    }
    found
}

#[test]
fn films_are_composed_by_three_decoders_with_rows_pictures_and_parents_of_each() {
    let product = Product::new();
    let said = product.succeed(&small(&["--frames", "8", "--out", "out"]));
    assert_eq!(said.trim(), "out/report.html");
    let names = names(&product.path("out"));
    let decoders = ["autoregressive", "diffusion", "mixture"];
    let scores = scores(&product, "out");
    for decoder in decoders {
        for name in [
            format!("pictures/{decoder}.png"),
            format!("pictures/{decoder}-parents.png"),
            format!("videos/{decoder}/scene-0003.mp4"),
        ] {
            assert!(names.contains(&name), "no {name} among {names:?}");
        }
        for subset in [
            "composed",
            "reconstruction",
            "composed-against-reconstruction",
        ] {
            let row = scores.rows.iter().find(|score| {
                score.metric == *"fvd-motion" && score.run == decoder && score.subset == subset
            });
            let row = row.unwrap_or_else(|| panic!("no {subset} of {decoder}"));
            let bounds = (row.value, row.floor, row.ceiling);
            let (Some(value), Some(floor), Some(ceiling)) = bounds else {
                panic!("{subset} of {decoder}: {bounds:?}");
            };
            assert!(value > 0.0 && floor > ceiling, "{bounds:?}");
        }
    }
    assert!(scores.find("fvd-motion", "real-against-real").is_some());
    let all = parents(&product, "out");
    assert_eq!(all.len(), 3 * 4);
    for ((_, scene), parents) in &all {
        let background = parents
            .iter()
            .find(|[role, ..]| role == "background")
            .unwrap();
        let objects: Vec<_> = parents
            .iter()
            .filter(|[role, ..]| role == "object")
            .collect();
        assert!(!objects.is_empty(), "{scene}");
        assert!(
            objects.iter().all(|[_, clip, _]| *clip != background[1]),
            "{scene}: {parents:?}"
        );
    }
    let again = product.succeed(&small(&["--frames", "8", "--out", "out", "--dry-run"]));
    assert!(again.lines().all(|line| line.contains("cached")), "{again}");
}

#[test]
fn pictures_are_composed_by_the_cyclic_shift_without_scores_of_movement() {
    let product = Product::new();
    let shift = [
        "--set",
        "compose.protocol=batch-shift",
        "--set",
        "compose.batch=4",
    ];
    let still = ["--frames", "1", "--out", "out"];
    product.succeed(&small(&[shift, still].concat()));
    let clips: Vec<String> = {
        let all = parents(&product, "out");
        let first =
            |scene: usize| all[&("mixture".to_owned(), format!("scene-{scene:04}"))][0][1].clone();
        (0..4).map(first).collect()
    };
    for ((_, scene), parents) in parents(&product, "out") {
        let number: usize = scene.trim_start_matches("scene-").parse().unwrap();
        for (slot, [role, clip, parent]) in parents.iter().enumerate() {
            assert_eq!(
                (role.as_str(), parent.as_str()),
                ("shifted", slot.to_string().as_str())
            );
            assert_eq!(*clip, clips[(number + slot) % 4], "{scene}, slot {slot}");
        }
    }
    let scores = scores(&product, "out");
    let moving = scores
        .rows
        .iter()
        .find(|score| score.metric == *"fvd-motion" || score.metric == *"fvd");
    assert!(moving.is_none(), "{moving:?}");
    assert!(scores.find("fid", "composed").is_some());
    let names = names(&product.path("out"));
    assert!(
        !names.iter().any(|name| name.starts_with("videos/")),
        "{names:?}"
    );
    let page = std::fs::read_to_string(product.path("out/report.html")).unwrap();
    assert!(page.contains("The clips are pictures"));
}

#[test]
fn a_composed_start_is_rolled_out_behind_the_burn_in() {
    let product = Product::new();
    let only = [
        "--set",
        "decoders.diffusion=unset",
        "--set",
        "decoders.autoregressive=unset",
    ];
    let rollout = ["--set", "compose.mode=rollout", "--frames", "9", "--quiet"];
    let arguments = |out: &'static str, more: &[&'static str]| {
        let run = [
            "run", "compose", "--clips", "4", "--device", "cpu", "--out", out,
        ];
        [&run[..], &only, more].concat()
    };
    product.succeed(&arguments("rolled", &rollout));
    let said = product.succeed(&arguments("dry", &[&rollout[..], &["--dry-run"]].concat()));
    let rolled = said.lines().find(|line| line.starts_with("rollout"));
    assert!(rolled.is_some_and(|line| line.contains("cached")), "{said}");
    let names = names(&product.path("rolled"));
    assert!(
        names.contains(&"videos/mixture/scene-0000.mp4".to_owned()),
        "{names:?}"
    );
    let short = product.fail(
        2,
        &arguments("short", &["--set", "compose.mode=rollout", "--frames", "6"]),
    );
    assert!(
        short.contains("leaves nothing to predict after 6 composed"),
        "{short}"
    );
}

#[test]
fn what_cannot_be_composed_is_refused_before_any_work() {
    let product = Product::new();
    let other = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("pipelines/weights/synth-metal/slot-encoder.safetensors");
    let other = format!("decoders.diffusion.encoder={}", other.display());
    for (changes, expected) in [
        (
            &["compose.protocol=shuffle"][..],
            "unknown variant `shuffle`, expected `objects` or `batch-shift`",
        ),
        (
            &["compose.protocol=batch-shift"],
            "batches of 16 clips, and there are 4",
        ),
        (&["compose.donors=4"], "take 5 at least"),
        (
            &[other.as_str()],
            "slots are 128 wide but the decoder of `diffusion` expects 64",
        ),
        (
            &["evaluate.metrics=lpips"],
            "compares frames with their truth",
        ),
        (&["decoders.diffusion.sampler.steps=0"], "in 0 steps"),
        (&["compose.share=[0.5, 0.1]"], "the smaller first"),
        (
            &[
                "decoders.diffusion=unset",
                "decoders.mixture=unset",
                "decoders.autoregressive=unset",
            ],
            "names none",
        ),
    ] {
        let set = changes.iter().flat_map(|change| ["--set", change]);
        let arguments: Vec<&str> = ["run", "compose", "--clips", "4"]
            .into_iter()
            .chain(set)
            .collect();
        let said = product.fail(2, &arguments);
        assert!(said.contains(expected), "{changes:?}: {said}");
        assert!(!product.path("runs").exists(), "{changes:?}");
    }
}
