//! The numbers of a tensor, from its storage.

use std::io::Read;

use half::{bf16, f16};

use super::strided::{Number, Strided};
use crate::weights::{Value, Values};

/// Bytes that all arrays of a file of `length` bytes may have: views may share a storage.
pub fn budget(length: u64) -> u64 {
    length.saturating_mul(4).saturating_add(64 << 20)
}

/// A tensor's numbers from the bytes of its storage; all precisions become single.
///
/// # Errors
/// When the storage ends too early.
pub fn read_value(storage: impl Read, tensor: &Strided) -> Result<Value, String> {
    let values = match tensor.number() {
        Number::F32 => Values::F32(read_numbers(storage, tensor, f32::from_le_bytes)?),
        Number::F16 => Values::F32(read_numbers(storage, tensor, |bytes| {
            f16::from_le_bytes(bytes).to_f32()
        })?),
        Number::Bf16 => Values::F32(read_numbers(storage, tensor, |bytes| {
            bf16::from_le_bytes(bytes).to_f32()
        })?),
        Number::F64 => Values::F32(read_numbers(storage, tensor, |bytes| {
            f64::from_le_bytes(bytes) as f32
        })?),
        Number::I64 => Values::I64(read_numbers(storage, tensor, i64::from_le_bytes)?),
        Number::I32 => Values::I64(read_numbers(storage, tensor, |bytes| {
            i64::from(i32::from_le_bytes(bytes))
        })?),
        Number::I16 => Values::I64(read_numbers(storage, tensor, |bytes| {
            i64::from(i16::from_le_bytes(bytes))
        })?),
        Number::I8 => Values::I64(read_numbers(storage, tensor, |bytes| {
            i64::from(i8::from_le_bytes(bytes))
        })?),
        Number::U8 => Values::I64(read_numbers(storage, tensor, |[byte]: [u8; 1]| {
            i64::from(byte)
        })?),
        Number::Bool => Values::Bool(read_numbers(storage, tensor, |[byte]: [u8; 1]| byte != 0)?),
    };
    Ok(Value {
        shape: tensor.shape.clone(),
        values,
    })
}

/// The numbers of a view. The whole storage is read, because a checksum may stand at its end.
fn read_numbers<T: Copy, const N: usize>(
    mut storage: impl Read,
    tensor: &Strided,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, String> {
    let wanted = match (tensor.count, tensor.is_contiguous()) {
        (0, _) => 0..0,
        (count, true) => tensor.offset..tensor.offset + count,
        _ => 0..tensor.storage.stored,
    };
    let mut values = Vec::new();
    let mut buffer = vec![0; N << 16];
    let mut at = 0;
    loop {
        let filled = fill(&mut storage, &mut buffer).map_err(|error| error.to_string())?;
        let (chunks, _) = buffer[..filled].as_chunks::<N>();
        let first = wanted.start.saturating_sub(at).min(chunks.len());
        let last = wanted.end.saturating_sub(at).min(chunks.len());
        values.extend(chunks[first..last].iter().map(|bytes| number(*bytes)));
        at += chunks.len();
        if filled < buffer.len() {
            break;
        }
    }
    if values.len() != wanted.len() {
        return Err("its storage ends too early".into());
    }
    if tensor.count == 0 || tensor.is_contiguous() {
        return Ok(values);
    }
    Ok(tensor
        .places()
        .into_iter()
        .map(|place| values[place])
        .collect())
}

/// Reads until the buffer is full or the storage ends.
fn fill(storage: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match storage.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::super::strided::{Storage, checked_extent};
    use super::*;

    fn view(shape: &[usize], strides: &[usize], offset: usize) -> Strided {
        let stored = 7;
        Strided {
            storage: Storage {
                number: Number::U8,
                record: String::new(),
                stored,
            },
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            count: checked_extent(shape, strides, offset, stored).unwrap(),
        }
    }

    fn read(tensor: &Strided) -> Vec<u8> {
        let bytes = [9_u8, 0, 1, 2, 3, 4, 5];
        read_numbers(&bytes[..], tensor, |[byte]: [u8; 1]| byte).unwrap()
    }

    #[test]
    fn a_view_is_read_through_its_strides() {
        assert_eq!(read(&view(&[3, 2], &[1, 3], 1)), [0, 3, 1, 4, 2, 5]);
        assert_eq!(read(&view(&[2, 2], &[0, 1], 5)), [4, 5, 4, 5]);
    }

    #[test]
    fn a_view_without_numbers_reads_none_wherever_it_begins() {
        for shape in [[0, 1 << 40], [1 << 40, 0]] {
            assert!(read(&view(&shape, &[1, 1], 1 << 50)).is_empty());
        }
    }

    #[test]
    fn a_view_beyond_its_storage_is_refused_before_it_is_read() {
        assert!(checked_extent(&[2, 3], &[3, 1], 0, 6).is_ok());
        assert!(checked_extent(&[2, 3], &[3, 1], 1, 6).is_err());
        assert!(checked_extent(&[usize::MAX, 2], &[1, 1], 0, 6).is_err());
        assert!(checked_extent(&[2], &[usize::MAX], 1, 6).is_err());
    }
}
