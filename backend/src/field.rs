//! The two prime fields of BN254 as numbers: their moduli and the raw words of an element.

use ff::PrimeField;
use halo2_proofs::halo2curves::bn256::{Fq, Fr};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Fr {}
    impl Sealed for super::Fq {}
}

/// A prime field below 2^254 whose elements `halo2curves` keeps as `x * 2^256 mod p` in four words of 64 bits.
pub trait Field: PrimeField + Ord + sealed::Sealed {
    /// The modulus, the lowest word first.
    const P: [u64; 4];

    /// The words that hold the element: `x * 2^256 mod p`, the lowest one first.
    fn words(&self) -> [u64; 4];

    /// The element that such words hold; they must be below the modulus.
    fn from_words(words: [u64; 4]) -> Self;
}

macro_rules! field {
    ($name:ident, $modulus:expr) => {
        impl Field for $name {
            const P: [u64; 4] = $modulus;

            #[inline(always)]
            fn words(&self) -> [u64; 4] {
                // SAFETY: the type is a struct of one field, `[u64; 4]`. Both have 32 bytes (`transmute` would not compile otherwise), so the
                // field is at offset 0, and any four words are a valid `[u64; 4]`.
                unsafe { std::mem::transmute(*self) }
            }

            #[inline(always)]
            fn from_words(words: [u64; 4]) -> Self {
                debug_assert!(below(words, Self::P));
                // SAFETY: as above; that the words are below the modulus is what the type's arithmetic expects, not memory safety.
                unsafe { std::mem::transmute(words) }
            }
        }
    };
}

field!(
    Fr,
    [
        0x43e1_f593_f000_0001,
        0x2833_e848_79b9_7091,
        0xb850_45b6_8181_585d,
        0x3064_4e72_e131_a029,
    ]
);
field!(
    Fq,
    [
        0x3c20_8c16_d87c_fd47,
        0x9781_6a91_6871_ca8d,
        0xb850_45b6_8181_585d,
        0x3064_4e72_e131_a029,
    ]
);

/// Whether `a < b`.
fn below(a: [u64; 4], b: [u64; 4]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number<F: Field>(mut words: [u64; 4]) -> F {
        words.reverse();
        let base = F::from(1 << 32).square();
        words
            .iter()
            .fold(F::ZERO, |acc, w| acc * base + F::from(*w))
    }

    fn check<F: Field>() {
        assert_eq!(number::<F>(F::P), F::ZERO);
        let r = F::from(2).pow([256]);
        for x in [F::ZERO, F::ONE, -F::ONE, F::MULTIPLICATIVE_GENERATOR] {
            assert_eq!(number::<F>(x.words()), x * r);
            assert_eq!(F::from_words(x.words()), x);
        }
        assert!(below((-F::ONE).words(), F::P));
        assert!(!below(F::P, F::P));
    }

    #[test]
    fn words_are_those_of_montgomery() {
        check::<Fr>();
        check::<Fq>();
    }
}
