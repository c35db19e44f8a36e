//! A question's program step by step: what each module finds, in words.

use super::events::{Attributes, Event, EventKind, EventTable};
use super::executor::{Value, walk};
use super::program::{Module, Token};

/// A module of a program with the words that it takes, and what it finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Such as `filter_color red`.
    pub module: String,
    /// Such as `2: red metal cube; red rubber sphere`; why it fails, where it does.
    pub found: String,
}

/// The steps of a program on what happens in a clip; the one that fails is the last.
pub fn trace(table: &EventTable, program: &[String]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    let done = walk(table, program, |token, value| match Token::read(token) {
        Token::Word(word) => words.push(word),
        Token::Stop => {}
        Token::Run(modules) => {
            let Some(value) = value else {
                return;
            };
            let named: Vec<&str> = std::iter::once(token).chain(words.drain(..)).collect();
            steps.push(Step {
                module: named.join(" "),
                found: told(table, modules.last().copied(), value),
            });
        }
    });
    if let Err(fault) = done {
        let named: Vec<&str> = std::iter::once(fault.module).chain(words).collect();
        steps.push(Step {
            module: named.join(" "),
            found: fault.reason,
        });
    }
    steps
}

/// A value that a module gave, in words.
fn told(table: &EventTable, module: Option<Module>, value: &Value) -> String {
    match value {
        Value::Word(word) => word.clone(),
        Value::Event(event) => event_words(table, event),
        Value::Number(number) => match module {
            Some(Module::Count) => number.to_string(),
            Some(Module::QueryFrame) => format!("frame {number}"),
            _ => object_words(table, *number),
        },
        Value::List(members) if members.is_empty() => "none".to_owned(),
        Value::List(members) => {
            let told: Vec<String> = members
                .iter()
                .map(|member| told(table, module, member))
                .collect();
            format!("{}: {}", members.len(), told.join("; "))
        }
    }
}

fn object_words(table: &EventTable, object: usize) -> String {
    table.objects.get(object).map_or_else(
        || format!("object {object}"),
        |Attributes {
             color,
             material,
             shape,
         }| format!("{color} {material} {shape}"),
    )
}

fn event_words(table: &EventTable, event: &Event) -> String {
    let objects: Vec<String> = event
        .objects
        .iter()
        .map(|object| object_words(table, *object))
        .collect();
    let what = match event.kind {
        EventKind::Start => "the beginning".to_owned(),
        EventKind::End => "the end".to_owned(),
        EventKind::In => format!("{} comes in", objects.join(", ")),
        EventKind::Out => format!("{} leaves", objects.join(", ")),
        EventKind::Collision => format!("{} collide", objects.join(" and ")),
    };
    match (event.kind, event.frame) {
        (EventKind::Start | EventKind::End, _) | (_, None) => what,
        (_, Some(frame)) => format!("{what} at frame {frame}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> EventTable {
        let object = |color: &str, shape: &str| Attributes::new(color, "metal", shape).unwrap();
        EventTable::new(
            vec![
                object("red", "cube"),
                object("blue", "cube"),
                object("red", "sphere"),
            ],
            vec![
                Event::new(EventKind::In, &[2], Some(10)),
                Event::new(EventKind::Collision, &[1, 0], Some(40)),
            ],
            128,
            128,
        )
    }

    fn steps(program: &str) -> Vec<[String; 2]> {
        let program: Vec<String> = program.split(' ').map(str::to_owned).collect();
        let steps = trace(&table(), &program).into_iter();
        steps.map(|step| [step.module, step.found]).collect()
    }

    #[test]
    fn every_module_tells_what_it_finds_and_words_stand_beside_what_takes_them() {
        assert_eq!(
            steps("objects red filter_color sphere filter_shape unique query_material"),
            [
                [
                    "objects",
                    "3: red metal cube; blue metal cube; red metal sphere"
                ],
                ["filter_color red", "2: red metal cube; red metal sphere"],
                ["filter_shape sphere", "1: red metal sphere"],
                ["unique", "red metal sphere"],
                ["query_material", "metal"],
            ]
        );
        assert_eq!(
            steps("events objects blue filter_color filter_collision unique get_frame")[3..],
            [
                [
                    "filter_collision",
                    "1: red metal cube and blue metal cube collide at frame 40"
                ],
                [
                    "unique",
                    "red metal cube and blue metal cube collide at frame 40"
                ],
                ["get_frame", "frame 40"],
            ]
        );
        assert_eq!(
            steps("objects green filter_color count"),
            [
                [
                    "objects",
                    "3: red metal cube; blue metal cube; red metal sphere"
                ],
                ["filter_color green", "none"],
                ["count", "0"],
            ]
        );
    }

    #[test]
    fn the_step_that_fails_is_the_last_and_says_why() {
        let steps = steps("objects red filter_color unique query_shape");
        assert_eq!(steps.len(), 3);
        assert_eq!(steps[2][0], "unique");
        assert!(steps[2][1].contains('2'), "{:?}", steps[2]);
    }
}
