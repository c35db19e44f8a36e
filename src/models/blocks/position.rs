//! When a frame was, as a vector: sines, then cosines, of its distance from the newest frame.
//! Reference: SlotFormer `video_prediction/models/slotformer.py`, `get_sin_pos_enc`.

/// One code per frame, row by row; the oldest comes first and the newest has distance zero.
///
/// Differs: the papers interleave sines and cosines and count upwards; the released weights were trained
/// with halves and downwards.
///
/// # Shape
/// `[frames, dim]`
///
/// # Panics
/// When `dim` is odd.
pub fn descending_code(frames: usize, dim: usize) -> Vec<f32> {
    assert_eq!(dim % 2, 0, "a code of {dim} numbers has no halves");
    let half = dim / 2;
    let frequency = |index: usize| 10_000_f64.powf(-(index as f64) / half as f64);
    let row = |distance: usize| {
        let angle = move |index| distance as f64 * frequency(index);
        let sines = (0..half).map(move |index| angle(index).sin() as f32);
        sines.chain((0..half).map(move |index| angle(index).cos() as f32))
    };
    (0..frames).rev().flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_agrees_with_values_of_the_reference() {
        let code = descending_code(6, 128);
        let expected = [
            (0, -0.958_924),
            (1, -0.927_709),
            (63, 0.000_577),
            (64, 0.283_662),
            (65, -0.373_304),
            (127, 1.0),
        ];
        for (index, value) in expected {
            assert!(
                (code[index] - value).abs() < 1e-6,
                "{index}: {}",
                code[index]
            );
        }
        assert!(code[5 * 128..5 * 128 + 64].iter().all(|x| *x == 0.0));
        assert!(code[5 * 128 + 64..].iter().all(|x| (*x - 1.0).abs() < 1e-7));
    }
}
