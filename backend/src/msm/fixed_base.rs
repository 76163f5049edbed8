//! Many multiples of one point: tables of its small multiples, one for each digit of a scalar, and then only additions.

use super::{
    arena::Arena,
    points::{self, NEGATIVE, Point},
    scalars,
};
use crate::engine::{Engine, LANES};
use ff::PrimeField;
use group::{Curve, Group, prime::PrimeCurveAffine};
use halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
use rayon::prelude::*;

/// Scalars of a task.
const TASK: usize = 1 << 10;
/// Longer digits would need tables that no cache holds.
const LONGEST: usize = 13;

/// A point that is multiplied by many scalars.
#[derive(Debug)]
pub struct FixedBase<E> {
    engine: E,
    /// Bits of a digit. Digits are signed: they are at most `2^(bits - 1)`, as is their negative.
    bits: usize,
    /// For each digit the multiples by 1 to `2^(bits - 1)`.
    tables: Vec<Point>,
}

impl<E: Engine> FixedBase<E> {
    /// Tables of a point, for about `count` scalars.
    #[must_use]
    pub fn new(engine: E, point: G1Affine, count: usize) -> Self {
        let cost = |bits: &usize| (count + (1 << (bits - 1))) * digits(*bits);
        let bits = (2..=LONGEST).min_by_key(cost).unwrap_or(LONGEST);
        let next = |point: &G1| Some((0..bits).fold(*point, |point, _| point.double()));
        let firsts: Vec<G1> = std::iter::successors(Some(point.to_curve()), next)
            .take(digits(bits))
            .collect();
        let tables: Vec<Vec<Point>> = firsts
            .par_iter()
            .map(|first| table(engine, first.to_affine(), 1 << (bits - 1)))
            .collect();
        Self {
            engine,
            bits,
            tables: tables.concat(),
        }
    }

    /// The point times each scalar, on all cores.
    #[must_use]
    pub fn of(&self, scalars: &[Fr]) -> Vec<G1Affine> {
        let mut out = vec![G1Affine::identity(); scalars.len()];
        out.par_chunks_mut(TASK)
            .zip(scalars.par_chunks(TASK))
            .for_each_init(
                || Arena::new(self.engine),
                |arena, (out, scalars)| self.task(arena, scalars, out),
            );
        out
    }

    fn task(&self, arena: &mut Arena<E>, scalars: &[Fr], out: &mut [G1Affine]) {
        let (mut refs, mut lens, mut places) = (vec![], vec![], vec![]);
        for (place, scalar) in scalars.iter().enumerate() {
            let before = refs.len();
            self.digits(scalar, &mut refs);
            // Of nothing there is no sum: what is there stays.
            if refs.len() > before {
                lens.push((refs.len() - before) as u32);
                places.push(place);
            }
        }
        let mut sums = vec![];
        arena.clear();
        arena.sums_of(&self.tables, &refs, &lens, &mut sums);
        for (places, sums) in places.chunks(LANES).zip(sums.chunks(LANES)) {
            let mut eight = [Point::IDENTITY; LANES];
            for (point, sum) in eight.iter_mut().zip(sums) {
                *point = *arena.point(*sum);
            }
            let eight = points::export(self.engine, &eight);
            for (place, point) in places.iter().zip(eight) {
                out[*place] = point;
            }
        }
    }

    /// Names the points that a scalar's digits stand for.
    fn digits(&self, scalar: &Fr, refs: &mut Vec<u32>) {
        let (repr, half) = (scalar.to_repr(), 1u32 << (self.bits - 1));
        let mut carry = 0;
        for i in 0..digits(self.bits) {
            let digit = bits_at(repr.as_ref(), i * self.bits, self.bits) + carry;
            carry = u32::from(digit > half);
            let (size, sign) = match carry {
                0 => (digit, 0),
                _ => (2 * half - digit, NEGATIVE),
            };
            if size > 0 {
                refs.push((i as u32 * half + size - 1) | sign);
            }
        }
        debug_assert_eq!(carry, 0, "there is room for the last carry");
    }
}

/// Digits of a scalar, with room for a carry.
fn digits(bits: usize) -> usize {
    (Fr::NUM_BITS as usize + 1).div_ceil(bits)
}

/// The multiples of a point by 1 to `len`, a power of two.
fn table<E: Engine>(engine: E, first: G1Affine, len: usize) -> Vec<Point> {
    let mut arena = Arena::new(engine);
    let mut eight = [G1Affine::identity(); LANES];
    eight[0] = first;
    let [mut own, mut images] = [[Point::IDENTITY; LANES]; 2];
    points::import(engine, &eight, scalars::ZETA, &mut own, &mut images);
    arena.push(own[0]);
    let mut have = 1;
    while have < len {
        for i in 0..have {
            arena.plan([i, have - 1].map(|name| name as u32));
        }
        arena.add();
        have *= 2;
    }
    (0..len).map(|i| *arena.point(i as u32)).collect()
}

/// `count` bits of a little-endian number, from bit `start` on; 0 past its end. `count` is at most 24.
fn bits_at(bytes: &[u8], start: usize, count: usize) -> u32 {
    let some = bytes.iter().skip(start / 8).take(4).enumerate();
    let window = some.fold(0, |sum, (i, byte)| sum | u32::from(*byte) << (8 * i));
    window >> (start % 8) & ((1 << count) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{WithEngine, with_engine};
    use ff::Field;
    use rand::{SeedableRng, rngs::StdRng};

    struct Check {
        count: usize,
        point: G1Affine,
        scalars: Vec<Fr>,
    }

    impl WithEngine for &Check {
        type Output = usize;
        fn with<E: Engine>(self, engine: E) -> usize {
            let base = FixedBase::new(engine, self.point, self.count);
            let points = base.of(&self.scalars);
            assert_eq!(points.len(), self.scalars.len());
            for (scalar, point) in self.scalars.iter().zip(points) {
                let expected = (self.point * scalar).to_affine();
                assert_eq!(point, expected, "{scalar:?}, {} bits", base.bits);
            }
            base.bits
        }
    }

    #[test]
    fn multiples_are_those_of_the_library() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut scalars = vec![Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(2), -Fr::from(2)];
        // Digits at their bounds, of every length.
        for bits in 1..Fr::NUM_BITS - 1 {
            let power = Fr::from(2).pow_vartime([u64::from(bits)]);
            scalars.extend([power, power - Fr::ONE, power + Fr::ONE, -power]);
        }
        scalars.extend((0..TASK).map(|_| Fr::random(&mut rng)));
        let mut lengths = vec![];
        for count in [0, 1 << 6, 1 << 9, 1 << 12, 1 << 20] {
            let check = Check {
                count,
                point: G1::random(&mut rng).to_affine(),
                scalars: scalars.clone(),
            };
            lengths.push(with_engine(false, &check));
            assert_eq!(with_engine(true, &check), lengths[lengths.len() - 1]);
        }
        assert!(
            lengths.is_sorted() && lengths[0] < lengths[4],
            "{lengths:?}"
        );
    }

    #[test]
    fn no_scalars_and_only_zeros() {
        for scalars in [vec![], vec![Fr::ZERO; 9]] {
            let point = G1Affine::generator();
            let check = Check {
                count: 9,
                point,
                scalars,
            };
            with_engine(false, &check);
        }
    }

    #[test]
    fn the_identity_stays_what_it_is() {
        let check = Check {
            count: 9,
            point: G1Affine::identity(),
            scalars: vec![Fr::ONE, -Fr::from(5)],
        };
        with_engine(false, &check);
    }
}
