//! The executor against the reference's answers on one synthetic scene (`tests/golden/metrics/clevrer.json`).

use serde::Deserialize;
use serde_json::Value as Json;

use super::tracks::{Collisions, Course};
use super::{Attributes, EventKind as K, EventTable, executor};

#[derive(Deserialize)]
struct Golden {
    scene: Scene,
    events: Vec<Json>,
    unseen: Vec<Json>,
    results: Vec<Case>,
    no_event_mode: Json,
    moving: std::collections::BTreeMap<String, Vec<bool>>,
}

#[derive(Deserialize)]
struct Scene {
    objects: Vec<Attributes>,
    predictions: Vec<Course>,
}

#[derive(Deserialize)]
struct Case {
    program: Vec<String>,
    answer: String,
}

fn golden() -> Golden {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/golden/metrics/clevrer.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn table(golden: &Golden, collisions: Collisions) -> EventTable {
    EventTable::from_courses(
        golden.scene.objects.clone(),
        &golden.scene.predictions,
        collisions,
    )
}

/// Events as the golden file writes them: kind, objects, frame.
fn written(events: &[super::Event]) -> Vec<(String, Vec<usize>, usize)> {
    events
        .iter()
        .map(|e| {
            (
                format!("{:?}", e.kind).to_lowercase(),
                e.objects.clone(),
                e.frame.unwrap(),
            )
        })
        .collect()
}

fn expected(events: &[Json]) -> Vec<(String, Vec<usize>, usize)> {
    let objects = |e: &Json| {
        e.get("object")
            .map_or(vec![], |o| serde_json::from_value(o.clone()).unwrap())
    };
    let one = |e: &Json| {
        (
            e["type"].as_str().unwrap().to_owned(),
            objects(e),
            e["frame"].as_u64().unwrap() as usize,
        )
    };
    events.iter().map(one).collect()
}

#[test]
fn every_program_gives_the_answer_of_the_reference() {
    let golden = golden();
    let table = table(&golden, Collisions::Predicted);
    assert!(
        golden.results.len() >= 53,
        "{} programs",
        golden.results.len()
    );
    for case in &golden.results {
        let expected = if case.answer.starts_with("EXC:") {
            "error"
        } else {
            &case.answer
        };
        let found = executor::answer(&table, &case.program);
        assert_eq!(
            found,
            expected,
            "{:?}: {:?}",
            case.program,
            executor::run(&table, &case.program)
        );
    }
}

#[test]
fn events_in_and_after_the_clip_are_those_of_the_reference() {
    let golden = golden();
    let table = table(&golden, Collisions::Predicted);
    assert_eq!(written(&table.seen), expected(&golden.events));
    assert_eq!(written(&table.unseen), expected(&golden.unseen));
}

#[test]
fn objects_move_when_the_reference_says_so() {
    let golden = golden();
    let table = table(&golden, Collisions::Predicted);
    for (frame, moving) in &golden.moving {
        let frame = Some(frame.parse().unwrap());
        let found: Vec<bool> = (0..moving.len())
            .map(|object| table.is_moving(object, frame))
            .collect();
        assert_eq!(&found, moving, "{frame:?}");
    }
}

#[test]
fn collisions_can_be_read_off_the_tracks() {
    let golden = golden();
    let table = table(&golden, Collisions::FromTracks);
    let list = |json: &Json| expected(json.as_array().unwrap());
    let of = |kinds: &[super::EventKind]| -> Vec<super::Event> {
        table
            .seen
            .iter()
            .filter(|event| kinds.contains(&event.kind))
            .cloned()
            .collect()
    };
    assert_eq!(
        written(&of(&[K::Collision])),
        list(&golden.no_event_mode["collisions"])
    );
    assert_eq!(
        written(&of(&[K::In, K::Out])),
        list(&golden.no_event_mode["in_out"])
    );
    for (object, events) in golden.no_event_mode["cf_events"].as_object().unwrap() {
        assert_eq!(
            written(&table.without[&object.parse().unwrap()]),
            list(events),
            "without {object}"
        );
    }
}

#[test]
fn an_events_ancestors_are_those_of_its_own_objects() {
    let golden = golden();
    let table = table(&golden, Collisions::Predicted);
    let program =
        "events events objects gray filter_color unique filter_out unique filter_ancestor count";
    let program: Vec<String> = program.split(' ').map(str::to_owned).collect();
    // The gray sphere's exit follows from its entrance and from nothing else.
    assert_eq!(executor::answer(&table, &program), "1");
}

#[test]
#[ignore = "needs CLEVRER_QUESTIONS, a folder of CLEVRER's question files"]
fn published_questions_are_read_and_their_programs_are_sound() {
    let folder = std::env::var("CLEVRER_QUESTIONS").unwrap();
    let (mut read, mut choices) = (0, 0);
    for name in ["explanatory-train.json", "explanatory-validation.json"] {
        let path = std::path::Path::new(&folder).join(name);
        for (scene, questions) in super::file::read(&path).unwrap() {
            for question in questions {
                question
                    .check()
                    .unwrap_or_else(|error| panic!("scene {scene}: {error}"));
                read += 1;
                if let super::Ask::Choices(all) = &question.ask {
                    choices += all.len();
                }
            }
        }
    }
    assert_eq!(read, 1128, "{choices} choices");
}
