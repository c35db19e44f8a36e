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

    /// Bytes of one.
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
pub struct Storage {
    /// Type of its numbers.
    pub number: Number,
    /// Its name.
    pub record: String,
    /// How many numbers it has.
    pub stored: usize,
}

impl Storage {
    /// What a reference of the pickle says.
    pub fn describe(pickle: &Pickle, reference: Id) -> Result<Self, String> {
        let parts: Vec<_> = pickle
            .members(reference)
            .unwrap_or_default()
            .iter()
            .map(|id| pickle.node(*id))
            .collect();
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
        let number =
            Number::of_storage(class).ok_or_else(|| format!("`{class}` is not supported"))?;
        let stored = usize::try_from(*stored).map_err(|_| "its storage has a negative size")?;
        Ok(Self {
            number,
            record: (*record).into(),
            stored,
        })
    }
}

/// A tensor as a checkpoint describes it: a view of a storage.
pub struct Strided {
    /// Where its numbers lie.
    pub storage: Storage,
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

impl Strided {
    /// What a node of the pickle says.
    pub fn describe(pickle: &Pickle, id: Id) -> Result<Self, String> {
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

    fn view(pickle: &Pickle, arguments: &[Id]) -> Result<Self, String> {
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err("its description is too short".into());
        };
        let Node::Persistent(reference) = pickle.node(*storage) else {
            return Err("it has no storage".into());
        };
        let storage = Storage::describe(pickle, *reference)?;
        let counts = |id: Id| -> Option<Vec<usize>> {
            pickle
                .members(id)?
                .iter()
                .map(|id| pickle.count(*id))
                .collect()
        };
        let (Some(offset), Some(shape), Some(strides)) =
            (pickle.count(*offset), counts(*shape), counts(*strides))
        else {
            return Err("its sizes are no whole numbers".into());
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

    /// Bytes of its numbers.
    pub fn bytes(&self) -> u64 {
        (self.count as u64).saturating_mul(self.number().size() as u64)
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
    pub fn places(&self) -> Vec<usize> {
        if self.count == 0 {
            return Vec::new();
        }
        let mut places = vec![self.offset];
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            places = places
                .iter()
                .flat_map(|at| (0..*size).map(move |step| at + step * stride))
                .collect();
        }
        places
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
