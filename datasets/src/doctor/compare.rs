//! Clips of a split against one another and against what is published.

use std::collections::BTreeMap;

use super::clip::{Examined, Shown};
use super::numbering::Numbered;
use super::report::{Fault, FaultKind, Frames, SizeCount};
use crate::source::facts::Facts;

/// Faults and notes of a data set, as they are collected.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<Fault>,
    pub(super) notes: Vec<String>,
}

impl Findings {
    pub(super) fn fault(
        &mut self,
        kind: FaultKind,
        split: &str,
        clip: Option<&Examined>,
        message: String,
    ) {
        self.faults.push(Fault {
            kind,
            split: split.to_owned(),
            clip: clip.map(|clip| clip.id.to_string()),
            message,
        });
    }
}

/// Examined clips of a split.
pub(super) struct Group<'a> {
    /// Name of the split.
    pub(super) split: &'a str,
    /// Whether the data set is published, so that its clips have to be like one another.
    pub(super) published: bool,
    /// The clips.
    pub(super) clips: &'a [Examined],
}

/// A value that all clips of a split should have.
struct Shared<'a, T> {
    kind: FaultKind,
    /// What it is, as a clip has it: "128 frames".
    name: fn(&T) -> String,
    published: Option<&'a T>,
    /// Whether two values are the same.
    same: fn(&T, &T) -> bool,
    /// Whether a copy in which all clips have another value is wrong: a copy may well be made smaller.
    fixed: bool,
}

impl Group<'_> {
    fn shown(&self) -> impl Iterator<Item = (&Examined, &Shown)> {
        let clips = self.clips.iter();
        clips.filter_map(|clip| clip.shown.as_ref().map(|shown| (clip, shown)))
    }

    /// Least, median and greatest number of frames.
    pub(super) fn frames(&self) -> Option<Frames> {
        let mut all: Vec<usize> = self.shown().map(|(_, shown)| shown.frames).collect();
        all.sort_unstable();
        Some(Frames {
            min: *all.first()?,
            median: all[all.len() / 2],
            max: *all.last()?,
        })
    }

    /// Sizes, the most frequent first.
    pub(super) fn sizes(&self) -> Vec<SizeCount> {
        let mut counts: BTreeMap<[usize; 2], usize> = BTreeMap::new();
        for size in self.clips.iter().filter_map(|clip| clip.size) {
            *counts.entry(size).or_default() += 1;
        }
        let count = |([height, width], clips): ([usize; 2], usize)| SizeCount {
            height,
            width,
            clips,
        };
        let mut sizes: Vec<SizeCount> = counts.into_iter().map(count).collect();
        sizes.sort_by_key(|size| std::cmp::Reverse(size.clips));
        sizes
    }

    /// Least and greatest rate.
    pub(super) fn fps(&self) -> Option<[f32; 2]> {
        let rates = || self.shown().map(|(_, shown)| shown.fps);
        Some([rates().reduce(f32::min)?, rates().reduce(f32::max)?])
    }

    /// Least and greatest value of a pixel.
    pub(super) fn colours(&self) -> Option<[u8; 2]> {
        let all = || self.shown().map(|(_, shown)| shown.colours);
        let least = all().map(|[least, _]| least).min()?;
        let greatest = all().map(|[_, greatest]| greatest).max()?;
        Some([least, greatest])
    }

    /// Numbers of frames, sizes and rates that differ from what is published or from most of the others.
    pub(super) fn compare(&self, facts: &Facts, findings: &mut Findings) {
        let clips: Vec<&Examined> = self.shown().map(|(clip, _)| clip).collect();
        let frames: Vec<usize> = self.shown().map(|(_, shown)| shown.frames).collect();
        let fps: Vec<f32> = self.shown().map(|(_, shown)| shown.fps).collect();
        let shared = Shared {
            kind: FaultKind::FrameCount,
            name: |frames| format!("{frames} frames"),
            published: facts.frames.as_ref(),
            same: |one, other| one == other,
            fixed: true,
        };
        self.check(&shared, &clips, &frames, findings);
        let moving = facts.frames != Some(1);
        let shared = Shared {
            kind: FaultKind::FrameRate,
            name: |fps| format!("{fps} frames a second"),
            published: facts.fps.as_ref().filter(|_| moving),
            same: |one, other| (one - other).abs() <= 0.01 * other.abs(),
            fixed: false,
        };
        self.check(&shared, &clips, &fps, findings);
        let sized = self.clips.iter().filter(|clip| clip.size.is_some());
        let sized: Vec<&Examined> = sized.collect();
        let sizes: Vec<[usize; 2]> = sized.iter().filter_map(|clip| clip.size).collect();
        let shared = Shared {
            kind: FaultKind::FrameSize,
            name: |[height, width]: &[usize; 2]| format!("frames of {width}×{height} pixels"),
            published: facts.size.as_ref(),
            same: |one, other| one == other,
            fixed: false,
        };
        self.check(&shared, &sized, &sizes, findings);
    }

    /// Few clips that differ are wrong each. Where most differ from what is published and not from one another, the
    /// copy is of another kind: wrong as a whole if the value is fixed. Where all differ, so do they as published.
    fn check<T: Copy>(
        &self,
        shared: &Shared<T>,
        clips: &[&Examined],
        values: &[T],
        findings: &mut Findings,
    ) {
        let Some(published) = shared.published else {
            return;
        };
        let differ = |value: &T, from: &T| !(shared.same)(value, from);
        let name = |value: &T| (shared.name)(value);
        let wrong = |from: &T| values.iter().filter(|value| differ(value, from)).count();
        let usual = |value: &&T| wrong(value) * 2 <= values.len();
        let expected = if wrong(published) * 2 <= values.len() {
            published
        } else if let Some(usual) = values.iter().find(usual) {
            let said = format!(
                "{}: most clips have {}, published are {}",
                self.split,
                name(usual),
                name(published)
            );
            if shared.fixed {
                let folder = clips.first().and_then(|clip| clip.file.parent());
                let folder = folder.unwrap_or_else(|| "".as_ref()).display();
                findings.fault(shared.kind, self.split, None, format!("{said}: `{folder}`"));
            } else {
                findings.notes.push(said);
            }
            usual
        } else {
            let said = format!(
                "{}: clips differ; published are {}",
                self.split,
                name(published)
            );
            findings.notes.push(said);
            return;
        };
        let others = clips.iter().zip(values);
        for (clip, value) in others.filter(|(_, value)| differ(value, expected)) {
            let message = format!(
                "{} where {} are expected: `{}`",
                name(value),
                name(expected),
                clip.file.display()
            );
            findings.fault(shared.kind, self.split, Some(clip), message);
        }
    }
}

/// Clips of a split, all of them, by their names alone.
pub(super) struct Census<'a> {
    /// Name of the split.
    pub(super) split: &'a str,
    /// Names of the clips that are there.
    pub(super) names: &'a [String],
    /// Names of published clips that are left out on purpose.
    pub(super) left_out: &'a [(String, String)],
    /// Clips as published.
    pub(super) published: Option<usize>,
    /// Where the clips lie.
    pub(super) folder: String,
    /// Whether a gap in the numbers is wrong; own videos may have any numbers.
    pub(super) strict: bool,
}

impl Census<'_> {
    /// Clips that are missing, by their numbers and by how many there should be.
    pub(super) fn count(&self, findings: &mut Findings) {
        let found = self.names.len() + self.left_out.len();
        for (name, reason) in self.left_out {
            findings
                .notes
                .push(format!("{}: `{name}` is left out: {reason}", self.split));
        }
        let left_out = self.left_out.iter().map(|(name, _)| name);
        let mut names: Vec<&str> = self
            .names
            .iter()
            .chain(left_out)
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names.dedup();
        // A choice of some numbers among many has no gaps.
        let dense = |all: &Numbered| all.span() <= self.published.unwrap_or(0).max(found * 2);
        let numbered = Numbered::new(names).filter(dense);
        let (ranges, between) = numbered.as_ref().map(Numbered::missing).unwrap_or_default();
        let lacking = self.published.map_or(0, |all| all.saturating_sub(found));
        let gaps = (between > 0).then(|| format!("not there are {}", ranges.join(", ")));
        if lacking > 0 || between > 0 {
            let mut said: Vec<String> = Vec::new();
            if let Some(all) = self.published {
                said.push(format!("{found} of {all} clips"));
            }
            said.extend(gaps);
            if lacking > between
                && let Some([first, last]) = numbered.as_ref().and_then(Numbered::ends)
            {
                said.push(format!("the first is {first}, the last {last}"));
            }
            let said = said.join("; ");
            if self.strict {
                let message = format!("{said}: `{}`", self.folder);
                findings.fault(FaultKind::MissingClips, self.split, None, message);
            } else {
                findings.notes.push(format!("{}: {said}", self.split));
            }
        }
        if let Some(all) = self.published.filter(|all| found > *all) {
            let message = format!("{found} clips, published are {all}: `{}`", self.folder);
            findings.fault(FaultKind::SurplusClips, self.split, None, message);
        }
    }
}

/// Clips that show the same frames, within and across splits.
pub(super) fn duplicates(groups: &[Group], findings: &mut Findings) {
    let mut first: BTreeMap<[u8; 32], (&str, &Examined)> = BTreeMap::new();
    let mut shared = 0;
    for group in groups {
        for (clip, shown) in group.shown() {
            let content = *shown.content.as_bytes();
            let Some((split, other)) = first.get(&content) else {
                first.insert(content, (group.split, clip));
                continue;
            };
            // The same clip in two splits was laid out so.
            if clip.file == other.file && clip.id == other.id {
                shared += 1;
                continue;
            }
            let message = format!(
                "shows the same frames as {} of {split}: `{}` and `{}`",
                other.id,
                clip.file.display(),
                other.file.display()
            );
            findings.fault(FaultKind::Duplicate, group.split, Some(clip), message);
        }
    }
    if shared > 0 {
        findings
            .notes
            .push(format!("{shared} clips belong to more than one split"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A readable clip of so many frames at a rate, with content of its own.
    fn clip(name: usize, frames: usize, fps: f32) -> Examined {
        Examined {
            id: crate::clip::ClipId::new(&format!("clip_{name}")),
            file: format!("clips/clip_{name}.mp4").into(),
            size: Some([64, 64]),
            shown: Some(Shown {
                frames,
                fps,
                colours: [0, 255],
                content: blake3::hash(&name.to_le_bytes()),
            }),
            faults: Vec::new(),
        }
    }

    /// Faults and notes of clips of these lengths and rates; 10 frames at 25 a second are published.
    fn compared(clips: &[(usize, f32)]) -> Findings {
        let text = "[facts]\ndescription = \"\"\nframes = 10\nfps = 25.0";
        let clips = clips.iter().enumerate();
        let clips: Vec<Examined> = clips
            .map(|(k, (frames, fps))| clip(k, *frames, *fps))
            .collect();
        let group = Group {
            split: "train",
            published: true,
            clips: &clips,
        };
        let mut findings = Findings::default();
        group.compare(&Facts::parse(text).unwrap(), &mut findings);
        findings
    }

    fn said(findings: &Findings) -> Vec<(FaultKind, &str)> {
        let faults = findings.faults.iter();
        faults
            .map(|fault| (fault.kind, fault.message.as_str()))
            .collect()
    }

    #[test]
    fn few_rates_that_differ_are_wrong_and_another_rate_of_all_is_a_note() {
        let few = compared(&[(10, 25.0), (10, 25.0), (10, 12.5)]);
        let message =
            "12.5 frames a second where 25 frames a second are expected: `clips/clip_2.mp4`";
        assert_eq!(said(&few), [(FaultKind::FrameRate, message)]);
        let all = compared(&[(10, 5.0), (10, 5.0), (10, 5.01)]);
        assert!(
            all.faults.is_empty() && all.notes.len() == 1,
            "{:?}",
            all.notes
        );
    }

    #[test]
    fn lengths_that_all_differ_are_a_note_and_another_length_of_all_is_wrong_once() {
        let all = compared(&[(6, 25.0), (6, 25.0), (6, 25.0)]);
        let message = "train: most clips have 6 frames, published are 10 frames: `clips`";
        assert_eq!(said(&all), [(FaultKind::FrameCount, message)]);
        let none = compared(&[(6, 25.0), (7, 25.0), (8, 25.0), (10, 25.0), (9, 25.0)]);
        assert!(
            none.faults.is_empty() && none.notes.len() == 1,
            "{:?}",
            none.notes
        );
    }

    #[test]
    fn clips_above_what_is_published_are_wrong_and_a_choice_of_numbers_has_no_gaps() {
        let names = ["a_1", "a_900", "a_905"].map(str::to_owned);
        let census = |published| Census {
            split: "val",
            names: &names,
            left_out: &[],
            published,
            folder: "data".to_owned(),
            strict: true,
        };
        let mut findings = Findings::default();
        census(Some(2)).count(&mut findings);
        let message = "3 clips, published are 2: `data`";
        assert_eq!(said(&findings), [(FaultKind::SurplusClips, message)]);
        let mut findings = Findings::default();
        census(None).count(&mut findings);
        assert!(findings.faults.is_empty());
    }
}
