//! The numbers of a tensor, from its storage.

use half::{bf16, f16};

use super::strided::{Number, Strided};
use crate::weights::{Value, Values};

/// A tensor's numbers from the bytes of its whole storage; all precisions become single.
///
/// # Errors
/// When the storage is not as long as it says, or the view goes beyond it.
pub fn stored_value(storage: &[u8], tensor: &Strided<'_>) -> Result<Value, String> {
    let expected = tensor.storage.stored.checked_mul(tensor.number().size());
    if expected != Some(storage.len()) {
        return Err(format!(
            "its storage has {} bytes, not the {} numbers that it claims",
            storage.len(),
            tensor.storage.stored
        ));
    }
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

/// The numbers of a view; nothing else of the storage is looked at.
fn read_numbers<T, const N: usize>(
    storage: &[u8],
    tensor: &Strided<'_>,
    number: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, String> {
    let too_short = || "its storage ends too early".to_owned();
    let (stored, _) = storage.as_chunks::<N>();
    if tensor.count > 0 && tensor.is_contiguous() {
        let end = tensor.offset + tensor.count;
        let part = stored.get(tensor.offset..end).ok_or_else(too_short)?;
        return Ok(part.iter().map(|bytes| number(*bytes)).collect());
    }
    let mut values = Vec::with_capacity(tensor.count);
    for place in tensor.places() {
        values.push(number(*stored.get(place).ok_or_else(too_short)?));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::super::strided::{Storage, checked_extent};
    use super::*;

    fn view(shape: &[usize], strides: &[usize], offset: usize) -> Strided<'static> {
        let stored = 7;
        Strided {
            storage: Storage {
                number: Number::U8,
                record: "",
                stored,
            },
            offset,
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            count: checked_extent(shape, strides, offset, stored).unwrap(),
        }
    }

    fn read(tensor: &Strided<'_>) -> Vec<u8> {
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
