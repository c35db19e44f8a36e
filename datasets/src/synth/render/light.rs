//! Shading: colours of lit, shadowed and mirrored surfaces.

use rapier3d::math::Vec3;

use crate::synth::physics::record::Record;
use crate::synth::preset::{Finish, SynthPreset};
use crate::synth::render::shape::{Hit, Ray, SKIN, Solid};
use crate::synth::render::texture::{Texture, hash, unit};

/// Most reflections of a ray.
const MIRRORINGS: u32 = 2;

/// Lamps and floor: what stays the same in all frames.
#[derive(Debug, Clone)]
pub(crate) struct Lighting {
    /// The lamps.
    pub lamps: Vec<Lamp>,
    /// The colour of the floor.
    floor: Vec3,
    paint: Texture,
    ambient: f32,
    sky: Vec3,
}

/// A square area light.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lamp {
    /// Its middle.
    pub centre: Vec3,
    /// From the middle to two neighbouring edges.
    edges: [Vec3; 2],
    power: f32,
    /// From the middle to a corner.
    pub reach: f32,
}

/// An object to be rendered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SceneObject<'a> {
    /// Form and place.
    pub solid: Solid,
    /// Colour.
    pub albedo: Vec3,
    /// Its reflectance.
    pub finish: &'a Finish,
    /// Its texture.
    pub paint: &'a Texture,
}

/// The numbers of one ray through one pixel that stand for chance: well spread over a pixel's rays, and the same in
/// every frame, so that what does not change looks the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PixelRng {
    /// Differs from pixel to pixel.
    pub salt: u32,
    /// Which of the pixel's rays.
    pub index: u32,
}

impl PixelRng {
    /// Two numbers in 0..1 for one purpose.
    ///
    /// # Source
    /// Roberts, "The unreasonable effectiveness of quasirandom sequences": the additive sequence R2, here shifted for
    /// each pixel and purpose.
    pub fn pair(self, purpose: u32) -> (f32, f32) {
        // Odd steps through the sequence keep two purposes of one ray apart.
        let step = self.index.wrapping_mul(2 * purpose + 1);
        let shift = hash(self.salt ^ (purpose + 1).wrapping_mul(0x9e37_79b9));
        let across = shift.wrapping_add(step.wrapping_mul(3_242_174_889));
        let above = hash(shift).wrapping_add(step.wrapping_mul(2_447_445_414));
        (unit(across), unit(above))
    }
}

/// Objects that one ray through a pixel may hit, and its random numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    /// All objects of the frame.
    pub objects: &'a [SceneObject<'a>],
    /// Those of them that the ray itself may meet, a bit each.
    pub among: u32,
    /// For each lamp those that may shade the floor where the ray meets it, a bit each; all if not known.
    pub blockers: Option<&'a [u32]>,
    /// Random numbers of the ray.
    pub draw: PixelRng,
    /// Number of reflections so far.
    pub mirrored: u32,
}

impl Lighting {
    /// The stage of a clip.
    pub fn new(preset: &SynthPreset, record: &Record) -> Self {
        let middle = Vec3::from_array(preset.camera.target);
        let lamps = preset
            .lights
            .iter()
            .zip(&record.lights)
            .map(|(light, place)| {
                let centre = Vec3::from_array(*place);
                let ray = (middle - centre).normalize();
                let across = if ray.z.abs() > 0.9 { Vec3::X } else { Vec3::Z };
                let side = ray.cross(across).normalize() * light.half_width;
                let reach = light.half_width * std::f32::consts::SQRT_2;
                Lamp {
                    centre,
                    edges: [side, side.cross(ray)],
                    power: light.power,
                    reach,
                }
            });
        Self {
            lamps: lamps.collect(),
            floor: Vec3::from_array(preset.floor.albedo),
            paint: record.floor,
            ambient: preset.ambient,
            sky: Vec3::from_array(preset.sky),
        }
    }

    /// The colour that a ray sees, linear; brighter than 1 where a lamp glints.
    pub fn color(&self, ray: Ray, look: &Look) -> Vec3 {
        if let Some((hit, object)) = first(look.objects, look.among, ray) {
            return self.object(object, &hit, ray, look);
        }
        floor_hit(ray).map_or(self.sky, |place| self.floor(place, look))
    }

    /// The colour of a place on the floor.
    fn floor(&self, place: Vec3, look: &Look) -> Vec3 {
        let albedo = self.floor * self.paint.brightness([place.x, place.y, 0.0]);
        let from = place + Vec3::Z * SKIN;
        let lamps = 0..self.lamps.len();
        let light: f32 = lamps
            .map(|lamp| self.lit(lamp, from, Vec3::Z, look).0)
            .sum();
        albedo * (self.ambient + light)
    }

    /// The colour of a place on a object.
    fn object(&self, own: usize, hit: &Hit, ray: Ray, look: &Look) -> Vec3 {
        let SceneObject {
            albedo,
            finish,
            paint,
            ..
        } = look.objects[own];
        let albedo = albedo * paint.brightness(hit.local.to_array());
        let from = ray.from + ray.towards * hit.distance + hit.normal * SKIN;
        // What is known about the floor under a pixel says nothing about other places.
        let look = Look {
            among: !(1 << own),
            blockers: None,
            ..*look
        };
        let (mut light, mut glint) = (self.ambient, 0.0);
        for lamp in 0..self.lamps.len() {
            let (lit, towards) = self.lit(lamp, from, hit.normal, &look);
            if lit > 0.0 {
                light += lit;
                let between = (towards - ray.towards).normalize();
                let cosine = hit.normal.dot(between).max(0.0);
                // Not `powi`: its rounding may differ between machines.
                let sharp = (0..finish.sharpness).fold(cosine, |power, _| power * power);
                glint += sharp * lit / hit.normal.dot(towards).max(0.1);
            }
        }
        let color = albedo * (light * finish.diffuse) + Vec3::splat(glint * finish.glint);
        if finish.mirror <= 0.0 || look.mirrored >= MIRRORINGS {
            return color;
        }
        let towards = ray.towards - hit.normal * (2.0 * ray.towards.dot(hit.normal));
        let mirrored = Look {
            mirrored: look.mirrored + 1,
            ..look
        };
        color + self.color(Ray { from, towards }, &mirrored) * albedo * finish.mirror
    }

    /// Share of a lamp's light that reaches a place, and its direction.
    fn lit(&self, lamp: usize, from: Vec3, normal: Vec3, look: &Look) -> (f32, Vec3) {
        let Lamp {
            centre,
            edges: [side, other],
            power,
            ..
        } = self.lamps[lamp];
        let purpose = 1 + lamp as u32 + look.mirrored * self.lamps.len() as u32;
        let (across, above) = look.draw.pair(purpose);
        let way = centre + side * (2.0 * across - 1.0) + other * (2.0 * above - 1.0) - from;
        let square = way.length_squared();
        let towards = way / square.sqrt();
        let slant = normal.dot(towards);
        let among = look.blockers.map_or(u32::MAX, |blockers| blockers[lamp]);
        if slant <= 0.0 || blocked(look.objects, among, Ray { from, towards }, square) {
            return (0.0, towards);
        }
        (slant * power / square, towards)
    }
}

/// The object that a ray meets first.
pub(crate) fn first(objects: &[SceneObject], among: u32, ray: Ray) -> Option<(Hit, usize)> {
    let mut nearest: Option<(Hit, usize)> = None;
    for (k, object) in objects
        .iter()
        .enumerate()
        .filter(|(k, _)| among >> k & 1 == 1)
    {
        if let Some(hit) = object.solid.hit(ray)
            && nearest.is_none_or(|(best, _)| hit.distance < best.distance)
        {
            nearest = Some((hit, k));
        }
    }
    nearest
}

/// Whether any object is nearer than the root of `square`.
fn blocked(objects: &[SceneObject], among: u32, ray: Ray, square: f32) -> bool {
    let hits = objects
        .iter()
        .enumerate()
        .filter(|(k, _)| among >> k & 1 == 1);
    hits.filter_map(|(_, object)| object.solid.hit(ray))
        .any(|hit| hit.distance * hit.distance < square)
}

/// Intersection of a ray with the floor.
pub(crate) fn floor_hit(ray: Ray) -> Option<Vec3> {
    if ray.towards.z >= -1e-6 {
        return None;
    }
    let distance = -ray.from.z / ray.towards.z;
    (distance > 0.0).then(|| ray.from + ray.towards * distance)
}
