//! What reference implementations said about inputs that anyone can rebuild (`tests/golden/metrics`).

#![expect(clippy::unwrap_used, reason = "a test that finds an error must fail")]

mod compare;
mod distance;
mod image;
mod masks;
mod report;
mod support;
mod uncertainty;
