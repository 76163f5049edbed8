//! The range of products, on which the ages depend.

use super::*;
use halo2_proofs::halo2curves::bn256::{Fq, Fr};
use proptest::prelude::*;

fn lanes(e: Ifma, limbs: [[u64; LIMBS]; LANES]) -> Limbs {
    std::array::from_fn(|l| e.read(&limbs.map(|limbs| limbs[l])))
}

fn out(e: Ifma, x: Limbs) -> [[u64; LIMBS]; LANES] {
    let mut rows = [[0; LANES]; LIMBS];
    for (row, x) in rows.iter_mut().zip(x) {
        e.write(x, row);
    }
    std::array::from_fn(|i| std::array::from_fn(|l| rows[l][i]))
}

/// Checks that products of any integers below 2^260 with the factors are where they are said to be.
fn check<F: Field>(y: [[u64; LIMBS]; LANES], w: [F; LANES]) {
    let Some(e) = Ifma::new() else { return };
    e.run(
        #[inline(always)]
        || {
            let mut block = Block::<F>::ZERO;
            e.store(e.import(&w), &mut block);
            let product = e.prepared::<F>(lanes(e, y), e.factors(&block));
            // HALF_ERROR p more is from 0 to (10 + 2^-48) p.
            let bound = times(2 * HALF_ERROR, Of::<F>::LIMBS_OF_P);
            let half = e.same(&times(HALF_ERROR, Of::<F>::LIMBS_OF_P));
            let raised = e.wrapped(e.sum_of(product, half));
            for limbs in out(e, raised) {
                let (mut high_first, mut bound) = (limbs, bound);
                high_first.reverse();
                bound.reverse();
                // 2^-48 p is below 2^206, which is 2^50 in the limb before the highest.
                bound[1] += 1 << 50;
                assert!(high_first <= bound, "{limbs:x?}");
            }
        },
    );
}

/// Integers and factors whose products leave out the most and the least.
#[test]
fn extreme_products_are_in_range() {
    let ys = [
        [MASK; LIMBS],
        [0; LIMBS],
        [0, 0, 0, 0, MASK],
        [MASK, MASK, MASK, MASK, 0],
        [1, 0, 0, 0, 0],
        [MASK, 0, MASK, 0, MASK],
        [0, MASK, 0, MASK, 0],
        [MASK - 1; LIMBS],
    ];
    fn factors<F: Field>() -> Vec<[F; LANES]> {
        // w is w' p / 2^260, rounded up, so that w' of many set bits are those near the modulus and near its parts by powers of two.
        let near = (0..60).map(|i| -F::ONE * F::TWO_INV.pow([i]));
        let powers = (0..254).map(|i| F::from(2).pow([i]));
        let all = near.chain(powers.clone()).chain(powers.map(|p| -p));
        all.map(|w| [w; LANES]).collect()
    }
    for w in factors::<Fr>() {
        check(ys, w);
    }
    for w in factors::<Fq>() {
        check(ys, w);
    }
}

proptest! {
    #[test]
    fn random_products_are_in_range(y: [[u64; LIMBS]; LANES], w: [[u64; 4]; LANES], ones: u64) {
        // With all bits set where `ones` says so, products leave out much.
        let y = std::array::from_fn(|i| std::array::from_fn(|l| {
            if ones >> (LIMBS * i + l) & 1 == 1 { MASK } else { y[i][l] & MASK }
        }));
        fn element<F: Field>(words: [u64; 4]) -> F {
            let base = F::from(1 << 32).square();
            words.iter().fold(F::ZERO, |acc, w| acc * base + F::from(*w))
        }
        check::<Fr>(y, w.map(element));
        check::<Fq>(y, w.map(element));
    }
}
