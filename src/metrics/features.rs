//! Features of clips, cached by content: the features of a clip that was seen before cost a read.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array4, ArrayView4, Axis, s};
use ndarray_npy::WriteNpyExt;
use slotflow_datasets::numpy::NumpyArray;
use slotflow_eval::EvalError;
use slotflow_eval::moments::{FeatureStream, Moments};
use slotflow_eval::profile::{FidProfile, FvdProfile};
use slotflow_eval::resize::{Kernel, resize};

use crate::artifacts::files::{make_dir, write_atomic};
use crate::metrics::error::MetricsError;
use crate::metrics::pretrained::PretrainedWeights;
use crate::models::perceptual::i3d::{self, I3d};
use crate::models::perceptual::inception::{self, Inception};
use crate::rng::Init;
use crate::tensor_conversion::floats;
use crate::weights::load_into;
use crate::weights::pretrained::{Network, folded};

/// ε of Inception's batch norms.
const INCEPTION_EPSILON: f64 = 1e-3;
/// Frames that Inception sees at once.
const BATCH: usize = 8;

/// A network, and how clips are prepared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// I3D at the first frames of a clip: one row a clip.
    Videos {
        /// How they are prepared.
        profile: FvdProfile,
        /// How many frames.
        length: usize,
    },
    /// Inception at every frame: one row a frame.
    Frames(FidProfile),
}

impl Look {
    /// The network that makes the features.
    pub const fn network(self) -> Network {
        match self {
            Self::Videos { .. } => Network::I3d,
            Self::Frames(FidProfile::PytorchFid) => Network::Inception,
            Self::Frames(FidProfile::CleanFid) => Network::InceptionNvidia,
        }
    }

    /// Width of a row.
    pub const fn dim(self) -> usize {
        match self {
            Self::Videos { .. } => i3d::DIM,
            Self::Frames(_) => inception::DIM,
        }
    }

    /// Kernel that resizes frames.
    pub const fn kernel(self) -> Kernel {
        match self {
            Self::Videos { profile, .. } => profile.kernel(),
            Self::Frames(FidProfile::PytorchFid) => Kernel::HalfPixel,
            Self::Frames(FidProfile::CleanFid) => Kernel::PilBicubic,
        }
    }

    /// All that decides what the network is given, in words.
    fn words(self) -> String {
        match self {
            Self::Videos { profile, length } => format!(
                "i3d v1 {} crop={} eps={} order={} length={length}",
                profile.kernel(),
                profile.crops(),
                profile.batch_norm_eps(),
                profile.frame_order()
            ),
            Self::Frames(profile) => format!("inception v2 {profile}"),
        }
    }
}

/// A network with its weights, and the cache of its features.
pub struct FeatureExtractor {
    look: Look,
    model: Model,
    device: Device,
    /// What every cached row depends on.
    key: String,
    cache: PathBuf,
}

enum Model {
    I3d(Box<I3d>),
    Inception(Box<Inception>),
}

impl FeatureExtractor {
    /// The network with weights from the store.
    ///
    /// # Errors
    /// When the arrays do not fit.
    pub fn new(
        look: Look,
        weights: &PretrainedWeights,
        cache: &Path,
        device: &Device,
    ) -> Result<Self, MetricsError> {
        let mut init = Init::blank(device);
        let model = match look {
            Look::Videos { profile, .. } => {
                let state = folded(Network::I3d, &weights.state, profile.batch_norm_eps())?;
                Model::I3d(Box::new(load_into(I3d::new(&mut init), state)?))
            }
            Look::Frames(_) => {
                let state = folded(look.network(), &weights.state, INCEPTION_EPSILON)?;
                Model::Inception(Box::new(load_into(Inception::new(&mut init), state)?))
            }
        };
        Ok(Self {
            look,
            model,
            device: device.clone(),
            key: format!("{} {}", weights.entry.sha256, look.words()),
            cache: cache.join("features"),
        })
    }

    /// Where the rows of a clip lie; they are made now if they are not there. `frames` is asked only then.
    ///
    /// # Errors
    /// A reason in words when the clip is too short or a row is not finite.
    pub fn rows(
        &self,
        identity: &str,
        frames: impl FnOnce() -> Result<Array4<u8>, String>,
    ) -> Result<CachedFeatures, String> {
        let key = blake3::hash(format!("{} {identity}", self.key).as_bytes());
        let path = self.cache.join(format!("{}.npy", &key.to_hex()[..32]));
        if let Ok(rows) = read(&path).map(|rows| rows.nrows()) {
            let paths = vec![path];
            return Ok(CachedFeatures { paths, rows });
        }
        let rows = self.look_at(frames()?.view())?;
        if rows.iter().any(|value| !value.is_finite()) {
            return Err("its features hold a NaN or an infinity".to_owned());
        }
        let mut bytes = Vec::new();
        rows.write_npy(&mut bytes)
            .map_err(|error| error.to_string())?;
        make_dir(&self.cache).map_err(|error| error.to_string())?;
        write_atomic(&path, &bytes).map_err(|error| error.to_string())?;
        Ok(CachedFeatures {
            paths: vec![path],
            rows: rows.nrows(),
        })
    }

    fn look_at(&self, frames: ArrayView4<'_, u8>) -> Result<Array2<f32>, String> {
        let words = |error: EvalError| error.to_string();
        let values = match (&self.model, self.look) {
            (Model::I3d(model), Look::Videos { profile, length }) => {
                let clip = for_i3d(profile, length, frames)?;
                floats(model.forward(tensor(&clip, &self.device).unsqueeze_dim(0)))
            }
            (Model::Inception(model), Look::Frames(profile)) => {
                let mut values = Vec::new();
                for batch in frames.axis_chunks_iter(Axis(0), BATCH) {
                    let batch = for_inception(profile, batch).map_err(words)?;
                    values.extend(floats(model.forward(tensor(&batch, &self.device))));
                }
                values
            }
            _ => return Err("a network is given what another is made for".to_owned()),
        };
        let dim = self.look.dim();
        Array2::from_shape_vec((values.len() / dim, dim), values).map_err(|error| error.to_string())
    }
}

/// Frames as I3D sees them under a profile: `[time, 224, 224, rgb]` in −1..1.
fn for_i3d(
    profile: FvdProfile,
    length: usize,
    frames: ArrayView4<'_, u8>,
) -> Result<Array4<f32>, String> {
    let chosen = profile.frames(frames.len_of(Axis(0)), length);
    if chosen.len() < length {
        return Err(format!("{} frames, and {length} are needed", chosen.len()));
    }
    let frames = frames.select(Axis(0), &chosen).mapv(f32::from);
    let (_, height, width, _) = frames.dim();
    let size = i3d::SIZE;
    let target = if profile.crops() {
        let shorter = height.min(width);
        let scaled = |side: usize| (side * size).div_ceil(shorter);
        (scaled(height), scaled(width))
    } else {
        (size, size)
    };
    let large =
        resize(profile.kernel(), frames.view(), target).map_err(|error| error.to_string())?;
    let (top, left) = ((target.0 - size) / 2, (target.1 - size) / 2);
    let part = large.slice(s![.., top..top + size, left..left + size, ..]);
    Ok(part.mapv(|pixel| 2.0 * pixel / 255.0 - 1.0))
}

/// Frames as Inception sees them under a profile: `[time, 299, 299, rgb]` in −1..1.
fn for_inception(
    profile: FidProfile,
    frames: ArrayView4<'_, u8>,
) -> Result<Array4<f32>, EvalError> {
    let frames = frames.mapv(f32::from);
    let size = (inception::SIZE, inception::SIZE);
    let large = resize(Look::Frames(profile).kernel(), frames.view(), size)?;
    Ok(match profile {
        FidProfile::PytorchFid => large.mapv(|pixel| 2.0 * pixel / 255.0 - 1.0),
        // The bicubic kernel leaves 0..255; clean-fid's middle is 128.
        FidProfile::CleanFid => large.mapv(|pixel| (pixel.clamp(0.0, 255.0) - 128.0) / 128.0),
    })
}

/// `[time, height, width, rgb]` → `[time, rgb, height, width]`.
fn tensor(frames: &Array4<f32>, device: &Device) -> Tensor<4> {
    let (time, height, width, rgb) = frames.dim();
    let values: Vec<f32> = frames
        .view()
        .permuted_axes([0, 3, 1, 2])
        .iter()
        .copied()
        .collect();
    Tensor::from_data(TensorData::new(values, [time, rgb, height, width]), device)
}

/// Features of a clip on disk, `[rows, dim]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFeatures {
    /// A file a window of the clip.
    paths: Vec<PathBuf>,
    /// How many.
    pub rows: usize,
}

impl CachedFeatures {
    /// The rows.
    ///
    /// # Errors
    /// When the file is gone or damaged.
    pub fn read(&self) -> Result<Array2<f32>, EvalError> {
        let parts = self.paths.iter().map(|path| read(path));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let rows = ndarray::concatenate(Axis(0), &views);
        rows.map_err(|error| EvalError::File {
            action: "read",
            source: std::io::Error::other(error.to_string()),
            path: self.place(),
        })
    }

    /// Adds the rows of a later window of the same video.
    pub fn append(&mut self, later: Self) {
        self.paths.extend(later.paths);
        self.rows += later.rows;
    }

    /// The first file, for messages.
    fn place(&self) -> PathBuf {
        self.paths.first().cloned().unwrap_or_default()
    }
}

fn read(path: &Path) -> Result<Array2<f32>, EvalError> {
    let failed = |source| EvalError::File {
        action: "read",
        source,
        path: path.to_owned(),
    };
    let rows = NumpyArray::open(path).and_then(NumpyArray::singles);
    let rows = rows.map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    rows.into_dimensionality()
        .map_err(|error| failed(std::io::Error::other(error.to_string())))
}

/// Mean and covariance of the rows of several clips: one clip in memory at a time.
///
/// # Errors
/// When a file is gone, or a row is not finite.
pub fn moments<'a>(
    clips: impl IntoIterator<Item = &'a CachedFeatures>,
    dim: usize,
) -> Result<Moments, EvalError> {
    let mut stream = FeatureStream::new(dim);
    for clip in clips {
        stream.push(&clip.place().display().to_string(), clip.read()?.view())?;
    }
    Ok(stream.finish())
}

/// Chosen rows of several clips, counted through all of them.
///
/// # Errors
/// When a file is gone.
pub fn gathered(
    clips: &[CachedFeatures],
    dim: usize,
    chosen: &[usize],
) -> Result<Array2<f64>, EvalError> {
    let mut places: Vec<(usize, usize)> = chosen.iter().copied().zip(0..).collect();
    places.sort_unstable();
    let mut rows = Array2::zeros((chosen.len(), dim));
    let mut places = places.into_iter().peekable();
    let mut first = 0;
    for clip in clips {
        let end = first + clip.rows;
        if places.peek().is_some_and(|(row, _)| *row < end) {
            let of_clip = clip.read()?;
            while let Some((row, place)) = places.next_if(|(row, _)| *row < end) {
                let from = of_clip.row(row - first).mapv(f64::from);
                rows.row_mut(place).assign(&from);
            }
        }
        first = end;
    }
    Ok(rows)
}
