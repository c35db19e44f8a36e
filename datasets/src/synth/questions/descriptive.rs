//! Descriptive questions: objects and events of the clip; the answer is one word.

use std::collections::{BTreeMap, BTreeSet};

use crate::question::{
    Ask, Event, EventKind, EventTable, Question, QuestionKind, Vocabulary, executor,
};
use crate::synth::AnnotatedClip;
use crate::synth::questions::event_table::{MOVING_SPEED, speed};
use crate::synth::questions::explanatory::happens_once;
use crate::synth::questions::phrase::{self, Looks, Phrase};
use crate::synth::questions::rng::QuestionRng;

/// Subtypes and how often CLEVRER's training questions are of each, in thousands.
const SUBTYPES: [(&str, usize); 5] = [
    ("count", 40),
    ("exist", 20),
    ("query_color", 18),
    ("query_material", 15),
    ("query_shape", 17),
];

/// Candidates drawn of a subtype; one is then kept by its answer, so that answers are balanced.
const DRAWS: usize = 48;

/// Frames by which events must lie apart for "first", "second" and "last" to be plain to see.
const APART: usize = 3;

/// Speeds, as shares of the limit, of objects that one cannot call moving or stationary by eye.
const DOUBTFUL: (f32, f32) = (0.4, 2.0);

/// Up to `count` questions, no two alike.
pub fn questions(rng: &mut QuestionRng, annotated: &AnnotatedClip, count: usize) -> Vec<Question> {
    let weights = SUBTYPES.map(|(_, weight)| weight);
    let mut said = BTreeSet::new();
    let mut asked = Vec::new();
    // A subtype may have nothing to ask in a quiet clip: then another draw decides.
    for _ in 0..4 * count {
        if asked.len() == count {
            break;
        }
        let (subtype, _) = SUBTYPES[rng.weighted(&weights)];
        if let Some(question) = one(rng, annotated, subtype, &said) {
            said.insert(question.text.clone());
            asked.push(question);
        }
    }
    asked
}

/// A question of a subtype: any possible answer first, then any question with this answer.
fn one(
    rng: &mut QuestionRng,
    annotated: &AnnotatedClip,
    subtype: &str,
    said: &BTreeSet<String>,
) -> Option<Question> {
    let mut by_answer: BTreeMap<String, Vec<Phrase>> = BTreeMap::new();
    for _ in 0..DRAWS {
        let drawn = match subtype {
            "count" => count(rng, annotated),
            "exist" => exist(rng, annotated),
            _ => query(rng, annotated, subtype.trim_start_matches("query_")),
        };
        let Some(phrase) = drawn.filter(|phrase| !said.contains(&phrase.words)) else {
            continue;
        };
        let answer = executor::answer(&annotated.table, &phrase.program);
        if Vocabulary.answer_id(&answer).is_some() {
            by_answer.entry(answer).or_default().push(phrase);
        }
    }
    let answers: Vec<&String> = by_answer.keys().collect();
    let answer = rng.pick(&answers)?.clone();
    let mut phrases = by_answer.remove(&answer)?;
    let phrase = phrases.swap_remove(rng.below(phrases.len()));
    Some(Question {
        id: 0,
        kind: QuestionKind::Descriptive,
        subtype: Some(subtype.to_owned()),
        text: phrase.words,
        program: phrase.program,
        ask: Ask::Word(Some(answer)),
    })
}

/// "How many …?"
fn count(rng: &mut QuestionRng, annotated: &AnnotatedClip) -> Option<Phrase> {
    let table = &annotated.table;
    let looks = Looks::any(rng, &table.objects);
    let (nouns, filters) = (looks.nouns(), looks.filters());
    match rng.below(8) {
        0 => Some(Phrase::new(
            format!("How many {nouns} are there?"),
            &format!("objects {filters}count"),
        )),
        1 => {
            let (state, module) = state(rng);
            clear_ever(annotated)?;
            let words = format!("How many {nouns} are {state}?");
            Some(Phrase::new(
                words,
                &format!("objects {filters}null {module} count"),
            ))
        }
        2 | 3 => {
            let (state, module) = state(rng);
            let when = moment(rng, annotated)?;
            let words = format!("How many {nouns} are {state} {}?", when.words);
            let frame = when.tokens();
            Some(Phrase::new(
                words,
                &format!("objects {filters}{frame} {module} count"),
            ))
        }
        4 => {
            let (verb, module) = passage(rng);
            let words = format!("How many {nouns} {verb} the scene?");
            Some(Phrase::new(
                words,
                &format!("events objects {filters}{module} count"),
            ))
        }
        5 => {
            let (verb, module) = passage(rng);
            let when = before_or_after(rng, annotated)?;
            let words = format!("How many {nouns} {verb} the scene {}?", when.words);
            let pivot = when.tokens();
            Some(Phrase::new(
                words,
                &format!("events objects {filters}{module} {pivot} count"),
            ))
        }
        6 => Some(Phrase::new(
            "How many collisions happen?",
            "events objects filter_collision count",
        )),
        _ => {
            let when = before_or_after(rng, annotated)?;
            let words = format!("How many collisions happen {}?", when.words);
            let pivot = when.tokens();
            Some(Phrase::new(
                words,
                &format!("events objects filter_collision {pivot} count"),
            ))
        }
    }
}

/// "Are there any …?"
fn exist(rng: &mut QuestionRng, annotated: &AnnotatedClip) -> Option<Phrase> {
    let looks = Looks::any(rng, &annotated.table.objects);
    let (nouns, filters) = (looks.nouns(), looks.filters());
    match rng.below(5) {
        0 | 1 => {
            let (state, module) = state(rng);
            let when = moment(rng, annotated)?;
            let words = format!("Are there any {state} {nouns} {}?", when.words);
            let frame = when.tokens();
            Some(Phrase::new(
                words,
                &format!("objects {filters}{frame} {module} exist"),
            ))
        }
        2 => {
            let (verb, module) = passage(rng);
            let words = format!("Are there any {nouns} that {verb} the scene?");
            Some(Phrase::new(
                words,
                &format!("events objects {filters}{module} exist"),
            ))
        }
        3 => {
            let (verb, module) = passage(rng);
            let when = before_or_after(rng, annotated)?;
            let words = format!(
                "Are there any {nouns} that {verb} the scene {}?",
                when.words
            );
            let pivot = when.tokens();
            Some(Phrase::new(
                words,
                &format!("events objects {filters}{module} {pivot} exist"),
            ))
        }
        _ => {
            let when = before_or_after(rng, annotated)?;
            let words = format!("Are there any collisions {}?", when.words);
            let pivot = when.tokens();
            Some(Phrase::new(
                words,
                &format!("events objects filter_collision {pivot} exist"),
            ))
        }
    }
}

/// "What is the color of …?"
fn query(rng: &mut QuestionRng, annotated: &AnnotatedClip, attribute: &str) -> Option<Phrase> {
    let target = match rng.below(5) {
        0 | 1 => collider(rng, &annotated.table),
        2 | 3 => passer(rng, &annotated.table),
        _ => mover(rng, annotated, attribute),
    }?;
    let words = if rng.coin() {
        format!("What is the {attribute} of {}?", target.words)
    } else {
        format!("What {attribute} is {}?", target.words)
    };
    Some(Phrase::new(
        words,
        &format!("{} query_{attribute}", target.tokens()),
    ))
}

/// "the first object to collide with the cube"
fn collider(rng: &mut QuestionRng, table: &EventTable) -> Option<Phrase> {
    let object = rng.below(table.objects.len());
    let other = phrase::object(rng, table, object);
    let collides = |event: &&Event| event.kind == EventKind::Collision && event.involves(object);
    let collisions: Vec<&Event> = table.seen.iter().filter(collides).collect();
    let (order, module) = order(rng, &collisions)?;
    let program = other.tokens();
    Some(Phrase::new(
        format!("the {order}object to collide with the {}", other.words),
        &format!("events {program} filter_collision {module} {program} get_col_partner"),
    ))
}

/// "the last object to enter the scene"
fn passer(rng: &mut QuestionRng, table: &EventTable) -> Option<Phrase> {
    let (verb, module) = passage(rng);
    let kind = if verb == "enter" {
        EventKind::In
    } else {
        EventKind::Out
    };
    let passages: Vec<&Event> = table
        .seen
        .iter()
        .filter(|event| event.kind == kind)
        .collect();
    let (order, choose) = order(rng, &passages)?;
    let words = if order.is_empty() {
        format!("the object that {verb}s the scene")
    } else {
        format!("the {order}object to {verb} the scene")
    };
    Some(Phrase::new(
        words,
        &format!("events objects {module} {choose} get_object"),
    ))
}

/// "the cube that is moving when the video ends", without a word on the attribute that is asked for.
fn mover(rng: &mut QuestionRng, annotated: &AnnotatedClip, attribute: &str) -> Option<Phrase> {
    let looks = Looks::any(rng, &annotated.table.objects);
    let (state, module) = state(rng);
    let when = moment(rng, annotated).filter(|_| !looks.say(attribute))?;
    let words = format!("the {} that is {state} {}", looks.noun(), when.words);
    let (filters, frame) = (looks.filters(), when.tokens());
    Some(Phrase::new(
        words,
        &format!("objects {filters}{frame} {module} unique"),
    ))
}

/// Moving or stationary.
fn state(rng: &mut QuestionRng) -> (&'static str, &'static str) {
    if rng.coin() {
        ("moving", "filter_moving")
    } else {
        ("stationary", "filter_stationary")
    }
}

/// To enter or to exit.
fn passage(rng: &mut QuestionRng) -> (&'static str, &'static str) {
    if rng.coin() {
        ("enter", "filter_in")
    } else {
        ("exit", "filter_out")
    }
}

/// One of some events, by its place among them; `None` where their order is not plain to see.
fn order(rng: &mut QuestionRng, events: &[&Event]) -> Option<(&'static str, &'static str)> {
    let frames: Vec<usize> = events.iter().filter_map(|event| event.frame).collect();
    if frames.len() == 1 {
        return Some(("", "unique"));
    }
    let plain = frames.windows(2).all(|pair| pair[1] >= pair[0] + APART);
    let orders = [
        ("first ", "first filter_order"),
        ("second ", "second filter_order"),
        ("last ", "last filter_order"),
    ];
    let chosen = rng.pick(&orders)?;
    // The last of two is the second: ask for it by one name only.
    (plain && frames.len() >= 2 && (chosen.0 != "second " || frames.len() > 2)).then_some(chosen)
}

/// A moment in words, and the program of its frame; `None` where what moves then cannot be seen.
fn moment(rng: &mut QuestionRng, annotated: &AnnotatedClip) -> Option<Phrase> {
    let table = &annotated.table;
    let (phrase, frame) = match rng.below(4) {
        0 => (Phrase::new("when the video begins", "start get_frame"), 0),
        1 => (
            Phrase::new("when the video ends", "end get_frame"),
            table.frames.saturating_sub(1),
        ),
        _ => {
            let (words, program, event) = landmark(rng, table)?;
            (
                Phrase::new(format!("when {words}"), &format!("{program} get_frame")),
                event.frame?,
            )
        }
    };
    clear_at(annotated, frame)?;
    Some(phrase)
}

/// "before the cube enters the scene", and the program that keeps such events.
fn before_or_after(rng: &mut QuestionRng, annotated: &AnnotatedClip) -> Option<Phrase> {
    let (words, program, pivot) = landmark(rng, &annotated.table)?;
    let frame = pivot.frame?;
    let close = |event: &&Event| {
        event
            .frame
            .is_some_and(|other| other.abs_diff(frame) < APART)
    };
    // Something else within a blink of it: what is before and what after cannot be seen.
    if annotated.table.seen.iter().filter(close).count() > 1 {
        return None;
    }
    let (word, module) = if rng.coin() {
        ("before", "filter_before")
    } else {
        ("after", "filter_after")
    };
    Some(Phrase::new(
        format!("{word} {words}"),
        &format!("{program} {module}"),
    ))
}

/// An entrance, exit or collision that happens once, as a sentence.
fn landmark<'a>(
    rng: &mut QuestionRng,
    table: &'a EventTable,
) -> Option<(String, String, &'a Event)> {
    let once: Vec<&Event> = table
        .seen
        .iter()
        .filter(|event| !event.objects.is_empty() && happens_once(table, event))
        .collect();
    let event = rng.pick(&once)?;
    let objects: Vec<Phrase> = event
        .objects
        .iter()
        .map(|object| phrase::object(rng, table, *object))
        .collect();
    let (words, program) = match (event.kind, objects.as_slice()) {
        (EventKind::In, [one]) => (
            format!("the {} enters the scene", one.words),
            format!("events {} filter_in unique", one.tokens()),
        ),
        (EventKind::Out, [one]) => (
            format!("the {} exits the scene", one.words),
            format!("events {} filter_out unique", one.tokens()),
        ),
        (EventKind::Collision, [one, other]) => (
            format!("the {} collides with the {}", one.words, other.words),
            format!(
                "events {} filter_collision {} filter_collision unique",
                one.tokens(),
                other.tokens()
            ),
        ),
        _ => return None,
    };
    Some((words, program, event))
}

/// Whether it can be seen what moves at a frame.
fn clear_at(annotated: &AnnotatedClip, frame: usize) -> Option<()> {
    let poses = annotated.record.motion.get(frame)?;
    let clear = poses
        .iter()
        .filter(|pose| pose.inside_camera_view)
        .all(|pose| plain(speed(pose)));
    clear.then_some(())
}

/// Whether it can be seen what ever moves.
fn clear_ever(annotated: &AnnotatedClip) -> Option<()> {
    let rendered = annotated
        .record
        .motion
        .iter()
        .take(annotated.record.rendered_frames);
    let mut fastest = vec![0.0_f32; annotated.record.objects.len()];
    for poses in rendered {
        for (fastest, pose) in fastest
            .iter_mut()
            .zip(poses)
            .filter(|(_, pose)| pose.inside_camera_view)
        {
            *fastest = fastest.max(speed(pose));
        }
    }
    fastest.into_iter().all(plain).then_some(())
}

fn plain(speed: f32) -> bool {
    !(DOUBTFUL.0 * MOVING_SPEED..DOUBTFUL.1 * MOVING_SPEED).contains(&speed)
}
