//! What hangs together in a mask, and what in it has one colour.

use std::collections::VecDeque;

use super::SegmentConfig;
use super::foreground::Relative;

/// A picture's size; pixels are numbered in rows.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Grid {
    /// Number of pixels.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// A mask of these pixels.
    pub fn mask(self, pixels: &[usize]) -> Vec<bool> {
        let mut mask = vec![false; self.pixels()];
        for &pixel in pixels {
            mask[pixel] = true;
        }
        mask
    }

    /// The pixels beside a pixel: left, right, above, below.
    pub fn beside(self, pixel: usize) -> impl Iterator<Item = usize> {
        let (row, column) = (pixel / self.width, pixel % self.width);
        let left = (column > 0).then(|| pixel - 1);
        let right = (column + 1 < self.width).then(|| pixel + 1);
        let above = (row > 0).then(|| pixel - self.width);
        let below = (row + 1 < self.height).then(|| pixel + self.width);
        [left, right, above, below].into_iter().flatten()
    }

    /// A pixel and the eight around it.
    pub fn around(self, pixel: usize) -> impl Iterator<Item = usize> {
        let (row, column) = (pixel / self.width, pixel % self.width);
        let rows = row.saturating_sub(1)..(row + 2).min(self.height);
        let columns = column.saturating_sub(1)..(column + 2).min(self.width);
        rows.flat_map(move |row| columns.clone().map(move |column| row * self.width + column))
    }

    /// The pixels of each part of a mask that hangs together by edges; parts of fewer than `least` are left out.
    pub fn components(self, mask: &[bool], least: usize) -> Vec<Vec<usize>> {
        let mut seen = vec![false; mask.len()];
        let mut components = Vec::new();
        for start in 0..mask.len() {
            if !mask[start] || seen[start] {
                continue;
            }
            let mut queue = VecDeque::from([start]);
            let mut component = Vec::new();
            seen[start] = true;
            while let Some(pixel) = queue.pop_front() {
                component.push(pixel);
                for next in self.beside(pixel).filter(|next| mask[*next]) {
                    if !std::mem::replace(&mut seen[next], true) {
                        queue.push_back(next);
                    }
                }
            }
            if component.len() >= least {
                component.sort_unstable();
                components.push(component);
            }
        }
        components
    }

    /// The mask with single pixels and gaps taken to what most around them are.
    pub fn majority(self, mask: &[bool]) -> Vec<bool> {
        let most = |pixel| {
            let (mut set, mut all) = (0, 0);
            for near in self.around(pixel) {
                set += usize::from(mask[near]);
                all += 1;
            }
            // A tie, at an edge of the picture, leaves the pixel as it is.
            if 2 * set == all {
                mask[pixel]
            } else {
                2 * set > all
            }
        };
        (0..mask.len()).map(most).collect()
    }

    /// The mask and what is beside it.
    pub fn grown(self, mask: &[bool]) -> Vec<bool> {
        (0..mask.len())
            .map(|pixel| mask[pixel] || self.beside(pixel).any(|near| mask[near]))
            .collect()
    }

    /// The mask without what is beside its outside; the border of the picture is no outside.
    pub fn shrunk(self, mask: &[bool]) -> Vec<bool> {
        (0..mask.len())
            .map(|pixel| mask[pixel] && self.beside(pixel).all(|near| mask[near]))
            .collect()
    }

    /// The mask with its holes filled that have at most `most` pixels and do not touch the picture's border.
    pub fn filled(self, mask: &[bool], most: usize) -> Vec<bool> {
        let mut filled = mask.to_vec();
        let holes: Vec<bool> = mask.iter().map(|set| !set).collect();
        for hole in self.components(&holes, 1) {
            let inside = |pixel: &usize| self.beside(*pixel).count() == 4;
            if hole.len() <= most && hole.iter().all(inside) {
                for pixel in hole {
                    filled[pixel] = true;
                }
            }
        }
        filled
    }

    /// Steps from each pixel to the nearest set one, at most `most`.
    pub fn distance(self, set: impl Iterator<Item = usize>, most: u8) -> Vec<u8> {
        let mut distance = vec![most; self.pixels()];
        let mut queue: VecDeque<usize> = set.collect();
        for &pixel in &queue {
            distance[pixel] = 0;
        }
        while let Some(pixel) = queue.pop_front() {
            for next in self.beside(pixel) {
                if distance[next] > distance[pixel] + 1 {
                    distance[next] = distance[pixel] + 1;
                    queue.push_back(next);
                }
            }
        }
        distance
    }
}

/// The parts with those of two colours cut in two, again and again.
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

/// The parts with their dents filled where the picture is not as the background: objects are round, shadows lie beside them.
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
            mask = grid.grown(&mask);
        }
        for _ in 0..DEPTH {
            mask = grid.shrunk(&mask);
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

/// The parts cut where they are narrow: each piece grows back from what is left when the rim is taken away.
pub fn split_by_shape(grid: Grid, parts: &[Vec<usize>], least: usize) -> Vec<Vec<usize>> {
    const RIM: usize = 3;
    let mut pieces = Vec::with_capacity(parts.len());
    for part in parts {
        let mut mask = grid.mask(part);
        let cores = (0..RIM).find_map(|_| {
            mask = grid.shrunk(&mask);
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

/// The part cut in two, if it has two colours that lie side by side.
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

/// Which of two clusters each point belongs to, and how far apart these are.
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
