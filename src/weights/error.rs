//! Why a file of parameters could not be used.

use std::path::PathBuf;

use slotflow_datasets::regular;

use crate::models::WeightsKind;

/// Why a file of parameters could not be read, written or fitted to a model.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file system refused.
    #[error("cannot {doing}: {source}: `{path}`", path = path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// Neither a checkpoint nor a weights file.
    #[error("not a {expected}: {why}: `{path}`", path = path.display())]
    Foreign {
        /// What it should have been.
        expected: &'static str,
        /// What gave it away.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// A file that does not hold the slots of clips.
    #[error("not a slot file: {why}: `{path}`", path = path.display())]
    NotSlots {
        /// What gave it away.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// A pickle asks for something that data do not need.
    #[error("the pickle asks for {what}: `{path}`", path = path.display())]
    Refused {
        /// The instruction or the name.
        what: String,
        /// The file.
        path: PathBuf,
    },
    /// The file ends too early, or its parts do not fit together.
    #[error("damaged: {why}: `{path}`", path = path.display())]
    Damaged {
        /// What does not fit.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// One array cannot be read.
    #[error("`{key}` cannot be read: {why}: `{path}`", path = path.display())]
    Array {
        /// Its name.
        key: String,
        /// What is wrong with it.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// A parameter is NaN or infinite.
    #[error("`{key}` holds {value} at {at}: `{path}`", path = path.display())]
    NotFinite {
        /// Its name.
        key: String,
        /// Which number of it, row-major.
        at: usize,
        /// The number.
        value: f32,
        /// The file.
        path: PathBuf,
    },
    /// Numbers of a type that no parameter has.
    #[error("`{key}` holds numbers of type {found}, which are not supported: `{path}`", path = path.display())]
    NumberType {
        /// Its name.
        key: String,
        /// The type, as the format spells it.
        found: String,
        /// The file.
        path: PathBuf,
    },
    /// Names are missing or left over.
    #[error("{}: `{path}`", describe_keys(missing, unused), path = path.display())]
    Keys {
        /// Names that the model needs and the file lacks.
        missing: Vec<String>,
        /// Names that the file has and the model does not.
        unused: Vec<String>,
        /// The file.
        path: PathBuf,
    },
    /// A checkpoint of another model.
    #[error("by its names a checkpoint of {looks_like}, not of `{asked}` ({keys}): `{path}`", path = path.display())]
    OtherModel {
        /// The model that was asked for.
        asked: String,
        /// The models whose names it has.
        looks_like: String,
        /// Names that the model asked for lacks, and those that it does not know.
        keys: String,
        /// The file.
        path: PathBuf,
    },
    /// No published model has this name.
    #[error("no model is called `{name}`; there are {known}")]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A model that has no way back to the official names.
    #[error("weights of `{name}` are imported only, not exported: `{path}`", path = path.display())]
    ImportOnly {
        /// Its name.
        name: String,
        /// The folder or file.
        path: PathBuf,
    },
    /// A setting of the official configuration that is missing, wrong or contradicted.
    #[error("`{key}` {reason}")]
    Setting {
        /// Its name, with dots.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting of a model of diffusers that no model here has.
    #[error("`{key}` {reason}: `{path}`", path = path.display())]
    Component {
        /// Its name.
        key: String,
        /// What is wrong with it.
        reason: String,
        /// The configuration.
        path: PathBuf,
    },
    /// A file that a model of Stable Diffusion needs, or one that is in its place.
    #[error("{reason}: `{path}`", path = path.display())]
    Layout {
        /// What is missing or wrong.
        reason: String,
        /// The folder or file.
        path: PathBuf,
    },
    /// An array has another number of axes than any model's parameter of that name.
    #[error("`{key}` has shape {found:?}; it should have {expected} axes")]
    Axes {
        /// Its name.
        key: String,
        /// How many axes it should have.
        expected: usize,
        /// Its shape.
        found: Vec<usize>,
    },
    /// A file that would be overwritten.
    #[error("is there already: `{path}`", path = path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A folder without slots.
    #[error("no imported slots here: `{path}`", path = path.display())]
    NoSlots {
        /// The folder.
        path: PathBuf,
    },
    /// Files that do not make up one official checkpoint.
    #[error("{reason}: `{path}`", path = path.display())]
    Parts {
        /// What is missing or too much.
        reason: String,
        /// The folder or file.
        path: PathBuf,
    },
    /// An array has another shape than the model's parameter.
    #[error("`{key}` has shape {found:?} but the model's is {expected:?}: `{path}`", path = path.display())]
    Shape {
        /// Its name.
        key: String,
        /// Shape in the model.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
        /// The file.
        path: PathBuf,
    },
    /// An array holds another kind of number than the model's parameter.
    #[error("`{key}` holds {found} but the model needs {expected}: `{path}`", path = path.display())]
    Kind {
        /// Its name.
        key: String,
        /// Kind in the model.
        expected: &'static str,
        /// Kind in the file.
        found: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A weights file of another model.
    #[error("weights of a `{found}`, not of a `{expected}`: `{path}`", path = path.display())]
    Model {
        /// The model that was asked for.
        expected: String,
        /// The model in the file.
        found: WeightsKind,
        /// The file.
        path: PathBuf,
    },
    /// No weights of that name come with the program.
    #[error("no weights called `{name}` come with the program; there are: {known}: `{path}`", path = path.display())]
    NotBundled {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: String,
        /// The whole name.
        path: PathBuf,
    },
    /// Weights that come with the program, but not in it, are not where they belong.
    #[error("the weights `{name}`, which lie beside the program, are not there: `{}`", path.display())]
    NotBeside {
        /// Their name.
        name: String,
        /// The folder in which they belong.
        path: PathBuf,
    },
    /// The model configuration in the header does not parse.
    #[error("the header's model configuration does not fit: {source}: `{path}`", path = path.display())]
    Config {
        /// What the parser said.
        source: serde_json::Error,
        /// The file.
        path: PathBuf,
    },
}

impl WeightsError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => regular::hint(source).unwrap_or(
                "check that the path exists, that it may be used, and that the disk has room",
            ),
            Self::Foreign { .. } => {
                "name a `.pth` checkpoint of the official code to `import`, or a weights file of ours elsewhere"
            }
            Self::NotSlots { .. } => {
                "slots are pickled as {'train': {clip name: float array [time, slots, dim]}, …} of NumPy arrays, or as `.npy` files or an `.npz` of one array a clip"
            }
            Self::Refused { .. } => {
                "only tensors and plain data are read, nothing is executed; save the bare state dict again with PyTorch"
            }
            Self::Damaged { .. } | Self::Array { .. } => {
                "the download may be incomplete: fetch the file again"
            }
            Self::NotFinite { .. } => {
                "the training that made it diverged: use an earlier checkpoint"
            }
            Self::NumberType { .. } => {
                "weights are read in single precision, half precision or bfloat16: save the file again in one of them"
            }
            Self::Keys { .. } => {
                "the checkpoint is of another model or configuration: check the model's name and `--config`"
            }
            Self::Shape { .. } => {
                "the sizes in the configuration differ from those the weights were trained with"
            }
            Self::OtherModel { .. } => "say which model it is with `--model`",
            Self::UnknownModel { .. } => "name one of them with `--model`",
            Self::ImportOnly { .. } => {
                "the file is safetensors already, in the precision of the files that it was imported from"
            }
            Self::Setting { .. } => {
                "`--config FILE.json` takes the official configuration, such as {\"slot_dict\": {\"num_iterations\": 2}}"
            }
            Self::Component { .. } => {
                "models of Stable Diffusion 1.x and 2.x are read, with `UNet2DConditionModel` and `AutoencoderKL`"
            }
            Self::Layout { .. } => {
                "name a folder in diffusers' layout (`unet`, `vae` and `scheduler`, each with its `config.json`), or one file with everything"
            }
            Self::Axes { .. } => "the checkpoint is of another model: check `--model`",
            Self::Exists { .. } => "name another folder, or remove the file first",
            Self::NoSlots { .. } => {
                "`pipeline import FILE.pkl --model slots --out DIR` makes them from an official slot file"
            }
            Self::Parts { .. } => {
                "name a folder with all weights files of one model, and the model with `--model`"
            }
            Self::Kind { .. } | Self::Model { .. } => {
                "name the weights of the model that this step needs"
            }
            Self::NotBundled { .. } => "`pipeline weights list` lists them; or name a file",
            Self::NotBeside { .. } => "copy the release's `weights` or `pipelines/weights` there",
            Self::Config { .. } => {
                "the file was written by another version: import or train it again"
            }
        }
    }
}

/// How many names a message lists.
const LISTED: usize = 8;

/// Both lists as one sentence.
pub(super) fn describe_keys(missing: &[String], unused: &[String]) -> String {
    let list = |keys: &[String]| {
        let shown: Vec<_> = keys
            .iter()
            .take(LISTED)
            .map(|key| format!("`{key}`"))
            .collect();
        let more = keys.len().saturating_sub(LISTED);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        shown.join(", ") + &rest
    };
    match (missing.is_empty(), unused.is_empty()) {
        (false, false) => format!("missing {}; unused {}", list(missing), list(unused)),
        (false, true) => format!("missing {}", list(missing)),
        _ => format!("unused {}", list(unused)),
    }
}
