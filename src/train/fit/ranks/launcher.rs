//! The ranks that `mpirun` or `srun` started this process among.

use super::error::RanksError;
use super::group::{OneRank, Ranks};
use crate::artifacts::sharding::environment::rank_of;

/// The ranks that a launcher started this process among, by the values that `variable` gives of the environment's names; alone
/// where nobody says otherwise.
///
/// # Errors
/// When there are several and this program is built without MPI, or MPI does not join them.
pub fn joined(variable: impl Fn(&str) -> Option<String>) -> Result<Box<dyn Ranks>, RanksError> {
    match rank_of(variable)? {
        Some(rank) if rank.count() > 1 => several(rank.count()),
        _ => Ok(Box::new(OneRank)),
    }
}

#[cfg(feature = "mpi")]
fn several(size: usize) -> Result<Box<dyn Ranks>, RanksError> {
    Ok(Box::new(super::mpi::MpiRanks::join(size)?))
}

#[cfg(not(feature = "mpi"))]
fn several(size: usize) -> Result<Box<dyn Ranks>, RanksError> {
    Err(RanksError::NoMpi { size })
}
