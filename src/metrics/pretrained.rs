//! The weights that a person has downloaded: which there are, where they come from, and whether they are what they
//! should be.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use slotflow_eval::Score;

use crate::artifacts::files::{make_dir, write_atomic};
use crate::metrics::error::MetricsError;
use crate::models::perceptual::lpips::Backbone;
use crate::weights::pretrained::{Network, recognised};
use crate::weights::{Container, StateDict, read_published};

/// Where a network's file is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its name there.
    pub file: &'static str,
    /// Its address; none where it may only be fetched by hand.
    pub address: Option<&'static str>,
    /// Where to look for it, in words.
    pub source: &'static str,
    /// The first digits of its SHA-256, where the publisher writes them into the name; else how it is recognised.
    pub hash: Result<&'static str, &'static str>,
    /// Which metrics need it.
    pub metrics: &'static str,
}

/// What is known about a network's file.
pub const fn published(network: Network) -> Published {
    match network {
        Network::I3d => Published {
            file: "i3d_torchscript.pt",
            address: None,
            source: "StyleGAN-V, `src/metrics/frechet_video_distance.py` names the address (a personal cloud share)",
            hash: Err("287 arrays of I3D, in a compiled model (TorchScript)"),
            metrics: "fvd, fvd-infinity, kvd",
        },
        Network::Inception => Published {
            file: "pt_inception-2015-12-05-6726825d.pth",
            address: Some(
                "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
            ),
            source: "pytorch-fid, release `fid_weights`",
            hash: Ok("6726825d"),
            metrics: "fid, fid-infinity, kid",
        },
        Network::InceptionNvidia => Published {
            file: "inception-2015-12-05.pt",
            address: Some(
                "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
            ),
            source: "NVIDIA, with StyleGAN2-ADA",
            hash: Err(
                "94 convolutions named after the graph of 2015, in a compiled model (TorchScript)",
            ),
            metrics: "fid:clean-fid, fid-infinity:clean-fid, kid:clean-fid",
        },
        Network::Backbone(Backbone::Vgg) => Published {
            file: "vgg16-397923af.pth",
            address: Some("https://download.pytorch.org/models/vgg16-397923af.pth"),
            source: "torchvision",
            hash: Ok("397923af"),
            metrics: "lpips:vgg-v0.1",
        },
        Network::Backbone(Backbone::Alex) => Published {
            file: "alexnet-owt-7be5be79.pth",
            address: Some("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
            source: "torchvision",
            hash: Ok("7be5be79"),
            metrics: "lpips:alex-v0.1",
        },
        Network::Backbone(Backbone::Squeeze) => Published {
            file: "squeezenet1_1-b8a52dc0.pth",
            address: Some("https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth"),
            source: "torchvision",
            hash: Ok("b8a52dc0"),
            metrics: "lpips:squeeze-v0.1",
        },
    }
}

/// What stands beside a file in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// The name that it had.
    pub file: String,
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether it is the file that papers use; else every number made with it says so.
    pub standard: bool,
}

/// A network's arrays and where they came from.
#[derive(Debug, Clone)]
pub struct PretrainedWeights {
    /// What is known of the file.
    pub entry: Entry,
    /// Under official names.
    pub state: StateDict,
}

impl PretrainedWeights {
    /// A score with the hash of these weights; its metric has another name where papers do not use them.
    #[must_use]
    pub fn named(&self, mut score: Score) -> Score {
        let sha256 = &self.entry.sha256;
        score.provenance.weights_sha256.clone_from(sha256);
        if !self.entry.standard {
            score.metric = score.metric.with_nonstandard_weights(sha256);
        }
        score
    }
}

/// A folder of downloaded weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PretrainedStore {
    folder: PathBuf,
}

impl PretrainedStore {
    /// The store in a cache.
    pub fn of_cache(cache: &Path) -> Self {
        Self {
            folder: cache.join("weights"),
        }
    }

    /// Where the files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn file(&self, network: Network) -> PathBuf {
        self.folder.join(format!("{}.weights", network.name()))
    }

    fn note(&self, network: Network) -> PathBuf {
        self.folder.join(format!("{}.json", network.name()))
    }

    /// What is known of a network's file; none if it is not here.
    ///
    /// # Errors
    /// When the note beside it cannot be read.
    pub fn entry(&self, network: Network) -> Result<Option<Entry>, MetricsError> {
        let path = self.note(network);
        if !path.exists() {
            return Ok(None);
        }
        let text = read(&path)?;
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| MetricsError::Store {
                reason: error.to_string(),
                path,
            })
    }

    /// Takes in a file: recognises the network by its arrays, and keeps a copy.
    ///
    /// # Errors
    /// When it is no network that is known, or not the one that `expected` says, or not the file that papers use and
    /// `nonstandard` is not allowed.
    pub fn add(
        &self,
        file: &Path,
        expected: Option<Network>,
        nonstandard: bool,
    ) -> Result<(Network, Entry), MetricsError> {
        let (state, container) = read_published(file)?;
        let (network, _) = recognised(state)?;
        if let Some(expected) = expected.filter(|expected| *expected != network) {
            return Err(MetricsError::OtherNetwork {
                expected: expected.name(),
                found: network.name(),
                path: file.to_owned(),
            });
        }
        let bytes = read(file)?;
        let sha256 = hex(&Sha256::digest(&bytes));
        let doubt = match (published(network).hash, container) {
            (Ok(prefix), _) if !sha256.starts_with(prefix) => Some(format!(
                "its SHA-256 begins with {}, not with {prefix}",
                &sha256[..8]
            )),
            (Err(_), Container::Checkpoint) if network == Network::I3d => Some(
                "bare arrays of I3D are DeepMind's Kinetics weights, not those of FVD".to_owned(),
            ),
            (Err(_), Container::Checkpoint) => {
                Some("bare arrays, where a compiled model is published".to_owned())
            }
            _ => None,
        };
        if let (Some(reason), false) = (&doubt, nonstandard) {
            return Err(MetricsError::NonStandard {
                network: network.name(),
                reason: reason.clone(),
                path: file.to_owned(),
            });
        }
        let entry = Entry {
            file: file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            bytes: bytes.len() as u64,
            sha256,
            standard: doubt.is_none(),
        };
        make_dir(&self.folder)?;
        write_atomic(&self.file(network), &bytes)?;
        let text = serde_json::to_vec_pretty(&entry).map_err(|error| MetricsError::Store {
            reason: error.to_string(),
            path: self.note(network),
        })?;
        write_atomic(&self.note(network), &text)?;
        Ok((network, entry))
    }

    /// A network's arrays; none if its file is not here.
    ///
    /// # Errors
    /// When the file is not the one that was taken in.
    pub fn load(&self, network: Network) -> Result<Option<PretrainedWeights>, MetricsError> {
        let Some(entry) = self.entry(network)? else {
            return Ok(None);
        };
        let path = self.file(network);
        if hex(&Sha256::digest(read(&path)?)) != entry.sha256 {
            return Err(MetricsError::Store {
                reason: "the file has changed since it was added".to_owned(),
                path,
            });
        }
        let (found, state) = recognised(read_published(&path)?.0)?;
        if found != network {
            return Err(MetricsError::OtherNetwork {
                expected: network.name(),
                found: found.name(),
                path,
            });
        }
        Ok(Some(PretrainedWeights { entry, state }))
    }

    /// Every file that is here, by its network.
    ///
    /// # Errors
    /// When a note cannot be read.
    pub fn entries(&self) -> Result<Vec<(Network, Entry)>, MetricsError> {
        let mut all = Vec::new();
        for network in Network::ALL {
            all.extend(self.entry(network)?.map(|entry| (network, entry)));
        }
        Ok(all)
    }

    /// A network's arrays, or why a metric that needs them has no number.
    ///
    /// # Errors
    /// In words, when the file is not here or not the one that was taken in.
    pub fn load_or_reason(&self, network: Network) -> Result<PretrainedWeights, String> {
        match self.load(network) {
            Ok(Some(weights)) => Ok(weights),
            Ok(None) => Err(Self::missing(network)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Why a metric that needs the network has no number, and what to do.
    pub fn missing(network: Network) -> String {
        let name = network.name();
        match published(network).address {
            Some(_) => format!(
                "the weights of `{name}` are not at hand; `pipeline weights fetch {name}` gets them"
            ),
            None => format!(
                "the weights of `{name}` are not at hand; `pipeline weights list` says where they are, `pipeline weights add FILE` takes them in"
            ),
        }
    }
}

/// Bytes as hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn read(path: &Path) -> Result<Vec<u8>, MetricsError> {
    slotflow_datasets::regular::read(path).map_err(|source| {
        MetricsError::Run(crate::artifacts::RunError::Io {
            action: "read",
            source,
            path: path.to_owned(),
        })
    })
}
