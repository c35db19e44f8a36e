//! The pictures of a folder → the frames and masks of a clip.

use std::path::{Path, PathBuf};

use super::frame_files::{FrameFiles, MaskPictures};
use crate::error::DataError;
use crate::listing::entries::entries;
use crate::listing::series::{Role, Series, series, shapes};
use crate::video::picture::is_picture_name;

/// Frames and masks of a clip, and the files that are neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sorted {
    /// The clip.
    pub clip: FrameFiles,
    /// The frames' numbers.
    pub numbers: Vec<u128>,
    /// Files that are no part of it, with the reason.
    pub left_out: Vec<(PathBuf, String)>,
}

/// Frames and masks among the pictures of a folder; `None` where no picture has a number.
///
/// One series of pictures is the frames. Of several that of masks (`000000_mask.png`, `segmentation_00000.png`) and those
/// that renderers add (`depth_00000.png`, …) are told by their words, and one must be left, or one that is called as
/// frames are (`rgba_00000.png`, `000000_image.png`, `000000.jpg`).
///
/// # Errors
/// When the folder cannot be read, more than one series could be the frames, or their names have no one order.
pub fn sort_pictures(folder: &Path) -> Result<Option<Sorted>, DataError> {
    let mut files = entries(folder)?;
    files.retain(|path| is_picture_name(path));
    sort(folder, &series(&files)).map_err(|reason| DataError::Malformed {
        reason,
        path: folder.to_owned(),
    })
}

fn sort(folder: &Path, all: &[Series]) -> Result<Option<Sorted>, String> {
    let Some(frames) = frames_among(all)? else {
        return Ok(None);
    };
    let numbered = frames.numbered()?;
    let of_masks: Vec<&Series> = all
        .iter()
        .filter(|one| one.shape != frames.shape && one.role() == Role::Masks)
        .collect();
    let masks = match of_masks[..] {
        [one] => masks_of(&numbered, one)?,
        [] => MaskPictures::None,
        _ => return Err(format!("masks of several kinds: {}", shapes(of_masks))),
    };
    let sides = all.iter().filter(|one| one.shape != frames.shape);
    let sides = sides.filter(|one| masks == MaskPictures::None || one.role() != Role::Masks);
    let reason = format!("not of the kind `{}` that the frames are", frames.shape);
    let left_out = sides.flat_map(|one| {
        one.files
            .iter()
            .map(|(_, path)| (path.clone(), reason.clone()))
    });
    Ok(Some(Sorted {
        left_out: left_out.collect(),
        numbers: numbered.iter().map(|(number, _)| *number).collect(),
        clip: FrameFiles {
            path: folder.to_owned(),
            note: gaps(&numbered),
            frames: numbered.into_iter().map(|(_, path)| path.clone()).collect(),
            masks,
        },
    }))
}

/// The one series that is the frames.
///
/// # Errors
/// Names the kinds where more than one could be.
pub fn frames_among(all: &[Series]) -> Result<Option<&Series>, String> {
    let of = |role: Role| -> Vec<&Series> { all.iter().filter(|one| one.role() == role).collect() };
    let (called, unknown) = (of(Role::Frames), of(Role::Unknown));
    match (all, &called[..], &unknown[..]) {
        ([], ..) => Ok(None),
        ([only], ..) => Ok(Some(only)),
        (_, [only], _) | (_, [], [only]) => Ok(Some(*only)),
        _ => Err(format!(
            "pictures of several kinds side by side, and any could be the frames: {}",
            shapes(all)
        )),
    }
}

/// The mask of every frame among pictures of one series, by number.
///
/// # Errors
/// Names a frame without one.
pub fn masks_by_number(
    frames: &[(u128, &PathBuf)],
    masks: &[PathBuf],
) -> Result<MaskPictures, String> {
    match &series(masks)[..] {
        [one] => masks_of(frames, one),
        _ => Err("masks without a number".to_owned()),
    }
}

fn masks_of(frames: &[(u128, &PathBuf)], masks: &Series) -> Result<MaskPictures, String> {
    let masks = masks.numbered()?;
    let mask = |number: u128| {
        let place = masks
            .binary_search_by_key(&number, |(number, _)| *number)
            .ok()?;
        Some(masks[place].1.clone())
    };
    let found: Vec<Option<PathBuf>> = frames.iter().map(|(number, _)| mask(*number)).collect();
    match found.iter().position(Option::is_none) {
        None => Ok(MaskPictures::Ids(found.into_iter().flatten().collect())),
        Some(_) if found.iter().all(Option::is_none) && frames.len() > 1 => {
            Err("masks, and none has the number of a frame".to_owned())
        }
        Some(place) => Err(format!(
            "no mask of frame {}, and others have one",
            frames[place].0
        )),
    }
}

/// Numbers that are missing among numbers that otherwise follow each other at one distance.
fn gaps(frames: &[(u128, &PathBuf)]) -> Option<String> {
    let steps = frames.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let least = steps.clone().min()?;
    let gap = |step: &u128| *step != least;
    let count = steps.clone().filter(gap).count();
    let place = steps.clone().position(|step| gap(&step))?;
    // Where most steps differ the numbers are times and no count.
    let times = 2 * count > frames.len();
    (!times).then(|| {
        let missing: u128 = steps.map(|step| step / least - 1).sum();
        let after = frames[place].0;
        format!("{missing} numbers are missing among the frames, the first after {after}")
    })
}

/// The frames in a folder, without masks.
///
/// # Errors
/// When the folder cannot be read or holds no numbered pictures.
pub fn frames_alone(folder: &Path) -> Result<FrameFiles, DataError> {
    let sorted = sort_pictures(folder)?.ok_or_else(|| DataError::NoVideos {
        path: folder.to_owned(),
    })?;
    Ok(FrameFiles {
        masks: MaskPictures::None,
        ..sorted.clip
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[String]) -> Result<Option<Sorted>, String> {
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        sort(Path::new("clip"), &series(&paths))
    }

    fn names(shapes: &[(&str, std::ops::Range<usize>)]) -> Vec<String> {
        let each = |(shape, numbers): &(&str, std::ops::Range<usize>)| {
            let shape = (*shape).to_owned();
            numbers
                .clone()
                .map(move |number| shape.replace('#', &format!("{number:04}")))
        };
        shapes.iter().flat_map(each).collect()
    }

    #[test]
    fn kubric_writes_frames_masks_and_more_side_by_side() {
        let names = names(&[
            ("rgba_#.png", 0..3),
            ("segmentation_#.png", 0..3),
            ("normal_#.png", 0..3),
            ("object_coordinates_#.png", 0..3),
        ]);
        let found = sorted(&names).unwrap().unwrap();
        assert_eq!(found.clip.frames[2], Path::new("rgba_0002.png"));
        let MaskPictures::Ids(masks) = &found.clip.masks else {
            panic!("no masks");
        };
        assert_eq!(masks[2], Path::new("segmentation_0002.png"));
        assert_eq!((found.clip.frames.len(), found.left_out.len()), (3, 6));
    }

    #[test]
    fn movi_has_its_masks_beside_jpeg() {
        let found = sorted(&names(&[("#.jpg", 0..2), ("#_mask.png", 0..2)]))
            .unwrap()
            .unwrap();
        assert_eq!(
            found.clip.frames,
            ["0000.jpg", "0001.jpg"].map(PathBuf::from)
        );
        assert!(found.clip.has_masks());
    }

    #[test]
    fn kinds_that_could_all_be_frames_are_refused_by_name() {
        let error = sorted(&names(&[("a_#.png", 0..2), ("b_#.png", 0..2)])).unwrap_err();
        assert!(error.contains("`a_#`, `b_#`"), "{error}");
        let error = sorted(&names(&[("#.png", 0..3), ("#.jpg", 2..4)])).unwrap_err();
        assert!(error.contains("two files have the number 2"), "{error}");
        assert_eq!(
            sorted(&names(&[("ball_#.png", 0..2)]))
                .unwrap()
                .unwrap()
                .clip
                .frames
                .len(),
            2
        );
    }

    #[test]
    fn frames_of_both_kinds_are_one_clip_and_gaps_are_named() {
        let found = sorted(&names(&[("#.png", 0..2), ("#.jpg", 2..4)]))
            .unwrap()
            .unwrap();
        assert_eq!((found.clip.frames.len(), found.clip.note), (4, None));
        let found = sorted(&names(&[("#.png", 0..3), ("#.png", 5..9)]))
            .unwrap()
            .unwrap();
        let note = found.clip.note.unwrap();
        assert_eq!(
            note,
            "2 numbers are missing among the frames, the first after 2"
        );
        let error = sorted(&names(&[("#.png", 0..3), ("#_mask.png", 0..2)])).unwrap_err();
        assert_eq!(error, "no mask of frame 2, and others have one");
    }
}
