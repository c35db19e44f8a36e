//! Intersections of rays with cubes, spheres and cylinders.

use rapier3d::math::Vec3;

use crate::synth::physics::record::{Object, Pose, Shape};

/// A ray starts this far from the surface that it leaves.
pub(crate) const SKIN: f32 = 1e-3;

/// A ray. `towards` has length one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ray {
    /// Origin.
    pub from: Vec3,
    /// Direction.
    pub towards: Vec3,
}

/// Intersection of a ray with a surface.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// Distance along the ray.
    pub distance: f32,
    /// Out of the body, length one.
    pub normal: Vec3,
    /// The place, as the body itself sees it.
    pub local: Vec3,
}

/// A body in one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Solid {
    shape: Shape,
    half: f32,
    /// Its middle.
    pub centre: Vec3,
    /// Its own x, y, z.
    axes: [Vec3; 3],
    /// No part of it is farther from the middle.
    pub reach: f32,
}

impl Solid {
    /// An object where it is in one frame.
    pub fn new(object: &Object, pose: &Pose) -> Self {
        let half = object.half_width;
        let corners: f32 = match object.shape {
            Shape::Cube => 3.0,
            Shape::Sphere => 1.0,
            Shape::Cylinder => 2.0,
        };
        let [x, y, z, w] = pose.rotation;
        let axes = [
            Vec3::new(
                1.0 - 2.0 * (y * y + z * z),
                2.0 * (x * y + w * z),
                2.0 * (x * z - w * y),
            ),
            Vec3::new(
                2.0 * (x * y - w * z),
                1.0 - 2.0 * (x * x + z * z),
                2.0 * (y * z + w * x),
            ),
            Vec3::new(
                2.0 * (x * z + w * y),
                2.0 * (y * z - w * x),
                1.0 - 2.0 * (x * x + y * y),
            ),
        ];
        let centre = Vec3::from_array(pose.position);
        Self {
            shape: object.shape,
            half,
            centre,
            axes,
            reach: half * corners.sqrt() + SKIN,
        }
    }

    /// Where a ray first enters the body.
    // Most rays pass: the test of the ball around the body stands where it is called.
    #[inline]
    pub fn hit(&self, ray: Ray) -> Option<Hit> {
        let way = self.centre - ray.from;
        let along = way.dot(ray.towards);
        let reach = self.reach * self.reach;
        if way.length_squared() - along * along > reach || along < -self.reach {
            return None;
        }
        self.enter(way, ray)
    }

    /// Where a ray enters the body, whose middle lies `way` from the ray's origin.
    #[inline(never)]
    fn enter(&self, way: Vec3, ray: Ray) -> Option<Hit> {
        let [from, towards] =
            [-way, ray.towards].map(|v| Vec3::from_array(self.axes.map(|axis| axis.dot(v))));
        let (distance, normal) = match self.shape {
            Shape::Cube => cube(self.half, from, towards)?,
            Shape::Sphere => sphere(self.half, from, towards)?,
            Shape::Cylinder => cylinder(self.half, from, towards)?,
        };
        let [x, y, z] = self.axes;
        let normal = x * normal.x + y * normal.y + z * normal.z;
        Some(Hit {
            distance,
            normal,
            local: from + towards * distance,
        })
    }
}

/// Distance and normal where a ray enters a ball.
fn sphere(radius: f32, from: Vec3, towards: Vec3) -> Option<(f32, Vec3)> {
    let along = from.dot(towards);
    let under = along * along - from.length_squared() + radius * radius;
    if under < 0.0 {
        return None;
    }
    let distance = -along - under.sqrt();
    (distance > 0.0).then(|| (distance, (from + towards * distance) / radius))
}

/// Distance and normal where a ray enters a cube: the last of the three slabs that it enters.
fn cube(half: f32, from: Vec3, towards: Vec3) -> Option<(f32, Vec3)> {
    let (mut enter, mut leave, mut normal) = (0.0, f32::INFINITY, None);
    for (axis, unit) in [Vec3::X, Vec3::Y, Vec3::Z].into_iter().enumerate() {
        let (at, speed) = (from[axis], towards[axis]);
        if speed == 0.0 {
            if at.abs() > half {
                return None;
            }
            continue;
        }
        let side = if speed > 0.0 { -half } else { half };
        let (near, far) = ((side - at) / speed, (-side - at) / speed);
        if near > enter {
            (enter, normal) = (near, Some(if speed > 0.0 { -unit } else { unit }));
        }
        leave = far.min(leave);
    }
    normal
        .filter(|_| enter < leave)
        .map(|normal| (enter, normal))
}

/// Distance and normal where a ray enters an upright cylinder, as high as wide.
fn cylinder(half: f32, from: Vec3, towards: Vec3) -> Option<(f32, Vec3)> {
    let square = towards.x * towards.x + towards.y * towards.y;
    let along = from.x * towards.x + from.y * towards.y;
    let rest = from.x * from.x + from.y * from.y - half * half;
    let under = along * along - square * rest;
    if under < 0.0 {
        return None;
    }
    // Through the side, if at a height where there is a side.
    if square > 1e-9 {
        let distance = (-along - under.sqrt()) / square;
        let place = from + towards * distance;
        if distance > 0.0 && place.z.abs() <= half {
            return Some((distance, Vec3::new(place.x, place.y, 0.0) / half));
        }
    }
    // Else through the lid or the bottom, whichever faces the ray.
    if towards.z == 0.0 {
        return None;
    }
    let side = if towards.z > 0.0 { -1.0 } else { 1.0 };
    let distance = (side * half - from.z) / towards.z;
    let place = from + towards * distance;
    let inside = place.x * place.x + place.y * place.y <= half * half;
    (distance > 0.0 && inside).then(|| (distance, Vec3::new(0.0, 0.0, side)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::physics::record::{Color, Material};
    use crate::synth::render::texture::{Texture, hash, unit};

    fn solid(shape: Shape, rotation: [f32; 4]) -> Solid {
        let object = Object {
            id: 0,
            shape,
            material: Material::Metal,
            color: Color::Red,
            half_width: 0.5,
            texture: Texture::PLAIN,
        };
        let pose = Pose {
            position: [1.0, 2.0, 0.5],
            rotation,
            velocity: [0.0; 3],
            angular_velocity: [0.0; 3],
            inside_camera_view: true,
        };
        Solid::new(&object, &pose)
    }

    #[test]
    fn a_ray_from_the_side_meets_each_shape_where_it_ends() {
        for shape in Shape::ALL {
            let ray = Ray {
                from: Vec3::new(-2.0, 2.0, 0.5),
                towards: Vec3::X,
            };
            let hit = solid(shape, [0.0, 0.0, 0.0, 1.0]).hit(ray).unwrap();
            assert!((hit.distance - 2.5).abs() < 1e-5, "{shape:?}");
            assert!((hit.normal + Vec3::X).length() < 1e-5, "{shape:?}");
        }
    }

    #[test]
    fn every_hit_lies_on_the_surface_and_faces_the_ray() {
        let s = 0.5f32.sqrt();
        for shape in Shape::ALL {
            let solid = solid(shape, [s * 0.6, s * 0.8, 0.0, s]);
            let mut hits = 0;
            for k in 0..2000u32 {
                let at = |salt: u32| unit(hash(k * 5 + salt)) - 0.5;
                let from = solid.centre + Vec3::new(at(0), at(1), at(2)).normalize() * 3.0;
                let goal = solid.centre + Vec3::new(at(3), at(4), at(1) * 0.7);
                let ray = Ray {
                    from,
                    towards: (goal - from).normalize(),
                };
                let Some(hit) = solid.hit(ray) else { continue };
                hits += 1;
                let surface = match shape {
                    Shape::Cube => hit.local.abs().max_element(),
                    Shape::Sphere => hit.local.length(),
                    Shape::Cylinder => hit.local.z.abs().max(hit.local.truncate().length()),
                };
                assert!((surface - 0.5).abs() < 1e-4, "{shape:?} {surface}");
                assert!(
                    hit.normal.dot(ray.towards) <= 1e-5 && (hit.normal.length() - 1.0).abs() < 1e-4
                );
            }
            assert!(hits > 500, "{shape:?} {hits}");
        }
    }

    #[test]
    fn nothing_behind_a_ray_is_hit() {
        for shape in Shape::ALL {
            let ray = Ray {
                from: Vec3::new(3.0, 2.0, 0.5),
                towards: Vec3::X,
            };
            assert!(solid(shape, [0.0, 0.0, 0.0, 1.0]).hit(ray).is_none());
        }
    }
}
