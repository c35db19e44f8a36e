//! Event tables: objects, motions and events of a clip, the input of question programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::QuestionError;

/// Colours of CLEVRER's objects.
pub const COLORS: [&str; 8] = [
    "gray", "red", "blue", "green", "brown", "yellow", "cyan", "purple",
];
/// Materials of CLEVRER's objects.
pub const MATERIALS: [&str; 2] = ["metal", "rubber"];
/// Shapes of CLEVRER's objects.
pub const SHAPES: [&str; 3] = ["sphere", "cylinder", "cube"];

/// Appearance of an object; no two objects of a clip look the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attributes {
    /// One of [`COLORS`].
    pub color: String,
    /// One of [`MATERIALS`].
    pub material: String,
    /// One of [`SHAPES`].
    pub shape: String,
}

impl Attributes {
    /// Attributes made of CLEVRER's words.
    ///
    /// # Errors
    /// When a word is not CLEVRER's.
    pub fn new(color: &str, material: &str, shape: &str) -> Result<Self, QuestionError> {
        let attributes = Self {
            color: color.to_owned(),
            material: material.to_owned(),
            shape: shape.to_owned(),
        };
        attributes.check().map(|()| attributes)
    }

    /// Whether every word is CLEVRER's.
    ///
    /// # Errors
    /// When one is not.
    pub fn check(&self) -> Result<(), QuestionError> {
        let known: [(&str, &'static str, &[&str]); 3] = [
            (&self.color, "color", &COLORS),
            (&self.material, "material", &MATERIALS),
            (&self.shape, "shape", &SHAPES),
        ];
        match known
            .into_iter()
            .find(|(word, _, words)| !words.contains(word))
        {
            Some((word, what, _)) => Err(QuestionError::UnknownAttribute {
                word: word.to_owned(),
                what,
            }),
            None => Ok(()),
        }
    }
}

/// Kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The clip begins.
    Start,
    /// An object comes into view.
    In,
    /// An object leaves the view.
    Out,
    /// Two objects touch.
    Collision,
    /// The clip ends.
    End,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its kind.
    pub kind: EventKind,
    /// To whom, lowest number first; empty for the clip's start and end.
    pub objects: Vec<usize>,
    /// Its frame; `None` for an event that is only spoken of.
    pub frame: Option<usize>,
}

impl Event {
    /// An event with its objects in order.
    pub fn new(kind: EventKind, objects: &[usize], frame: Option<usize>) -> Self {
        let mut objects = objects.to_vec();
        objects.sort_unstable();
        Self {
            kind,
            objects,
            frame,
        }
    }

    /// Whether both are the same kind of event of the same objects, whenever they happen.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.objects == other.objects
    }

    /// Whether the object takes part.
    pub fn involves(&self, object: usize) -> bool {
        self.objects.contains(&object)
    }
}

/// Velocity of an object in view at a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Change of place in the picture per frame, right and down.
    pub velocity: [f64; 2],
    /// Whether that counts as moving.
    pub moving: bool,
}

/// Objects, motions and events of a clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventTable {
    /// The objects; their numbers are their places.
    pub objects: Vec<Attributes>,
    /// Events of the clip, its start and end included, in order of time.
    pub seen: Vec<Event>,
    /// Events after the clip's end.
    pub unseen: Vec<Event>,
    /// By frame: how every object moves; `None` for one out of view.
    pub motion: BTreeMap<usize, Vec<Option<Motion>>>,
    /// Frames that the clip shows.
    pub frames: usize,
    /// By object: the collisions, in the clip and after, of the same scene without it.
    pub without: BTreeMap<usize, Vec<Event>>,
}

impl EventTable {
    /// A table with the clip's events in order of time between a start and an end.
    ///
    /// `happens` may hold events after `frames`; they are the unseen ones.
    pub fn new(objects: Vec<Attributes>, happens: Vec<Event>, frames: usize, end: usize) -> Self {
        let (unseen, mut seen): (Vec<_>, Vec<_>) = happens
            .into_iter()
            .partition(|event| event.frame.is_some_and(|frame| frame >= frames));
        seen.push(Event::new(EventKind::End, &[], Some(end)));
        seen.insert(0, Event::new(EventKind::Start, &[], Some(0)));
        seen.sort_by_key(|event| event.frame);
        Self {
            objects,
            seen,
            unseen,
            frames,
            ..Self::default()
        }
    }

    /// Motion of an object at a frame; `None` when it is out of view.
    pub fn motion_at(&self, object: usize, frame: usize) -> Option<Motion> {
        *self.motion.get(&frame)?.get(object)?
    }

    /// Whether an object is in view at a frame, or in any frame of the clip.
    pub fn is_visible(&self, object: usize, frame: Option<usize>) -> bool {
        match frame {
            Some(frame) => self.motion_at(object, frame).is_some(),
            None => self
                .motion
                .range(..self.frames)
                .any(|(frame, _)| self.motion_at(object, *frame).is_some()),
        }
    }

    /// Whether an object moves at a frame, or at any.
    pub fn is_moving(&self, object: usize, frame: Option<usize>) -> bool {
        let moves = |frame: usize| {
            self.motion_at(object, frame)
                .is_some_and(|motion| motion.moving)
        };
        match frame {
            Some(frame) => moves(frame),
            None => self.motion.keys().any(|frame| moves(*frame)),
        }
    }
}
