//! Why ranks cannot train together.

use crate::artifacts::sharding::shard::ShardError;

/// Why ranks cannot train together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RanksError {
    /// The environment contradicts itself.
    #[error(transparent)]
    Environment(#[from] ShardError),
    /// There are several, and no MPI.
    #[error("this is one of {size} MPI ranks, and this program is built without MPI")]
    NoMpi {
        /// How many were started.
        size: usize,
    },
    /// The launcher speaks another dialect than the MPI library.
    #[error("{started} ranks were started, and MPI joins {joined} of them")]
    Apart {
        /// How many were started.
        started: usize,
        /// How many MPI knows of.
        joined: usize,
    },
    /// MPI could not be started.
    #[error("MPI does not start: {reason}")]
    Start {
        /// What lacks.
        reason: String,
    },
    /// Some ranks would have nothing to do.
    #[error("{size} ranks share the batches of a step, and a step has {parts} (`fit.accumulate`)")]
    TooMany {
        /// How many there are.
        size: usize,
        /// Batches of a step.
        parts: u64,
    },
    /// Several seeds are compared within one process.
    #[error("{size} ranks train one model, and this plan begins with several seeds")]
    Seeds {
        /// How many ranks there are.
        size: usize,
    },
    /// A rank computes something else.
    #[error("rank {rank} differs from rank 0 in {what}")]
    Differ {
        /// In what.
        what: &'static str,
        /// The first that does.
        rank: usize,
    },
}

impl RanksError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Environment(error) => error.hint(),
            Self::NoMpi { .. } => {
                "build it with `cargo build --release --features mpi` (Debian: libopenmpi-dev), or start it without `mpirun`"
            }
            Self::Apart { .. } => {
                "start them by the launcher of the MPI library that this program is built with: `mpirun`, or `srun --mpi=pmix`"
            }
            Self::Start { .. } => "see that the MPI library allows calls from several threads",
            Self::TooMany { .. } => {
                "make a step of as many batches as there are ranks: of 32 samples on 4 ranks `--set fit.accumulate=4` and a batch of 8"
            }
            Self::Seeds { .. } => {
                "choose one seed, with `--seed`, or start a training for each without `mpirun`"
            }
            Self::Differ { .. } => {
                "all ranks need the same program, the same files and a common folder: `--out` on a disk that all of them see"
            }
        }
    }
}
