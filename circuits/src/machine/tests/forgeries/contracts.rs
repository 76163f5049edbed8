//! Forged runs of a contract: other operands, opcodes, registers, places of the stack.

use super::{super::evm::Case, Rows, refused};
use crate::{Fr, cpu::isa::Op, framework::checker, machine::MainMachine, testing::assert_holds};
use ff::Field;

/// PUSH1 5, PUSH32, SWAP1, DUP2, LT, PUSH1 41, JUMP to a JUMPDEST, NOT, STOP.
fn honest() -> Rows {
    let mut code = vec![0x60, 5, 0x7f];
    code.extend([0xab; 32]);
    code.extend([0x90, 0x81, 0x10, 0x60, 41, 0x56, 0x5b, 0x19, 0x00]);
    assert_eq!(code[41], 0x5b);
    let case = Case::of(&code);
    assert_eq!(case.agrees(), Ok(true));
    Rows::of(&case.input())
}

impl Rows {
    /// The only row of an opcode, by the name that the listing gives it.
    fn opcode(&self, name: &str) -> usize {
        let m = MainMachine::get();
        let table = self.build();
        assert_holds(&m.machine, &table);
        let c = &m.cpu.op_cells;
        let is = |i: &usize| {
            let upc = protocol::field::to_word(&self.get(*i, c.upc)).to::<u64>();
            let index = m.program.index(upc).unwrap();
            m.program.part(index) == name && self.get(*i, c.on(Op::Fetch)) == Fr::ONE
        };
        let rows: Vec<usize> = self.of_kind(m.cpu.op).into_iter().filter(is).collect();
        assert_eq!(rows.len(), 1, "{name}");
        rows[0]
    }
}

// POSITIVE

#[test]
fn a_failure_says_where_in_the_transaction_it_is() {
    let honest = honest();
    let m = MainMachine::get();
    let explained = |forge: &dyn Fn(&mut Rows)| {
        let mut forged = honest.clone();
        forge(&mut forged);
        let table = forged.build();
        let failures = checker::check(&m.machine, &table, 1).unwrap_err();
        m.explain(&table, failures)[0].to_string()
    };
    let c = &m.cpu.op_cells;
    let swap = honest.opcode("SWAP1");
    let text = explained(&|r| r.add(swap, c.at_old, 1));
    let place = "transaction 1, pc 35, SWAP1, micro-instruction 16528 (SWAP1)";
    assert!(text.starts_with(place), "{text}");
    for part in [
        "cpu.op: address of the next opcode",
        "is 1 instead of 0",
        "advance = 1",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // A row of another chip belongs to the opcode that asked for it.
    let table = honest.build();
    let rows = (0..table.rows()).filter(|r| table.heads[*r] != 0);
    let rows = rows.filter(|r| {
        let kind = usize::from(table.heads[*r]) - 1;
        m.machine.kinds[kind].name.starts_with("arith")
    });
    let failure = |row| checker::Failure {
        row,
        kind: String::new(),
        relation: String::new(),
        detail: String::new(),
        values: vec![],
    };
    let places = m.explain(&table, rows.map(failure).collect());
    let places: Vec<String> = places.iter().map(ToString::to_string).collect();
    let of_less = |p: &&String| p.starts_with("transaction 1, pc 37, LT, ");
    assert_eq!(places.iter().filter(of_less).count(), 1, "{places:?}");
}

// NEGATIVE

#[test]
fn opcodes_follow_each_other() {
    let honest = honest();
    let c = &MainMachine::get().cpu.op_cells;
    let [swap, dup, lt] = ["SWAP1", "DUP2", "LT"].map(|n| honest.opcode(n));
    refused(&honest, "next instruction", |r| _ = r.rows.remove(dup));
    refused(&honest, "next instruction", |r| r.rows.swap(swap, dup));
    // Another opcode is read, from elsewhere, or from another code.
    refused(&honest, "bus code", |r| r.add(swap, c.old.lo, 1));
    refused(&honest, "bus code", |r| r.add(swap, c.old.hi, 1));
    refused(&honest, "address of the next opcode", |r| {
        r.add(swap, c.at_old, 1)
    });
    refused(&honest, "table rom", |r| {
        r.add(swap, c.at_old, 1);
        r.add(swap, c.advance, 1);
    });
    refused(&honest, "code of the opcode", |r| {
        r.add(swap, c.fetch_of, 1)
    });
    // An opcode that can begin is said not to.
    refused(&honest, "next instruction", |r| {
        r.set(swap, c.fault, Fr::ONE)
    });
    refused(&honest, "a fault only of an opcode", |r| {
        let other = r.ops(Op::Serve)[0];
        r.set(other, c.fault, Fr::ONE);
    });
    refused(&honest, "fault", |r| r.set(lt, c.fault, Fr::from(2)));
}

#[test]
fn jumps_land_where_the_stack_says() {
    let honest = honest();
    let c = &MainMachine::get().cpu.op_cells;
    let jump = honest.opcode("JUMP");
    for (cell, relation) in [
        (c.at_old, "address of the next opcode"),
        (c.advanced, "the registers advance"),
        (c.a.lo, "bus stack"),
        (c.a.hi, "a jump goes not beyond 2^128"),
        (c.old.lo, "bus code"),
    ] {
        refused(&honest, relation, |r| r.add(jump, cell, 1));
    }
    // To the data of the PUSH before, whose byte is the one of no JUMPDEST.
    refused(&honest, "next instruction", |r| {
        r.add(jump, c.at_old, 1);
        r.add(jump, c.old.lo, 1);
    });
}

#[test]
fn registers_are_those_of_the_word() {
    let honest = honest();
    let c = &MainMachine::get().cpu.op_cells;
    let (r, dup) = (&c.registers, honest.opcode("DUP2"));
    for cell in [
        r.pc[0], r.pc[1], r.frame[0], r.frame[1], r.gas[0], r.gas[1], r.depth,
    ] {
        refused(&honest, "registers", |rows| rows.add(dup, cell, 1));
    }
    // More gas, and as much less elsewhere.
    refused(&honest, "gas.0 in table range13", |rows| {
        rows.add(dup, r.gas[0], 1 << 13);
        let gas = rows.get(dup, r.gas[1]) - Fr::ONE;
        rows.set(dup, r.gas[1], gas);
    });
    refused(&honest, "depth in table range13", |rows| {
        rows.add(dup, r.pc[1], 1 << 13);
        let depth = rows.get(dup, r.depth) - Fr::ONE;
        rows.set(dup, r.depth, depth);
        rows.set(dup, r.depth, -Fr::ONE);
    });
    for cell in [r.room, r.depth] {
        refused(&honest, "room on the stack", |rows| rows.add(dup, cell, 1));
    }
    refused(&honest, "registers", |rows| {
        rows.set(dup, c.on(Op::Evm), Fr::ZERO);
    });
    for (cell, relation) in [
        (c.advanced, "the registers advance"),
        (c.imm, "the registers advance"),
        (c.shown.lo, "c.lo is shown"),
        (c.shown.hi, "c.hi is shown"),
        (c.c.lo, "registers"),
        (c.c.hi, "code of the opcode"),
    ] {
        refused(&honest, relation, |rows| rows.add(dup, cell, 1));
    }
}

#[test]
fn words_of_the_stack_are_those_at_their_places() {
    let honest = honest();
    let c = &MainMachine::get().cpu.op_cells;
    let [push, swap, dup, lt] = ["PUSH32", "SWAP1", "DUP2", "LT"].map(|n| honest.opcode(n));
    for (row, cell, relation) in [
        (push, c.a.hi, "bus push"),
        (push, c.a.lo, "bus push"),
        (push, c.at_a, "address of a"),
        (push, c.data_of, "code of the data"),
        (push, c.at_d, "address of d"),
        (push, c.d.lo, "d.lo"),
        (dup, c.at_a, "address of a"),
        (dup, c.to_a, "a goes to b"),
        (dup, c.a.lo, "bus stack"),
        (dup, c.d.hi, "d.hi"),
        (lt, c.at_b, "address of b"),
        (lt, c.b.lo, "immediate of b"),
        (lt, c.stored, "bus stack"),
        (lt, c.result.lo, "bus arith"),
        (swap, c.to_a, "a goes to b"),
    ] {
        refused(&honest, relation, |r| r.add(row, cell, 1));
    }
    // LT gives the other answer.
    refused(&honest, "d.lo", |r| r.add(lt, c.d.lo, 1));
    refused(&honest, "table rom", |r| {
        let one = r.get(lt, c.on(Op::One));
        r.set(lt, c.on(Op::One), Fr::ONE - one);
        r.set(lt, c.d.lo, Fr::ONE - one);
    });
    // The second word of a SWAP is the first one, which was just put there.
    refused(&honest, "b.age.0 in table range13", |r| {
        let (hi, lo) = (r.get(swap, c.a.hi), r.get(swap, c.a.lo));
        r.set(swap, c.b.hi, hi);
        r.set(swap, c.b.lo, lo);
        r.set(swap, c.stored, lo);
        r.set(swap, c.ages[1].0[0], -Fr::ONE);
        r.set(swap, c.ages[1].0[1], Fr::ZERO);
    });
    // A word that stays is taken off, one that is taken off stays.
    refused(&honest, "table rom", |r| {
        r.set(dup, c.on(Op::PopA), Fr::ONE)
    });
    refused(&honest, "table rom", |r| {
        r.set(lt, c.on(Op::PopA), Fr::ZERO)
    });
}
