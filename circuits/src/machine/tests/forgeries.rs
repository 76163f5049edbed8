//! Forged runs of the `cpu`: rows left out, repeated, spliced, tokens of other times. Everything that the trace builder
//! counts is counted anew, as a forger would.

use super::super::MainMachine;
use crate::{
    Fr,
    cpu::isa::{Op, StateOp},
    framework::{
        Cell, KindId, checker,
        table::{LEAD_IN, Table},
        trace::Trace,
    },
    sample::Chain,
};
use ff::Field;

/// The logical rows of a table, to be cut and spliced.
#[derive(Clone)]
struct Rows {
    rows: Vec<(KindId, Vec<Fr>)>,
    instance: [Fr; 2],
}

impl Rows {
    /// A segment of one empty block.
    fn honest() -> Self {
        let m = MainMachine::get();
        let input = Chain::new(1, 3).batch(vec![vec![]]);
        let table = m.fill(&input).unwrap().table;
        let heads = (LEAD_IN..table.rows()).filter(|r| table.heads[*r] != 0);
        let rows = heads.map(|r| {
            let kind = KindId(usize::from(table.heads[r]) - 1);
            let n = m.machine.kinds[kind.0].rows;
            let data = table.data[r * table.width..(r + n) * table.width].to_vec();
            (kind, data)
        });
        Self {
            rows: rows.collect(),
            instance: table.instance,
        }
    }

    fn build(&self) -> Table {
        let machine = &MainMachine::get().machine;
        let width = machine.layout.data();
        let mut trace = Trace::new(machine);
        for (kind, data) in &self.rows {
            let mut row = trace.push(*kind);
            for (i, v) in data.iter().enumerate() {
                let cell = Cell {
                    column: (i % width) as u16,
                    row: (i / width) as i8,
                };
                row.set(cell, *v);
            }
        }
        trace.finish(self.instance)
    }

    fn at(cell: Cell) -> usize {
        cell.row as usize * MainMachine::get().machine.layout.data() + usize::from(cell.column)
    }
    fn get(&self, i: usize, cell: Cell) -> Fr {
        self.rows[i].1[Self::at(cell)]
    }
    fn set(&mut self, i: usize, cell: Cell, v: Fr) {
        self.rows[i].1[Self::at(cell)] = v;
    }
    fn add(&mut self, i: usize, cell: Cell, v: u64) {
        let old = self.get(i, cell);
        self.set(i, cell, old + Fr::from(v));
    }
    /// Rows that execute an `op` word.
    fn ops(&self, op: Op) -> Vec<usize> {
        let cpu = &MainMachine::get().cpu;
        let on =
            |i: &usize| self.rows[*i].0 == cpu.op && self.get(*i, cpu.op_cells.on(op)) == Fr::ONE;
        (0..self.rows.len()).filter(on).collect()
    }
    /// Rows that execute a `state` word.
    fn states(&self, op: StateOp) -> Vec<usize> {
        let cpu = &MainMachine::get().cpu;
        let on = |i: &usize| {
            self.rows[*i].0 == cpu.state && self.get(*i, cpu.state_cells.on(op)) == Fr::ONE
        };
        (0..self.rows.len()).filter(on).collect()
    }
    /// Number of `cpu` rows; they come first.
    fn cpu(&self) -> usize {
        self.ops(Op::Halt)[0] + 1
    }
}

/// Forges and expects a refusal whose reasons include `relation`.
#[track_caller]
fn refused(rows: &Rows, relation: &str, forge: impl FnOnce(&mut Rows)) {
    let mut forged = rows.clone();
    forge(&mut forged);
    let failures = match checker::check(&MainMachine::get().machine, &forged.build(), 200) {
        Ok(_) => panic!("accepted; expected {relation}"),
        Err(f) => f,
    };
    assert!(
        failures.iter().any(|f| f.relation.contains(relation)),
        "expected {relation}; got {:#?}",
        failures
            .iter()
            .take(5)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    );
}

/// Two reads of A of different words, and one word read again after it was written anew.
fn reads(rows: &Rows) -> Vec<usize> {
    rows.ops(Op::ReadA)
}

// POSITIVE

#[test]
fn rows_put_together_again_hold() {
    crate::testing::assert_holds(&MainMachine::get().machine, &Rows::honest().build());
}

// NEGATIVE

#[test]
fn the_run_is_whole() {
    let honest = Rows::honest();
    let c = &MainMachine::get().cpu.op_cells;
    let common = &c.common;
    let n = honest.cpu();
    let middle = honest.ops(Op::Copy)[60];
    refused(&honest, "next instruction", |r| _ = r.rows.remove(middle));
    refused(&honest, "next instruction", |r| {
        let row = r.rows[middle].clone();
        r.rows.insert(middle, row);
    });
    refused(&honest, "next instruction", |r| {
        r.rows.swap(middle, middle + 1)
    });
    // A second run, and parts of one.
    refused(&honest, "run", |r| {
        let run: Vec<_> = r.rows[..n].to_vec();
        r.rows.extend(run);
    });
    refused(&honest, "run", |r| {
        let run: Vec<_> = r.rows[..n].to_vec();
        r.rows.splice(n..n, run);
    });
    refused(&honest, "run", |r| {
        let run: Vec<_> = r.rows[1..n].to_vec();
        r.rows.extend(run);
    });
    // Halts.
    refused(&honest, "run", |r| _ = r.rows.remove(n - 1));
    refused(&honest, "run", |r| r.rows.truncate(n - 1));
    refused(&honest, "run", |r| {
        let halt = r.rows[n - 1].clone();
        r.rows.insert(n, halt);
    });
    refused(&honest, "run", |r| {
        let halt = r.rows[n - 1].clone();
        r.rows.push(halt);
    });
    refused(&honest, "table rom", |r| {
        r.set(middle, c.on(Op::Halt), Fr::ONE);
        r.rows.drain(middle + 1..n);
    });
    refused(&honest, "run", |r| _ = r.rows.drain(middle + 1..n));
    // Beginnings.
    refused(&honest, "run", |r| _ = r.rows.remove(0));
    refused(&honest, "start", |r| {
        _ = r.rows.drain(..r.states(StateOp::Clock)[0])
    });
    refused(&honest, "start", |r| {
        for i in 0..n {
            r.add(i, common.clock, 4);
            r.add(i, common.clock_below, 4);
        }
    });
    // Idle inside the run.
    refused(&honest, "run", |r| {
        let idle = (
            KindId(0),
            vec![Fr::ZERO; MainMachine::get().machine.layout.data()],
        );
        r.rows.insert(middle, idle);
    });
}

#[test]
fn the_clock_advances() {
    let honest = Rows::honest();
    let c = MainMachine::get().cpu.op_cells.common.clone();
    let middle = honest.ops(Op::Copy)[60];
    refused(&honest, "next clock", |r| {
        for i in middle..r.cpu() {
            for cell in [c.clock, c.clock_below] {
                let v = r.get(i, cell) - Fr::from(4);
                r.set(i, cell, v);
            }
        }
    });
    refused(&honest, "clock below", |r| r.add(middle, c.clock_below, 4));
    refused(&honest, "next clock", |r| {
        for i in middle..r.cpu() {
            r.add(i, c.clock, 4);
            r.add(i, c.clock_below, 4);
        }
    });
}

#[test]
fn words_are_what_was_written_last() {
    let honest = Rows::honest();
    let c = &MainMachine::get().cpu.op_cells;
    let (a, age) = &c.common.a;
    let address = c.common.address[0];
    let reads = reads(&honest);
    // A word read twice with a write between: the second read takes the first value and time.
    let stale = reads
        .iter()
        .flat_map(|i| reads.iter().map(move |j| (*i, *j)))
        .find(|(i, j)| {
            i < j
                && honest.get(*i, address) == honest.get(*j, address)
                && honest.get(*i, a.lo) != honest.get(*j, a.lo)
        })
        .expect("a word that changes");
    refused(&honest, "bus memory", |r| {
        let (i, j) = stale;
        for cell in [a.hi, a.lo] {
            let v = r.get(i, cell);
            r.set(j, cell, v);
        }
    });
    refused(&honest, "bus memory", |r| {
        let (i, j) = stale;
        let clock = c.common.clock;
        let age_now = r.get(j, clock) - r.get(i, clock) - Fr::ONE;
        let age_now = protocol::field::to_word(&age_now).to::<u64>();
        for cell in [a.hi, a.lo] {
            let v = r.get(i, cell);
            r.set(j, cell, v);
        }
        r.set(j, age.0[0], Fr::from(age_now & 0x1fff));
        r.set(j, age.0[1], Fr::from(age_now >> 13));
    });
    // The first read takes the word that is only written later: its age is negative.
    refused(&honest, "table range13", |r| {
        let (i, j) = stale;
        for cell in [a.hi, a.lo] {
            let v = r.get(j, cell);
            r.set(i, cell, v);
        }
        let clock = c.common.clock;
        let age_now = r.get(i, clock) - r.get(j, clock) - Fr::ONE;
        r.set(i, age.0[0], age_now);
        r.set(i, age.0[1], Fr::ZERO);
    });
    refused(&honest, "table range13", |r| {
        r.set(stale.0, age.0[0], -Fr::ONE);
    });
    // Two reads of different words exchange their values, and their addresses.
    let other = *reads
        .iter()
        .find(|i| {
            honest.get(**i, address) != honest.get(stale.0, address)
                && honest.get(**i, a.lo) != honest.get(stale.0, a.lo)
        })
        .expect("another word");
    let exchange = |r: &mut Rows, cells: &[Cell]| {
        for cell in cells {
            let (x, y) = (r.get(stale.0, *cell), r.get(other, *cell));
            r.set(stale.0, *cell, y);
            r.set(other, *cell, x);
        }
    };
    refused(&honest, "bus memory", |r| exchange(r, &[a.hi, a.lo]));
    refused(&honest, "table rom", |r| exchange(r, &[address]));
    // What is written is the result, in the given place.
    let write = honest.ops(Op::MakeD)[70];
    refused(&honest, "bus memory", |r| {
        r.add(write, c.common.old.0.lo, 1)
    });
    refused(&honest, "table rom", |r| {
        r.add(write, c.common.address[2], 1)
    });
    refused(&honest, "old.lo is 0 on a first write", |r| {
        let first = r.ops(Op::Copy)[3];
        r.add(first, c.common.old.0.lo, 1);
    });
    let carried = honest
        .ops(Op::UseC)
        .into_iter()
        .find(|i| honest.get(*i, c.on(Op::Word)) == Fr::ONE)
        .expect("a word is written to a stream");
    refused(&honest, "c changes only where a service says so", |r| {
        r.add(carried, c.c_next, 1);
    });
}

#[test]
fn jumps_go_where_the_program_says() {
    let honest = Rows::honest();
    let c = &MainMachine::get().cpu.op_cells;
    let jumps = honest.ops(Op::JumpZero);
    let taken = *jumps
        .iter()
        .find(|i| honest.get(**i, c.taken) == Fr::ONE)
        .expect("a jump is taken");
    refused(&honest, "next instruction", |r| {
        _ = r.rows.remove(taken + 1)
    });
    refused(&honest, "taken or the inverse shows that a is not 0", |r| {
        r.set(taken, c.taken, Fr::ZERO);
    });
    refused(&honest, "table rom", |r| r.add(taken, c.common.imm, 1));
    refused(&honest, "no inverse of 0", |r| {
        r.set(taken, c.inverse, Fr::ONE)
    });
    refused(&honest, "taken is boolean", |r| {
        r.set(taken, c.taken, Fr::from(2))
    });
    let copy = honest.ops(Op::Copy)[60];
    refused(&honest, "taken only by a jump", |r| {
        r.set(copy, c.taken, Fr::ONE)
    });
    refused(&honest, "inverse only where a jump needs it", |r| {
        r.set(copy, c.inverse, Fr::ONE);
    });
    // A jump on a word that is not zero.
    refused(&honest, "taken only if a is 0", |r| {
        r.add(taken, c.common.a.0.lo, 1)
    });
    let hinted = honest.ops(Op::JumpHint)[0];
    refused(&honest, "next instruction", |r| {
        let v = Fr::ONE - r.get(hinted, c.taken);
        r.set(hinted, c.taken, v);
    });
}

#[test]
fn instructions_are_those_of_the_program() {
    let honest = Rows::honest();
    let c = &MainMachine::get().cpu.op_cells;
    let equal = honest.ops(Op::Equal)[0];
    refused(&honest, "table rom", |r| {
        r.set(equal, c.on(Op::Equal), Fr::ZERO)
    });
    refused(&honest, "is boolean", |r| {
        r.set(equal, c.on(Op::Equal), -Fr::ONE);
        r.set(equal, c.on(Op::JumpZero), Fr::ONE);
    });
    let served = honest.ops(Op::Less)[0];
    refused(&honest, "service: count", |r| {
        r.set(served, c.service_switch.count, Fr::ZERO);
    });
    refused(&honest, "service: bus", |r| {
        r.set(served, c.service_switch.bus, Fr::ZERO);
    });
    refused(&honest, "service value 8", |r| {
        r.set(served, c.service[8], Fr::ZERO)
    });
    refused(&honest, "bus word", |r| {
        let i = r.ops(Op::Word)[0];
        let v = r.get(i, c.service[1]);
        for j in r.ops(Op::Word) {
            if r.get(j, c.service[1]) != v && r.get(j, c.c.0.lo) != r.get(i, c.c.0.lo) {
                let (x, y) = (r.get(i, c.service[3]), r.get(j, c.service[3]));
                r.set(i, c.service[3], y);
                r.set(j, c.service[3], x + Fr::ONE);
                break;
            }
        }
    });
}

#[test]
fn the_public_input_is_the_programs() {
    let honest = Rows::honest();
    let c = &MainMachine::get().cpu.state_cells;
    for half in [0, 1] {
        refused(&honest, "public input", |r| r.instance[half] += Fr::ONE);
        refused(&honest, "bus memory", |r| {
            r.instance[half] += Fr::ONE;
            let cell = [c.common.d.hi, c.common.d.lo][half];
            r.add(0, cell, 1);
        });
    }
}

#[test]
fn records_and_chains_are_the_programs() {
    let honest = Rows::honest();
    let c = &MainMachine::get().cpu.state_cells;
    let slot = honest.states(StateOp::Storage)[0];
    refused(&honest, "next 3", |r| r.add(slot, c.next[1], 1));
    refused(&honest, "next 4", |r| r.add(slot, c.next[2], 1));
    refused(&honest, "bus storage", |r| r.add(slot, c.record[5], 1));
    refused(&honest, "record 0 is the account", |r| {
        r.add(slot, c.record[0], 1)
    });
    refused(&honest, "record 2 of a slot", |r| {
        r.add(slot, c.record[2], 1)
    });
    refused(&honest, "a slot's time", |r| r.add(slot, c.age.0[0], 1));
    refused(&honest, "record taken: count", |r| {
        r.set(slot, c.take_switch.count, Fr::ZERO);
    });
    refused(&honest, "record made: bus", |r| {
        r.add(slot, c.make_switch.bus, 1)
    });
    let end = honest.states(StateOp::TreeEnd)[0];
    refused(&honest, "bus tree", |r| {
        r.set(end, c.chain[0], Fr::ZERO);
        r.set(end, c.chain[2], Fr::ZERO);
    });
    refused(&honest, "chain value 1", |r| r.add(end, c.chain[1], 1));
    let close = honest.states(StateOp::PayloadEnd)[0];
    refused(&honest, "bus payload", |r| {
        r.set(close, c.chain[0], Fr::ZERO)
    });
    let clock = honest.states(StateOp::Clock)[0];
    refused(&honest, "d.lo", |r| r.add(clock, c.common.d.lo, 1));
    refused(&honest, "d.hi", |r| r.add(clock, c.common.d.hi, 1));
}
