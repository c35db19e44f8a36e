//! What an artifact holds, as a type: slots cannot be taken for frames.

use std::marker::PhantomData;

/// What an artifact holds: a type that has no values and is a name for the compiler.
pub trait ArtifactKind {}

/// Artifacts of one file for each clip.
pub trait PerClip: ArtifactKind {}

/// An artifact whose files also hold all that the files of a `K` do, so that it may be read as one.
pub trait Includes<K: ArtifactKind>: ArtifactKind {}

/// Artifacts of one table (`T`, kept as JSON) over all clips.
#[derive(Debug)]
pub struct Table<T>(PhantomData<T>);

impl<T> ArtifactKind for Table<T> {}
