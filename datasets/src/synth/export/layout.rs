//! Generated clips on disk as CLEVRER lays itself out, so that one reader serves both.
//!
//! Differs: the test split keeps its programs and answers, so that they can be scored here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::ArrayView3;

use crate::error::DataError;
use crate::listing::create_parent;
use crate::question::{self, Attributes, Question};
use crate::rle::Rle;
use crate::source::clevrer::LEFT_OUT;
use crate::source::clevrer::files::{
    self, AnnotatedCollision, AnnotatedFrame, Annotation, Property, Proposal, Proposed,
    ProposedFrame, State,
};
use crate::source::split::Split;
use crate::synth::physics::record::{Event, Pose, Record};
use crate::synth::questions::{self, Amount};
use crate::synth::{AnnotatedClip, Renderer, SynthPreset};
use crate::video::{self, Format};

/// Height and width of CLEVRER's videos.
pub const CLEVRER_SIZE: [usize; 2] = [320, 480];

/// A range of clips to write, and their form.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The kind of clip.
    pub preset: SynthPreset,
    /// The split: its seeds, and its folders.
    pub split: Split,
    /// The first clip, counted within the split.
    pub first: usize,
    /// Number of clips.
    pub count: usize,
    /// Height and width of a frame.
    pub size: [usize; 2],
    /// Number of questions of a clip.
    pub questions: Amount,
}

impl Layout {
    /// A clip's number in the data set: validation from 10,000 and test from 15,000 on, as in CLEVRER.
    ///
    /// The number that readers of CLEVRER leave out is not given.
    pub fn number(&self, clip: usize) -> usize {
        let place = self.first + clip;
        match self.split {
            Split::Train => place,
            Split::Val => 10_000 + place + usize::from(10_000 + place >= LEFT_OUT),
            Split::Test => 15_000 + place,
        }
    }

    /// Writes the clips below `root`, and adds their questions to the split's file. `done` hears of every clip.
    ///
    /// # Errors
    /// When the disk says no, or this binary or its FFmpeg cannot write videos.
    pub fn write(&self, root: &Path, mut done: impl FnMut(usize)) -> Result<(), DataError> {
        let mut questions = self.questions_below(root)?;
        for clip in 0..self.count {
            questions.insert(self.number(clip), self.write_clip(root, clip)?);
            done(clip);
        }
        self.write_questions(root, &questions)
    }

    /// Writes some of the clips below a `root` that holds no others, with the file of their questions. A clip whose files are
    /// there already is not painted again. `done` hears of every clip.
    ///
    /// # Errors
    /// As [`Layout::write`].
    pub fn write_share(
        &self,
        root: &Path,
        clips: &[usize],
        mut done: impl FnMut(usize),
    ) -> Result<(), DataError> {
        let mut questions = BTreeMap::new();
        for &clip in clips {
            let is_there = self.files(root, clip).iter().all(|path| path.is_file());
            let of_clip = if is_there {
                self.annotated(clip).1
            } else {
                self.write_clip(root, clip)?
            };
            questions.insert(self.number(clip), of_clip);
            done(clip);
        }
        self.write_questions(root, &questions)
    }

    /// Adds the questions of `parts`, each of which is the root of some of the clips, to the split's file below `root`.
    ///
    /// # Errors
    /// When a file of questions cannot be read or written.
    pub fn join_questions(&self, root: &Path, parts: &[PathBuf]) -> Result<(), DataError> {
        let mut questions = self.questions_below(root)?;
        for part in parts {
            questions.extend(question::file::read(&self.question_file(part))?);
        }
        self.write_questions(root, &questions)
    }

    /// The file of the split's questions.
    pub fn question_file(&self, root: &Path) -> PathBuf {
        let name = format!("{}.json", files::split_names(self.split)[0]);
        root.join("questions").join(name)
    }

    fn questions_below(&self, root: &Path) -> Result<BTreeMap<usize, Vec<Question>>, DataError> {
        let file = self.question_file(root);
        if file.is_file() {
            return question::file::read(&file);
        }
        Ok(BTreeMap::default())
    }

    fn write_questions(
        &self,
        root: &Path,
        questions: &BTreeMap<usize, Vec<Question>>,
    ) -> Result<(), DataError> {
        let file = self.question_file(root);
        create_parent(&file)?;
        question::file::write(&file, questions)
    }

    /// The files of one clip.
    fn files(&self, root: &Path, clip: usize) -> Vec<PathBuf> {
        let number = self.number(clip);
        let own = [
            self.video_path(root, number),
            files::proposal_path(root, number),
        ];
        let annotations = files::annotation_paths(root, self.split, number);
        own.into_iter().chain(annotations.take(1)).collect()
    }

    /// What happens in a clip, and what is asked about it.
    fn annotated(&self, clip: usize) -> (AnnotatedClip, Vec<Question>) {
        let seed = self.split.seed((self.first + clip) as u64);
        let annotated = AnnotatedClip::simulate(&self.preset, seed);
        let questions = questions::questions(&annotated, self.questions, seed);
        (annotated, questions)
    }

    /// Writes one clip's video, annotation and masks; its questions come back.
    ///
    /// # Errors
    /// As [`Layout::write`].
    pub fn write_clip(&self, root: &Path, clip: usize) -> Result<Vec<Question>, DataError> {
        let number = self.number(clip);
        let (annotated, questions) = self.annotated(clip);
        let record = &annotated.record;
        let frames: Vec<usize> = (0..record.rendered_frames).collect();
        let (rgb, masks) = Renderer::new(&self.preset, record, self.size).clip(&frames);

        let path = self.video_path(root, number);
        create_parent(&path)?;
        video::write(&path, rgb.view(), record.fps, Format::Mp4)?;
        files::write_json(
            &files::proposal_path(root, number),
            &proposal(number, record, masks.view()),
        )?;
        for path in files::annotation_paths(root, self.split, number).take(1) {
            files::write_json(&path, &annotation(number, record))?;
        }
        Ok(questions)
    }

    fn video_path(&self, root: &Path, number: usize) -> PathBuf {
        let split = root.join("videos").join(files::split_names(self.split)[0]);
        split
            .join(files::range_folder("video", number))
            .join(question::file::video_name(number))
    }
}

/// The annotation of a clip, in CLEVRER's form. Collisions that the camera does not see are left out.
fn annotation(number: usize, record: &Record) -> Annotation {
    let ids: Vec<usize> = record.objects.iter().map(|object| object.id).collect();
    let frame = |(frame_id, poses): (usize, &Vec<Pose>)| AnnotatedFrame {
        frame_id,
        objects: ids
            .iter()
            .zip(poses)
            .map(|(id, pose)| state(*id, pose))
            .collect(),
    };
    let collision = |event: &Event| match event {
        Event::Collision {
            objects,
            frame,
            location,
            inside_camera_view: true,
        } => Some(AnnotatedCollision {
            object_ids: *objects,
            frame_id: *frame,
            location: *location,
        }),
        _ => None,
    };
    let rendered = record
        .motion
        .iter()
        .take(record.rendered_frames)
        .enumerate();
    Annotation {
        scene_index: number,
        video_filename: question::file::video_name(number),
        object_property: ids
            .iter()
            .zip(looks(record))
            .map(|(id, attributes)| Property {
                object_id: *id,
                attributes,
            })
            .collect(),
        motion_trajectory: rendered.map(frame).collect(),
        collision: record.rendered_events().filter_map(collision).collect(),
    }
}

fn state(object_id: usize, pose: &Pose) -> State {
    State {
        object_id,
        location: pose.position,
        orientation: euler(pose.rotation),
        velocity: pose.velocity,
        angular_velocity: pose.angular_velocity,
        inside_camera_view: pose.inside_camera_view,
    }
}

/// Turns about x, then y, then z, of a unit quaternion.
fn euler([x, y, z, w]: [f32; 4]) -> [f32; 3] {
    let about_x = libm::atan2f(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y));
    let about_y = libm::asinf((2.0 * (w * y - z * x)).clamp(-1.0, 1.0));
    let about_z = libm::atan2f(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z));
    [about_x, about_y, about_z]
}

/// The masks of a clip's frames, `[time, height, width]`, in CLEVRER's form.
fn proposal(video_index: usize, record: &Record, masks: ArrayView3<u8>) -> Proposal {
    let looks: Vec<Attributes> = looks(record).collect();
    let objects = |frame_index: usize| {
        let mask = masks.index_axis(ndarray::Axis(0), frame_index);
        let one = |(object, attributes): (&crate::synth::Object, &Attributes)| {
            let own = mask.mapv(|pixel| usize::from(pixel) == object.id + 1);
            own.iter().any(|pixel| *pixel).then(|| Proposed {
                mask: Rle::encode(own.view()),
                attributes: attributes.clone(),
                score: 1.0,
                video_index,
                frame_index,
            })
        };
        record.objects.iter().zip(&looks).filter_map(one).collect()
    };
    let frames = (0..masks.dim().0).map(|frame_index| ProposedFrame {
        frame_index,
        objects: objects(frame_index),
    });
    Proposal {
        video_index,
        video_filename: question::file::video_name(video_index),
        frames: frames.collect(),
    }
}

/// Appearance of each object.
fn looks(record: &Record) -> impl Iterator<Item = Attributes> {
    record.objects.iter().map(|object| Attributes {
        color: object.color.word().to_owned(),
        material: object.material.word().to_owned(),
        shape: object.shape.word().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_those_of_the_turn() {
        let half = std::f32::consts::FRAC_PI_8;
        let turn = |axis: usize| {
            let mut quaternion = [0.0, 0.0, 0.0, libm::cosf(half)];
            quaternion[axis] = libm::sinf(half);
            euler(quaternion)
        };
        for axis in 0..3 {
            for (other, angle) in turn(axis).into_iter().enumerate() {
                let wanted = if other == axis { 2.0 * half } else { 0.0 };
                assert!((angle - wanted).abs() < 1e-6, "axis {axis}: {angle}");
            }
        }
    }

    #[test]
    fn no_clip_gets_the_number_that_readers_leave_out() {
        let preset = SynthPreset::synth().unwrap();
        let split = Split::Val;
        let layout = Layout {
            preset,
            split,
            first: 798,
            count: 5,
            size: [16, 16],
            questions: Amount::default(),
        };
        let numbers: Vec<usize> = (0..5).map(|clip| layout.number(clip)).collect();
        assert_eq!(numbers, [10_798, 10_799, 10_801, 10_802, 10_803]);
    }
}
