//! The one way from a data set's name to its clips: prediction, training and the command line read through [`open`].
//!
//! # Adding a data set
//! 1. Its reader: one file beside this one with a type that implements `Source`, and a function `open`.
//! 2. Its line in the table `datasets!` of this file: variant, name, what it needs, how it is opened.
//! 3. Its facts: a TOML file of its name in `datasets/presets`. A kind of generated clips has its settings in the same file.
//!
//! `datasets/README.md`, help and error messages follow from these (the test `the_readme_is_what_the_presets_say` says
//! how the first is written anew).

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use strsim::levenshtein;

use super::config::SourceConfig;
use super::facts::Facts;
use super::interface::{GroundTruth, Source};
use super::own::{pictures, windowed};
use super::readers::{celeba, clevrtex, coco, movi, movi_solid, obj3d, phyre, voc};
use super::{clevrer, physion};
use crate::error::DataError;
use crate::synth::contact;
use crate::synth::preset::SynthPreset;
use crate::synth::source::SynthSource;

/// Location that has to be given before a data set can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: its clips are generated.
    Nothing,
    /// The folder that the data set lies in.
    Root,
    /// Video files, or folders of them.
    Videos,
}

impl Needs {
    /// The need as documents write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Root => "root",
            Self::Videos => "videos",
        }
    }
}

/// Opens the clips of a data set by its name.
type Open = fn(&'static str, &SourceConfig) -> Result<Box<dyn Source>, DataError>;

/// The reader of a data set.
#[derive(Clone, Copy)]
enum Reader {
    /// By this function of the data set's name and a configuration.
    Function(Open),
    /// Clips of a preset of the generator.
    Generator,
}

use Needs::{Nothing, Root, Videos};
use Reader::{Function, Generator};

macro_rules! datasets {
    ($($variant:ident $name:literal $needs:ident $reader:expr;)+) => {
        /// A data set that plans can name. Each is described in its preset.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(try_from = "String", into = "&'static str")]
        #[expect(missing_docs, reason = "each is described in its preset")]
        pub enum Dataset {
            #[default]
            $($variant),+
        }

        /// Every data set, in the order of [`Dataset`].
        static ENTRIES: &[Entry] = &[$(Entry {
            dataset: Dataset::$variant,
            name: $name,
            needs: $needs,
            reader: $reader,
            preset: include_str!(concat!("../../presets/", $name, ".toml")),
        }),+];
    };
}

/// Name, need, reader and preset of a data set.
struct Entry {
    dataset: Dataset,
    /// As plans, weights headers and caches write it.
    name: &'static str,
    needs: Needs,
    reader: Reader,
    /// Text of its TOML file in `datasets/presets`.
    preset: &'static str,
}

// One line a data set: variant, name, what it needs, how it is opened. The first is the default.
datasets! {
    SynthMetal "synth-metal" Nothing Generator;
    Synth "synth" Nothing Generator;
    SynthTextured "synth-textured" Nothing Generator;
    SynthVaried "synth-varied" Nothing Generator;
    Contact "contact" Nothing Function(contact::open);
    Videos "videos" Videos Function(windowed::open);
    Pictures "pictures" Root Function(pictures::open);
    Clevrer "clevrer" Root Function(clevrer::open);
    Physion "physion" Root Function(physion::open);
    Obj3d "obj3d" Root Function(obj3d::open);
    Phyre "phyre" Root Function(phyre::open);
    MoviA "movi-a" Root Function(movi::open);
    MoviB "movi-b" Root Function(movi::open);
    MoviC "movi-c" Root Function(movi::open);
    MoviD "movi-d" Root Function(movi::open);
    MoviE "movi-e" Root Function(movi::open);
    MoviSolid "movi-solid" Root Function(movi_solid::open);
    MoviTex "movi-tex" Root Function(movi_solid::open);
    Clevrtex "clevrtex" Root Function(clevrtex::open);
    Celeba "celeba" Root Function(celeba::open);
    Coco "coco" Root Function(coco::open);
    Voc "voc" Root Function(voc::open);
}

/// The clips of a data set that a configuration names.
///
/// # Errors
/// When what the data set needs is not named, or when nothing lies there.
pub fn open(dataset: Dataset, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    match dataset.entry().reader {
        Function(open) => open(dataset.name(), config),
        Generator => Ok(Box::new(open_generated(dataset, config)?)),
    }
}

/// The generator's clips that a configuration names, for what asks more of them than [`Source`] gives: exact
/// trajectories, and simulations without an object.
///
/// # Errors
/// When the data set is not one of the generator's.
pub fn open_generated(dataset: Dataset, config: &SourceConfig) -> Result<SynthSource, DataError> {
    let preset = dataset.generator()?;
    let source = SynthSource::new(preset, config.split, 0, config.clips);
    Ok(match config.questions {
        Some(amount) => source.asking(amount),
        None => source,
    })
}

impl Dataset {
    /// Every data set, in the order of documents.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| entry.dataset)
    }

    fn entry(self) -> &'static Entry {
        &ENTRIES[self as usize]
    }

    /// The name as plans, weights headers and caches write it.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Location that has to be given before it can be opened.
    pub fn needs(self) -> Needs {
        self.entry().needs
    }

    /// The settings of the generator behind it.
    ///
    /// # Errors
    /// When its clips are not the generator's.
    pub fn generator(self) -> Result<SynthPreset, DataError> {
        match self.entry().reader {
            Generator => SynthPreset::parse(self.entry().preset),
            Function(_) => Err(DataError::NotGenerated {
                name: self.name().to_owned(),
            }),
        }
    }

    /// Its facts.
    #[expect(
        clippy::expect_used,
        reason = "presets are compiled in, and a test reads every one"
    )]
    pub fn facts(self) -> &'static Facts {
        static ALL: LazyLock<Vec<Facts>> = LazyLock::new(|| {
            let facts = ENTRIES.iter().map(|entry| Facts::parse(entry.preset));
            let all: Result<_, _> = facts.collect();
            all.expect("facts in every preset")
        });
        &ALL[self as usize]
    }

    /// Whether the data set as published has ground truth of a kind.
    pub fn knows(self, truth: GroundTruth) -> bool {
        self.facts().knows.contains(&truth)
    }

    /// The names of those that can be opened and have ground truth of a kind, as a sentence lists them.
    pub fn that_know(truth: GroundTruth) -> String {
        named(|dataset| dataset.knows(truth))
    }

    /// The data set whose name is closest to a misspelt one, if any is close.
    fn closest(name: &str) -> Option<Self> {
        let distance = |dataset: &Self| levenshtein(&name.to_lowercase(), dataset.name());
        let near = |dataset: &Self| distance(dataset) * 3 <= dataset.name().len().max(4);
        let close = Self::all().filter(near);
        close.min_by_key(distance)
    }
}

/// The data sets that can be opened, as help lists them.
pub fn help() -> String {
    format!("Data set: {}", named(|_| true))
}

fn named(wanted: impl Fn(Dataset) -> bool) -> String {
    let all = Dataset::all().filter(|one| wanted(*one));
    all.map(Dataset::name).collect::<Vec<_>>().join(", ")
}

impl From<Dataset> for &'static str {
    fn from(dataset: Dataset) -> Self {
        dataset.name()
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dataset {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        let found = Self::all().find(|dataset| dataset.name() == name);
        found.ok_or_else(|| DataError::UnknownDataset {
            name: name.to_owned(),
            instead: match Self::closest(name) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("there are {}", named(|_| true)),
            },
        })
    }
}

impl TryFrom<String> for Dataset {
    type Error = DataError;

    fn try_from(name: String) -> Result<Self, DataError> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::questions::Amount;

    fn two() -> SourceConfig {
        SourceConfig {
            clips: 2,
            ..SourceConfig::default()
        }
    }

    #[test]
    fn a_name_is_written_as_it_is_read() {
        for (place, dataset) in Dataset::all().enumerate() {
            assert_eq!(dataset as usize, place, "the two lists differ in order");
            let text = serde_json::to_string(&dataset).unwrap();
            assert_eq!(text, format!("\"{}\"", dataset.name()));
            assert_eq!(serde_json::from_str::<Dataset>(&text).unwrap(), dataset);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_closest_or_all() {
        let said = |name: &str| name.parse::<Dataset>().unwrap_err().to_string();
        assert_eq!(
            said("clevr"),
            "no data set is called `clevr`; did you mean `clevrer`?"
        );
        assert_eq!(
            said("MOVi-E"),
            "no data set is called `MOVi-E`; did you mean `movi-e`?"
        );
        let far = said("imagenet");
        assert!(far.contains("there are synth-metal, synth,"), "{far}");
        assert!(Dataset::all().all(|one| far.contains(one.name())));
    }

    #[test]
    fn what_needs_nothing_opens_and_the_rest_says_what_it_needs() {
        for dataset in Dataset::all() {
            let opened = open(dataset, &two());
            match dataset.needs() {
                Needs::Nothing => assert_eq!(opened.unwrap().len(), 2, "{dataset}"),
                Needs::Root => {
                    assert!(matches!(opened, Err(DataError::NoRoot { .. })), "{dataset}");
                }
                Needs::Videos => {
                    let wrong = matches!(opened, Err(DataError::NoVideos { .. }));
                    assert!(wrong, "{dataset}");
                }
            }
        }
    }

    #[test]
    fn a_generated_source_knows_what_its_preset_says() {
        for dataset in Dataset::all() {
            if dataset.needs() != Needs::Nothing {
                continue;
            }
            let asked = SourceConfig {
                questions: Some(Amount::default()),
                ..two()
            };
            let source = open(dataset, &asked).unwrap();
            for truth in GroundTruth::ALL {
                assert_eq!(
                    source.knows(truth),
                    dataset.knows(truth),
                    "{dataset} {truth:?}"
                );
            }
        }
    }

    #[test]
    fn only_the_generators_sets_have_its_settings() {
        for dataset in Dataset::all() {
            match dataset.generator() {
                Ok(preset) => {
                    assert_eq!(preset.name, dataset.name());
                    assert_eq!(dataset.facts().frames, Some(preset.rendered_frames));
                    assert_eq!(dataset.facts().fps, Some(preset.fps));
                }
                Err(error) => assert!(matches!(error, DataError::NotGenerated { .. }), "{error}"),
            }
        }
    }
}
