//! `tf.train.Example`: a table of named lists of bytes, floats or integers.
//!
//! # Source
//! `tensorflow/core/example/example.proto` and `feature.proto`.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;

/// Reason that a record or one of its features is not what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    /// The record is no protocol buffer of this schema.
    #[error("no `tf.train.Example` ({reason})")]
    Schema {
        /// What the protocol buffer's reader said.
        reason: String,
    },
    /// The example lacks a feature.
    #[error("there is no feature `{name}`; there are {there}")]
    NoFeature {
        /// The feature.
        name: String,
        /// The names that are there.
        there: String,
    },
    /// A feature has values of another kind.
    #[error("the feature `{name}` holds {found}, not {expected}")]
    Kind {
        /// The feature.
        name: String,
        /// What it holds.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
}

/// The features of an example by name. Each is decoded when it is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example {
    features: BTreeMap<String, Bytes>,
}

/// `tf.train.Example`.
#[derive(Clone, PartialEq, Message)]
struct ExampleMessage {
    #[prost(message, optional, tag = "1")]
    features: Option<FeaturesMessage>,
}

/// `tf.train.Features`. A feature is kept as its bytes: on the wire a message and a byte string look alike.
#[derive(Clone, PartialEq, Message)]
struct FeaturesMessage {
    #[prost(btree_map = "string, bytes", tag = "1")]
    feature: BTreeMap<String, Vec<u8>>,
}

/// `tf.train.Feature`.
#[derive(Clone, PartialEq, Message)]
struct FeatureMessage {
    #[prost(oneof = "Values", tags = "1, 2, 3")]
    values: Option<Values>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Values {
    #[prost(message, tag = "1")]
    Bytes(BytesList),
    #[prost(message, tag = "2")]
    Floats(FloatList),
    #[prost(message, tag = "3")]
    Integers(Int64List),
}

#[derive(Clone, PartialEq, Message)]
struct BytesList {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    value: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct FloatList {
    #[prost(float, repeated, tag = "1")]
    value: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Int64List {
    #[prost(int64, repeated, tag = "1")]
    value: Vec<i64>,
}

impl Example {
    /// The features of a record.
    ///
    /// # Errors
    /// When the record is something else, or has no feature at all.
    pub fn parse(record: Vec<u8>) -> Result<Self, ExampleError> {
        let message = ExampleMessage::decode(Bytes::from(record)).map_err(schema)?;
        let features = message.features.map(|features| features.feature);
        let features = features.unwrap_or_default();
        if features.is_empty() {
            return Err(ExampleError::Schema {
                reason: "it has no features".to_owned(),
            });
        }
        let features = features.into_iter();
        Ok(Self {
            features: features.map(|(name, bytes)| (name, bytes.into())).collect(),
        })
    }

    /// The names of the features, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.features.keys().map(String::as_str)
    }

    /// A feature's byte strings.
    ///
    /// # Errors
    /// When the feature is missing or holds something else.
    pub fn bytes(&self, name: &str) -> Result<Vec<Bytes>, ExampleError> {
        match self.values(name)? {
            Some(Values::Bytes(list)) => Ok(list.value),
            None => Ok(Vec::new()),
            Some(other) => Err(other.instead_of(name, "byte strings")),
        }
    }

    /// A feature's floats.
    ///
    /// # Errors
    /// When the feature is missing or holds something else.
    pub fn floats(&self, name: &str) -> Result<Vec<f32>, ExampleError> {
        match self.values(name)? {
            Some(Values::Floats(list)) => Ok(list.value),
            None => Ok(Vec::new()),
            Some(other) => Err(other.instead_of(name, "floats")),
        }
    }

    /// A feature's integers.
    ///
    /// # Errors
    /// When the feature is missing or holds something else.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, ExampleError> {
        match self.values(name)? {
            Some(Values::Integers(list)) => Ok(list.value),
            None => Ok(Vec::new()),
            Some(other) => Err(other.instead_of(name, "integers")),
        }
    }

    /// The same example with a feature of byte strings.
    #[must_use]
    pub fn with_bytes(self, name: &str, value: Vec<Vec<u8>>) -> Self {
        let value = value.into_iter().map(Bytes::from).collect();
        self.with(name, Values::Bytes(BytesList { value }))
    }

    /// The same example with a feature of floats.
    #[must_use]
    pub fn with_floats(self, name: &str, value: Vec<f32>) -> Self {
        self.with(name, Values::Floats(FloatList { value }))
    }

    /// The same example with a feature of integers.
    #[must_use]
    pub fn with_integers(self, name: &str, value: Vec<i64>) -> Self {
        self.with(name, Values::Integers(Int64List { value }))
    }

    /// The record that holds the example.
    pub fn encode(&self) -> Vec<u8> {
        let features = self.features.iter();
        let feature = features.map(|(name, bytes)| (name.clone(), bytes.to_vec()));
        let features = FeaturesMessage {
            feature: feature.collect(),
        };
        let message = ExampleMessage {
            features: Some(features),
        };
        message.encode_to_vec()
    }

    fn with(mut self, name: &str, values: Values) -> Self {
        let feature = FeatureMessage {
            values: Some(values),
        };
        let bytes = feature.encode_to_vec().into();
        self.features.insert(name.to_owned(), bytes);
        self
    }

    /// `None` of a feature without a list, as writers leave an empty one.
    fn values(&self, name: &str) -> Result<Option<Values>, ExampleError> {
        let bytes = self.features.get(name);
        let bytes = bytes.ok_or_else(|| ExampleError::NoFeature {
            name: name.to_owned(),
            there: self.names().collect::<Vec<_>>().join(", "),
        })?;
        let feature = FeatureMessage::decode(bytes.clone()).map_err(schema)?;
        Ok(feature.values)
    }
}

impl Values {
    fn instead_of(&self, name: &str, expected: &'static str) -> ExampleError {
        ExampleError::Kind {
            name: name.to_owned(),
            found: match self {
                Self::Bytes(_) => "byte strings",
                Self::Floats(_) => "floats",
                Self::Integers(_) => "integers",
            },
            expected,
        }
    }
}

fn schema(error: prost::DecodeError) -> ExampleError {
    ExampleError::Schema {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tfrecord::Shard;

    /// Written with the package `tfrecord` 1.14.6 of PyPI:
    ///
    /// ```python
    /// import numpy as np
    /// from tfrecord.writer import TFRecordWriter
    /// out = TFRecordWriter("pypi.tfrecord")
    /// out.write({"video": ([b"\x89PNG", b"", bytes(range(256))], "byte"),
    ///            "metadata/num_frames": (24, "int"),
    ///            "instances": ([0, -1, 2**40, -2**63, 2**63 - 1, 300], "int"),
    ///            "metadata/depth_range": ([0.5, -1.25e30, float("inf")], "float"),
    ///            "metadata/video_name": ("nömber 7".encode(), "byte")})
    /// out.write({"video": ([], "byte"), "instances": ([], "int"), "metadata/depth_range": ([], "float")})
    /// out.write({"video": (np.random.default_rng(0).bytes(9000), "byte")})
    /// out.close()
    /// ```
    fn of_pypi() -> Shard {
        let path = "src/files/tfrecord/testdata/pypi.tfrecord";
        Shard::open(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    }

    #[test]
    fn what_another_writer_wrote_is_read_equal() {
        let shard = of_pypi();
        assert_eq!(shard.len(), 3);
        let example = |number| Example::parse(shard.read(number).unwrap()).unwrap();
        let first = example(0);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(first.bytes("video").unwrap(), [&b"\x89PNG"[..], b"", &all]);
        assert_eq!(first.integers("metadata/num_frames").unwrap(), [24]);
        let integers = [0, -1, 1 << 40, i64::MIN, i64::MAX, 300];
        assert_eq!(first.integers("instances").unwrap(), integers);
        let floats = [0.5, -1.25e30, f32::INFINITY];
        assert_eq!(first.floats("metadata/depth_range").unwrap(), floats);
        let name = first.bytes("metadata/video_name").unwrap();
        assert_eq!(name, ["nömber 7".as_bytes()]);
        let empty = example(1);
        assert!(empty.bytes("video").unwrap().is_empty());
        assert!(empty.integers("instances").unwrap().is_empty());
        assert!(empty.floats("metadata/depth_range").unwrap().is_empty());
        let large = example(2).bytes("video").unwrap();
        assert_eq!(
            blake3::hash(&large[0]).to_hex().as_str(),
            "b7abd4934b39c15414c1d743d1779e0a9617d4d077a1f7254aceecf41854f993"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let example = Example::default()
            .with_bytes("b", vec![vec![1, 2], Vec::new()])
            .with_floats("f", vec![-0.5, 3.0])
            .with_integers("i", vec![-5, 5]);
        let read = Example::parse(example.encode()).unwrap();
        assert_eq!(read, example);
        assert_eq!(read.names().collect::<Vec<_>>(), ["b", "f", "i"]);
        assert_eq!(read.bytes("b").unwrap(), [&[1_u8, 2][..], &[]]);
        assert_eq!(read.floats("f").unwrap(), [-0.5, 3.0]);
        assert_eq!(read.integers("i").unwrap(), [-5, 5]);
    }

    #[test]
    fn lists_are_read_packed_and_one_by_one() {
        // Field 1 of a list: packed (wire type 2) or value by value (wire types 0 and 5).
        let integers = [
            &[0x1a, 5, 0x0a, 3, 7, 0xac, 0x02][..],
            &[0x1a, 5, 0x08, 7, 0x08, 0xac, 0x02],
        ];
        let one = 1.0_f32.to_le_bytes();
        let floats = [[0x12, 6, 0x0a, 4], [0x12, 5, 0x0d, 0]];
        let floats = [&floats[0][..], &floats[1][..3]].map(|head| [head, &one].concat());
        let example = |feature: &[u8]| Example {
            features: BTreeMap::from([("x".to_owned(), Bytes::copy_from_slice(feature))]),
        };
        for feature in integers {
            assert_eq!(example(feature).integers("x").unwrap(), [7, 300]);
        }
        for feature in floats {
            assert_eq!(example(&feature).floats("x").unwrap(), [1.0]);
        }
    }

    #[test]
    fn a_record_of_another_schema_is_refused() {
        for record in [&b"plain text, no message"[..], b"", &[0x0a, 200]] {
            let error = Example::parse(record.to_vec()).unwrap_err();
            assert!(matches!(error, ExampleError::Schema { .. }), "{error}");
        }
        let example = Example::default().with_integers("label", vec![1]);
        assert_eq!(
            example.bytes("label").unwrap_err().to_string(),
            "the feature `label` holds integers, not byte strings"
        );
        assert_eq!(
            example.bytes("video").unwrap_err().to_string(),
            "there is no feature `video`; there are label"
        );
    }
}
