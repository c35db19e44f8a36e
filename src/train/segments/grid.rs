//! Masks of pixels: connected components, majority, holes, distances.

use std::collections::VecDeque;

/// A frame's size; pixels are numbered in rows.
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

    /// Connected components of a mask, by edges; those of fewer than `least` pixels are left out.
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

    /// The mask after a 3×3 majority vote.
    pub fn majority(self, mask: &[bool]) -> Vec<bool> {
        let most = |pixel| {
            let (mut set, mut all) = (0, 0);
            for near in self.around(pixel) {
                set += usize::from(mask[near]);
                all += 1;
            }
            // A tie, at the frame's border, leaves the pixel as it is.
            if 2 * set == all {
                mask[pixel]
            } else {
                2 * set > all
            }
        };
        (0..mask.len()).map(most).collect()
    }

    /// The mask dilated by one pixel.
    pub fn dilated(self, mask: &[bool]) -> Vec<bool> {
        (0..mask.len())
            .map(|pixel| mask[pixel] || self.beside(pixel).any(|near| mask[near]))
            .collect()
    }

    /// The mask eroded by one pixel; the frame's border erodes nothing.
    pub fn eroded(self, mask: &[bool]) -> Vec<bool> {
        (0..mask.len())
            .map(|pixel| mask[pixel] && self.beside(pixel).all(|near| mask[near]))
            .collect()
    }

    /// The mask with its holes filled that have at most `most` pixels and do not touch the frame's border.
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
