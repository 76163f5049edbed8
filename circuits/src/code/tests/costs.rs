//! Golden costs of `code`, and one real proof.

use super::*;

fn defined(b: &mut MachineBuilder, buses: &Buses) -> CodeChip {
    let codes = b.state();
    define(b, buses, codes)
}

// POSITIVE

#[test]
fn golden_costs() {
    let (machine, ..) = machine_with(defined);
    let mut lines = vec![
        "rows per byte: 1".to_string(),
        format!(
            "rows of a code of 100 bytes: {}",
            32 * padded_words(&[1; 100])
        ),
    ];
    lines.extend(cost_lines(defined, |chip| chip.kind));
    let tables = ["code.place", "code.class", "code.count"];
    let names = machine
        .entries
        .iter()
        .map(|e| &machine.buses[e.table.0].name);
    let own = names.filter(|n| tables.contains(&n.as_str())).count();
    lines.push(format!("entries of fixed tables: {own}"));
    assert_golden("code", &lines);
}

#[test]
fn a_real_proof() {
    let rig = rig();
    let table = rig.table(&[every_push(), vec![0x5b], cut_short(32, 7)]);
    let report = assert_holds(&rig.machine, &table);
    assert!(report.active[1..].iter().all(|n| *n > 0));
    assert!(prove_and_verify(&rig.machine, &table, 14));
}
