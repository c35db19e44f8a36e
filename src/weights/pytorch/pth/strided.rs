//! A tensor as a checkpoint describes it, checked before anything is read.

use crate::weights::pytorch::pickle::{Id, Node, Pickle};

/// Type of the numbers in a storage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    F32,
    F16,
    Bf16,
    F64,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Number {
    fn of_storage(class: &str) -> Option<Self> {
        Some(
            match class.strip_prefix("torch ")?.strip_suffix("Storage")? {
                "Float" => Self::F32,
                "Half" => Self::F16,
                "BFloat16" => Self::Bf16,
                "Double" => Self::F64,
                "Long" => Self::I64,
                "Int" => Self::I32,
                "Short" => Self::I16,
                "Char" => Self::I8,
                "Byte" => Self::U8,
                "Bool" => Self::Bool,
                _ => return None,
            },
        )
    }

    /// Bytes of one in memory: all precisions become single, all whole numbers long.
    fn size_in_memory(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 | Self::F64 => size_of::<f32>(),
            Self::I64 | Self::I32 | Self::I16 | Self::I8 | Self::U8 => size_of::<i64>(),
            Self::Bool => size_of::<bool>(),
        }
    }

    /// Bytes of one in the file.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

/// Numbers that lie one after another, of which tensors are views.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage<'a> {
    /// Type of its numbers.
    pub number: Number,
    /// Its name.
    pub record: &'a str,
    /// How many numbers it has.
    pub stored: usize,
}

/// The longest name of a storage; real ones are numbers.
const LONGEST_NAME: usize = 255;

impl<'a> Storage<'a> {
    /// What a reference of the pickle says.
    pub fn describe(pickle: &Pickle<'a>, reference: Id) -> Result<Self, String> {
        let members = pickle.members(reference).unwrap_or_default();
        // No more are looked at: many references may share one long tuple.
        let parts: Vec<_> = members.iter().take(6).map(|id| pickle.node(*id)).collect();
        let [
            Node::Text("storage"),
            Node::Global(class),
            Node::Text(record),
            Node::Text(_),
            Node::Int(stored),
            // Files of the time before zip have a sixth part: a view of another storage, which is always nothing.
            ..,
        ] = parts[..]
        else {
            return Err("its storage is not described as expected".into());
        };
        if record.len() > LONGEST_NAME {
            return Err(format!("its storage has a name of {} bytes", record.len()));
        }
        let number =
            Number::of_storage(class).ok_or_else(|| format!("`{class}` is not supported"))?;
        let stored = usize::try_from(*stored).map_err(|_| "its storage has a negative size")?;
        Ok(Self {
            number,
            record,
            stored,
        })
    }
}

/// A tensor as a checkpoint describes it: a view of a storage.
pub struct Strided<'a> {
    /// Where its numbers lie.
    pub storage: Storage<'a>,
    /// Place of its first number.
    pub offset: usize,
    /// Length of every axis.
    pub shape: Vec<usize>,
    /// Step of every axis.
    pub strides: Vec<usize>,
    /// How many numbers it has.
    pub count: usize,
}

fn is_tensor(name: &str) -> bool {
    name == "torch._utils _rebuild_tensor" || name == "torch._utils _rebuild_tensor_v2"
}

impl<'a> Strided<'a> {
    /// What a node of the pickle says.
    pub fn describe(pickle: &Pickle<'a>, id: Id) -> Result<Self, String> {
        let (name, arguments) = pickle.call(id).ok_or("it is no tensor")?;
        match (name, arguments) {
            ("torch._utils _rebuild_parameter", [data, ..]) => {
                // One level: a parameter of a parameter is nothing that PyTorch writes.
                let (inner, arguments) = pickle.call(*data).ok_or("it is no tensor")?;
                if !is_tensor(inner) {
                    return Err("it is no tensor".into());
                }
                Self::view(pickle, arguments)
            }
            (name, arguments) if is_tensor(name) => Self::view(pickle, arguments),
            _ => Err("it is no tensor".into()),
        }
    }

    fn view(pickle: &Pickle<'a>, arguments: &[Id]) -> Result<Self, String> {
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err("its description is too short".into());
        };
        let Node::Persistent(reference) = pickle.node(*storage) else {
            return Err("it has no storage".into());
        };
        let storage = Storage::describe(pickle, *reference)?;
        let (Some(offset), Some(shape), Some(strides)) = (
            pickle.count(*offset),
            pickle.counts(*shape),
            pickle.counts(*strides),
        ) else {
            return Err("its sizes are no few whole numbers".into());
        };
        let count = checked_extent(&shape, &strides, offset, storage.stored)?;
        Ok(Self {
            storage,
            offset,
            shape,
            strides,
            count,
        })
    }

    /// Type of its numbers.
    pub fn number(&self) -> Number {
        self.storage.number
    }

    /// Bytes of its numbers in memory.
    pub fn bytes(&self) -> usize {
        self.count.saturating_mul(self.number().size_in_memory())
    }

    /// Whether its numbers lie one after another in its own order.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1_usize;
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *size != 1 && *stride != expected {
                return false;
            }
            expected = expected.saturating_mul(*size);
        }
        true
    }

    /// Places of its numbers in the storage, in its own order.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        let mut at = vec![0; self.shape.len()];
        let mut next = Some(self.offset).filter(|_| self.count > 0);
        std::iter::from_fn(move || {
            let place = next?;
            next = self.step(&mut at, place);
            Some(place)
        })
    }

    /// The place after another one, of which `at` counts the axes; `None` after the last.
    fn step(&self, at: &mut [usize], mut place: usize) -> Option<usize> {
        let axes = self.shape.iter().zip(&self.strides).zip(at);
        for ((size, stride), at) in axes.rev() {
            if *at + 1 < *size {
                *at += 1;
                return Some(place + stride);
            }
            place -= stride * *at;
            *at = 0;
        }
        None
    }
}

/// How many numbers a view has, if all of them lie within the storage.
pub fn checked_extent(
    shape: &[usize],
    strides: &[usize],
    offset: usize,
    stored: usize,
) -> Result<usize, String> {
    let outside =
        || format!("shape {shape:?} with strides {strides:?} does not fit its storage of {stored}");
    if shape.len() != strides.len() || shape.len() > 8 {
        return Err(outside());
    }
    if shape.contains(&0) {
        return Ok(0);
    }
    let count = shape
        .iter()
        .try_fold(1_usize, |count, size| count.checked_mul(*size))
        .ok_or_else(outside)?;
    let steps = shape
        .iter()
        .zip(strides)
        .map(|(size, stride)| (size - 1).checked_mul(*stride));
    let last = steps
        .chain([Some(offset)])
        .try_fold(0_usize, |sum, step| sum.checked_add(step?));
    match last {
        Some(last) if last < stored => Ok(count),
        _ => Err(outside()),
    }
}
