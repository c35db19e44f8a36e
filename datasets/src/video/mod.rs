//! Video files in and out.
