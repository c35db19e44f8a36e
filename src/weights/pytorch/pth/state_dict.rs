//! The state dict within a checkpoint's pickle, and the names that such a pickle may mention.

use std::path::Path;

use crate::weights::WeightsError;
use crate::weights::pytorch::pickle::{Id, Node, Pickle, PickleError};

/// Classes and functions that a checkpoint may mention. None is called; those that are not about
/// tensors stand in trainer fields, which are skipped.
const ALLOWED: [&str; 22] = [
    "collections OrderedDict",
    "collections defaultdict",
    "torch Size",
    "torch device",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch FloatStorage",
    "torch HalfStorage",
    "torch BFloat16Storage",
    "torch DoubleStorage",
    "torch LongStorage",
    "torch IntStorage",
    "torch ShortStorage",
    "torch CharStorage",
    "torch ByteStorage",
    "torch BoolStorage",
    "numpy dtype",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
    "_codecs encode",
    "builtins dict",
];

/// Names on the allow-list, and the classes of a compiled model, of which only the fields are read.
pub fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name)
        || name.starts_with("__torch__")
        || name.starts_with("torch.jit._pickle build_")
}

pub fn unreadable(error: PickleError, path: &Path) -> WeightsError {
    let path = path.to_owned();
    match error {
        PickleError::Refused(what) => WeightsError::Refused { what, path },
        PickleError::Damaged(why) => WeightsError::Damaged { why, path },
    }
}

/// Names and nodes of the state dict.
pub fn state_entries(pickle: &Pickle<'_>, path: &Path) -> Result<Vec<(String, Id)>, WeightsError> {
    let foreign = |why: &str| WeightsError::Foreign {
        expected: "checkpoint",
        why: why.into(),
        path: path.into(),
    };
    let root = pickle.root();
    let state = pickle.entry(root, "state_dict").unwrap_or(root);
    let entries = pickle
        .entries(state)
        .ok_or_else(|| foreign("its outermost value is no dict"))?;
    if entries.is_empty() {
        return Err(foreign("it holds no arrays"));
    }
    let named = entries.iter().map(|(key, value)| match pickle.node(*key) {
        Node::Text(name) => Ok(((*name).to_owned(), *value)),
        // Text of Python 2.
        Node::Bytes(name) => Ok((String::from_utf8_lossy(name).into_owned(), *value)),
        _ => Err(foreign("the state dict has a key that is no text")),
    });
    named.collect()
}
