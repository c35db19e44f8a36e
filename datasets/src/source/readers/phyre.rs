//! PHYRE: simulated puzzles, from frames on disk. Does a ball placed here solve the task?
//!
//! The official code simulates while it trains; there is no simulator here, so that frames are exported once.
//!
//! ```text
//! splits/PHYRE/within-fold_0-{train,val}-data_0.1-pos_0.2.npy            [actions, 4]: task, x, y, radius
//! splits/PHYRE/within-fold_0-{train,val}-data_0.1-pos_0.2-label.npy      [actions]: 1 = solved
//! frames/within-fold_0-{train,val}-data_0.1-pos_0.2/000000/000000.png    frames of action 0, in RGB, PNG or JPEG
//! frames/within-fold_0-{train,val}-data_0.1-pos_0.2/000000.npy           or u8 [time, height, width, rgb],
//!                                                                       or u8 [time, height, width]: the simulator's
//! ```
//!
//! What the simulator gives (colour numbers, the first row at the bottom) is flipped and coloured as the papers train on
//! it, with black and white swapped. Pictures and RGB are taken as they are. `test` reads `val`, as the papers do.
//!
//! # Source
//! SlotFormer `base_slots/datasets/phyre.py` and `base_slots/extract_phyre_slots.py` (names of lists and of files).

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3, Array4, ArrayView3, ArrayView4, Axis, s};
use ndarray_npy::{ReadNpyExt, ViewNpyExt};

use super::still::{content, decoder, missing};
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::{entries, unreadable};
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Outcome, Source};
use crate::source::split::Split;
use crate::video::fit::resize;
use crate::video::read_picture;
use crate::window::Window;

/// Frames a second that the papers simulate.
const FPS: f32 = 1.0;
/// The most bytes of a clip's array that is read.
const MAX_BYTES: u64 = 1 << 30;
/// The simulator's colours, with black and white swapped: ground, red, green, blue, purple, grey, black bodies, light red.
const COLOURS: [[u8; 3]; 8] = [
    [0, 0, 0],
    [0xf3, 0x4f, 0x46],
    [0x6b, 0xce, 0xbb],
    [0x18, 0x77, 0xf2],
    [0x4b, 0x4a, 0xa4],
    [0xb9, 0xca, 0xd2],
    [255, 255, 255],
    [0xfc, 0xdf, 0xe3],
];

/// The reader of PHYRE's exported frames.
///
/// # Errors
/// When no root is named, the split's list or frames are missing, or there are those of several folds.
pub fn open(dataset: &'static str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    Ok(Box::new(PhyreSource::open(dataset, root, config.split)?))
}

/// The simulations of a split that have frames, by their row in the list.
#[derive(Debug)]
struct PhyreSource {
    clips: Vec<Simulation>,
    labelled: bool,
    unjoined: Vec<(String, String)>,
}

/// One action and what came of it.
#[derive(Debug)]
struct Simulation {
    action: usize,
    task: u32,
    solved: Option<bool>,
    frames: Frames,
}

/// Where a simulation's frames lie.
#[derive(Debug)]
enum Frames {
    Array(PathBuf),
    Pictures(PathBuf),
}

impl PhyreSource {
    fn open(dataset: &str, root: &Path, split: Split) -> Result<Self, DataError> {
        let (list, folder) = list_and_frames(dataset, root, split)?;
        let tasks = tasks(&list)?;
        let labels = list.with_file_name(format!("{}-label.npy", stem(&list)));
        let labels = labels.is_file().then(|| labels_of(&labels, tasks.len()));
        let labels = labels.transpose()?;
        let (mut clips, mut unjoined) = (Vec::new(), Vec::new());
        for (action, task) in tasks.iter().enumerate() {
            let name = format!("{action:06}");
            let (array, pictures) = (folder.join(format!("{name}.npy")), folder.join(&name));
            let frames = match (array.is_file(), pictures.is_dir()) {
                (true, false) => Frames::Array(array),
                (false, true) => Frames::Pictures(pictures),
                (true, true) => {
                    unjoined.push((name, "both an array and pictures are there".to_owned()));
                    continue;
                }
                (false, false) => {
                    unjoined.push((
                        name,
                        "the list has its action and it has no frames".to_owned(),
                    ));
                    continue;
                }
            };
            clips.push(Simulation {
                action,
                task: *task as u32,
                solved: labels.as_ref().map(|labels| labels[action]),
                frames,
            });
        }
        if clips.is_empty() {
            let wanted = folder.join("000000").join("000000.png");
            return Err(missing(dataset, &wanted));
        }
        Ok(Self {
            clips,
            labelled: labels.is_some(),
            unjoined,
        })
    }
}

/// The action list of a split, and the folder of its frames.
fn list_and_frames(
    dataset: &str,
    root: &Path,
    split: Split,
) -> Result<(PathBuf, PathBuf), DataError> {
    let part = match split {
        Split::Train => "-train-",
        Split::Val | Split::Test => "-val-",
    };
    let folders = ["splits/PHYRE", "splits", ""].map(|name| root.join(name));
    let mut lists = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let mut found = entries(folder)?;
        found.retain(|path| {
            let stem = stem(path);
            path.extension().is_some_and(|ending| ending == "npy")
                && stem.contains("-fold_")
                && stem.contains(part)
                && !stem.ends_with("-label")
        });
        lists.extend(found);
    }
    let wanted = format!("within-fold_0{part}data_0.1-pos_0.2");
    let Some(first) = lists.first() else {
        return Err(missing(dataset, &folders[0].join(format!("{wanted}.npy"))));
    };
    let frames = |list: &Path| root.join("frames").join(stem(list));
    let mut with_frames = lists.iter().filter(|list| frames(list).is_dir());
    match (with_frames.next(), with_frames.next()) {
        (None, _) => Err(missing(dataset, &frames(first))),
        (Some(list), None) => Ok((list.clone(), frames(list))),
        (Some(one), Some(other)) => Err(DataError::Malformed {
            reason: format!("frames of two lists, `{}` and `{}`", stem(one), stem(other)),
            path: root.join("frames"),
        }),
    }
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn malformed(reason: String, path: &Path) -> DataError {
    DataError::Malformed {
        reason,
        path: path.to_owned(),
    }
}

/// The task of every action: the first column of the list.
fn tasks(list: &Path) -> Result<Vec<f64>, DataError> {
    let file = File::open(list).map_err(|source| unreadable(source, list))?;
    let actions = Array2::<f64>::read_npy(BufReader::new(file));
    let actions =
        actions.map_err(|error| malformed(format!("not a list of actions ({error})"), list))?;
    if actions.ncols() != 4 {
        return Err(malformed(
            format!("actions of {} numbers", actions.ncols()),
            list,
        ));
    }
    Ok(actions.column(0).to_vec())
}

/// Whether each action solves its task.
fn labels_of(path: &Path, actions: usize) -> Result<Vec<bool>, DataError> {
    let read = || {
        let file = File::open(path).map_err(|source| unreadable(source, path))?;
        Ok::<_, DataError>(BufReader::new(file))
    };
    let labels = match Array1::<i32>::read_npy(read()?) {
        Ok(labels) => labels.mapv(i64::from),
        Err(_) => Array1::<i64>::read_npy(read()?)
            .map_err(|error| malformed(format!("not labels ({error})"), path))?,
    };
    if labels.len() != actions {
        let reason = format!("{} labels of {actions} actions", labels.len());
        return Err(malformed(reason, path));
    }
    if let Some(other) = labels.iter().find(|label| !(0..=1).contains(*label)) {
        return Err(malformed(
            format!("the label {other}, neither 1 nor 0"),
            path,
        ));
    }
    Ok(labels.iter().map(|label| *label == 1).collect())
}

impl Frames {
    /// The files, in the order of frames.
    fn files(&self) -> Result<Vec<PathBuf>, DataError> {
        match self {
            Self::Array(path) => Ok(vec![path.clone()]),
            Self::Pictures(folder) => {
                let number = |path: &Path| stem(path).parse::<usize>().ok();
                let mut numbered: Vec<_> = entries(folder)?
                    .into_iter()
                    .filter_map(|path| Some((number(&path)?, path)))
                    .collect();
                numbered.sort();
                for (place, (number, path)) in numbered.iter().enumerate() {
                    if *number != place {
                        let reason =
                            format!("frame {place} is missing, or there twice, before this");
                        return Err(malformed(reason, path));
                    }
                }
                Ok(numbered.into_iter().map(|(_, path)| path).collect())
            }
        }
    }

    /// The sampled frames in RGB, fitted to the window, and their rate.
    fn read(&self, window: &Window) -> Result<(Array4<u8>, f32), DataError> {
        match self {
            Self::Array(path) => {
                let bytes = bytes(path)?;
                let rgb = ArrayView4::<u8>::view_npy(&bytes);
                if let Ok(rgb) = rgb {
                    if rgb.dim().3 != 3 {
                        return Err(malformed(format!("frames of shape {:?}", rgb.dim()), path));
                    }
                    return fitted(window, rgb.dim().0, path, |frame| {
                        Ok(rgb.index_axis(Axis(0), frame).to_owned())
                    });
                }
                let scenes = ArrayView3::<u8>::view_npy(&bytes);
                let scenes = scenes.map_err(|error| {
                    malformed(
                        format!("not frames of whole numbers below 256 ({error})"),
                        path,
                    )
                })?;
                fitted(window, scenes.dim().0, path, |frame| {
                    coloured(scenes, frame, path)
                })
            }
            Self::Pictures(folder) => {
                let files = self.files()?;
                fitted(window, files.len(), folder, |frame| {
                    read_picture(&files[frame])
                })
            }
        }
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let io = |source| unreadable(source, path);
    let size = fs::metadata(path).map_err(io)?.len();
    if size > MAX_BYTES {
        return Err(malformed(format!("{size} bytes for one clip"), path));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(io)?;
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// A frame as the papers show it: rows from the top, in colours.
fn coloured(scenes: ArrayView3<u8>, frame: usize, path: &Path) -> Result<Array3<u8>, DataError> {
    let (_, height, width) = scenes.dim();
    let flipped = scenes.slice(s![frame, ..;-1, ..]);
    let mut rgb = Array3::zeros((height, width, 3));
    for ((row, column), number) in flipped.indexed_iter() {
        let colour = COLOURS.get(usize::from(*number)).ok_or_else(|| {
            malformed(
                format!("frame {frame}: the colour number {number} of 8"),
                path,
            )
        })?;
        for (channel, value) in colour.iter().enumerate() {
            rgb[[row, column, channel]] = *value;
        }
    }
    Ok(rgb)
}

/// The frames of a window, fitted to its size.
fn fitted(
    window: &Window,
    total: usize,
    path: &Path,
    read: impl Fn(usize) -> Result<Array3<u8>, DataError>,
) -> Result<(Array4<u8>, f32), DataError> {
    let (numbers, fps) = window.frames(total, FPS)?;
    if numbers.is_empty() {
        return Err(DataError::NoFrames {
            reason: format!(
                "asked to start at sampled frame {}; there are {total} frames",
                window.start
            ),
            path: path.to_owned(),
        });
    }
    let [height, width] = window.size;
    let mut frames = Array4::zeros((numbers.len(), height, width, 3));
    for (mut frame, number) in frames.axis_iter_mut(Axis(0)).zip(numbers) {
        let picture = read(number)?;
        if picture.is_empty() {
            return Err(malformed(format!("frame {number} has no pixels"), path));
        }
        frame.assign(&resize(picture.view(), window.size, window.fit));
    }
    Ok((frames, fps))
}

impl Source for PhyreSource {
    fn len(&self) -> usize {
        self.clips.len()
    }

    fn id(&self, index: usize) -> ClipId {
        ClipId::new(&format!("{:06}", self.clips[index].action))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let clip = &self.clips[index];
        let hash = content(&clip.frames.files()?)?;
        Ok(hash.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.clips[index].frames.files().unwrap_or_default()
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        match &self.clips[index].frames {
            Frames::Array(_) => None,
            Frames::Pictures(_) => decoder(self.files(index).first()?),
        }
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let (frames, fps) = self.clips[index].frames.read(window)?;
        let id = self.id(index);
        Ok(Clip { id, frames, fps }.into())
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Outcomes && self.labelled
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }

    fn outcome(&self, index: usize) -> Option<Outcome> {
        let clip = &self.clips[index];
        Some(Outcome {
            scenario: format!("task {}", clip.task),
            yes: clip.solved?,
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;
    use ndarray_npy::{WriteNpyExt, write_npy};

    use super::*;
    use crate::video::write_png;
    use crate::window::{Fit, FrameSampling};

    const WINDOW: Window = Window {
        start: 0,
        count: Some(2),
        pace: FrameSampling::Stride(1),
        size: [2, 2],
        fit: Fit::Stretch,
    };
    const NAME: &str = "within-fold_0-val-data_0.1-pos_0.2";

    fn npy<A: ndarray_npy::WritableElement, D: ndarray::Dimension>(
        path: PathBuf,
        array: &ndarray::Array<A, D>,
    ) {
        array.write_npy(File::create(path).unwrap()).unwrap();
    }

    /// Four actions: an array of colour numbers, pictures, an array in RGB, and one without frames.
    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let lists = root.path().join("splits/PHYRE");
        let frames = root.path().join("frames").join(NAME);
        fs::create_dir_all(&lists).unwrap();
        fs::create_dir_all(frames.join("000001")).unwrap();
        let actions = arr2(&[
            [0.0, 0.1, 0.2, 0.3],
            [0.0; 4],
            [7.0, 0.5, 0.5, 0.5],
            [9.0; 4],
        ]);
        npy(lists.join(format!("{NAME}.npy")), &actions);
        npy(
            lists.join(format!("{NAME}-label.npy")),
            &Array1::from(vec![1_i32, 0, 1, 0]),
        );
        let mut scene = Array3::<u8>::zeros((3, 2, 2));
        scene[[0, 0, 0]] = 1;
        scene[[1, 1, 1]] = 6;
        npy(frames.join("000000.npy"), &scene);
        for number in 0..2_u8 {
            let picture = Array3::from_elem((2, 2, 3), 40 + number);
            let path = frames.join(format!("000001/{number:06}.png"));
            write_png(&path, picture.view()).unwrap();
        }
        npy(
            frames.join("000002.npy"),
            &Array4::from_elem((1, 2, 2, 3), 77_u8),
        );
        root
    }

    fn opened(root: &Path) -> Result<Box<dyn Source>, DataError> {
        let config = SourceConfig {
            root: Some(root.to_owned()),
            split: Split::Val,
            ..SourceConfig::default()
        };
        open("phyre", &config)
    }

    #[test]
    fn frames_and_labels_are_joined_by_the_row_of_the_list() {
        let root = tree();
        let source = opened(root.path()).unwrap();
        assert_eq!((source.len(), source.id(2).as_str()), (3, "000002"));
        let solved: Vec<bool> = (0..3)
            .map(|index| source.outcome(index).unwrap().yes)
            .collect();
        assert_eq!(solved, [true, false, true]);
        assert_eq!(source.outcome(2).unwrap().scenario, "task 7");
        assert!(source.knows(GroundTruth::Outcomes));
        assert_eq!(source.unjoined()[0].0, "000003");
        let simulated = source.sample(0, &WINDOW).unwrap().clip;
        assert_eq!((simulated.frames.dim(), simulated.fps), ((2, 2, 2, 3), 1.0));
        // The simulator's first row is the lowest; ground is black and black bodies are white.
        let pixel = |time, row, column| simulated.frames.slice(s![time, row, column, ..]).to_vec();
        assert_eq!(pixel(0, 1, 0), [0xf3, 0x4f, 0x46]);
        assert_eq!(pixel(0, 0, 0), [0, 0, 0]);
        assert_eq!(pixel(1, 0, 1), [255, 255, 255]);
        let pictures = source.sample(1, &WINDOW).unwrap().clip.frames;
        assert_eq!((pictures[[0, 0, 0, 0]], pictures[[1, 1, 1, 2]]), (40, 41));
        assert_eq!(source.files(1).len(), 2);
        let short = source.sample(2, &WINDOW).unwrap().clip.frames;
        assert_eq!((short.dim().0, short[[0, 0, 0, 0]]), (1, 77));
    }

    #[test]
    fn damage_is_named_and_without_labels_there_is_no_outcome() {
        let root = tree();
        let frames = root.path().join("frames").join(NAME);
        npy(
            frames.join("000000.npy"),
            &Array3::from_elem((1, 2, 2), 8_u8),
        );
        fs::remove_file(frames.join("000001/000000.png")).unwrap();
        fs::write(frames.join("000002.npy"), "no array").unwrap();
        let source = opened(root.path()).unwrap();
        for (index, reason, path) in [
            (0, "the colour number 8 of 8", "000000.npy"),
            (1, "frame 0 is missing", "000001.png"),
            (2, "not frames of whole numbers", "000002.npy"),
        ] {
            let said = source.sample(index, &WINDOW).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains(path), "{said}");
        }
        let label = root
            .path()
            .join("splits/PHYRE")
            .join(format!("{NAME}-label.npy"));
        write_npy(&label, &Array1::from(vec![1_i64, 0])).unwrap();
        let said = opened(root.path()).err().unwrap().to_string();
        assert!(said.starts_with("2 labels of 4 actions"), "{said}");
        fs::remove_file(&label).unwrap();
        let source = opened(root.path()).unwrap();
        assert!(!source.knows(GroundTruth::Outcomes) && source.outcome(0).is_none());
        fs::remove_dir_all(root.path().join("frames")).unwrap();
        let error = opened(root.path()).err().unwrap();
        assert!(matches!(error, DataError::Missing { .. }), "{error}");
    }
}
