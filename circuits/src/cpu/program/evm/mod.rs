//! The EVM inside one call frame. One file per family of opcodes; [`frame`] begins and ends a frame, [`faults`] proves why an
//! opcode cannot begin, [`code`] brings a contract's code, [`memory`] has the routines on bytes that other families call.
//!
//! Each opcode has an address of its own, [`OPCODES_AT`] plus its byte. The last instruction of an opcode reads the next one and
//! goes there. So the program counter of the register word is that of the opcode that runs, until its last instruction.

mod accounts;
mod arithmetic;
mod bits;
mod code;
mod compare;
mod control;
mod copies;
mod environment;
mod faults;
mod frame;
mod logs;
mod memory;
mod modular;
mod power;
mod signed;
mod stack;
mod storage;
mod transient;

use super::{Vars, transaction::TransactionVars};
use crate::{
    Fr,
    cpu::{
        asm::{Asm, Label, Micro, Next, Operand, Routine, Step, Target, Var},
        interpreter::View,
        isa::{GAS_AT, OPCODES_AT, Op, Service},
        opcodes::{Opcode, opcode},
    },
};
use alloy_primitives::U256;
use copies::DataVars;
use logs::LogVars;
use memory::MemoryVars;

pub(super) use frame::run;

/// Scratch words of the EVM.
pub(in crate::cpu) struct EvmVars {
    /// The register word.
    registers: Var,
    /// Numbers given so far, to frames and to other regions of far words.
    frames: Var,
    /// Number of codes so far.
    codes: Var,
    /// Bytes of the code that runs.
    code_size: Var,
    /// Whose code runs.
    address: Var,
    /// The same as one field element: whose storage it is.
    account: Var,
    /// Gas that the transaction is given back for its storage, before the limit of EIP-3529.
    refund: Var,
    /// Where the next entry of the journal is written, see [`storage`].
    journal: Var,
    /// The first node of the transaction's list of transient words, see [`transient`].
    transient: Var,
    /// The address after the last node.
    transient_end: Var,
    /// Where routines were called from.
    record_caller: Var,
    account_caller: Var,
    transient_caller: Var,
    /// 1.
    pub(in crate::cpu::program) one: Var,
    /// 2^256 - 1.
    ones: Var,
    /// 255.
    byte: Var,
    /// 2^255.
    top: Var,
    t: [Var; 8],
    memory: MemoryVars,
    data: DataVars,
    pub(super) logs: LogVars,
}

impl EvmVars {
    pub(super) fn declare(p: &mut Asm) -> Self {
        Self {
            registers: p.var("evm registers"),
            frames: p.var("evm frames"),
            codes: p.var("codes"),
            code_size: p.var("code size"),
            address: p.var("address"),
            account: p.var("address as an element"),
            refund: p.var("gas refund"),
            journal: p.var("journal"),
            transient: p.var("transient words"),
            transient_end: p.var("end of the transient words"),
            record_caller: p.var("caller of the code record"),
            account_caller: p.var("caller of the account"),
            transient_caller: p.var("caller of the transient words"),
            one: p.var("one"),
            ones: p.var("2^256 - 1"),
            byte: p.var("255"),
            top: p.var("2^255"),
            t: [0, 1, 2, 3, 4, 5, 6, 7].map(|i| p.var(&format!("evm temporary {i}"))),
            memory: MemoryVars::declare(p),
            data: DataVars::declare(p),
            logs: LogVars::declare(p),
        }
    }
    /// Words that stay as they are, set once.
    pub(super) fn constants(&self, p: &mut Asm) {
        p.note("constants of the EVM");
        p.set(self.one, 1);
        p.constant(self.ones, alloy_primitives::U256::MAX);
        p.set(self.byte, 255);
        p.constant(self.top, alloy_primitives::U256::from(1) << 255);
        self.memory.constants(p);
        p.set(self.transient_end, transient::FIRST);
    }
}

/// Where frames end.
#[derive(Clone, Copy)]
struct Ends {
    /// With success; the gas left is in the registers.
    stop: Label,
    /// Without success; the gas left is in the registers.
    revert: Label,
    /// With all gas used up.
    halt: Label,
    /// The destination of a jump, which is in the first temporary, is past the end of the code.
    outside: Label,
    /// The byte that was jumped to, which is at the top of the stack, is none to jump to.
    inspect: Label,
    /// The low half of the registers is less than the first temporary: too little gas.
    short: Label,
}

/// What the opcodes' code is emitted with.
struct Family<'a> {
    p: &'a mut Asm,
    e: &'a EvmVars,
    ends: Ends,
    m: memory::Routines,
}

impl Family<'_> {
    /// The next instruction is the first one of an opcode.
    fn opcode(&mut self, byte: u8) -> &'static Opcode {
        let o = opcode(byte).expect("an opcode of Osaka");
        self.p.note(o.name);
        self.p.at(OPCODES_AT + u64::from(byte));
        o
    }
    /// An instruction of an opcode that is not its last one: the registers stay.
    fn part(&self, m: Micro) -> Micro {
        self.grows(m, 0)
    }
    /// The last instruction of an opcode: it pays, changes the depth, and reads the next opcode.
    fn last(&self, o: &Opcode, m: Micro) -> Micro {
        Micro {
            next: Next::Opcode(1),
            ..self.paying(m, o.gas, o.pushes as i64 - o.pops as i64)
        }
    }
    /// Pushes the scratch word `a` in place of what the opcode takes.
    fn push(&mut self, o: &Opcode, a: Var) {
        let m = self.last(
            o,
            Micro {
                ops: vec![Op::Own, Op::CopyA],
                a: Operand::Word(a),
                d: Target::Push(o.pops as u16),
                ..Micro::default()
            },
        );
        self.p.emit(m);
    }
    /// Takes the `k`-th word of the stack, which stays as deep, into the scratch word `d`.
    fn pop(&mut self, d: Var, k: u16) {
        let m = self.part(Micro {
            ops: vec![Op::Own, Op::CopyA],
            a: Operand::Pop(k),
            d: Target::Word(d),
            ..Micro::default()
        });
        self.p.emit(m);
    }
    /// One of several entries that are no opcode's last one; each goes on at its label, the first one ahead.
    fn branch(
        &mut self,
        ahead: Micro,
        others: Vec<(Micro, Label)>,
        f: impl Fn(&View<'_>) -> usize + Send + Sync + 'static,
    ) {
        let mut ways = vec![self.part(ahead)];
        ways.extend(others.into_iter().map(|(m, to)| Micro {
            next: Next::To(to),
            ..self.part(m)
        }));
        self.p.pick(ways, f);
    }
    /// The entry, which changes the depth.
    fn grows(&self, m: Micro, grows: i64) -> Micro {
        self.paying(m, 0, grows)
    }
    /// Takes the word at the top of the stack into the scratch word `d`.
    fn take(&mut self, d: Var) {
        let m = self.taking(d, 0);
        self.p.emit(m);
    }
    /// The same as an entry that pays, too.
    fn taking(&self, d: Var, gas: u64) -> Micro {
        let m = Micro {
            ops: vec![Op::Own, Op::CopyA],
            a: Operand::Pop(1),
            d: Target::Word(d),
            ..Micro::default()
        };
        self.paying(m, gas, -1)
    }
    /// The entry, which pays and changes the depth.
    fn paying(&self, m: Micro, gas: u64, grows: i64) -> Micro {
        self.stepping(m, gas as i64, grows)
    }
    /// The entry, which gives back gas that the instruction before it has paid, and changes the depth.
    fn giving_back(&self, m: Micro, gas: u64, grows: i64) -> Micro {
        self.stepping(m, -(gas as i64), grows)
    }
    fn stepping(&self, m: Micro, gas: i64, grows: i64) -> Micro {
        Micro {
            registers: Some(Step {
                word: self.e.registers,
                gas,
                grows,
            }),
            ..m
        }
    }

    // An opcode that may fail after it has begun: it pays what it always costs and takes its words off first, so that a frame that
    // ends has the depth that its stack has.

    /// Pays what the opcode always costs and takes all its words into `d`, the one at the top first; one at least.
    fn begin(&mut self, o: &Opcode, d: &[Var]) {
        assert_eq!(o.pops, d.len() as u64, "{}", o.name);
        for (i, d) in d.iter().enumerate() {
            let m = self.taking(*d, if i == 0 { o.gas } else { 0 });
            self.p.emit(m);
        }
    }
    /// The last instruction of an opcode that has paid and taken its words: it pushes `a`.
    fn give(&mut self, a: Var) {
        let m = Micro {
            ops: vec![Op::Own, Op::CopyA],
            a: Operand::Word(a),
            d: Target::Push(0),
            ..Micro::default()
        };
        let m = self.ending(m, 1);
        self.p.emit(m);
    }
    /// The same, which pushes nothing.
    fn finish(&mut self) {
        let m = Micro {
            ops: vec![Op::Own],
            ..Micro::default()
        };
        let m = self.ending(m, 0);
        self.p.emit(m);
    }
    /// The last instruction of an opcode that has paid.
    fn ending(&self, m: Micro, grows: i64) -> Micro {
        Micro {
            next: Next::Opcode(1),
            ..self.paying(m, 0, grows)
        }
    }
    /// Pays `amount`, which is below 2^60, or ends the frame if there is less. An instruction of the EVM must follow somewhere:
    /// it has no proof if more was paid than there was.
    fn charge(&mut self, amount: Var) {
        let (r, limit) = (self.e.registers, self.e.t[0]);
        self.p.times_2_64(limit, amount);
        self.p.mix(limit, limit, limit);
        let pays = ask(Service::Sub, r.into(), limit.into(), Target::Word(r));
        let fails = Micro {
            ops: vec![Op::Own],
            next: Next::To(self.ends.short),
            ..Micro::default()
        };
        self.p.pick(vec![pays, fails], move |v| {
            usize::from(U256::from(v.registers(r).gas) < v.word(amount))
        });
    }
    /// Pays the constant `amount`, or ends the frame if there is less.
    fn charge_constant(&mut self, amount: u64) {
        let r = self.e.registers;
        let nothing = Micro {
            ops: vec![Op::Own],
            ..Micro::default()
        };
        let ways = vec![self.paying(nothing, amount, 0), self.too_little(amount)];
        self.p
            .pick(ways, move |v| usize::from(v.registers(r).gas < amount));
    }
    /// The entry for less gas than the constant `amount`, which is where a frame ends.
    fn too_little(&self, amount: u64) -> Micro {
        Micro {
            ops: vec![Op::Own, Op::CopyB],
            imm: power(GAS_AT) * Fr::from(amount),
            d: Target::Word(self.e.t[0]),
            next: Next::To(self.ends.short),
            ..Micro::default()
        }
    }
}

/// An entry that asks a service of words on the stack or of scratch words.
fn ask(service: Service, a: Operand, b: Operand, d: Target) -> Micro {
    Micro {
        ops: vec![Op::Serve],
        service: Some(service),
        a,
        b,
        d,
        ..Micro::default()
    }
}

/// The opcodes, and the routines that they call; `record` is the one that opens a code's record, see [`code::record`].
fn opcodes(
    p: &mut Asm,
    v: &Vars,
    x: &TransactionVars,
    e: &EvmVars,
    ends: Ends,
    mut record: Routine,
) {
    let m = memory::Routines::declare(p);
    let mut f = Family { p, e, ends, m };
    arithmetic::assemble(&mut f);
    bits::assemble(&mut f);
    signed::comparisons(&mut f);
    modular::assemble(&mut f);
    power::assemble(&mut f);
    stack::assemble(&mut f);
    control::assemble(&mut f);
    environment::assemble(&mut f, v, x);
    memory::opcodes(&mut f);
    copies::assemble(&mut f, x);
    logs::assemble(&mut f);
    memory::routines(&mut f);
    storage::assemble(&mut f, x);
    accounts::assemble(&mut f, v, x, &mut record);
    accounts::block_hash(&mut f, v);
    transient::assemble(&mut f, v);
    faults::assemble(&mut f);
    code::record(f.p, e, &record);
}

/// A power of 2 as an immediate.
fn power(bits: u32) -> Fr {
    crate::framework::pow2(bits)
}
