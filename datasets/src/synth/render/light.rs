//! Shading: colours of lit, shadowed and mirrored surfaces.

use rapier3d::math::Vec3;

use crate::synth::physics::record::Record;
use crate::synth::preset::{Finish, SkyGradient, SynthPreset};
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
    sky_gradient: SkyGradient,
    /// Colour of all light.
    tint: Vec3,
}

/// A square area light.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lamp {
    /// Its middle.
    pub centre: Vec3,
    /// From the middle to two neighbouring edges.
    edges: [Vec3; 2],
    power: f32,
    /// Brightness in mirrors; 0 = unseen.
    radiance: f32,
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
    /// For each lamp its light on the floor where the ray meets it, if nothing shades it; none if not known.
    pub unshaded: Option<&'a [f32]>,
    /// For each object and lamp those that may shade the object, a bit each; all if not known.
    pub shades: Option<&'a [u32]>,
    /// Random numbers of the ray.
    pub draw: PixelRng,
    /// Number of reflections so far.
    pub mirrored: u32,
}

impl Lighting {
    /// The stage of a clip.
    pub fn new(preset: &SynthPreset, record: &Record) -> Self {
        let middle = Vec3::from_array(preset.camera.target);
        let look = record.look.as_ref();
        let bright = |own: f32| look.map_or(own, |look| own * look.brightness);
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
                    power: bright(light.power),
                    radiance: bright(light.radiance),
                    reach,
                }
            });
        Self {
            lamps: lamps.collect(),
            floor: Vec3::from_array(look.map_or(preset.floor.albedo, |look| look.floor_albedo)),
            paint: record.floor,
            ambient: bright(preset.ambient),
            sky: Vec3::from_array(look.map_or(preset.sky, |look| look.sky)),
            sky_gradient: preset.sky_gradient,
            tint: look.map_or(Vec3::ONE, |look| Vec3::from_array(look.light_color)),
        }
    }

    /// The colour that a ray sees, linear; brighter than 1 where a lamp glints.
    pub fn color(&self, ray: Ray, look: &Look) -> Vec3 {
        let met = first(look.objects, look.among, ray);
        if look.mirrored > 0
            && let Some(radiance) = self.mirrored_lamp(ray, met.map(|(hit, _)| hit.distance))
        {
            return self.tint * radiance;
        }
        if let Some((hit, object)) = met {
            return self.object(object, &hit, ray, look);
        }
        floor_hit(ray).map_or_else(|| self.sky(ray), |place| self.floor(place, look))
    }

    /// The brightness of the lamp that a mirrored ray meets before it has gone as far as `obstacle`.
    fn mirrored_lamp(&self, ray: Ray, obstacle: Option<f32>) -> Option<f32> {
        let limit = obstacle.unwrap_or(f32::MAX);
        let seen = self.lamps.iter().filter(|lamp| lamp.radiance > 0.0);
        let hits = seen.filter_map(|lamp| Some((lamp.hit(ray)?, lamp.radiance)));
        hits.filter(|(distance, _)| *distance < limit)
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, radiance)| radiance)
    }

    /// The colour of the sky along a ray that goes upwards.
    fn sky(&self, ray: Ray) -> Vec3 {
        let SkyGradient { horizon, zenith } = self.sky_gradient;
        let height = ray.towards.z.max(0.0);
        self.sky * (horizon + (zenith - horizon) * height * height)
    }

    /// The colour of a place on the floor.
    fn floor(&self, place: Vec3, look: &Look) -> Vec3 {
        let albedo = self.floor * self.paint.brightness([place.x, place.y, 0.0]);
        let from = place + Vec3::Z * SKIN;
        let lamps = 0..self.lamps.len();
        let light: f32 = lamps
            .map(|lamp| match (look.unshaded, look.blockers) {
                (Some(unshaded), Some(blockers)) if blockers[lamp] == 0 => unshaded[lamp],
                _ => self.lit(lamp, from, Vec3::Z, look).0,
            })
            .sum();
        albedo * self.tint * (self.ambient + light)
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
        let lamps = self.lamps.len();
        let look = Look {
            among: !(1 << own),
            blockers: look.shades.map(|all| &all[own * lamps..(own + 1) * lamps]),
            unshaded: None,
            ..*look
        };
        let (mut light, mut glint) = (self.ambient, 0.0);
        for lamp in 0..lamps {
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
        let color =
            albedo * self.tint * (light * finish.diffuse) + self.tint * (glint * finish.glint);
        if !finish.mirrors() || look.mirrored >= MIRRORINGS {
            return color;
        }
        let towards = ray.towards - hit.normal * (2.0 * ray.towards.dot(hit.normal));
        let mirrored = Look {
            blockers: None,
            mirrored: look.mirrored + 1,
            ..look
        };
        let seen = self.color(Ray { from, towards }, &mirrored);
        let coat = coat_reflectance(finish.clearcoat, -ray.towards.dot(hit.normal));
        color + seen * albedo * finish.mirror.max(0.0) * (1.0 - coat) + seen * coat
    }

    /// Light of every lamp on a place on the floor that nothing shades.
    pub fn unshaded(&self, place: Vec3, draw: PixelRng, light: &mut [f32]) {
        let look = Look {
            objects: &[],
            among: 0,
            blockers: None,
            unshaded: None,
            shades: None,
            draw,
            mirrored: 0,
        };
        for (lamp, light) in light.iter_mut().enumerate() {
            *light = self.lit(lamp, place + Vec3::Z * SKIN, Vec3::Z, &look).0;
        }
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

impl Lamp {
    /// How far a ray goes to the lamp's square, if it meets it.
    fn hit(&self, ray: Ray) -> Option<f32> {
        let [side, other] = self.edges;
        let normal = side.cross(other);
        let slant = ray.towards.dot(normal);
        if slant.abs() < 1e-9 {
            return None;
        }
        let distance = (self.centre - ray.from).dot(normal) / slant;
        let place = ray.from + ray.towards * distance - self.centre;
        let inside = |edge: Vec3| place.dot(edge).abs() <= edge.length_squared();
        (distance > 0.0 && inside(side) && inside(other)).then_some(distance)
    }
}

/// The share of light that a colourless clear coat mirrors, of which `normal` is mirrored where it is seen from
/// straight above; 0 where there is no coat.
///
/// # Source
/// Schlick, "An inexpensive BRDF model for physically-based rendering" (1994), eq. 15.
fn coat_reflectance(normal: f32, cosine: f32) -> f32 {
    if normal <= 0.0 {
        return 0.0;
    }
    let grazing = 1.0 - cosine.clamp(0.0, 1.0);
    let square = grazing * grazing;
    normal + (1.0 - normal) * square * square * grazing
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::physics::world::World;

    const NO_LOOK: Look = Look {
        objects: &[],
        among: 0,
        blockers: None,
        unshaded: None,
        shades: None,
        draw: PixelRng { salt: 1, index: 0 },
        mirrored: 1,
    };

    fn stage(name: &str) -> Lighting {
        let dataset = name.parse::<crate::source::Dataset>().unwrap();
        let preset = dataset.generator().unwrap();
        Lighting::new(&preset, &World::simulate(&preset, 1))
    }

    fn towards(lamp: &Lamp) -> Ray {
        let from = Vec3::new(0.0, 0.0, 0.4);
        Ray {
            from,
            towards: (lamp.centre - from).normalize(),
        }
    }

    #[test]
    fn mirrors_show_lamps_and_the_camera_looks_past_them() {
        let stage = stage("synth-metal");
        for lamp in &stage.lamps {
            let ray = towards(lamp);
            assert_eq!(stage.color(ray, &NO_LOOK), Vec3::splat(lamp.radiance));
            let camera = Look {
                mirrored: 0,
                ..NO_LOOK
            };
            assert_eq!(stage.color(ray, &camera), stage.sky(ray));
            let before = (lamp.centre - ray.from).length() - 0.1;
            assert_eq!(stage.mirrored_lamp(ray, Some(before)), None, "hidden");
        }
    }

    #[test]
    fn a_lamp_in_a_mirror_is_a_square() {
        let stage = stage("synth-metal");
        let lamp = &stage.lamps[0];
        let seen = |across: f32, above: f32| {
            let place = lamp.centre + lamp.edges[0] * across + lamp.edges[1] * above;
            let from = Vec3::new(0.0, 0.0, 0.4);
            let towards = (place - from).normalize();
            lamp.hit(Ray { from, towards }).is_some()
        };
        assert!(seen(0.95, 0.95) && seen(-0.95, 0.95) && seen(0.0, -0.95));
        assert!(!seen(1.05, 0.0) && !seen(0.0, -1.05) && !seen(1.05, 1.05));
    }

    #[test]
    fn the_sky_brightens_from_the_horizon_upwards_only_where_a_preset_says_so() {
        let at = |stage: &Lighting, z: f32| {
            let towards = Vec3::new((1.0 - z * z).sqrt(), 0.0, z);
            stage.sky(Ray {
                from: Vec3::ZERO,
                towards,
            })
        };
        let metal = stage("synth-metal");
        assert!((at(&metal, 0.0) - metal.sky * metal.sky_gradient.horizon).length() < 1e-6);
        assert!((at(&metal, 1.0) - metal.sky * metal.sky_gradient.zenith).length() < 1e-6);
        assert!(at(&metal, 0.5).x > 2.0 * at(&metal, 0.1).x);
        let plain = stage("synth");
        assert_eq!(at(&plain, 0.9), plain.sky);
        let lamp = towards(&plain.lamps[0]);
        assert_eq!(
            plain.color(lamp, &NO_LOOK),
            plain.sky,
            "lamps without radiance"
        );
    }

    #[test]
    fn a_coat_mirrors_all_at_grazing_angles_and_none_where_there_is_none() {
        assert!((coat_reflectance(0.04, 1.0) - 0.04).abs() < 1e-6);
        assert!((coat_reflectance(0.04, 0.0) - 1.0).abs() < 1e-6);
        assert_eq!(coat_reflectance(0.0, 0.0), 0.0);
    }
}
