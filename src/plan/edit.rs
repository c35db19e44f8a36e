//! Edits of a finished run's slots, as data: a small TOML that can be kept, sent and replayed.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use slotflow_datasets::{ClipId, regular};

pub use editable::EditablePlan;
pub use error::EditError;

/// The tables of a benchmark of edits.
pub mod benchmark;

/// What an edit needs of a run's plan.
mod editable;

/// Why an edit was refused.
mod error;

/// An edit of one clip of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EditPlan {
    /// Name of the run's folder, for a person.
    pub run: String,
    /// Hash of the run's plan: an edit of another run is refused.
    pub plan: String,
    /// Hash of the run's slot encoder: slots of another one mean nothing here.
    pub encoder: String,
    /// The clip.
    pub clip: ClipId,
    /// In which of its frames.
    #[serde(default)]
    pub frames: EditedFrames,
    /// The changes, all of them to the slots as they were before the edit; each slot is named by one of them.
    pub operations: Vec<Operation>,
}

/// What is changed in a clip: an [`EditPlan`] without the run that it is of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClipEdit {
    /// The clip.
    pub clip: ClipId,
    /// In which of its frames.
    #[serde(default)]
    pub frames: EditedFrames,
    /// The changes.
    pub operations: Vec<Operation>,
}

/// The frames that an edit changes. The roll-out behind them always starts from edited slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "`frames` is \"all\", \"imagined\", or the number of the first frame that changes"
)]
pub enum EditedFrames {
    /// All, or only those that are imagined.
    Named(NamedFrames),
    /// Those from this one on, counted from 0.
    From(usize),
}

/// Frames by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedFrames {
    /// All frames that were seen, and the roll-out.
    All,
    /// The roll-out alone: what was seen stays as it was.
    Imagined,
}

impl Default for EditedFrames {
    fn default() -> Self {
        Self::Named(NamedFrames::All)
    }
}

impl EditedFrames {
    /// The first frame that changes, of a clip of which `observed` frames are seen before the roll-out.
    pub fn first(self, observed: usize) -> usize {
        match self {
            Self::Named(NamedFrames::All) => 0,
            Self::Named(NamedFrames::Imagined) => observed,
            Self::From(frame) => frame,
        }
    }

    /// Whether frames that were encoded stay as they are.
    pub fn is_imagined(self) -> bool {
        self == Self::Named(NamedFrames::Imagined)
    }
}

impl fmt::Display for EditedFrames {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(NamedFrames::All) => out.write_str("in all frames"),
            Self::Named(NamedFrames::Imagined) => out.write_str("in the imagined frames"),
            Self::From(frame) => write!(out, "from frame {frame} on"),
        }
    }
}

/// One change. Slots have the numbers that masks have, from 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// Takes a slot away.
    Remove {
        /// The slot.
        slot: usize,
    },
    /// Puts another clip's slot beside those of this one.
    Add {
        /// That slot.
        from: OtherSlot,
    },
    /// Puts a second copy of a slot beside it.
    Duplicate {
        /// The slot.
        slot: usize,
    },
    /// Puts another clip's slot in the place of a slot.
    Replace {
        /// The slot.
        slot: usize,
        /// What takes its place.
        with: OtherSlot,
    },
    /// Exchanges two slots: each gets the other's numbers.
    Exchange {
        /// The two.
        slots: [usize; 2],
    },
    /// Exchanges a slot for the one that looks most like it, among all slots of the run's clips, near another place.
    Move {
        /// The slot.
        slot: usize,
        /// To the right and down, pixels.
        by: [f64; 2],
    },
    /// Exchanges a slot for one that looks like another clip's and is near the same place.
    Recolour {
        /// The slot.
        slot: usize,
        /// What it is to look like.
        like: OtherSlot,
    },
}

impl Operation {
    /// The clip's own slots that it names.
    pub fn own_slots(&self) -> Vec<usize> {
        match self {
            Self::Add { .. } => Vec::new(),
            Self::Exchange { slots } => slots.to_vec(),
            Self::Remove { slot }
            | Self::Duplicate { slot }
            | Self::Replace { slot, .. }
            | Self::Move { slot, .. }
            | Self::Recolour { slot, .. } => vec![*slot],
        }
    }

    /// The slot of another clip that it names.
    pub fn other_slot(&self) -> Option<&OtherSlot> {
        match self {
            Self::Add { from: other }
            | Self::Replace { with: other, .. }
            | Self::Recolour { like: other, .. } => Some(other),
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove { slot } => write!(out, "slot {slot} removed"),
            Self::Add { from } => write!(out, "slot {} of {} added", from.slot, from.clip),
            Self::Duplicate { slot } => write!(out, "slot {slot} duplicated"),
            Self::Replace { slot, with } => {
                write!(
                    out,
                    "slot {slot} replaced by slot {} of {}",
                    with.slot, with.clip
                )
            }
            Self::Exchange {
                slots: [one, other],
            } => {
                write!(out, "slots {one} and {other} exchanged")
            }
            Self::Move { slot, by: [x, y] } => {
                write!(out, "slot {slot} moved by ({x}, {y}) pixels")
            }
            Self::Recolour { slot, like } => {
                write!(
                    out,
                    "slot {slot} made to look like slot {} of {}",
                    like.slot, like.clip
                )
            }
        }
    }
}

/// A slot of a clip of the run: `CLIP:SLOT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OtherSlot {
    /// The clip.
    pub clip: ClipId,
    /// Its slot.
    pub slot: usize,
}

impl fmt::Display for OtherSlot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.clip, self.slot)
    }
}

impl FromStr for OtherSlot {
    type Err = EditError;

    fn from_str(text: &str) -> Result<Self, EditError> {
        let parts = text.rsplit_once(':');
        let read = parts.and_then(|(clip, slot)| Some((clip, slot.parse().ok()?)));
        let (clip, slot) =
            read.filter(|(clip, _)| !clip.is_empty())
                .ok_or_else(|| EditError::Text {
                    found: text.to_owned(),
                    expected: "CLIP:SLOT",
                })?;
        Ok(Self {
            clip: ClipId::new(clip),
            slot,
        })
    }
}

impl TryFrom<String> for OtherSlot {
    type Error = EditError;

    fn try_from(text: String) -> Result<Self, EditError> {
        text.parse()
    }
}

impl From<OtherSlot> for String {
    fn from(other: OtherSlot) -> Self {
        other.to_string()
    }
}

impl EditPlan {
    /// The edit in a file.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, EditError> {
        let unreadable = |reason: String| EditError::File {
            reason,
            path: path.to_owned(),
        };
        let text = regular::read_settings(path).map_err(|error| unreadable(error.to_string()))?;
        toml::from_str(&text)
            .map_err(|error: toml::de::Error| unreadable(error.message().trim().replace('\n', " ")))
    }

    /// The file's text.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, EditError> {
        let text = toml::to_string(self).map_err(|error| EditError::File {
            reason: error.to_string(),
            path: "edit.toml".into(),
        })?;
        Ok(format!(
            "# An edit of a run: `pipeline edit {} --file edit.toml --out DIR` does it again.\n{text}",
            self.run
        ))
    }
}

impl EditPlan {
    /// What is changed, whatever run it is of.
    pub fn change(&self) -> ClipEdit {
        ClipEdit {
            clip: self.clip.clone(),
            frames: self.frames,
            operations: self.operations.clone(),
        }
    }
}

impl ClipEdit {
    /// Refuses an edit without a change, and changes that contradict each other: one slot named by two.
    ///
    /// # Errors
    /// The first such slot.
    pub fn check(&self) -> Result<(), EditError> {
        if self.operations.is_empty() {
            return Err(EditError::NoChange {
                slots: String::new(),
            });
        }
        let mut named: Vec<(usize, &Operation)> = Vec::new();
        for operation in &self.operations {
            for slot in operation.own_slots() {
                if let Some((_, earlier)) = named.iter().find(|(known, _)| *known == slot) {
                    return Err(EditError::Twice {
                        slot,
                        changes: [earlier.to_string(), operation.to_string()],
                    });
                }
                named.push((slot, operation));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_operation() -> EditPlan {
        let other = |text: &str| text.parse::<OtherSlot>().unwrap();
        EditPlan {
            run: "out".to_owned(),
            plan: "p".to_owned(),
            encoder: "e".to_owned(),
            clip: ClipId::new("synth-1"),
            frames: EditedFrames::From(3),
            operations: vec![
                Operation::Remove { slot: 3 },
                Operation::Add {
                    from: other("synth-2:1"),
                },
                Operation::Duplicate { slot: 2 },
                Operation::Replace {
                    slot: 4,
                    with: other("synth-2:4"),
                },
                Operation::Exchange { slots: [0, 1] },
                Operation::Move {
                    slot: 5,
                    by: [12.0, -4.0],
                },
                Operation::Recolour {
                    slot: 6,
                    like: other("synth-2:2"),
                },
            ],
        }
    }

    #[test]
    fn an_edit_file_reads_back_as_it_was_written() {
        for frames in [
            EditedFrames::default(),
            EditedFrames::Named(NamedFrames::Imagined),
            EditedFrames::From(3),
        ] {
            let mut edit = every_operation();
            edit.frames = frames;
            edit.change().check().unwrap();
            let text = edit.to_toml().unwrap();
            assert_eq!(toml::from_str::<EditPlan>(&text).unwrap(), edit, "{text}");
        }
    }

    #[test]
    fn an_edit_file_with_an_unknown_key_or_word_is_refused() {
        let text = every_operation().to_toml().unwrap();
        let refused = |text: &str| toml::from_str::<EditPlan>(text).unwrap_err().to_string();
        let unknown = refused(&text.replace("encoder", "weather"));
        assert!(
            unknown.contains("weather") || unknown.contains("encoder"),
            "{unknown}"
        );
        let unknown = refused(&format!("colour = 1\n{text}"));
        assert!(unknown.contains("colour"), "{unknown}");
        let word = refused(&text.replace("frames = 3", "frames = \"late\""));
        assert!(word.contains("\"imagined\""), "{word}");
        let place = refused(&text.replace("synth-2:1", "synth-2"));
        assert!(place.contains("CLIP:SLOT"), "{place}");
    }

    #[test]
    fn a_slot_that_two_changes_name_is_refused() {
        let mut edit = every_operation().change();
        edit.operations.push(Operation::Remove { slot: 1 });
        let error = edit.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "two changes name slot 1: slots 0 and 1 exchanged, slot 1 removed"
        );
        edit.operations.clear();
        assert!(matches!(edit.check(), Err(EditError::NoChange { .. })));
    }
}
