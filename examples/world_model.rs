//! Random shooting in imagined slots: which push brings an object to the left edge?
//!
//!     cargo run --release --example world_model              # 40 scenes, 32 pushes each
//!     cargo run --release --example world_model -- 100
//!
//! Generated scenes at rest, three to six objects on a floor. One of them, named in words, may be pushed once; the push decides
//! whether it ends at the left edge of the picture, is stopped on its way or leaves. What a push does to the object alone in the first
//! moments was seen before, on an empty floor; what follows among the others is predicted: the object's slots of that recording take
//! the place of its slots at rest in the scene's history, `SlotFormer` rolls all of them out, and the head reads where the object ends.
//! The push that is imagined to end nearest to the edge is carried out by the simulator.
//!
//! Beside it: the push that ends nearest where no other object is (exact physics, but blind to the scene), a push at random, and the
//! best of the pushes by the simulator.

use std::io::{Write, stdout};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, Array4, Array5, Axis, concatenate, s, stack};
use slotflow::artifacts::progress::Progress;
use slotflow::inference::encode::ClipEncoder;
use slotflow::models::dynamics::{SlotFormer, SlotFormerConfig};
use slotflow::models::encoder::{SlotEncoder, SlotEncoderConfig};
use slotflow::models::reasoner::{ObjectEventHead, ObjectEventHeadConfig};
use slotflow::models::{SlotSequence, WeightsKind};
use slotflow::plan::video_predict::WeightsName;
use slotflow::rng::SeededRng;
use slotflow::scene_parsing::HeadOutput;
use slotflow::scene_parsing::appearance::Confidence;
use slotflow::stages::load;
use slotflow::tensor_conversion::floats;
use slotflow_datasets::Split;
use slotflow_datasets::synth::{Object, Record, Renderer, SynthPreset, World};
use slotflow_eval::stats::Interval;
use slotflow_eval::stats::bootstrap::{Cluster, Resampling, bca, mean, paired_difference};

/// Scenes where nobody says how many.
const SCENES: usize = 40;
/// Pushes that are tried in each scene.
const PUSHES: usize = 32;
/// Frames of the video from one sampled frame to the next.
const STRIDE: usize = 5;
/// Sampled frames that are seen: the burn-in of the weights.
const SEEN: usize = 6;
/// Frame of the video in which an object is pushed: its last three seen frames may show it move.
const PUSHED: usize = 15;
/// Sampled frames that are imagined.
const IMAGINED: usize = 18;
/// Speeds of pushes, scene units a second.
const SPEEDS: [f32; 2] = [1.0, 4.0];
/// The left edge of the floor in the picture, scene units from its middle.
const EDGE: f32 = 1.9;
/// How near is at the edge, scene units; objects are about 0.8 wide.
const NEAR: f32 = 0.5;
/// Height and width that the encoder was trained at.
const SIZE: [usize; 2] = [64, 64];

fn main() -> Result<()> {
    let scenes = match std::env::args().nth(1) {
        Some(count) => count
            .parse()
            .context("the argument is a number of scenes")?,
        None => SCENES,
    };
    let models = Models::load()?;
    let mut trials = Vec::new();
    for scene in scenes_at_rest(scenes)? {
        trials.push(models.trial(&scene, PUSHES)?);
    }
    tell(&trials, &mut stdout().lock())
}

/// A scene in which nothing moves, and the object that may be pushed.
struct Scene {
    world: World,
    target: usize,
}

/// The velocity that a push gives an object, scene units a second.
type Push = [f32; 2];

/// What came of one scene: how far from the edge the object ends by each push.
#[derive(Debug, Clone, PartialEq)]
struct Trial {
    /// As `SlotFormer` imagines it.
    imagined: Vec<f32>,
    /// As the simulator has it where no other object is.
    alone: Vec<f32>,
    /// As the simulator has it.
    simulated: Vec<f32>,
}

/// Generated scenes of test seeds, each at rest: the objects that are there at the beginning.
fn scenes_at_rest(count: usize) -> Result<Vec<Scene>> {
    let preset = SynthPreset::synth_metal()?;
    let mut scenes = Vec::new();
    for seed in Split::Test.seed(0).. {
        if scenes.len() == count {
            break;
        }
        let mut world = World::new(&preset, seed);
        let reach = preset.cast.inside_radius;
        world
            .cast
            .retain(|(_, start)| start.place[0].hypot(start.place[1]) <= reach);
        for (_, start) in &mut world.cast {
            start.velocity = [0.0; 2];
        }
        // The object that is farthest from the edge is pushed, past the others.
        let far = |place: &[f32; 2]| -left(&preset, *place);
        let farthest = world
            .cast
            .iter()
            .max_by(|(_, one), (_, other)| far(&one.place).total_cmp(&far(&other.place)));
        let Some(target) = farthest
            .map(|(object, _)| object.id)
            .filter(|_| world.cast.len() > 2)
        else {
            continue;
        };
        scenes.push(Scene { world, target });
    }
    Ok(scenes)
}

/// How far to the left of the picture's middle a place on the floor is, scene units.
fn left(preset: &SynthPreset, [x, y]: [f32; 2]) -> f32 {
    let ([eye_x, eye_y, _], [at_x, at_y, _]) = (preset.camera.position, preset.camera.target);
    let [towards_x, towards_y] = [at_x - eye_x, at_y - eye_y];
    (towards_x * (y - at_y) - towards_y * (x - at_x)) / towards_x.hypot(towards_y)
}

impl Scene {
    fn preset(&self) -> &SynthPreset {
        &self.world.preset
    }

    /// The object that may be pushed.
    fn object(&self) -> Result<&Object> {
        let mut cast = self.world.cast.iter();
        let found = cast.find(|(object, _)| object.id == self.target);
        Ok(&found.context("the object is in its scene")?.0)
    }

    /// The scene with its object pushed, among the others or alone.
    fn pushed(&self, push: Push, is_alone: bool) -> Record {
        let mut world = self.world.clone();
        world
            .cast
            .retain(|(object, _)| !is_alone || object.id == self.target);
        for (object, start) in &mut world.cast {
            if object.id == self.target {
                (start.frame, start.velocity) = (PUSHED, push);
            }
        }
        world.simulated()
    }

    /// How far from the edge the object is in the last imagined frame of a simulated clip.
    fn miss(&self, record: &Record) -> Result<f32> {
        let place = record
            .index_of(self.target)
            .context("the object takes part")?;
        let [x, y, _] = record.motion[(SEEN + IMAGINED - 1) * STRIDE][place].position;
        Ok((left(self.preset(), [x, y]) - EDGE).abs())
    }

    /// The frames that are seen of a simulated clip, `[time, height, width, rgb]`.
    fn seen(&self, record: &Record) -> Array4<u8> {
        let frames: Vec<usize> = (0..SEEN).map(|frame| frame * STRIDE).collect();
        Renderer::new(self.preset(), record, SIZE).clip(&frames).0
    }

    /// Pushes in all directions, drawn at random.
    fn pushes(&self, count: usize) -> Vec<Push> {
        let mut rng = SeededRng::new(self.world.seed, &["pushes"]);
        let [least, most] = SPEEDS;
        let one = |_| {
            let (angle, speed) = (rng.uniform() * std::f32::consts::TAU, rng.uniform());
            let speed = least + (most - least) * speed;
            [speed * angle.cos(), speed * angle.sin()]
        };
        (0..count).map(one).collect()
    }
}

/// The models of the default pipeline.
struct Models {
    device: Device,
    encoder: SlotEncoder,
    dynamics: SlotFormer,
    head: ObjectEventHead,
}

impl Models {
    fn load() -> Result<Self> {
        let device = Device::flex();
        let weights = |name: &str| load(&WeightsName(format!("bundled:synth-metal/{name}")));
        let encoder = weights("slot-encoder")?;
        let encoder = encoder.model(WeightsKind::SlotEncoder, &device, SlotEncoderConfig::init)?;
        let dynamics = weights("slotformer")?;
        let dynamics = dynamics.model(WeightsKind::SlotFormer, &device, SlotFormerConfig::init)?;
        let head = weights("object-event-head")?;
        let kind = WeightsKind::ObjectEventHead;
        let head = head.model(kind, &device, ObjectEventHeadConfig::init)?;
        ensure!(
            dynamics.1.burn_in() == SEEN,
            "the weights have another burn-in"
        );
        Ok(Self {
            encoder: encoder.1,
            dynamics: dynamics.1,
            head: head.1,
            device,
        })
    }

    /// Imagines every push in a scene, and simulates it.
    fn trial(&self, scene: &Scene, count: usize) -> Result<Trial> {
        let pushes = scene.pushes(count);
        let alone: Vec<Record> = pushes
            .iter()
            .map(|push| scene.pushed(*push, true))
            .collect();
        let misses = |records: Vec<Record>| -> Result<Vec<f32>> {
            records.iter().map(|record| scene.miss(record)).collect()
        };
        let simulated = pushes
            .iter()
            .map(|push| scene.pushed(*push, false))
            .collect();
        Ok(Trial {
            imagined: self.imagined(scene, &alone)?,
            simulated: misses(simulated)?,
            alone: misses(alone)?,
        })
    }

    /// How far from the edge the object is imagined to end, by each of its recordings alone.
    fn imagined(&self, scene: &Scene, alone: &[Record]) -> Result<Vec<f32>> {
        let at_rest = scene.seen(&scene.world.simulated());
        let recordings: Vec<Array4<u8>> = alone.iter().map(|record| scene.seen(record)).collect();
        let all = [&[at_rest][..], &recordings].concat();
        let views: Vec<_> = all.iter().map(|frames| frames.view()).collect();
        let slots = self.slots(&stack(Axis(0), &views)?);
        let object = scene.object()?;
        let read = self.read(&slots)?;
        let own = read.iter().map(|clip| slot_of(clip, object));
        let own: Vec<usize> = own.collect();
        let rest = slots.slice(s![..1, .., .., ..]);
        let histories = (1..all.len()).map(|clip| {
            let mut history = rest.to_owned();
            let moving = slots.slice(s![clip, .., own[clip], ..]);
            history.slice_mut(s![0, .., own[0], ..]).assign(&moving);
            history
        });
        let histories: Vec<Array4<f32>> = histories.collect();
        let views: Vec<_> = histories.iter().map(|frames| frames.view()).collect();
        let rolled = self.rolled_out(&concatenate(Axis(0), &views)?)?;
        let last = SEEN + IMAGINED - 1;
        let places = self.read(&rolled)?;
        let miss = |clip: &HeadOutput| {
            let place = clip.position(last, own[0]);
            (left(scene.preset(), place) - EDGE).abs()
        };
        Ok(places.iter().map(miss).collect())
    }

    /// `[batch, time, height, width, rgb]` → `[batch, time, slots, dim]`
    fn slots(&self, frames: &Array5<u8>) -> Array4<f32> {
        let encoder = ClipEncoder {
            encoder: &self.encoder,
            device: &self.device,
            with_masks: false,
            with_attention: false,
        };
        let mut noise = SeededRng::new(0, &["world model"]);
        let encoded = encoder.encode(frames.view(), &mut noise, &Progress::silent());
        encoded.slots
    }

    /// `[batch, time, slots, dim]` → `[batch, time + IMAGINED, slots, dim]`
    fn rolled_out(&self, history: &Array4<f32>) -> Result<Array4<f32>> {
        let history = SlotSequence::observed(self.tensor(history));
        let all = self.dynamics.rollout(&history, IMAGINED).slots;
        let shape = all.dims();
        Ok(Array4::from_shape_vec(shape, floats(all))?)
    }

    /// What the head reads off the slots of each clip.
    fn read(&self, slots: &Array4<f32>) -> Result<Vec<HeadOutput>> {
        let said = self.head.forward(&self.tensor(slots));
        let objects = Array4::from_shape_vec(said.objects.dims(), floats(said.objects))?;
        let touches = Array3::from_shape_vec(said.touches.dims(), floats(said.touches))?;
        let clips = objects.outer_iter().zip(touches.outer_iter());
        let clips = clips.map(|(objects, collisions)| HeadOutput {
            objects: objects.to_owned(),
            collisions: collisions.to_owned(),
        });
        Ok(clips.collect())
    }

    fn tensor(&self, values: &Array4<f32>) -> Tensor<4> {
        let (a, b, c, d) = values.dim();
        let data = TensorData::new(values.iter().copied().collect(), [a, b, c, d]);
        Tensor::from_data(data, &self.device)
    }
}

/// The slot that holds an object, by the words for it.
fn slot_of(clip: &HeadOutput, object: &Object) -> usize {
    let seen: Vec<usize> = (0..SEEN).collect();
    let words = [
        object.color.word(),
        object.material.word(),
        object.shape.word(),
    ];
    let score = |slot: usize| {
        let there: f32 = seen.iter().map(|time| clip.in_view(*time, slot)).sum();
        // Its mean logit, as a logarithm of a probability.
        let there = -(-there / SEEN as f32).exp().ln_1p();
        let logits = clip.word_logits(slot, &seen).map(|sum| sum / SEEN as f32);
        let looks = Confidence::of_logits(logits);
        there
            + words
                .iter()
                .map(|word| looks.log_probability(word))
                .sum::<f32>()
    };
    let slots = 0..clip.objects.dim().1;
    slots
        .max_by(|one, other| score(*one).total_cmp(&score(*other)))
        .unwrap_or(0)
}

/// The push that ends nearest to the edge.
fn nearest(misses: &[f32]) -> usize {
    let places = 0..misses.len();
    places
        .min_by(|one, other| misses[*one].total_cmp(&misses[*other]))
        .unwrap_or(0)
}

/// The share of scenes in which each way of choosing brings the object to the edge, with 95 % intervals over scenes.
fn tell(trials: &[Trial], out: &mut impl Write) -> Result<()> {
    let success = |miss: f32| f64::from(u8::from(miss <= NEAR));
    let by = |choose: &dyn Fn(&Trial) -> usize| -> Vec<Cluster> {
        let one = |trial: &Trial| Cluster::of(&[success(trial.simulated[choose(trial)])]);
        trials.iter().map(one).collect()
    };
    let chance = trials.iter().map(|trial| {
        let all: Vec<f64> = trial.simulated.iter().copied().map(success).collect();
        Cluster {
            sum: mean(&[Cluster::of(&all)]).unwrap_or(0.0),
            count: 1.0,
        }
    });
    let chance: Vec<Cluster> = chance.collect();
    let imagined = by(&|trial| nearest(&trial.imagined));
    let rows = [
        ("imagined slots", &imagined),
        ("alone on the floor", &by(&|trial| nearest(&trial.alone))),
        ("at random", &chance),
        ("simulator", &by(&|trial| nearest(&trial.simulated))),
    ];
    writeln!(
        out,
        "{} scenes, {} pushes each; at the edge:",
        trials.len(),
        trials.first().map_or(0, |trial| trial.simulated.len())
    )?;
    let resampling = Resampling::default();
    let percent = |share: f64| 100.0 * share;
    let between = |interval: Option<Interval>| {
        let ends = interval.map(|ends| [ends.low, ends.high].map(percent));
        ends.map_or_else(String::new, |[low, high]| format!(" [{low:.0}, {high:.0}]"))
    };
    for (name, clusters) in rows {
        let share = mean(clusters).map_or(f64::NAN, percent);
        let interval = between(bca(clusters, resampling));
        writeln!(out, "  {name:<20} {share:.0} %{interval}")?;
    }
    let (more, interval) = paired_difference(&imagined, &chance, resampling)?;
    let interval = between(interval);
    writeln!(out, "imagined − at random: {:+.0}{interval}", percent(more))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_of_the_picture_is_left_on_the_floor() -> Result<()> {
        let preset = SynthPreset::synth_metal()?;
        // The camera stands at +x, −y and looks at the middle: −x, −y is to its left.
        assert!(left(&preset, [-1.0, -1.0]) > 1.0 && left(&preset, [1.0, 1.0]) < -1.0);
        assert!(left(&preset, preset.camera.target[..2].try_into()?).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn pushes_are_imagined_and_simulated_and_all_is_told() -> Result<()> {
        let models = Models::load()?;
        let scenes = scenes_at_rest(2)?;
        let trials: Vec<Trial> = scenes
            .iter()
            .map(|scene| models.trial(scene, 4))
            .collect::<Result<_>>()?;
        for (trial, scene) in trials.iter().zip(&scenes) {
            let numbers = trial
                .imagined
                .iter()
                .chain(&trial.alone)
                .chain(&trial.simulated);
            assert!(numbers.clone().count() == 12 && numbers.copied().all(f32::is_finite));
            // Seen again, the same comes out.
            assert_eq!(models.trial(scene, 4)?, *trial);
        }
        let mut told = Vec::new();
        tell(&trials, &mut told)?;
        let told = String::from_utf8(told)?;
        assert!(
            told.starts_with("2 scenes, 4 pushes each") && told.lines().count() == 6,
            "{told}"
        );
        Ok(())
    }
}
