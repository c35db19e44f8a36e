//! The pairing of rows and columns with the largest sum (Kuhn 1955, in the form with potentials of Jonker & Volgenant).

use ndarray::ArrayView2;

/// Which column each row is paired with so that the values of the pairs sum to the most. With more rows than columns,
/// the rows left over have `None`. Ties fall to the lower column, so equal inputs give equal pairs.
///
/// Values must be finite.
pub fn assign(values: ArrayView2<f64>) -> Vec<Option<usize>> {
    let (rows, columns) = values.dim();
    if rows <= columns {
        return assign_all(values).into_iter().map(Some).collect();
    }
    let mut pairs = vec![None; rows];
    for (column, row) in assign_all(values.t()).into_iter().enumerate() {
        pairs[row] = Some(column);
    }
    pairs
}

/// Sum of the values of the best pairing.
pub fn best_sum(values: ArrayView2<f64>) -> f64 {
    let pairs = assign(values).into_iter().enumerate();
    pairs
        .filter_map(|(row, column)| Some(values[[row, column?]]))
        .sum()
}

/// The column of every row, for no more rows than columns. Rows and columns are counted from 1 inside, 0 is nobody.
fn assign_all(values: ArrayView2<f64>) -> Vec<usize> {
    let (rows, columns) = values.dim();
    let (mut row_price, mut column_price) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let mut owner = vec![0_usize; columns + 1];
    for row in 1..=rows {
        owner[0] = row;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut came_from = vec![0_usize; columns + 1];
        let mut visited = vec![false; columns + 1];
        let mut here = 0;
        // Grow a tree of tight edges from `row` until it meets a free column.
        while owner[here] != 0 {
            visited[here] = true;
            let holder = owner[here];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for column in (1..=columns).filter(|&column| !visited[column]) {
                let slack =
                    -values[[holder - 1, column - 1]] - row_price[holder] - column_price[column];
                if slack < least[column] {
                    (least[column], came_from[column]) = (slack, here);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if visited[column] {
                    row_price[owner[column]] += step;
                    column_price[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            here = next;
        }
        // Hand every column on the path to the one before it.
        while here != 0 {
            let before = came_from[here];
            owner[here] = owner[before];
            here = before;
        }
    }
    let mut pairs = vec![0; rows];
    for column in 1..=columns {
        if owner[column] != 0 {
            pairs[owner[column] - 1] = column - 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    /// The best sum by trying every pairing.
    fn by_trying(values: ArrayView2<f64>, row: usize, taken: &mut Vec<bool>) -> f64 {
        if row == values.nrows() {
            return 0.0;
        }
        let mut best = f64::NEG_INFINITY;
        for column in 0..values.ncols() {
            if !taken[column] {
                taken[column] = true;
                best = best.max(values[[row, column]] + by_trying(values, row + 1, taken));
                taken[column] = false;
            }
        }
        best
    }

    #[test]
    fn the_pairing_is_the_best_of_all() {
        for case in 0..60_usize {
            let (rows, columns) = (1 + case % 5, 5 + case % 2);
            let values = Array2::from_shape_fn((rows, columns), |(i, j)| {
                ((i * 31 + j * 17 + case * 7) % 13) as f64 / 13.0
            });
            let expected = by_trying(values.view(), 0, &mut vec![false; columns]);
            assert!(
                (best_sum(values.view()) - expected).abs() < 1e-12,
                "case {case}"
            );
            assert!(
                (best_sum(values.t()) - expected).abs() < 1e-12,
                "case {case}, turned"
            );
        }
    }

    #[test]
    fn rows_without_a_column_stay_alone() {
        assert_eq!(
            assign(array![[0.1], [0.9], [0.5]].view()),
            [None, Some(0), None]
        );
        assert!(assign(Array2::zeros((0, 3)).view()).is_empty());
        assert_eq!(assign(Array2::zeros((2, 0)).view()), [None, None]);
    }
}
