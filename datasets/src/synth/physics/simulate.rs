//! Rigid-body simulation of a [`World`]: poses and events of every frame.

use std::collections::BTreeMap;

use rapier3d::prelude::{
    Collider, ColliderBuilder, ColliderHandle, PhysicsWorld, RigidBodyBuilder, RigidBodyHandle,
    Vec3,
};

use crate::synth::physics::record::{Event, Object, Pose, Record, Shape};
use crate::synth::physics::world::{Start, World};
use crate::synth::preset::SynthPreset;
use crate::synth::render::camera::View;

impl World {
    /// Simulates the clip of a seed.
    pub fn simulate(preset: &SynthPreset, seed: u64) -> Record {
        simulate(&Self::new(preset, seed), None)
    }

    /// Simulates the clip without one object, all others starting as they did.
    pub fn simulate_without(preset: &SynthPreset, seed: u64, object: usize) -> Record {
        simulate(&Self::new(preset, seed), Some(object))
    }

    /// Simulates the clip that starts like this.
    pub fn simulated(&self) -> Record {
        simulate(self, None)
    }
}

/// Simulates a world, with or without one of its objects.
pub(crate) fn simulate(world: &World, without: Option<usize>) -> Record {
    let preset = &world.preset;
    let cast: Vec<&(Object, Start)> = world
        .cast
        .iter()
        .filter(|(object, _)| Some(object.id) != without)
        .collect();
    let view = View::filmed(&preset.camera, world.camera, world.look.as_ref(), [1, 1]);
    let mut simulation = Simulation::new(world, &cast);
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
                simulation.physics.step();
                touched.extend(simulation.touching());
            }
        }
        // Launched after the steps: a frame shows an object where it starts.
        simulation.launch(frame, &cast);
        let poses: Vec<Pose> = simulation.poses(&view).collect();
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
        rendered_frames: preset.rendered_frames,
        objects: cast.iter().map(|(object, _)| object.clone()).collect(),
        motion,
        events,
        camera: world.camera,
        lights: world.lights.clone(),
        floor: world.floor,
        look: world.look.clone(),
    }
}

/// The note of a collision.
fn collision(frame: usize, objects: [usize; 2], [one, two]: [&Pose; 2]) -> Event {
    let location = [0, 1, 2].map(|i| f32::midpoint(one.position[i], two.position[i]));
    Event::Collision {
        objects,
        frame,
        location,
        inside_camera_view: one.inside_camera_view || two.inside_camera_view,
    }
}

/// Frames in which pairs last touched.
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

/// A running simulation.
struct Simulation {
    physics: PhysicsWorld,
    bodies: Vec<RigidBodyHandle>,
    colliders: Vec<ColliderHandle>,
}

impl Simulation {
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
                .ccd_enabled(true);
            let collider: Collider = form(object)
                .friction(rules.friction)
                .restitution(rules.restitution)
                .build();
            let (body, collider) = physics.insert(body, collider);
            bodies.push(body);
            colliders.push(collider);
        }
        Self {
            physics,
            bodies,
            colliders,
        }
    }

    /// Pushes those whose time has come.
    fn launch(&mut self, frame: usize, cast: &[&(Object, Start)]) {
        let starts = self.bodies.iter().zip(cast);
        for (body, (object, start)) in starts.filter(|(_, (_, start))| start.frame == frame) {
            let [x, y] = start.velocity;
            if x == 0.0 && y == 0.0 {
                continue;
            }
            let body = &mut self.physics.bodies[*body];
            body.set_linvel(Vec3::new(x, y, 0.0), true);
            if object.shape == Shape::Sphere {
                // A ball starts rolling, not sliding.
                body.set_angvel(Vec3::new(-y, x, 0.0) / object.half_width, true);
            }
        }
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

    /// Poses of all bodies.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn preset() -> SynthPreset {
        SynthPreset::synth().unwrap()
    }

    /// The pairs that collide, ever.
    fn collisions(record: &Record) -> Vec<[usize; 2]> {
        let pairs = record.events.iter().filter_map(|event| match event {
            Event::Collision { objects, .. } => Some(*objects),
            _ => None,
        });
        pairs.collect()
    }

    #[test]
    fn most_clips_hold_one_to_four_collisions() {
        let preset = preset();
        let fit = (0..30).filter(|seed| {
            let record = World::simulate(&preset, *seed);
            let collisions = record
                .rendered_events()
                .filter(|event| matches!(event, Event::Collision { .. }));
            (1..=4).contains(&collisions.count())
        });
        let fit = fit.count();
        assert!(fit >= 18, "{fit} of 30");
    }

    #[test]
    fn a_seed_gives_the_same_record_twice() {
        assert_eq!(World::simulate(&preset(), 4), World::simulate(&preset(), 4));
        assert_ne!(
            World::simulate(&preset(), 4).motion,
            World::simulate(&preset(), 5).motion
        );
    }

    #[test]
    fn events_come_in_order_and_enter_and_leave_take_turns() {
        for seed in 0..10 {
            let record = World::simulate(&preset(), seed);
            assert!(record.events.is_sorted_by_key(Event::frame));
            for (k, object) in record.objects.iter().enumerate() {
                let mut visible = record.motion[0][k].inside_camera_view;
                for event in &record.events {
                    match event {
                        Event::Enter { object: id, .. } if *id == object.id => {
                            assert!(!visible);
                            visible = true;
                        }
                        Event::Leave { object: id, .. } if *id == object.id => {
                            assert!(visible);
                            visible = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_sinks_flies_or_stands_in_another() {
        for seed in 0..10 {
            let record = World::simulate(&preset(), seed);
            for poses in &record.motion {
                for (k, pose) in poses.iter().enumerate() {
                    let half = record.objects[k].half_width;
                    assert!(
                        pose.position[2] > 0.8 * half && pose.position[2] < 3.0,
                        "seed {seed}: {pose:?}"
                    );
                    for (other, object) in poses.iter().zip(&record.objects).skip(k + 1) {
                        let apart =
                            Vec3::from_array(other.position) - Vec3::from_array(pose.position);
                        assert!(
                            apart.length() > 0.9 * (half + object.half_width),
                            "seed {seed}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_removed_object_is_gone_and_the_others_start_alike() {
        let (all, fewer) = (
            World::simulate(&preset(), 8),
            World::simulate_without(&preset(), 8, 1),
        );
        assert_eq!(fewer.objects.len() + 1, all.objects.len());
        assert!(
            fewer.index_of(1).is_none() && collisions(&fewer).iter().all(|pair| !pair.contains(&1))
        );
        for (k, object) in fewer.objects.iter().enumerate() {
            let before = all.index_of(object.id).unwrap();
            assert_eq!(all.objects[before], *object);
            assert_eq!(all.motion[0][before], fewer.motion[0][k]);
        }
    }

    #[test]
    fn removing_an_object_without_contacts_changes_nothing() {
        let mut lonely = 0;
        for seed in 0..20 {
            let all = World::simulate(&preset(), seed);
            let touched = collisions(&all).concat();
            let Some(alone) = all
                .objects
                .iter()
                .find(|object| !touched.contains(&object.id))
            else {
                continue;
            };
            lonely += 1;
            let fewer = World::simulate_without(&preset(), seed, alone.id);
            assert_eq!(collisions(&fewer), collisions(&all), "seed {seed}");
            for (poses, others) in all.motion.iter().zip(&fewer.motion) {
                let kept: Vec<&Pose> = poses
                    .iter()
                    .zip(&all.objects)
                    .filter(|(_, o)| o.id != alone.id)
                    .map(|(p, _)| p)
                    .collect();
                assert!(kept.into_iter().eq(others), "seed {seed}");
            }
        }
        assert!(
            lonely >= 5,
            "{lonely} of 20 clips have an object without contacts"
        );
    }

    #[test]
    fn contacts_of_one_pair_that_follow_each_other_are_one_collision() {
        let mut contacts = Contacts {
            merge_frames: 3,
            last: BTreeMap::new(),
        };
        let pair = [0, 1];
        assert_eq!(contacts.begun(5, &[pair, pair]), [pair]);
        assert!(contacts.begun(8, &[pair]).is_empty());
        assert!(contacts.begun(11, &[pair]).is_empty());
        assert_eq!(contacts.begun(15, &[pair]), [pair]);
    }
}
