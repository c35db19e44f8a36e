//! Parts of the foreground → objects: parts of two colours, or with a narrow waist, are cut in two.

use std::collections::VecDeque;

use crate::train::segments::config::SegmentConfig;
use crate::train::segments::foreground::Relative;
use crate::train::segments::grid::Grid;

/// The parts, with those of two colours split until none is left.
pub fn split_by_colour(
    grid: Grid,
    parts: &[Vec<usize>],
    frame: &Relative,
    config: &SegmentConfig,
) -> Vec<Vec<usize>> {
    let mut open: VecDeque<Vec<usize>> = parts.iter().cloned().collect();
    let mut done = Vec::new();
    while let Some(part) = open.pop_front() {
        match two_colours(grid, &part, frame, config) {
            Some(halves) => open.extend(halves),
            None => done.push(part),
        }
    }
    done
}

/// The parts after a morphological closing, where the frame differs from the background: objects are convex.
pub fn round_out(grid: Grid, parts: &[Vec<usize>], frame: &Relative) -> Vec<Vec<usize>> {
    const DEPTH: usize = 3;
    let mut free = vec![true; grid.pixels()];
    for &pixel in parts.iter().flatten() {
        free[pixel] = false;
    }
    let mut rounded = Vec::with_capacity(parts.len());
    for part in parts {
        let mut mask = grid.mask(part);
        for _ in 0..DEPTH {
            mask = grid.dilated(&mask);
        }
        for _ in 0..DEPTH {
            mask = grid.eroded(&mask);
        }
        let mut pixels = part.clone();
        pixels.extend(
            (0..grid.pixels())
                .filter(|pixel| mask[*pixel] && free[*pixel] && frame.changed(*pixel)),
        );
        for &pixel in &pixels {
            free[pixel] = false;
        }
        pixels.sort_unstable();
        rounded.push(pixels);
    }
    rounded
}

/// The parts split at narrow waists: cores of an erosion grow back, each pixel to the nearest core.
pub fn split_by_shape(grid: Grid, parts: &[Vec<usize>], least: usize) -> Vec<Vec<usize>> {
    const RIM: usize = 3;
    let mut pieces = Vec::with_capacity(parts.len());
    for part in parts {
        let mut mask = grid.mask(part);
        let cores = (0..RIM).find_map(|_| {
            mask = grid.eroded(&mask);
            let cores = grid.components(&mask, least);
            (cores.len() > 1).then_some(cores)
        });
        let Some(cores) = cores else {
            pieces.push(part.clone());
            continue;
        };
        let distances: Vec<Vec<u8>> = cores
            .into_iter()
            .map(|core| grid.distance(core.into_iter(), u8::MAX))
            .collect();
        let mut grown = vec![Vec::new(); distances.len()];
        for &pixel in part {
            let nearest = (0..grown.len()).min_by_key(|core| distances[*core][pixel]);
            grown[nearest.unwrap_or(0)].push(pixel);
        }
        pieces.extend(grown);
    }
    pieces
}

/// The part split in two, if it has two colours side by side.
fn two_colours(
    grid: Grid,
    part: &[usize],
    frame: &Relative,
    config: &SegmentConfig,
) -> Option<[Vec<usize>; 2]> {
    if part.len() < 2 * config.least_pixels {
        return None;
    }
    let hues: Vec<[f32; 2]> = part.iter().map(|pixel| frame.hue(*pixel)).collect();
    let (sides, apart) = two_means(&hues);
    if apart < config.colours_apart {
        return None;
    }
    let halves = [false, true].map(|side| {
        let mut mask = vec![false; grid.pixels()];
        for (pixel, _) in part.iter().zip(&sides).filter(|(_, other)| **other == side) {
            mask[*pixel] = true;
        }
        grid.components(&mask, 1)
            .into_iter()
            .max_by_key(Vec::len)
            .unwrap_or_default()
    });
    if halves.iter().any(|half| half.len() < config.least_pixels) {
        return None;
    }
    // What belongs to neither of the two largest pieces goes to the nearer one.
    let distance = halves
        .clone()
        .map(|half| grid.distance(half.into_iter(), u8::MAX));
    let mut halves = [Vec::new(), Vec::new()];
    for &pixel in part {
        halves[usize::from(distance[1][pixel] < distance[0][pixel])].push(pixel);
    }
    // A ring and what it encloses are one object with a glint or a rim.
    let enclosed = |inner: &[usize], outer: &[usize]| {
        let mask = grid.mask(outer);
        let touches = inner
            .iter()
            .filter(|pixel| grid.beside(**pixel).any(|next| mask[next]))
            .count();
        let rim = inner.iter().filter(|pixel| {
            grid.beside(**pixel)
                .any(|next| inner.binary_search(&next).is_err())
        });
        touches * 4 > rim.count() * 3
    };
    let [one, other] = &halves;
    (!enclosed(one, other) && !enclosed(other, one)).then_some(halves)
}

/// Two-means clustering of points: the cluster of each, and the distance of their centres.
fn two_means(points: &[[f32; 2]]) -> (Vec<bool>, f32) {
    let mean = centre(points.iter());
    let far = |from: [f32; 2]| {
        let furthest = points
            .iter()
            .max_by(|one, other| square(**one, from).total_cmp(&square(**other, from)));
        furthest.copied().unwrap_or(from)
    };
    let one = far(mean);
    let mut centres = [one, far(one)];
    let mut sides = vec![false; points.len()];
    for _ in 0..8 {
        for (side, point) in sides.iter_mut().zip(points) {
            *side = square(*point, centres[1]) < square(*point, centres[0]);
        }
        for (index, of) in centres.iter_mut().enumerate() {
            let members = points
                .iter()
                .zip(&sides)
                .filter(|(_, side)| usize::from(**side) == index);
            *of = centre(members.map(|(point, _)| point));
        }
    }
    let apart = square(centres[0], centres[1]).sqrt();
    (sides, apart)
}

fn centre<'a>(points: impl Iterator<Item = &'a [f32; 2]>) -> [f32; 2] {
    let (mut sum, mut count) = ([0.0; 2], 0);
    for point in points {
        sum = [sum[0] + point[0], sum[1] + point[1]];
        count += 1;
    }
    sum.map(|part| part / count.max(1) as f32)
}

fn square(one: [f32; 2], other: [f32; 2]) -> f32 {
    (one[0] - other[0]).powi(2) + (one[1] - other[1]).powi(2)
}
