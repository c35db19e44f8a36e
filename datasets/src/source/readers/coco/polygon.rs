//! Polygons as masks, pixel for pixel as `pycocotools` draws them.
//!
//! # Source
//! `cocodataset/cocoapi`, `rleFrPoly`: the outline is walked on a grid five times as fine; wherever it goes from one
//! column to the next, it crosses that column's centre line at a height, from which on the pixels down the columns change
//! between outside and inside.

use ndarray::{Array2, ArrayViewMut2};

/// Steps of the fine grid in a pixel.
const FINE: f64 = 5.0;

/// Coordinates beyond this are no part of any picture, pixels.
const FARTHEST: f64 = 65_536.0;

/// The most steps of the fine grid along one outline: some hundred times around the largest picture.
const MOST_STEPS: i64 = 1 << 25;

/// The most pixels that the polygons of one object look at, each the whole picture: seven thousand of them on one of COCO's.
const MOST_PIXELS: usize = 1 << 31;

/// Sets the pixels inside a polygon.
///
/// # Shape
/// - `outline`: `x, y, x, y, …` in pixels from the picture's upper left corner; parts outside the picture are cut off
/// - `mask`: `[height, width]`
///
/// # Errors
/// When the outline has fewer than three corners or half a corner, has a coordinate that is no number or far away, goes
/// to and fro without end, or lies wholly outside the picture.
pub(super) fn fill_polygon(outline: &[f64], mask: &mut ArrayViewMut2<bool>) -> Result<(), String> {
    let (height, width) = mask.dim();
    check(outline, [height, width])?;
    let fine = |coordinate: f64| (FINE * coordinate + 0.5) as i64;
    let corners: Vec<[i64; 2]> = outline
        .chunks_exact(2)
        .map(|corner| [fine(corner[0]), fine(corner[1])])
        .collect();
    let next = corners.iter().cycle().skip(1);
    let steps = corners.iter().zip(next).map(|(from, to)| {
        let [across, down] = [0, 1].map(|axis: usize| (from[axis] - to[axis]).abs());
        across.max(down)
    });
    let steps: i64 = steps.sum();
    if steps > MOST_STEPS {
        return Err(format!(
            "a polygon whose outline is {} pixels long",
            steps / FINE as i64
        ));
    }
    // Whether the pixels change at each place down the columns, and past the last.
    let mut changes = vec![false; height * width + 1];
    let mut before: Option<[i64; 2]> = None;
    let next = corners.iter().cycle().skip(1);
    for (from, to) in corners.iter().zip(next) {
        walk(*from, *to, |point| {
            if let Some(place) = before.and_then(|before| crossing(before, point, [height, width]))
            {
                changes[place] ^= true;
            }
            before = Some(point);
        });
    }
    let mut inside = false;
    for (place, change) in changes[..height * width].iter().enumerate() {
        inside ^= change;
        if inside {
            mask[[place % height, place / height]] = true;
        }
    }
    Ok(())
}

fn check(outline: &[f64], [height, width]: [usize; 2]) -> Result<(), String> {
    if outline.len() < 6 || !outline.len().is_multiple_of(2) {
        return Err(format!("a polygon of {} numbers", outline.len()));
    }
    let near = |number: &f64| number.is_finite() && number.abs() <= FARTHEST;
    if let Some(far) = outline.iter().find(|number| !near(number)) {
        return Err(format!("a polygon with the coordinate {far}"));
    }
    let outside = |first: usize, limit: usize| {
        let all = outline.iter().skip(first).step_by(2);
        let (mut below, mut above) = (true, true);
        for number in all {
            below &= *number < 0.0;
            above &= *number > limit as f64;
        }
        below || above
    };
    if outside(0, width) || outside(1, height) {
        return Err("a polygon wholly outside the picture".to_owned());
    }
    Ok(())
}

/// The points of the fine grid from one corner to another, one to each step along the longer side.
fn walk([from_x, from_y]: [i64; 2], [to_x, to_y]: [i64; 2], mut visit: impl FnMut([i64; 2])) {
    let (across, down) = ((from_x - to_x).abs(), (from_y - to_y).abs());
    let flat = across >= down;
    // The line is drawn from its lesser end, so that it does not depend on the direction.
    let turned = if flat { from_x > to_x } else { from_y > to_y };
    let ([start_x, start_y], [end_x, end_y]) = if turned {
        ([to_x, to_y], [from_x, from_y])
    } else {
        ([from_x, from_y], [to_x, to_y])
    };
    let steps = across.max(down);
    let slope = if flat {
        (end_y - start_y) as f64 / across.max(1) as f64
    } else {
        (end_x - start_x) as f64 / down as f64
    };
    for step in 0..=steps {
        let step = if turned { steps - step } else { step };
        let other = |start: i64| (start as f64 + slope * step as f64 + 0.5) as i64;
        visit(if flat {
            [start_x + step, other(start_y)]
        } else {
            [other(start_x), start_y + step]
        });
    }
}

/// The place down the columns at which the pixels change, if the outline crosses a column's centre line between two
/// neighbouring points of the fine grid.
fn crossing(before: [i64; 2], after: [i64; 2], [height, width]: [usize; 2]) -> Option<usize> {
    if before[0] == after[0] {
        return None;
    }
    // The fine column between the two points.
    let fine_x = if after[0] < before[0] {
        after[0]
    } else {
        after[0] - 1
    };
    let x = (fine_x as f64 + 0.5) / FINE - 0.5;
    if x.floor() != x || x < 0.0 || x > width as f64 - 1.0 {
        return None;
    }
    let y = (before[1].min(after[1]) as f64 + 0.5) / FINE - 0.5;
    let y = y.clamp(0.0, height as f64).ceil();
    Some(x as usize * height + y as usize)
}

/// A mask with the pixels of several polygons.
///
/// # Errors
/// As [`fill_polygon`], and when there are too many.
pub(super) fn fill_polygons(
    outlines: &[Vec<f64>],
    size: [usize; 2],
) -> Result<Array2<bool>, String> {
    let pixels = outlines.len().saturating_mul(size[0] * size[1]);
    if pixels > MOST_PIXELS {
        let count = outlines.len();
        return Err(format!(
            "{count} polygons on a picture of {}×{} pixels",
            size[0], size[1]
        ));
    }
    let mut mask = Array2::from_elem(size, false);
    for outline in outlines {
        fill_polygon(outline, &mut mask.view_mut())?;
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::rle::Rle;

    /// A polygon and the mask that `pycocotools` 2.0.11 draws of it, by the script beside the file.
    #[derive(Deserialize)]
    struct Golden {
        polygons: Vec<Vec<f64>>,
        mask: Rle,
    }

    #[test]
    fn polygons_are_drawn_as_pycocotools_draws_them() {
        let path = "src/source/readers/coco/testdata/polygons.json";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(path).unwrap();
        let all: Vec<Golden> = serde_json::from_str(&text).unwrap();
        assert!(all.len() >= 20);
        for (number, golden) in all.iter().enumerate() {
            let mask = fill_polygons(&golden.polygons, golden.mask.size).unwrap();
            assert_eq!(Rle::encode(mask.view()), golden.mask, "polygon {number}");
        }
    }

    #[test]
    fn what_is_no_polygon_of_the_picture_is_refused() {
        for (outline, reason) in [
            (vec![0.0; 4], "a polygon of 4 numbers"),
            (vec![0.0; 7], "a polygon of 7 numbers"),
            (
                vec![0.0, 1.0, 2.0, f64::NAN, 3.0, 3.0],
                "the coordinate NaN",
            ),
            (
                vec![0.0, 1.0, 2.0, 1e12, 3.0, 3.0],
                "the coordinate 1000000000000",
            ),
            (vec![-9.0, 1.0, -2.0, 5.0, -3.0, 3.0], "wholly outside"),
            (vec![1.0, 19.0, 2.0, 12.0, 3.0, 13.0], "wholly outside"),
        ] {
            let said = fill_polygons(&[outline], [10, 10]).unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn outlines_without_end_and_polygons_without_number_are_refused() {
        let zigzag: Vec<f64> = [-60_000.0, 1.0, 60_000.0, 1.0].repeat(1000);
        let said = fill_polygons(&[zigzag], [4, 4]).unwrap_err();
        assert!(said.contains("pixels long"), "{said}");
        let triangle = vec![0.0, 0.0, 3.0, 0.0, 0.0, 3.0];
        let said = fill_polygons(&vec![triangle; 300], [4096, 4096]).unwrap_err();
        assert!(said.contains("300 polygons"), "{said}");
    }
}
