//! Moves the bodies of a [`World`] and notes what they do.

use std::collections::BTreeMap;

use rapier3d::prelude::{
    Collider, ColliderBuilder, ColliderHandle, PhysicsWorld, RigidBodyBuilder, RigidBodyHandle,
    Vec3,
};

use super::camera::View;
use super::record::{Event, Object, Pose, Record, Shape};
use super::world::{Start, World};

/// What happens in a world, with or without one of its objects.
pub(super) fn simulate(world: &World, without: Option<usize>) -> Record {
    let preset = &world.preset;
    let cast: Vec<&(Object, Start)> = world
        .cast
        .iter()
        .filter(|(object, _)| Some(object.id) != without)
        .collect();
    let view = View::new(&preset.camera, world.camera, [1, 1]);
    let mut stage = Stage::new(world, &cast);
    let mut contacts = Contacts {
        merge_frames: preset.physics.merge_frames,
        last: BTreeMap::new(),
    };

    let mut motion: Vec<Vec<Pose>> = Vec::with_capacity(preset.simulated_frames);
    let mut events = Vec::new();
    for frame in 0..preset.simulated_frames {
        let mut touched = Vec::new();
        if frame > 0 {
            for _ in 0..preset.physics.steps_per_frame {
                stage.physics.step();
                touched.extend(stage.touching());
            }
        }
        // Launched after the steps: a frame shows an object where it starts.
        stage.launch(frame, &cast);
        let poses: Vec<Pose> = stage.poses(&view).collect();
        for [one, two] in contacts.begun(frame, &touched) {
            let ids = [cast[one].0.id, cast[two].0.id];
            events.push(collision(frame, ids, [&poses[one], &poses[two]]));
        }
        if let Some(before) = motion.last() {
            for ((object, _), (was, is)) in cast.iter().zip(before.iter().zip(&poses)) {
                let object = object.id;
                match (was.inside_camera_view, is.inside_camera_view) {
                    (false, true) => events.push(Event::Enter { object, frame }),
                    (true, false) => events.push(Event::Leave { object, frame }),
                    _ => {}
                }
            }
        }
        motion.push(poses);
    }
    Record {
        preset: preset.name.clone(),
        seed: world.seed,
        fps: preset.fps,
        filmed_frames: preset.filmed_frames,
        objects: cast.iter().map(|(object, _)| object.clone()).collect(),
        motion,
        events,
        camera: world.camera,
        lights: world.lights.clone(),
        floor: world.floor,
    }
}

/// The note of a collision.
fn collision(frame: usize, objects: [usize; 2], [one, two]: [&Pose; 2]) -> Event {
    let location = [0, 1, 2].map(|i| (one.position[i] + two.position[i]) / 2.0);
    Event::Collision {
        objects,
        frame,
        location,
        inside_camera_view: one.inside_camera_view || two.inside_camera_view,
    }
}

/// When pairs last touched.
struct Contacts {
    merge_frames: usize,
    last: BTreeMap<[usize; 2], usize>,
}

impl Contacts {
    /// Those of the touching pairs that did not touch a moment ago, each once.
    fn begun(&mut self, frame: usize, touching: &[[usize; 2]]) -> Vec<[usize; 2]> {
        let mut begun = Vec::new();
        for pair in touching {
            match self.last.insert(*pair, frame) {
                Some(last) if frame - last <= self.merge_frames => {}
                _ => begun.push(*pair),
            }
        }
        begun
    }
}

/// The bodies.
struct Stage {
    physics: PhysicsWorld,
    bodies: Vec<RigidBodyHandle>,
    colliders: Vec<ColliderHandle>,
    reaches: Vec<f32>,
    launched: Vec<bool>,
}

impl Stage {
    fn new(world: &World, cast: &[&(Object, Start)]) -> Self {
        let rules = &world.preset.physics;
        let mut physics = PhysicsWorld::new();
        physics.gravity = Vec3::new(0.0, 0.0, -rules.gravity);
        physics.integration_parameters.dt = 1.0 / (world.preset.fps * rules.steps_per_frame as f32);
        let floor = ColliderBuilder::cuboid(60.0, 60.0, 1.0).translation(Vec3::new(0.0, 0.0, -1.0));
        physics.insert_collider(floor.friction(rules.friction).restitution(0.0), None);

        let (mut bodies, mut colliders) = (Vec::new(), Vec::new());
        for (object, start) in cast {
            let body = RigidBodyBuilder::dynamic()
                .translation(Vec3::new(start.place[0], start.place[1], object.half_width))
                .rotation(Vec3::new(0.0, 0.0, start.turn))
                .linear_damping(rules.linear_damping)
                .angular_damping(rules.angular_damping)
                .ccd_enabled(true)
                .enabled(false);
            let collider: Collider = form(object)
                .friction(rules.friction)
                .restitution(rules.restitution)
                .build();
            let (body, collider) = physics.insert(body, collider);
            bodies.push(body);
            colliders.push(collider);
        }
        let reaches = cast
            .iter()
            .map(|(object, _)| object.half_width * 1.8)
            .collect();
        Self {
            physics,
            launched: vec![false; bodies.len()],
            bodies,
            colliders,
            reaches,
        }
    }

    /// Sets those in motion whose time has come and whose place is free.
    fn launch(&mut self, frame: usize, cast: &[&(Object, Start)]) {
        for (k, (object, start)) in cast.iter().enumerate() {
            let due = !self.launched[k] && frame >= start.frame;
            if !due || (frame > 0 && !self.is_free(k)) {
                continue;
            }
            let [x, y] = start.velocity;
            let body = &mut self.physics.bodies[self.bodies[k]];
            body.set_enabled(true);
            body.set_linvel(Vec3::new(x, y, 0.0), true);
            if object.shape == Shape::Sphere {
                // A ball starts rolling, not sliding.
                body.set_angvel(Vec3::new(-y, x, 0.0) / object.half_width, true);
            }
            self.launched[k] = true;
        }
    }

    /// Whether no moving body stands where another is about to start.
    fn is_free(&self, own: usize) -> bool {
        let place = self.physics.bodies[self.bodies[own]].translation();
        (0..self.bodies.len())
            .filter(|k| *k != own && self.launched[*k])
            .all(|k| {
                let other = self.physics.bodies[self.bodies[k]].translation();
                (other - place).length() > self.reaches[own] + self.reaches[k]
            })
    }

    /// The pairs that press against each other.
    fn touching(&self) -> impl Iterator<Item = [usize; 2]> {
        let pairs = (0..self.colliders.len())
            .flat_map(|one| (one + 1..self.colliders.len()).map(move |two| [one, two]));
        pairs.filter(|pair| {
            let [one, two] = pair.map(|k| self.colliders[k]);
            self.physics
                .contact_pair(one, two)
                .is_some_and(|contact| contact.total_impulse_magnitude() > 0.0)
        })
    }

    /// Where everything is.
    fn poses(&self, view: &View) -> impl Iterator<Item = Pose> {
        self.bodies.iter().map(|handle| {
            let body = &self.physics.bodies[*handle];
            let position = body.translation().to_array();
            Pose {
                position,
                rotation: body.rotation().to_array(),
                velocity: body.linvel().to_array(),
                angular_velocity: body.angvel().to_array(),
                inside_camera_view: view.sees(position, 0.0),
            }
        })
    }
}

/// The form of an object, for hitting.
fn form(object: &Object) -> ColliderBuilder {
    let half = object.half_width;
    match object.shape {
        Shape::Cube => ColliderBuilder::cuboid(half, half, half),
        Shape::Sphere => ColliderBuilder::ball(half),
        // Rapier's cylinders stand along y, ours along z.
        Shape::Cylinder => ColliderBuilder::cylinder(half, half).rotation(Vec3::new(
            std::f32::consts::FRAC_PI_2,
            0.0,
            0.0,
        )),
    }
}
