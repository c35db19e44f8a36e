//! Why an edit was refused.

use std::path::PathBuf;

use slotflow_datasets::ClipId;

/// Why an edit was refused before any work.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Nothing is changed.
    #[error("no change is given{}", if slots.is_empty() { String::new() } else { format!("\n\n{slots}") })]
    NoChange {
        /// The clip's slots as a table; empty where they are not known.
        slots: String,
    },
    /// A change that cannot be read.
    #[error("not of the form {expected}: `{found}`")]
    Text {
        /// What was typed.
        found: String,
        /// The form.
        expected: &'static str,
    },
    /// An edit file that is none.
    #[error("not an edit file ({reason}): `{}`", path.display())]
    File {
        /// What is wrong.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// An edit of another run.
    #[error("the edit is of the run `{named}`, whose {what} is another than this run's")]
    OtherRun {
        /// The run that the file names.
        named: String,
        /// What differs.
        what: &'static str,
    },
    /// A folder that is no finished run.
    #[error("not a run folder (no `plan.toml` and `run.json`): `{}`", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
    },
    /// A run whose folder was removed or moved while it was open.
    #[error("the run is not there any more: `{}`", path.display())]
    RunGone {
        /// The folder.
        path: PathBuf,
    },
    /// A run whose slots were not rendered.
    #[error("the run rendered no slots: its flow is `{flow}`: `{}`", path.display())]
    NotRendered {
        /// What ran.
        flow: String,
        /// The folder.
        path: PathBuf,
    },
    /// A clip that the run does not have, or could not do.
    #[error("no clip `{clip}` in the run; it has {known}")]
    NoClip {
        /// What was asked for.
        clip: ClipId,
        /// Those that are there.
        known: String,
    },
    /// A slot that the clip does not have.
    #[error("no slot {slot} in `{clip}`; its slots are 0 to {last}")]
    NoSlot {
        /// What was asked for.
        slot: usize,
        /// The clip.
        clip: ClipId,
        /// Its last slot.
        last: usize,
    },
    /// Slots of another width.
    #[error(
        "slots of `{clip}` are {found} wide and those that are edited {expected}: they are another encoder's"
    )]
    Width {
        /// The other clip.
        clip: ClipId,
        /// Its slots' width.
        found: usize,
        /// The edited clip's.
        expected: usize,
    },
    /// Another clip that ends before the edited one.
    #[error("`{clip}` has {found} frames, and frames up to {needed} are edited")]
    Short {
        /// The other clip.
        clip: ClipId,
        /// Its frames.
        found: usize,
        /// Frames that are needed.
        needed: usize,
    },
    /// Changes that contradict each other.
    #[error("two changes name slot {slot}: {}", changes.join(", "))]
    Twice {
        /// The slot.
        slot: usize,
        /// The two.
        changes: [String; 2],
    },
    /// Every slot would be gone.
    #[error("every slot of `{clip}` would be removed: nothing is left to render")]
    NothingLeft {
        /// The clip.
        clip: ClipId,
    },
    /// A place outside of the frame.
    #[error(
        "slot {slot} would move to ({x:.0}, {y:.0}) in frame {frame}, outside of the {width}×{height} picture"
    )]
    Outside {
        /// The slot.
        slot: usize,
        /// The frame.
        frame: usize,
        /// The wanted place, pixels from the left.
        x: f64,
        /// The wanted place, pixels from the top.
        y: f64,
        /// Size of the picture.
        width: usize,
        /// Size of the picture.
        height: usize,
    },
    /// A slot that no pixel belongs to has no place and no looks.
    #[error("slot {slot} of `{clip}` owns no pixel: it has no place and no looks")]
    Invisible {
        /// The slot.
        slot: usize,
        /// The clip.
        clip: ClipId,
    },
    /// A frame behind the last one.
    #[error("no frame {frame}: the clip has {count} frames, the imagined ones included")]
    NoFrame {
        /// What was asked for.
        frame: usize,
        /// Frames of the clip and its roll-out.
        count: usize,
    },
    /// Imagined frames of a run that predicted nothing.
    #[error("the run has no imagined frames: it rendered what it saw and predicted nothing")]
    NothingImagined,
    /// A result inside the run's folder.
    #[error("a run's folder is never changed, and this one is inside or above it: `{}`", path.display())]
    InsideRun {
        /// The folder that was given.
        path: PathBuf,
    },
    /// A result where something else is.
    #[error("not empty and not an edit's folder: `{}`", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

impl EditError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoChange { .. } => {
                "give a change, for example `--remove 3`; `pipeline edit --help` lists them"
            }
            Self::Text { .. } => {
                "for example `--swap 2=OTHER:4`, `--swap 2=4`, `--add OTHER:1`, `--move 5=12,-4`"
            }
            Self::File { .. } => {
                "`pipeline edit RUN --clip CLIP --remove 3 --out DIR` writes an `edit.toml`"
            }
            Self::OtherRun { .. } => {
                "give the run that the edit was made of, or make the edit anew with this one"
            }
            Self::NotARun { .. } | Self::NotRendered { .. } => {
                "`pipeline run video-predict --out DIR` makes a run that can be edited, and so does `pipeline run segment --set render.weights=DECODER --out DIR`"
            }
            Self::NothingImagined => {
                "leave out `--imagined`; edit a run of `video-predict` to change what is predicted"
            }
            Self::RunGone { .. } => {
                "save the edit file if it is to be kept; put the folder back, or make the run anew with the same plan"
            }
            Self::NoClip { .. } => "`pipeline edit RUN --list` lists the run's clips",
            Self::NoSlot { .. } | Self::Invisible { .. } => {
                "`pipeline edit RUN --clip CLIP --list` lists a clip's slots, their share of the pixels and their places"
            }
            Self::Width { .. } | Self::Short { .. } => "take the slot from another clip of the run",
            Self::Twice { .. } => {
                "name each slot in one change; all changes are made to the slots as they were"
            }
            Self::NothingLeft { .. } => "leave at least one slot, such as the background's",
            Self::Outside { .. } => {
                "move it less far; `pipeline edit RUN --clip CLIP --list` prints where slots are"
            }
            Self::NoFrame { .. } => "give an earlier frame with `--from`; frames count from 0",
            Self::InsideRun { .. } | Self::Foreign { .. } => {
                "give an empty or a new folder with `--out`"
            }
        }
    }
}
