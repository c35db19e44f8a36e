//! Where tensors live: `auto`, `cpu`, `cuda` or `cuda:1`, chosen at run time.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// A device as a person names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// The first NVIDIA GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU by number.
    Cuda(usize),
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not one of the names.
    #[error("no device is called `{name}`")]
    Unknown {
        /// What was typed.
        name: String,
    },
    /// The binary has no CUDA in it.
    #[error("this binary was built without CUDA")]
    WithoutCuda,
    /// CUDA is in the binary but not on the machine.
    #[error("no CUDA device {index} can be used here ({reason})")]
    NoCuda {
        /// The GPU's number.
        index: usize,
        /// What the driver said.
        reason: String,
    },
}

impl DeviceError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "say `auto`, `cpu`, `cuda` or `cuda:1`",
            Self::WithoutCuda => {
                "build with `cargo build --release --features cuda`, or say `--device cpu`"
            }
            Self::NoCuda { .. } => {
                "a CUDA run needs the NVIDIA driver, NVRTC and the CUDA headers (CUDA_PATH); `--device cpu` needs nothing"
            }
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown {
            name: name.to_owned(),
        };
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let index = name.strip_prefix("cuda:").ok_or_else(unknown)?;
                index.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = DeviceError;

    fn try_from(name: String) -> Result<Self, DeviceError> {
        name.parse()
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceChoice {
    /// `Auto` made into a device that is there.
    #[must_use]
    pub fn resolve(self) -> Self {
        match self {
            Self::Auto if cuda(0).is_ok() => Self::Cuda(0),
            Self::Auto => Self::Cpu,
            other => other,
        }
    }

    /// The device of one of several processes of a machine, by its place there: GPUs are given out in their order, from the one
    /// that is asked for on.
    #[must_use]
    pub fn of_place(self, place: usize) -> Self {
        match self.resolve() {
            Self::Cuda(first) => Self::Cuda(first + place),
            other => other,
        }
    }

    /// The device, for inference.
    ///
    /// # Errors
    /// When a GPU is asked for that the binary or the machine does not have.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self.resolve() {
            Self::Cuda(index) => cuda(index),
            Self::Auto | Self::Cpu => Ok(Device::flex()),
        }
    }

    /// The kind of arithmetic that results depend on: part of every cache key.
    pub fn kind(self) -> &'static str {
        match self.resolve() {
            Self::Cuda(_) => "cuda-f32",
            Self::Auto | Self::Cpu => "cpu-f32",
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device, DeviceError> {
    // The driver is opened at first use and panics where it is missing: ask for one number.
    let probe = std::panic::catch_unwind(|| {
        let device = Device::cuda(index);
        let one = burn::tensor::Tensor::<1>::ones([1], &device).into_data();
        (device, one)
    });
    probe.map(|(device, _)| device).map_err(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(ToString::to_string));
        DeviceError::NoCuda {
            index,
            reason: text.unwrap_or_else(|| "the driver did not start".to_owned()),
        }
    })
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::WithoutCuda)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_written() {
        for name in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        assert_eq!(
            "gpu".parse::<DeviceChoice>(),
            Err(DeviceError::Unknown { name: "gpu".into() })
        );
    }

    #[test]
    fn processes_of_a_machine_take_its_gpus_from_the_first_that_is_asked_for_on() {
        assert_eq!(DeviceChoice::Cuda(1).of_place(2), DeviceChoice::Cuda(3));
        assert_eq!(DeviceChoice::Cpu.of_place(2), DeviceChoice::Cpu);
    }

    #[test]
    fn auto_always_finds_a_device() {
        assert!(DeviceChoice::Auto.open().is_ok());
    }
}
