//! Phrases: objects and events in words, with the program that finds the same.

use crate::question::events::{COLORS, MATERIALS, SHAPES};
use crate::question::{Attributes, Event, EventKind, EventTable};
use crate::synth::questions::rng::QuestionRng;

/// Words and the program that says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// In words.
    pub words: String,
    /// In modules.
    pub program: Vec<String>,
}

impl Phrase {
    /// A phrase of words and of a program's tokens, separated by blanks.
    pub fn new(words: impl Into<String>, program: &str) -> Self {
        let program = program.split_whitespace().map(str::to_owned).collect();
        Self {
            words: words.into(),
            program,
        }
    }

    /// The program's tokens, separated by blanks.
    pub fn tokens(&self) -> String {
        self.program.join(" ")
    }
}

/// Objects of some looks: up to one word each for colour, material and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looks<'a> {
    color: Option<&'a str>,
    material: Option<&'a str>,
    shape: Option<&'a str>,
}

impl<'a> Looks<'a> {
    /// Some of an object's looks: bit 0 takes the colour, bit 1 the material, bit 2 the shape.
    fn of(object: &'a Attributes, which: usize) -> Self {
        let take = |bit: usize, word: &'a str| (which >> bit & 1 == 1).then_some(word);
        Self {
            color: take(0, &object.color),
            material: take(1, &object.material),
            shape: take(2, &object.shape),
        }
    }

    /// Looks of up to two words, of an object in the clip or of none.
    pub fn any(rng: &mut QuestionRng, objects: &'a [Attributes]) -> Self {
        const WHICH: [usize; 8] = [0, 1, 2, 4, 4, 3, 5, 6];
        let which = WHICH[rng.below(WHICH.len())];
        if !objects.is_empty() && rng.below(3) > 0 {
            return Self::of(&objects[rng.below(objects.len())], which);
        }
        let take = |bit: usize, word: &'a str| (which >> bit & 1 == 1).then_some(word);
        Self {
            color: take(0, COLORS[rng.below(COLORS.len())]),
            material: take(1, MATERIALS[rng.below(MATERIALS.len())]),
            shape: take(2, SHAPES[rng.below(SHAPES.len())]),
        }
    }

    /// Whether an object has them.
    pub fn fit(&self, object: &Attributes) -> bool {
        self.color.is_none_or(|word| word == object.color)
            && self.material.is_none_or(|word| word == object.material)
            && self.shape.is_none_or(|word| word == object.shape)
    }

    /// Whether they say the attribute called `color`, `material` or `shape`.
    pub fn say(&self, attribute: &str) -> bool {
        match attribute {
            "color" => self.color.is_some(),
            "material" => self.material.is_some(),
            _ => self.shape.is_some(),
        }
    }

    /// As a noun: `metal cube`, `blue object`.
    pub fn noun(&self) -> String {
        let words = [
            self.color,
            self.material,
            Some(self.shape.unwrap_or("object")),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        words.join(" ")
    }

    /// As a noun for several.
    pub fn nouns(&self) -> String {
        self.noun() + "s"
    }

    /// The modules that keep such objects of a list.
    pub fn filters(&self) -> String {
        let pairs = [
            (self.color, "filter_color"),
            (self.material, "filter_material"),
            (self.shape, "filter_shape"),
        ];
        let steps = pairs
            .into_iter()
            .filter_map(|(word, filter)| Some(format!("{} {filter} ", word?)));
        steps.collect()
    }
}

/// An object by looks that no other has, without the article; now and then one word more than it takes.
pub fn object(rng: &mut QuestionRng, table: &EventTable, object: usize) -> Phrase {
    let looks = |which: usize| Looks::of(&table.objects[object], which);
    let only = |which: &usize| {
        let looks = looks(*which);
        table
            .objects
            .iter()
            .filter(|other| looks.fit(other))
            .count()
            == 1
    };
    let fitting: Vec<usize> = (1..8).filter(only).collect();
    let size = |which: &usize| which.count_ones();
    let least = fitting.iter().map(size).min().unwrap_or(3);
    let wanted = least + u32::from(rng.below(5) == 0);
    let of_size = |wanted: u32| -> Vec<usize> {
        fitting
            .iter()
            .copied()
            .filter(|which| size(which) == wanted)
            .collect()
    };
    let mut choice = of_size(wanted);
    if choice.is_empty() {
        choice = of_size(least);
    }
    let looks = looks(choice.get(rng.below(choice.len())).copied().unwrap_or(7));
    Phrase::new(looks.noun(), &format!("objects {}unique", looks.filters()))
}

/// A program that finds the collision of two objects in a list of events.
fn collision_program(list: &str, [one, other]: [&Phrase; 2]) -> String {
    let [one, other] = [one.tokens(), other.tokens()];
    format!("{list} {one} filter_collision {other} filter_collision unique")
}

/// An event of the clip as a noun, "the" included.
pub fn event_noun(rng: &mut QuestionRng, table: &EventTable, event: &Event) -> Option<Phrase> {
    let objects = pair(rng, table, event);
    match (event.kind, objects.as_slice()) {
        (EventKind::Collision, [one, other]) => {
            let words = if rng.coin() {
                format!("the {}'s colliding with the {}", one.words, other.words)
            } else {
                format!(
                    "the collision between the {} and the {}",
                    one.words, other.words
                )
            };
            Some(Phrase::new(
                words,
                &collision_program("events", [one, other]),
            ))
        }
        (EventKind::In, [one]) => {
            let end = if rng.coin() {
                "entrance"
            } else {
                "entering the scene"
            };
            let words = format!("the {}'s {end}", one.words);
            Some(Phrase::new(
                words,
                &format!("events {} filter_in unique", one.tokens()),
            ))
        }
        (EventKind::Out, [one]) => {
            let end = if rng.coin() {
                "exit"
            } else {
                "exiting the scene"
            };
            let words = format!("the {}'s {end}", one.words);
            Some(Phrase::new(
                words,
                &format!("events {} filter_out unique", one.tokens()),
            ))
        }
        _ => None,
    }
}

/// A collision that may or may not happen, as a sentence.
pub fn collision_sentence(
    rng: &mut QuestionRng,
    table: &EventTable,
    event: &Event,
) -> Option<Phrase> {
    let objects = pair(rng, table, event);
    let [one, other] = objects.as_slice() else {
        return None;
    };
    let words = if rng.coin() {
        format!("The {} collides with the {}", one.words, other.words)
    } else {
        format!("The {} and the {} collide", one.words, other.words)
    };
    Some(Phrase::new(
        words,
        &collision_program("all_events", [one, other]),
    ))
}

/// The event's objects, in any order.
fn pair(rng: &mut QuestionRng, table: &EventTable, event: &Event) -> Vec<Phrase> {
    let mut objects: Vec<Phrase> = event
        .objects
        .iter()
        .map(|number| object(rng, table, *number))
        .collect();
    if rng.coin() {
        objects.reverse();
    }
    objects
}
