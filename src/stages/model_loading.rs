//! What several stages do alike: models from files, windows of clips.

use std::borrow::Cow;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use serde::de::DeserializeOwned;
use slotflow_datasets::regular;

use crate::artifacts::RunError;
use crate::metrics::motion::MotionExtractor;
use crate::models::WeightsKind;
use crate::models::decoder::{SlotDecoder, SlotDecoderConfig};
use crate::models::perceptual::motion::MotionConfig;
use crate::plan::video_predict::WeightsName;
use crate::rng::Init;
use crate::weights::{Header, StoredWeights, WeightsError, WeightsFile, bundled, load_into};

/// A weights file's bytes read, hashed, and made into a model when asked.
#[derive(Debug)]
pub struct Loaded {
    /// The file's content hash: part of the key of all that is made with it.
    pub id: String,
    file: WeightsFile,
}

/// Reads a weights file by path, or one that comes with the program.
///
/// # Errors
/// When there is none, or it is no weights file.
pub fn load(name: &WeightsName) -> Result<Loaded, WeightsError> {
    let bytes: Cow<'static, [u8]> = if let Some(short) = bundled::name_of(&name.0) {
        bundled::bytes(short)?
    } else {
        let path = Path::new(&name.0);
        let read = regular::read(path);
        Cow::Owned(read.map_err(|source| WeightsError::Io {
            doing: "read",
            source,
            path: path.to_owned(),
        })?)
    };
    let id = blake3::hash(&bytes).to_hex()[..32].to_owned();
    Ok(Loaded {
        id,
        file: WeightsFile::from_bytes(&bytes, &name.0)?,
    })
}

/// A weights file of that kind by path, whose arrays are read when a model takes them; large ones do not fit into memory
/// twice.
///
/// # Errors
/// When there is none, or it is of another kind.
pub fn open_stored<C: DeserializeOwned>(
    name: &WeightsName,
    kind: WeightsKind,
) -> Result<(C, StoredWeights), WeightsError> {
    let path = Path::new(&name.0);
    let stored = StoredWeights::open(path)?;
    let header = &stored.header;
    if header.model != kind {
        return Err(WeightsError::Model {
            expected: kind.name().to_owned(),
            found: header.model,
            path: path.to_owned(),
        });
    }
    let config = serde_json::from_value(header.config.clone());
    let config = config.map_err(|source| WeightsError::Config {
        source,
        path: path.to_owned(),
    })?;
    Ok((config, stored))
}

/// The motion network in a weights file.
///
/// # Errors
/// When the file holds another model.
pub fn motion_extractor<'a>(
    weights: &'a Loaded,
    device: &'a Device,
) -> Result<MotionExtractor<'a>, RunError> {
    let loaded = weights.model(WeightsKind::Motion, device, MotionConfig::init);
    let (config, model) = loaded.map_err(RunError::weights)?;
    Ok(MotionExtractor {
        config,
        model,
        weights: &weights.id,
        device,
    })
}

impl Loaded {
    /// What the file says about itself.
    pub fn header(&self) -> &Header {
        &self.file.header
    }

    /// The configuration of the model of that kind.
    ///
    /// # Errors
    /// When the file is of another kind.
    pub fn config<C: DeserializeOwned>(&self, kind: WeightsKind) -> Result<C, WeightsError> {
        self.file.config(kind)
    }

    /// The model: `init` makes an empty one of the file's configuration, which is then filled.
    ///
    /// # Errors
    /// When the file is of another kind, or its arrays are not the model's.
    pub fn model<C: DeserializeOwned, M: Module>(
        &self,
        kind: WeightsKind,
        device: &Device,
        init: impl FnOnce(&C, &mut Init) -> M,
    ) -> Result<(C, M), WeightsError> {
        let config: C = self.config(kind)?;
        let blank = init(
            &config,
            &mut Init::blank_of(device, self.file.state.numbers()),
        );
        let model = load_into(blank, self.file.state.clone())?;
        Ok((config, model))
    }

    /// The decoder in the file, of whatever kind its header says.
    ///
    /// # Errors
    /// When the file holds no decoder, or its arrays are not the decoder's.
    pub fn decoder(
        &self,
        device: &Device,
    ) -> Result<(SlotDecoderConfig, SlotDecoder), WeightsError> {
        let config = self.decoder_config()?;
        let blank = config.init(&mut Init::blank_of(device, self.file.state.numbers()));
        Ok((config, load_into(blank, self.file.state.clone())?))
    }

    /// The configuration of the decoder in the file.
    ///
    /// # Errors
    /// When the file holds no decoder.
    pub fn decoder_config(&self) -> Result<SlotDecoderConfig, WeightsError> {
        let header = self.header();
        let path = || self.file.state.source.clone();
        let config = SlotDecoderConfig::parse(header.model, header.config.clone());
        let config = config.ok_or_else(|| WeightsError::Model {
            expected: SlotDecoderConfig::KINDS
                .map(WeightsKind::name)
                .join("` or `"),
            found: header.model,
            path: path(),
        })?;
        config.map_err(|source| WeightsError::Config {
            source,
            path: path(),
        })
    }

    /// A number or text of the header's training section.
    pub fn trained(&self, key: &str) -> Option<&serde_json::Value> {
        self.file.header.training.get(key)
    }
}
