//! Arrays as `NumPy` writes them: `.npy` files and `.npz` archives, elements of any kind.
//!
//! Nothing that a header says is believed before the bytes are there: memory grows with what is read, never with what is
//! declared, and a header is read in one pass.

/// Reasons that an array could not be read.
mod error;

/// What stands before the elements.
mod header;

/// Archives of arrays.
mod npz;

use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use crate::{memory, regular};

pub use error::NumpyError;
pub use header::{ElementKind, Header};
pub use npz::NpzArchive;

/// Elements that are read at a time.
const PART: usize = 1 << 13;

/// An array whose elements are still in their file: they are read once, a part at a time, and are held as what they become
/// alone.
pub struct NumpyArray<'a> {
    header: Header,
    reader: Box<dyn Read + 'a>,
}

impl NumpyArray<'static> {
    /// Opens the array of an `.npy` file.
    ///
    /// # Errors
    /// When the file cannot be read or is no array.
    pub fn open(path: &Path) -> Result<Self, NumpyError> {
        Self::read_from(BufReader::new(regular::open(path)?))
    }
}

impl<'a> NumpyArray<'a> {
    /// The array that a reader gives.
    ///
    /// # Errors
    /// When the bytes are no array, or end before the elements.
    pub fn read_from(mut reader: impl Read + 'a) -> Result<Self, NumpyError> {
        let header = Header::read(&mut reader)?;
        if header.bytes().is_none() {
            let reason = format!("no memory holds the shape {:?}", header.shape);
            return Err(NumpyError::Format(reason));
        }
        let reader = Box::new(reader);
        Ok(Self { header, reader })
    }

    /// Length of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// What the elements are.
    pub fn kind(&self) -> ElementKind {
        self.header.kind
    }

    /// Whole numbers or truth values as `T`.
    ///
    /// # Errors
    /// When the elements are no whole numbers, one does not fit, or they end early.
    pub fn whole_numbers<T: TryFrom<i128> + Copy>(self) -> Result<ArrayD<T>, NumpyError> {
        let fit = |number: i128| T::try_from(number).map_err(|_| NumpyError::OutOfRange { number });
        let Some(read) = self.header.kind.whole_number_reader() else {
            return Err(self.other("whole numbers"));
        };
        self.array(|element| fit(read(element)))
    }

    /// Hands out every whole number or truth value in the order of the file: nothing is held.
    ///
    /// # Errors
    /// When the elements are no whole numbers, one does not fit in 64 bits, or they end early.
    pub fn each_whole_number(self, mut each: impl FnMut(i64)) -> Result<(), NumpyError> {
        let Some(read) = self.header.kind.whole_number_reader() else {
            return Err(self.other("whole numbers"));
        };
        self.each(|element| {
            each(whole(read(element))?);
            Ok(())
        })
    }

    /// What every whole number or truth value becomes.
    ///
    /// # Errors
    /// When the elements are no whole numbers, one does not fit in 64 bits, or they end early.
    pub fn map_whole_numbers<T>(self, map: impl Fn(i64) -> T) -> Result<ArrayD<T>, NumpyError> {
        let Some(read) = self.header.kind.whole_number_reader() else {
            return Err(self.other("whole numbers"));
        };
        self.array(|element| Ok(map(whole(read(element))?)))
    }

    /// Floating-point numbers.
    ///
    /// # Errors
    /// When the elements are none, or end early.
    pub fn floats(self) -> Result<ArrayD<f64>, NumpyError> {
        let Some(read) = self.header.kind.float_reader() else {
            return Err(self.other("floating-point numbers"));
        };
        self.array(|element| Ok(read(element)))
    }

    /// Floating-point numbers in single precision.
    ///
    /// # Errors
    /// When the elements are none, or end early.
    pub fn singles(self) -> Result<ArrayD<f32>, NumpyError> {
        let Some(read) = self.header.kind.float_reader() else {
            return Err(self.other("floating-point numbers"));
        };
        self.array(|element| Ok(read(element) as f32))
    }

    fn other(&self, wanted: &'static str) -> NumpyError {
        NumpyError::Kind {
            found: self.header.kind.to_string(),
            wanted,
        }
    }

    /// Hands out the bytes of every element. Behind the last one the reader is asked for more, so that an archive compares its
    /// checksum.
    fn each(
        mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), NumpyError>,
    ) -> Result<(), NumpyError> {
        let size = self.header.kind.size();
        let needed = self.header.bytes().unwrap_or(u64::MAX);
        let (mut part, mut read) = (Vec::with_capacity(PART * size), 0);
        while read < needed {
            part.clear();
            let wanted = (needed - read).min((PART * size) as u64);
            let found = self.reader.by_ref().take(wanted).read_to_end(&mut part)? as u64;
            read += found;
            if found < wanted {
                let reason = format!("{read} of {needed} bytes are there");
                return Err(NumpyError::Format(reason));
            }
            part.chunks_exact(size).try_for_each(&mut each)?;
        }
        // What stands behind the elements is nobody's; NumPy leaves it alone, too.
        self.reader.read(&mut [0]).map(drop).map_err(NumpyError::Io)
    }

    fn array<T>(
        self,
        read: impl Fn(&[u8]) -> Result<T, NumpyError>,
    ) -> Result<ArrayD<T>, NumpyError> {
        let elements = self.header.bytes().unwrap_or(u64::MAX) / self.header.kind.size() as u64;
        let (needed, budget) = (
            elements.saturating_mul(size_of::<T>() as u64),
            memory::budget(),
        );
        if needed > budget {
            return Err(NumpyError::TooLarge { needed, budget });
        }
        let shape = IxDyn(&self.header.shape).set_f(self.header.columns_first);
        // A vector that grows doubles, which would take half as much again as it needs: it grows with what was read instead.
        let mut read_so_far = Vec::new();
        self.each(|element| {
            if read_so_far.len() == read_so_far.capacity() {
                let more = (read_so_far.len() / 4).max(PART);
                read_so_far.reserve_exact(more.min(elements as usize - read_so_far.len()));
            }
            read_so_far.push(read(element)?);
            Ok(())
        })?;
        ArrayD::from_shape_vec(shape, read_so_far)
            .map_err(|error| NumpyError::Format(error.to_string()))
    }
}

/// A whole number in 64 bits.
fn whole(number: i128) -> Result<i64, NumpyError> {
    i64::try_from(number).map_err(|_| NumpyError::OutOfRange { number })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ndarray::{Array2, Array3, ArrayBase, Data, Dimension};
    use ndarray_npy::{WritableElement, WriteNpyExt};

    use super::*;

    fn written<S: Data<Elem: WritableElement>, D: Dimension>(
        array: &ArrayBase<S, D>,
    ) -> NumpyArray<'static> {
        let mut bytes = Vec::new();
        array.write_npy(&mut bytes).unwrap();
        NumpyArray::read_from(Cursor::new(bytes)).unwrap()
    }

    /// A file with a header of one's own, and bytes behind it.
    pub(super) fn with_header(header: &str, bytes: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        file.extend(bytes);
        file
    }

    #[test]
    fn every_kind_of_whole_number_is_read() {
        macro_rules! check {
            ($($kind:ty),*) => {$(
                let array = Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (i * 12 + j * 4 + k) as $kind);
                let read = written(&array);
                assert_eq!(read.kind().to_string(), stringify!($kind).replace('i', "int").replace('u', "uint"));
                assert_eq!(read.whole_numbers::<$kind>().unwrap(), array.clone().into_dyn());
                let turned = array.t();
                assert_eq!(written(&turned).whole_numbers::<u64>().unwrap(), turned.mapv(|number| u64::try_from(number).unwrap()).into_dyn());
            )*};
        }
        check!(u8, u16, u32, u64, i8, i16, i32, i64);
        let flags = Array2::from_shape_fn((3, 3), |(i, j)| i == j);
        let read = written(&flags).whole_numbers::<u8>().unwrap();
        assert_eq!(read, flags.mapv(u8::from).into_dyn());
    }

    #[test]
    fn both_orders_of_bytes_and_half_precision_are_read() {
        let big = with_header(
            "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }",
            &[1, 2, 255, 254],
        );
        let read = NumpyArray::read_from(&big[..]).unwrap();
        assert_eq!(
            read.whole_numbers::<i16>().unwrap().as_slice().unwrap(),
            [258, -2]
        );
        let half = with_header(
            "{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }",
            &[0, 0x3e],
        );
        assert_eq!(
            NumpyArray::read_from(&half[..]).unwrap().floats().unwrap()[0],
            1.5
        );
        let doubles = Array2::from_elem((1, 2), 0.1_f64);
        assert_eq!(written(&doubles).floats().unwrap(), doubles.into_dyn());
    }

    #[test]
    fn another_kind_and_numbers_that_do_not_fit_are_refused() {
        let floats = Array2::<f32>::zeros((1, 1));
        let error = written(&floats).whole_numbers::<u8>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the elements are float32, not whole numbers"
        );
        let many = Array2::from_elem((1, 1), 300_i32);
        let error = written(&many).whole_numbers::<u8>().unwrap_err();
        assert_eq!(error.to_string(), "the number 300 is out of range");
    }

    #[test]
    fn a_header_that_lies_costs_nothing() {
        for shape in [
            "(8000000000000000000,)",
            "(0, 9000000000000000000, 9000000000000000000)",
            "(99999999999, 9999)",
        ] {
            let file = with_header(
                &format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"),
                &[1, 2, 3],
            );
            let read = NumpyArray::read_from(&file[..]).and_then(NumpyArray::whole_numbers::<u8>);
            assert!(read.is_err(), "{shape}");
        }
        let short = with_header(
            "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }",
            &[0; 7],
        );
        let short = NumpyArray::read_from(&short[..]).unwrap();
        let error = short.whole_numbers::<u8>().unwrap_err();
        assert_eq!(error.to_string(), "7 of 8 bytes are there");
    }

    #[test]
    fn elements_of_many_parts_are_read_in_their_order_and_to_the_last() {
        let array = Array2::from_shape_fn((3, PART), |(y, x)| (y * PART + x) as u32);
        for array in [array.view(), array.t()] {
            assert_eq!(
                written(&array).whole_numbers::<u32>().unwrap(),
                array.into_dyn()
            );
            let mut sum = 0;
            written(&array)
                .each_whole_number(|number| sum += number)
                .unwrap();
            assert_eq!(sum, (3 * PART * (3 * PART - 1) / 2) as i64);
        }
    }
}
