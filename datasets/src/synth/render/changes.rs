//! Which pixels of a frame differ from the frame before: those that see, mirror or are shaded by something that moved.
//!
//! Nothing here is exact, and nothing needs to be: what may change is drawn anew, and comes out as it was where it did
//! not change.

use crate::synth::physics::record::Pose;
use crate::synth::render::light::{Lamp, SceneObject};

/// Distances are rounded; what is this near counts as touching, scene units.
const MARGIN: f32 = 0.01;

/// A frame that was drawn, and what its pixels depend on.
pub(crate) struct Drawn {
    /// Poses of the objects; none before the first frame.
    poses: Option<Vec<Pose>>,
    /// For each pixel and lamp the objects that may shade the floor, a bit each.
    pub blockers: Vec<u32>,
    /// For each pixel the objects that its colour depends on, a bit each.
    pub depends: Vec<u32>,
    /// `[height, width, rgb]`
    pub rgb: Vec<u8>,
    /// `[height, width]`
    pub mask: Vec<u8>,
}

impl Drawn {
    /// Nothing drawn yet.
    pub fn new(pixels: usize, lamps: usize) -> Self {
        Self {
            poses: None,
            blockers: vec![0; pixels * lamps],
            depends: vec![u32::MAX; pixels],
            rgb: vec![0; pixels * 3],
            mask: vec![0; pixels],
        }
    }

    /// The objects that are not where they were, a bit each; `None` where there is no frame before. From now on the
    /// frame is that of `poses`.
    pub fn moved(&mut self, poses: &[Pose]) -> Option<u32> {
        let before = self.poses.replace(poses.to_vec())?;
        let pairs = before.iter().zip(poses).enumerate();
        let moved = pairs
            .filter(|(_, (was, is))| (was.position, was.rotation) != (is.position, is.rotation));
        Some(moved.fold(0, |bits, (k, _)| bits | 1 << k))
    }
}

/// For each object and lamp the objects that may stand between them, a bit each; never itself, for it is convex.
pub(crate) fn shades(objects: &[SceneObject], lamps: &[Lamp]) -> Vec<u32> {
    let mut shades = Vec::with_capacity(objects.len() * lamps.len());
    for (own, object) in objects.iter().enumerate() {
        let from = object.solid.centre;
        for lamp in lamps {
            let way = lamp.centre - from;
            // All lines from one ball to the other stay this near to the one through the middles.
            let wide = object.solid.reach.max(lamp.reach) + MARGIN;
            let between = |(k, other): (usize, &SceneObject)| {
                if k == own {
                    return 0;
                }
                let along = (other.solid.centre - from).dot(way) / way.length_squared();
                let nearest = from + way * along.clamp(0.0, 1.0);
                let far = wide + other.solid.reach;
                let near = (other.solid.centre - nearest).length_squared() <= far * far;
                u32::from(near) << k
            };
            let others = objects.iter().enumerate().map(between);
            shades.push(others.fold(0, |bits, bit| bits | bit));
        }
    }
    shades
}

/// For each object the objects that its look depends on, a bit each: those that may shade it; all if it mirrors.
pub(crate) fn influences(objects: &[SceneObject], shades: &[u32]) -> Vec<u32> {
    let lamps = shades.len() / objects.len().max(1);
    let one = |(own, object): (usize, &SceneObject)| {
        if object.finish.mirrors() {
            return u32::MAX;
        }
        let shades = &shades[own * lamps..(own + 1) * lamps];
        shades.iter().fold(1 << own, |bits, bit| bits | bit)
    };
    objects.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, concatenate};

    use super::*;
    use crate::source::door::Dataset;
    use crate::synth::physics::world::World;
    use crate::synth::render::renderer::Renderer;

    fn one_thread<T: Send>(draw: impl FnOnce() -> T + Send) -> T {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        pool.unwrap().install(draw)
    }

    #[test]
    fn a_frame_after_others_is_the_frame_alone() {
        let presets = [
            Dataset::Synth,
            Dataset::SynthTextured,
            Dataset::SynthMetal,
            Dataset::SynthVaried,
        ];
        for (dataset, seed) in presets.into_iter().zip(20..) {
            let preset = dataset.generator().unwrap();
            let record = World::simulate(&preset, seed);
            let renderer = Renderer::new(&preset, &record, [32, 48]);
            let frames: Vec<usize> = (0..128).step_by(2).collect();
            let (rgb, masks) = one_thread(|| renderer.clip(&frames));
            let alone: Vec<_> = frames
                .iter()
                .map(|frame| renderer.clip(&[*frame]))
                .collect();
            let alone_rgb: Vec<_> = alone.iter().map(|(rgb, _)| rgb.view()).collect();
            let alone_masks: Vec<_> = alone.iter().map(|(_, masks)| masks.view()).collect();
            assert_eq!(rgb, concatenate(Axis(0), &alone_rgb).unwrap(), "{dataset}");
            assert_eq!(
                masks,
                concatenate(Axis(0), &alone_masks).unwrap(),
                "{dataset}"
            );
        }
    }

    #[test]
    fn what_moved_is_told_from_the_frame_before() {
        let preset = Dataset::Synth.generator().unwrap();
        let poses = World::simulate(&preset, 1).motion[0].clone();
        let mut drawn = Drawn::new(4, 3);
        assert_eq!(drawn.moved(&poses), None);
        assert_eq!(drawn.moved(&poses), Some(0));
        let mut later = poses.clone();
        later[1].position[0] += 0.1;
        later[2].rotation[3] -= 0.1;
        assert_eq!(drawn.moved(&later), Some(0b110));
        assert_eq!(drawn.moved(&later), Some(0));
    }
}
