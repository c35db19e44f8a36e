//! Ranks joined by MPI: the sum is the library's all-reduce.

use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::collective::{CommunicatorCollectives, SystemOperation};
use mpi::environment::Universe;
use mpi::topology::{Communicator, SimpleCommunicator};

use super::error::RanksError;
use super::group::Ranks;
use crate::artifacts::interrupt;
use crate::artifacts::progress::say;

/// Looks at the others' answer that follow each other at once; behind them it sleeps in between, so that a rank that waits long
/// takes no core.
const SPINS: usize = 1000;
/// The sleep between two looks.
const NAP: Duration = Duration::from_micros(200);
/// Time that the others have behind a signal.
const PATIENCE: Duration = Duration::from_mins(1);

/// The ranks of `MPI_COMM_WORLD`.
pub(super) struct MpiRanks {
    world: SimpleCommunicator,
    /// MPI itself, which ends with it; absent once it must not end in order.
    universe: Option<Universe>,
}

impl std::fmt::Debug for MpiRanks {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "rank {} of {}", self.rank(), self.size())
    }
}

impl MpiRanks {
    /// Joins the `started` ranks of the launcher.
    ///
    /// # Errors
    /// When MPI does not start, or does not know of them.
    pub fn join(started: usize) -> Result<Self, RanksError> {
        let wanted = Threading::Serialized;
        let reason = "it was started already".to_owned();
        let begun = mpi::initialize_with_threading(wanted).ok_or(RanksError::Start { reason })?;
        let (universe, threading) = begun;
        if threading < wanted {
            let reason = format!("it offers {threading:?} where {wanted:?} is needed");
            return Err(RanksError::Start { reason });
        }
        let world = universe.world();
        let joined = world.size() as usize;
        if joined != started {
            return Err(RanksError::Apart { started, joined });
        }
        Ok(Self {
            world,
            universe: Some(universe),
        })
    }
}

impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn sum(&self, numbers: &mut [f32]) {
        let own = numbers.to_vec();
        mpi::request::scope(|scope| {
            let sum = SystemOperation::sum();
            let world = &self.world;
            let mut request = world.immediate_all_reduce_into(scope, &own[..], numbers, sum);
            let mut signal: Option<Instant> = None;
            for look in 0_usize.. {
                match request.test() {
                    Ok(_) => return,
                    Err(open) => request = open,
                }
                if look < SPINS {
                    std::thread::yield_now();
                    continue;
                }
                std::thread::sleep(NAP);
                if !interrupt::pressed() {
                    continue;
                }
                if signal.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    say(
                        "error: the other ranks do not answer\n\nhint: give the same command again; it goes on from the last checkpoint",
                    );
                    // The library may still write into the numbers: only the end of the process ends that.
                    world.abort(i32::from(interrupt::exit_code()));
                }
            }
        });
    }

    fn abort(&self, code: u8) {
        self.world.abort(i32::from(code));
    }
}

impl Drop for MpiRanks {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // To end in order means to wait for the others, who wait for this one.
            std::mem::forget(self.universe.take());
        }
    }
}
