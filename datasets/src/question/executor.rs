//! Runs a question's program on what happens in its clip.
//!
//! # Source
//! Semantics of NS-DR's executor (Yi et al. 2020, Table 4). Differs: where the reference raises an exception, the answer
//! is `error`, as for every other step that fails.

use super::events::{COLORS, Event, EventKind, EventTable, MATERIALS, SHAPES};
use super::program::{Module, Token};
use super::schema::{Ask, Question};

/// A value on a program's stack.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Objects or events.
    List(Vec<Value>),
    /// An object, a frame or a count.
    Number(usize),
    /// Something that happens.
    Event(Event),
    /// A word.
    Word(String),
}

impl Value {
    fn yes_no(yes: bool) -> Self {
        Self::Word(if yes { "yes" } else { "no" }.to_owned())
    }

    fn numbers(numbers: impl IntoIterator<Item = usize>) -> Self {
        Self::List(numbers.into_iter().map(Self::Number).collect())
    }

    fn events(events: impl IntoIterator<Item = Event>) -> Self {
        Self::List(events.into_iter().map(Self::Event).collect())
    }

    /// The value as an answer.
    pub fn to_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Word(word) => word.clone(),
            Self::Event(event) => format!(
                "{:?} of {:?} at {:?}",
                event.kind, event.objects, event.frame
            )
            .to_lowercase(),
            Self::List(members) => {
                let members: Vec<String> = members.iter().map(Self::to_text).collect();
                format!("[{}]", members.join(", "))
            }
        }
    }
}

/// Reason that a program gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{module}` (token {place}): {reason}")]
pub struct Fault {
    /// The module that failed.
    pub module: &'static str,
    /// Its token's place in the program.
    pub place: usize,
    /// What was wrong.
    pub reason: String,
}

/// Answer of a program that failed.
pub const ERROR: &str = "error";

/// Answer of a question's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A word, or `error`.
    Word(String),
    /// `correct`, `wrong` or `error` for each choice.
    Choices(Vec<&'static str>),
}

/// The value on top of the stack after a program.
///
/// # Errors
/// When a module does not get what it takes, or cannot give what it should.
pub fn run(table: &EventTable, program: &[String]) -> Result<Value, Fault> {
    walk(table, program, |_, _| {})
}

/// [`run`], with `look` called behind every token with what is on top of the stack.
pub(super) fn walk<'p>(
    table: &EventTable,
    program: &'p [String],
    mut look: impl FnMut(&'p str, Option<&Value>),
) -> Result<Value, Fault> {
    let mut stack = Vec::new();
    for (place, token) in program.iter().enumerate() {
        match Token::read(token) {
            Token::Stop => break,
            Token::Word(word) => stack.push(Value::Word(word.to_owned())),
            Token::Run(modules) => {
                for module in modules {
                    let fault = |reason| Fault {
                        module: module.name(),
                        place,
                        reason,
                    };
                    let rest = stack.len().checked_sub(module.takes());
                    let args =
                        stack.split_off(rest.ok_or_else(|| fault("too few inputs".to_owned()))?);
                    stack.push(apply(table, *module, args).map_err(fault)?);
                }
            }
        }
        look(token, stack.last());
    }
    stack.pop().ok_or(Fault {
        module: "",
        place: program.len(),
        reason: "nothing is left".to_owned(),
    })
}

/// A descriptive question's answer; `error` where its program fails.
pub fn answer(table: &EventTable, program: &[String]) -> String {
    run(table, program).map_or_else(|_| ERROR.to_owned(), |value| value.to_text())
}

/// Whether a choice is `correct` or `wrong`; `error` where its program fails.
pub fn judge(table: &EventTable, choice: &[String], question: &[String]) -> &'static str {
    match answer(table, &[choice, question].concat()).as_str() {
        "yes" => "correct",
        "no" => "wrong",
        _ => ERROR,
    }
}

/// Answer of a question's programs.
pub fn verdict(table: &EventTable, question: &Question) -> Verdict {
    match &question.ask {
        Ask::Word(_) => Verdict::Word(answer(table, &question.program)),
        Ask::Choices(choices) => {
            let judged = choices
                .iter()
                .map(|choice| judge(table, &choice.program, &question.program));
            Verdict::Choices(judged.collect())
        }
    }
}

type Applied = Result<Value, String>;

/// One module on its arguments.
fn apply(table: &EventTable, module: Module, args: Vec<Value>) -> Applied {
    use Module as M;
    let mut args = args.into_iter();
    let (first, second) = (args.next(), args.next());
    match (module, first, second) {
        (M::Objects, ..) => Ok(Value::numbers(0..table.objects.len())),
        (M::Events, ..) => Ok(Value::events(table.seen.clone())),
        (M::UnseenEvents, ..) => Ok(Value::events(table.unseen.clone())),
        (M::AllEvents, ..) => Ok(all_events(table)),
        (M::Unique, Some(Value::List(members)), _) => unique(members),
        (M::Count, Some(Value::List(members)), _) => Ok(Value::Number(members.len())),
        (M::Exist, Some(Value::List(members)), _) => Ok(Value::yes_no(!members.is_empty())),
        (M::Negate, Some(Value::Word(word)), _) => negate(&word),
        (
            M::FilterColor | M::FilterMaterial | M::FilterShape,
            Some(Value::List(members)),
            Some(Value::Word(word)),
        ) => filter_attribute(table, module, members, &word),
        (M::FilterMoving | M::FilterStationary, Some(Value::List(members)), Some(when)) => {
            filter_motion(table, module == M::FilterMoving, members, &when)
        }
        (M::QueryColor | M::QueryMaterial | M::QueryShape, Some(Value::Number(object)), _) => {
            attribute(table, module, object).map(|word| Value::Word(word.to_owned()))
        }
        (M::QueryDirection, Some(Value::Number(object)), Some(Value::Number(frame))) => {
            direction(table, object, frame)
        }
        (M::QueryFrame | M::QueryObject, Some(Value::Event(event)), _) => {
            query_event(module, &event)
        }
        (M::QueryCollisionPartner, Some(Value::Event(event)), Some(Value::Number(object))) => {
            partner(&event, object)
        }
        (M::CounterfactEvents, Some(Value::Number(object)), _) => {
            without(table, object).map(|events| Value::events(events.to_vec()))
        }
        (M::BelongTo, Some(entry), Some(Value::List(list))) => {
            belong_to(&entry, &all_of_events(list)?)
        }
        (M::FilterStart | M::FilterEnd, Some(Value::List(list)), _) => {
            bound(module, all_of_events(list)?)
        }
        (_, Some(Value::List(list)), Some(by)) => {
            filter_events(table, module, all_of_events(list)?, by)
        }
        _ => Err("inputs of another kind".to_owned()),
    }
}

/// Events chosen from a list of events.
fn filter_events(table: &EventTable, module: Module, events: Vec<Event>, by: Value) -> Applied {
    use Module as M;
    match (module, by) {
        (M::FilterIn | M::FilterOut | M::FilterCollision, by) => {
            let kind = match module {
                M::FilterIn => EventKind::In,
                M::FilterOut => EventKind::Out,
                _ => EventKind::Collision,
            };
            let objects = match by {
                Value::Number(object) => vec![object],
                Value::List(members) => all_of_numbers(members)?,
                _ => return Err("neither an object nor objects".to_owned()),
            };
            let chosen = |event: &Event| {
                event.kind == kind && objects.iter().any(|object| event.involves(*object))
            };
            Ok(Value::events(events.into_iter().filter(chosen)))
        }
        (M::FilterOrder, Value::Word(order)) => {
            let chosen = match order.as_str() {
                "first" => events.first(),
                "second" => events.get(1),
                "last" => events.last(),
                _ => return Err(format!("`{order}` is no order")),
            };
            chosen
                .cloned()
                .map(Value::Event)
                .ok_or_else(|| format!("no {order} of {} events", events.len()))
        }
        (M::FilterBefore | M::FilterAfter, Value::Event(pivot)) => {
            let untimed = || "an event without a time".to_owned();
            let pivot = pivot.frame.ok_or_else(untimed)?;
            let mut kept = Vec::new();
            for event in events {
                let frame = event.frame.ok_or_else(untimed)?;
                if if module == M::FilterBefore {
                    frame < pivot
                } else {
                    frame > pivot
                } {
                    kept.push(event);
                }
            }
            Ok(Value::events(kept))
        }
        (M::FilterAncestor, Value::Event(event)) => ancestors(&events, &event),
        (M::FilterCounterfact, Value::Number(object)) => {
            let still = without(table, object)?;
            let happens = |event: &Event| still.iter().any(|other| other.objects == event.objects);
            Ok(Value::events(events.into_iter().filter(happens)))
        }
        _ => Err("inputs of another kind".to_owned()),
    }
}

fn all_of_events(members: Vec<Value>) -> Result<Vec<Event>, String> {
    let event = |member| match member {
        Value::Event(event) => Ok(event),
        _ => Err("not a list of events".to_owned()),
    };
    members.into_iter().map(event).collect()
}

fn all_of_numbers(members: Vec<Value>) -> Result<Vec<usize>, String> {
    let number = |member| match member {
        Value::Number(number) => Ok(number),
        _ => Err("not a list of objects".to_owned()),
    };
    members.into_iter().map(number).collect()
}

fn all_events(table: &EventTable) -> Value {
    let count = table.objects.len();
    let pairs = (0..count).flat_map(|low| (low + 1..count).map(move |high| [low, high]));
    Value::events(pairs.map(|pair| Event::new(EventKind::Collision, &pair, None)))
}

fn unique(mut members: Vec<Value>) -> Applied {
    match (members.pop(), members.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err("nothing is left to choose".to_owned()),
        (Some(_), others) => Err(format!("{} are left where one is to be", others + 1)),
    }
}

fn negate(word: &str) -> Applied {
    match word {
        "yes" => Ok(Value::yes_no(false)),
        "no" => Ok(Value::yes_no(true)),
        other => Err(format!("`{other}` is neither yes nor no")),
    }
}

fn attribute(table: &EventTable, module: Module, object: usize) -> Result<&str, String> {
    let attributes = table
        .objects
        .get(object)
        .ok_or_else(|| format!("there is no object {object}"))?;
    Ok(match module {
        Module::FilterColor | Module::QueryColor => &attributes.color,
        Module::FilterMaterial | Module::QueryMaterial => &attributes.material,
        _ => &attributes.shape,
    })
}

fn filter_attribute(
    table: &EventTable,
    module: Module,
    members: Vec<Value>,
    word: &str,
) -> Applied {
    let words: &[&str] = match module {
        Module::FilterColor => &COLORS,
        Module::FilterMaterial => &MATERIALS,
        _ => &SHAPES,
    };
    if !words.contains(&word) {
        return Err(format!("`{word}` is unknown"));
    }
    let mut kept = Vec::new();
    for object in all_of_numbers(members)? {
        if attribute(table, module, object)? == word {
            kept.push(object);
        }
    }
    Ok(Value::numbers(kept))
}

fn filter_motion(table: &EventTable, moving: bool, members: Vec<Value>, when: &Value) -> Applied {
    let frame = match when {
        Value::Number(frame) => Some(*frame),
        Value::Word(word) if word == "null" => None,
        other => return Err(format!("`{}` is no frame", other.to_text())),
    };
    let chosen = |object: &usize| {
        table.is_visible(*object, frame) && table.is_moving(*object, frame) == moving
    };
    Ok(Value::numbers(
        all_of_numbers(members)?.into_iter().filter(chosen),
    ))
}

fn bound(module: Module, events: Vec<Event>) -> Applied {
    let kind = if module == Module::FilterStart {
        EventKind::Start
    } else {
        EventKind::End
    };
    let found = events.into_iter().find(|event| event.kind == kind);
    found
        .map(Value::Event)
        .ok_or_else(|| "not among these events".to_owned())
}

fn query_event(module: Module, event: &Event) -> Applied {
    match (module, event.kind, event.frame, event.objects.as_slice()) {
        (Module::QueryFrame, _, Some(frame), _) => Ok(Value::Number(frame)),
        (Module::QueryFrame, ..) => Err("an event without a time".to_owned()),
        (_, EventKind::In | EventKind::Out, _, [object]) => Ok(Value::Number(*object)),
        _ => Err("no object enters or leaves".to_owned()),
    }
}

fn partner(event: &Event, object: usize) -> Applied {
    match (event.kind, event.objects.as_slice()) {
        (EventKind::Collision, [low, high]) if *low == object => Ok(Value::Number(*high)),
        (EventKind::Collision, [low, high]) if *high == object => Ok(Value::Number(*low)),
        _ => Err(format!("no collision of object {object}")),
    }
}

/// Left, right, up or down, in the axes of the reference: its first axis points down the picture.
fn direction(table: &EventTable, object: usize, frame: usize) -> Applied {
    const HALF_WIDTH: f64 = 40.0;
    let motion = table
        .motion_at(object, frame)
        .ok_or_else(|| "out of view".to_owned())?;
    let [x, y] = motion.velocity;
    let angle = (y / x).atan().to_degrees() + if x < 0.0 { 180.0 } else { 0.0 };
    let word = match angle {
        angle if angle.abs() < HALF_WIDTH => "down",
        angle if (angle - 90.0).abs() < HALF_WIDTH => "right",
        angle if (angle - 180.0).abs() < HALF_WIDTH => "up",
        angle if !(-50.0..=230.0).contains(&angle) && !angle.is_nan() => "left",
        _ => return Err("between two directions".to_owned()),
    };
    Ok(Value::Word(word.to_owned()))
}

fn without(table: &EventTable, object: usize) -> Result<&[Event], String> {
    let events = table.without.get(&object);
    events
        .map(Vec::as_slice)
        .ok_or_else(|| format!("the scene without object {object} is unknown"))
}

fn belong_to(entry: &Value, events: &[Event]) -> Applied {
    // The reference stumbles over entrances and exits after the clip, whose objects it nests once too deep.
    let nameless = |event: &Event| {
        matches!(event.kind, EventKind::In | EventKind::Out) && event.objects.is_empty()
    };
    match entry {
        Value::Number(object) => Ok(Value::yes_no(
            events.iter().any(|event| event.involves(*object)),
        )),
        Value::Event(event) => {
            if events
                .iter()
                .any(|other| other.kind == event.kind && nameless(other))
            {
                return Err("an event of unknown objects".to_owned());
            }
            Ok(Value::yes_no(
                events.iter().any(|other| other.is_like(event)),
            ))
        }
        _ => Err("neither an object nor an event".to_owned()),
    }
}

/// The events that led to an event: for each object in it the event just before, and so on back.
fn ancestors(events: &[Event], event: &Event) -> Applied {
    let place = events
        .iter()
        .position(|other| other == event)
        .ok_or_else(|| "not among these events".to_owned())?;
    let mut found = vec![false; events.len()];
    let mut open = vec![place];
    while let Some(place) = open.pop() {
        for object in &events[place].objects {
            let before = events[..place]
                .iter()
                .rposition(|other| other.involves(*object));
            if let Some(before) = before.filter(|before| !found[*before]) {
                found[before] = true;
                open.push(before);
            }
        }
    }
    let chosen = events.iter().zip(found).filter(|(_, found)| *found);
    Ok(Value::events(chosen.map(|(event, _)| event.clone())))
}
