//! Readers of published data sets, one file each.

/// A picture with labels of its pixels, as a clip of one frame.
mod still;

/// Faces of `CelebA`.
pub mod celeba;

/// Pictures of CLEVRTex.
pub mod clevrtex;

/// Photographs of COCO 2017.
pub mod coco;

/// Videos of MOVi-A to MOVi-E in TFRecords.
pub mod movi_tfrecord;

/// Photographs of PASCAL VOC 2012.
pub mod voc;

/// PHYRE's simulations, from exported frames.
pub mod phyre;
