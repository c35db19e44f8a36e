//! Data sets of video files: CLEVRER and Physion.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use slotflow_datasets::listing::create_parent;
use slotflow_datasets::source::physion::Part;
use slotflow_datasets::synth::contact::FRAMES;
use slotflow_datasets::synth::export::layout::Layout;
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::synth::{ContactSource, SynthPreset};
use slotflow_datasets::video::{Format, write};
use slotflow_datasets::{Fit, FrameSampling, Source, Split, Window};

use crate::scene::{CLIPS, Fault};

/// Two thirds of the published proportions kept: 480×320 there.
const CLEVRER_SIZE: [usize; 2] = [64, 96];
const PHYSION_SIZE: [usize; 2] = [64, 64];

/// CLEVRER with annotations, proposals and questions.
pub fn clevrer(root: &Path) -> Result<(), Fault> {
    for split in Split::ALL {
        let layout = Layout {
            preset: SynthPreset::synth()?,
            split,
            first: 0,
            count: CLIPS,
            size: CLEVRER_SIZE,
            questions: Amount::default(),
        };
        layout.write(root, |_| {})?;
    }
    Ok(())
}

/// The names of Physion's readout clips: those of training, then one of validation.
pub fn readout_names() -> Vec<String> {
    let source = ContactSource::new(Split::Train, CLIPS + 1);
    (0..=CLIPS)
        .map(|clip| source.id(clip).to_string())
        .collect()
}

/// Physion: training, readout and test clips, and the lists of the splits.
pub fn physion(root: &Path) -> Result<(), Fault> {
    ContactSource::new(Split::Train, CLIPS + 1).write(root, PHYSION_SIZE, |_| {})?;
    ContactSource::new(Split::Test, CLIPS).write(root, PHYSION_SIZE, |_| {})?;
    let training = ContactSource::new(Split::Val, CLIPS + 1);
    let window = Window {
        start: 0,
        count: Some(FRAMES),
        pace: FrameSampling::Stride(1),
        size: PHYSION_SIZE,
        fit: Fit::Crop,
    };
    let mut names = Vec::new();
    for clip in 0..training.len() {
        let sample = training.sample(clip, &window)?;
        let name = sample.clip.id.to_string();
        let path = Part::Training.video(root, &scenario(&training, clip)?, &name);
        create_parent(&path)?;
        write(
            &path,
            sample.clip.frames.view(),
            sample.clip.fps,
            Format::Mp4,
        )?;
        names.push(name);
    }
    lists(root, Part::Training, &training, &names)?;
    let readout = ContactSource::new(Split::Train, CLIPS + 1);
    lists(root, Part::Readout, &readout, &readout_names())
}

fn scenario(source: &ContactSource, clip: usize) -> Result<String, Fault> {
    let outcome = source
        .outcome(clip)
        .ok_or("contact clips have an outcome")?;
    Ok(outcome.scenario)
}

/// The lists of a part: the last clip is for validation.
fn lists(root: &Path, part: Part, source: &ContactSource, names: &[String]) -> Result<(), Fault> {
    let folder = root.join("splits/Physion");
    fs::create_dir_all(&folder)?;
    for (split, clips) in [(Split::Train, 0..CLIPS), (Split::Val, CLIPS..CLIPS + 1)] {
        let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for clip in clips {
            let scenario = scenario(source, clip)?;
            let video = part.video(Path::new(""), &scenario, &names[clip]);
            table
                .entry(scenario)
                .or_default()
                .push(video.display().to_string());
        }
        let file = folder.join(format!("{}_{split}.json", part.word()));
        fs::write(file, json!(table).to_string())?;
    }
    Ok(())
}
