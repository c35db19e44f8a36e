//! The state dict within a checkpoint's pickle, and the names that such a pickle may mention.

use std::collections::BTreeMap;
use std::path::Path;

use super::strided::Strided;
use crate::weights::WeightsError;
use crate::weights::pytorch::budget::Budget;
use crate::weights::pytorch::pickle::{Id, Node, Pickle, PickleError};

/// Classes and functions that a checkpoint may mention. None is called; those that are not about
/// tensors stand in trainer fields, which are skipped.
const ALLOWED: [&str; 39] = [
    "argparse Namespace",
    "builtins bytearray",
    "builtins dict",
    "builtins int",
    "builtins list",
    "builtins object",
    "builtins set",
    "__builtin__ dict",
    "__builtin__ int",
    "__builtin__ list",
    "__builtin__ object",
    "__builtin__ set",
    "collections Counter",
    "collections OrderedDict",
    "collections defaultdict",
    "copyreg _reconstructor",
    "copy_reg _reconstructor",
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
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy._core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "_codecs encode",
];

/// Names of a state dict within a trainer's dict, the first that is there.
const WRAPPERS: [&str; 5] = ["state_dict", "model_state_dict", "model", "teacher", "net"];

/// What wrappers of modules put before every name: `DataParallel`, `torch.compile`, DINO's multi-crop wrapper.
const PREFIXES: [&str; 3] = ["module.", "_orig_mod.", "backbone."];

/// The longest name of an array that is read; a long one may stand for many arrays.
const LONGEST_NAME: usize = 4096;

/// A name without what wrappers put before it.
fn plain_name(key: &str) -> &str {
    let mut name = key;
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        name = rest;
    }
    name
}

/// Names on the allow-list, and the classes of a compiled model, of which only the fields are read.
pub fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name)
        || name.starts_with("__torch__")
        || name.starts_with("torch.jit._pickle build_")
        || is_number_type(name)
}

/// `torch float32` and its kind.
fn is_number_type(name: &str) -> bool {
    let rest = name.strip_prefix("torch ").unwrap_or_default();
    ["float", "bfloat", "int", "uint", "bool", "complex"]
        .iter()
        .filter_map(|kind| rest.strip_prefix(kind))
        .any(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

pub fn unreadable(error: PickleError, path: &Path) -> WeightsError {
    let path = path.to_owned();
    match error {
        PickleError::Refused(what) => WeightsError::Refused { what, path },
        PickleError::Damaged(why) => WeightsError::Damaged { why, path },
    }
}

/// Names and nodes of the state dict. Names are not copied: a long one may stand for many entries.
///
/// # Errors
/// When there is no dict of named arrays.
pub fn state_entries<'a>(
    pickle: &Pickle<'a>,
    path: &Path,
) -> Result<Vec<(&'a str, Id)>, WeightsError> {
    let foreign = |why: &str| WeightsError::Foreign {
        expected: "checkpoint",
        why: why.into(),
        path: path.into(),
    };
    let root = pickle.root();
    let inner = WRAPPERS.iter().find_map(|name| {
        let value = pickle.entry(root, name)?;
        pickle.is_dict(value).then_some(value)
    });
    let state = inner.unwrap_or(root);
    let entries = pickle.entries(state).filter(|_| pickle.is_dict(state));
    let entries = entries.ok_or_else(|| foreign("its outermost value is no dict"))?;
    if entries.is_empty() {
        return Err(foreign("it holds no arrays"));
    }
    let named = entries.iter().map(|(key, value)| {
        let name = match pickle.node(*key) {
            Node::Text(name) => Some(*name),
            // Text of Python 2.
            Node::Bytes(name) => std::str::from_utf8(name).ok(),
            _ => None,
        };
        name.filter(|name| name.len() <= LONGEST_NAME)
            .map(|name| (name, *value))
            .ok_or_else(|| foreign("the state dict has a key that is no name"))
    });
    named.collect()
}

/// The tensors of a file of `length` bytes as its pickle describes them, by their names without those of wrappers.
///
/// # Errors
/// When one is no tensor, or all together have more numbers than a file of that size could hold.
pub fn tensors<'a, N: AsRef<str>>(
    pickle: &Pickle<'a>,
    entries: &[(N, Id)],
    (length, path): (usize, &Path),
) -> Result<BTreeMap<String, Strided<'a>>, WeightsError> {
    let mut budget = Budget::of(length);
    let mut tensors = BTreeMap::new();
    for (key, id) in entries {
        let array = |why: String| WeightsError::Array {
            key: key.as_ref().to_owned(),
            why,
            path: path.into(),
        };
        let tensor = Strided::describe(pickle, *id).map_err(array)?;
        // Checked before allocation: a view may repeat its storage without end.
        budget
            .spend(tensor.bytes())
            .map_err(|_| array("the arrays claim more bytes than the file has".into()))?;
        tensors.insert(plain_name(key.as_ref()).to_owned(), tensor);
    }
    Ok(tensors)
}
