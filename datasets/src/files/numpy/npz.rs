//! Archives of arrays: ZIP files of `.npy`, stored or deflated.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::{NumpyArray, NumpyError};
use crate::regular;

/// An `.npz` archive.
pub struct NpzArchive {
    zip: ZipArchive<BufReader<File>>,
}

impl NpzArchive {
    /// Opens an archive.
    ///
    /// # Errors
    /// When the file cannot be read or is no archive.
    pub fn open(path: &Path) -> Result<Self, NumpyError> {
        let zip = ZipArchive::new(BufReader::new(regular::open(path)?)).map_err(of_zip)?;
        Ok(Self { zip })
    }

    /// Names of the arrays, without their ending.
    ///
    /// # Errors
    /// When a name is no text.
    pub fn names(&self) -> Result<Vec<String>, NumpyError> {
        let names = self.zip.file_names().map(|name| {
            let name = name.map_err(of_zip)?;
            Ok(name.strip_suffix(".npy").unwrap_or(&name).to_owned())
        });
        names.collect()
    }

    /// The array of a name. The archive's checksum of it is compared when its elements are read.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn array(&mut self, name: &str) -> Result<NumpyArray<'_>, NumpyError> {
        let file = format!("{name}.npy");
        let file = if self.zip.index_for_name(&file).is_some() {
            &file
        } else {
            name
        };
        NumpyArray::read_from(self.zip.by_name(file).map_err(of_zip)?)
    }
}

fn of_zip(error: ZipError) -> NumpyError {
    match error {
        ZipError::Io(error) => NumpyError::Io(error),
        other => NumpyError::Format(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::super::tests::with_header;
    use super::*;

    #[test]
    fn arrays_are_found_by_name_whatever_their_compression() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.npz");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        let array = with_header(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }",
            &[7, 9],
        );
        for (name, method) in [
            ("one.npy", zip::CompressionMethod::Stored),
            ("two.npy", zip::CompressionMethod::Deflated),
        ] {
            zip.start_file(
                name,
                SimpleFileOptions::default().compression_method(method),
            )
            .unwrap();
            zip.write_all(&array).unwrap();
        }
        zip.finish().unwrap();
        let mut archive = NpzArchive::open(&path).unwrap();
        assert_eq!(archive.names().unwrap(), ["one", "two"]);
        for name in ["one", "two"] {
            let read = archive.array(name).unwrap().whole_numbers::<u8>().unwrap();
            assert_eq!(read.as_slice().unwrap(), [7, 9]);
        }
        assert!(archive.array("three").is_err());
        let mut bytes = std::fs::read(&path).unwrap();
        let last = array.len() + 30 + "one.npy".len() - 1;
        assert_eq!(bytes[last], 9);
        bytes[last] = 8;
        std::fs::write(&path, &bytes).unwrap();
        let mut damaged = NpzArchive::open(&path).unwrap();
        assert!(damaged.array("one").unwrap().whole_numbers::<u8>().is_err());
        std::fs::write(&path, b"PK no").unwrap();
        assert!(NpzArchive::open(&path).is_err());
    }
}
