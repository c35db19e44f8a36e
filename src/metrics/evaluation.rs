//! Scores of two folders: [`Evaluation`], and what is shared by its rows.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use slotflow_eval::tables::NOT_APPLICABLE;
use slotflow_eval::{ItemTable, ItemValue, MetricSamples, Provenance, Score, ScoreTable};

use crate::metrics::files::{Matches, Videos};
use crate::metrics::pretrained::hex;
use crate::metrics::request::Request;

/// The side of the ground truth, as messages name it.
pub const TRUTH: &str = "truth";

/// Scores of two folders.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// One row a number.
    pub scores: ScoreTable,
    /// One row a value of a clip or frame.
    pub items: ItemTable,
    /// Names that occur on one side only, each with that side: `prediction` or `truth`.
    pub unmatched: Vec<(String, &'static str)>,
    /// Clips that were left out, each with the reason.
    pub failures: BTreeMap<String, String>,
}

/// Two folders of videos, and what is asked about them.
pub(crate) struct VideoFolders<'a> {
    /// What is asked.
    pub(crate) request: &'a Request,
    /// Predictions, then truth.
    pub(crate) sides: &'a [Videos; 2],
    /// Clips of one name.
    pub(crate) matches: &'a Matches,
    /// What all rows share.
    pub(crate) shared: &'a RowContext,
}

/// What all rows about two folders share.
pub(crate) struct RowContext {
    provenance: Provenance,
    /// Counts of unmatched names, in words; empty if there are none.
    unmatched: String,
    /// What else is to be known of the numbers, such as which decoder read the pixels; may be empty.
    about: String,
}

impl Evaluation {
    /// Adds what was measured as a row and its items.
    pub(crate) fn add(&mut self, samples: &MetricSamples, request: &Request, shared: &RowContext) {
        let score = samples.score(request.resampling);
        self.add_score(score, samples.rows(), shared);
    }

    /// Adds a row with what all rows share, and its items.
    pub(crate) fn add_score(&mut self, score: Score, items: Vec<ItemValue>, shared: &RowContext) {
        self.scores.rows.push(shared.complete(score));
        self.items.rows.extend(items);
    }

    /// Notes which names occur on one side only.
    pub(crate) fn note_unmatched(&mut self, matches: &Matches) {
        for (names, side) in [
            (&matches.only_prediction, "prediction"),
            (&matches.only_truth, TRUTH),
        ] {
            let named = names.iter().map(|(name, _)| (name.clone(), side));
            self.unmatched.extend(named);
        }
    }
}

impl RowContext {
    /// `identities`: side, name and content of every file that is measured.
    pub(crate) fn new(
        matches: &Matches,
        identities: impl Iterator<Item = (&'static str, String, String)>,
        skip: usize,
    ) -> Self {
        let mut hash = Sha256::new();
        for (side, name, content) in identities {
            hash.update(format!("{side}\t{name}\t{content}\n"));
        }
        let offset_policy = match skip {
            0 => "whole clip".to_owned(),
            skip => format!("from frame {skip}"),
        };
        let provenance = Provenance {
            offset_policy,
            ..Provenance::of_clips(
                &hex(&hash.finalize()),
                env!("CARGO_PKG_VERSION"),
                NOT_APPLICABLE,
            )
        };
        Self {
            provenance,
            unmatched: matches.unmatched(),
            about: String::new(),
        }
    }

    /// The hash of the list of what is measured.
    pub(crate) fn identity(&self) -> &str {
        &self.provenance.data_manifest_sha256
    }

    /// The same of pixels that these decoders read, which differ from others by a grey level.
    #[must_use]
    pub(crate) fn decoded_by(self, decoders: &BTreeSet<String>) -> Self {
        let all: Vec<&str> = decoders.iter().map(String::as_str).collect();
        if all.is_empty() {
            return self;
        }
        self.with_note(&format!("JPEG decoded by {}", all.join(", ")))
    }

    /// The same with a note on every row.
    #[must_use]
    pub(crate) fn with_note(self, about: &str) -> Self {
        let about = about.to_owned();
        Self { about, ..self }
    }

    fn complete(&self, score: Score) -> Score {
        let mut score = score.with_provenance(&self.provenance);
        let parts = [&*score.note, &*self.unmatched, &*self.about];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        score.note = parts.join("; ");
        score
    }
}
