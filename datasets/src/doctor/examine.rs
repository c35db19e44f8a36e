//! All clips of a data set → a report.

use std::path::PathBuf;

use rayon::prelude::*;

use super::clip::{Examined, examine};
use super::compare::{Census, Findings, Group, duplicates};
use super::report::{FaultKind, Report, SplitReport};
use crate::clip::ClipId;
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::door::{Dataset, Needs, open};
use crate::source::facts::{Facts, PublishedSplit};
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;

/// The splits of a data set, opened to be examined.
pub struct Doctor {
    dataset: Dataset,
    opened: Vec<Opened>,
    /// Splits that could not be opened.
    refused: Vec<(Split, DataError)>,
    /// Where the data set lies.
    place: PathBuf,
    /// Clips of a split that are examined; all if absent.
    limit: Option<usize>,
}

/// A split, or several that show the same clips.
struct Opened {
    splits: Vec<Split>,
    source: Box<dyn Source>,
}

impl Doctor {
    /// The splits of a data set; `config.split` does not matter.
    ///
    /// # Errors
    /// When the data set has no files, or not one split can be opened: the reason of the first.
    pub fn open(dataset: Dataset, config: &SourceConfig) -> Result<Self, DataError> {
        if dataset.needs() == Needs::Nothing {
            return Err(DataError::NoFiles {
                name: dataset.name().to_owned(),
            });
        }
        let mut opened: Vec<Opened> = Vec::new();
        let mut refused = Vec::new();
        for split in Split::ALL {
            let config = SourceConfig {
                split,
                ..config.clone()
            };
            match open(dataset, &config) {
                Ok(source) => match opened.iter_mut().find(|one| one.shows_what(&*source)) {
                    Some(same) => same.splits.push(split),
                    None => opened.push(Opened {
                        splits: vec![split],
                        source,
                    }),
                },
                Err(error) => refused.push((split, error)),
            }
        }
        if opened.is_empty() && !refused.is_empty() {
            return Err(refused.remove(0).1);
        }
        let place = config.root.as_ref().or(config.videos.first());
        Ok(Self {
            dataset,
            opened,
            refused,
            place: place.cloned().unwrap_or_default(),
            limit: None,
        })
    }

    /// The same, of which so many clips of a split are examined, evenly spread.
    #[must_use]
    pub fn limited_to(self, clips: usize) -> Self {
        Self {
            limit: Some(clips),
            ..self
        }
    }

    /// Clips that are examined.
    pub fn clips(&self) -> usize {
        let opened = self.opened.iter();
        opened.map(|one| one.chosen(self.limit).len()).sum()
    }

    /// Reads every chosen clip once. `go_on` is asked after each; `None` once it says no.
    pub fn examine(&self, go_on: impl Fn() -> bool + Sync) -> Option<Report> {
        let facts = self.dataset.facts();
        let mut findings = Findings::default();
        self.note_refused(facts, &mut findings);
        let mut examined = Vec::with_capacity(self.opened.len());
        for one in &self.opened {
            let chosen = one.chosen(self.limit).into_par_iter();
            let clips = chosen.map(|index| {
                let clip = examine(&*one.source, index, facts);
                go_on().then_some(clip)
            });
            examined.push(clips.collect::<Option<Vec<Examined>>>()?);
        }
        let names: Vec<String> = self.opened.iter().map(|one| self.name(one)).collect();
        // Own material has no splits but those that it is given.
        let published = !facts.splits.is_empty();
        let named = names.iter().zip(&examined);
        let groups = named.map(|(split, clips)| Group {
            split,
            published,
            clips,
        });
        let groups: Vec<Group> = groups.collect();
        let mut splits = Vec::with_capacity(groups.len());
        for (one, group) in self.opened.iter().zip(&groups) {
            splits.push(self.describe(one, group, facts, &mut findings));
        }
        duplicates(&groups, &mut findings);
        findings.faults.sort_by_key(|fault| fault.kind);
        Some(Report {
            dataset: self.dataset.name().to_owned(),
            whole: findings.faults.is_empty(),
            splits,
            faults: findings.faults,
            notes: findings.notes,
        })
    }

    /// Splits that could not be opened, where they are published or are there and damaged.
    fn note_refused(&self, facts: &Facts, findings: &mut Findings) {
        for (split, error) in &self.refused {
            let absent = matches!(
                error,
                DataError::Missing { .. } | DataError::NoVideos { .. }
            );
            if !absent || published(facts, *split).is_some() {
                findings.fault(
                    FaultKind::MissingSplit,
                    split.name(),
                    None,
                    error.to_string(),
                );
            }
        }
    }

    /// The name of a split in the report.
    fn name(&self, one: &Opened) -> String {
        if one.splits == Split::ALL && self.dataset.facts().splits.is_empty() {
            return "all".to_owned();
        }
        let names: Vec<&str> = one.splits.iter().map(|split| split.name()).collect();
        names.join(", ")
    }

    /// Counts of a split; faults and notes of it are added to `findings`.
    fn describe(
        &self,
        one: &Opened,
        group: &Group,
        facts: &Facts,
        findings: &mut Findings,
    ) -> SplitReport {
        let source = &*one.source;
        let names: Vec<String> = (0..source.len())
            .map(|index| source.id(index).to_string())
            .collect();
        let published = match one.splits[..] {
            [split] => published(facts, split).and_then(|split| split.clips),
            _ => None,
        };
        Census {
            split: group.split,
            names: &names,
            left_out: &source.left_out(),
            published,
            folder: self.place.display().to_string(),
            strict: group.published,
        }
        .count(findings);
        for (name, reason) in source.unjoined() {
            let message = format!("{name}: {reason}: `{}`", self.place.display());
            findings.fault(FaultKind::Unjoined, group.split, None, message);
        }
        for clip in group.clips {
            for (kind, message) in &clip.faults {
                findings.fault(*kind, group.split, Some(clip), message.clone());
            }
        }
        if group.published {
            group.compare(facts, findings);
        }
        self.note_choice(one, group, findings);
        let knows = GroundTruth::ALL.into_iter();
        SplitReport {
            split: group.split.to_owned(),
            clips: source.len(),
            published,
            examined: group.clips.len(),
            readable: group
                .clips
                .iter()
                .filter(|clip| clip.shown.is_some())
                .count(),
            frames: group.frames(),
            sizes: group.sizes(),
            fps: group.fps(),
            colours: group.colours(),
            knows: knows.filter(|truth| source.knows(*truth)).collect(),
        }
    }

    /// Ground truth that is published and not in this copy, and clips that were not examined.
    fn note_choice(&self, one: &Opened, group: &Group, findings: &mut Findings) {
        let split = group.split;
        let facts = self.dataset.facts();
        let lacking = facts
            .knows
            .iter()
            .filter(|truth| !one.source.knows(**truth));
        let lacking: Vec<&str> = lacking.map(|truth| truth.word()).collect();
        if !lacking.is_empty() {
            let lacking = lacking.join(", ");
            findings
                .notes
                .push(format!("{split}: this copy has no {lacking}"));
        }
        let (examined, all) = (group.clips.len(), one.source.len());
        if examined < all {
            let note = format!("{split}: {examined} of {all} clips were examined, evenly spread");
            findings.notes.push(note);
        }
    }
}

impl Opened {
    /// Whether a source has the same clips from the same files.
    fn shows_what(&self, other: &dyn Source) -> bool {
        let key = |source: &dyn Source, index: usize| -> (ClipId, Vec<PathBuf>) {
            (source.id(index), source.files(index))
        };
        let alike = |index| key(&*self.source, index) == key(other, index);
        self.source.len() == other.len() && (0..other.len()).all(alike)
    }

    /// The clips that are examined.
    fn chosen(&self, limit: Option<usize>) -> Vec<usize> {
        let all = self.source.len();
        let count = limit.unwrap_or(all).min(all);
        (0..count).map(|k| k * all / count).collect()
    }
}

/// A split as published, if exactly one has its name.
fn published(facts: &Facts, split: Split) -> Option<&PublishedSplit> {
    let named = |one: &&PublishedSplit| {
        let name = one.name.trim_end_matches(|c: char| c.is_ascii_digit());
        name == split.name() || (split == Split::Val && name == "validation")
    };
    let mut all = facts.splits.iter().filter(named);
    let first = all.next();
    first.filter(|_| all.next().is_none())
}
