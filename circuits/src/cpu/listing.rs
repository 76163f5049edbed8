//! The program as text: what each entry of the ROM says.

use super::{
    asm::Program,
    isa::{DEPTH_AT, Entry, GAS_AT, Op, STACK_BIAS},
};
use crate::{Fr, framework::checker::show, witness::field_modulus};
use ff::Field;
use protocol::field;
use std::fmt::Write;

/// The whole program, one line for an entry, in the order of the instructions. A line that begins with `#` says what follows is for.
pub fn listing(program: &Program) -> String {
    let mut text = String::new();
    for (index, word) in (0u64..).zip(&program.words) {
        if let Some(note) = program.notes.get(&index) {
            _ = writeln!(text, "# {note}");
        }
        for (i, entry) in word.entries.iter().enumerate() {
            let address = match i {
                0 => word.address.to_string(),
                _ => "or".into(),
            };
            _ = writeln!(text, "{address:>6}  {}", line(program, word.address, entry));
        }
    }
    text
}

/// What an entry says.
fn line(program: &Program, address: u64, e: &Entry) -> String {
    let [a, b, c, d] = e.operands;
    let name = |v: u16| match program.names.get(usize::from(v)) {
        Some(n) if n == "zero" => "0".to_owned(),
        Some(n) => format!("`{n}`"),
        None => format!("word {v}"),
    };
    let stack = |field: u16, popped: bool| {
        let k = STACK_BIAS.saturating_sub(field.into());
        match popped {
            true => format!("pop {k}"),
            false => format!("stack {k}"),
        }
    };
    let evm = e.has(Op::Evm);
    let a = match e {
        e if e.has(Op::Data) => format!("data of PUSH{a}"),
        e if e.has(Op::StackA) => stack(a, e.has(Op::PopA)),
        _ => name(a),
    };
    let mut b = match e {
        e if e.has(Op::FarB) => format!("[a + {b}]"),
        e if e.has(Op::StackB) => stack(b, e.has(Op::PopB)),
        _ => name(b),
    };
    if !evm && e.imm != Fr::ZERO {
        b = match b.as_str() {
            "0" => show(&e.imm),
            _ => format!("{b} + {}", show(&e.imm)),
        };
    }
    let d = match e {
        e if e.has(Op::Push) => "push".to_owned(),
        e if e.has(Op::FarD) => format!("[a + {d}]"),
        e if e.has(Op::Fetch) => "-".to_owned(),
        _ => match name(d).as_str() {
            "`unread`" => "-".to_owned(),
            named => named.to_owned(),
        },
    };
    let mut text = format!("{d} = {}", value(e));
    if a != "0" {
        _ = write!(text, "  a: {a}");
    }
    if b != "0" {
        _ = write!(text, "  b: {b}");
    }
    if evm {
        let (gas, grows) = registers(e);
        if gas != 0 {
            _ = write!(text, "  gas {gas}");
        }
        if grows != 0 {
            _ = write!(text, "  depth {grows:+}");
        }
    } else if name(c) != "0" {
        _ = write!(text, "  c: {}", name(c));
    }
    let next = match e {
        e if e.has(Op::Halt) => Some("ends".to_owned()),
        e if e.has(Op::Take) => Some(format!("reads the byte at a, to {}", e.next)),
        e if e.has(Op::Jump) => Some("lands at a".to_owned()),
        e if e.has(Op::Fetch) => Some(format!("next opcode at pc + {}", e.advance)),
        e if e.next != address + 1 => Some(format!("to {}", e.next)),
        _ => None,
    };
    if let Some(next) = next {
        _ = write!(text, "  {next}");
    }
    text
}

/// What D is, in short.
fn value(e: &Entry) -> String {
    let mut parts = vec![];
    if let Some(s) = e.service {
        parts.push(format!("{s:?}"));
    }
    if e.has(Op::Own) {
        let own = [
            (Op::CopyA, "a"),
            (Op::CopyB, "b"),
            (Op::Cross, "(a.lo, b.hi)"),
            (Op::Join, "2^128 a.hi + a.lo"),
            (Op::One, "1"),
            (Op::Take, "byte"),
        ];
        let sum: Vec<&str> = own.iter().filter(|o| e.has(o.0)).map(|o| o.1).collect();
        let sum = if sum.is_empty() {
            "0".into()
        } else {
            sum.join(" + ")
        };
        parts.push(match e.service {
            Some(_) => format!("then {sum}"),
            None => sum,
        });
    } else if e.service.is_none() {
        parts.push("any".into());
    }
    if e.has(Op::Equal) {
        parts.push("if a = b".into());
    }
    if e.has(Op::Swap) {
        parts.push("a and b change places".into());
    }
    parts.join(", ")
}

/// The gas that an instruction of the EVM costs, and by how much the stack grows: parts of the immediate.
fn registers(e: &Entry) -> (i128, i128) {
    let (word, order) = (field::to_word(&e.imm), field_modulus());
    let small = |w: alloy_primitives::U256| i128::try_from(w).unwrap_or(i128::MAX);
    let sum = match word > order >> 1 {
        true => -small(order - word),
        false => small(word),
    };
    let gas = -((sum + (1 << (GAS_AT - 1))) >> GAS_AT);
    let rest = sum + (gas << GAS_AT) - i128::from(e.advance);
    (gas, rest >> DEPTH_AT)
}
