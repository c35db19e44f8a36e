//! A small ray tracer: frames and exact masks of a `Record`.
//!
//! The bytes are the same on every machine: only arithmetic that IEEE 754 fixes (and `libm`, once, for the
//! tone curve), and no chance but what hangs on the pixel.

use std::sync::LazyLock;

use ndarray::{Array3, Array4};
use rapier3d::math::Vec3;
use rayon::prelude::*;

use crate::synth::physics::record::Record;
use crate::synth::preset::SynthPreset;
use crate::synth::render::camera::View;
use crate::synth::render::changes::{Drawn, influences, shades};
use crate::synth::render::light::{Lighting, Look, PixelRng, SceneObject, first, floor_hit};
use crate::synth::render::shape::{Ray, Solid};
use crate::synth::render::texture::hash;

/// Draws the frames of one clip.
pub struct Renderer<'a> {
    preset: &'a SynthPreset,
    record: &'a Record,
    size: [usize; 2],
    rays: u32,
    view: View,
    stage: Lighting,
    /// Each pixel of the empty floor.
    empty: Vec<Ground>,
    /// Light on the floor where nothing shades it, `[pixels, rays, lamps]`; empty where it would take too much room.
    unshaded: Vec<f32>,
}

/// Most light on the floor that is kept, bytes.
const UNSHADED_BYTES: usize = 64 << 20;

/// Runs of frames for each thread, so that none waits long for the last one. The first frame of a run is drawn whole.
const RUNS_PER_THREAD: usize = 4;

/// A pixel when no object is near.
struct Ground {
    /// Its colour, linear.
    color: Vec3,
    /// The floor in its middle, how far its corners are from there; nothing where there is no floor.
    place: Option<(Vec3, f32)>,
}

impl<'a> Renderer<'a> {
    /// A renderer for frames of `size` (height, width).
    pub fn new(preset: &'a SynthPreset, record: &'a Record, size: [usize; 2]) -> Self {
        let view = View::filmed(&preset.camera, record.camera, record.look.as_ref(), size);
        let stage = Lighting::new(preset, record);
        let large = size[0].min(size[1]) > 64;
        let rays = preset.rays_per_pixel.max(1) as u32 * if large { 2 } else { 1 };
        let mut renderer = Self {
            preset,
            record,
            size,
            rays,
            view,
            stage,
            empty: Vec::new(),
            unshaded: Vec::new(),
        };
        let (pixels, each) = (
            size[0] * size[1],
            rays as usize * renderer.stage.lamps.len(),
        );
        if each > 0 && pixels * each * size_of::<f32>() <= UNSHADED_BYTES {
            let mut unshaded = vec![0.0; pixels * each];
            let lights = unshaded.par_chunks_mut(each).enumerate();
            lights.for_each(|(pixel, light)| renderer.light_floor(pixel, light));
            renderer.unshaded = unshaded;
        }
        let pixels = (0..pixels).into_par_iter();
        renderer.empty = pixels.map(|pixel| renderer.ground(pixel)).collect();
        renderer
    }

    /// Some frames of the clip, side by side in time.
    ///
    /// # Shape
    /// Frames `[time, height, width, rgb]`, masks `[time, height, width]`.
    ///
    /// # Panics
    /// When the record has no such frame.
    pub fn clip(&self, frames: &[usize]) -> (Array4<u8>, Array3<u8>) {
        let [height, width] = self.size;
        let pixels = (height * width).max(1);
        let mut rgb = Array4::zeros((frames.len(), height, width, 3));
        let mut masks = Array3::zeros((frames.len(), height, width));
        let runs = rayon::current_num_threads() * RUNS_PER_THREAD;
        let run = frames.len().div_ceil(runs).max(1);
        if let (Some(rgb), Some(masks)) = (rgb.as_slice_mut(), masks.as_slice_mut()) {
            let planes = rgb.par_chunks_mut(run * pixels * 3);
            let planes = planes.zip(masks.par_chunks_mut(run * pixels));
            planes
                .zip(frames.par_chunks(run))
                .for_each(|((rgb, masks), frames)| self.run(frames, rgb, masks));
        }
        (rgb, masks)
    }

    /// Frames one after the other, each from the one before. Mask values are object ids plus one; 0 is the floor.
    ///
    /// # Shape
    /// `rgb` is `[time, height, width, 3]`, `masks` `[time, height, width]`, both in rows.
    fn run(&self, frames: &[usize], rgb: &mut [u8], masks: &mut [u8]) {
        let pixels = self.empty.len().max(1);
        let mut drawn = Drawn::new(self.empty.len(), self.stage.lamps.len());
        let planes = rgb.chunks_exact_mut(pixels * 3);
        let planes = planes.zip(masks.chunks_exact_mut(pixels));
        for (frame, (rgb, mask)) in frames.iter().zip(planes) {
            self.redraw(*frame, &mut drawn);
            rgb.copy_from_slice(&drawn.rgb);
            mask.copy_from_slice(&drawn.mask);
        }
    }

    /// Draws those pixels of a frame anew that may differ from what was drawn before.
    fn redraw(&self, frame: usize, drawn: &mut Drawn) {
        let objects = self.objects(frame);
        let moved = drawn.moved(&self.record.motion[frame]);
        if moved == Some(0) {
            return;
        }
        let near: Vec<u32> = self.near(&objects);
        let lamps = self.stage.lamps.len();
        let shades = shades(&objects, &self.stage.lamps);
        let influences = influences(&objects, &shades);
        for (pixel, &among) in near.iter().enumerate() {
            let blockers = &mut drawn.blockers[pixel * lamps..(pixel + 1) * lamps];
            self.blockers(&objects, moved.unwrap_or(u32::MAX), pixel, blockers);
            let mut depends = blockers.iter().fold(among, |all, one| all | one);
            let unshaded_floor = depends == 0;
            for (k, influence) in influences.iter().enumerate() {
                depends |= if among >> k & 1 == 1 { *influence } else { 0 };
            }
            let before = std::mem::replace(&mut drawn.depends[pixel], depends);
            if moved.is_some_and(|moved| (before | depends) & moved == 0) {
                continue;
            }
            let color = if unshaded_floor {
                self.empty[pixel].color
            } else {
                let blockers = Some(&*blockers);
                let look = |draw: PixelRng| Look {
                    objects: &objects,
                    among,
                    blockers,
                    unshaded: self.unshaded(pixel, draw),
                    shades: Some(&shades),
                    draw,
                    mirrored: 0,
                };
                self.average(pixel, |ray, draw| self.stage.color(ray, &look(draw)))
            };
            let color = bytes(color * self.vignette(pixel));
            drawn.rgb[pixel * 3..pixel * 3 + 3].copy_from_slice(&color);
            let seen = if among == 0 {
                None
            } else {
                first(&objects, among, self.ray(pixel, (0.5, 0.5)))
            };
            drawn.mask[pixel] = seen.map_or(0, |(_, k)| self.record.objects[k].id as u8 + 1);
        }
    }

    /// The objects of a frame.
    fn objects(&self, frame: usize) -> Vec<SceneObject<'_>> {
        let surfaces = &self.preset.surfaces;
        let poses = self.record.objects.iter().zip(&self.record.motion[frame]);
        poses
            .map(|(object, pose)| SceneObject {
                solid: Solid::new(object, pose),
                albedo: Vec3::from_array(surfaces.albedo.of(object.color)),
                finish: surfaces.finish(object.material),
                paint: &object.texture,
            })
            .collect()
    }

    /// For each pixel the objects that a ray through it may meet, a bit each.
    fn near(&self, objects: &[SceneObject]) -> Vec<u32> {
        let [height, width] = self.size;
        let mut near = vec![0; height * width];
        // One pixel more on each side: rounding must not cut off an edge.
        let span = |least: f32, greatest: f32, length: usize| {
            let at = |part: f32| (part + 1.0) * 0.5 * length as f32;
            let (start, end) = (at(least).floor() - 1.0, at(greatest).ceil() + 1.0);
            (start.max(0.0) as usize).min(length)..(end.max(0.0) as usize).min(length)
        };
        for (k, object) in objects.iter().enumerate() {
            let [left, right, bottom, top] =
                self.view.bounds(object.solid.centre, object.solid.reach);
            for y in span(-top, -bottom, height) {
                for x in span(left, right, width) {
                    near[y * width + x] |= 1 << k;
                }
            }
        }
        near
    }

    /// For each lamp which of the objects `moved` may shade the floor in a pixel, a bit each; the others stay.
    fn blockers(&self, objects: &[SceneObject], moved: u32, pixel: usize, blockers: &mut [u32]) {
        let Some((place, spread)) = self.empty[pixel].place else {
            return;
        };
        for (lamp, among) in self.stage.lamps.iter().zip(blockers) {
            *among &= !moved;
            let way = lamp.centre - place;
            let square = way.length_squared();
            let all = objects.iter().enumerate();
            for (k, object) in all.filter(|(k, _)| moved >> k & 1 == 1) {
                let Solid { centre, reach, .. } = object.solid;
                // The rays from all over the pixel to all over the lamp stay this near to the middle one up to the
                // height where they have passed the object.
                let passed = (centre.z + reach) / (lamp.centre.z - lamp.reach).max(1e-3);
                let far = reach + spread + passed.min(1.0) * lamp.reach;
                let along = (centre - place).dot(way) / square;
                let nearest = place + way * along.clamp(0.0, 1.0);
                if (centre - nearest).length_squared() <= far * far {
                    *among |= 1 << k;
                }
            }
        }
    }

    /// Light on the floor along a ray where nothing shades it, for each lamp.
    fn unshaded(&self, pixel: usize, draw: PixelRng) -> Option<&[f32]> {
        let lamps = self.stage.lamps.len();
        let start = (pixel * self.rays as usize + draw.index as usize) * lamps;
        self.unshaded.get(start..start + lamps)
    }

    /// Light on the floor along the rays of a pixel where nothing shades it, `[rays, lamps]`.
    fn light_floor(&self, pixel: usize, light: &mut [f32]) {
        let lights = light.chunks_exact_mut(self.stage.lamps.len());
        for (index, light) in lights.enumerate() {
            let draw = self.draw(pixel, index as u32);
            if let Some(place) = floor_hit(self.ray(pixel, draw.pair(0))) {
                self.stage.unshaded(place, draw, light);
            }
        }
    }

    /// A pixel of the empty floor.
    fn ground(&self, pixel: usize) -> Ground {
        let blockers = vec![0; self.stage.lamps.len()];
        let look = |draw: PixelRng| Look {
            objects: &[],
            among: 0,
            blockers: Some(&blockers),
            unshaded: self.unshaded(pixel, draw),
            shades: None,
            draw,
            mirrored: 0,
        };
        let color = self.average(pixel, |ray, draw| self.stage.color(ray, &look(draw)));
        let place = floor_hit(self.ray(pixel, (0.5, 0.5))).map(|middle| {
            let corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)];
            let far = corners.map(|at| {
                floor_hit(self.ray(pixel, at)).map_or(f32::MAX, |p| (p - middle).length())
            });
            (middle, far.into_iter().fold(0.0, f32::max))
        });
        Ground { color, place }
    }

    /// The average of what a pixel's rays see, each cut off at white.
    fn average(&self, pixel: usize, see: impl Fn(Ray, PixelRng) -> Vec3) -> Vec3 {
        let mut sum = Vec3::ZERO;
        for index in 0..self.rays {
            let draw = self.draw(pixel, index);
            sum += see(self.ray(pixel, draw.pair(0)), draw).min(Vec3::ONE);
        }
        sum / self.rays as f32
    }

    /// The random numbers of a pixel's ray.
    fn draw(&self, pixel: usize, index: u32) -> PixelRng {
        let salt = hash(pixel as u32 ^ hash(self.size[1] as u32));
        PixelRng { salt, index }
    }

    /// Share of its light that a pixel keeps: the corners lose most, by the square of the distance from the middle.
    fn vignette(&self, pixel: usize) -> f32 {
        let Some(look) = &self.record.look else {
            return 1.0;
        };
        let [height, width] = self.size;
        let across = 2.0 * ((pixel % width) as f32 + 0.5) / width as f32 - 1.0;
        let above = 2.0 * ((pixel / width) as f32 + 0.5) / height as f32 - 1.0;
        1.0 - look.vignette * 0.5 * (across * across + above * above)
    }

    /// The ray through a point of a pixel; 0..1 from left to right and from top to bottom.
    fn ray(&self, pixel: usize, (right, down): (f32, f32)) -> Ray {
        let [height, width] = self.size;
        let across = 2.0 * ((pixel % width) as f32 + right) / width as f32 - 1.0;
        let above = 1.0 - 2.0 * ((pixel / width) as f32 + down) / height as f32;
        Ray {
            from: self.view.eye,
            towards: self.view.towards(across, above).normalize(),
        }
    }
}

/// A pixel of a linear colour, each part 0..1.
fn bytes(color: Vec3) -> [u8; 3] {
    let tone = &*TONE;
    color
        .to_array()
        .map(|part| tone[(part * (tone.len() - 1) as f32) as usize])
}

/// Bytes for linear brightness 0..1: the tone curve of sRGB.
static TONE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let last = 1 << 14;
    let curve = |linear: f32| {
        if linear <= 0.003_130_8 {
            12.92 * linear
        } else {
            1.055 * libm::powf(linear, 1.0 / 2.4) - 0.055
        }
    };
    (0..=last)
        .map(|k| (curve(k as f32 / last as f32) * 255.0 + 0.5) as u8)
        .collect()
});

#[cfg(test)]
mod tests {
    use ndarray::Axis;

    use super::*;
    use crate::synth::physics::world::World;

    const SIZE: [usize; 2] = [64, 64];

    fn preset() -> SynthPreset {
        SynthPreset::synth().unwrap()
    }

    #[test]
    fn one_thread_and_two_draw_the_same_bytes() {
        for name in ["synth", "synth-textured", "synth-metal", "synth-varied"] {
            let preset = name
                .parse::<crate::source::Dataset>()
                .unwrap()
                .generator()
                .unwrap();
            let drawn = [1, 2].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                pool.install(|| {
                    let record = World::simulate(&preset, 11);
                    Renderer::new(&preset, &record, [32, 48]).clip(&[0, 40, 80, 120])
                })
            });
            assert_eq!(drawn[0], drawn[1]);
        }
    }

    #[test]
    fn leaving_out_what_is_not_near_changes_nothing() {
        let presets = ["synth", "synth-textured", "synth-metal", "synth-varied"];
        for (name, seed) in presets.into_iter().zip(3..) {
            let preset = name
                .parse::<crate::source::Dataset>()
                .unwrap()
                .generator()
                .unwrap();
            let record = World::simulate(&preset, seed);
            let renderer = Renderer::new(&preset, &record, [48, 32]);
            for frame in [10, 70] {
                let (frames, masks) = renderer.clip(&[frame]);
                let objects = renderer.objects(frame);
                let pixels = frames.as_slice().unwrap().chunks_exact(3);
                for (pixel, (rgb, mask)) in pixels.zip(masks.iter()).enumerate() {
                    let look = |draw| Look {
                        objects: &objects,
                        among: u32::MAX,
                        blockers: None,
                        unshaded: None,
                        shades: None,
                        draw,
                        mirrored: 0,
                    };
                    let color =
                        renderer.average(pixel, |ray, draw| renderer.stage.color(ray, &look(draw)));
                    let color = bytes(color * renderer.vignette(pixel));
                    assert_eq!(rgb, color, "{name} frame {frame} pixel {pixel}");
                    let met = first(&objects, u32::MAX, renderer.ray(pixel, (0.5, 0.5)));
                    assert_eq!(usize::from(*mask), met.map_or(0, |(_, k)| k + 1));
                }
            }
        }
    }

    #[test]
    fn objects_are_eight_to_sixteen_pixels_wide_on_average() {
        let preset = preset();
        let (mut widths, mut count) = (0, 0);
        for seed in 0..12 {
            let record = World::simulate(&preset, seed);
            let (_, masks) = Renderer::new(&preset, &record, SIZE).clip(&[30, 90]);
            for mask in masks.axis_iter(Axis(0)) {
                for object in &record.objects {
                    let columns: Vec<usize> = mask
                        .indexed_iter()
                        .filter(|(_, id)| usize::from(**id) == object.id + 1)
                        .map(|(at, _)| at.1)
                        .collect();
                    let (Some(left), Some(right)) = (columns.iter().min(), columns.iter().max())
                    else {
                        continue;
                    };
                    // Those at the edge are cut off.
                    if *left > 0 && *right < SIZE[1] - 1 {
                        (widths, count) = (widths + right - left + 1, count + 1);
                    }
                }
            }
        }
        let mean = f64::from(widths as u32) / f64::from(count);
        assert!(
            count > 40 && (8.0..=16.0).contains(&mean),
            "{mean} pixels over {count} objects"
        );
    }

    #[test]
    fn masks_are_where_the_pixels_differ_from_the_empty_floor() {
        let preset = preset();
        let (mut inside, mut differ) = (0, 0);
        for seed in 0..6 {
            let record = World::simulate(&preset, seed);
            let empty = Record {
                objects: Vec::new(),
                motion: vec![Vec::new()],
                ..record.clone()
            };
            let (floor, none) = Renderer::new(&preset, &empty, SIZE).clip(&[0]);
            assert!(none.iter().all(|id| *id == 0));
            let (frames, masks) = Renderer::new(&preset, &record, SIZE).clip(&[60]);
            let pixels = frames
                .as_slice()
                .unwrap()
                .chunks_exact(3)
                .zip(floor.as_slice().unwrap().chunks_exact(3));
            for ((pixel, floor), id) in pixels.zip(masks.iter()).filter(|(_, id)| **id != 0) {
                assert!(usize::from(*id) <= record.objects.len());
                inside += 1;
                differ += usize::from(
                    pixel
                        .iter()
                        .zip(floor)
                        .any(|(one, two)| one.abs_diff(*two) > 6),
                );
            }
        }
        assert!(
            inside > 1000 && differ * 100 >= inside * 97,
            "{differ} of {inside}"
        );
    }

    #[test]
    fn what_stands_still_looks_the_same_in_every_frame() {
        let preset = preset();
        let mut record = World::simulate(&preset, 5);
        record.motion = vec![record.motion[100].clone(); 2];
        let (frames, _) = Renderer::new(&preset, &record, SIZE).clip(&[0, 1]);
        assert_eq!(frames.index_axis(Axis(0), 0), frames.index_axis(Axis(0), 1));
    }
}
