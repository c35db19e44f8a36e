//! What a clip's files say before they are decoded.

use std::path::PathBuf;

use crate::error::DataError;
use crate::video::picture::{is_picture_name, picture_size};
use crate::video::probe;

/// Sizes and length of a clip, as the headers of its files have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Height and width of the first frame, pixels; `None` where no header says.
    pub size: Option<[usize; 2]>,
    /// Frames of a video, where its header says.
    pub frames: Option<usize>,
    /// Files whose frames or masks have another size than the first frame, each with its height and width.
    pub other_sizes: Vec<(PathBuf, [usize; 2])>,
}

impl Header {
    /// The header of a clip that is stored in one video, or in pictures (of frames and of masks).
    ///
    /// Files of another kind say nothing, and neither does a video that cannot be opened: reading its frames does.
    ///
    /// # Errors
    /// When a picture's header cannot be read.
    pub fn of_files(files: &[PathBuf]) -> Result<Self, DataError> {
        if !files.iter().any(|path| is_picture_name(path)) {
            let info = files.first().and_then(|path| probe(path).ok());
            return Ok(info.map_or_else(Self::default, |info| Self {
                size: Some([info.height, info.width]),
                frames: info.frames,
                other_sizes: Vec::new(),
            }));
        }
        let mut header = Self::default();
        for path in files.iter().filter(|path| is_picture_name(path)) {
            let size = picture_size(path)?;
            if *header.size.get_or_insert(size) != size {
                header.other_sizes.push((path.clone(), size));
            }
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::video::write_png;

    #[test]
    fn pictures_of_another_size_are_named_and_other_files_say_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["0.png", "1.png", "notes.json"].map(|name| folder.path().join(name));
        for (path, side) in files.iter().zip([8, 9]) {
            write_png(path, Array3::zeros((8, side, 3)).view()).unwrap();
        }
        std::fs::write(&files[2], "{}").unwrap();
        let header = Header::of_files(&files).unwrap();
        assert_eq!(header.size, Some([8, 8]));
        assert_eq!(header.other_sizes, [(files[1].clone(), [8, 9])]);
        assert_eq!(Header::of_files(&files[2..]).unwrap(), Header::default());
        assert_eq!(Header::of_files(&[]).unwrap(), Header::default());
    }
}
