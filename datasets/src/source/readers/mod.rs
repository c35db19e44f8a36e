//! Readers of published data sets.

/// OBJ3D.
pub mod obj3d;

/// MOVi-A to MOVi-E.
pub mod movi;

/// MOVi-Solid and MOVi-Tex.
pub mod movi_solid;
