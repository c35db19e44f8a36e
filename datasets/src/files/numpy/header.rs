//! What stands before the elements of an array: kind, order and shape.
//!
//! Source: `NumPy`'s format description (NEP 1; versions 1.0, 2.0 and 3.0).

use std::fmt;
use std::io::Read;

use half::f16;

use super::error::NumpyError;

/// The longest header that is read.
const MAX_HEADER: usize = 1 << 16;
/// The most axes; `NumPy` has 64.
const MAX_AXES: usize = 64;

/// Kind, order and shape of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the elements are.
    pub kind: ElementKind,
    /// Whether the first axis runs fastest.
    pub columns_first: bool,
    /// Length of every axis.
    pub shape: Vec<usize>,
}

/// Kind of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementKind {
    family: Family,
    size: usize,
    big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Bool,
    Unsigned,
    Signed,
    Float,
}

impl ElementKind {
    /// From a description such as `<f4`.
    fn parse(text: &str) -> Option<Self> {
        let (order, rest) = text.split_at_checked(1)?;
        let (letter, size) = rest.split_at_checked(1)?;
        let size: usize = size.parse().ok()?;
        let (family, sizes): (_, &[usize]) = match letter {
            "b" => (Family::Bool, &[1]),
            "u" => (Family::Unsigned, &[1, 2, 4, 8]),
            "i" => (Family::Signed, &[1, 2, 4, 8]),
            "f" => (Family::Float, &[2, 4, 8]),
            _ => return None,
        };
        let big_endian = match order {
            "<" | "|" => false,
            "=" => cfg!(target_endian = "big"),
            ">" => true,
            _ => return None,
        };
        sizes.contains(&size).then_some(Self {
            family,
            size,
            big_endian,
        })
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        self.size
    }

    /// The bytes of an element as one number, the lowest bits last stored first.
    fn bits(self, element: &[u8]) -> u64 {
        let join = |bits: u64, byte: &u8| (bits << 8) | u64::from(*byte);
        if self.big_endian {
            element.iter().fold(0, join)
        } else {
            element.iter().rev().fold(0, join)
        }
    }

    /// Reads an element as a whole number; `None` for floating-point numbers.
    pub(super) fn whole_number_reader(self) -> Option<impl Fn(&[u8]) -> i128> {
        (self.family != Family::Float).then_some(move |element: &[u8]| {
            let bits = self.bits(element);
            match (self.family, self.size) {
                (Family::Signed, 1) => i128::from(bits as i8),
                (Family::Signed, 2) => i128::from(bits as i16),
                (Family::Signed, 4) => i128::from(bits as i32),
                (Family::Signed, _) => i128::from(bits as i64),
                _ => i128::from(bits),
            }
        })
    }

    /// Reads an element as a floating-point number; `None` for whole numbers.
    pub(super) fn float_reader(self) -> Option<impl Fn(&[u8]) -> f64> {
        (self.family == Family::Float).then_some(move |element: &[u8]| {
            let bits = self.bits(element);
            match self.size {
                2 => f64::from(f16::from_bits(bits as u16)),
                4 => f64::from(f32::from_bits(bits as u32)),
                _ => f64::from_bits(bits),
            }
        })
    }
}

impl fmt::Display for ElementKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.family {
            Family::Bool => return out.write_str("bool"),
            Family::Unsigned => "uint",
            Family::Signed => "int",
            Family::Float => "float",
        };
        write!(out, "{word}{}", self.size * 8)
    }
}

impl Header {
    /// The header at the start of an array file.
    ///
    /// # Errors
    /// When the bytes end early, or are no header of an array of numbers.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, NumpyError> {
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(ends_early)?;
        if &start[..6] != b"\x93NUMPY" {
            return Err(wrong("not an array of NumPy"));
        }
        let mut length = [0; 4];
        let digits = match start[6] {
            1 => 2,
            2 | 3 => 4,
            other => return Err(wrong(&format!("version {other} of the format"))),
        };
        reader
            .read_exact(&mut length[..digits])
            .map_err(ends_early)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER {
            return Err(wrong(&format!("a header of {length} bytes")));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(ends_early)?;
        let text = String::from_utf8(text).map_err(|_| wrong("a header that is no text"))?;
        Self::parse(&text)
    }

    /// Bytes of all elements; `None` where no memory could hold them.
    pub(super) fn bytes(&self) -> Option<u64> {
        // An axis of length zero hides what the others multiply to.
        let lengths = self.shape.iter().filter(|&&length| length > 0);
        let product = lengths
            .copied()
            .try_fold(self.kind.size(), usize::checked_mul)?;
        isize::try_from(product).ok()?;
        Some(if self.shape.contains(&0) {
            0
        } else {
            product as u64
        })
    }

    /// From the text of a header, a literal of Python.
    fn parse(text: &str) -> Result<Self, NumpyError> {
        let mut rest = Literal(text.trim());
        let (mut kind, mut order, mut shape) = (None, None, None);
        rest.expect("{")?;
        while !rest.eat("}") {
            let key = rest.string()?;
            rest.expect(":")?;
            match key {
                "descr" => kind = Some(rest.kind()?),
                "fortran_order" => order = Some(rest.flag()?),
                "shape" => shape = Some(rest.tuple()?),
                other => return Err(wrong(&format!("the key `{other}` in the header"))),
            }
            if !rest.eat(",") {
                rest.expect("}")?;
                break;
            }
        }
        match (kind, order, shape, rest.0) {
            (Some(kind), Some(columns_first), Some(shape), "") => Ok(Self {
                kind,
                columns_first,
                shape,
            }),
            _ => Err(wrong(
                "a header without kind, order and shape, or with more",
            )),
        }
    }
}

fn wrong(reason: &str) -> NumpyError {
    NumpyError::Format(reason.to_owned())
}

fn ends_early(error: std::io::Error) -> NumpyError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        wrong("the file ends within the header")
    } else {
        error.into()
    }
}

/// What is left of a literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn eat(&mut self, sign: &str) -> bool {
        match self.0.strip_prefix(sign) {
            Some(rest) => {
                self.0 = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), NumpyError> {
        if self.eat(sign) {
            return Ok(());
        }
        Err(wrong(&format!(
            "a header without `{sign}` where it belongs"
        )))
    }

    fn string(&mut self) -> Result<&'a str, NumpyError> {
        let quote = if self.eat("'") { '\'' } else { '"' };
        if quote == '"' {
            self.expect("\"")?;
        }
        let (text, rest) = self
            .0
            .split_once(quote)
            .ok_or_else(|| wrong("a header with an open quote"))?;
        self.0 = rest.trim_start();
        Ok(text)
    }

    fn kind(&mut self) -> Result<ElementKind, NumpyError> {
        if self.0.starts_with('[') {
            return Err(wrong("elements of several parts"));
        }
        let text = self.string()?;
        ElementKind::parse(text).ok_or_else(|| wrong(&format!("elements of the kind `{text}`")))
    }

    fn flag(&mut self) -> Result<bool, NumpyError> {
        if self.eat("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    fn tuple(&mut self) -> Result<Vec<usize>, NumpyError> {
        self.expect("(")?;
        let mut lengths = Vec::new();
        while !self.eat(")") {
            let digits = self.0.len()
                - self
                    .0
                    .trim_start_matches(|c: char| c.is_ascii_digit())
                    .len();
            let (length, rest) = self.0.split_at(digits);
            // Python 2 wrote `3L`.
            self.0 = rest.strip_prefix('L').unwrap_or(rest).trim_start();
            lengths.push(
                length
                    .parse()
                    .map_err(|_| wrong("a length that is no number"))?,
            );
            if lengths.len() > MAX_AXES {
                return Err(wrong("more than 64 axes"));
            }
            if !self.eat(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_writers_are_read() {
        for (text, shape) in [
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
                vec![3, 4],
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L), }  \n",
                vec![3, 4],
            ),
            (
                "{\"descr\":\"<f4\",\"fortran_order\":False,\"shape\":(7,)}",
                vec![7],
            ),
            (
                "{'shape': (), 'fortran_order': False, 'descr': '<f4'}",
                vec![],
            ),
        ] {
            let header = Header::parse(text).unwrap();
            assert_eq!(header.shape, shape);
            assert_eq!(header.kind.to_string(), "float32");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_in_a_sentence() {
        let nested = "(".repeat(60_000);
        for (text, said) in [
            ("", "`{`"),
            ("{'descr': '<f4', 'fortran_order': False}", "without kind"),
            (
                "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
                "`<c8`",
            ),
            (
                "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
                "several parts",
            ),
            (
                "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
                "`|O`",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
                "no number",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
                "or with more",
            ),
            (&format!("{{'shape': {nested}"), "no number"),
        ] {
            let error = Header::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text:.60}: {error}");
        }
        let mut huge = &b"\x93NUMPY\x02\x00\xff\xff\xff\xff"[..];
        assert!(Header::read(&mut huge).is_err());
    }
}
