//! Golden costs of `io` and `arith`, and one real proof of both.

use super::*;
use crate::arith::Operation;

// POSITIVE

#[test]
fn golden_costs() {
    let (bare, ..) = machine_with(|_, _| ());
    let (io, _, chip) = machine_with(define);
    let (with_arith, ..) = machine_with(arith::define);
    let (both, ..) = machine_with(|b, buses| (define(b, buses), arith::define(b, buses)));
    let (groups, ..) = machine_with(super::super::groups::define);
    let (spans, ..) = machine_with(super::super::span::define);
    let ops = |m: &Arc<Machine>| operations(m) - operations(&bare);
    let mut lines = vec![
        "rows of a span: 1 per group".to_string(),
        "rows of a word: 1".to_string(),
        "rows of an arith operation: 1".to_string(),
        format!("field operations of io: {}", ops(&io)),
        format!("of these, of io.word: {}", ops(&groups)),
        format!("of these, of io.span: {}", ops(&spans)),
        format!("field operations of arith: {}", ops(&with_arith)),
        format!("field operations of io and arith: {}", ops(&both)),
        format!("kinds of io: {}", io.kinds.len() - bare.kinds.len()),
        format!(
            "kinds of arith: {}",
            with_arith.kinds.len() - bare.kinds.len()
        ),
    ];
    let g = &chip.groups;
    for kind in [g.word, chip.span.kind] {
        let k = &io.kinds[kind.0];
        lines.push(format!(
            "{}: {} cells, {} look-ups, {} messages",
            k.name,
            k.cells.len(),
            k.lookups.len(),
            k.messages.len()
        ));
    }
    let queries = |m: &Arc<Machine>| m.constraint_system().advice_queries().len();
    lines.push(format!(
        "queries of advice columns of both: {}",
        queries(&both) - queries(&bare)
    ));
    let evaluations = |m: &Arc<Machine>| m.circuit_cost().evaluations;
    lines.push(format!(
        "evaluations of both: {} (of a start row alone: {})",
        evaluations(&both),
        evaluations(&bare)
    ));
    assert_golden("io", &lines);
}

#[test]
fn a_real_proof_of_io_and_arith() {
    let rig = rig();
    let payload: Vec<u8> = [
        vec![0xf8, 0x40, 0x05, 0x80, 0x81, 0x90, 0x83, 0xb9],
        vec![0x01, 0x02, 0x03, 0xa0],
        (1..=32).collect(),
        vec![0xc1, 0x00, 0xb8, 0x50],
    ]
    .concat();
    let mut t = rig.payload(0, &payload);
    let mut reads = Reads::new(payload);
    for (offset, length) in [(0, 2), (7, 3), (11, 17), (28, 17), (5, 30)] {
        let fact = reads.span(offset, length).unwrap();
        rig.ask_span(&mut t, offset, length, fact);
    }
    rig.chip.trace_reads(&mut t, &reads);

    let word = Word {
        stream: 9,
        index: 0,
        value: U256::MAX,
    };
    let token = [9, 0]
        .map(Fr::from)
        .into_iter()
        .chain([-Fr::ONE + pow2(128); 2]);
    t.push(rig.write.0).set_all(&rig.write.1, token);
    t.push(rig.bytes.0).set_all(&rig.bytes.1, [9, 3, u64::MAX]);
    rig.chip.groups.trace_words(&mut t, [word]);

    let op = Operation {
        subtract: true,
        x: U256::from(7),
        m: 6,
        y: U256::from(50),
    };
    let (z_hi, z_lo) = split_word(op.result().z);
    let numbers = [1, 0, 7, 5, 0, 50].map(Fr::from);
    let answer = numbers.into_iter().chain([z_hi, z_lo]);
    t.push(rig.arith.0).set_all(&rig.arith.1, answer);
    rig.other.trace(&mut t, [op]);

    let table = finish(t);
    let report = assert_holds(&rig.machine, &table);
    assert!(report.active[1..].iter().all(|n| *n > 0));
    assert!(prove_and_verify(&rig.machine, &table, 14));
}
