//! Pages of the book that are made from the source: the listing of the microcode, the table of opcodes, and what is proven.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p circuits --lib golden` writes them.

use super::{
    super::{MainMachine, Profile, Spent},
    evm::{Case, push},
};
use crate::{
    cpu::{
        isa::OPCODES_AT,
        listing::listing,
        opcodes::{OPCODES, Opcode},
        profile::Activity,
    },
    testing::{assert_golden, assert_text},
};
use alloy_primitives::U256;
use protocol::rules::{LAST_NUMBERED_PRECOMPILE, P256_PRECOMPILE};
use std::fmt::Write;

/// Writes or compares a page of the book.
fn assert_page(name: &str, text: &str) {
    let path = format!("{}/../docs/src/{name}.md", env!("CARGO_MANIFEST_DIR"));
    assert_text(&path, text);
}

fn has_microcode(o: &Opcode) -> bool {
    MainMachine::get().has_opcode(o.byte)
}

/// A name, what goes before, and the words that the opcode takes, the first one at the top.
struct Sample {
    opcode: &'static Opcode,
    name: String,
    before: Vec<u8>,
    words: Vec<u64>,
    gas: u64,
}

impl Sample {
    fn of(opcode: &'static Opcode, name: &str, before: &[u8], words: &[u64]) -> Self {
        Self {
            opcode,
            name: [opcode.name, name].join(" ").trim().to_owned(),
            before: before.to_vec(),
            words: words.to_vec(),
            gas: 200_000,
        }
    }
    /// What the opcode costs in it.
    fn cost(&self) -> Cost {
        let mut code = self.before.clone();
        for word in self.words.iter().rev() {
            code.extend(push(U256::from(*word)));
        }
        code.push(self.opcode.byte);
        let mut case = Case {
            gas: self.gas,
            input: vec![0xab; 68],
            ..Case::of(&code)
        };
        case.storage.insert(U256::from(5), U256::from(7));
        let profile = MainMachine::get().profile(&case.input());
        let profile = profile.unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let activity = Activity::Opcode(self.opcode.byte);
        let all = of(&profile, activity);
        // What the same opcode did before does not count.
        let mut before = case.clone();
        before.code = self.before.clone();
        let profile = MainMachine::get().profile(&before.input()).unwrap();
        let before = match self.opcode.byte {
            0x00 => Spent::default(),
            _ => of(&profile, activity),
        };
        let less = |chip: &&str, n: &usize| n - before.rows_by_chip.get(chip).unwrap_or(&0);
        Cost {
            instructions: all.instructions - before.instructions,
            rows: (all.rows_by_chip.iter())
                .map(|(chip, n)| (*chip, less(chip, n)))
                .filter(|(_, n)| *n > 0)
                .collect(),
        }
    }
}

fn of(profile: &Profile, activity: Activity) -> Spent {
    profile
        .get(&(Some(1), activity))
        .cloned()
        .unwrap_or_default()
}

struct Cost {
    instructions: usize,
    rows: Vec<(&'static str, usize)>,
}

impl Cost {
    fn rows(&self) -> usize {
        self.rows.iter().map(|r| r.1).sum()
    }
    fn by_chip(&self) -> String {
        let rows = self.rows.iter().map(|(chip, n)| format!("{chip} {n}"));
        rows.collect::<Vec<_>>().join(", ")
    }
}

/// MSTORE of a word at 0 and at 32: nine bytes.
const MEMORY: [u8; 9] = [0x60, 9, 0x5f, 0x52, 0x60, 8, 0x60, 32, 0x52];

/// Every opcode with microcode on small words, words of memory in use and keys that are warm, and what differs much from that.
fn samples() -> Vec<Sample> {
    let mut samples = vec![];
    for o in OPCODES.iter().filter(|o| has_microcode(o)) {
        let usual: &[u64] = match o.byte {
            0x51..=0x53 => &[0, 77],
            0x20 | 0xf3 | 0xfd => &[0, 64],
            0x37 | 0x39 => &[0, 0, 32],
            0x5e => &[32, 0, 32],
            0x3e => &[0, 0, 0],
            0xa0..=0xa4 => &[0, 32, 1, 2, 3, 4],
            0x54 | 0x55 | 0x5c | 0x5d => &[5, 11],
            0x35 => &[4],
            0x0b | 0x1a..=0x1d => &[3, 993],
            // Where the JUMPDEST behind them is.
            0x56 => &[12],
            0x57 => &[14, 1],
            _ => &[1000, 993, 986],
        };
        let depth = vec![1; o.pops as usize];
        let words = usual.get(..o.pops as usize).unwrap_or(&depth);
        let mut before = MEMORY.to_vec();
        if matches!(o.byte, 0x54 | 0x55) {
            // SLOAD of slot 5.
            before.extend([0x60, 5, 0x54]);
        }
        samples.push(Sample::of(o, "", &before, words));
        let others: &[(&str, &[u64])] = match o.byte {
            0x0a => &[("of 8 bytes", &[3, u64::MAX])],
            0x35 => &[("past the end", &[60])],
            0x51 => &[("of new memory", &[64]), ("of parts of two words", &[7])],
            0x52 => &[
                ("to new memory", &[64, 77]),
                ("to parts of two words", &[7, 77]),
            ],
            0x54 => &[("cold", &[5])],
            0x55 => &[("cold", &[5, 11])],
            _ => &[],
        };
        samples.extend(
            others
                .iter()
                .map(|(name, words)| Sample::of(o, name, &MEMORY, words)),
        );
    }
    samples
}

#[test]
fn golden_opcodes() {
    let costs: Vec<(Sample, Cost)> = samples()
        .into_iter()
        .map(|s| {
            let c = s.cost();
            (s, c)
        })
        .collect();
    let lines: Vec<String> = (costs.iter())
        .map(|(s, c)| {
            format!(
                "{}: {} micro-instructions, {} rows: {}",
                s.name,
                c.instructions,
                c.rows(),
                c.by_chip()
            )
        })
        .collect();
    assert_golden("opcodes", &lines);

    let mut page = String::from(
        "# Opcodes\n\n\
        This page is made from the source. It lists all opcodes of Osaka: the instruction of the [microcode](microcode.md) that begins each, its constant \
        gas (warm, without memory), the words that it takes and gives, and what one costs in micro-instructions and rows of the table, by chip. \
        The example is on small words, memory that is in use, keys that are warm; below it what differs much from that.\n\n\
        | byte | opcode | begins at | gas | takes | gives | micro-instructions | rows | by chip |\n\
        |---|---|---|---|---|---|---|---|---|\n",
    );
    for o in OPCODES {
        let begin = format!("0x{:02x} | {}", o.byte, o.name);
        if !has_microcode(o) {
            _ = writeln!(
                page,
                "| {begin} | not yet | {} | {} | {} | | | |",
                o.gas, o.pops, o.pushes
            );
            continue;
        }
        let at = OPCODES_AT + u64::from(o.byte);
        let mut row = format!("{begin} | {at} | {} | {} | {}", o.gas, o.pops, o.pushes);
        for (s, c) in costs.iter().filter(|(s, _)| s.opcode.byte == o.byte) {
            let cost = format!("{} | {} | {}", c.instructions, c.rows(), c.by_chip());
            if s.name != o.name {
                row = format!("| {} | | | | ", s.name);
            }
            _ = writeln!(page, "| {row} | {cost} |");
        }
    }
    assert_page("opcodes", &page);
}

#[test]
fn golden_listing() {
    let program = &MainMachine::get().program;
    let entries: usize = program.words.iter().map(|w| w.entries.len()).sum();
    let page = format!(
        "# Microcode\n\n\
        This page is made from the source: the whole program, {} micro-instructions with {entries} entries of the ROM, and {} scratch words. What an instruction is, \
        the [machine](machine.md#cpu) says. A line is an entry: its address (`or`: another entry of the same instruction, of which the prover takes one), what \
        D becomes (`-`: nobody reads it), what A, B, C are where they are not 0, and what comes next where that is not the line below.\n\n```text\n{}```\n",
        program.words.len(),
        program.names.len(),
        listing(program)
    );
    assert_page("microcode", &page);
}

#[test]
fn golden_provable() {
    let names = |with: bool| {
        let of = OPCODES.iter().filter(|o| has_microcode(o) == with);
        of.map(|o| o.name).collect::<Vec<_>>().join(", ")
    };
    let page = format!(
        "# What is proven\n\n\
        This page is made from the source.\n\n\
        | | proven | refused with a reason |\n|---|---|---|\n\
        | transactions | types 0 (with chain id), 1, 2 | type 0 without chain id, types 3 and 4, creation of a contract |\n\
        | sender | accounts without code | accounts that have delegated (EIP-7702) |\n\
        | receiver | accounts with and without code | precompiles (0x01 to 0x{LAST_NUMBERED_PRECOMPILE:02x}, 0x{P256_PRECOMPILE:x}), accounts that have delegated |\n\
        | opcodes | {} | {} |\n\
        | failures | of all opcodes: too little gas, stack too small, stack too large; bad jumps, bytes that are no opcode, INVALID; for opcodes with microcode all others | |\n",
        names(true),
        names(false),
    );
    assert_page("provable", &page);
}
