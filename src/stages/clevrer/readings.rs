//! Questions answered on several readings of a clip: what objects look like and which events happen is drawn by the
//! probabilities that the head gives, the program runs on each reading, and those on which it does not fail are counted.
//!
//! So a question says something about its clip too: a reading without a second collision cannot tell what came after it, and does
//! not count. Where the program fails on all of them, collisions are taken for likelier and likelier than the head has them.

use std::collections::BTreeMap;

use ndarray::ArrayView3;
use slotflow_datasets::question::executor::{self, Value, Verdict};
use slotflow_datasets::question::trace::{Step, trace};
use slotflow_datasets::question::{Event, EventKind, EventTable};
use slotflow_datasets::{Ask, ClipId, Question, QuestionKind};

use super::answers::{Answer, AnswerRecord, TracedStep};
use super::counterfactual_rollout::CounterfactualRollout;
use super::presupposition::presupposed;
use crate::artifacts::ClipSlots;
use crate::rng::SeededRng;
use crate::scene_parsing::{HeadOutput, ParsedScene, PossibleEvent, drawn_events};

/// What is added to the logits of collisions, as long as a question's program fails on every reading.
const CREDITS: [f32; 4] = [0.0, 2.0, 4.0, 8.0];

/// A clip whose objects and events are known as far as the head knows them.
pub struct Scene<'a> {
    rollout: &'a CounterfactualRollout<'a>,
    slots: ClipSlots,
    output: HeadOutput,
    parsed: ParsedScene,
    /// How many readings a question is asked of.
    count: usize,
    /// By place among [`CREDITS`]: the most likely reading, and drawn ones.
    readings: Vec<Vec<EventTable>>,
    /// Collisions that may be without an object.
    without: BTreeMap<usize, Vec<PossibleEvent>>,
    rng: SeededRng,
}

impl<'a> Scene<'a> {
    /// So many readings of a clip's slots.
    pub fn new(
        rollout: &'a CounterfactualRollout<'a>,
        slots: ClipSlots,
        readings: usize,
        rng: SeededRng,
    ) -> Self {
        let output = rollout.head_output(slots.slots.view());
        let parsed = output.parse(rollout.settings);
        Self {
            count: readings,
            readings: Vec::new(),
            rollout,
            slots,
            output,
            parsed,
            without: BTreeMap::new(),
            rng,
        }
    }

    /// The answers to a question, one an option.
    pub fn answer(&mut self, clip: &ClipId, question: &Question) -> Vec<AnswerRecord> {
        if let Some(next) = self.next(question) {
            return self.traced_next(AnswerRecord::of_votes(clip, question, &next), question);
        }
        let (mut votes, mut likely) = (Votes::default(), Vec::new());
        for (place, credit) in CREDITS.into_iter().enumerate() {
            self.read(place);
            let open = votes.open();
            for number in 0..self.readings[place].len() {
                let table = self.readings[place][number].clone();
                let mut table = presupposed(table, &self.parsed.confidence, question);
                if question.kind == QuestionKind::Counterfactual
                    && let Some(removed) = removed_object(&table, question)
                {
                    let is_likeliest = place == 0 && number == 0;
                    let credit = (!is_likeliest).then_some(credit);
                    let events = self.events_without(removed, credit);
                    table.without.insert(removed, events);
                }
                votes.add(executor::verdict(&table, question), &open);
                if place == 0 {
                    likely.push(table);
                }
            }
            // One reading is asked for where nothing but the most likely counts.
            if self.count == 1 || votes.open().iter().all(|open| !open) {
                break;
            }
        }
        let mut rows = AnswerRecord::of_votes(clip, question, &votes.answers());
        for (option, row) in rows.iter_mut().enumerate() {
            if row.answer == executor::ERROR {
                row.remark = self.fault(question, option);
            }
            row.trace = traced(&likely, &program(question, option));
        }
        rows
    }

    /// Why the program of an option fails on the most likely reading.
    fn fault(&self, question: &Question, option: usize) -> Option<String> {
        let table = presupposed(self.parsed.table.clone(), &self.parsed.confidence, question);
        let fault = executor::run(&table, &program(question, option)).err()?;
        Some(fault.to_string())
    }

    /// Draws the readings at a place among [`CREDITS`].
    fn read(&mut self, place: usize) {
        if self.readings.len() > place {
            return;
        }
        let (parsed, rng) = (&self.parsed, &mut self.rng);
        let settings = self.rollout.settings;
        let likeliest = (place == 0).then(|| parsed.table.clone());
        let drawn = std::iter::repeat_with(|| parsed.drawn(settings, CREDITS[place], rng));
        let all = likeliest.into_iter().chain(drawn).take(self.count);
        self.readings.push(all.collect());
    }

    /// Collisions without an object: the likely ones, or drawn ones with a credit.
    fn events_without(&mut self, removed: usize, credit: Option<f32>) -> Vec<Event> {
        if !self.without.contains_key(&removed) {
            let events = self.rollout.without(self.view(), &self.parsed, removed);
            self.without.insert(removed, events);
        }
        let possible = &self.without[&removed];
        if let Some(credit) = credit {
            return drawn_events(possible, credit, &mut self.rng);
        }
        let likely = possible.iter().filter(|possible| possible.logit > 0.0);
        likely.map(|possible| possible.event.clone()).collect()
    }

    fn view(&self) -> ArrayView3<'_, f32> {
        self.slots.slots.view()
    }

    /// Of the two collisions that a predictive question names one happens: the one of the larger logit behind the clip. `None`
    /// of other questions, and where the collisions are not told apart.
    fn next(&self, question: &Question) -> Option<Vec<Answer>> {
        let Ask::Choices(choices) = &question.ask else {
            return None;
        };
        if question.kind != QuestionKind::Predictive || choices.len() != 2 {
            return None;
        }
        let table = presupposed(self.parsed.table.clone(), &self.parsed.confidence, question);
        let evidence: Vec<Option<f32>> = choices
            .iter()
            .map(|choice| match executor::run(&table, &choice.program) {
                Ok(Value::Event(event)) => self.evidence(&event),
                _ => None,
            })
            .collect();
        let logit = |place: usize| evidence[place].unwrap_or(f32::NEG_INFINITY);
        if !logit(0).max(logit(1)).is_finite() {
            return None;
        }
        let happens = |place: usize| {
            let odds = f64::from(logit(1 - place)) - f64::from(logit(place));
            let share = 1.0 / (1.0 + odds.exp());
            // Of equal ones both are as likely as not.
            let word = if share >= 0.5 { "correct" } else { "wrong" };
            Answer {
                word: word.to_owned(),
                share: share.max(1.0 - share),
            }
        };
        Some(vec![happens(0), happens(1)])
    }

    /// Answers about what happens next with the collisions that their options name, and how likely each is.
    fn traced_next(&mut self, rows: Vec<AnswerRecord>, question: &Question) -> Vec<AnswerRecord> {
        let Ask::Choices(choices) = &question.ask else {
            return rows;
        };
        self.read(0);
        let readings = self.readings[0].iter();
        let tables: Vec<EventTable> = readings
            .map(|table| presupposed(table.clone(), &self.parsed.confidence, question))
            .collect();
        let traced = rows.into_iter().zip(choices).map(|(mut row, choice)| {
            row.trace = traced(&tables, &choice.program);
            row.trace.push(TracedStep {
                module: "behind the clip".to_owned(),
                found: format!("the likelier of the two: {}", row.answer),
                share: row.probability,
            });
            row
        });
        traced.collect()
    }

    /// Logit that two objects collide behind the clip.
    fn evidence(&self, event: &Event) -> Option<f32> {
        let (EventKind::Collision, [one, other]) = (event.kind, event.objects.as_slice()) else {
            return None;
        };
        let tracks = &self.parsed.tracks;
        let logits = self.output.pair_collisions(&tracks[*one], &tracks[*other]);
        let behind = logits.iter().skip(self.rollout.settings.observed - 1);
        behind.copied().reduce(f32::max)
    }
}

/// The program that answers a question, or judges one of its options.
fn program(question: &Question, option: usize) -> Vec<String> {
    match &question.ask {
        Ask::Word(_) => question.program.clone(),
        Ask::Choices(choices) => {
            let choice = choices
                .get(option)
                .map_or(&[][..], |choice| &choice.program);
            [choice, &question.program].concat()
        }
    }
}

/// The steps of a program on the first of several readings, and on how many of them each finds the same.
fn traced(readings: &[EventTable], program: &[String]) -> Vec<TracedStep> {
    let all: Vec<Vec<Step>> = readings.iter().map(|table| trace(table, program)).collect();
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let steps = first.iter().enumerate().map(|(place, step)| {
        let same = all.iter().filter(|steps| steps.get(place) == Some(step));
        TracedStep {
            module: step.module.clone(),
            found: step.found.clone(),
            share: same.count() as f64 / all.len() as f64,
        }
    });
    steps.collect()
}

/// What readings answer, option by option.
#[derive(Debug, Default)]
struct Votes(Vec<Vec<(String, usize)>>);

impl Votes {
    /// Whether an option has no answer yet; nothing before the first reading.
    fn open(&self) -> Vec<bool> {
        self.0.iter().map(Vec::is_empty).collect()
    }

    /// Counts what one reading answers, of options that are `open`.
    fn add(&mut self, verdict: Verdict, open: &[bool]) {
        let words: Vec<String> = match verdict {
            Verdict::Word(word) => vec![word],
            Verdict::Choices(words) => words.into_iter().map(str::to_owned).collect(),
        };
        self.0.resize(words.len(), Vec::new());
        for (place, (votes, word)) in self.0.iter_mut().zip(words).enumerate() {
            let is_open = open.get(place).copied().unwrap_or(true);
            if word == executor::ERROR || !is_open {
                continue;
            }
            match votes.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => votes.push((word, 1)),
            }
        }
    }

    /// The word of most readings; of equal ones that of the likelier reading, which came first.
    fn answers(&self) -> Vec<Answer> {
        let of_option = |votes: &Vec<(String, usize)>| {
            let all: usize = votes.iter().map(|(_, count)| count).sum();
            let most = votes.iter().rev().max_by_key(|(_, count)| *count);
            most.map_or_else(
                || Answer {
                    word: executor::ERROR.to_owned(),
                    share: 0.0,
                },
                |(word, count)| Answer {
                    word: word.clone(),
                    share: *count as f64 / all as f64,
                },
            )
        };
        self.0.iter().map(of_option).collect()
    }
}

/// The object that a counterfactual question takes away.
fn removed_object(table: &EventTable, question: &Question) -> Option<usize> {
    let named = ["get_counterfact", "filter_counterfact"];
    let at = question
        .program
        .iter()
        .position(|token| named.contains(&token.as_str()))?;
    let start = usize::from(
        question
            .program
            .first()
            .is_some_and(|token| token == "all_events"),
    );
    match executor::run(table, &question.program[start..at]) {
        Ok(Value::Number(object)) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use slotflow_datasets::question::Attributes;

    use super::*;

    #[test]
    fn a_step_is_as_sure_as_the_readings_that_find_the_same() {
        let object = |color: &str| Attributes::new(color, "metal", "cube").unwrap();
        let table = |colors: &[&str]| {
            let objects = colors.iter().map(|color| object(color)).collect();
            EventTable::new(objects, Vec::new(), 128, 128)
        };
        let readings = [
            table(&["red", "blue"]),
            table(&["red", "green"]),
            table(&["blue", "blue"]),
            table(&["red", "blue"]),
        ];
        let program = ["objects", "red", "filter_color", "count"].map(str::to_owned);
        let steps = traced(&readings, &program);
        let found: Vec<(&str, &str, f64)> = steps
            .iter()
            .map(|step| (step.module.as_str(), step.found.as_str(), step.share))
            .collect();
        assert_eq!(
            found,
            [
                ("objects", "2: red metal cube; blue metal cube", 0.5),
                ("filter_color red", "1: red metal cube", 0.75),
                ("count", "1", 0.75),
            ]
        );
    }

    #[test]
    fn readings_on_which_the_program_fails_do_not_count() {
        let mut votes = Votes::default();
        for word in ["error", "red", "error", "blue", "blue", "error", "error"] {
            votes.add(Verdict::Word(word.to_owned()), &[]);
        }
        let blue = Answer {
            word: "blue".to_owned(),
            share: 2.0 / 3.0,
        };
        assert_eq!(votes.answers(), [blue]);
        let mut votes = Votes::default();
        votes.add(Verdict::Choices(vec!["error", "wrong"]), &[]);
        votes.add(Verdict::Choices(vec!["error", "correct"]), &[]);
        let answers = votes.answers();
        assert_eq!(answers[0].word, "error");
        assert_eq!((answers[1].word.as_str(), answers[1].share), ("wrong", 0.5));
        let open = votes.open();
        votes.add(Verdict::Choices(vec!["correct", "correct"]), &open);
        let answers = votes.answers();
        assert_eq!(answers[0].word, "correct");
        assert_eq!(answers[1].word, "wrong", "answered before");
    }
}
