//! Many multiples of the G1 generator: one table of its small multiples per window of the scalar, then only additions.

use ff::PrimeField;
use group::Curve;
use group::Group;
use halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
use rayon::prelude::*;

/// Points normalised together; one field inversion each.
const CHUNK: usize = 1 << 10;

/// Tables for scalars cut into windows of `bits` bits.
#[derive(Debug)]
pub(crate) struct FixedBase {
    bits: usize,
    /// For each window, the multiples 1 to `2^bits - 1` of the generator shifted to that window.
    windows: Vec<Vec<G1Affine>>,
}

impl FixedBase {
    /// Tables suited to about `count` multiplications.
    pub(crate) fn new(count: usize) -> Self {
        // A table costs 2^bits additions per window and saves windows: about log2(count) - 3 bits balance the two.
        let bits = (count.max(2).ilog2() as usize)
            .saturating_sub(3)
            .clamp(4, 13);
        let windows = (Fr::NUM_BITS as usize).div_ceil(bits);
        let bases: Vec<G1> = std::iter::successors(Some(G1::generator()), |base| {
            Some((0..bits).fold(*base, |point, _| point.double()))
        })
        .take(windows)
        .collect();
        let windows = bases
            .par_iter()
            .map(|base| {
                let multiples: Vec<G1> =
                    std::iter::successors(Some(*base), |point| Some(point + base))
                        .take((1 << bits) - 1)
                        .collect();
                let mut affine = vec![G1Affine::default(); multiples.len()];
                G1::batch_normalize(&multiples, &mut affine);
                affine
            })
            .collect();
        Self { bits, windows }
    }

    fn mul(&self, scalar: &Fr) -> G1 {
        let repr = scalar.to_repr();
        let mut sum = G1::identity();
        for (index, window) in self.windows.iter().enumerate() {
            let digit = bits_at(&repr, index * self.bits, self.bits);
            if let Some(point) = digit.checked_sub(1).and_then(|at| window.get(at)) {
                sum += point;
            }
        }
        sum
    }

    /// The generator times each scalar that `scalars` yields for a range of indices, over `0..count`, on all cores.
    /// `done` is told the number of points finished so far.
    pub(crate) fn multiples(
        &self,
        count: usize,
        scalars: impl Fn(std::ops::Range<usize>) -> Vec<Fr> + Sync,
        done: impl Fn(usize) + Sync,
    ) -> Vec<G1Affine> {
        let finished = std::sync::atomic::AtomicUsize::new(0);
        let mut points = vec![G1Affine::default(); count];
        points
            .par_chunks_mut(CHUNK)
            .enumerate()
            .for_each(|(chunk, points)| {
                let start = chunk * CHUNK;
                let products: Vec<G1> = scalars(start..start + points.len())
                    .iter()
                    .map(|scalar| self.mul(scalar))
                    .collect();
                G1::batch_normalize(&products, points);
                done(
                    finished.fetch_add(points.len(), std::sync::atomic::Ordering::Relaxed)
                        + points.len(),
                );
            });
        points
    }
}

/// `count` bits of the little-endian number `bytes`, from bit `start` on; zero past its end. `count` is at most 24.
fn bits_at(bytes: &[u8], start: usize, count: usize) -> usize {
    let window = bytes
        .iter()
        .skip(start / 8)
        .take(4)
        .enumerate()
        .fold(0u64, |sum, (i, byte)| sum | (u64::from(*byte) << (8 * i)));
    ((window >> (start % 8)) & ((1 << count) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    // POSITIVE

    #[test]
    fn agrees_with_the_librarys_multiplication_for_every_window_size() {
        let mut rng = StdRng::seed_from_u64(1);
        let scalars = [
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::from(u64::MAX),
            Fr::random(&mut rng),
            Fr::random(&mut rng),
        ];
        for count in [1, 1 << 8, 1 << 10, 1 << 12] {
            let base = FixedBase::new(count);
            let points = base.multiples(scalars.len(), |range| scalars[range].to_vec(), |_| ());
            for (scalar, point) in scalars.iter().zip(points) {
                assert_eq!(point, (G1::generator() * scalar).to_affine());
            }
        }
    }
}
