//! Readers of published data sets.

/// A picture with labels of its pixels, as a clip of one frame.
mod still;

/// OBJ3D.
pub mod obj3d;

/// MOVi-A to MOVi-E, as TFRecords or exported to folders.
pub mod movi;

/// MOVi-A to MOVi-E in TFRecords.
pub mod movi_tfrecord;

/// MOVi-Solid and MOVi-Tex.
pub mod movi_solid;

/// CLEVRTex.
pub mod clevrtex;

/// CelebA.
pub mod celeba;

/// COCO 2017.
pub mod coco;

/// PASCAL VOC 2012.
pub mod voc;

/// PHYRE, from exported frames.
pub mod phyre;
