//! Clips of one's own below a folder, at any depth: video files and folders of numbered pictures.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::listing::entries::{ending, unreadable};
use crate::listing::series::series;
use crate::regular;
use crate::source::frames::layout::{Sorted, sort_pictures};
use crate::video::picture::is_picture_name;
use crate::video::playlist::{self, is_playlist_name};

/// The endings that make a file in a folder a video. A file that is named by itself may have any.
const ENDINGS: &str = "3gp avi flv gif m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts webm wmv y4m";

/// Files and folders that systems and programs put among others.
const LITTER: &str = "__macosx thumbs.db desktop.ini @eadir $recycle.bin lost+found";

/// Folders of masks beside the clips that they belong to.
const MASK_FOLDERS: &str = "masks mask segmentation segmentations";

/// Folders of what is made from clips.
const SIDE_FOLDERS: &str = "preview previews thumb thumbs thumbnail thumbnails";

/// The deepest folder that is searched, counted from the one that was named.
const MAX_DEPTH: usize = 64;

/// Reason that a folder is not searched.
const LEADS_BACK: &str = "leads back to a folder above it, or lies too deep";

/// A clip among own material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnClip {
    /// Its path below the folder that was named, `/` between folders; empty where it is that folder itself.
    pub name: String,
    /// Where it lies.
    pub files: ClipFiles,
    /// A folder of its masks apart from its frames.
    pub masks: Option<PathBuf>,
    /// Whether it has masks, there or among its frames.
    pub has_masks: bool,
}

/// Files of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClipFiles {
    /// A video.
    File(PathBuf),
    /// A folder of numbered pictures.
    Pictures(PathBuf),
    /// What was meant as a clip and cannot be read as one, with the reason.
    Unreadable(PathBuf, String),
}

impl ClipFiles {
    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Pictures(path) | Self::Unreadable(path, _) => path,
        }
    }
}

/// Clips below a folder, and what else lies there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovered {
    /// In the order of their paths.
    pub clips: Vec<OwnClip>,
    /// Files that are no part of any clip, with the reason.
    pub left_out: Vec<(PathBuf, String)>,
}

/// The clips below a folder.
///
/// # Errors
/// When the folder cannot be read, or two video files in one folder differ in their ending alone.
pub fn discover(folder: &Path) -> Result<Discovered, DataError> {
    let mut search = Search::default();
    search.look_into(folder, "")?;
    let mut found = search.found;
    found
        .clips
        .sort_by(|one, other| one.files.path().cmp(other.files.path()));
    Ok(found)
}

/// Pictures below a folder, at any depth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Each picture's path below the folder that was named, `/` between folders, and the picture.
    pub pictures: Vec<(String, PathBuf)>,
    /// Folders of masks, and the paths below the named folder of those that they lie in.
    pub masks: Vec<(PathBuf, String)>,
    /// Files that are no pictures, with the reason.
    pub left_out: Vec<(PathBuf, String)>,
}

/// All pictures below a folder, in the order of their paths; those in folders of masks are not looked at.
///
/// # Errors
/// When the folder cannot be read.
pub fn pictures_below(folder: &Path) -> Result<Gathered, DataError> {
    let mut search = Search::default();
    let mut pictures = Vec::new();
    search.gather(folder, "", &mut pictures)?;
    Ok(Gathered {
        pictures,
        masks: search.masks,
        left_out: search.found.left_out,
    })
}

/// A search on its way.
#[derive(Default)]
struct Search {
    found: Discovered,
    /// The folders that lead to the one that is looked into, links resolved.
    above: Vec<PathBuf>,
    /// Folders of masks, and the names of the folders that they lie in.
    masks: Vec<(PathBuf, String)>,
}

/// Entries of one folder by kind.
#[derive(Default)]
struct Listed {
    videos: Vec<PathBuf>,
    pictures: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    broken: Vec<(PathBuf, String)>,
}

impl Search {
    /// Adds the clips in a folder and below it.
    fn look_into(&mut self, folder: &Path, name: &str) -> Result<(), DataError> {
        self.above
            .push(fs::canonicalize(folder).map_err(|source| unreadable(source, folder))?);
        let listed = self.list(folder)?;
        two_of_one_name(folder, &listed.videos)?;
        let (masks, others): (Vec<_>, Vec<_>) = listed
            .folders
            .into_iter()
            .partition(|path| is_one_of(path, MASK_FOLDERS));
        let alone = others.is_empty() && listed.videos.is_empty() && listed.pictures.is_empty();
        let known = self.masks.len();
        let others = if alone {
            masks
        } else {
            self.masks
                .extend(masks.into_iter().map(|path| (path, name.to_owned())));
            others
        };

        let before = self.found.clips.len();
        for (path, reason) in listed.broken {
            let name = below(name, &path);
            self.add(name, ClipFiles::Unreadable(path, reason), false);
        }
        let videos = !listed.videos.is_empty();
        for path in listed.videos {
            self.add(below(name, &path), ClipFiles::File(path), false);
        }
        let frames = sort_pictures(folder);
        let numbered = !matches!(frames, Ok(None));
        if numbered && !videos && listed.pictures.len() > others.len() {
            self.leave_out(others, "a folder beside the frames of a clip");
        } else {
            self.look_into_all(others, name)?;
        }
        let clips = self.found.clips.len() - before;
        self.add_pictures((folder, name), frames, listed.pictures, clips);
        self.masks.truncate(known);
        self.above.pop();
        Ok(())
    }

    /// Adds a folder's pictures as a clip, unless they are few beside the `clips` that were found in it.
    fn add_pictures(
        &mut self,
        (folder, name): (&Path, &str),
        frames: Result<Option<Sorted>, DataError>,
        pictures: Vec<PathBuf>,
        clips: usize,
    ) {
        let unreadable = |reason| ClipFiles::Unreadable(folder.to_owned(), reason);
        match frames {
            Ok(None) => self.leave_out(pictures, "a picture without a number"),
            _ if pictures.len() <= clips => self.leave_out(pictures, "a picture beside clips"),
            Ok(Some(_)) if clips > 0 => {
                let reason = format!(
                    "{} PNG or JPEG pictures beside {clips} clips, too many for previews",
                    pictures.len()
                );
                self.add(name.to_owned(), unreadable(reason), false);
            }
            Ok(Some(sorted)) => {
                self.found.left_out.extend(sorted.left_out);
                self.leave_out_unnumbered(pictures);
                let files = ClipFiles::Pictures(folder.to_owned());
                self.add(name.to_owned(), files, sorted.clip.has_masks());
            }
            Err(error) => self.add(name.to_owned(), unreadable(reason_of(&error)), false),
        }
    }

    /// Adds the clips in folders that one folder holds; what cannot be looked into is a clip that cannot be read.
    fn look_into_all(&mut self, folders: Vec<PathBuf>, name: &str) -> Result<(), DataError> {
        for path in folders {
            if is_one_of(&path, SIDE_FOLDERS) {
                self.leave_out(vec![path], "a folder of previews");
                continue;
            }
            if self.leads_back(&path) {
                self.leave_out(vec![path], LEADS_BACK);
                continue;
            }
            let name = below(name, &path);
            let depth = self.above.len();
            match self.look_into(&path, &name) {
                Err(DataError::Io { source, .. }) => {
                    self.above.truncate(depth);
                    self.add(name, ClipFiles::Unreadable(path, source.to_string()), false);
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Adds the pictures in a folder and below it.
    fn gather(
        &mut self,
        folder: &Path,
        name: &str,
        pictures: &mut Vec<(String, PathBuf)>,
    ) -> Result<(), DataError> {
        self.above
            .push(fs::canonicalize(folder).map_err(|source| unreadable(source, folder))?);
        let listed = self.list(folder)?;
        self.leave_out(listed.videos, "a video among pictures");
        self.found.left_out.extend(listed.broken);
        let apart = !listed.pictures.is_empty() || listed.folders.len() > 1;
        pictures.extend(
            listed
                .pictures
                .into_iter()
                .map(|path| (below(name, &path), path)),
        );
        for path in listed.folders {
            if apart && is_one_of(&path, MASK_FOLDERS) {
                self.masks.push((path, name.to_owned()));
            } else if is_one_of(&path, SIDE_FOLDERS) {
                self.leave_out(vec![path], "a folder of previews");
            } else if self.leads_back(&path) {
                self.leave_out(vec![path], LEADS_BACK);
            } else {
                let depth = self.above.len();
                if let Err(error) = self.gather(&path, &below(name, &path), pictures) {
                    self.above.truncate(depth);
                    self.leave_out(vec![path], &reason_of(&error));
                }
            }
        }
        self.above.pop();
        Ok(())
    }

    /// Whether a folder is one of those above it, or lies too deep.
    fn leads_back(&self, path: &Path) -> bool {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.above.contains(&real) || self.above.len() > MAX_DEPTH
    }

    /// The entries of a folder that may be part of a clip; all others are left out.
    fn list(&mut self, folder: &Path) -> Result<Listed, DataError> {
        let io = |source| unreadable(source, folder);
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            paths.push(entry.map_err(io)?.path());
        }
        paths.sort();
        let mut listed = Listed::default();
        for path in paths {
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden || is_one_of(&path, LITTER) {
                let reason = if hidden {
                    "hidden"
                } else {
                    "put there by a program"
                };
                self.leave_out(vec![path], reason);
                continue;
            }
            let meant = is_video(&path) || path.extension().is_none();
            match regular::look(&path) {
                Ok(meta) if meta.is_dir() => listed.folders.push(path),
                Ok(meta) if meta.is_file() && is_video(&path) => listed.videos.push(path),
                Ok(meta) if meta.is_file() && is_picture_name(&path) => listed.pictures.push(path),
                Ok(_) => match regular::check(&path) {
                    Err(error) if meant => listed.broken.push((path, error.to_string())),
                    Err(error) => self.leave_out(vec![path], &error.to_string()),
                    Ok(_) if is_playlist_name(&path) => {
                        self.leave_out(vec![path], playlist::REASON);
                    }
                    Ok(_) => self.leave_out(vec![path], "neither a video nor a picture"),
                },
                // A frame that cannot be read is found missing when its clip is.
                Err(_) if is_picture_name(&path) => listed.pictures.push(path),
                Err(error) if meant => listed.broken.push((path, error.to_string())),
                Err(error) => self.leave_out(vec![path], &error.to_string()),
            }
        }
        Ok(listed)
    }

    fn add(&mut self, name: String, files: ClipFiles, has_masks: bool) {
        let stem = without_ending(&name, &files);
        let masks = self.masks.iter().rev().find_map(|(folder, base)| {
            let inside = inside(stem, base)?;
            Some(folder.join(inside)).filter(|path| path.is_dir())
        });
        let masks = masks.filter(|_| !has_masks);
        self.found.clips.push(OwnClip {
            has_masks: has_masks || masks.is_some(),
            name,
            files,
            masks,
        });
    }

    fn leave_out(&mut self, paths: Vec<PathBuf>, reason: &str) {
        let named = paths.into_iter().map(|path| (path, reason.to_owned()));
        self.found.left_out.extend(named);
    }

    /// Pictures without a number beside those that have one.
    fn leave_out_unnumbered(&mut self, mut pictures: Vec<PathBuf>) {
        pictures.retain(|path| series(std::slice::from_ref(path)).is_empty());
        self.leave_out(pictures, "a picture without a number");
    }
}

/// A clip's name without the ending of its file.
pub fn without_ending<'a>(name: &'a str, files: &ClipFiles) -> &'a str {
    match files {
        ClipFiles::Pictures(_) => name,
        ClipFiles::File(path) | ClipFiles::Unreadable(path, _) => {
            let ending = path
                .extension()
                .map(|ending| format!(".{}", ending.to_string_lossy()));
            name.strip_suffix(&ending.unwrap_or_default())
                .unwrap_or(name)
        }
    }
}

/// A path below a folder, both below the folder that was named.
pub fn inside<'a>(name: &'a str, folder: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(folder)?;
    if folder.is_empty() || rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/')
}

/// Refuses a folder in which the ending alone tells two videos apart: one may be made from the other.
fn two_of_one_name(folder: &Path, videos: &[PathBuf]) -> Result<(), DataError> {
    let mut videos: Vec<&PathBuf> = videos.iter().collect();
    videos.sort_by_key(|path| path.file_stem());
    match videos
        .windows(2)
        .find(|pair| pair[0].file_stem() == pair[1].file_stem())
    {
        None => Ok(()),
        Some(pair) => {
            let [one, other] = [pair[0], pair[1]].map(|path| text(path.file_name()));
            Err(DataError::Malformed {
                reason: format!("two videos of one name, `{one}` and `{other}`"),
                path: folder.to_owned(),
            })
        }
    }
}

fn reason_of(error: &DataError) -> String {
    match error {
        DataError::Malformed { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

fn below(name: &str, path: &Path) -> String {
    let last = text(path.file_name());
    if name.is_empty() {
        last
    } else {
        format!("{name}/{last}")
    }
}

fn text(name: Option<&OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn is_one_of(path: &Path, names: &str) -> bool {
    let name = text(path.file_name()).to_lowercase();
    names.split(' ').any(|known| known == name)
}

fn is_video(path: &Path) -> bool {
    let ending = ending(path);
    ENDINGS.split(' ').any(|known| known == ending)
}
