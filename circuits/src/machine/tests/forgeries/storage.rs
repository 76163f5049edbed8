//! Forged uses of storage: warm for cold, another original word, other refunds, a journal that is not taken back.

use super::{super::evm::world::World, Rows, refused};
use crate::{
    Fr,
    cpu::isa::{Entry, Op, Service},
    framework::Cell,
    machine::MainMachine,
};
use protocol::field;

/// The instruction of a row, and the part of the program that it belongs to.
fn instruction(rows: &Rows, i: usize) -> (usize, &'static str) {
    let m = MainMachine::get();
    let upc = field::to_word(&rows.get(i, m.cpu.op_cells.upc)).to::<u64>();
    let index = m.program.index(upc).unwrap();
    (index as usize, m.program.part(index))
}

impl Rows {
    /// Rows of a part of the program, in the order of the run, whose instruction has an entry like this.
    fn of_part(&self, part: &str, like: impl Fn(&Entry) -> bool) -> Vec<usize> {
        let m = MainMachine::get();
        let rows = self.of_kind(m.cpu.op).into_iter();
        let fits = |i: &usize| {
            let (word, of) = instruction(self, *i);
            of == part && m.program.words[word].entries.iter().any(&like)
        };
        rows.filter(fits).collect()
    }
    /// The rows of a part that ask a service.
    pub(super) fn asking(&self, part: &str, service: Service) -> Vec<usize> {
        self.of_part(part, |e| e.service == Some(service))
    }
    /// The row's instruction follows another one of its entries; its operands stay.
    fn goes(&mut self, i: usize, entry: usize) {
        let m = MainMachine::get();
        let c = &m.cpu.op_cells;
        let e = &m.program.words[instruction(self, i).0].entries[entry];
        let (bus, code) = e.message(m.cpu.buses());
        self.set(i, c.next, Fr::from(e.next));
        self.set(i, c.imm, e.imm);
        self.set(i, c.bus, Fr::from(bus));
        self.set(i, c.code, Fr::from(code));
        for (n, cell) in c.controls.iter().enumerate() {
            self.set(i, *cell, Fr::from(e.controls >> n & 1));
        }
        for (cell, at) in c.addresses.iter().zip(e.operands) {
            self.set(i, *cell, Fr::from(u64::from(at)));
        }
        for cell in [c.result.hi, c.result.lo, c.d.hi, c.d.lo] {
            self.set(i, cell, Fr::from(0));
        }
    }
    /// The record that was used under the stamp of a row.
    pub(super) fn record(&self, i: usize) -> usize {
        let cpu = &MainMachine::get().cpu;
        let stamp = self.get(i, cpu.op_cells.shown.lo);
        let mut records = self.of_kind(cpu.record).into_iter();
        let used = |r: &usize| self.get(*r, cpu.record_cells.now) == stamp;
        records.find(used).unwrap()
    }
}

/// SLOAD of slot 0, cold and warm, and SSTORE of other words to it; then a frame that fails after two writes.
fn honest() -> Rows {
    let mut world = World::default();
    let code = [
        0x5f, 0x54, 0x5f, 0x54, 0x60, 2, 0x5f, 0x55, 0x60, 0, 0x5f, 0x55, 0x60, 1, 0x5f, 0x55,
    ];
    let to = world.contract(&code, &[1]);
    world.send(to, 100_000);
    let fails = world.contract(&[0x60, 5, 0x5f, 0x55, 0x60, 6, 0x5f, 0x55, 0xfe], &[1]);
    world.send(fails, 100_000);
    let clears = world.contract(&[0x5f, 0x5f, 0x55], &[1]);
    world.send(clears, 100_000);
    let said = world.agrees().unwrap();
    assert_eq!(
        said.iter().map(|s| s.refunded).collect::<Vec<_>>(),
        [2_800, 0, 4_800]
    );
    Rows::of(&world.input())
}

const WARM: usize = 0;
const COLD: usize = 1;

/// Where SLOAD and SSTORE compare a slot's mark.
fn compares_mark(e: &Entry) -> bool {
    e.service == Some(Service::Less)
}

// NEGATIVE

#[test]
fn a_cold_slot_is_not_warm() {
    let honest = honest();
    let m = MainMachine::get();
    let (c, r) = (&m.cpu.op_cells, &m.cpu.record_cells);
    let cold = honest.of_part("SLOAD", compares_mark)[0];
    refused(&honest, "a.lo = b.lo", |rows| rows.goes(cold, WARM));
    // The same with a mark that would be warm: told by the record, and by the one before, which the state tree made.
    let mark = honest.asking("SLOAD", Service::Mark)[0];
    let record = honest.record(mark);
    let warm = honest.get(cold, c.b.lo);
    let forge = |rows: &mut Rows| {
        rows.goes(cold, WARM);
        for (row, cell) in [(mark, c.result.lo), (mark, c.d.lo), (cold, c.a.lo)] {
            rows.set(row, cell, warm);
        }
    };
    refused(&honest, "bus record", forge);
    refused(&honest, "bus storage", |rows| {
        forge(rows);
        rows.set(record, r.record[1], warm);
    });
}

#[test]
fn a_warm_slot_is_not_cold() {
    let honest = honest();
    let c = &MainMachine::get().cpu.op_cells;
    let warm = honest.of_part("SLOAD", compares_mark)[1];
    refused(&honest, "bus arith", |rows| rows.goes(warm, COLD));
    // The write after it, with the mark of an older use.
    let write = honest.of_part("SSTORE to a warm slot", compares_mark)[0];
    let mark = honest.asking("SSTORE to a warm slot", Service::Mark)[0];
    refused(&honest, "bus record", |rows| {
        rows.goes(write, COLD);
        for (row, cell) in [(mark, c.result.lo), (mark, c.d.lo), (write, c.a.lo)] {
            rows.set(row, cell, Fr::from(0));
        }
    });
}

#[test]
fn the_original_word_is_the_transactions() {
    let honest = honest();
    let m = MainMachine::get();
    let (c, r) = (&m.cpu.op_cells, &m.cpu.record_cells);
    // Of the second write, which would find its word to be the original one.
    let mark = honest.asking("SSTORE to a warm slot", Service::Mark)[1];
    let record = honest.record(mark);
    let told = |rows: &mut Rows| rows.add(mark, c.b.lo, 1);
    refused(&honest, "bus record", told);
    let stored = |rows: &mut Rows| {
        told(rows);
        rows.add(mark, c.stored, 1);
        rows.add(mark - 1, c.d.lo, 1);
        rows.add(mark - 1, c.result.lo, 1);
        rows.add(record, r.record[7], 1);
        rows.add(record, r.original.lo, 1);
    };
    refused(&honest, "bus storage", stored);
    // A warm access that makes the word until now the original one.
    let update = honest.asking("SSTORE to a warm slot", Service::Update)[1];
    let fresh = |rows: &mut Rows| rows.set(update, c.a.hi, Fr::from(1));
    refused(&honest, "bus record", fresh);
    refused(&honest, "bus memory", |rows| {
        fresh(rows);
        for cell in [r.told, r.fresh] {
            rows.set(record, cell, Fr::from(1));
        }
        for (original, word) in [(r.original.hi, 2), (r.original.lo, 3)] {
            let word = rows.get(record, r.record[word]);
            rows.set(record, original, word);
        }
    });
    refused(&honest, "original.lo", |rows| {
        rows.set(record, r.fresh, Fr::from(1));
        rows.set(record, r.told, Fr::from(1));
    });
    // A first use that keeps the original word of an earlier transaction.
    let first = honest.asking("SLOAD", Service::Update);
    let first = first
        .into_iter()
        .find(|i| honest.get(*i, c.a.hi) == Fr::from(1));
    refused(&honest, "bus memory", |rows| {
        rows.set(first.unwrap(), c.a.hi, Fr::from(0));
    });
}

#[test]
fn refunds_are_counted_once_each() {
    let honest = honest();
    let c = &MainMachine::get().cpu.op_cells;
    let parts = ["its word becomes 0", "it gets its original word"];
    for part in parts {
        let rows = honest.of_part(part, |e| e.imm != Fr::from(0));
        assert!(!rows.is_empty(), "{part}");
        let counts = rows[0];
        refused(&honest, "d.lo", |r| r.add(counts, c.d.lo, 1));
        refused(&honest, "table rom", |r| {
            for cell in [c.imm, c.b.lo, c.d.lo] {
                r.add(counts, cell, 1);
            }
        });
        refused(&honest, "next instruction", |r| _ = r.rows.remove(counts));
        refused(&honest, "next instruction", |r| {
            let row = r.rows[counts].clone();
            r.rows.insert(counts, row);
        });
        refused(&honest, "bus memory", |r| {
            r.add(counts, c.a.lo, 1);
            r.add(counts, c.d.lo, 1);
        });
    }
    // What would be a refund, or none: the comparisons of the word with 0.
    let zero = honest.of_part("SSTORE to a slot that has its original word", |e| {
        e.has(Op::Equal)
    });
    let new = *zero.last().unwrap();
    refused(&honest, "bus arith", |r| r.goes(new, 1));
    let not = zero[0];
    refused(&honest, "a.lo = b.lo", |r| r.goes(not, 0));
    // More than a fifth of the gas used.
    let limit = "gas used: what is not left, less the refund or a fifth (EIP-3529)";
    let below = honest.asking(limit, Service::Less)[0];
    refused(&honest, "bus arith", |r| r.goes(below, 1));
}

#[test]
fn a_failing_frames_writes_are_taken_back() {
    let honest = honest();
    let m = MainMachine::get();
    let c = &m.cpu.op_cells;
    let journal = "the journal, backwards";
    let loops = honest.of_part(journal, |e| e.has(Op::Equal));
    assert_eq!(loops.len(), 3, "two writes");
    // It ends early, or goes on.
    refused(&honest, "a.lo = b.lo", |r| r.goes(loops[0], 1));
    refused(&honest, "a.lo = b.lo", |r| r.goes(loops[1], 1));
    refused(&honest, "next instruction", |r| r.goes(loops[2], 0));
    // Another word, or another slot, than the journal says.
    for read in honest.of_part(journal, |e| e.has(Op::FarB)) {
        let far: &[Cell] = &[c.b.lo, c.stored, c.d.lo];
        refused(&honest, "bus memory", |r| {
            for cell in far {
                r.add(read, *cell, 1);
            }
        });
        refused(&honest, "address of b", |r| r.add(read, c.at_b, 32));
    }
    let update = honest.asking(journal, Service::Update)[0];
    refused(&honest, "bus record", |r| r.add(update, c.b.lo, 1));
    // A write without its entry.
    let writes = honest.of_part("SSTORE to a warm slot", |e| e.has(Op::FarD));
    refused(&honest, "next instruction", |r| {
        _ = r.rows.remove(writes[0])
    });
    refused(&honest, "address of d", |r| r.add(writes[1], c.at_d, 64));
}
