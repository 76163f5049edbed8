//! The chip `secp`: recovery of an ECDSA public key on secp256k1.

mod columns;
mod constraints;
mod numbers;
mod trace;

#[cfg(test)]
mod tests;

use crate::{
    Fr,
    buses::Buses,
    framework::{BusKind, KindId, MachineBuilder},
    tables,
};
use constraints::Inner;
pub use trace::{PublicKey, SecpError, Signature};

/// Kinds and cells of the chip.
#[derive(Clone, Debug)]
pub struct SecpChip {
    mul: (KindId, columns::Mul),
    step: (KindId, columns::Step),
    word: (KindId, columns::Word),
    signature: (KindId, columns::Signature),
}

/// Declares the chip's kinds, its own buses and its fixed table.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> SecpChip {
    let range = tables::range13(b);
    let points = b.table("secp.points", || {
        numbers::fixed_points()
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let (x, y) = trace::centred_point(p);
                std::iter::once(Fr::from(i as u64))
                    .chain(x.fr())
                    .chain(y.fr())
                    .collect()
            })
            .collect()
    });
    let inner = Inner {
        mul: b.bus("secp.mul", BusKind::Fact, 19),
        word: b.bus("secp.word", BusKind::Fact, 7),
        multiple: b.bus("secp.multiple", BusKind::Fact, 12),
        partial: b.bus("secp.partial", BusKind::Fact, 16),
        points,
    };
    let mul = {
        let mut k = b.kind("secp.mul", 2);
        let c = columns::Mul::place(&mut k, range);
        constraints::mul(&mut k, &c, inner.mul);
        (k.finish(), c)
    };
    let step = {
        let mut k = b.kind("secp.step", 2);
        let c = columns::Step::place(&mut k, range);
        constraints::step(&mut k, &c, &inner);
        (k.finish(), c)
    };
    let word = {
        let mut k = b.kind("secp.word", 2);
        let c = columns::Word::place(&mut k, range);
        constraints::word(&mut k, &c, inner.word);
        (k.finish(), c)
    };
    let signature = {
        let mut k = b.kind("secp.signature", 3);
        let c = columns::Signature::place(&mut k, range);
        constraints::signature(&mut k, &c, &inner, buses.ecdsa);
        (k.finish(), c)
    };
    SecpChip {
        mul,
        step,
        word,
        signature,
    }
}
