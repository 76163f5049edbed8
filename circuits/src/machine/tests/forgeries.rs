//! Forged runs of the `cpu`: rows left out, repeated, spliced, tokens of other times. Everything that the trace builder
//! counts is counted anew, as a forger would.

mod accounts;
mod contracts;
mod storage;
mod transient;

use super::super::MainMachine;
use crate::{
    Fr,
    cpu::isa::{FIRST_CLOCK, Op, Service, TICKS},
    framework::{
        Cell, KindId, checker,
        table::{LEAD_IN, Table},
        trace::Trace,
    },
    sample::Chain,
    witness::SegmentInput,
};
use ff::Field;
use protocol::field;

/// The logical rows of a table, to be cut and spliced.
#[derive(Clone)]
struct Rows {
    rows: Vec<(KindId, Vec<Fr>)>,
    instance: [Fr; 2],
}

impl Rows {
    /// A segment of one empty block.
    fn honest() -> Self {
        Self::of(&Chain::new(1, 3).batch(vec![vec![]]))
    }

    fn of(input: &SegmentInput) -> Self {
        let m = MainMachine::get();
        let table = m.fill(input).unwrap().table;
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
    /// Rows of a kind.
    fn of_kind(&self, kind: KindId) -> Vec<usize> {
        (0..self.rows.len())
            .filter(|i| self.rows[*i].0 == kind)
            .collect()
    }
    /// Rows with a control.
    fn ops(&self, op: Op) -> Vec<usize> {
        let cpu = &MainMachine::get().cpu;
        let mut rows = self.of_kind(cpu.op);
        rows.retain(|i| self.get(*i, cpu.op_cells.on(op)) == Fr::ONE);
        rows
    }
    /// Rows that ask for a service.
    fn served(&self, service: Service) -> Vec<usize> {
        let m = MainMachine::get();
        let c = &m.cpu.op_cells;
        let mut rows = self.of_kind(m.cpu.op);
        rows.retain(|i| {
            let upc = field::to_word(&self.get(*i, c.upc)).to::<u64>();
            let word = &m.program.words[m.program.index(upc).unwrap() as usize];
            word.entries.iter().any(|e| e.service == Some(service))
        });
        rows
    }
    /// Number of rows of the run, which come first.
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

// POSITIVE

#[test]
fn rows_put_together_again_hold() {
    crate::testing::assert_holds(&MainMachine::get().machine, &Rows::honest().build());
}

// NEGATIVE

#[test]
fn the_run_is_whole() {
    let honest = Rows::honest();
    let m = MainMachine::get();
    let c = &m.cpu.op_cells;
    let n = honest.cpu();
    let middle = honest.ops(Op::CopyB)[20];
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
    // Beginnings: without the start row, without a word, with a word twice, past the first instruction, at another time.
    let first = honest.of_kind(m.cpu.op)[0];
    refused(&honest, "start", |r| _ = r.rows.remove(0));
    refused(&honest, "start", |r| _ = r.rows.drain(..first));
    refused(&honest, "next word", |r| _ = r.rows.remove(3));
    refused(&honest, "next word", |r| {
        let word = r.rows[3].clone();
        r.rows.insert(3, word);
    });
    refused(&honest, "run", |r| _ = r.rows.remove(first - 1));
    refused(&honest, "next word", |r| _ = r.rows.remove(first));
    let w = &m.cpu.word_cells;
    refused(&honest, "next word", |r| r.add(5, w.gap[0], 1));
    refused(&honest, "a gap only", |r| r.add(5, w.gap[0], 1));
    refused(&honest, "a gap only", |r| r.add(first - 1, w.gap[0], 1));
    refused(&honest, "run", |r| r.set(5, w.last_word, Fr::ONE));
    refused(&honest, "run", |r| r.set(first - 1, w.last_word, Fr::ZERO));
    // A word is made and taken twice: the second time at a smaller address, or at the same one.
    let far = first - 1;
    assert_eq!(honest.get(far, w.clock), Fr::from(FIRST_CLOCK + TICKS));
    refused(&honest, "gap.0 in table range13", |r| {
        let word = r.rows[far].clone();
        r.rows.insert(far, word);
        r.set(far, w.last_word, Fr::ZERO);
        r.set(far, w.gap[0], -Fr::ONE);
    });
    // Far words begin twice, at another address, among scratch words, or none of them is far; one that is no multiple of 32.
    refused(&honest, "far words begin once", |r| {
        r.set(far, w.far_begins, Fr::ONE)
    });
    refused(&honest, "next word", |r| r.add(far, w.address, 1));
    refused(&honest, "next word", |r| r.set(5, w.far_begins, Fr::ONE));
    refused(&honest, "next word", |r| {
        r.set(far - 1, w.far_begins, Fr::ZERO)
    });
    refused(&honest, "next word", |r| {
        let word = r.rows[far].clone();
        r.rows.insert(far + 1, word);
        r.set(far, w.last_word, Fr::ZERO);
        r.add(far + 1, w.address, 1);
    });
    refused(&honest, "run", |r| {
        let word = r.rows[first - 1].clone();
        r.rows.insert(first, word);
        r.add(first, w.address, 1);
    });
    refused(&honest, "run", |r| {
        let word = r.rows[3].clone();
        r.rows.push(word);
    });
    refused(&honest, "run", |r| {
        let word = r.rows[3].clone();
        r.rows.insert(middle, word);
    });
    refused(&honest, "start", |r| {
        for i in 0..first {
            r.add(i, m.cpu.word_cells.clock, 4);
        }
        for i in first..n {
            r.add(i, c.clock, 4);
            r.add(i, c.clock_below, 4);
        }
    });
    refused(&honest, "the clock says", |r| {
        for i in first..n {
            r.add(i, c.clock, 4);
            r.add(i, c.clock_below, 4);
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
    let c = &MainMachine::get().cpu.op_cells;
    let middle = honest.ops(Op::CopyB)[20];
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
    let m = MainMachine::get();
    let c = &m.cpu.op_cells;
    let (a, age) = (c.a, c.ages[0]);
    let address = c.addresses[0];
    let reads = honest.of_kind(m.cpu.op);
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
        let clock = c.clock;
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
        let clock = c.clock;
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
    let write = honest.ops(Op::CopyB)[20];
    refused(&honest, "bus memory", |r| r.add(write, c.old.lo, 1));
    refused(&honest, "table rom", |r| r.add(write, c.addresses[3], 1));
    for (cell, relation) in [(c.d.hi, "d.hi"), (c.d.lo, "d.lo")] {
        for op in [Op::CopyB, Op::Cross, Op::Join] {
            let row = honest.ops(op)[0];
            refused(&honest, relation, |r| r.add(row, cell, 1));
        }
    }
    refused(&honest, "bus memory", |r| {
        let row = r.served(Service::Add)[5];
        r.add(row, c.step, 1);
    });
    refused(&honest, "c changes only by a service", |r| {
        r.add(write, c.step, 1)
    });
    // What an immediate adds is not in the memory.
    refused(&honest, "bus memory", |r| r.add(write, c.stored, 1));
    refused(&honest, "immediate of b", |r| r.add(write, c.b.lo, 1));
    // Words begin with 0, and end once.
    let w = &m.cpu.word_cells;
    for (cell, relation) in [
        (w.initial.hi, "initial.hi is 0 but for word 0"),
        (w.initial.lo, "initial.lo is 0 but for word 0"),
        (w.last.lo, "bus memory"),
        (w.time, "bus memory"),
    ] {
        refused(&honest, relation, |r| r.add(5, cell, 1));
    }
}

#[test]
fn jumps_go_where_the_program_says() {
    let honest = Rows::honest();
    let m = MainMachine::get();
    let c = &m.cpu.op_cells;
    let (mut taken, mut not_taken) = (vec![], vec![]);
    for i in honest.of_kind(m.cpu.op) {
        let upc = field::to_word(&honest.get(i, c.upc)).to::<u64>();
        let word = &m.program.words[m.program.index(upc).unwrap() as usize];
        if let [ahead, _] = &word.entries[..] {
            let ahead = honest.get(i, c.next) == Fr::from(ahead.next);
            if ahead { &mut not_taken } else { &mut taken }.push((i, word));
        }
    }
    // The other way with the same rows behind, and a way that the program does not have.
    for (i, word) in [taken[0], not_taken[0]] {
        for to in word.entries.iter().map(|e| Fr::from(e.next)) {
            if honest.get(i, c.next) != to {
                refused(&honest, "next instruction", |r| r.set(i, c.next, to));
            }
        }
        refused(&honest, "table rom", |r| r.add(i, c.next, 7));
        refused(&honest, "next instruction", |r| _ = r.rows.remove(i + 1));
    }
    refused(&honest, "table rom", |r| {
        let i = r.ops(Op::CopyB)[20];
        r.add(i, c.next, 1);
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
    // Two bits that pack to the same number.
    refused(&honest, "Join", |r| {
        r.set(equal, c.on(Op::Equal), Fr::ZERO);
        r.set(equal, c.on(Op::Join), Fr::from(2));
    });
    for cell in [c.a.hi, c.a.lo, c.b.hi] {
        refused(&honest, "= b.", |r| r.add(equal, cell, 1));
    }
    let less = honest.served(Service::Less)[0];
    refused(&honest, "table rom", |r| {
        r.set(less, c.on(Op::Serve), Fr::ZERO);
    });
    refused(&honest, "table rom", |r| {
        r.set(less, c.on(Op::Make), Fr::ONE);
    });
    refused(&honest, "table rom", |r| r.add(less, c.bus, 1));
    refused(&honest, "table rom", |r| r.set(less, c.code, Fr::ZERO));
    // A bus in place of a code, a code in place of control bits: the packed number is the same.
    refused(&honest, "code in table range13", |r| {
        r.add(less, c.code, 1 << 13);
        let bus = r.get(less, c.bus) - Fr::ONE;
        r.set(less, c.bus, bus);
    });
    refused(&honest, "address.b in table range13", |r| {
        r.add(less, c.addresses[1], 1 << 13);
        let above = r.get(less, c.addresses[2]) - Fr::ONE;
        r.set(less, c.addresses[2], above);
    });
    // A service that answers something else, and two words that change places.
    refused(&honest, "bus arith", |r| r.add(less, c.result.lo, 1));
    refused(&honest, "d.lo", |r| r.add(less, c.d.lo, 1));
    refused(&honest, "bus word", |r| {
        let words = r.served(Service::Word);
        let (i, j) = (words[0], words[1]);
        let (x, y) = (r.get(i, c.b.lo), r.get(j, c.b.lo));
        r.set(i, c.b.lo, y);
        r.set(j, c.b.lo, x + Fr::ONE);
    });
}

#[test]
fn the_public_input_is_the_programs() {
    let honest = Rows::honest();
    let c = &MainMachine::get().cpu.word_cells;
    for half in [0, 1] {
        refused(&honest, "public input", |r| r.instance[half] += Fr::ONE);
        refused(&honest, "bus memory", |r| {
            r.instance[half] += Fr::ONE;
            let cell = [c.initial.hi, c.initial.lo][half];
            r.add(0, cell, 1);
        });
    }
}

#[test]
fn records_and_chains_are_the_programs() {
    let honest = Rows::honest();
    let m = MainMachine::get();
    let (c, op) = (&m.cpu.record_cells, &m.cpu.op_cells);
    let slot = honest.of_kind(m.cpu.record)[0];
    assert_eq!(honest.get(slot, c.slot), Fr::ONE);
    // Another record before or after than the program says, or than there is.
    for cell in c.record.iter().take(6).chain(&c.after) {
        refused(&honest, "bus record", |r| r.add(slot, *cell, 1));
    }
    for cell in &c.record {
        refused(&honest, "bus storage", |r| r.add(slot, *cell, 1));
    }
    refused(&honest, "bus storage", |r| r.add(slot, c.age.0[0], 1));
    refused(&honest, "bus record", |r| r.set(slot, c.slot, Fr::ZERO));
    refused(&honest, "slot", |r| r.set(slot, c.slot, Fr::from(2)));
    // An access that is not asked for, left out, at another stamp, or from the future.
    refused(&honest, "bus record", |r| {
        let row = r.rows[slot].clone();
        r.rows.push(row);
    });
    refused(&honest, "bus record", |r| _ = r.rows.remove(slot));
    refused(&honest, "bus record", |r| {
        r.add(slot, c.now, 4);
        r.add(slot, c.age.0[0], 4);
    });
    refused(&honest, "table range13", |r| {
        r.set(slot, c.age.0[0], -Fr::ONE)
    });
    // The program's side.
    let update = honest.served(Service::Update)[0];
    for cell in [
        op.a.lo,
        op.b.hi,
        op.b.lo,
        op.shown.lo,
        op.step,
        op.result.lo,
    ] {
        refused(&honest, "bus record", |r| r.add(update, cell, 1));
    }
    let end = honest.served(Service::TreeEnd)[0];
    for cell in [op.a.hi, op.a.lo, op.shown.lo] {
        refused(&honest, "bus tree", |r| r.add(end, cell, 1));
    }
    let begin = honest.served(Service::TreeBegin)[0];
    refused(&honest, "bus tree", |r| r.add(begin, op.shown.lo, 1));
    refused(&honest, "table rom", |r| {
        r.set(begin, op.on(Op::Make), Fr::ZERO)
    });
}
