//! `io.span`: honest reads, and every cell bound.

use super::*;

/// Spans of one group and of several, some of them from a group's last byte.
fn small() -> Table {
    let mut payload = noise(3, 48);
    for zero in [5, 8, 9, 16, 30] {
        payload[zero] = 0;
    }
    let spans = [
        (0, 1),
        (3, 1),
        (4, 9),
        (7, 1),
        (7, 2),
        (15, 17),
        (7, 40),
        (16, 8),
        (23, 3),
        (31, 17),
    ];
    rig().reads(&payload, &spans)
}

// POSITIVE

#[test]
fn equal_reads_share_rows() {
    let payload = noise(1, 64);
    let mut reads = Reads::new(payload);
    for _ in 0..2 {
        assert_eq!(reads.span(3, 30), reads.span(3, 30));
        reads.span(3, 40).unwrap();
    }
    // (3, 30) ends in the group of byte 32, (3, 40) in that of byte 42: five whole parts and the shorter span's end.
    assert_eq!(reads.rows(), 7);
}

#[test]
fn spans_at_all_positions() {
    let rig = rig();
    let mut payload = noise(2, 72);
    payload.iter_mut().step_by(3).for_each(|b| *b = 0);
    let all: Vec<_> = (0..17)
        .flat_map(|o| (1..40).map(move |n| (o, n)))
        .chain([(0, 72), (71, 1)])
        .collect();
    let table = rig.reads(&payload, &all);
    assert_holds(&rig.machine, &table);
    let mut reads = Reads::new(payload.clone());
    for (offset, length) in all {
        let bytes = &payload[offset as usize..(offset + length) as usize];
        let zeros = bytes.iter().filter(|b| **b == 0).count() as u64;
        let fact = reads.span(offset, length).unwrap();
        assert_eq!(fact.nonzero, length - zeros);
        assert_eq!(fact.head % 256, u64::from(bytes[0]));
    }
    assert_eq!(reads.span(0, 0), None);
    assert_eq!(reads.span(72, 1), None);
    assert_eq!(reads.span(u64::MAX, 2), None);
}

#[test]
fn small_table_holds() {
    assert_holds(&rig().machine, &small());
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let rig = rig();
    let outcome = mutate(&rig.machine, &small(), 200);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.free.is_empty());
    assert!(outcome.tried > 5000);
}

#[test]
fn any_other_fact_about_a_span_is_refused() {
    let rig = rig();
    let good = small();
    let (kind, cells) = &rig.span;
    for row in good.heads_of(*kind) {
        for cell in cells {
            for change in [Fr::ONE, -Fr::ONE, Fr::from(8), pow2(128)] {
                let mut bad = good.clone();
                bad.set(row, *cell, good.cell(row, *cell) + change);
                assert_fails(&rig.machine, &bad);
            }
        }
    }
}
