//! The same clip with other objects: one left out, one with other looks, one of another clip in its place. Nothing is
//! simulated anew: all other objects have the poses that they had. What edited slots are compared with.

use super::record::{Object, Record};

impl Record {
    /// The clip without an object; as it is where the object does not take part.
    #[must_use]
    pub fn without(&self, id: usize) -> Self {
        let Some(at) = self.index_of(id) else {
            return self.clone();
        };
        let mut record = self.clone();
        record.objects.remove(at);
        for poses in &mut record.motion {
            poses.remove(at);
        }
        record
    }

    /// The clip with an object in the shape, colour, material and texture of another, in its own poses and of its own
    /// size; as it is where the object does not take part.
    #[must_use]
    pub fn with_looks(&self, id: usize, looks: &Object) -> Self {
        let mut record = self.clone();
        if let Some(at) = self.index_of(id) {
            let Object { id, half_width, .. } = self.objects[at];
            record.objects[at] = Object {
                id,
                half_width,
                ..looks.clone()
            };
        }
        record
    }

    /// The clip with an object of another clip in the place of one of its own, moving as it does there; its mask has
    /// the value of the object that it stands for. Behind the other clip's end it stays where it was.
    ///
    /// `None` where one of the two objects does not take part, or the other clip has no frame.
    #[must_use]
    pub fn with_object(&self, id: usize, other: &Self, of_other: usize) -> Option<Self> {
        let (at, from) = (self.index_of(id)?, other.index_of(of_other)?);
        let mut record = self.clone();
        record.objects[at] = Object {
            id,
            ..other.objects[from].clone()
        };
        let last = other.motion.last()?;
        for (frame, poses) in record.motion.iter_mut().enumerate() {
            poses[at] = other.motion.get(frame).unwrap_or(last)[from];
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use crate::synth::{Renderer, SynthPreset, World};

    const SIZE: [usize; 2] = [64, 64];
    const FRAMES: [usize; 2] = [20, 60];

    #[test]
    fn without_an_object_only_its_own_pixels_and_what_it_shades_or_hides_are_others() {
        let preset = SynthPreset::synth().unwrap();
        let record = World::simulate(&preset, 4);
        let (whole, masks) = Renderer::new(&preset, &record, SIZE).clip(&FRAMES);
        let id = record.objects[0].id;
        let (without, masks_without) =
            Renderer::new(&preset, &record.without(id), SIZE).clip(&FRAMES);
        let value = id as u8 + 1;
        assert!(masks.iter().any(|mask| *mask == value));
        let mut far = 0;
        for ((at, mask), other) in masks.indexed_iter().zip(&masks_without) {
            assert_ne!(*other, value);
            if *mask == value {
                continue;
            }
            assert_eq!(mask, other, "other objects are where they were");
            let (t, y, x) = at;
            let apart =
                (0..3).map(|part| whole[[t, y, x, part]].abs_diff(without[[t, y, x, part]]));
            far += usize::from(apart.max() > Some(8));
        }
        assert!(far * 10 < masks.len(), "{far} pixels elsewhere differ");
    }

    #[test]
    fn other_looks_keep_an_object_where_it_is() {
        let preset = SynthPreset::synth().unwrap();
        let record = World::simulate(&preset, 4);
        let (id, other) = (record.objects[0].id, record.objects[1].clone());
        let changed = record.with_looks(id, &other);
        assert_eq!(changed.motion, record.motion);
        assert_eq!(changed.objects[0].color, other.color);
        assert_eq!(changed.objects[0].half_width, record.objects[0].half_width);
        assert_eq!(changed.objects[0].id, id);
        assert_eq!(changed.objects[1..], record.objects[1..]);
    }

    #[test]
    fn an_object_of_another_clip_moves_as_it_does_there() {
        let preset = SynthPreset::synth().unwrap();
        let [record, other] = [4, 5].map(|seed| World::simulate(&preset, seed));
        let (id, of_other) = (record.objects[0].id, other.objects[1].id);
        let changed = record.with_object(id, &other, of_other).unwrap();
        assert_eq!(changed.objects[0].id, id);
        assert_eq!(changed.objects[0].shape, other.objects[1].shape);
        for frame in 0..other.motion.len() {
            assert_eq!(changed.motion[frame][0], other.motion[frame][1]);
            assert_eq!(changed.motion[frame][1..], record.motion[frame][1..]);
        }
        assert!(record.with_object(99, &other, of_other).is_none());
        assert_eq!(record.without(99), record);
    }
}
