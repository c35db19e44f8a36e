//! Initial states of a clip: objects on a floor, camera, lights.
//! A pure function of preset and seed: rapier runs with `enhanced-determinism`, all else is plain arithmetic.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::synth::physics::clip_look::ClipLook;
use crate::synth::physics::record::{Color, Material, Object, Shape};
use crate::synth::physics::vary::{Starts, Vary};
use crate::synth::preset::{Cast, Light, Paint, SynthPreset};
use crate::synth::render::camera::View;
use crate::synth::render::texture::{Texture, unit};

/// A clip before anything moves.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The kind of clip.
    pub preset: SynthPreset,
    /// Seed of the clip.
    pub seed: u64,
    /// Objects, each with its initial state.
    pub cast: Vec<(Object, Start)>,
    /// Position of the camera, scene units.
    pub camera: [f32; 3],
    /// Positions of the lights, scene units.
    pub lights: Vec<[f32; 3]>,
    /// Texture of the floor.
    pub floor: Texture,
    /// Camera, light and surroundings, where the preset varies them.
    pub look: Option<ClipLook>,
}

/// Initial state of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// Frame in which it is pushed; until then it rests.
    pub frame: usize,
    /// Place on the floor, scene units.
    pub place: [f32; 2],
    /// Turn about the vertical, radians.
    pub turn: f32,
    /// Velocity along the floor.
    pub velocity: [f32; 2],
}

impl World {
    /// The start of a clip.
    pub fn new(preset: &SynthPreset, seed: u64) -> Self {
        let mut rng = SceneRng(ChaCha8Rng::seed_from_u64(seed));
        let camera = rng.near(preset.camera.position, preset.camera.jitter);
        let lights = preset
            .lights
            .iter()
            .map(
                |Light {
                     position, jitter, ..
                 }| rng.near(*position, *jitter),
            )
            .collect();
        let floor = rng.texture(&preset.floor.paint);
        let view = View::new(&preset.camera, camera, [1, 1]);

        let mut vary = Vary::new(seed);
        let mut preset = preset.clone();
        if let Some(variation) = &preset.variation {
            let size = vary.size(variation);
            preset.cast.half_width = preset.cast.half_width.map(|half| half * size);
        }
        let objects = rng.objects(&preset);
        let starts = rng.starts(&preset, &objects, &view);
        let cast = objects.into_iter().zip(starts).collect();
        let world = Self {
            preset,
            seed,
            cast,
            camera,
            lights,
            floor,
            look: None,
        };
        world.varied(vary, &view)
    }

    /// The same objects, seen and lit as the preset's variation says.
    fn varied(self, mut vary: Vary, view: &View) -> Self {
        let Some(variation) = &self.preset.variation else {
            return self;
        };
        let places = self.cast.iter().map(|(object, start)| {
            let [x, y] = start.place;
            ([x, y, object.half_width], reach(object))
        });
        let (seen, unseen) = places.partition(|(place, _)| view.sees(*place, 0.0));
        let varied = vary.look(&self.preset, variation, &Starts { seen, unseen });
        Self {
            camera: varied.camera,
            lights: varied.lights,
            floor: varied.floor,
            look: Some(varied.look),
            ..self
        }
    }
}

/// Random choices, the same on every machine.
struct SceneRng(ChaCha8Rng);

/// A clip holds no more objects: the renderer keeps one bit for each, and all differ in shape, material or colour.
const MOST_OBJECTS: usize = 32;

/// How often a place is drawn before the gap that it must keep shrinks.
const ATTEMPTS: usize = 40;

impl SceneRng {
    /// Between 0 and 1.
    fn unit(&mut self) -> f32 {
        unit(self.0.next_u32())
    }

    /// Between two numbers.
    fn between(&mut self, [least, greatest]: [f32; 2]) -> f32 {
        least + (greatest - least) * self.unit()
    }

    /// A whole number below `end`.
    fn below(&mut self, end: usize) -> usize {
        ((self.unit() * end as f32) as usize).min(end.saturating_sub(1))
    }

    /// True with this chance.
    fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// A point in the cube about another.
    fn near(&mut self, point: [f32; 3], far: f32) -> [f32; 3] {
        point.map(|at| at + self.between([-far, far]))
    }

    /// A direction along the floor.
    fn direction(&mut self) -> [f32; 2] {
        let angle = self.between([0.0, std::f32::consts::TAU]);
        [libm::cosf(angle), libm::sinf(angle)]
    }

    /// A place on the disc of this radius, all of it alike.
    fn inside(&mut self, radius: f32) -> [f32; 2] {
        let far = radius * self.unit().sqrt();
        self.direction().map(|part| part * far)
    }

    /// A pattern that a surface may carry.
    fn texture(&mut self, paint: &Paint) -> Texture {
        if paint.patterns.is_empty() {
            return Texture::PLAIN;
        }
        Texture {
            pattern: paint.patterns[self.below(paint.patterns.len())],
            frequency: self.between(paint.frequency),
            contrast: self.between(paint.contrast),
            salt: self.0.next_u32(),
        }
    }

    /// Objects: no two alike in shape, material and colour.
    fn objects(&mut self, preset: &SynthPreset) -> Vec<Object> {
        let Cast {
            objects: [least, most],
            half_width,
            cube_scale,
            ..
        } = preset.cast;
        let most = most.min(MOST_OBJECTS);
        let count = least.min(most) + self.below(most.saturating_sub(least) + 1);
        let mut objects: Vec<Object> = Vec::with_capacity(count);
        while objects.len() < count {
            let shape = Shape::ALL[self.below(Shape::ALL.len())];
            let material = Material::ALL[self.below(Material::ALL.len())];
            let color = Color::ALL[self.below(Color::ALL.len())];
            if objects
                .iter()
                .any(|other| (other.shape, other.material, other.color) == (shape, material, color))
            {
                continue;
            }
            let scale = if shape == Shape::Cube {
                cube_scale
            } else {
                1.0
            };
            objects.push(Object {
                id: objects.len(),
                shape,
                material,
                color,
                half_width: self.between(half_width) * scale,
                texture: self.texture(&preset.surfaces.paint),
            });
        }
        objects
    }

    /// Initial states. Those that rest come first in this choice, so that others can aim at them.
    fn starts(&mut self, preset: &SynthPreset, objects: &[Object], view: &View) -> Vec<Start> {
        let cast = &preset.cast;
        let entering: Vec<bool> = objects.iter().map(|_| self.chance(cast.entering)).collect();
        // One enters and one is there already, whatever chance says.
        let enters = |k: usize| k == 0 || (entering[k] && k != 1);

        let mut starts: Vec<Option<Start>> = vec![None; objects.len()];
        for k in (0..objects.len()).filter(|k| !enters(*k)) {
            let place = self.free_place(cast, objects, &starts, k, |rng| {
                rng.inside(cast.inside_radius)
            });
            starts[k] = Some(Start {
                frame: 0,
                place,
                turn: self.between([0.0, std::f32::consts::TAU]),
                velocity: [0.0; 2],
            });
        }
        let inside: Vec<[f32; 2]> = starts.iter().flatten().map(|start| start.place).collect();
        for k in 0..objects.len() {
            let (place, frame, speed) = if let Some(start) = starts[k] {
                if !self.chance(cast.moving) {
                    continue;
                }
                (start.place, 0, self.between(cast.moving_speed))
            } else {
                let place =
                    self.free_place(cast, objects, &starts, k, |rng| rng.outside(cast, view));
                let late = self.chance(cast.late) && k != 0;
                let delay = self.between(if late {
                    cast.late_delay
                } else {
                    cast.entering_delay
                });
                (
                    place,
                    (delay * preset.fps) as usize,
                    self.between(cast.entering_speed),
                )
            };
            let velocity = self.course(cast, place, &inside).map(|part| part * speed);
            let turn = starts[k].map_or_else(
                || self.between([0.0, std::f32::consts::TAU]),
                |start| start.turn,
            );
            starts[k] = Some(Start {
                frame,
                place,
                turn,
                velocity,
            });
        }
        starts.into_iter().flatten().collect()
    }

    /// A place out of the camera's sight.
    fn outside(&mut self, cast: &Cast, view: &View) -> [f32; 2] {
        let mut place = [0.0; 2];
        let mut far = self.between(cast.outside_radius);
        for _ in 0..ATTEMPTS {
            place = self.direction().map(|part| part * far);
            if !view.sees([place[0], place[1], 0.0], 2.0 * cast.half_width[1]) {
                break;
            }
            far *= 1.02;
        }
        place
    }

    /// The direction from a place to another object or to any place inside.
    fn course(&mut self, cast: &Cast, from: [f32; 2], inside: &[[f32; 2]]) -> [f32; 2] {
        let others: Vec<[f32; 2]> = inside
            .iter()
            .copied()
            .filter(|place| distance(*place, from) > 0.0)
            .collect();
        let goal = if self.chance(cast.aimed) && !others.is_empty() {
            others[self.below(others.len())]
        } else {
            self.inside(cast.inside_radius)
        };
        let error = self.inside(cast.aim_error);
        let goal = [goal[0] + error[0], goal[1] + error[1]];
        let way = [goal[0] - from[0], goal[1] - from[1]];
        let length = distance(goal, from).max(1e-3);
        way.map(|part| part / length)
    }

    /// A place that keeps its distance from all that are placed already.
    fn free_place(
        &mut self,
        cast: &Cast,
        objects: &[Object],
        starts: &[Option<Start>],
        own: usize,
        mut draw: impl FnMut(&mut Self) -> [f32; 2],
    ) -> [f32; 2] {
        let mut gap = cast.gap;
        loop {
            for _ in 0..ATTEMPTS {
                let place = draw(self);
                let free = starts.iter().zip(objects).all(|(start, other)| {
                    let least = gap + reach(other) + reach(&objects[own]);
                    start.is_none_or(|start| distance(start.place, place) >= least)
                });
                if free {
                    return place;
                }
            }
            gap -= 0.1;
        }
    }
}

/// Distance between two places.
fn distance(one: [f32; 2], two: [f32; 2]) -> f32 {
    let [x, y] = [one[0] - two[0], one[1] - two[1]];
    (x * x + y * y).sqrt()
}

/// Radius of an object on the floor.
fn reach(object: &Object) -> f32 {
    match object.shape {
        Shape::Cube => object.half_width * std::f32::consts::SQRT_2,
        Shape::Sphere | Shape::Cylinder => object.half_width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_objects_of_a_clip_are_alike() {
        let preset = SynthPreset::synth().unwrap();
        let mut counts = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let world = World::new(&preset, seed);
            let kinds = world
                .cast
                .iter()
                .map(|(object, _)| (object.shape, object.material, object.color));
            assert_eq!(
                kinds.collect::<std::collections::BTreeSet<_>>().len(),
                world.cast.len()
            );
            counts.insert(world.cast.len());
        }
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
    }

    #[test]
    fn some_are_there_and_some_enter() {
        let preset = SynthPreset::synth().unwrap();
        for seed in 0..100 {
            let world = World::new(&preset, seed);
            let view = View::new(&preset.camera, world.camera, [1, 1]);
            let there = world
                .cast
                .iter()
                .filter(|(_, start)| view.sees([start.place[0], start.place[1], 0.3], 0.0));
            let there = there.count();
            assert!(
                there >= 1 && there < world.cast.len(),
                "seed {seed}: {there} of {}",
                world.cast.len()
            );
        }
    }

    #[test]
    fn objects_start_apart_from_each_other() {
        let preset = SynthPreset::synth().unwrap();
        for seed in 0..100 {
            let cast = World::new(&preset, seed).cast;
            for (k, (one, start)) in cast.iter().enumerate() {
                for (two, other) in &cast[k + 1..] {
                    let [x, y] = [0, 1].map(|i| start.place[i] - other.place[i]);
                    assert!(
                        (x * x + y * y).sqrt() > one.half_width + two.half_width,
                        "seed {seed}"
                    );
                }
            }
        }
    }
}
