//! What is the same on every row: constants and polynomials of the challenges, each computed once.

use super::Scalars;
use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use std::{collections::HashMap, ops::Neg};

/// An entry of a [`Table`], or its negative. Equal ones are equal in value; unequal ones may still be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scalar {
    /// The entry's number.
    pub(super) id: u32,
    /// Whether it is the negative.
    pub(super) negative: bool,
}

impl Scalar {
    pub(super) const ZERO: Self = Self::entry(0);
    pub(super) const ONE: Self = Self::entry(1);

    const fn entry(id: u32) -> Self {
        Self {
            id,
            negative: false,
        }
    }

    /// Whether it is 1 or -1: products with it are additions.
    pub(super) fn is_unit(self) -> bool {
        self.id == Self::ONE.id
    }

    /// 1 or -1, so that it is that times the entry.
    pub(super) fn sign(self) -> Self {
        Self {
            negative: self.negative,
            ..Self::ONE
        }
    }

    /// The scalar, or its negative if `negative`.
    pub(super) fn negated_if(self, negative: bool) -> Self {
        if negative { -self } else { self }
    }
}

impl Neg for Scalar {
    type Output = Self;
    fn neg(self) -> Self {
        // So that 0 is one thing.
        let negative = self != Self::ZERO && !self.negative;
        Self { negative, ..self }
    }
}

/// What the prover draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Challenge {
    Phase(usize),
    Beta,
    Gamma,
    Theta,
    Y,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Entry {
    /// Not greater than its negative.
    Constant(Fr),
    Challenge(Challenge),
    Sum(u32, Scalar),
    Product(u32, u32),
}

/// Scalars in an order in which they can be computed.
#[derive(Clone, Debug)]
pub(super) struct Table {
    entries: Vec<Entry>,
    seen: HashMap<Entry, u32>,
}

impl Table {
    pub(super) fn new() -> Self {
        let mut table = Self {
            entries: vec![],
            seen: HashMap::new(),
        };
        assert_eq!(table.constant(Fr::ZERO), Scalar::ZERO);
        assert_eq!(table.constant(Fr::ONE), Scalar::ONE);
        table
    }

    fn push(&mut self, entry: Entry) -> Scalar {
        let next = self.entries.len() as u32;
        let id = *self.seen.entry(entry).or_insert(next);
        if id == next {
            self.entries.push(entry);
        }
        Scalar::entry(id)
    }

    pub(super) fn constant(&mut self, x: Fr) -> Scalar {
        let negative = -x < x;
        self.push(Entry::Constant(if negative { -x } else { x }))
            .negated_if(negative)
    }

    pub(super) fn challenge(&mut self, challenge: Challenge) -> Scalar {
        self.push(Entry::Challenge(challenge))
    }

    fn as_constant(&self, a: Scalar) -> Option<Fr> {
        match self.entries[a.id as usize] {
            Entry::Constant(x) => Some(if a.negative { -x } else { x }),
            _ => None,
        }
    }

    pub(super) fn add(&mut self, a: Scalar, b: Scalar) -> Scalar {
        if let (Some(x), Some(y)) = (self.as_constant(a), self.as_constant(b)) {
            return self.constant(x + y);
        }
        if a == Scalar::ZERO {
            return b;
        }
        if b == Scalar::ZERO {
            return a;
        }
        if a == -b {
            return Scalar::ZERO;
        }
        let (a, b) = if a.id <= b.id { (a, b) } else { (b, a) };
        self.push(Entry::Sum(a.id, b.negated_if(a.negative)))
            .negated_if(a.negative)
    }

    pub(super) fn mul(&mut self, a: Scalar, b: Scalar) -> Scalar {
        if let (Some(x), Some(y)) = (self.as_constant(a), self.as_constant(b)) {
            return self.constant(x * y);
        }
        if a == Scalar::ZERO || b == Scalar::ZERO {
            return Scalar::ZERO;
        }
        let negative = a.negative != b.negative;
        let product = if a.is_unit() {
            Scalar::entry(b.id)
        } else if b.is_unit() {
            Scalar::entry(a.id)
        } else {
            self.push(Entry::Product(a.id.min(b.id), a.id.max(b.id)))
        };
        product.negated_if(negative)
    }

    /// The entries' values.
    pub(super) fn values(&self, scalars: &Scalars<'_>) -> Vec<Fr> {
        let mut values: Vec<Fr> = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            values.push(match *entry {
                Entry::Constant(x) => x,
                Entry::Challenge(Challenge::Phase(i)) => scalars.challenges[i],
                Entry::Challenge(Challenge::Beta) => scalars.beta,
                Entry::Challenge(Challenge::Gamma) => scalars.gamma,
                Entry::Challenge(Challenge::Theta) => scalars.theta,
                Entry::Challenge(Challenge::Y) => scalars.y,
                Entry::Sum(a, b) => {
                    let (a, b_value) = (values[a as usize], values[b.id as usize]);
                    if b.negative { a - b_value } else { a + b_value }
                }
                Entry::Product(a, b) => values[a as usize] * values[b as usize],
            });
        }
        values
    }
}
