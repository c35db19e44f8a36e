//! The official slot files: `{'train': {name: float32[time, slots, dim]}, …}`, pickled.
//!
//! Source: `extract_slots.py` and `rollout_*_slots.py` of SlotFormer and SlotDiffusion, which write with nerv's
//! `dump_obj` (pickle protocol 2); `numpy/core/src/multiarray/methods.c`, `array_reduce`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use half::f16;
use ndarray::{Array3, ArrayView3, Ix3, ShapeBuilder};
use slotflow_datasets::regular;

use super::budget::Budget;
use super::pickle::{Id, Node, Pickle, PickleError};
use crate::weights::WeightsError;

/// Classes and functions of `NumPy` arrays. None is called.
const ALLOWED: [&str; 11] = [
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy.core.numeric _frombuffer",
    "numpy._core.numeric _frombuffer",
    "numpy ndarray",
    "numpy dtype",
    "_codecs encode",
    "collections OrderedDict",
    "builtins bytes",
    "__builtin__ bytes",
    "builtins bytearray",
];

/// The longest name of a split or clip; a long one may stand for many clips.
const LONGEST_NAME: usize = 4096;

/// Split of a file that names none.
pub const UNNAMED: &str = "clips";

/// A slot file in memory; clips are decoded one by one.
#[derive(Debug)]
pub struct SlotPickle {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl SlotPickle {
    /// Reads a slot file.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes = regular::read(path).map_err(|source| WeightsError::Io {
            doing: "read",
            source,
            path: path.into(),
        })?;
        Ok(Self {
            bytes,
            path: path.into(),
        })
    }

    /// Hands every clip's slots to `take`, with the split and the clip's name, in the file's order. A file without
    /// splits is one called `clips`.
    ///
    /// # Errors
    /// When the file is no slot file, has no clip, asks for code, or holds a NaN; and those of `take`.
    pub fn each<E: From<WeightsError>>(
        &self,
        mut take: impl FnMut(&str, &str, Array3<f32>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.bytes.starts_with(b"PK") {
            return Err(self
                .not_slots("it was written by `torch.save`, not by `pickle`")
                .into());
        }
        let parsed = Pickle::parse(&self.bytes, &|name| ALLOWED.contains(&name));
        let path = || self.path.clone();
        let pickle = parsed.map_err(|error| match error {
            PickleError::Refused(what) if what.contains("torch") => {
                self.not_slots("it holds tensors")
            }
            PickleError::Refused(what) => WeightsError::Refused { what, path: path() },
            PickleError::Damaged(why) => WeightsError::Damaged { why, path: path() },
        })?;
        let mut count = 0;
        // Clips may share a dict or an array: all together have no more numbers than a file of this size could hold.
        let mut budget = Budget::of(self.bytes.len());
        for (split, value) in self.named(&pickle, pickle.root())? {
            let is_flat = described(&pickle, value).is_some();
            let (split, clips) = if is_flat {
                (UNNAMED.into(), vec![(split, value)])
            } else {
                (split, self.named(&pickle, value)?)
            };
            for (name, array) in &clips {
                let bytes = described(&pickle, *array).map_or(0, |array| array.bytes(&pickle));
                let spent = budget.spend(bytes + size_of::<(Cow<str>, Id)>());
                spent.map_err(|_| self.not_slots("its clips have more numbers than the file"))?;
                take(&split, name, self.slots(&pickle, (&split, name), *array)?)?;
                count += 1;
            }
        }
        if count == 0 {
            return Err(self.not_slots("it has no clip").into());
        }
        Ok(())
    }

    /// The slots of a clip.
    fn slots(
        &self,
        pickle: &Pickle,
        (split, name): (&str, &str),
        array: Id,
    ) -> Result<Array3<f32>, WeightsError> {
        let key = format!("{split}/{name}");
        let slots = array3(pickle, array);
        let slots = slots.map_err(|why| self.not_slots(&format!("`{key}`: {why}")))?;
        check_finite(key, slots.view(), &self.path)?;
        Ok(slots)
    }

    fn not_slots(&self, why: &str) -> WeightsError {
        WeightsError::NotSlots {
            why: why.into(),
            path: self.path.clone(),
        }
    }

    /// The entries of a dict by their names; whole numbers are names too.
    fn named<'a>(
        &self,
        pickle: &Pickle<'a>,
        id: Id,
    ) -> Result<Vec<(Cow<'a, str>, Id)>, WeightsError> {
        let entries = pickle.entries(id).filter(|_| pickle.is_dict(id));
        let entries = entries.ok_or_else(|| {
            self.not_slots("it is no dict of splits with a dict of clips in each")
        })?;
        let named = entries.iter().map(|(key, value)| match pickle.node(*key) {
            Node::Text(name) if name.len() <= LONGEST_NAME => Ok(((*name).into(), *value)),
            Node::Int(number) => Ok((number.to_string().into(), *value)),
            _ => Err(self.not_slots("a split or clip has a name that is no text, or a long one")),
        });
        named.collect()
    }
}

/// Refuses slots that hold a NaN or an infinite number.
///
/// # Errors
/// Names the first such number.
pub fn check_finite(key: String, slots: ArrayView3<f32>, path: &Path) -> Result<(), WeightsError> {
    let wrong = slots
        .iter()
        .enumerate()
        .find(|(_, value)| !value.is_finite());
    match wrong {
        None => Ok(()),
        Some((at, &value)) => Err(WeightsError::NotFinite {
            key,
            at,
            value,
            path: path.to_owned(),
        }),
    }
}

/// Kind of the numbers in an array.
struct Kind<'a> {
    /// `f4`
    name: &'a str,
    big_endian: bool,
}

/// What a pickled array is made of.
struct Described<'a> {
    kind: Kind<'a>,
    shape: Vec<usize>,
    columns_first: bool,
    /// Where its numbers stand.
    numbers: Id,
}

impl Described<'_> {
    /// No fewer bytes than it has in memory.
    fn bytes(&self, pickle: &Pickle) -> usize {
        let growth = if self.kind.name == "f2" { 2 } else { 1 };
        encoded(pickle, self.numbers).map_or(0, |bytes| bytes.len().saturating_mul(growth))
    }
}

fn array3(pickle: &Pickle, id: Id) -> Result<Array3<f32>, String> {
    let array = described(pickle, id).ok_or("it is no NumPy array of plain numbers")?;
    let [time, slots, dim] = array.shape[..] else {
        return Err(format!(
            "its shape is {:?}, not [time, slots, dim]",
            array.shape
        ));
    };
    let count = time
        .checked_mul(slots)
        .and_then(|count| count.checked_mul(dim));
    let count = count.ok_or("its shape is out of range")?;
    let bytes = bytes_of(pickle, array.numbers).ok_or("it is no NumPy array of plain numbers")?;
    let values = numbers(&array.kind, &bytes)?;
    if values.len() != count {
        return Err(format!(
            "it has {} numbers for shape {:?}",
            values.len(),
            array.shape
        ));
    }
    let shape = Ix3(time, slots, dim).set_f(array.columns_first);
    Array3::from_shape_vec(shape, values)
        .map(|array| array.as_standard_layout().into_owned())
        .map_err(|error| error.to_string())
}

fn described<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Described<'a>> {
    let (call, arguments) = pickle.call(id)?;
    if call.ends_with(" _frombuffer") {
        let [bytes, kind, shape, order] = *arguments else {
            return None;
        };
        return Some(Described {
            kind: kind_of(pickle, kind)?,
            shape: pickle.counts(shape)?,
            columns_first: *pickle.node(order) == Node::Text("F"),
            numbers: bytes,
        });
    }
    if !call.ends_with(" _reconstruct") {
        return None;
    }
    let state = pickle.object(id)?.state?;
    let [_, shape, kind, columns_first, bytes] = *pickle.members(state)? else {
        return None;
    };
    Some(Described {
        kind: kind_of(pickle, kind)?,
        shape: pickle.counts(shape)?,
        columns_first: *pickle.node(columns_first) == Node::Bool(true),
        numbers: bytes,
    })
}

fn kind_of<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Kind<'a>> {
    let (call, arguments) = pickle.call(id)?;
    let Node::Text(name) = pickle.node(*arguments.first()?) else {
        return None;
    };
    let state = pickle.object(id)?.state?;
    let big_endian = match pickle.node(*pickle.members(state)?.get(1)?) {
        Node::Text("<") => false,
        Node::Text(">") => true,
        _ => return None,
    };
    (call == "numpy dtype").then_some(Kind { name, big_endian })
}

/// Bytes as a pickle has them.
enum Encoded<'a> {
    Bytes(&'a [u8]),
    /// Text in Latin-1, as protocol 2 writes bytes.
    Latin1(&'a str),
}

impl Encoded<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Latin1(text) => text.len(),
        }
    }
}

/// Bytes, or those of a call of `bytes` or `bytearray`.
fn encoded<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Encoded<'a>> {
    if let Some(bytes) = plain_bytes(pickle, id) {
        return Some(bytes);
    }
    // One call alone: a chain of them may be as long as the file.
    match pickle.call(id)? {
        (_, [bytes]) => plain_bytes(pickle, *bytes),
        (_, []) => Some(Encoded::Bytes(&[])),
        _ => None,
    }
}

fn plain_bytes<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Encoded<'a>> {
    if let Node::Bytes(bytes) = pickle.node(id) {
        return Some(Encoded::Bytes(bytes));
    }
    let ("_codecs encode", [text, codec]) = pickle.call(id)? else {
        return None;
    };
    match (pickle.node(*text), pickle.node(*codec)) {
        (Node::Text(text), Node::Text("latin1" | "latin-1")) => Some(Encoded::Latin1(text)),
        _ => None,
    }
}

fn bytes_of<'a>(pickle: &Pickle<'a>, id: Id) -> Option<Cow<'a, [u8]>> {
    match encoded(pickle, id)? {
        Encoded::Bytes(bytes) => Some(bytes.into()),
        Encoded::Latin1(text) => {
            let bytes = text.chars().map(|letter| u8::try_from(letter).ok());
            bytes.collect::<Option<Vec<u8>>>().map(Into::into)
        }
    }
}

fn numbers(kind: &Kind<'_>, bytes: &[u8]) -> Result<Vec<f32>, String> {
    fn each<const N: usize>(
        big_endian: bool,
        bytes: &[u8],
        number: impl Fn([u8; N]) -> f32,
    ) -> Result<Vec<f32>, String> {
        let (whole, rest) = bytes.as_chunks::<N>();
        if !rest.is_empty() {
            return Err("its last number is cut off".into());
        }
        let little = |mut chunk: [u8; N]| {
            if big_endian {
                chunk.reverse();
            }
            chunk
        };
        Ok(whole.iter().map(|chunk| number(little(*chunk))).collect())
    }
    let big = kind.big_endian;
    match kind.name {
        "f4" => each(big, bytes, f32::from_le_bytes),
        "f8" => each(big, bytes, |chunk| f64::from_le_bytes(chunk) as f32),
        "f2" => each(big, bytes, |chunk| f16::from_le_bytes(chunk).to_f32()),
        other => Err(format!("numbers of type {other} are no slots")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fixtures as `tests/golden/slots/make.py` writes them, one per pickle protocol.
    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden/slots")
            .join(name)
    }

    /// `value[t, n, d]` is 100 t + 10 n + d, and −1 of it in the second clip.
    fn expected(sign: f32) -> Array3<f32> {
        Array3::from_shape_fn((3, 2, 4), |(t, n, d)| sign * (100 * t + 10 * n + d) as f32)
    }

    #[test]
    fn every_protocol_gives_the_same_clips() {
        for protocol in 2..=5 {
            let file = SlotPickle::read(&fixture(&format!("protocol{protocol}.pkl"))).unwrap();
            let mut found = Vec::new();
            file.each(|split, name, slots| {
                found.push((split.to_owned(), name.to_owned(), slots));
                Ok::<_, WeightsError>(())
            })
            .unwrap();
            let names: Vec<_> = found
                .iter()
                .map(|(split, name, _)| (split.as_str(), name.as_str()))
                .collect();
            let clips = [
                ("train", "video_00000.mp4"),
                ("train", "video_00001.mp4"),
                ("val", "video_10000.mp4"),
            ];
            assert_eq!(names, clips, "protocol {protocol}");
            assert_eq!(found[0].2, expected(1.0), "protocol {protocol}");
            assert_eq!(
                found[1].2,
                expected(-1.0),
                "column-major, protocol {protocol}"
            );
            assert_eq!(
                found[2].2,
                expected(1.0),
                "half precision, protocol {protocol}"
            );
        }
    }

    #[test]
    fn a_cut_file_and_one_that_asks_for_code_are_refused() {
        let whole = std::fs::read(fixture("protocol2.pkl")).unwrap();
        let all = |bytes: Vec<u8>| {
            let path = "x.pkl".into();
            SlotPickle { bytes, path }.each(|_, _, _| Ok::<_, WeightsError>(()))
        };
        for end in (0..whole.len()).step_by(23) {
            assert!(all(whole[..end].to_vec()).is_err(), "cut at {end}");
        }
        let said = all(b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.".to_vec()).unwrap_err();
        assert!(said.to_string().contains("`posix.system`"), "{said}");
        assert!(all(b"\x80\x02K\x01.".to_vec()).is_err());
        let said = all(b"\x80\x02}.".to_vec()).unwrap_err().to_string();
        assert!(said.contains("no clip"), "{said}");
    }
}
