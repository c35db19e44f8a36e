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

/// An array with its elements as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumpyArray {
    header: Header,
    bytes: Vec<u8>,
}

impl NumpyArray {
    /// The array of an `.npy` file.
    ///
    /// # Errors
    /// When the file cannot be read or is no array.
    pub fn read(path: &Path) -> Result<Self, NumpyError> {
        Self::read_from(BufReader::new(regular::open(path)?))
    }

    /// The array that a reader gives.
    ///
    /// # Errors
    /// When the bytes end early or are no array.
    pub fn read_from(mut reader: impl Read) -> Result<Self, NumpyError> {
        let header = Header::read(&mut reader)?;
        let needed = header.bytes().ok_or_else(|| {
            NumpyError::Format(format!("no memory holds the shape {:?}", header.shape))
        })?;
        let budget = memory::budget();
        if needed > budget {
            return Err(NumpyError::TooLarge { needed, budget });
        }
        let mut bytes = Vec::new();
        reader.take(needed).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != needed {
            return Err(NumpyError::Format(format!(
                "{} of {needed} bytes are there",
                bytes.len()
            )));
        }
        Ok(Self { header, bytes })
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
    /// When the elements are no whole numbers, or one does not fit.
    pub fn whole_numbers<T: TryFrom<i128> + Copy>(&self) -> Result<ArrayD<T>, NumpyError> {
        let fit = |number: i128| T::try_from(number).map_err(|_| NumpyError::OutOfRange { number });
        let read = self.header.kind.whole_number_reader();
        let Some(read) = read else {
            return Err(self.other("whole numbers"));
        };
        self.array(|element| fit(read(element)))
    }

    /// Hands out every whole number or truth value in the order of the file: nothing is allocated.
    ///
    /// # Errors
    /// When the elements are no whole numbers, or one does not fit in 64 bits.
    pub fn each_whole_number(&self, mut each: impl FnMut(i64)) -> Result<(), NumpyError> {
        let Some(read) = self.header.kind.whole_number_reader() else {
            return Err(self.other("whole numbers"));
        };
        for element in self.bytes.chunks_exact(self.header.kind.size()) {
            let number = read(element);
            each(i64::try_from(number).map_err(|_| NumpyError::OutOfRange { number })?);
        }
        Ok(())
    }

    /// What every whole number or truth value becomes.
    ///
    /// # Errors
    /// When the elements are no whole numbers, or one does not fit in 64 bits.
    pub fn map_whole_numbers<T>(&self, map: impl Fn(i64) -> T) -> Result<ArrayD<T>, NumpyError> {
        let Some(read) = self.header.kind.whole_number_reader() else {
            return Err(self.other("whole numbers"));
        };
        self.array(|element| {
            let number = read(element);
            let whole = i64::try_from(number).map_err(|_| NumpyError::OutOfRange { number })?;
            Ok(map(whole))
        })
    }

    /// Floating-point numbers.
    ///
    /// # Errors
    /// When the elements are none.
    pub fn floats(&self) -> Result<ArrayD<f64>, NumpyError> {
        let Some(read) = self.header.kind.float_reader() else {
            return Err(self.other("floating-point numbers"));
        };
        self.array(|element| Ok(read(element)))
    }

    /// Floating-point numbers in single precision.
    ///
    /// # Errors
    /// When the elements are none.
    pub fn singles(&self) -> Result<ArrayD<f32>, NumpyError> {
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

    fn array<T>(
        &self,
        read: impl Fn(&[u8]) -> Result<T, NumpyError>,
    ) -> Result<ArrayD<T>, NumpyError> {
        let elements = self.bytes.chunks_exact(self.header.kind.size());
        let converted = elements.len().saturating_mul(size_of::<T>());
        let (needed, budget) = ((self.bytes.len() + converted) as u64, memory::budget());
        if needed > budget {
            return Err(NumpyError::TooLarge { needed, budget });
        }
        let elements = elements.map(read).collect::<Result<Vec<T>, _>>()?;
        let shape = IxDyn(&self.header.shape).set_f(self.header.columns_first);
        ArrayD::from_shape_vec(shape, elements)
            .map_err(|error| NumpyError::Format(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, ArrayBase, Data, Dimension};
    use ndarray_npy::{WritableElement, WriteNpyExt};

    use super::*;

    fn written<S: Data<Elem: WritableElement>, D: Dimension>(
        array: &ArrayBase<S, D>,
    ) -> NumpyArray {
        let mut bytes = Vec::new();
        array.write_npy(&mut bytes).unwrap();
        NumpyArray::read_from(&bytes[..]).unwrap()
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
            let read =
                NumpyArray::read_from(&file[..]).and_then(|array| array.whole_numbers::<u8>());
            assert!(read.is_err(), "{shape}");
        }
        let short = with_header(
            "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }",
            &[0; 7],
        );
        let error = NumpyArray::read_from(&short[..]).unwrap_err();
        assert_eq!(error.to_string(), "7 of 8 bytes are there");
    }
}
