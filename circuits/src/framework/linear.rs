//! Exact linear algebra over the field, for small sparse systems.

use super::{super::Fr, Expr};
use ff::Field;

/// A sparse row: columns, rising, with values other than 0.
pub(super) type Sparse = Vec<(usize, Fr)>;

/// Gradient of an expression at `x`, whose cells' columns are the variables.
pub(super) fn gradient(e: &Expr, x: &[Fr]) -> Sparse {
    fn walk(e: &Expr, x: &[Fr], scale: Fr, out: &mut Sparse) {
        match e {
            Expr::Const(_) => {}
            Expr::Cell(c) => out.push((usize::from(c.column), scale)),
            Expr::Add(ab) => {
                walk(&ab.0, x, scale, out);
                walk(&ab.1, x, scale, out);
            }
            Expr::Mul(ab) => {
                let [a, b] = [&ab.0, &ab.1].map(|e| e.eval(&|c| x[usize::from(c.column)]));
                if b != Fr::ZERO {
                    walk(&ab.0, x, scale * b, out);
                }
                if a != Fr::ZERO {
                    walk(&ab.1, x, scale * a, out);
                }
            }
            Expr::Scale(a, c) => walk(a, x, scale * c, out),
        }
    }
    let mut out = vec![];
    walk(e, x, Fr::ONE, &mut out);
    out.sort_by_key(|(c, _)| *c);
    out.dedup_by(|b, a| {
        let same = a.0 == b.0;
        if same {
            a.1 += b.1;
        }
        same
    });
    out.retain(|(_, v)| *v != Fr::ZERO);
    out
}

/// Some solution of `rows · d = right`, by variable below `width`: variables of low rank move, others stay. None if there is none.
pub(super) fn solve(
    width: usize,
    rows: impl IntoIterator<Item = (Sparse, Fr)>,
    rank: impl Fn(usize) -> usize,
) -> Option<Sparse> {
    let mut pivots: Vec<(usize, Sparse)> = vec![];
    let mut dense = vec![Fr::ZERO; width + 1];
    for (row, right) in rows {
        for (c, v) in row {
            dense[c] = v;
        }
        dense[width] = right;
        for (pivot, row) in &pivots {
            let factor = dense[*pivot];
            if factor != Fr::ZERO {
                for (c, v) in row {
                    dense[*c] -= factor * v;
                }
            }
        }
        let left = dense.iter_mut().enumerate();
        let mut row: Sparse = left
            .filter(|(_, v)| **v != Fr::ZERO)
            .map(|(c, v)| (c, std::mem::take(v)))
            .collect();
        let Some((pivot, value)) = row
            .iter()
            .filter(|(c, _)| *c < width)
            .min_by_key(|(c, _)| rank(*c))
            .copied()
        else {
            if row.is_empty() {
                continue;
            }
            return None;
        };
        let inverse = value.invert().unwrap_or(Fr::ZERO);
        row.iter_mut().for_each(|(_, v)| *v *= inverse);
        pivots.push((pivot, row));
    }
    let mut d = vec![Fr::ZERO; width];
    for (pivot, row) in pivots.iter().rev() {
        let others = row.iter().filter(|(c, _)| c != pivot);
        d[*pivot] = others.fold(Fr::ZERO, |sum, (c, v)| match *c {
            c if c == width => sum + v,
            c => sum - d[c] * v,
        });
    }
    let d = d.into_iter().enumerate();
    Some(d.filter(|(_, v)| *v != Fr::ZERO).collect())
}
