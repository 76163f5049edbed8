//! A small machine with every feature: two-row kind, runs, look-ups, tokens, facts; checked, mutated and really proven.

use super::{
    super::{Fr, testing::*},
    table::{LEAD_IN, Table},
    trace::Trace,
    *,
};
use ff::Field;
use std::sync::Arc;

/// `walk` runs count from 1 to `steps` and hand their squares to `start` through a fact bus; `start` opens and closes a token.
struct Toy {
    machine: Arc<Machine>,
    start: KindId,
    walk: KindId,
    end: KindId,
    c: Cells,
}

#[derive(Clone, Copy)]
struct Cells {
    high: Cell,
    low: Cell,
    n: Cell,
    square: Cell,
    digit: Cell,
    second: Cell,
    want: Cell,
    total: Cell,
}

fn toy() -> Toy {
    let mut b = MachineBuilder::new(Layout {
        narrow: 4,
        values: 2,
        wide: 2,
    });
    let small = b.table("small", || (0..16).map(|v| vec![Fr::from(v)]).collect());
    let pairs = b.table("pairs", || {
        (0..8).map(|v| vec![Fr::from(v), Fr::from(v * v)]).collect()
    });
    let facts = b.bus("squares", BusKind::Fact, 2);
    let tokens = b.bus("tokens", BusKind::Token, 2);
    let walking = b.state();

    let mut k = b.kind("toy.start", 1);
    let (high, low) = (k.cell("high", 0), k.cell("low", 0));
    let want = k.cell("want", 0);
    k.equal("want is the low value", want, low);
    k.require(facts, 1, vec![want.expr(), (high * 1)]);
    k.send(tokens, 1, vec![Expr::one(), Expr::zero()]);
    let start = k.enter(&[State::START]).leave(walking).finish();
    b.bind_instance(start, high, low);

    let mut k = b.kind("toy.walk", 2);
    let n = k.cell_at("n", Cell { column: 4, row: 0 });
    let square = k.cell("square", 0);
    let digit = k.lookup("digit", 0, small);
    let second = k.lookup("second", 1, small);
    k.equal("square", square, n * n);
    k.equal("digits", n, digit + second * 16);
    k.require(pairs, 1, vec![n.expr(), square.expr()]);
    k.provide(facts, 1, vec![n.expr(), square.expr()]);
    k.receive(tokens, 1, vec![n.expr(), n * 0]);
    k.send(tokens, 1, vec![n + 1, Expr::zero()]);
    let walk = k.enter(&[walking]).leave(walking).finish();

    let mut k = b.kind("toy.end", 1);
    let total = k.cell_at("total", Cell { column: 4, row: 0 });
    k.receive(tokens, 1, vec![total.expr(), Expr::zero()]);
    let end = k.enter(&[walking]).finish();

    let machine = Arc::new(b.build());
    Toy {
        machine,
        start,
        walk,
        end,
        c: Cells {
            high,
            low,
            n,
            square,
            digit,
            second,
            want,
            total,
        },
    }
}

fn honest(t: &Toy, steps: u64, wanted: u64) -> Table {
    let mut trace = Trace::new(&t.machine);
    let c = t.c;
    trace
        .push(t.start)
        .set(c.high, wanted * wanted)
        .set(c.low, wanted)
        .set(c.want, wanted);
    for n in 1..=steps {
        trace
            .push(t.walk)
            .set(c.n, n)
            .set(c.square, n * n)
            .set(c.digit, n % 16)
            .set(c.second, n / 16);
    }
    trace.push(t.end).set(c.total, steps + 1);
    trace.finish([Fr::from(wanted * wanted), Fr::from(wanted)])
}

// POSITIVE

#[test]
fn an_honest_table_holds_and_is_proven() {
    let t = toy();
    let table = honest(&t, 7, 5);
    let report = assert_holds(&t.machine, &table);
    assert_eq!(report.active[t.walk.0], 7);
    assert!(prove_and_verify(&t.machine, &table, 6));
}

#[test]
fn values_in_the_blinding_tail_do_not_matter_but_every_gate_is_of_degree_five() {
    let t = toy();
    let cost = t.machine.circuit_cost();
    assert_eq!(cost.degree, 5);
    assert_eq!(cost.advice_columns, t.machine.advice_columns());
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let t = toy();
    let outcome = mutate::mutate(&t.machine, &honest(&t, 7, 5), 8);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.tried > 100);
}

/// Changes to a whole table, each of which both the checker and the real verifier must refuse.
fn forgeries(t: &Toy) -> Vec<(&'static str, Table)> {
    let good = honest(t, 7, 5);
    let first = LEAD_IN + 1;
    let change = |f: &dyn Fn(&mut Table)| {
        let mut table = good.clone();
        f(&mut table);
        table
    };
    vec![
        ("wrong public value", change(&|x| x.instance[1] += Fr::ONE)),
        (
            "non-boolean flag",
            change(&|x| _ = x.flag_overrides.insert((first, t.walk.0), Fr::from(2))),
        ),
        (
            "two flags",
            change(&|x| _ = x.flag_overrides.insert((first, t.end.0), Fr::ONE)),
        ),
        (
            "no flag",
            change(&|x| _ = x.flag_overrides.insert((first, t.walk.0), Fr::ZERO)),
        ),
        (
            "rows to come",
            change(&|x| x.state[first] -= State::rows_to_come(1)),
        ),
        ("state", change(&|x| x.state[first] = Fr::ZERO)),
        (
            "overlap",
            change(&|x| x.heads[first + 1] = t.walk.0 as u8 + 1),
        ),
        (
            "flag on a lead-in row",
            change(&|x| _ = x.flag_overrides.insert((1, t.walk.0), Fr::ONE)),
        ),
        (
            "look-up outside the table",
            change(&|x| {
                x.set(first, t.c.digit, Fr::from(17));
                x.set(first, t.c.second, -Fr::ONE);
            }),
        ),
        (
            "multiplicity of a table",
            change(&|x| x.multiplicities[2] += Fr::ONE),
        ),
        (
            "fact multiplicity",
            change(&|x| {
                let c = t.machine.kinds[t.walk.0]
                    .messages
                    .iter()
                    .find_map(|m| m.counted)
                    .unwrap();
                x.set(first, c, Fr::from(3));
            }),
        ),
        ("truncated run", {
            let mut x = good.clone();
            let rows = x.rows() - 1;
            x.heads.truncate(rows);
            x.state.truncate(rows);
            x.data.truncate(rows * x.width);
            x
        }),
        (
            "token from nowhere",
            change(&|x| {
                let last = x.rows() - 1;
                x.set(last, t.c.total, Fr::from(9));
            }),
        ),
    ]
}

#[test]
fn the_checker_refuses_forged_tables() {
    let t = toy();
    for (name, table) in forgeries(&t) {
        assert!(
            checker::check(&t.machine, &table, 1).is_err(),
            "{name} was accepted"
        );
    }
}

#[test]
fn the_real_verifier_refuses_the_same_forgeries() {
    let t = toy();
    for (name, table) in forgeries(&t) {
        assert!(
            !prove_and_verify(&t.machine, &table, 6),
            "{name} was accepted"
        );
    }
}

/// What [`teeth`] says of the toy: each relation is needed but for one that repeats another, and one whose values are public.
#[test]
fn evidence_tells_needed_relations_from_superfluous_ones() {
    let t = toy();
    let mut evidence = teeth::Evidence::default();
    evidence.add(&t.machine, &honest(&t, 7, 5), |_| true);
    // The square is in the table of pairs already.
    let expected = ["toy.start: message 0 on squares", "toy.walk: square"];
    assert_eq!(evidence.not_shown(), expected);
}

#[test]
fn a_failure_names_chip_relation_row_and_values() {
    let t = toy();
    let mut table = honest(&t, 7, 5);
    table.set(LEAD_IN + 3, t.c.square, Fr::from(5));
    let f = assert_fails(&t.machine, &table);
    assert_eq!(
        (f.row, f.kind.as_str(), f.relation.as_str()),
        (LEAD_IN + 3, "toy.walk", "square")
    );
    assert!(f.to_string().contains("n = 2"), "{f}");
}
