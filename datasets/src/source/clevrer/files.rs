//! CLEVRER's files beside the videos: annotations and mask proposals, and where everything lies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::listing::{create_parent, read_text};
use crate::partial::PartialFile;
use crate::question::{Attributes, Event, EventKind, EventTable, Motion};
use crate::rle::Rle;
use crate::source::split::Split;
use crate::synth::questions::event_table::MOVING_SPEED;

/// Annotation of a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// The clip's number.
    pub scene_index: usize,
    /// Its video file.
    pub video_filename: String,
    /// The objects.
    pub object_property: Vec<Property>,
    /// Their states in each frame.
    pub motion_trajectory: Vec<AnnotatedFrame>,
    /// Collisions.
    pub collision: Vec<AnnotatedCollision>,
}

/// Appearance of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Its number in the clip.
    pub object_id: usize,
    /// Its colour, material and shape.
    #[serde(flatten)]
    pub attributes: Attributes,
}

/// States of objects in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnnotatedFrame {
    /// The frame.
    pub frame_id: usize,
    /// Every object.
    pub objects: Vec<State>,
}

/// Pose and velocity of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Its number.
    pub object_id: usize,
    /// Its centre.
    pub location: [f32; 3],
    /// Turns about x, y and z, radians.
    pub orientation: [f32; 3],
    /// Units of length a second.
    pub velocity: [f32; 3],
    /// Radians a second.
    pub angular_velocity: [f32; 3],
    /// Whether the camera has it in view.
    pub inside_camera_view: bool,
}

/// A collision in the clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnnotatedCollision {
    /// Ids of both objects.
    pub object_ids: [usize; 2],
    /// Frame of the collision.
    pub frame_id: usize,
    /// Place of the collision, scene units.
    pub location: [f32; 3],
}

/// Masks of a clip, as a detector proposes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The clip's number.
    pub video_index: usize,
    /// Its video file.
    pub video_filename: String,
    /// The masks of each frame.
    pub frames: Vec<ProposedFrame>,
}

/// Masks of one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProposedFrame {
    /// The frame.
    pub frame_index: usize,
    /// Detected objects.
    pub objects: Vec<Proposed>,
}

/// One mask and what it shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposed {
    /// The mask.
    pub mask: Rle,
    /// The object's attributes.
    #[serde(flatten)]
    pub attributes: Attributes,
    /// The detector's score, 0..1.
    pub score: f64,
    /// The clip's number.
    pub video_index: usize,
    /// The frame.
    pub frame_index: usize,
}

/// The most objects of a clip: masks number them in a byte, and events are tables of frames and objects.
const MOST_OBJECTS: usize = 255;

impl Annotation {
    /// The annotation in a file.
    ///
    /// # Errors
    /// When it cannot be read, says something else, or has more objects than masks could number.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let annotation: Self = read_json(path)?;
        let objects = annotation.object_property.len();
        if objects > MOST_OBJECTS {
            return Err(DataError::Malformed {
                reason: format!("{objects} objects; {MOST_OBJECTS} are the most"),
                path: path.to_owned(),
            });
        }
        Ok(annotation)
    }

    /// Frames in which an object comes into view.
    pub fn entrances(&self) -> Vec<usize> {
        let mut before: BTreeMap<usize, bool> = BTreeMap::new();
        let mut frames = Vec::new();
        for frame in &self.motion_trajectory {
            let enters = |state: &State, before: &BTreeMap<usize, bool>| {
                state.inside_camera_view && before.get(&state.object_id) == Some(&false)
            };
            if frame.objects.iter().any(|state| enters(state, &before)) {
                frames.push(frame.frame_id);
            }
            before = frame
                .objects
                .iter()
                .map(|state| (state.object_id, state.inside_camera_view))
                .collect();
        }
        frames
    }

    /// The event table of question programs: all that the annotated frames show. What happens later, or without an object, is unknown.
    pub fn event_table(&self) -> EventTable {
        let shows = |id: usize| {
            let mut states = self
                .motion_trajectory
                .iter()
                .flat_map(|frame| &frame.objects);
            states.any(|state| state.object_id == id && state.inside_camera_view)
        };
        let shown: Vec<&Property> = self
            .object_property
            .iter()
            .filter(|object| shows(object.object_id))
            .collect();
        let place = |id: usize| shown.iter().position(|object| object.object_id == id);
        let frames = self.motion_trajectory.len();
        let mut happens = Vec::new();
        let mut motion = BTreeMap::new();
        let mut before: Vec<Option<bool>> = vec![None; shown.len()];
        for frame in &self.motion_trajectory {
            let mut row = vec![None; shown.len()];
            for state in &frame.objects {
                let Some(place) = place(state.object_id) else {
                    continue;
                };
                let kind = match (before[place], state.inside_camera_view) {
                    (Some(false), true) => Some(EventKind::In),
                    (Some(true), false) => Some(EventKind::Out),
                    _ => None,
                };
                happens.extend(kind.map(|kind| Event::new(kind, &[place], Some(frame.frame_id))));
                before[place] = Some(state.inside_camera_view);
                row[place] = state.inside_camera_view.then(|| state.motion());
            }
            motion.insert(frame.frame_id, row);
        }
        happens.extend(self.collision.iter().filter_map(|collision| {
            let [one, other] = collision.object_ids;
            Some(Event::new(
                EventKind::Collision,
                &[place(one)?, place(other)?],
                Some(collision.frame_id),
            ))
        }));
        happens.sort_by_key(|event| event.frame);
        let objects = shown
            .iter()
            .map(|object| object.attributes.clone())
            .collect();
        EventTable {
            motion,
            ..EventTable::new(objects, happens, frames, frames.saturating_sub(1))
        }
    }
}

impl State {
    fn motion(&self) -> Motion {
        let [x, y, z] = self.velocity;
        let moving = (x * x + y * y + z * z).sqrt() > MOVING_SPEED;
        Motion {
            velocity: [f64::from(x), f64::from(y)],
            moving,
        }
    }
}

/// Starts of windows in which no object enters among the predicted frames.
///
/// A window of `count` frames, `stride` apart, of which `burn_in` are seen, is left out when an object comes into view
/// after its burn-in's third frame from the end.
///
/// # Source
/// SlotFormer `base_slots/datasets/clevrer.py`, `filter_enter`.
pub fn quiet_starts(
    entrances: &[usize],
    frames: usize,
    [count, stride, burn_in]: [usize; 3],
) -> Vec<usize> {
    let span = count.saturating_sub(1) * stride;
    let known = burn_in.saturating_sub(3) * stride;
    let quiet = |start: &usize| {
        !entrances
            .iter()
            .any(|at| *at > start + known && *at <= start + span)
    };
    (0..frames.saturating_sub(span)).filter(quiet).collect()
}

/// The names that a split's folders and files have, the official one first.
pub fn split_names(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &["train"],
        Split::Val => &["validation", "val"],
        Split::Test => &["test"],
    }
}

/// The folder of a file: a thousand to each, as `video_00000-01000`.
pub fn range_folder(what: &str, number: usize) -> String {
    let first = number / 1000 * 1000;
    format!("{what}_{first:05}-{:05}", first + 1000)
}

/// Possible paths of a clip's annotation.
pub fn annotation_paths(root: &Path, split: Split, number: usize) -> impl Iterator<Item = PathBuf> {
    let name = format!("annotation_{number:05}.json");
    let range = range_folder("annotation", number);
    split_folders(root, "annotation", split)
        .flat_map(move |folder| [folder.join(&range).join(&name), folder.join(&name)])
}

/// Possible folders of a split's videos or annotations: `videos/validation`, `video_validation`, …
pub fn split_folders(
    root: &Path,
    what: &'static str,
    split: Split,
) -> impl Iterator<Item = PathBuf> {
    let root = root.to_owned();
    let both = move |name: &'static str| {
        [
            root.join(format!("{what}s")).join(name),
            root.join(format!("{what}_{name}")),
        ]
    };
    split_names(split).iter().flat_map(move |name| both(name))
}

/// Path of a clip's mask proposals.
pub fn proposal_path(root: &Path, number: usize) -> PathBuf {
    root.join("derender_proposals")
        .join(format!("proposal_{number:05}.json"))
}

/// A JSON file's content.
///
/// # Errors
/// When it cannot be read or says something else.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    let bytes = read_text(path)?;
    serde_json::from_slice(&bytes).map_err(|error| DataError::Malformed {
        reason: format!("not as CLEVRER writes it ({error})"),
        path: path.to_owned(),
    })
}

/// Writes a JSON file, whole or not at all, and the folders above it.
///
/// # Errors
/// When the disk says no.
pub fn write_json<T: Serialize>(path: &Path, content: &T) -> Result<(), DataError> {
    let io = |source| DataError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    };
    create_parent(path)?;
    let text = serde_json::to_vec(content).map_err(|error| io(error.into()))?;
    let partial = PartialFile::unique(path).map_err(io)?;
    std::fs::write(partial.path(), text).map_err(io)?;
    partial.keep().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_no_object_enter_among_its_predicted_frames() {
        // 6 seen of 16 frames, 2 apart: an entrance may fall on the first 7 frames of the window and not on the rest.
        let starts = quiet_starts(&[20], 60, [16, 2, 6]);
        let wrong: Vec<usize> = (0..30).filter(|start| !starts.contains(start)).collect();
        assert_eq!(wrong, (0..14).collect::<Vec<_>>());
        assert_eq!(starts.last(), Some(&29));
        assert!(quiet_starts(&[], 10, [16, 2, 6]).is_empty());
    }

    #[test]
    fn folders_hold_a_thousand_files() {
        assert_eq!(range_folder("video", 10_999), "video_10000-11000");
        let mut paths = annotation_paths(Path::new("r"), Split::Val, 10_001);
        let first = "r/annotations/validation/annotation_10000-11000/annotation_10001.json";
        assert_eq!(paths.next(), Some(PathBuf::from(first)));
        let flat = "r/annotations/validation/annotation_10001.json";
        assert_eq!(paths.next(), Some(PathBuf::from(flat)));
        assert!(paths.any(|path| path.starts_with("r/annotation_val")));
    }
}
