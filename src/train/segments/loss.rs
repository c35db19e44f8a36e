//! Attention taught by segments: each segment of a clip is given the slot that already looks at it most, and that slot
//! is asked to look there and nowhere else. As Bao et al. (CVPR 2022) do with segments from motion.

#![expect(
    clippy::needless_pass_by_value,
    reason = "views are handed over as slices are"
)]

use burn::tensor::{Tensor, TensorData};
use ndarray::{Array2, ArrayView3, ArrayView4, Axis, s};
use serde::{Deserialize, Serialize};
use slotflow_eval::matching::assign;

/// Added before a logarithm.
const EPSILON: f64 = 1e-6;

/// How segments teach attention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SegmentLossConfig {
    /// How far small segments are weighed up against large ones: 0 counts pixels, 1 counts segments.
    pub balance: f64,
    /// What `balance` changes to in the course of a training; unset = it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance_decay: Option<BalanceDecay>,
}

impl Default for SegmentLossConfig {
    fn default() -> Self {
        Self {
            balance: 0.5,
            balance_decay: None,
        }
    }
}

/// A balance that changes linearly from some point of a training to its end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BalanceDecay {
    /// The balance at the end.
    pub end: f64,
    /// Share of the training before which nothing changes, 0..1.
    pub after: f64,
}

impl SegmentLossConfig {
    /// The balance when `progress` of the training is done, 0..1.
    pub fn balance_at(&self, progress: f64) -> f64 {
        let Some(BalanceDecay { end, after }) = self.balance_decay else {
            return self.balance;
        };
        let share = (progress - after) / (1.0 - after).max(1e-9);
        self.balance + (end - self.balance) * share.clamp(0.0, 1.0)
    }
}

/// The slot that each segment of a clip is given, if any.
pub type Owners = Vec<Option<usize>>;

/// The slots that look most at the segments of each clip: the pairing with the greatest sum of overlaps over unions.
///
/// # Shape
/// - `attention`: `[batch, time, slots, height, width]`, summing to 1 over slots
/// - `segments`: `[batch, time, height · k, width · l]`, whole `k` and `l`
///
/// # Panics
/// When the two do not fit, or attention is not finite.
pub fn owners(attention: &Tensor<5>, segments: ArrayView4<u8>) -> Vec<Owners> {
    let [batch, time, slots, height, width] = attention.dims();
    assert_fits([batch, time], segments);
    let seen = floats(attention.clone());
    let size = time * slots * height * width;
    segments
        .axis_iter(Axis(0))
        .zip(seen.chunks_exact(size))
        .map(|(segments, seen)| Shares::new(segments, [height, width]).owners(seen, slots))
        .collect()
}

/// Cross-entropy of attention, or of drawn masks, with the segments given to their slots, per clip; background is a
/// segment too.
///
/// A cell that several segments share asks for each in part. Segments without a slot are left out; slots without a
/// segment are asked for nothing, so that they are seen nowhere.
///
/// # Shape
/// - `masks`: `[batch, time, slots, height, width]`, summing to 1 over slots
/// - `segments`: `[batch, time, height · k, width · l]`, whole `k` and `l`
/// - `balance`: as in [`SegmentLossConfig::balance`]
///
/// # Panics
/// When the two do not fit.
///
/// # Source
/// Bao et al. 2022, §3.3.
pub fn segment_loss(
    masks: Tensor<5>,
    segments: ArrayView4<u8>,
    owners: &[Owners],
    balance: f64,
) -> Tensor<1> {
    let [batch, time, slots, height, width] = masks.dims();
    assert_fits([batch, time], segments);
    let size = time * slots * height * width;
    let mut targets = vec![0.0; batch * size];
    let mut total = 0.0;
    let clips = segments.axis_iter(Axis(0)).zip(owners);
    for ((segments, owners), targets) in clips.zip(targets.chunks_exact_mut(size)) {
        let shares = Shares::new(segments, [height, width]);
        total += shares.targets(owners, balance, slots, targets);
    }
    let targets = TensorData::new(targets, [batch, time, slots, height, width]);
    let targets = Tensor::<5>::from_data(targets, &masks.device());
    ((masks + EPSILON).log() * targets).sum() / (-total.max(1.0))
}

fn assert_fits(frames: [usize; 2], segments: ArrayView4<u8>) {
    let (clips, time, _, _) = segments.dim();
    assert_eq!(frames, [clips, time], "every frame needs its segments");
}

/// What share of each cell each segment of a clip fills.
struct Shares {
    /// `[segments, time · cells]`
    share: Array2<f32>,
    cells: usize,
}

impl Shares {
    fn new(segments: ArrayView3<u8>, [height, width]: [usize; 2]) -> Self {
        let (time, rows, columns) = segments.dim();
        assert_eq!(
            [rows % height, columns % width],
            [0, 0],
            "{rows}×{columns} segments do not fit {height}×{width} cells"
        );
        let (tall, wide) = (rows / height, columns / width);
        let cells = height * width;
        let highest = segments.iter().copied().max().unwrap_or(0) as usize;
        let mut share = Array2::zeros((highest + 1, time * cells));
        let each = 1.0 / (tall * wide) as f32;
        for ((frame, row, column), &segment) in segments.indexed_iter() {
            let cell = frame * cells + row / tall * width + column / wide;
            share[[segment as usize, cell]] += each;
        }
        Self { share, cells }
    }

    /// The slot of each segment: the pairing with the greatest sum of overlaps over unions.
    fn owners(&self, attention: &[f32], slots: usize) -> Vec<Option<usize>> {
        let (segments, places) = self.share.dim();
        let at = |slot: usize, place: usize| {
            attention[(place / self.cells * slots + slot) * self.cells + place % self.cells]
        };
        let mut overlap = Array2::<f64>::zeros((segments, slots));
        let sizes: Vec<f64> = self
            .share
            .outer_iter()
            .map(|share| share.iter().map(|part| f64::from(*part)).sum())
            .collect();
        for slot in 0..slots {
            let looks: Vec<f32> = (0..places).map(|place| at(slot, place)).collect();
            let all: f64 = looks.iter().map(|look| f64::from(*look)).sum();
            assert!(all.is_finite(), "attention must be finite");
            for (segment, share) in self.share.outer_iter().enumerate() {
                let both: f64 = share
                    .iter()
                    .zip(&looks)
                    .map(|(part, look)| f64::from(part * look))
                    .sum();
                overlap[[segment, slot]] = both / (sizes[segment] + all - both).max(EPSILON);
            }
        }
        // A number that no pixel has is no segment.
        let present: Vec<usize> = (0..segments)
            .filter(|segment| sizes[*segment] > 0.0)
            .collect();
        let pairs = assign(overlap.select(Axis(0), &present).view());
        let mut owners = vec![None; segments];
        for (segment, slot) in present.into_iter().zip(pairs) {
            owners[segment] = slot;
        }
        owners
    }

    /// Writes what each slot is asked for, and gives the sum of it all.
    fn targets(
        &self,
        owners: &[Option<usize>],
        balance: f64,
        slots: usize,
        targets: &mut [f32],
    ) -> f64 {
        let places = self.share.dim().1;
        let mut total = 0.0;
        for (segment, slot) in owners
            .iter()
            .enumerate()
            .filter_map(|(segment, slot)| Some((segment, (*slot)?)))
        {
            let share = self.share.slice(s![segment, ..]);
            let part = f64::from(share.sum()) / places as f64;
            let weight = part.powf(-balance);
            for (place, &share) in share.iter().enumerate() {
                let target = f64::from(share) * weight;
                targets[(place / self.cells * slots + slot) * self.cells + place % self.cells] =
                    target as f32;
                total += target;
            }
        }
        total
    }
}

#[expect(
    clippy::expect_used,
    reason = "attention is made of f32 on every device"
)]
fn floats(attention: Tensor<5>) -> Vec<f32> {
    let data = attention.detach().into_data().convert::<f32>();
    data.try_into_vec().expect("attention is made of f32")
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use ndarray::Array4;

    use super::*;

    /// Two segments on background, one clip of two frames, 4×4 pixels.
    fn segments() -> Array4<u8> {
        let mut segments = Array4::zeros((1, 2, 4, 4));
        segments.slice_mut(s![.., .., 0..2, 0..2]).fill(1);
        segments.slice_mut(s![.., 1.., 2..4, 2..4]).fill(2);
        segments
    }

    /// Attention on 2×2 cells whose slots are the segments in this order; a fourth slot sees nothing.
    fn attention(order: [usize; 4], sure: f32, device: &Device) -> Tensor<5> {
        let owner = [[1, 0, 0, 0], [1, 0, 0, 2]];
        let mut values = Vec::new();
        for frame in owner {
            for slot in order {
                values.extend(frame.map(|owner| {
                    if owner == slot {
                        sure
                    } else {
                        (1.0 - sure) / 3.0
                    }
                }));
            }
        }
        Tensor::from_data(TensorData::new(values, [1, 2, 4, 2, 2]), device)
    }

    fn loss(attention: Tensor<5>) -> f32 {
        taught(attention).into_scalar()
    }

    fn taught(attention: Tensor<5>) -> Tensor<1> {
        let owners = owners(&attention, segments().view());
        let balance = SegmentLossConfig::default().balance;
        segment_loss(attention, segments().view(), &owners, balance)
    }

    #[test]
    fn attention_that_is_the_segments_costs_nothing_in_any_order_of_slots() {
        let device = Device::default();
        assert!(loss(attention([0, 1, 2, 9], 1.0, &device)).abs() < 1e-5);
        assert!(loss(attention([9, 2, 0, 1], 1.0, &device)).abs() < 1e-5);
    }

    #[test]
    fn even_attention_costs_the_logarithm_of_the_number_of_slots() {
        let even = attention([0, 1, 2, 9], 0.25, &Device::default());
        assert!((loss(even) - 4.0f32.ln()).abs() < 1e-4);
    }

    #[test]
    fn the_gradient_draws_each_slot_to_its_segment() {
        let device = Device::default().autodiff();
        let attention = attention([0, 1, 2, 9], 0.7, &device).require_grad();
        let loss = taught(attention.clone());
        let gradient = attention.grad(&loss.backward()).unwrap().into_data();
        let gradient: Vec<f32> = gradient.try_into_vec().unwrap();
        let at = |frame: usize, slot: usize, cell: usize| gradient[(frame * 4 + slot) * 4 + cell];
        assert!(
            at(0, 1, 0) < 0.0 && at(0, 1, 1) == 0.0,
            "the second slot wants the first cell alone"
        );
        assert!(
            at(1, 2, 3) < 0.0 && at(0, 2, 3) == 0.0,
            "the third slot wants the last cell of the second frame"
        );
        assert!(
            at(1, 2, 3) < at(1, 0, 1),
            "a small segment's cell counts for more"
        );
    }

    #[test]
    fn a_balance_that_decays_changes_only_in_the_last_part() {
        let mut config = SegmentLossConfig::default();
        assert_eq!([0.0, 0.7, 1.0].map(|at| config.balance_at(at)), [0.5; 3]);
        config.balance_decay = Some(BalanceDecay {
            end: 0.2,
            after: 0.6,
        });
        let balances = [0.0, 0.6, 0.8, 1.0].map(|at| config.balance_at(at));
        for (balance, expected) in balances.into_iter().zip([0.5, 0.5, 0.35, 0.2]) {
            assert!((balance - expected).abs() < 1e-9, "{balances:?}");
        }
    }

    #[test]
    fn a_lower_balance_weighs_small_segments_less() {
        let device = Device::default();
        // All is seen right but the smaller segment, which no slot sees.
        let attention = attention([0, 1, 9, 8], 1.0, &device);
        let owners = owners(&attention, segments().view());
        let cost = |balance| {
            let loss = segment_loss(attention.clone(), segments().view(), &owners, balance);
            loss.into_scalar::<f32>()
        };
        assert!(cost(0.2) < 0.8 * cost(0.5), "{} {}", cost(0.2), cost(0.5));
    }

    #[test]
    fn what_is_drawn_is_judged_by_the_slots_that_look() {
        let device = Device::default();
        let owners = owners(&attention([0, 1, 2, 9], 1.0, &device), segments().view());
        assert_eq!(owners, [vec![Some(0), Some(1), Some(2)]]);
        let swapped = attention([1, 0, 2, 9], 1.0, &device);
        let balance = SegmentLossConfig::default().balance;
        let cost = segment_loss(swapped, segments().view(), &owners, balance);
        assert!(
            cost.into_scalar::<f32>() > 1.0,
            "slots may not swap between seeing and drawing"
        );
    }

    #[test]
    fn a_shared_cell_asks_for_each_segment_in_part() {
        let mut segments = Array4::zeros((1, 1, 2, 2));
        segments[[0, 0, 0, 0]] = 1;
        let shares = Shares::new(segments.index_axis(Axis(0), 0), [1, 1]);
        assert_eq!(shares.share.column(0).to_vec(), [0.75, 0.25]);
    }
}
