//! Parents of scenes under every protocol and setting.

use std::collections::BTreeSet;
use std::convert::Infallible;

use super::*;

/// Five clips of five slots: background, two objects, one that is too large, one that holds nothing.
fn shares() -> Vec<Vec<f64>> {
    let clip = vec![0.5, 0.05, 0.04, 0.4, 0.001];
    (0..5)
        .map(|shift| {
            let mut clip = clip.clone();
            clip.rotate_right(shift);
            clip
        })
        .collect()
}

fn scene(config: &ComposeConfig, base: usize, seed: u64, overlap: f64) -> Composition {
    let objects = Objects::new(config, &shares()).unwrap();
    let mut rng = SeededRng::new(seed, &["test"]);
    let fixed = |_: SlotOf, _: SlotOf| Ok::<_, Infallible>(overlap);
    objects.scene(base, &mut rng, fixed).unwrap()
}

fn froms(composition: &Composition, role: Role) -> Vec<SlotOf> {
    let of_role = composition
        .parents
        .iter()
        .filter(|parent| parent.role == role);
    of_role.filter_map(|parent| parent.from).collect()
}

#[test]
fn batch_shift_is_the_cyclic_shift_and_uses_every_slot_once() {
    let scenes = batch_shift(8, 4, 3).unwrap();
    for (scene, composition) in scenes.iter().enumerate() {
        let first = scene / 4 * 4;
        for (slot, parent) in composition.parents.iter().enumerate() {
            let clip = first + (scene - first + slot) % 4;
            assert_eq!(parent.from, Some(SlotOf { clip, slot }));
        }
    }
    let all: BTreeSet<_> = scenes
        .iter()
        .flat_map(|scene| froms(scene, Role::Shifted))
        .collect();
    assert_eq!(all.len(), 8 * 3, "every slot is the parent of exactly one");
}

#[test]
fn a_short_last_batch_shifts_within_itself_and_a_single_clip_joins_the_one_before() {
    let clips_of = |scenes: &[Composition], from: usize| -> BTreeSet<usize> {
        let parents = scenes[from..]
            .iter()
            .flat_map(|scene| froms(scene, Role::Shifted));
        parents.map(|parent| parent.clip).collect()
    };
    let short = batch_shift(6, 4, 3).unwrap();
    assert_eq!(clips_of(&short, 4), [4, 5].into());
    let joined = batch_shift(9, 4, 5).unwrap();
    assert_eq!(clips_of(&joined, 8), [8, 4, 5, 6, 7].into());
    assert_eq!(clips_of(&joined[..4], 0), [0, 1, 2, 3].into());
    assert_eq!(
        batch_shift(5, 4, 2).unwrap()[3].parents[1]
            .from
            .unwrap()
            .clip,
        4
    );
    assert!(batch_shift(3, 4, 2).is_err() && batch_shift(4, 1, 2).is_err());
}

#[test]
fn a_scene_keeps_its_background_and_takes_objects_of_other_clips_one_each() {
    for base in 0..5 {
        for seed in 0..20 {
            let found = scene(&ComposeConfig::default(), base, seed, 0.0);
            assert_eq!(found.parents.len(), 5);
            let objects = froms(&found, Role::Object);
            assert_eq!(
                (objects.len(), found.missing),
                (2, 0),
                "as many as the clip has"
            );
            assert!(objects.iter().all(|from| from.clip != base));
            assert_ne!(objects[0].clip, objects[1].clip);
            for from in objects {
                let share = shares()[from.clip][from.slot];
                assert!((0.005..=0.2).contains(&share), "{share}");
            }
            let own: BTreeSet<_> = froms(&found, Role::Background).into_iter().collect();
            let large = [base % 5, (base + 3) % 5].map(|slot| SlotOf { clip: base, slot });
            assert_eq!(own, large.into());
            assert_eq!(found.parents[base % 5].role, Role::Background);
            let unused = SlotOf {
                clip: base,
                slot: (base + 4) % 5,
            };
            assert_eq!(froms(&found, Role::Unused), [unused]);
        }
    }
}

#[test]
fn objects_of_the_background_s_clip_are_drawn_only_where_that_is_asked_for() {
    let config = ComposeConfig {
        own_objects: true,
        ..ComposeConfig::default()
    };
    let own = |seed| {
        froms(&scene(&config, 1, seed, 0.0), Role::Object)
            .iter()
            .any(|of| of.clip == 1)
    };
    assert!((0..50).any(own));
}

#[test]
fn the_same_seed_gives_the_same_scene_and_another_one_another() {
    let config = ComposeConfig::default();
    let all = |seed: u64| {
        (0..5)
            .map(|base| scene(&config, base, seed, 0.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(all(3), all(3));
    assert_ne!(all(3), all(4));
}

#[test]
fn objects_that_always_overlap_are_kept_with_their_overlap() {
    let found = scene(&ComposeConfig::default(), 0, 1, 0.7);
    let overlaps: Vec<_> = found
        .parents
        .iter()
        .filter_map(|parent| parent.overlap)
        .collect();
    assert_eq!(overlaps, [0.0, 0.7]);
}

#[test]
fn an_object_that_overlaps_is_drawn_again() {
    let config = ComposeConfig {
        tries: 50,
        ..ComposeConfig::default()
    };
    let shares = shares();
    let objects = Objects::new(&config, &shares).unwrap();
    let far = |one: SlotOf, other: SlotOf| {
        let both = [one.clip, other.clip];
        Ok::<_, Infallible>(if both.contains(&2) && both.contains(&4) {
            0.1
        } else {
            0.9
        })
    };
    let found = objects
        .scene(0, &mut SeededRng::new(9, &["test"]), far)
        .unwrap();
    let clips: Vec<_> = froms(&found, Role::Object)
        .iter()
        .map(|of| of.clip)
        .collect();
    let possible = clips[0] == 2 || clips[0] == 4;
    let kept = found
        .parents
        .iter()
        .filter_map(|parent| parent.overlap)
        .fold(0.0, f64::max);
    assert_eq!(kept, if possible { 0.1 } else { 0.9 });
}

#[test]
fn donors_limit_where_objects_come_from_and_what_they_lack_is_counted() {
    let config = ComposeConfig {
        donors: Some(1),
        objects: Some(3),
        ..ComposeConfig::default()
    };
    let found = scene(&config, 0, 5, 0.0);
    let clips: BTreeSet<_> = froms(&found, Role::Object)
        .iter()
        .map(|of| of.clip)
        .collect();
    assert_eq!((clips.len(), found.missing), (1, 1));
    let fewer = ComposeConfig {
        objects: Some(1),
        ..ComposeConfig::default()
    };
    let roles: Vec<_> = scene(&fewer, 0, 5, 0.0)
        .parents
        .iter()
        .map(|parent| parent.role)
        .collect();
    assert_eq!(
        roles,
        [
            Role::Background,
            Role::Object,
            Role::Empty,
            Role::Background,
            Role::Unused
        ]
    );
}

#[test]
fn too_few_clips_and_too_many_objects_are_refused() {
    let config = ComposeConfig::default();
    let refused =
        |config: &ComposeConfig, clips: usize| Objects::new(config, &shares()[..clips]).err();
    assert!(
        refused(&config, 1)
            .unwrap()
            .reason
            .contains("1 of 1 have one")
    );
    let many = ComposeConfig {
        donors: Some(5),
        ..config.clone()
    };
    assert!(refused(&many, 5).unwrap().reason.starts_with("6 clips"));
    let full = ComposeConfig {
        objects: Some(5),
        ..config
    };
    assert!(refused(&full, 5).unwrap().reason.contains("5 slots"));
}
