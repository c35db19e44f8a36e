//! A plan under every combination of swept values → a folder of runs, one page and one table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use slotflow_datasets::regular;

use crate::artifacts::files::{make_dir, remove_dir, write_atomic};
use crate::artifacts::progress::say;
use crate::artifacts::run_folder::{FolderKind, RunFolder, WantedFolder};
use crate::cli::common::SOME_FAILED;
use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;
use crate::cli::messages::scores::say_sweep;
use crate::flows::compare::{SweptRun, compare_swept};
use crate::plan::Plan;
use crate::plan::sweep::{Combination, RECORD, Sweep};

/// A sweep as it was asked for.
pub(super) struct SweepRequest<'a> {
    /// Keys and values, as they were written.
    pub sweeps: &'a [String],
    /// Changes of the plan beside them.
    pub set: Vec<String>,
    /// Where the runs go.
    pub folder: SweepFolder<'a>,
    /// How far it goes.
    pub extent: Extent,
    /// Whether nothing is said while working.
    pub quiet: bool,
    /// Whether results are JSON.
    pub json: bool,
}

/// The folder that a sweep asks for.
pub(super) struct SweepFolder<'a> {
    /// Its path.
    pub path: &'a Path,
    /// Whether a person named it.
    pub is_named: bool,
    /// Whether a finished sweep of other settings is to be replaced.
    pub overwrite: bool,
}

/// How far the runs of a sweep go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To their folders.
    Folders,
    /// To a stage before their end.
    Stage,
    /// Their stages are listed.
    List,
}

/// What came of one run.
pub(super) struct FinishedRun {
    /// Its page, where it wrote one.
    pub report: Option<PathBuf>,
    /// Whether it left clips out.
    pub some_failed: bool,
}

/// How one run of a sweep is checked and done.
pub(super) trait OneRun {
    /// The plan under the flags, and under changes that are made last.
    fn plan(&self, changes: &[String]) -> Result<Plan, Failure>;

    /// Refuses all that can be refused before work, and takes the run's folder where it is to be written.
    fn prepare(&self, plan: &Plan, path: &Path) -> Result<Option<RunFolder>, Failure>;

    /// Does the work and tells of it; none where it ended behind an earlier stage.
    fn work(&self, plan: &Plan, path: &Path) -> Result<Option<FinishedRun>, Failure>;
}

/// A combination of values, its plan, and its folder.
struct Job {
    combination: Combination,
    plan: Plan,
    path: PathBuf,
    /// Held until all are done; none where nothing is written.
    _folder: Option<RunFolder>,
}

/// Runs the plan under every combination, all of which are checked before the first starts.
pub(super) fn sweep(request: &SweepRequest<'_>, run: &impl OneRun) -> Result<ExitCode, Failure> {
    let sweep = Sweep::parse(request.sweeps)?;
    check_set_once(&request.set, &sweep)?;
    let plans = plans(run, &sweep)?;
    let base = base(request, &sweep, &plans)?;
    let jobs = checked(run, base.path(), plans)?;
    if let Base::Held { folder, text } = &base {
        make_dir(folder.path())?;
        remove_replaced(folder.path(), text, &sweep)?;
        write_atomic(
            &folder.path().join(FolderKind::Sweep.plan()),
            text.as_bytes(),
        )?;
    }
    let (mut done, mut some_failed) = (Vec::new(), false);
    for (index, job) in jobs.iter().enumerate() {
        if request.extent == Extent::List {
            print(&job.combination.name)?;
        } else if !request.quiet {
            say(&format!(
                "{} ({} of {})",
                job.combination.name,
                index + 1,
                jobs.len()
            ));
        }
        let Some(finished) = run.work(&job.plan, &job.path)? else {
            continue;
        };
        some_failed |= finished.some_failed;
        done.extend(finished.report.map(|report| SweptRun {
            name: job.combination.name.clone(),
            values: job.combination.values.clone(),
            folder: report.parent().unwrap_or(&job.path).to_owned(),
        }));
    }
    if request.extent == Extent::Folders {
        conclude(request, &sweep, &done, base.path())?;
    }
    Ok(if some_failed {
        ExitCode::from(SOME_FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

/// The plan under every combination.
fn plans(run: &impl OneRun, sweep: &Sweep) -> Result<Vec<(Combination, Plan)>, Failure> {
    let all = sweep.combinations().into_iter().map(|combination| {
        let plan = run.plan(&combination.changes);
        let plan = plan.map_err(|failure| within(&combination, failure))?;
        Ok((combination, plan))
    });
    all.collect()
}

/// Writes the page and the table over all runs and tells of them.
fn conclude(
    request: &SweepRequest<'_>,
    sweep: &Sweep,
    done: &[SweptRun],
    out: &Path,
) -> Result<(), Failure> {
    let keys: Vec<String> = sweep.keys.iter().map(|swept| swept.key.clone()).collect();
    let compared = compare_swept(&keys, done, &[], out)?;
    if !request.quiet {
        say_sweep(&keys, &compared.runs);
    }
    if request.json {
        return Ok(());
    }
    print(&compared.page.display().to_string())
}

/// Refuses a key that is swept and set as well.
fn check_set_once(set: &[String], sweep: &Sweep) -> Result<(), Failure> {
    let set: BTreeSet<&str> = set
        .iter()
        .filter_map(|change| change.split('=').next())
        .map(str::trim)
        .collect();
    match sweep.keys.iter().find(|swept| set.contains(&*swept.key)) {
        None => Ok(()),
        Some(swept) => Err(Failure::refused(
            format!("`{}` is swept and set as well", swept.key),
            "leave out `--set` or `--seed`, or take the key out of `--sweep`",
        )),
    }
}

/// Where the runs go.
enum Base {
    /// A folder of this process.
    Held { folder: RunFolder, text: String },
    /// Nothing is written.
    Named(PathBuf),
}

impl Base {
    fn path(&self) -> &Path {
        match self {
            Self::Held { folder, .. } => folder.path(),
            Self::Named(path) => path,
        }
    }
}

/// The folder of the sweep, by the rule that runs have.
fn base(
    request: &SweepRequest<'_>,
    sweep: &Sweep,
    plans: &[(Combination, Plan)],
) -> Result<Base, Failure> {
    let wanted = &request.folder;
    let first = plans.first().filter(|_| request.extent == Extent::Folders);
    let Some((_, first)) = first else {
        return Ok(Base::Named(wanted.path.to_owned()));
    };
    let text = record(sweep, first)?;
    let folder = RunFolder::claim(&WantedFolder {
        kind: FolderKind::Sweep,
        path: wanted.path,
        is_named: wanted.is_named,
        overwrite: wanted.overwrite,
        plan: &text,
    })?;
    Ok(Base::Held { folder, text })
}

/// What a sweep is known by: its first plan, and the values of its keys.
fn record(sweep: &Sweep, first: &Plan) -> Result<String, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::internal(error.to_string());
    let parsed = first.to_toml()?.parse::<toml::Table>();
    let mut record = parsed.map_err(|error| internal(&error))?;
    let keys = toml::Value::try_from(&sweep.keys).map_err(|error| internal(&error))?;
    record.insert(RECORD.to_owned(), keys);
    toml::to_string(&record).map_err(|error| internal(&error))
}

/// Every run with its folder, and nothing left that can be refused before work.
fn checked(
    run: &impl OneRun,
    base: &Path,
    plans: Vec<(Combination, Plan)>,
) -> Result<Vec<Job>, Failure> {
    let mut jobs = Vec::new();
    for (combination, plan) in plans {
        let path = base.join(&combination.name);
        let folder = run.prepare(&plan, &path);
        let folder = folder.map_err(|failure| within(&combination, failure))?;
        let path = folder
            .as_ref()
            .map_or(path, |folder| folder.path().to_owned());
        jobs.push(Job {
            combination,
            plan,
            path,
            _folder: folder,
        });
    }
    Ok(jobs)
}

/// A refusal with the values that it is about.
fn within(combination: &Combination, failure: Failure) -> Failure {
    Failure {
        message: format!(
            "with {}: {}",
            combination.changes.join(" and "),
            failure.message
        ),
        ..failure
    }
}

/// Removes finished runs of the sweep that this one replaces and that it does not have itself.
fn remove_replaced(base: &Path, text: &str, sweep: &Sweep) -> Result<(), Failure> {
    let Ok(earlier) = regular::read_to_string(base.join(FolderKind::Sweep.plan())) else {
        return Ok(());
    };
    let Some(replaced) = Sweep::of_record(&earlier).filter(|_| earlier != text) else {
        return Ok(());
    };
    let names = |sweep: &Sweep| -> BTreeSet<String> {
        let all = sweep.combinations().into_iter();
        all.map(|combination| combination.name).collect()
    };
    for name in names(&replaced).difference(&names(sweep)) {
        let path = base.join(name);
        if path.join(FolderKind::Run.end()).is_file() {
            remove_dir(&path)?;
        }
    }
    Ok(())
}
