//! Object-centric video prediction: frames are encoded into slots, slots are rolled out, decoded and evaluated.
//!
//! Modules, lowest first. A module uses only modules above it in this list; a test holds that.
//!
//! - [`kernels`]: tensor operations, fast on the CPU, forward and backward
//! - [`device`]: the CPU or a GPU, chosen at run time
//! - [`tensor_conversion`]: pixels ↔ tensors
//! - [`rng`]: random numbers from a seed, the same on every device
//! - [`models`]: slot encoders, `SlotFormer`, decoders, samplers, Aloe, readouts, metric networks
//! - [`masks`]: attention maps → segmentation masks, and how they are shown
//! - [`scene_parsing`]: logits of the object–event head → objects and events
//! - [`weights`]: weights files, checkpoints of the official code, bundled weights
//! - [`artifacts`]: cached results: keys, manifests, locks, progress
//! - [`inference`]: trained models over whole clips: arrays in, arrays out
//! - [`train`]: the training loop, objectives, data, checkpoints
//! - [`metrics`]: two folders or runs → scores
//! - [`plan`]: plans: what is to be run, as TOML
//! - [`stages`]: the steps of a run, each with a cached result
//! - [`flows`]: stages in order: prediction, question answering, training
//! - [`bench`](mod@bench): timings of layers and models
//! - [`serve`]: the slot editor's page, served on this machine
//! - [`cli`]: arguments, help, messages and exit codes
//!
//! # Example
//!
//! `SlotFormer` rolls the slots of six frames out over four more:
//!
//! ```
//! use burn::tensor::Device;
//! use slotflow::models::SlotSequence;
//! use slotflow::models::blocks::TransformerConfig;
//! use slotflow::models::dynamics::SlotFormerConfig;
//! use slotflow::rng::{Init, SeededRng};
//!
//! let device = Device::flex();
//! let config = SlotFormerConfig {
//!     dim: 8,
//!     transformer: TransformerConfig { dim: 16, layers: 1, heads: 2, feed_forward: 32, dropout: 0.0 },
//!     ..SlotFormerConfig::default()
//! };
//! let model = config.init(&mut Init::seeded(1, &device));
//! // [batch, time, slots, dim]
//! let history = SeededRng::new(1, &["slots"]).normal([1, 6, 3, 8], &device);
//! let rollout = model.rollout(&SlotSequence::observed(history), 4);
//! assert_eq!(rollout.imagined().dims(), [1, 4, 3, 8]);
//! ```

pub mod kernels;

pub mod device;

pub mod tensor_conversion;

pub mod rng;

pub mod models;

pub mod masks;

pub mod scene_parsing;

pub mod weights;

pub mod artifacts;

pub mod inference;

pub mod train;

pub mod metrics;

pub mod plan;

pub mod stages;

pub mod flows;

pub mod bench;

pub mod serve;

pub mod cli;
