//! Camera, light, surroundings and sizes of one clip of a preset that varies them.
//!
//! They come from a random stream of their own: which objects there are, where they start and how fast they are
//! depends on none of them but the sizes.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rapier3d::math::Vec3;

use crate::synth::physics::clip_look::ClipLook;
use crate::synth::preset::{Camera, SynthPreset, Variation};
use crate::synth::render::camera::View;
use crate::synth::render::texture::{Texture, unit};

/// Stream of the generator of random numbers; objects are drawn from stream 0.
const STREAM: u64 = 1;

/// Cameras that are tried, each closer to the preset's own.
const ATTEMPTS: usize = 50;

/// Lowest line of sight at the top of the frame, as the sine of its angle below the horizon.
const LOWEST_SIGHT: f32 = 0.1;

/// Light at the two ends of `warmth`, linear red, green, blue.
const COLD: [f32; 3] = [0.80, 0.95, 1.20];
const WARM: [f32; 3] = [1.20, 0.98, 0.72];

/// Random choices of a clip's look.
pub(crate) struct Vary {
    rng: ChaCha8Rng,
}

/// A clip's camera, lights and floor.
pub(crate) struct Varied {
    /// Position of the camera, scene units.
    pub camera: [f32; 3],
    /// Positions of the lights, scene units.
    pub lights: Vec<[f32; 3]>,
    /// Texture of the floor.
    pub floor: Texture,
    /// All else.
    pub look: ClipLook,
}

/// Centres of objects at the start, with their half widths.
pub(crate) struct Starts {
    /// In view of the preset's camera.
    pub seen: Vec<([f32; 3], f32)>,
    /// Out of its view.
    pub unseen: Vec<([f32; 3], f32)>,
}

impl Vary {
    /// The choices of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        Self { rng }
    }

    /// What the sizes of all objects are multiplied with. The first choice, for objects are made before their look.
    pub(crate) fn size(&mut self, variation: &Variation) -> f32 {
        self.between(variation.size)
    }

    /// A look under which objects start in and out of view as they do under the preset's camera.
    pub(crate) fn look(
        &mut self,
        preset: &SynthPreset,
        variation: &Variation,
        starts: &Starts,
    ) -> Varied {
        let turn = self.between(variation.light_turn).to_radians();
        let raise = self.between(variation.light_height);
        let lights = preset.lights.iter();
        let lights = lights.map(|light| {
            let [x, y, z] = light.position;
            let [x, y] = turned([x, y], turn);
            [x, y, z * raise]
        });
        let lights = lights.collect();
        let brightness = self.between(variation.brightness);
        let warmth = self.between(variation.warmth);
        let light_color = mixed(COLD, WARM, warmth);
        let floor_albedo = self.tinted(variation.floor_brightness, variation.floor_saturation);
        let floor = self.texture(preset);
        let sky = self.tinted(variation.sky_brightness, variation.sky_saturation);
        let vignette = self.between(variation.vignette);
        let camera = self.camera(&preset.camera, variation, starts);
        Varied {
            camera: camera.position,
            lights,
            floor,
            look: ClipLook {
                target: camera.target,
                half_view: camera.half_view,
                brightness,
                light_color,
                floor_albedo,
                sky,
                vignette,
            },
        }
    }

    /// A camera that sees those that start in view and not those that enter later.
    fn camera(&mut self, own: &Camera, variation: &Variation, starts: &Starts) -> Camera {
        let middle = Vec3::from_array(own.target);
        let way = Vec3::from_array(own.position) - middle;
        let distance = way.length();
        let azimuth = libm::atan2f(way.y, way.x);
        let elevation = libm::asinf(way.z / distance);
        for attempt in 0..ATTEMPTS {
            let share = 1.0 - attempt as f32 / ATTEMPTS as f32;
            let towards = |own: f32, drawn: f32| own + (drawn - own) * share;
            let far = towards(distance, self.between(variation.distance));
            let azimuth = azimuth + share * self.between(variation.azimuth).to_radians();
            let drawn = self.between(variation.elevation).to_radians();
            let elevation = towards(elevation, drawn);
            let half_width = towards(
                own.half_view * distance,
                self.between(variation.view_half_width),
            );
            let target = own.target.map(|at| {
                let error = self.between([-variation.aim_error, variation.aim_error]);
                at + share * error
            });
            let flat = libm::cosf(elevation) * far;
            let [x, y] = [libm::cosf(azimuth), libm::sinf(azimuth)].map(|part| part * flat);
            let position = Vec3::from_array(target) + Vec3::new(x, y, libm::sinf(elevation) * far);
            let camera = Camera {
                position: position.to_array(),
                target,
                half_view: half_width / far,
                jitter: 0.0,
            };
            if shows(&camera, starts) {
                return camera;
            }
        }
        own.clone()
    }

    /// A floor's texture.
    fn texture(&mut self, preset: &SynthPreset) -> Texture {
        let paint = &preset.floor.paint;
        let count = paint.patterns.len();
        let chosen = (self.between([0.0, count as f32]) as usize).min(count.saturating_sub(1));
        Texture {
            pattern: paint
                .patterns
                .get(chosen)
                .copied()
                .unwrap_or(Texture::PLAIN.pattern),
            frequency: self.between(paint.frequency),
            contrast: self.between(paint.contrast),
            salt: self.rng.next_u32(),
        }
    }

    /// A colour of any hue.
    fn tinted(&mut self, brightness: [f32; 2], saturation: [f32; 2]) -> [f32; 3] {
        let brightness = self.between(brightness);
        let saturation = self.between(saturation);
        let hue = self.between([0.0, std::f32::consts::TAU]);
        let third = std::f32::consts::TAU / 3.0;
        [0.0, third, 2.0 * third].map(|at| {
            let part = libm::cosf(hue - at);
            brightness * (1.0 + saturation * part)
        })
    }

    fn between(&mut self, [least, greatest]: [f32; 2]) -> f32 {
        least + (greatest - least) * unit(self.rng.next_u32())
    }
}

/// Whether a camera shows those that start in view, wholly, and none of the others.
fn shows(camera: &Camera, starts: &Starts) -> bool {
    let view = View::new(camera, camera.position, [1, 1]);
    let top = view.towards(0.0, 1.0).normalize().z;
    let inside = |(place, half): &([f32; 3], f32)| {
        let [left, right, bottom, top] = view.bounds(Vec3::from_array(*place), *half);
        left >= -1.0 && right <= 1.0 && bottom >= -1.0 && top <= 1.0
    };
    let outside = |(place, half): &([f32; 3], f32)| !view.sees(*place, *half);
    top < -LOWEST_SIGHT && starts.seen.iter().all(inside) && starts.unseen.iter().all(outside)
}

fn turned([x, y]: [f32; 2], angle: f32) -> [f32; 2] {
    let (sine, cosine) = (libm::sinf(angle), libm::cosf(angle));
    [x * cosine - y * sine, x * sine + y * cosine]
}

fn mixed(one: [f32; 3], other: [f32; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|part| one[part] + (other[part] - one[part]) * share)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;
    use crate::source::door::Dataset;
    use crate::synth::physics::record::Record;
    use crate::synth::physics::world::World;
    use crate::synth::render::renderer::Renderer;

    fn preset(dataset: Dataset) -> SynthPreset {
        dataset.generator().unwrap()
    }

    fn clip(preset: &SynthPreset, seed: u64, frames: &[usize]) -> (Array4<u8>, Array3<u8>) {
        let record = World::simulate(preset, seed);
        Renderer::new(preset, &record, [48, 48]).clip(frames)
    }

    /// The mean colour of the first frame's pixels that show no object.
    fn background(preset: &SynthPreset, seed: u64) -> [f64; 3] {
        let (rgb, masks) = clip(preset, seed, &[0]);
        let pixels = rgb.as_slice().unwrap().chunks_exact(3).zip(&masks);
        let floor: Vec<&[u8]> = pixels
            .filter(|(_, id)| **id == 0)
            .map(|(rgb, _)| rgb)
            .collect();
        let sum = |part: usize| floor.iter().map(|rgb| f64::from(rgb[part])).sum::<f64>();
        [0, 1, 2].map(|part| sum(part) / floor.len() as f64)
    }

    #[test]
    fn the_background_differs_from_clip_to_clip() {
        let mean_difference = |dataset| {
            let preset = preset(dataset);
            let all: Vec<[f64; 3]> = (0..20).map(|seed| background(&preset, seed)).collect();
            let differ = |one: &[f64; 3], other: &[f64; 3]| -> f64 {
                let parts = one.iter().zip(other);
                parts.map(|(a, b)| (a - b).abs()).sum::<f64>() / 3.0
            };
            let pairs = all.iter().zip(&all[1..]);
            pairs.map(|(one, other)| differ(one, other)).sum::<f64>() / 19.0
        };
        let (fixed, varied) = (
            mean_difference(Dataset::SynthMetal),
            mean_difference(Dataset::SynthVaried),
        );
        assert!(fixed < 3.0 && varied > 15.0, "{fixed} and {varied} levels");
    }

    #[test]
    fn a_seed_gives_the_same_bytes_on_every_machine() {
        let preset = preset(Dataset::SynthVaried);
        let (rgb, masks) = clip(&preset, 2, &[0, 64, 120]);
        assert_eq!((&rgb, &masks), (&clip(&preset, 2, &[0, 64, 120]).0, &masks));
        let bytes: Vec<u8> = rgb.iter().chain(&masks).copied().collect();
        assert_eq!(&blake3::hash(&bytes).to_hex()[..16], "69fe008a5dfede9e");
    }

    #[test]
    fn objects_fill_a_sane_share_of_the_frame() {
        let preset = preset(Dataset::SynthVaried);
        let shares: Vec<f64> = (0..50)
            .map(|seed| {
                let (_, masks) = clip(&preset, seed, &[20, 60, 100]);
                let shown = masks.iter().filter(|id| **id != 0).count();
                shown as f64 / masks.len() as f64
            })
            .collect();
        let sane = |share: &f64| (0.01..0.35).contains(share);
        assert!(shares.iter().all(sane), "{shares:?}");
        let mean = shares.iter().sum::<f64>() / 50.0;
        assert!((0.05..0.15).contains(&mean), "{mean}");
    }

    #[test]
    fn what_moves_how_depends_on_nothing_that_is_seen() {
        let preset = preset(Dataset::SynthVaried);
        let plain = SynthPreset {
            variation: preset.variation.clone().map(|variation| Variation {
                azimuth: [10.0, 10.0],
                brightness: [1.0, 1.0],
                floor_brightness: [0.3, 0.3],
                ..variation
            }),
            ..preset.clone()
        };
        let places = |record: &Record| -> Vec<[f32; 3]> {
            let poses = record.motion.iter().flatten();
            poses.map(|pose| pose.position).collect()
        };
        for seed in 0..3 {
            let [one, other] = [&preset, &plain].map(|preset| World::simulate(preset, seed));
            assert_eq!(one.objects, other.objects);
            assert_eq!(places(&one), places(&other));
            assert_ne!(one.camera, other.camera);
        }
    }

    #[test]
    fn what_enters_is_out_of_sight_at_the_start_and_the_rest_is_wholly_in_view() {
        let preset = preset(Dataset::SynthVaried);
        let (mut there, mut entering) = (0, 0);
        for seed in 0..60 {
            let record = World::simulate(&preset, seed);
            let own = &preset.camera;
            let nominal = View::new(own, own.position, [1, 1]);
            let look = record.look.as_ref();
            let view = View::filmed(own, record.camera, look, [1, 1]);
            for (object, pose) in record.objects.iter().zip(&record.motion[0]) {
                let in_view = nominal.sees(pose.position, 0.0);
                assert_eq!(view.sees(pose.position, 0.0), in_view, "seed {seed}");
                assert_eq!(pose.inside_camera_view, in_view);
                if in_view {
                    there += 1;
                    let [left, right, ..] =
                        view.bounds(Vec3::from_array(pose.position), object.half_width);
                    assert!(left >= -1.0 && right <= 1.0, "seed {seed}");
                } else {
                    entering += 1;
                }
            }
        }
        assert!(there > 60 && entering > 60, "{there} and {entering}");
    }

    #[test]
    fn larger_objects_start_apart_as_well() {
        let preset = preset(Dataset::SynthVaried);
        for seed in 0..100 {
            let cast = World::new(&preset, seed).cast;
            for (k, (one, start)) in cast.iter().enumerate() {
                for (two, other) in &cast[k + 1..] {
                    let [x, y] = [0, 1].map(|part| start.place[part] - other.place[part]);
                    let apart = (x * x + y * y).sqrt();
                    assert!(apart > one.half_width + two.half_width, "seed {seed}");
                }
            }
        }
    }
}
