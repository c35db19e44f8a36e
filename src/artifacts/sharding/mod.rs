//! A work in equal shares, on as many machines: which share is whose, what each leaves, and the whole put together again.

/// One of the shares.
pub mod shard;

/// The share that a scheduler or MPI gives to this process.
pub mod environment;

/// What a finished shard leaves beside its files: `shard.json`.
pub mod record;

/// What a shard made in one stage.
pub mod stage_share;

/// All shards of a work, checked.
pub mod set;

/// Per-clip files of shards as whole artifacts of a cache.
pub mod whole;

/// Why shards could not be put together.
mod error;

pub use error::MergeError;
