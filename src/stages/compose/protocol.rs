//! Which slots come together in a new scene: the protocols, as functions of shares and random numbers.

use serde::{Deserialize, Serialize};

use crate::plan::compose::ComposeConfig;
use crate::rng::SeededRng;

/// A slot of a clip, both by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotOf {
    /// Number of the clip.
    pub clip: usize,
    /// Number of the slot in it.
    pub slot: usize,
}

/// What a slot is to its scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Taken for its place alone, whatever it holds.
    Shifted,
    /// The slot with the largest share, and others too large for an object.
    Background,
    /// Drawn from another clip.
    Object,
    /// Of the background's clip; it holds next to nothing.
    Unused,
    /// All zeros: left out of the set.
    Empty,
}

/// Where a slot of a scene comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parent {
    /// What it is to the scene.
    pub role: Role,
    /// The slot; none of an empty one.
    pub from: Option<SlotOf>,
    /// Of an object: the greatest overlap with those drawn before it, 0..1.
    pub overlap: Option<f64>,
}

/// One parent a slot, in the order of the scene's slots.
#[derive(Debug, Clone, PartialEq)]
pub struct Composition {
    /// One parent a slot.
    pub parents: Vec<Parent>,
    /// Objects that were asked for and that the other clips do not have.
    pub missing: usize,
}

/// Reason why clips cannot be composed, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsuited {
    /// What is missing.
    pub reason: String,
    /// What the person can do about it.
    pub hint: &'static str,
}

/// Every clip's slots, shifted cyclically within batches: slot i of scene b is slot i of clip (b + i) mod B.
///
/// The last batch takes what is left; a single clip joins the batch before it.
///
/// # Errors
/// When there are fewer clips than a batch takes.
///
/// # Source
/// SlotDiffusion `test_comp_gen.py`, in `img_based` and `video_based`.
pub fn batch_shift(clips: usize, batch: usize, slots: usize) -> Result<Vec<Composition>, Unsuited> {
    if batch < 2 || clips < batch {
        return Err(Unsuited {
            reason: format!("`batch-shift` takes batches of {batch} clips, and there are {clips}"),
            hint: "ask for more clips with `--clips`, or for smaller batches with `--set compose.batch=…`",
        });
    }
    let last = (clips / batch).max(1) - 1;
    let joins = clips % batch == 1;
    let scene = |clip: usize| {
        let number = (clip / batch).min(if joins { last } else { usize::MAX });
        let first = number * batch;
        let end = if joins && number == last {
            clips
        } else {
            (first + batch).min(clips)
        };
        let parent = |slot: usize| Parent {
            role: Role::Shifted,
            from: Some(SlotOf {
                clip: first + (clip - first + slot) % (end - first),
                slot,
            }),
            overlap: None,
        };
        Composition {
            parents: (0..slots).map(parent).collect(),
            missing: 0,
        }
    };
    Ok((0..clips).map(scene).collect())
}

/// The slots of a clip by what they hold, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Contents {
    background: usize,
    objects: Vec<usize>,
    /// Too small for an object.
    unused: Vec<usize>,
    /// Too large for an object, the smallest first.
    rest: Vec<usize>,
}

impl Contents {
    fn of(shares: &[f64], [least, greatest]: [f64; 2]) -> Self {
        let largest = |best: usize, slot: usize| {
            if shares[slot] > shares[best] {
                slot
            } else {
                best
            }
        };
        let background = (0..shares.len()).fold(0, largest);
        let mut contents = Self {
            background,
            ..Self::default()
        };
        for (slot, share) in shares
            .iter()
            .enumerate()
            .filter(|(slot, _)| *slot != background)
        {
            if *share < least {
                contents.unused.push(slot);
            } else if *share <= greatest {
                contents.objects.push(slot);
            } else {
                contents.rest.push(slot);
            }
        }
        contents
            .rest
            .sort_by(|one, other| shares[*one].total_cmp(&shares[*other]));
        contents
    }
}

/// The background of one clip with objects of others.
pub struct Objects<'a> {
    config: &'a ComposeConfig,
    contents: Vec<Contents>,
    /// Clips that have objects.
    donors: Vec<usize>,
    slots: usize,
}

impl<'a> Objects<'a> {
    /// `shares`: of every clip, the share of the picture that each slot has, a mean over the frames.
    ///
    /// # Errors
    /// When there are too few clips with objects, or more objects are asked for than a frame has slots.
    pub fn new(config: &'a ComposeConfig, shares: &[Vec<f64>]) -> Result<Self, Unsuited> {
        let contents: Vec<_> = shares
            .iter()
            .map(|shares| Contents::of(shares, config.share))
            .collect();
        let donors: Vec<usize> = (0..contents.len())
            .filter(|clip| !contents[*clip].objects.is_empty())
            .collect();
        let slots = shares.first().map_or(0, Vec::len);
        let needed = config.donors.unwrap_or(1) + usize::from(!config.own_objects);
        if donors.len() < needed {
            let [least, greatest] = config.share.map(|share| share * 100.0);
            return Err(Unsuited {
                reason: format!(
                    "{needed} clips with an object are needed, and {} of {} have one: a slot on {least} % to {greatest} % of the picture",
                    donors.len(),
                    shares.len()
                ),
                hint: "ask for more clips with `--clips`, or change what counts as an object with `--set compose.share=…`",
            });
        }
        if config.objects.is_some_and(|count| count >= slots) {
            return Err(Unsuited {
                reason: format!(
                    "{} objects and a background are asked for, and a frame has {slots} slots",
                    config.objects.unwrap_or_default()
                ),
                hint: "ask for fewer with `--set compose.objects=…`",
            });
        }
        Ok(Self {
            config,
            contents,
            donors,
            slots,
        })
    }

    /// A scene on the background of clip `base`; `overlap` measures how much two slots' masks overlap, 0..1.
    ///
    /// # Errors
    /// Those of `overlap`.
    pub fn scene<E>(
        &self,
        base: usize,
        rng: &mut SeededRng,
        mut overlap: impl FnMut(SlotOf, SlotOf) -> Result<f64, E>,
    ) -> Result<Composition, E> {
        let contents = &self.contents[base];
        let count = self.config.objects.unwrap_or(contents.objects.len().max(1));
        let donors = self.donors_of(base, rng);
        let mut drawn: Vec<(SlotOf, f64)> = Vec::new();
        for _ in 0..count {
            let mut best: Option<(SlotOf, f64)> = None;
            for _ in 0..self.config.tries {
                let Some(candidate) = self.draw(&donors, &drawn, rng) else {
                    break;
                };
                let mut most = 0.0_f64;
                for (other, _) in &drawn {
                    most = most.max(overlap(candidate, *other)?);
                }
                if best.is_none_or(|(_, least)| most < least) {
                    best = Some((candidate, most));
                }
                if most <= self.config.overlap {
                    break;
                }
            }
            drawn.extend(best);
        }
        let missing = count - drawn.len();
        Ok(Composition {
            parents: self.placed(base, &drawn),
            missing,
        })
    }

    /// Clips that the objects of a scene may come from.
    fn donors_of(&self, base: usize, rng: &mut SeededRng) -> Vec<usize> {
        let mut donors = self.donors.clone();
        donors.retain(|clip| self.config.own_objects || *clip != base);
        let Some(count) = self.config.donors else {
            return donors;
        };
        let order = rng.shuffled(donors.len());
        order
            .into_iter()
            .take(count)
            .map(|place| donors[place])
            .collect()
    }

    /// An object of a clip that gave none yet, where every object comes from another clip and there still is one; none
    /// where all are taken.
    fn draw(
        &self,
        donors: &[usize],
        drawn: &[(SlotOf, f64)],
        rng: &mut SeededRng,
    ) -> Option<SlotOf> {
        let free = |clip: usize| -> Vec<usize> {
            let taken = |slot: &usize| {
                drawn
                    .iter()
                    .any(|(of, _)| *of == SlotOf { clip, slot: *slot })
            };
            let objects = self.contents[clip].objects.iter();
            objects.copied().filter(|slot| !taken(slot)).collect()
        };
        let gave = |clip: &usize| drawn.iter().any(|(of, _)| of.clip == *clip);
        let mut open: Vec<usize> = donors
            .iter()
            .copied()
            .filter(|clip| !free(*clip).is_empty())
            .collect();
        if self.config.donors.is_none() && open.iter().any(|clip| !gave(clip)) {
            open.retain(|clip| !gave(clip));
        }
        if open.is_empty() {
            return None;
        }
        let clip = open[rng.below(open.len())];
        let slots = free(clip);
        Some(SlotOf {
            clip,
            slot: slots[rng.below(slots.len())],
        })
    }

    /// The objects in the places of the clip's own, then in those of slots that hold nothing, then of what is too large.
    fn placed(&self, base: usize, drawn: &[(SlotOf, f64)]) -> Vec<Parent> {
        let contents = &self.contents[base];
        let kept = |role: Role, slot: usize| Parent {
            role,
            from: Some(SlotOf { clip: base, slot }),
            overlap: None,
        };
        let empty = Parent {
            role: Role::Empty,
            from: None,
            overlap: None,
        };
        let mut parents = vec![empty; self.slots];
        for slot in contents.rest.iter().chain([&contents.background]) {
            parents[*slot] = kept(Role::Background, *slot);
        }
        for slot in &contents.unused {
            parents[*slot] = kept(Role::Unused, *slot);
        }
        let places = contents
            .objects
            .iter()
            .chain(&contents.unused)
            .chain(&contents.rest);
        for (place, (from, overlap)) in places.zip(drawn) {
            parents[*place] = Parent {
                role: Role::Object,
                from: Some(*from),
                overlap: Some(*overlap),
            };
        }
        parents
    }
}

#[cfg(test)]
mod tests;
