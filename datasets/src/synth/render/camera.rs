//! The camera: from places to pixels and back.

use rapier3d::math::Vec3;

use crate::synth::physics::clip_look::ClipLook;
use crate::synth::preset::Camera;

/// A camera that stands somewhere and fills a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Position, scene units.
    pub eye: Vec3,
    /// Into the picture.
    forward: Vec3,
    /// To the right, as long as half the view is wide at distance one.
    right: Vec3,
    /// Up, as long as half the view is high at distance one.
    up: Vec3,
}

impl View {
    /// The view from `eye` for frames of `size` (height, width).
    pub fn new(camera: &Camera, eye: [f32; 3], [height, width]: [usize; 2]) -> Self {
        let eye = Vec3::from_array(eye);
        let forward = (Vec3::from_array(camera.target) - eye).normalize();
        let right = forward.cross(Vec3::Z).normalize();
        let up = right.cross(forward);
        let short = height.min(width).max(1) as f32;
        let (wide, high) = (
            camera.half_view * width as f32 / short,
            camera.half_view * height as f32 / short,
        );
        Self {
            eye,
            forward,
            right: right * wide,
            up: up * high,
        }
    }

    /// The view from `eye` in a clip: through the preset's camera, or through the clip's own.
    pub fn filmed(
        camera: &Camera,
        eye: [f32; 3],
        look: Option<&ClipLook>,
        size: [usize; 2],
    ) -> Self {
        let Some(look) = look else {
            return Self::new(camera, eye, size);
        };
        let camera = Camera {
            target: look.target,
            half_view: look.half_view,
            ..camera.clone()
        };
        Self::new(&camera, eye, size)
    }

    /// The direction through a point of the frame; both run from −1 (left, bottom) to 1. Not of length one.
    pub fn towards(&self, across: f32, above: f32) -> Vec3 {
        self.forward + self.right * across + self.up * above
    }

    /// Where a place appears, −1..1 (left to right, bottom to top) if inside the frame, and its depth.
    pub fn project(&self, place: Vec3) -> (f32, f32, f32) {
        let way = place - self.eye;
        let depth = way.dot(self.forward);
        let across = way.dot(self.right) / (self.right.length_squared() * depth);
        let above = way.dot(self.up) / (self.up.length_squared() * depth);
        (across, above, depth)
    }

    /// The part of the frame that a ball may touch: left, right, bottom, top, in −1..1; all of it when the ball is
    /// too near to tell.
    pub fn bounds(&self, centre: Vec3, radius: f32) -> [f32; 4] {
        let way = centre - self.eye;
        let depth = way.dot(self.forward);
        if depth <= radius * 1.01 {
            return [-1.0, 1.0, -1.0, 1.0];
        }
        // Slopes of the two lines through the eye that touch a circle, in the plane of one axis.
        let along = |axis: Vec3| {
            let half = axis.length();
            let side = way.dot(axis) / half;
            let touch = radius * (side * side + depth * depth - radius * radius).sqrt();
            let scale = (depth * depth - radius * radius) * half;
            [
                (side * depth - touch) / scale,
                (side * depth + touch) / scale,
            ]
        };
        let ([left, right], [bottom, top]) = (along(self.right), along(self.up));
        [left, right, bottom, top]
    }

    /// Whether a place is in the frame, or within `margin` of it.
    pub fn sees(&self, place: [f32; 3], margin: f32) -> bool {
        let (across, above, depth) = self.project(Vec3::from_array(place));
        let (wide, high) = (
            margin / (depth * self.right.length()),
            margin / (depth * self.up.length()),
        );
        depth > 0.0 && across.abs() <= 1.0 + wide && above.abs() <= 1.0 + high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> Camera {
        Camera {
            position: [7.0, -6.0, 5.0],
            target: [0.0; 3],
            half_view: 0.25,
            jitter: 0.0,
        }
    }

    #[test]
    fn the_target_is_in_the_middle() {
        let view = View::new(&camera(), camera().position, [64, 64]);
        let (across, above, depth) = view.project(Vec3::ZERO);
        assert!(across.abs() < 1e-5 && above.abs() < 1e-5 && depth > 10.0);
        assert!(view.sees([0.0; 3], 0.0) && !view.sees([5.0, 5.0, 0.0], 0.0));
    }

    #[test]
    fn the_bounds_of_a_ball_hold_its_surface() {
        let view = View::new(&camera(), camera().position, [64, 64]);
        let centre = Vec3::new(1.5, 1.0, 0.5);
        let [left, right, bottom, top] = view.bounds(centre, 0.5);
        let mut widest: f32 = -1.0;
        for k in 0..1000u32 {
            let at = |salt: u32| {
                crate::synth::render::texture::unit(crate::synth::render::texture::hash(
                    k * 3 + salt,
                )) - 0.5
            };
            let (across, above, _) =
                view.project(centre + Vec3::new(at(0), at(1), at(2)).normalize() * 0.5);
            assert!(across >= left && across <= right && above >= bottom && above <= top);
            widest = widest.max(across);
        }
        assert!(right - widest < 0.02, "the bound is tight");
    }

    #[test]
    fn a_place_projects_to_the_ray_that_hits_it() {
        let view = View::new(&camera(), camera().position, [64, 96]);
        let place = Vec3::new(0.5, -0.3, 0.4);
        let (across, above, _) = view.project(place);
        let ray = view.towards(across, above).normalize();
        assert!((ray - (place - view.eye).normalize()).length() < 1e-5);
    }
}
