//! One small machine: a start row, a row that asks for a public key, and the chip.

use super::{
    numbers::*,
    run::{Mode, Plan, Run, Windows, lift},
    trace::{Filled, Operands, half, label_of},
    *,
};
use crate::{
    framework::{Cell, Kind, Machine, checker, mutate, table::Table, trace::Trace},
    testing::*,
};
use alloy_primitives::{U256, keccak256};
use ff::{Field, PrimeField};
use group::Curve;
use halo2_proofs::halo2curves::secp256k1::{Fp, Fq, Secp256k1Affine};
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
        let fact = k.cells("fact", 0, 11);
        for (code, q) in [(0, &fact[7..9]), (2, &fact[9..])] {
            let question = fact[..6].iter().map(|c| c.expr());
            let answer = q.iter().map(|c| c.expr());
            let values = question.chain([fact[6] + code]).chain(answer);
            k.require(buses.ecdsa, 1, values.collect());
        }
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

/// What a neighbour asks for: question, parity, both coordinates.
fn fact_of(sig: &Signature, key: &PublicKey) -> Vec<Fr> {
    [half(sig.z), half(sig.r), half(sig.s)]
        .concat()
        .into_iter()
        .chain([Fr::from(u64::from(sig.odd))])
        .chain(half(key.x))
        .chain(half(key.y))
        .collect()
}

/// A table of what `fill` appends, in which each pair of signature and key is asked for.
fn table_with(fill: impl FnOnce(&mut Trace<'_>), asked: &[(Signature, PublicKey)]) -> Table {
    let s = &*SMALL;
    let mut t = Trace::new(&s.machine);
    t.push(s.start);
    fill(&mut t);
    for (sig, key) in asked {
        t.push(s.ask).set_all(&s.fact, fact_of(sig, key));
    }
    t.finish([Fr::ZERO; 2])
}

fn honest(asked: &[(Signature, PublicKey)]) -> Table {
    table_with(
        |t| {
            for (sig, key) in asked {
                assert_eq!(SMALL.chip.recover(t, sig), Ok(*key), "{sig:?}");
            }
        },
        asked,
    )
}

fn number(seed: u64) -> U256 {
    U256::from_be_bytes(keccak256(seed.to_be_bytes()).0)
}

fn key_of(q: Secp256k1Affine) -> PublicKey {
    PublicKey {
        x: integer(q.x),
        y: integer(q.y),
    }
}

/// The signature of `z` by a secret key with nonce `k`, and the public key.
fn sign(secret: U256, k: U256, z: U256) -> (Signature, PublicKey) {
    let g = Secp256k1Affine::generator();
    let (d, k): (Fq, Fq) = (scalar(secret), scalar(k));
    let point = (g * k).to_affine();
    let r = integer(point.x);
    let s = k.invert().unwrap() * (scalar(z) + scalar(r) * d);
    let odd = integer(point.y).bit(0);
    let s = integer(s);
    (Signature { z, r, s, odd }, key_of((g * d).to_affine()))
}

fn one() -> (Signature, PublicKey) {
    sign(number(1), number(2), number(3))
}

/// `s / r` and `-z / r`.
fn quotients(sig: &Signature) -> [Fq; 2] {
    let inverse: Fq = scalar(sig.r).invert().unwrap();
    [scalar(sig.s) * inverse, -scalar(sig.z) * inverse]
}

/// The key of a signature by plain group arithmetic.
fn plain_key(point: Secp256k1Affine, [u, v]: [Fq; 2]) -> Secp256k1Affine {
    (point * u + Secp256k1Affine::generator() * v).to_affine()
}

// POSITIVE

#[test]
fn constants_are_what_they_are_called() {
    let g = Secp256k1Affine::generator();
    let image = (g * scalar(LAMBDA)).to_affine();
    assert_eq!(image.x, g.x * element::<Fp>(BETA).unwrap());
    assert_eq!(image.y, g.y);
    // No point has x = 0, so that r is never 0 modulo p.
    assert_eq!(lift(U256::ZERO, false), Err(SecpError::NotOnCurve));
    assert_eq!(U256::ZERO.wrapping_sub(P), U256::from((1u64 << 32) + 977));
    for m in [Modulus::P, Modulus::N] {
        assert_eq!(m.limbs().wide(), Wide::from(m.value()));
    }
}

#[test]
fn scalars_split_into_their_bounds() {
    for seed in 0..200 {
        let u = scalar(number(seed));
        let (a, b) = split(u);
        assert!(a.bit_len() <= 131 && b.bit_len() <= 128);
        assert_eq!(scalar(a) + scalar(LAMBDA) * scalar(b), u);
    }
}

/// Whoever wants the two x of an addition to be equal must solve for a relation between the offset and G: the offset occurs
/// with another multiplicity in the two points, whatever the digits, and in no sum with multiplicity zero.
#[test]
fn the_offset_never_cancels() {
    let lambda = scalar(LAMBDA);
    for w in 0..WINDOWS {
        let mut h = offset_multiple(w);
        for _ in 0..4 {
            assert!(!bool::from(h.is_zero()));
            h = h.double();
        }
        for other in [Fq::ONE, lambda] {
            assert!(h != other && h != -other && !bool::from(h.is_zero()));
            h += other;
        }
        assert!(!bool::from(h.is_zero()));
        assert_eq!(h, offset_multiple(w + 1));
    }
}

#[test]
fn random_signatures_agree_with_k256() {
    use k256::ecdsa::{SigningKey, VerifyingKey};
    let mut asked = vec![];
    for seed in 0..6u64 {
        let secret = SigningKey::from_slice(&number(seed).to_be_bytes::<32>()).unwrap();
        let z = number(100 + seed);
        let (signature, id) = secret
            .sign_prehash_recoverable(&z.to_be_bytes::<32>())
            .unwrap();
        let word = |b: &[u8]| U256::from_be_slice(b);
        let bytes = signature.to_bytes();
        let sig = Signature {
            z,
            r: word(&bytes[..32]),
            s: word(&bytes[32..]),
            odd: id.is_y_odd(),
        };
        let point = VerifyingKey::from(&secret).to_encoded_point(false);
        let key = PublicKey {
            x: word(point.x().unwrap()),
            y: word(point.y().unwrap()),
        };
        asked.push((sig, key));
    }
    assert!(asked.iter().any(|a| a.0.odd) && asked.iter().any(|a| !a.0.odd));
    assert_holds(&SMALL.machine, &honest(&asked));
}

#[test]
fn edges_of_keys_hashes_and_words_hold() {
    let one = U256::from(1);
    let small = |v: u64| U256::from(v);
    let mut asked = vec![];
    for secret in [one, small(2), small(3), N - one, N - small(2)] {
        asked.push(sign(secret, number(7), number(8)));
    }
    for z in [U256::ZERO, one, N, N + one, U256::MAX] {
        asked.push(sign(number(9), number(10), z));
    }
    // R = G, R = -G, R = 2 G: digits and comb meet the same points.
    for k in [one, N - one, small(2)] {
        asked.push(sign(one, k, number(11)));
    }
    assert_holds(&SMALL.machine, &honest(&asked));
}

#[test]
fn edges_of_r_and_s_hold() {
    let one = U256::from(1);
    let mut asked = vec![];
    // Small and large r that are the x of a point, with extreme s.
    let smallest = (1..20u64).map(U256::from).find(|r| lift(*r, false).is_ok());
    let largest = (1..20u64)
        .map(|d| N - U256::from(d))
        .find(|r| lift(*r, false).is_ok());
    for r in [smallest.unwrap(), largest.unwrap()] {
        for (s, odd) in [(one, false), (N - one, true), (N >> 1, false)] {
            let sig = Signature {
                z: number(12),
                r,
                s,
                odd,
            };
            let key = plain_key(lift(r, odd).unwrap(), quotients(&sig));
            asked.push((sig, key_of(key)));
        }
    }
    assert_holds(&SMALL.machine, &honest(&asked));
}

#[test]
fn a_point_that_meets_one_offset_uses_the_other() {
    let h = POINTS.offsets[0];
    let sig = Signature {
        z: number(13),
        r: integer(h.x),
        s: number(14),
        odd: false,
    };
    let run = Run::new(h, 0, Windows::of(Fq::ONE, Fq::ONE));
    let mut t = Trace::new(&SMALL.machine);
    assert_eq!(SMALL.chip.push_run(&mut t, &run), None);
    let key = key_of(plain_key(h, quotients(&sig)));
    assert_holds(&SMALL.machine, &honest(&[(sig, key)]));
}

#[test]
fn the_same_signature_twice_holds() {
    assert_holds(&SMALL.machine, &honest(&[one(), one()]));
}

#[test]
fn what_recovers_nothing_is_an_error() {
    let (sig, _) = one();
    let mut t = Trace::new(&SMALL.machine);
    let zero = U256::ZERO;
    let g = Secp256k1Affine::generator();
    // s R = z G.
    let infinity = Signature {
        z: U256::from(5),
        r: integer(g.x),
        s: U256::from(5),
        odd: integer(g.y).bit(0),
    };
    let off = (1..20u64)
        .map(U256::from)
        .find(|r| lift(*r, false).is_err());
    for (bad, error) in [
        (Signature { r: zero, ..sig }, SecpError::RangeOfR),
        (Signature { r: N, ..sig }, SecpError::RangeOfR),
        (Signature { s: zero, ..sig }, SecpError::RangeOfS),
        (Signature { s: N, ..sig }, SecpError::RangeOfS),
        (
            Signature {
                r: off.unwrap(),
                ..sig
            },
            SecpError::NotOnCurve,
        ),
        (infinity, SecpError::Infinity),
    ] {
        assert_eq!(SMALL.chip.recover(&mut t, &bad), Err(error));
    }
    assert_eq!(t.rows(), 0);
}

#[test]
fn golden_costs() {
    let (bare, ..) = machine_with(|_, _| ());
    let (machine, ..) = machine_with(define);
    let table = honest(&[one()]);
    let rows = |kind: KindId| table.heads_of(kind).len() * SMALL.machine.kinds[kind.0].rows;
    let queries = |m: &Arc<Machine>| m.constraint_system().advice_queries().len();
    let chip = &SMALL.chip;
    let total: usize = [chip.mul.0, chip.step.0, chip.word.0, chip.signature.0]
        .map(rows)
        .iter()
        .sum();
    let lines = [
        format!("rows per signature: {total}"),
        format!("rows of secp.mul: {}", rows(chip.mul.0)),
        format!("rows of secp.step: {}", rows(chip.step.0)),
        format!("rows of secp.word: {}", rows(chip.word.0)),
        format!("rows of secp.signature: {}", rows(chip.signature.0)),
        format!(
            "field operations: {}",
            operations(&machine) - operations(&bare)
        ),
        format!("kinds: {}", machine.kinds.len() - bare.kinds.len()),
        format!(
            "queries of advice columns: {}",
            queries(&machine) - queries(&bare)
        ),
        format!(
            "entries of fixed tables: {}",
            machine.entries.len() - (1 << crate::tables::RANGE_BITS)
        ),
    ];
    assert_golden("secp", &lines);
}

#[test]
fn a_real_proof() {
    assert!(prove_and_verify(&SMALL.machine, &honest(&[one()]), 14));
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let table = honest(&[one()]);
    let outcome = mutate::mutate(&SMALL.machine, &table, 60);
    assert!(
        outcome.survivors.is_empty(),
        "{} of {}: {:?}",
        outcome.survivors.len(),
        outcome.tried,
        &outcome.survivors[..outcome.survivors.len().min(20)]
    );
    println!("{} of {} changes noticed", outcome.killed, outcome.tried);
    let free: Vec<&str> = outcome.free.iter().map(|f| f.1.as_str()).collect();
    assert_eq!(free, ["y2.0", "y2.1", "y2.2"]);
}

/// Names of the relations that fail, without repeats.
fn failing(table: &Table) -> Vec<String> {
    let failures = checker::check(&SMALL.machine, table, 200).expect_err("the table is bad");
    let mut names: Vec<String> = failures.into_iter().map(|f| f.relation).collect();
    names.sort();
    names.dedup();
    names
}

fn assert_unbalanced(table: &Table, bus: &str) {
    let names = failing(table);
    assert!(
        names.iter().any(|n| *n == format!("bus {bus}")),
        "{names:?}"
    );
}

fn kind(id: KindId) -> &'static Kind {
    &SMALL.machine.kinds[id.0]
}

/// A prover that checks nothing: any point, scalars, steps, key.
fn forged(
    sig: &Signature,
    point: Secp256k1Affine,
    windows: Windows,
    quotients: [Fq; 2],
    key: Secp256k1Affine,
    edit: impl FnOnce(&mut Run),
) -> Table {
    let mut run = Run::new(point, 0, windows);
    edit(&mut run);
    table_with(
        |t| {
            SMALL.chip.push_run(t, &run).expect("no equal x");
            SMALL.chip.push_signature(t, sig, &run, key, quotients);
        },
        &[(*sig, key_of(key))],
    )
}

#[test]
fn a_forger_who_changes_nothing_is_honest() {
    let (sig, _) = one();
    let (point, q) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let table = forged(
        &sig,
        point,
        Windows::of(q[0], q[1]),
        q,
        plain_key(point, q),
        |_| (),
    );
    assert_holds(&SMALL.machine, &table);
}

#[test]
fn another_key_parity_or_word_has_no_fact() {
    let good = honest(&[one()]);
    let ask = good.heads_of(SMALL.ask)[0];
    for cell in &SMALL.fact {
        for delta in [Fr::ONE, -Fr::ONE, Fr::from_u128(1 << 127)] {
            let mut table = good.clone();
            table.set(ask, *cell, good.cell(ask, *cell) + delta);
            assert_unbalanced(&table, "ecdsa");
        }
    }
}

#[test]
fn the_other_root_does_not_pass_as_this_one() {
    let (sig, _) = one();
    let (point, q) = (-lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    // The forger takes -R and claims R's parity; all facts of the run carry the claimed label.
    let key = plain_key(point, q);
    let windows = Windows::of(q[0], q[1]);
    let table = forged(&sig, point, windows, q, key, |run| run.odd = sig.odd);
    assert_eq!(failing(&table), ["parity of y"]);
}

#[test]
fn a_zero_s_is_refused() {
    let sig = Signature {
        s: U256::ZERO,
        ..one().0
    };
    let (point, q) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let key = plain_key(point, q);
    let table = forged(&sig, point, Windows::of(q[0], q[1]), q, key, |_| ());
    assert_eq!(failing(&table), ["s is not zero"]);
}

/// Only the comparison of a word with its modulus fails.
fn assert_word_refused(table: &Table) {
    let names = failing(table);
    let local = |n: &String| n.starts_with("number + complement + 1 = m");
    assert!(names.iter().all(local), "{names:?}");
}

/// Only the arithmetic of a relation fails.
fn assert_relation_refused(table: &Table) {
    let names = failing(table);
    let local = |n: &String| n.starts_with("bits ") || n.ends_with("in table range13");
    assert!(names.iter().all(local), "{names:?}");
}

/// Each failure is local to the row that proves the word: nothing else is wrong.
#[test]
fn words_beyond_the_order_are_refused() {
    let base = one().0;
    let large_s = Signature {
        s: N + U256::from(5),
        ..base
    };
    let r = (1..20u64)
        .map(|d| N + U256::from(d))
        .find(|r| lift(*r, false).is_ok());
    let large_r = Signature {
        r: r.unwrap(),
        odd: false,
        ..base
    };
    for sig in [large_s, large_r] {
        let point = lift(sig.r, sig.odd).unwrap();
        let q = quotients(&sig);
        let key = plain_key(point, q);
        let table = forged(&sig, point, Windows::of(q[0], q[1]), q, key, |_| ());
        assert_word_refused(&table);
    }
}

#[test]
fn a_key_that_is_not_reduced_is_refused() {
    // A signature whose key has a small x: z = 0, so that Q is a multiple of R and R can be solved for.
    let q = (1..40u64)
        .map(U256::from)
        .find_map(|x| lift(x, false).ok())
        .unwrap();
    let u = scalar(number(20));
    let point = (q * u.invert().unwrap()).to_affine();
    let r = integer(point.x);
    assert!(r < N);
    let sig = Signature {
        z: U256::ZERO,
        r,
        s: integer(u * scalar(r)),
        odd: integer(point.y).bit(0),
    };
    let key = key_of(q);
    assert_holds(&SMALL.machine, &honest(&[(sig, key)]));

    let large = PublicKey {
        x: key.x + P,
        ..key
    };
    let table = table_with(
        |t| {
            SMALL.chip.recover(t, &sig).unwrap();
            // Behind the word of x: that of y, six relations and the signature itself.
            let end = t.rows();
            let chip = &SMALL.chip;
            chip.fill_word(&mut t.row_mut(end - 19), Modulus::P, large.x, true);
            t.row_mut(end - 3)
                .set_all(&chip.signature.1.qx_half, half(large.x));
        },
        &[(sig, large)],
    );
    assert_word_refused(&table);
}

#[test]
fn other_scalars_than_the_signature_s_are_refused() {
    let (sig, _) = one();
    let (point, [u, v]) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let lambda = scalar(LAMBDA);
    // Windows of another u or v, with the key that they give: only the relations between scalars are left to refuse.
    for (u2, v2) in [
        (u + lambda, v),
        (u + Fq::ONE, v),
        (u, v + Fq::ONE),
        (u, v + Fq::from_u128(1 << 64).square()),
        (-u, -v),
    ] {
        let key = plain_key(point, [u2, v2]);
        let table = forged(&sig, point, Windows::of(u2, v2), [u, v], key, |_| ());
        assert_relation_refused(&table);
        // The same with the quotients to match: then they are not the signature's.
        let table = forged(&sig, point, Windows::of(u2, v2), [u2, v2], key, |_| ());
        assert_relation_refused(&table);
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let (sig, _) = one();
    let mut point = lift(sig.r, sig.odd).unwrap();
    point.y += Fp::from(2);
    if integer(point.y).bit(0) != sig.odd {
        point.y += Fp::ONE;
    }
    let q = quotients(&sig);
    // The formulas of addition do not know the curve: all is well but the curve's equation.
    let windows = Windows::of(q[0], q[1]);
    let run = Run::new(point, 0, windows.clone());
    let key = run.points.last().unwrap().to_affine();
    let table = forged(&sig, point, windows, q, key, |_| ());
    assert_relation_refused(&table);
}

/// Removes one step and lets the points after it follow.
fn without(run: &mut Run, index: usize) {
    let [before, _, gone] = run.steps[index].points;
    run.steps.remove(index);
    for step in &mut run.steps[index..] {
        for p in &mut step.points[..2] {
            if *p == gone {
                *p = before;
            }
        }
        if step.raw == gone {
            step.raw = before;
        }
        let [a, b, c] = step.points;
        run.points[c] = run.points[a] + run.points[b];
    }
}

#[test]
fn a_skipped_step_is_refused() {
    let (sig, _) = one();
    let (point, q) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let windows = Windows::of(q[0], q[1]);
    let first = Run::new(point, 0, windows.clone())
        .steps
        .iter()
        .position(|s| s.mode == Mode::Double(0))
        .unwrap();
    for skipped in (first..first + 7).chain([first + 7 * WINDOWS - 1]) {
        let mut key = Secp256k1Affine::default();
        let mut edit = |run: &mut Run| {
            without(run, skipped);
            key = run.points.last().unwrap().to_affine();
        };
        let mut run = Run::new(point, 0, windows.clone());
        edit(&mut run);
        let table = forged(&sig, point, windows.clone(), q, key, |r| *r = run);
        assert_unbalanced(&table, "secp.partial");
    }
}

#[test]
fn a_truncated_run_is_refused() {
    let (sig, _) = one();
    let (point, q) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let windows = Windows::of(q[0], q[1]);
    for kept in [0, 16, 100, 239] {
        let mut run = Run::new(point, 0, windows.clone());
        run.steps.truncate(kept);
        let table = forged(&sig, point, windows.clone(), q, plain_key(point, q), |r| {
            *r = run
        });
        assert_unbalanced(&table, "secp.partial");
    }
    // One iteration less, and corrected as if it were the last.
    let mut short = windows.clone();
    short.rows.remove(0);
    let mut run = Run::new(point, 0, short);
    let key = run.points.last().unwrap().to_affine();
    let last = run.steps.last_mut().unwrap();
    last.window = WINDOWS as u64 - 1;
    let table = forged(&sig, point, windows, q, key, |r| {
        run.windows = r.windows.clone();
        *r = run;
    });
    let names = failing(&table);
    assert!(
        names.iter().any(|n| n.ends_with("in table secp.schedule")),
        "{names:?}"
    );
    assert_unbalanced(&table, "secp.partial");
}

/// Each step of the schedule says whose point it adds: the other offset's correction would leave a multiple of the difference.
#[test]
fn only_the_offset_that_was_added_is_removed() {
    let (sig, _) = one();
    let (point, q) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let windows = Windows::of(q[0], q[1]);
    let mut run = Run::new(point, 0, windows.clone());
    let last = *run.steps.last().unwrap();
    let [a, b, c] = last.points;
    run.points[b] = POINTS.corrections[1].into();
    run.points[c] = run.points[a] + run.points[b];
    let key = run.points[c].to_affine();
    let mut table = forged(&sig, point, windows, q, key, |r| *r = run);
    let names = failing(&table);
    assert!(
        names.iter().all(|n| n.ends_with("in table secp.points")),
        "{names:?}"
    );
    let head = *table.heads_of(SMALL.chip.step.0).last().unwrap();
    let other = SMALL.chip.step.1.other;
    table.set(head, other, Fr::from(KEY_CORRECTION + 1));
    let names = failing(&table);
    let schedule = |n: &String| {
        n.ends_with("in table secp.schedule") || n.starts_with("multiplicity in table")
    };
    assert!(names.iter().all(schedule), "{names:?}");
}

/// An entry beyond the comb would claim 17 G for whatever point is there.
#[test]
fn a_digit_of_the_comb_reaches_no_constant() {
    let (mut sig, _) = one();
    let (point, [u, v]) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let mut run = Run::new(point, 0, Windows::of(u, v));
    let last = run.steps.len() - 2;
    let [g, h] = [2, 3].map(|i| run.windows.rows[WINDOWS - 1][i]);
    run.windows.rows[WINDOWS - 1][2..].copy_from_slice(&[16, 0]);
    run.steps[last].mode = Mode::AddComb(16, 0);
    // The offset itself is the run's point 1.
    (run.steps[last].points[1], run.steps[last].raw) = (1, 1);
    for step in &run.steps[last..] {
        let [a, b, c] = step.points;
        run.points[c] = run.points[a] + run.points[b];
    }
    let high = Fq::from_u128(1 << 64).square();
    let v = v + Fq::from(16 - g) - high * Fq::from(h);
    sig.z = integer(-v * scalar(sig.r));
    let key = run.points.last().unwrap().to_affine();
    let table = forged(&sig, point, Windows::of(u, v), [u, v], key, |r| *r = run);
    let names = failing(&table);
    assert!(
        names.iter().all(|n| n.ends_with("in table secp.points")),
        "{names:?}"
    );
}

/// A step of points with equal x would satisfy the slope relation with any slope.
#[test]
fn an_addition_of_equal_points_with_a_free_slope_is_refused() {
    let h = POINTS.offsets[0];
    let sig = Signature {
        z: number(13),
        r: integer(h.x),
        s: number(14),
        odd: false,
    };
    let q = quotients(&sig);
    let key = key_of(plain_key(h, q));
    let (x, y) = (Num::unsigned(integer(h.x)), Num::unsigned(integer(h.y)));
    let slope = Fp::from(123_456_789);
    let x3 = slope.square() - h.x.double();
    let centred_h = trace::centred_point(&h);
    let y3 = slope * (h.x - x3) - h.y;
    let centred = trace::centred;
    let table = table_with(
        |t| {
            SMALL.chip.recover(t, &sig).unwrap();
            let step = Filled {
                plan: Plan {
                    mode: Mode::Build(1),
                    window: 0,
                    points: [0, 1, 2],
                    raw: 1,
                },
                points: [(x, y), centred_h, (centred(x3), centred(y3))],
                raw: centred_h.0,
                slope: centred(slope),
                inverse: Fr::ZERO,
                label: label_of(x, false),
                offset: 0,
            };
            let once = [Fr::ONE, Fr::ZERO, Fr::ZERO, Fr::ZERO];
            SMALL.chip.push_step(t, &step, once);
        },
        &[(sig, key)],
    );
    // The fact about R is offered with offset 1 only, as the honest run uses it.
    assert_eq!(
        failing(&table),
        ["bus secp.partial", "x1 and x2 differ modulo p"]
    );
}

#[test]
fn runs_of_two_signatures_do_not_mix() {
    let (a, b) = (one(), sign(number(21), number(22), number(23)));
    let good = honest(&[a, b]);
    let c = &SMALL.chip.signature.1;
    let rows = good.heads_of(SMALL.chip.signature.0);
    let asks = good.heads_of(SMALL.ask);
    // Each signature claims the other's key, scalars and all.
    let mut table = good.clone();
    let swapped: Vec<Cell> = [
        &c.qx[..],
        &c.qy,
        &c.qx_half,
        &c.qy_half,
        &c.k2,
        &c.g1,
        &[c.k1, c.g0],
    ]
    .concat();
    for cell in swapped {
        table.set(rows[0], cell, good.cell(rows[1], cell));
        table.set(rows[1], cell, good.cell(rows[0], cell));
    }
    for cell in &SMALL.fact[7..11] {
        table.set(asks[0], *cell, good.cell(asks[1], *cell));
        table.set(asks[1], *cell, good.cell(asks[0], *cell));
    }
    assert_unbalanced(&table, "secp.partial");
    // Two steps exchange what they add.
    let steps = good.heads_of(SMALL.chip.step.0);
    let s = &SMALL.chip.step.1;
    let mut table = good.clone();
    let (i, j) = (steps[30], steps[30 + steps.len() / 2]);
    for cell in [&s.x2[..], &s.y2].concat() {
        table.set(i, cell, good.cell(j, cell));
        table.set(j, cell, good.cell(i, cell));
    }
    assert!(!failing(&table).is_empty());
}

/// Moves 2^13 from a digit to the next one down: the number is the same, only the range is left to refuse.
#[test]
fn every_digit_is_in_range() {
    let good = honest(&[one()]);
    let chip = &SMALL.chip;
    let (m, w, g) = (&chip.mul.1, &chip.word.1, &chip.signature.1);
    let mut groups: Vec<(KindId, &[Cell], &str)> = vec![];
    let long = "range13";
    for (id, digits) in [(chip.mul.0, &m.o), (chip.word.0, &w.digits)] {
        groups.extend([&digits[..7], &digits[7..14], &digits[14..18]].map(|c| (id, c, long)));
        groups.push((id, &digits[18..], "secp.range11"));
    }
    for (id, digits) in [(chip.mul.0, &m.q), (chip.word.0, &w.complement)] {
        groups.extend([&digits[..7], &digits[7..14], &digits[14..]].map(|c| (id, c, long)));
    }
    groups.extend(m.carries.iter().map(|c| (chip.mul.0, &c[..], long)));
    let halves = [&g.half_y, &g.z_digits[0], &g.z_digits[1]].map(|h| h.concat());
    groups.extend(halves.iter().map(|c| (chip.signature.0, &c[..], long)));
    let mut tried = 0;
    for (id, cells, range) in groups {
        let head = good.heads_of(id)[0];
        for pair in cells.windows(2) {
            let mut table = good.clone();
            let mut add = |cell: Cell, by: Fr| table.set(head, cell, good.cell(head, cell) + by);
            let bits = if range == long { 13 } else { 11 };
            add(pair[0], Fr::from(1 << bits));
            add(pair[1], -Fr::ONE);
            // Digit 9 of a word has two parts.
            if id == chip.word.0 && pair[1] == w.digits[9] {
                add(w.below, -Fr::ONE);
            } else if id == chip.word.0 && pair[0] == w.digits[9] {
                add(w.above, Fr::from(4));
            }
            let names = failing(&table);
            let digit = kind(id).cell_name(pair[0]).unwrap();
            let expected = format!("{digit} in table {range}");
            assert!(names.contains(&expected), "{digit}: {names:?}");
            let local = |n: &String| n.contains(" in table ");
            assert!(names.iter().all(local), "{digit}: {names:?}");
            tried += 1;
        }
    }
    assert!(tried > 100);
}

/// Another representative of the result, with the quotient to match, satisfies the relation; the range refuses it.
#[test]
fn quotient_and_result_shifted_together_are_refused() {
    let m = Modulus::P;
    let (x, y) = (number(30) % P, number(31) % P);
    let (a, d) = (Num::centred(x, m), Num::centred(y, m));
    let product: Fp = element::<Fp>(x).unwrap() * element::<Fp>(y).unwrap();
    let o = trace::centred(product);
    // Nobody takes the token of a row that stands alone.
    let bus = "bus secp.mul".to_string();
    let row = |o: Wide| {
        let x = Operands::new(m, Num::normalised(o), Num::ONE).less(a, d);
        table_with(|t| _ = SMALL.chip.push_mul(t, &x), &[])
    };
    assert_eq!(failing(&row(o.wide())), std::slice::from_ref(&bus));
    for shifted in [
        o.wide().wrapping_add(Wide::from(P)),
        o.wide().wrapping_sub(Wide::from(P)),
    ] {
        assert_ne!(failing(&row(shifted)), std::slice::from_ref(&bus));
    }
    // The quotient alone.
    let x = Operands::new(m, o, Num::ONE).less(a, d);
    let q = x.quotient();
    for wrong in [q.wrapping_add(Wide::from(1)), q.wrapping_sub(Wide::from(1))] {
        let table = table_with(|t| _ = SMALL.chip.push_mul_with(t, &x, wrong), &[]);
        let names = failing(&table);
        assert!(names.iter().any(|n| n.starts_with("bits ")), "{names:?}");
    }
}

/// A doubling lists its second y as free; no other step may.
#[test]
fn the_second_point_is_bound_where_it_is_added() {
    let good = honest(&[one()]);
    let s = &SMALL.chip.step.1;
    let (mut images, mut additions) = (0, 0);
    for head in good.heads_of(SMALL.chip.step.0) {
        let changed = |cell: Cell| {
            let mut table = good.clone();
            table.set(head, cell, good.cell(head, cell) + Fr::ONE);
            table
        };
        if good.cell(head, s.doubles) == Fr::ZERO && additions < 30 {
            for cell in s.y2 {
                assert_unbalanced(&changed(cell), "secp.mul");
            }
            additions += 1;
        }
        if good.cell(head, s.image) == Fr::ONE && images < 3 {
            for cell in s.raw {
                let names = failing(&changed(cell));
                assert_eq!(names, ["bus secp.mul", "bus secp.partial"]);
            }
            images += 1;
        }
    }
    assert_eq!((images, additions), (3, 30));
}

/// A multiple in the place of its image has the right label, place and digit.
#[test]
fn a_multiple_is_not_its_image() {
    let (sig, _) = one();
    let (point, q) = (lift(sig.r, sig.odd).unwrap(), quotients(&sig));
    let windows = Windows::of(q[0], q[1]);
    let mut run = Run::new(point, 0, windows.clone());
    let at = run
        .steps
        .iter()
        .rposition(|s| matches!(s.mode, Mode::AddPhi(_)));
    let at = at.unwrap();
    run.steps[at].points[1] = run.steps[at].raw;
    for step in &run.steps[at..] {
        let [a, b, c] = step.points;
        run.points[c] = run.points[a] + run.points[b];
    }
    let key = run.points.last().unwrap().to_affine();
    let table = forged(&sig, point, windows, q, key, |r| *r = run);
    assert_relation_refused(&table);
}
