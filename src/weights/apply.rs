//! Parameters out of a model and into one, by the path of their fields.
//!
//! A path joins field names and indices with dots (`stem.convs.0.weight`). The variant of an enum is
//! no part of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Bool, Gradients, Int, Tensor, TensorData};

use super::{Shapes, StateDict, StoredArray, Value, Values, WeightsError};

/// Where a walk through a model is.
#[derive(Default)]
struct Trail {
    names: Vec<Option<String>>,
}

impl Trail {
    fn enter(&mut self, name: &str, container: &str) {
        // An enum's variant says which configuration it is, which the header says already.
        self.names
            .push((!container.starts_with("Enum:")).then(|| name.to_owned()));
    }

    fn exit(&mut self) {
        self.names.pop();
    }

    fn path(&self) -> String {
        self.names
            .iter()
            .flatten()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(".")
    }
}

/// Every parameter of a model under its path.
pub fn collect<M: Module>(module: &M) -> StateDict {
    let mut collector = Collector {
        trail: Trail::default(),
        state: StateDict::default(),
        gradients: None,
    };
    module.visit(&mut collector);
    collector.state
}

/// The shape of every parameter of a model under its path.
pub fn shapes_of<M: Module>(module: &M) -> Shapes {
    let mut measurer = Measurer::default();
    module.visit(&mut measurer);
    measurer.found.into_iter().collect()
}

#[derive(Default)]
struct Measurer {
    trail: Trail,
    found: Vec<(String, Vec<usize>)>,
}

impl ModuleVisitor for Measurer {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.trail.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.trail.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found
            .push((self.trail.path(), param.val().dims().to_vec()));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.found
            .push((self.trail.path(), param.val().dims().to_vec()));
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.found
            .push((self.trail.path(), param.val().dims().to_vec()));
    }
}

/// The gradient of every parameter that has one, under its path.
pub fn collect_gradients<M: Module>(module: &M, gradients: &Gradients) -> StateDict {
    let mut collector = Collector {
        trail: Trail::default(),
        state: StateDict::default(),
        gradients: Some(gradients),
    };
    module.visit(&mut collector);
    collector.state
}

struct Collector<'a> {
    trail: Trail,
    state: StateDict,
    gradients: Option<&'a Gradients>,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.trail.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.trail.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            None => param.val(),
            Some(_) if !param.is_require_grad() => return,
            Some(gradients) => match param.val().grad(gradients) {
                Some(gradient) => gradient,
                None => return,
            },
        };
        let shape = tensor.dims().to_vec();
        let values = tensor.into_data().convert::<f32>().iter::<f32>().collect();
        self.state.insert(
            self.trail.path(),
            Value {
                shape,
                values: Values::F32(values),
            },
        );
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        if self.gradients.is_none() {
            let shape = param.val().dims().to_vec();
            let values = param.val().into_data().iter::<i64>().collect();
            self.state.insert(
                self.trail.path(),
                Value {
                    shape,
                    values: Values::I64(values),
                },
            );
        }
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        if self.gradients.is_none() {
            let shape = param.val().dims().to_vec();
            let values = param.val().into_data().iter::<bool>().collect();
            self.state.insert(
                self.trail.path(),
                Value {
                    shape,
                    values: Values::Bool(values),
                },
            );
        }
    }
}

/// The model with every parameter replaced. What is trainable stays trainable, what is frozen frozen.
///
/// # Errors
/// When a name is missing or left over, or when a shape or a type differs.
pub fn load_into<M: Module>(module: M, state: StateDict) -> Result<M, WeightsError> {
    let StateDict { source, entries } = state;
    let entries = entries.into_iter();
    let entries = entries.map(|(key, value)| (key, Entry::Read(value)));
    load(module, entries.collect(), &source)
}

/// The same of arrays in files, each read when its turn comes.
///
/// # Errors
/// As [`load_into`], and when numbers are of a type that is not read.
pub fn load_stored<M: Module>(
    module: M,
    arrays: Vec<StoredArray>,
    source: &Path,
) -> Result<M, WeightsError> {
    let entries = arrays.into_iter();
    let entries = entries.map(|array| (array.name.clone(), Entry::Stored(array)));
    load(module, entries.collect(), source)
}

/// An array that a model is to take.
enum Entry {
    Read(Value),
    Stored(StoredArray),
}

fn load<M: Module>(
    module: M,
    entries: BTreeMap<String, Entry>,
    source: &Path,
) -> Result<M, WeightsError> {
    let mut loader = Loader {
        trail: Trail::default(),
        entries,
        path: source.to_owned(),
        missing: Vec::new(),
        wrong: None,
    };
    let module = module.map(&mut loader);
    if let Some(wrong) = loader.wrong {
        return Err(wrong);
    }
    let unused: Vec<String> = loader.entries.into_keys().collect();
    if !(loader.missing.is_empty() && unused.is_empty()) {
        return Err(WeightsError::Keys {
            missing: loader.missing,
            unused,
            path: loader.path,
        });
    }
    Ok(module)
}

struct Loader {
    trail: Trail,
    entries: BTreeMap<String, Entry>,
    path: PathBuf,
    missing: Vec<String>,
    wrong: Option<WeightsError>,
}

impl Loader {
    /// The array for the parameter at hand, if its shape and kind are right.
    fn take(&mut self, shape: &[usize], expected: &'static str) -> Option<Value> {
        let key = self.trail.path();
        let value = match self.entries.remove(&key) {
            Some(Entry::Read(value)) => value,
            Some(Entry::Stored(array)) => match array.value(&self.path) {
                Ok(value) => value,
                Err(error) => {
                    self.wrong.get_or_insert(error);
                    return None;
                }
            },
            None => {
                self.missing.push(key);
                return None;
            }
        };
        let (path, found) = (self.path.clone(), value.kind());
        if value.shape != shape {
            let wrong = WeightsError::Shape {
                key,
                expected: shape.to_vec(),
                found: value.shape,
                path,
            };
            self.wrong.get_or_insert(wrong);
            return None;
        }
        if found != expected {
            self.wrong.get_or_insert(WeightsError::Kind {
                key,
                expected,
                found,
                path,
            });
            return None;
        }
        Some(value)
    }
}

impl ModuleMapper for Loader {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.trail.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.trail.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(Value {
            shape,
            values: Values::F32(values),
        }) = self.take(&param.shape(), "f32")
        else {
            return param;
        };
        param.map(|old| {
            let new = Tensor::from_data(TensorData::new(values, shape), &old.device());
            if old.is_require_grad() {
                new.require_grad()
            } else {
                new
            }
        })
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        let Some(Value {
            shape,
            values: Values::I64(values),
        }) = self.take(&param.shape(), "i64")
        else {
            return param;
        };
        param.map(|old| Tensor::from_data(TensorData::new(values, shape), &old.device()))
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        let Some(Value {
            shape,
            values: Values::Bool(values),
        }) = self.take(&param.shape(), "bool")
        else {
            return param;
        };
        param.map(|old| Tensor::from_data(TensorData::new(values, shape), &old.device()))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::models::blocks::{LayerNorm, Linear};
    use crate::rng::Init;

    #[derive(Module, Debug)]
    enum Branch {
        Norm(LayerNorm),
    }

    #[derive(Module, Debug)]
    struct Model {
        layers: Vec<Linear>,
        branch: Branch,
    }

    fn model(init: &mut Init) -> Model {
        let layers = vec![Linear::new(init, 2, 3), Linear::without_bias(init, 3, 1)];
        Model {
            layers,
            branch: Branch::Norm(LayerNorm::new(init, 3)),
        }
    }

    #[test]
    fn a_model_read_back_holds_what_was_collected() {
        let device = Device::flex();
        let state = collect(&model(&mut Init::seeded(1, &device)));
        let keys: Vec<_> = state.entries.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "branch.bias",
                "branch.weight",
                "layers.0.bias",
                "layers.0.weight",
                "layers.1.weight"
            ]
        );
        let read = load_into(model(&mut Init::blank(&device)), state.clone()).unwrap();
        assert_eq!(collect(&read), state);
    }

    #[test]
    fn missing_and_unused_names_are_both_listed() {
        let device = Device::flex();
        let mut state = collect(&model(&mut Init::seeded(1, &device)));
        let value = state.entries.remove("layers.0.bias").unwrap();
        state.insert("layers.0.bais", value);
        let message = load_into(model(&mut Init::blank(&device)), state)
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "missing `layers.0.bias`; unused `layers.0.bais`: ``"
        );
    }

    #[test]
    fn another_shape_is_named_with_both_shapes() {
        let device = Device::flex();
        let mut state = collect(&model(&mut Init::seeded(1, &device)));
        state.insert("layers.1.weight", Value::f32([3, 1], vec![0.0; 3]));
        let message = load_into(model(&mut Init::blank(&device)), state)
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "`layers.1.weight` has shape [3, 1] but the model's is [1, 3]: ``"
        );
    }

    #[test]
    fn what_was_trainable_is_trainable_after_reading() {
        let device = Device::flex().autodiff();
        let state = collect(&model(&mut Init::seeded(1, &device)));
        let read = load_into(model(&mut Init::blank(&device)), state.clone()).unwrap();
        let x = Tensor::<2>::ones([1, 2], &device);
        let gradients = read.layers[0].forward(x).sum().backward();
        let found = collect_gradients(&read, &gradients);
        assert_eq!(
            found.get("layers.0.bias").unwrap().as_f32().unwrap(),
            [1.0; 3]
        );
        let frozen = load_into(model(&mut Init::blank(&device)).no_grad(), state).unwrap();
        assert!(!frozen.layers[0].weight.is_require_grad());
    }
}
