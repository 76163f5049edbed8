//! An engine that computes bounds: what elements are at most, as multiples of the modulus. It stops where an operation does not take them.

use crate::{
    engine::{Arithmetic, Block, LANES, LIMIT},
    field::Field,
};

#[derive(Clone, Copy, Debug)]
pub(super) struct Watch;

fn kept(bound: u64) -> u64 {
    assert!(bound <= LIMIT, "{bound}");
    bound
}

impl Arithmetic for Watch {
    /// The bound of all eight.
    type V<F: Field> = u64;
    /// Products, and the sum of the products of their bounds.
    type Sum<F: Field> = (usize, u64);

    const NAME: &'static str = "bounds";

    fn run<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
    fn zero<F: Field>(self) -> u64 {
        0
    }
    fn splat<F: Field>(self, _: F) -> u64 {
        2
    }
    fn import<F: Field>(self, _: &[F; LANES]) -> u64 {
        2
    }
    fn import_words<F: Field>(self, _: &[[u64; 4]; LANES]) -> u64 {
        2
    }
    fn load<F: Field>(self, _: &Block<F>) -> u64 {
        2
    }
    fn load_across<F: Field>(self, _: [&Block<F>; 2], lane: usize) -> u64 {
        assert!(lane <= LANES);
        2
    }
    fn store<F: Field>(self, x: u64, _: &mut Block<F>) {
        assert!(x <= 2, "{x}");
    }
    fn export<F: Field>(self, x: u64) -> [F; LANES] {
        kept(x);
        [F::ZERO; LANES]
    }
    fn add<F: Field>(self, a: u64, b: u64) -> u64 {
        kept(a + b)
    }
    fn sub<const K: u64, F: Field>(self, a: u64, b: u64) -> u64 {
        assert!(b <= K && K <= 32, "{b} of {K}");
        kept(a + K)
    }
    fn mul<F: Field>(self, a: u64, b: u64) -> u64 {
        kept(a * b);
        2
    }
    fn square<F: Field>(self, a: u64) -> u64 {
        assert!(a <= 9, "{a}");
        2
    }
    fn reduce<F: Field>(self, a: u64) -> u64 {
        kept(a);
        2
    }
    fn sum<F: Field>(self) -> (usize, u64) {
        (0, 0)
    }
    fn sum_add<F: Field>(self, (n, sum): (usize, u64), a: u64, b: u64) -> (usize, u64) {
        assert!(n < 256);
        (n + 1, kept(sum + a * b))
    }
    fn sum_done<F: Field>(self, (_, sum): (usize, u64)) -> u64 {
        kept(sum);
        2
    }
    fn transpose<F: Field>(self, _: [u64; LANES]) -> [u64; LANES] {
        unimplemented!("programs do not transpose")
    }
    fn zeros<F: Field>(self, _: u64) -> u8 {
        unimplemented!("programs do not branch")
    }
    fn select<F: Field>(self, _: u8, _: u64, _: u64) -> u64 {
        unimplemented!("programs do not branch")
    }
    fn integers<F: Field>(self, _: &[F; LANES]) -> [[u64; 4]; LANES] {
        unimplemented!("programs have no integers")
    }
}
