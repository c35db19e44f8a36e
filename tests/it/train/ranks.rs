//! Several ranks train one model: the same curve and weights as one, gone on with on another number, and what is refused.
//!
//! Ranks are threads of this process here; those of MPI are tried by `scripts/long/mpi`.

use std::sync::{Arc, Barrier, Mutex};

use slotflow::artifacts::Options;
use slotflow::artifacts::progress::Watch;
use slotflow::device::DeviceChoice;
use slotflow::flows::train::{Trained, train};
use slotflow::plan::Plan;
use slotflow::train::TrainError;
use slotflow::train::fit::ranks::RanksError;
use slotflow::train::fit::ranks::group::Ranks;
use slotflow::weights::{StateDict, WeightsFile};

use super::{LOG, WEIGHTS, assert_same, stopped, train as training};
use crate::reliability::product;
use crate::support::Product;

/// One of several threads that train together.
#[derive(Debug)]
struct Thread {
    rank: usize,
    /// What each has brought.
    brought: Arc<Mutex<Vec<Vec<f32>>>>,
    barrier: Arc<Barrier>,
}

impl Thread {
    fn group(size: usize) -> Vec<Self> {
        let brought = Arc::new(Mutex::new(vec![Vec::new(); size]));
        let barrier = Arc::new(Barrier::new(size));
        let one = |rank| Self {
            rank,
            brought: Arc::clone(&brought),
            barrier: Arc::clone(&barrier),
        };
        (0..size).map(one).collect()
    }
}

impl Ranks for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.brought.lock().unwrap().len()
    }

    fn sum(&self, numbers: &mut [f32]) {
        self.brought.lock().unwrap()[self.rank] = numbers.to_vec();
        self.barrier.wait();
        numbers.fill(0.0);
        for brought in self.brought.lock().unwrap().iter() {
            for (sum, number) in numbers.iter_mut().zip(brought) {
                *sum += number;
            }
        }
        self.barrier.wait();
    }
}

/// Trains the tiny plan on so many threads, each of which may change it.
fn train_on(product: &Product, out: &str, changes: &[&[&str]]) -> Vec<Result<Trained, TrainError>> {
    let ranks = Thread::group(changes.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = ranks
            .into_iter()
            .zip(changes)
            .map(|(ranks, changes)| scope.spawn(move || train_as(&ranks, product, out, changes)))
            .collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap());
        ends.collect()
    })
}

fn train_as(
    ranks: &Thread,
    product: &Product,
    out: &str,
    changes: &[&str],
) -> Result<Trained, TrainError> {
    let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
    let plan = product.path("tiny.toml");
    let Plan::Train(plan) = Plan::load(plan.to_str().unwrap(), &changes).unwrap() else {
        panic!("a training plan");
    };
    let options = Options {
        cache: product.path(".cache"),
        device: DeviceChoice::Cpu,
        seed: plan.seed,
        fresh: [].into(),
        until: None,
        dry: false,
        quiet: true,
        watch: Watch::default(),
        shard: None,
        invocation: None,
    };
    let device = options.device.open().unwrap();
    train(&plan, &product.path(out), &options, device, ranks)
}

fn parameters(product: &Product, out: &str) -> StateDict {
    WeightsFile::read(product.path(out).join(WEIGHTS))
        .unwrap()
        .state
}

#[test]
fn two_ranks_with_half_of_a_step_each_train_to_the_bytes_of_one_process() {
    let product = product();
    product.succeed(&training("one", &[]));
    let files = train_on(&product, "two", &[&[], &[]]);
    for trained in files {
        assert_eq!(trained.unwrap().files, [product.path("two").join(WEIGHTS)]);
    }
    // A sum of two is the same in either order, so that not even the rounding differs.
    assert_same(&product, "one", "two");
}

#[test]
fn a_training_goes_on_on_another_number_of_ranks() {
    let product = product();
    product.succeed(&training("whole", &[]));
    stopped(
        &product,
        &training("on", &[]),
        &format!("on/{LOG}"),
        18,
        "-KILL",
    );
    assert!(
        !product.path("on").join(WEIGHTS).exists(),
        "killed too late"
    );
    for trained in train_on(&product, "on", &[&[], &[]]) {
        trained.unwrap();
    }
    assert_same(&product, "whole", "on");
}

#[test]
fn the_mean_of_a_step_is_the_same_on_any_number_of_ranks_but_for_rounding() {
    let product = product();
    // Later a code that is nearly as close as another may be chosen otherwise, and the curves part.
    let five = ["fit.accumulate=5", "fit.steps=10"];
    for (out, ranks) in [("one", 1), ("two", 2), ("five", 5)] {
        for trained in train_on(&product, out, &vec![&five[..]; ranks]) {
            trained.unwrap();
        }
    }
    let expected = parameters(&product, "one");
    let log = |out: &str| std::fs::read_to_string(product.path(out).join(LOG)).unwrap();
    for out in ["two", "five"] {
        assert_eq!(log(out).lines().count(), log("one").lines().count());
        let found = parameters(&product, out);
        for (path, value) in &expected.entries {
            let Some(expected) = value.as_f32() else {
                continue;
            };
            let found = found.get(path).unwrap().as_f32().unwrap();
            // Weights are kept in half precision.
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 2e-3 * b.abs().max(0.1);
            assert!(found.iter().zip(expected).all(close), "{out}: {path}");
        }
    }
}

#[test]
fn ranks_that_train_something_else_are_refused_by_name() {
    let product = product();
    let plan: &[&str] = &["fit.accumulate=3"];
    let other: &[&str] = &["fit.accumulate=3", "seed=1"];
    let ends = train_on(&product, "out", &[plan, plan, other]);
    for end in ends {
        let said = end.unwrap_err().to_string();
        assert_eq!(
            said,
            "rank 2 differs from rank 0 in its plan, files or version"
        );
    }
}

#[test]
fn ranks_without_a_batch_and_several_seeds_are_refused_before_work() {
    let product = product();
    for end in train_on(&product, "out", &[&[], &[], &[]]) {
        let error = end.unwrap_err();
        assert_eq!(
            error.to_string(),
            "3 ranks share the batches of a step, and a step has 2 (`fit.accumulate`)"
        );
        assert!(error.hint().contains("fit.accumulate=4"));
    }
    for end in train_on(&product, "out", &[&["seeds.count=2"], &["seeds.count=2"]]) {
        let error = end.unwrap_err();
        assert!(
            matches!(error, TrainError::Ranks(RanksError::Seeds { size: 2 })),
            "{error}"
        );
    }
    assert!(!product.path("out").exists());
}

#[cfg(not(feature = "mpi"))]
#[test]
fn a_program_without_mpi_says_so_where_several_ranks_are_started() {
    let product = product();
    let mut command = product.command(&training("out", &[]));
    let several = [("OMPI_COMM_WORLD_RANK", "1"), ("OMPI_COMM_WORLD_SIZE", "2")];
    let said = command.envs(several).output().unwrap();
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{told}");
    assert!(
        told.contains("built without MPI") && told.contains("--features mpi"),
        "{told}"
    );
    assert!(!product.path("out").exists());
}
