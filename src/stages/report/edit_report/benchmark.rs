//! The folder of a benchmark of edits: every edit and the measures over all of them as CSV, a sheet of pictures, a page.

use std::path::{Path, PathBuf};

use ndarray::{Array3, s};
use slotflow_datasets::regular;
use slotflow_datasets::video::write_png;
use slotflow_eval::report::{EditBenchmarkPage, EditMeasure, edit_benchmark as page};
use slotflow_eval::stats::Interval;
use slotflow_eval::stats::bootstrap::{Cluster, Resampling, bca, mean};

use crate::artifacts::files::{write_atomic, write_rows};
use crate::artifacts::{Run, RunError};
use crate::plan::{EditBenchmarkPlan, Plan};
use crate::stages::predict::edit::benchmark::{EditCase, EditCases, EditKind, ErrorSums};
use crate::stages::report::run_folder::{PAGE, stage_rows, write_run_folder};

/// Overlap of a slot with its object from which on the slot is taken for the object's.
const FITS: f64 = 0.5;
/// Share by which the error on an object's pixels must fall.
const LEAST_FALL: f64 = 0.6;
/// Most error elsewhere, as a multiple of that without the edit.
const MOST_ELSEWHERE: f64 = 1.1;
/// Pixels between pictures of the sheet.
const LINE: usize = 2;
/// Times that pictures of the sheet are enlarged.
const SCALE: usize = 2;

/// What the folder is made of.
pub struct EditBenchmarkReport<'a> {
    /// The plan.
    pub plan: &'a EditBenchmarkPlan,
    /// Every edit.
    pub cases: &'a EditCases,
}

impl EditBenchmarkReport<'_> {
    /// Writes the folder whole and puts it in place of an earlier one; the path of its page.
    ///
    /// # Errors
    /// When `out` holds something else than a run, or cannot be written.
    pub fn write(&self, out: &Path, run: &Run) -> Result<PathBuf, RunError> {
        let plan = Plan::EditBenchmark(Box::new(self.plan.clone()));
        write_run_folder(out, run, &plan, |folder, plan| self.fill(folder, plan, run))
    }

    fn fill(&self, folder: &Path, plan: String, run: &Run) -> Result<(), RunError> {
        let clips = self.cases.clips();
        let cases = clips.iter().map(|clip| self.cases.cases(clip));
        let cases: Vec<Vec<EditCase>> = cases.collect::<Result<_, _>>()?;
        let resampling = Resampling {
            count: self.plan.edits.resamples,
            seed: self.plan.seed,
        };
        let measures = measures(&cases, resampling);
        write_cases(&folder.join("edits.csv"), &cases)?;
        write_measures(&folder.join("measures.csv"), &measures)?;
        let sheet = match self.sheet()? {
            Some(sheet) => Some((write_sheet(folder, &sheet)?, SHEET.to_owned())),
            None => None,
        };
        let failures = self.cases.failures().iter();
        let mut notes = vec![ABOUT.to_owned()];
        notes.extend(failures.map(|(clip, why)| format!("{clip} was left out: {why}")));
        let edits: usize = cases.iter().map(Vec::len).sum();
        let page_of = EditBenchmarkPage {
            title: "Edited slots against the truth".to_owned(),
            subtitle: format!(
                "{edits} edits of {} clips of `{}`, decoder `{}`; seed {}",
                clips.len(),
                self.plan.decode.dataset,
                self.plan.render.weights.0,
                self.plan.seed
            ),
            measures,
            notes,
            sheet,
            stages: stage_rows(run),
            plan,
        };
        write_atomic(&folder.join(PAGE), page(&page_of).as_bytes())
    }

    /// The first edits as rows of pictures, `[height, width, rgb]`.
    fn sheet(&self) -> Result<Option<Array3<u8>>, RunError> {
        let mut rows = Vec::new();
        for clip in self.cases.clips() {
            if rows.len() >= self.plan.edits.pictures {
                break;
            }
            let pictures = self.cases.pictures(clip)?;
            rows.extend(pictures.outer_iter().map(|row| row.to_owned()));
        }
        rows.truncate(self.plan.edits.pictures);
        let Some((columns, height, width, rgb)) = rows.first().map(ndarray::Array4::dim) else {
            return Ok(None);
        };
        let (row_height, column_width) = (height * SCALE + LINE, width * SCALE + LINE);
        let whole = (
            rows.len() * row_height - LINE,
            columns * column_width - LINE,
        );
        let mut sheet = Array3::from_elem((whole.0, whole.1, rgb), 24);
        for (down, row) in rows.iter().enumerate() {
            for (across, picture) in row.outer_iter().enumerate() {
                let (top, left) = (down * row_height, across * column_width);
                let bottom_right = (top + height * SCALE, left + width * SCALE);
                let mut place = sheet.slice_mut(s![top..bottom_right.0, left..bottom_right.1, ..]);
                place.indexed_iter_mut().for_each(|((y, x, part), value)| {
                    *value = picture[[y / SCALE, x / SCALE, part]];
                });
            }
        }
        Ok(Some(sheet))
    }
}

/// Writes the sheet; its bytes.
fn write_sheet(folder: &Path, sheet: &Array3<u8>) -> Result<Vec<u8>, RunError> {
    let path = folder.join("sheet.png");
    write_png(&path, sheet.view()).map_err(|error| RunError::Unfit {
        reason: error.to_string(),
    })?;
    regular::read(&path).map_err(|source| RunError::Io {
        action: "read",
        source,
        path,
    })
}

const SHEET: &str = "Three rows an object: removed, exchanged, recoloured. Columns: what was seen, reconstruction, edited \
                     reconstruction, the truth rendered so.";

const ABOUT: &str = "The truth has the same trajectories, rendered without the object or with another one in its place; \
                     nothing is simulated anew. Its own pixels are those of the object and of what takes its place; a shadow is \
                     elsewhere. Of each object that owns enough pixels the slot is that with the largest overlap, however small.";

/// All measures of all kinds of edits.
fn measures(cases: &[Vec<EditCase>], resampling: Resampling) -> Vec<EditMeasure> {
    let mut all = Vec::new();
    for kind in EditKind::ALL {
        for (subset, least) in [("all objects", 0.0), ("slots with overlap ≥ 0.5", FITS)] {
            let counted = |case: &&EditCase| case.kind == kind && case.overlap >= least;
            let clips: Vec<Vec<&EditCase>> = cases
                .iter()
                .map(|clip| clip.iter().filter(counted).collect::<Vec<_>>())
                .filter(|clip| !clip.is_empty())
                .collect();
            all.extend(measures_of(kind, subset, &clips, resampling));
        }
    }
    all
}

/// Errors behind an edit as a multiple of those before, a cluster a clip: errors behind it take the place of a sum, those before
/// of a count.
fn ratios(clips: &[Vec<&EditCase>], sums: fn(&EditCase) -> ErrorSums) -> Vec<Cluster> {
    let one = |clip: &Vec<&EditCase>| Cluster {
        sum: clip.iter().map(|case| sums(case).after).sum(),
        count: clip.iter().map(|case| sums(case).before).sum(),
    };
    clips.iter().map(one).collect()
}

/// A number of every edit, a cluster a clip.
fn values(clips: &[Vec<&EditCase>], of: fn(&EditCase) -> f64) -> Vec<Cluster> {
    let one = |clip: &Vec<&EditCase>| {
        let values: Vec<f64> = clip.iter().map(|case| of(case)).collect();
        Cluster::of(&values)
    };
    clips.iter().map(one).collect()
}

/// The measures of one kind of edits of some objects.
fn measures_of(
    kind: EditKind,
    subset: &str,
    clips: &[Vec<&EditCase>],
    resampling: Resampling,
) -> Vec<EditMeasure> {
    let fall = |value: f64| 1.0 - value;
    let (own, rest) = (
        ratios(clips, |case| case.own),
        ratios(clips, |case| case.rest),
    );
    let fallen = values(clips, |case| {
        f64::from(u8::from(
            case.own.after <= (1.0 - LEAST_FALL) * case.own.before,
        ))
    });
    let overlap = values(clips, |case| case.overlap);
    let measure = |name: &str, value: f64, interval: Option<Interval>| EditMeasure {
        edit: kind.name().to_owned(),
        subset: subset.to_owned(),
        measure: name.to_owned(),
        value,
        interval,
        required: None,
        edits: clips.iter().map(Vec::len).sum(),
        clips: clips.len(),
    };
    let mut found = Vec::new();
    if let Some(value) = mean(&own).map(fall) {
        let interval = bca(&own, resampling).map(|Interval { low, high }| Interval {
            low: fall(high),
            high: fall(low),
        });
        found.push(EditMeasure {
            required: Some((format!("≥ {LEAST_FALL}"), value >= LEAST_FALL)),
            ..measure(
                "fall of the error on its own pixels, share",
                value,
                interval,
            )
        });
    }
    if let Some(value) = mean(&rest) {
        found.push(EditMeasure {
            required: Some((format!("≤ {MOST_ELSEWHERE}"), value <= MOST_ELSEWHERE)),
            ..measure("error elsewhere, multiple", value, bca(&rest, resampling))
        });
    }
    for (name, clusters) in [
        (
            "edits whose error on their own pixels falls so far, share",
            &fallen,
        ),
        ("overlap of slot and object", &overlap),
    ] {
        if let Some(value) = mean(clusters) {
            found.push(measure(name, value, bca(clusters, resampling)));
        }
    }
    found
}

fn words(row: &[&str]) -> Vec<String> {
    row.iter().map(|word| (*word).to_owned()).collect()
}

fn write_measures(path: &Path, measures: &[EditMeasure]) -> Result<(), RunError> {
    let head = words(&[
        "edit", "subset", "measure", "value", "ci_low", "ci_high", "required", "met", "edits",
        "clips",
    ]);
    let rows = measures.iter().map(|one| {
        let end = |of: fn(&Interval) -> f64| {
            let end = one.interval.as_ref().map(of);
            end.map_or_else(String::new, |value| format!("{value:.4}"))
        };
        let (required, met) = match &one.required {
            Some((required, met)) => (required.clone(), met.to_string()),
            None => (String::new(), String::new()),
        };
        vec![
            one.edit.clone(),
            one.subset.clone(),
            one.measure.clone(),
            format!("{:.4}", one.value),
            end(|interval| interval.low),
            end(|interval| interval.high),
            required,
            met,
            one.edits.to_string(),
            one.clips.to_string(),
        ]
    });
    write_rows(path, std::iter::once(head).chain(rows))
}

fn write_cases(path: &Path, cases: &[Vec<EditCase>]) -> Result<(), RunError> {
    let head = words(&[
        "clip",
        "edit",
        "object",
        "slot",
        "overlap",
        "own_before",
        "own_after",
        "own_pixels",
        "rest_before",
        "rest_after",
        "rest_pixels",
    ]);
    let rows = cases.iter().flatten().map(|case| {
        let sums = |sums: &ErrorSums| {
            [
                format!("{:.6}", sums.before),
                format!("{:.6}", sums.after),
                sums.pixels.to_string(),
            ]
        };
        let mut row = vec![
            case.clip.clone(),
            case.kind.name().to_owned(),
            case.object.to_string(),
            case.slot.to_string(),
            format!("{:.4}", case.overlap),
        ];
        row.extend(sums(&case.own));
        row.extend(sums(&case.rest));
        row
    });
    write_rows(path, std::iter::once(head).chain(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(clip: usize, own: [f64; 2], rest: [f64; 2], overlap: f64) -> EditCase {
        let sums = |[before, after]: [f64; 2]| ErrorSums {
            before,
            after,
            pixels: 10,
        };
        EditCase {
            clip: clip.to_string(),
            kind: EditKind::Removed,
            object: 0,
            slot: 1,
            overlap,
            own: sums(own),
            rest: sums(rest),
        }
    }

    #[test]
    fn errors_are_summed_before_they_are_compared() {
        let cases = vec![
            vec![
                case(0, [9.0, 1.0], [10.0, 10.5], 0.9),
                case(0, [1.0, 1.0], [10.0, 10.5], 0.2),
            ],
            vec![case(1, [10.0, 2.0], [20.0, 21.0], 0.8)],
        ];
        let all = measures(
            &cases,
            Resampling {
                count: 200,
                seed: 0,
            },
        );
        let of = |subset: &str, measure: &str| {
            let found = all
                .iter()
                .find(|one| one.subset.starts_with(subset) && one.measure.starts_with(measure));
            found.unwrap().clone()
        };
        let own = of("all", "fall");
        assert!((own.value - 0.8).abs() < 1e-9, "{own:?}");
        assert_eq!((own.edits, own.clips), (3, 2));
        assert!(own.required.unwrap().1);
        let interval = own.interval.unwrap();
        assert!(interval.low <= 0.8 && 0.8 <= interval.high, "{interval:?}");
        assert!((of("all", "error elsewhere").value - 1.05).abs() < 1e-9);
        assert!((of("all", "edits whose").value - 2.0 / 3.0).abs() < 1e-9);
        assert!((of("slots", "fall").value - (1.0 - 3.0 / 19.0)).abs() < 1e-9);
    }
}
