//! One small machine: a start row, a row that asks for a public key, and the chip.

use super::{numbers::*, *};
use crate::{
    LAYOUT,
    framework::{Cell, Machine, table::Table, trace::Trace},
    testing::*,
};
use alloy_primitives::U256;
use ff::Field;
use std::sync::{Arc, LazyLock};

struct Small {
    machine: Arc<Machine>,
    chip: SecpChip,
    start: KindId,
    ask: KindId,
    fact: Vec<Cell>,
}

static SMALL: LazyLock<Small> = LazyLock::new(|| {
    let (machine, start, (ask, fact, chip)) = machine_with(|b, buses| {
        let mut k = b.kind("test.ask", 1);
        let fact = k.cells("fact", 0, 12);
        k.require(buses.ecdsa, 1, fact.iter().map(|c| c.expr()).collect());
        (k.finish(), fact, define(b, buses))
    });
    Small {
        machine,
        chip,
        start,
        ask,
        fact,
    }
});

/// The twelve values that a neighbour would ask for.
fn fact_of(sig: &Signature, key: &PublicKey) -> Vec<Fr> {
    let h = trace::half;
    [h(sig.z), h(sig.r), h(sig.s)]
        .concat()
        .into_iter()
        .chain([Fr::from(u64::from(sig.odd))])
        .chain(h(key.x))
        .chain(h(key.y))
        .chain([Fr::ONE])
        .collect()
}

fn table_of(sigs: &[Signature]) -> (Table, Vec<PublicKey>) {
    let s = &*SMALL;
    let mut t = Trace::new(&s.machine);
    t.push(s.start);
    let keys: Vec<PublicKey> = sigs
        .iter()
        .map(|sig| s.chip.recover(&mut t, sig).expect("a key"))
        .collect();
    for (sig, key) in sigs.iter().zip(&keys) {
        t.push(s.ask).set_all(&s.fact, fact_of(sig, key));
    }
    (t.finish([Fr::ZERO; 2]), keys)
}

fn number(seed: u64) -> U256 {
    U256::from_be_bytes(alloy_primitives::keccak256(seed.to_be_bytes()).0)
}

/// A signature made by a secret key with nonce `k`.
fn sign(secret: U256, k: U256, z: U256) -> (Signature, PublicKey) {
    use group::Curve;
    use halo2_proofs::halo2curves::secp256k1::{Fq, Secp256k1Affine};
    let g = Secp256k1Affine::generator();
    let (d, k): (Fq, Fq) = (scalar(secret), scalar(k));
    let r_point = (g * k).to_affine();
    let q = (g * d).to_affine();
    let r = integer(r_point.x);
    let s = k.invert().unwrap() * (scalar(z) + scalar(r) * d);
    (
        Signature {
            z,
            r,
            s: integer(s),
            odd: integer(r_point.y).bit(0),
        },
        PublicKey {
            x: integer(q.x),
            y: integer(q.y),
        },
    )
}

// POSITIVE

#[test]
fn one_signature_holds() {
    let (sig, key) = sign(number(1), number(2), number(3));
    let (table, keys) = table_of(&[sig]);
    assert_eq!(keys[0], key);
    assert_holds(&SMALL.machine, &table);
    println!("{:?}", table.rows_by_chip(&SMALL.machine));
    println!("{:?}", SMALL.machine.circuit_cost());
}

#[test]
fn golden_costs() {
    let (bare, ..) = machine_with(|_, _| ());
    let (machine, ..) = machine_with(define);
    println!("ops {}", operations(&machine) - operations(&bare));
    for skip in 1..=4 {
        let _ = skip;
    }
}
