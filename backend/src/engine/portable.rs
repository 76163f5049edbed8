//! Eight elements one after the other, by the arithmetic of `halo2curves`.

use super::{Arithmetic, Block, LANES};
use crate::field::Field;

/// The engine for any processor.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

#[inline(always)]
fn each<F: Field>(f: impl Fn(usize) -> F) -> [F; LANES] {
    std::array::from_fn(f)
}

#[inline(always)]
fn element<F: Field>(block: &Block<F>, lane: usize) -> F {
    let w = &block.words[4 * lane..4 * lane + 4];
    F::from_words([w[0], w[1], w[2], w[3]])
}

impl Arithmetic for Portable {
    type V<F: Field> = [F; LANES];
    type Sum<F: Field> = [F; LANES];

    const NAME: &'static str = "portable";

    #[inline(always)]
    fn run<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
    #[inline(always)]
    fn zero<F: Field>(self) -> [F; LANES] {
        [F::ZERO; LANES]
    }
    #[inline(always)]
    fn splat<F: Field>(self, x: F) -> [F; LANES] {
        [x; LANES]
    }
    #[inline(always)]
    fn import<F: Field>(self, x: &[F; LANES]) -> [F; LANES] {
        *x
    }
    #[inline(always)]
    fn export<F: Field>(self, x: [F; LANES]) -> [F; LANES] {
        x
    }
    #[inline(always)]
    fn load<F: Field>(self, block: &Block<F>) -> [F; LANES] {
        each(|i| element(block, i))
    }
    #[inline(always)]
    fn load_across<F: Field>(self, blocks: [&Block<F>; 2], lane: usize) -> [F; LANES] {
        each(|i| element(blocks[(lane + i) / LANES], (lane + i) % LANES))
    }
    #[inline(always)]
    fn store<F: Field>(self, x: [F; LANES], block: &mut Block<F>) {
        for (words, x) in block.words.chunks_exact_mut(4).zip(x) {
            words.copy_from_slice(&x.words());
        }
    }
    #[inline(always)]
    fn add<F: Field>(self, a: [F; LANES], b: [F; LANES]) -> [F; LANES] {
        each(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn sub<const K: u64, F: Field>(self, a: [F; LANES], b: [F; LANES]) -> [F; LANES] {
        each(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn mul<F: Field>(self, a: [F; LANES], b: [F; LANES]) -> [F; LANES] {
        each(|i| a[i] * b[i])
    }
    #[inline(always)]
    fn square<F: Field>(self, a: [F; LANES]) -> [F; LANES] {
        each(|i| a[i].square())
    }
    #[inline(always)]
    fn reduce<F: Field>(self, a: [F; LANES]) -> [F; LANES] {
        a
    }
    #[inline(always)]
    fn sum<F: Field>(self) -> [F; LANES] {
        self.zero()
    }
    #[inline(always)]
    fn sum_add<F: Field>(self, sum: [F; LANES], a: [F; LANES], b: [F; LANES]) -> [F; LANES] {
        each(|i| sum[i] + a[i] * b[i])
    }
    #[inline(always)]
    fn sum_done<F: Field>(self, sum: [F; LANES]) -> [F; LANES] {
        sum
    }
    #[inline(always)]
    fn transpose<F: Field>(self, x: [[F; LANES]; LANES]) -> [[F; LANES]; LANES] {
        std::array::from_fn(|j| each(|i| x[i][j]))
    }
    #[inline(always)]
    fn zeros<F: Field>(self, x: [F; LANES]) -> u8 {
        (0..LANES).fold(0, |mask, i| mask | u8::from(x[i] == F::ZERO) << i)
    }
    #[inline(always)]
    fn select<F: Field>(self, mask: u8, a: [F; LANES], b: [F; LANES]) -> [F; LANES] {
        each(|i| if mask >> i & 1 == 1 { b[i] } else { a[i] })
    }
    #[inline(always)]
    fn integers<F: Field>(self, x: &[F; LANES]) -> [[u64; 4]; LANES] {
        x.map(|x| {
            let repr = x.to_repr();
            let bytes = repr.as_ref();
            std::array::from_fn(|i| u64::from_le_bytes(std::array::from_fn(|j| bytes[8 * i + j])))
        })
    }
    #[inline(always)]
    fn import_words<F: Field>(self, words: &[[u64; 4]; LANES]) -> [F; LANES] {
        words.map(F::from_words)
    }
}
