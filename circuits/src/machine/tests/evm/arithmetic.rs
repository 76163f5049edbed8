//! MULMOD and EXP against arithmetic of 512 bits, `revm`, and the checker.

use super::{Case, INTRINSIC, edges, holds, push};
use alloy_primitives::{U256, U512};
use rand::{Rng, SeedableRng, rngs::StdRng};

const EXP: u8 = 0x0a;
const MULMOD: u8 = 0x09;

/// Operations with their operands, the first one at the top of the stack, and what each should give.
type Expected = Vec<(u8, Vec<U256>, U256)>;

/// A program that halts unless each operation gives what is expected.
pub(super) fn checked(operations: &[(u8, Vec<U256>, U256)]) -> Case {
    let mut code = vec![];
    for (opcode, operands, result) in operations {
        code.extend(push(*result));
        for word in operands.iter().rev() {
            code.extend(push(*word));
        }
        code.extend([*opcode, 0x14]);
        let [high, low] = (code.len() as u16 + 5).to_be_bytes();
        code.extend([0x61, high, low, 0x57, 0xfe, 0x5b]);
    }
    Case {
        gas: 3_000_000,
        ..Case::of(&code)
    }
}

fn mulmod(a: U256, b: U256, n: U256) -> (u8, Vec<U256>, U256) {
    let [x, y, m]: [U512; 3] = [a, b, n].map(U512::from);
    let result = (x * y).checked_rem(m).unwrap_or_default().to();
    (MULMOD, vec![a, b, n], result)
}

/// Square and multiply from the lowest bit, which is not what the microcode does.
fn exp(base: U256, exponent: U256) -> (u8, Vec<U256>, U256) {
    let (mut power, mut result) = (base, U256::from(1));
    for i in 0..256 {
        if exponent.bit(i) {
            result = result.wrapping_mul(power);
        }
        power = power.wrapping_mul(power);
    }
    (EXP, vec![base, exponent], result)
}

/// Carries and borrows of MULMOD, exponents with ones and zeros.
pub(super) fn operations() -> Expected {
    let max = U256::MAX;
    let one = U256::from(1);
    let half = one << 128;
    let mut all = vec![
        mulmod(max - one, max - one, max),
        mulmod(max - one, max - half, max),
        mulmod(half + one, half - one, max - half),
        mulmod(max, half, (half - one) << 100),
        mulmod(half, half, (one << 200) + one),
        exp(U256::from(3), U256::from(0x85)),
    ];
    all.extend((1..4u64).map(|i| {
        let odd = max / U256::from(2 * i + 1);
        mulmod(odd, max - odd, odd << i)
    }));
    all
}

/// EXP with the least or greatest exponent of so many bytes, and the gas that the program needs less what is missing.
pub(super) fn exponent_of(bytes: usize, greatest: bool, gas_missing: u64) -> Case {
    let least = match bytes {
        0 => U256::ZERO,
        n => U256::from(1) << (8 * n - 8),
    };
    let exponent = match greatest {
        true if bytes > 0 => U256::MAX >> (256 - 8 * bytes),
        _ => least,
    };
    let code = [push(exponent), vec![0x60, 2, EXP]].concat();
    let pushes = if bytes == 0 { 2 } else { 3 } + 3;
    Case {
        gas: INTRINSIC + pushes + 10 + 50 * bytes as u64 - gas_missing,
        ..Case::of(&code)
    }
}

/// Words of any length.
fn random(rng: &mut StdRng) -> U256 {
    let word: [u8; 32] = rng.r#gen();
    let word: U256 = U256::from_be_bytes(word) >> rng.gen_range(0..256usize);
    match rng.gen_range(0..4) {
        0 => !word,
        _ => word,
    }
}

#[track_caller]
fn all_agree(operations: &Expected) {
    for operations in operations.chunks(100) {
        let case = checked(operations);
        let agrees = case.agrees();
        assert_eq!(agrees, Ok(true), "{operations:?}");
    }
}

// POSITIVE

#[test]
fn mulmod_of_edges_and_of_random_words() {
    let mut all = vec![];
    for a in edges() {
        for b in edges() {
            all.extend(edges().into_iter().map(|n| mulmod(a, b, n)));
        }
    }
    let mut rng = StdRng::seed_from_u64(9);
    all.extend((0..1000).map(|_| {
        let [a, b, n] = [(); 3].map(|()| random(&mut rng));
        mulmod(a, b, n)
    }));
    all_agree(&all);
}

#[test]
fn exp_of_edges_and_of_random_words() {
    let mut all = vec![];
    for a in edges() {
        all.extend(edges().into_iter().map(|b| exp(a, b)));
    }
    let mut rng = StdRng::seed_from_u64(10);
    all.extend((0..300).map(|_| {
        let [a, b] = [(); 2].map(|()| random(&mut rng));
        exp(a, b)
    }));
    all_agree(&all);
}

#[test]
fn each_byte_of_an_exponent_has_its_price() {
    for bytes in 0..=32 {
        for greatest in [false, true] {
            for missing in [0, 1] {
                let case = exponent_of(bytes, greatest, missing);
                assert_eq!(case.agrees(), Ok(missing == 0), "{case:?}");
            }
        }
    }
}

#[test]
fn products_and_powers_hold() {
    let case = checked(&operations());
    assert_eq!(case.agrees(), Ok(true));
    holds(&case);
    holds(&exponent_of(32, true, 0));
    holds(&exponent_of(17, false, 1));
    holds(&exponent_of(0, false, 0));
}

// NEGATIVE

#[test]
fn a_wrong_expectation_is_seen() {
    for mut operation in operations() {
        operation.2 = operation.2.wrapping_add(U256::from(1));
        assert_eq!(checked(&[operation]).agrees(), Ok(false));
    }
}
