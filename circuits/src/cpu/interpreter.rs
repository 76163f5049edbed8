//! The interpreter: runs the program on an input, fills the `cpu` rows, and collects what it asks of the other chips.
//!
//! It is also the exact answer to whether a segment can be proven: every rule of the program that does not hold is an
//! [`ExecutionError`] that says which.

use super::{
    CpuChip,
    asm::{Choice, Program, Var, address_of},
    columns::{Age, OpCells, RecordCells, WordCells},
    isa::{
        Entry, FAR_AT, FAULTS, FIRST_CLOCK, OPCODES_AT, Op, STACK_BIAS, STAMP_STEP, Service, TICKS,
    },
    memory::{Memory, Registers, Token},
    opcodes::{JUMPDEST, opcode},
    profile::{Asked, Mark, Recorder},
    program::boundary_state,
};
use crate::{
    Fr,
    arith::{self, product::Product},
    code::CodeChip,
    framework::{
        Cell,
        trace::{Row, Trace},
    },
    io, keccak,
    limbs::split,
    logic, secp,
    witness::{Records, Requests, SegmentInput, StateChange, from_halves, halves, join},
};
use alloy_primitives::{Address, U256};
use ff::Field;
use protocol::{BoundaryState, field, hash, poseidon2};
use std::cell::OnceCell;

/// Why the program cannot run to its end: the segment cannot be proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {reason} (instruction {upc}, payload byte {offset})")]
pub struct ExecutionError {
    /// Address of the instruction.
    pub upc: u64,
    /// The part of the program that it belongs to.
    pub part: String,
    /// Where in the payload the program is reading.
    pub offset: u64,
    /// What does not hold.
    pub reason: String,
    /// The opcode without microcode that comes next, if that is the reason.
    pub opcode: Option<u8>,
    /// How many instructions were executed, if the reason is that they are too many.
    pub too_many: Option<usize>,
}

impl ExecutionError {
    /// An error outside the program's own instructions.
    pub(crate) fn of_part(part: &str, reason: String) -> Self {
        Self {
            upc: 0,
            part: part.into(),
            offset: 0,
            reason,
            opcode: None,
            too_many: None,
        }
    }
}

/// What hints and choices may look at.
pub struct View<'a> {
    run: &'a Run<'a>,
}

impl<'a> View<'a> {
    /// A scratch word as an integer.
    pub fn word(&self, v: Var) -> U256 {
        let (hi, lo) = self.run.memory.scratch(v.0);
        from_halves(hi, lo)
    }
    /// The field element in the low half of a scratch word, as a canonical integer.
    pub fn element(&self, v: Var) -> U256 {
        field::to_word(&self.run.memory.scratch(v.0).1)
    }
    /// The `k`-th word of the stack, counted from 1 at the top, of the frame in the register word; 0 if there is none.
    pub(super) fn stack(&self, registers: Var, k: u64) -> U256 {
        let at = self.registers(registers).stack().wrapping_sub(k);
        let word = self.run.memory.peek(at).unwrap_or_default();
        from_halves(word.0, word.1)
    }
    /// The registers in a register word; all 0 if they are out of range.
    pub(super) fn registers(&self, word: Var) -> Registers {
        Registers::unpack(self.run.memory.scratch(word.0)).unwrap_or_default()
    }
    /// Whether a word is where the running code has a JUMPDEST.
    pub(super) fn is_destination(&self, registers: Var, to: U256) -> bool {
        let number = self.registers(registers).code;
        let tag = u64::try_from(to).map(|to| self.run.requests.codes.fetch(number, to));
        matches!(tag, Ok(Ok(tag)) if tag == u64::from(JUMPDEST))
    }
    /// Whether any code was written.
    pub(super) fn has_codes(&self) -> bool {
        !self.run.requests.codes.is_empty()
    }
    /// The word at a far address.
    pub(super) fn far(&self, address: u64) -> (Fr, Fr) {
        self.run.memory.peek(address).unwrap_or_default()
    }
    /// The account at the address in a word, as it is now.
    pub(super) fn account(&self, address: Var) -> Result<protocol::Account, String> {
        let address = address_of(self.word(address));
        Ok(self.run.records.peek(address)?.record)
    }
    /// The segment's input.
    pub fn context(&self) -> &'a SegmentInput {
        self.run.input
    }
    /// The payload byte at the offset in `v`; 0 past the end.
    pub fn payload_byte(&self, v: Var) -> u8 {
        let at: usize = self.word(v).try_into().unwrap_or(usize::MAX);
        self.run.input.payload.get(at).copied().unwrap_or(0)
    }
    /// The canonical RLP item at the offset in `v`, or why there is none.
    pub(super) fn item(&self, v: Var) -> Result<io::Item, String> {
        let at = self.word(v).saturating_to();
        io::read(&self.run.input.payload, at).map_err(|e| e.to_string())
    }
    /// The 32 payload bytes from group `at`, zero past the end.
    pub(super) fn payload_word(&self, at: Var) -> U256 {
        let from = self.word(at).saturating_mul(U256::from(io::GROUP_BYTES));
        let from: usize = from.try_into().unwrap_or(usize::MAX);
        let mut bytes = [0; 32];
        let rest = self.run.input.payload.get(from..).unwrap_or_default();
        for (to, b) in bytes.iter_mut().zip(rest) {
            *to = *b;
        }
        U256::from_be_bytes(bytes)
    }
    /// How many groups from `at` on the payload has, as far as any instruction reads it.
    pub(crate) fn payload_left(&self, at: Var) -> u64 {
        let end = U256::from(self.run.requests.payload_end);
        end.saturating_sub(self.word(at)).saturating_to()
    }
    /// Code and mark of the account whose address is the element in `v`.
    pub(super) fn code_and_mark(&self, v: Var) -> Result<(Fr, Fr), String> {
        let account = self.run.records.peek(address_of(self.element(v)))?;
        Ok((account.record.elements()[2], Fr::from(account.touched)))
    }
    /// Values 6 and 7 of the open record: when the account was created, or the slot's original word.
    pub(super) fn origin(&self) -> Result<(Fr, Fr), String> {
        let open = self.run.opened()?;
        Ok((open.before[6], open.before[7]))
    }
    /// Number of keys used and the last one, as the chain of roots ends.
    pub(super) fn chain_end(&self) -> Result<(Fr, Fr), String> {
        let (count, key) = self.run.closed()?.chain_end();
        Ok((Fr::from(count), key))
    }
    /// The state root after the segment; no record may be used after it was asked for.
    ///
    /// # Errors
    /// A sentence when the witness lacks a node of the tree.
    pub fn final_root(&self) -> Result<U256, String> {
        self.run.closed().map(|c| field::to_word(&c.root_after))
    }
}

/// What a run leaves for the other chips.
pub struct Execution<'m> {
    /// The `cpu` rows.
    pub trace: Trace<'m>,
    /// What it asked of the other chips.
    pub requests: Requests,
    /// What it did to the state.
    pub state: StateChange,
    /// The boundary state after it.
    pub boundary: BoundaryState,
    /// The public input that the program computed.
    pub public: U256,
    /// How often each instruction was executed, by its index in the program.
    pub executed: Vec<u64>,
    /// What it was doing when, if that was asked for.
    pub marks: Vec<Mark>,
    /// Tree keys of the records, one for each access.
    pub keys: Vec<Fr>,
}

/// One access to a record: values at the places of its bus.
#[derive(Clone, Copy, Debug)]
struct Access {
    slot: Option<U256>,
    address: Address,
    before: [Fr; 8],
    after: [Fr; 3],
    told: Fr,
    time: u64,
    now: u64,
}

struct Run<'a> {
    input: &'a SegmentInput,
    memory: Memory,
    records: Records<'a>,
    requests: Requests,
    clock: u64,
    /// The records' openings, once the state root after is asked for.
    closed: OnceCell<Result<StateChange, String>>,
    /// The last key that was recovered.
    recovered: Option<(secp::Signature, secp::PublicKey)>,
    /// The access whose stamp is the current one.
    open: Option<Access>,
    accesses: Vec<Access>,
    recorder: Option<Recorder>,
}

/// One instruction's operands while it runs, as the service sees them.
struct Step {
    a: (Fr, Fr),
    b: (Fr, Fr),
    c: (Fr, Fr),
}

/// What an instruction did, to fill its row.
struct Done<'w> {
    entry: &'w Entry,
    upc: u64,
    clock: u64,
    registers: Registers,
    ats: [u64; 3],
    to_a: u64,
    at_old: u64,
    /// A, B as stored, C and the word at D before, with their times.
    taken: [Token; 4],
    shown: (Fr, Fr),
    step: Fr,
    advanced: Fr,
    result: (Fr, Fr),
    d: (Fr, Fr),
    fault: bool,
}

impl Step {
    fn a(&self) -> U256 {
        from_halves(self.a.0, self.a.1)
    }
    fn b(&self) -> U256 {
        from_halves(self.b.0, self.b.1)
    }
    fn c(&self) -> U256 {
        from_halves(self.c.0, self.c.1)
    }
}

/// What an instruction computes: its result, and the step of C.
type Outcome = ((Fr, Fr), Fr);

fn small(v: Fr) -> Result<u64, String> {
    u64::try_from(field::to_word(&v)).map_err(|_| "a 64-bit number is needed".into())
}

fn flag(v: Fr) -> Result<bool, String> {
    match small(v)? {
        0 => Ok(false),
        1 => Ok(true),
        n => Err(format!("{n} is neither 0 nor 1")),
    }
}

/// How the program is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Instructions after which it stops.
    pub most: usize,
    /// Whether the execution says what it was doing when.
    pub marked: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            most: usize::MAX,
            marked: false,
        }
    }
}

/// Runs the program.
///
/// # Errors
/// [`ExecutionError`] for the first rule that does not hold.
pub fn run<'m>(
    mut trace: Trace<'m>,
    (chip, codes): (&CpuChip, &CodeChip),
    program: &Program,
    input: &SegmentInput,
    Options { most, marked }: Options,
) -> Result<Execution<'m>, ExecutionError> {
    let mut run = Run {
        input,
        memory: Memory::new(program.names.len()),
        records: Records::new(input),
        requests: Requests::new(input.payload.clone()),
        clock: FIRST_CLOCK + TICKS,
        closed: OnceCell::new(),
        recovered: None,
        open: None,
        accesses: vec![],
        recorder: marked.then(Recorder::default),
    };
    let (complete, vars) = &program.boundary;
    let (mut boundary, mut public) = (BoundaryState::default(), U256::ZERO);
    let mut ops = trace.of_same_machine();
    let (mut index, mut executed) = (0, vec![0; program.words.len()]);
    let mut fetched = false;
    loop {
        if index == *complete {
            boundary = boundary_state(&View { run: &run }, vars);
            let to = input.to.as_ref().unwrap_or(&boundary);
            public = input.public_input(to).into();
            // Nothing has read the word so far.
            run.memory.begin(vars.public.0, word(public));
        }
        let fail = |run: &Run<'_>, reason: String| ExecutionError {
            upc: index,
            part: program.part(index).into(),
            offset: run.requests.last_payload_byte,
            reason,
            opcode: None,
            too_many: None,
        };
        if ops.rows() >= most {
            let reason = format!("more than {most} instructions are executed");
            return Err(ExecutionError {
                too_many: Some(ops.rows()),
                ..fail(&run, reason)
            });
        }
        if let Some(n) = executed.get_mut(index as usize) {
            *n += 1;
        }
        if let Some(recorder) = &mut run.recorder {
            recorder.next(program, index, fetched, || Asked {
                accesses: run.accesses.len(),
                ..run.requests.asked()
            });
        }
        let done = (run.op(program, index)).map_err(|e| fail(&run, e))?;
        let mut row = ops.push(chip.op);
        if !row.is_counted() {
            done.fill(&mut row, chip);
        }
        run.clock += TICKS;
        if done.entry.has(Op::Halt) {
            break;
        }
        fetched = done.entry.has(Op::Fetch) && !done.entry.has(Op::Take);
        let next = done.next();
        index = program.index(next).ok_or_else(|| {
            let byte = next.checked_sub(OPCODES_AT).map(u8::try_from);
            let byte = byte.and_then(Result::ok);
            let reason = match byte.and_then(opcode) {
                Some(o) => format!("the opcode {} cannot be proven yet", o.name),
                None => format!("no instruction has the address {next}"),
            };
            ExecutionError {
                opcode: byte,
                ..fail(&run, reason)
            }
        })?;
    }
    let c = &chip.word_cells;
    let words = run.memory.words();
    for (i, (address, token)) in words.iter().enumerate() {
        let mut row = trace.push(chip.word);
        let following = words.get(i + 1).map(|w| w.0);
        let far = *address >= FAR_AT;
        let gap = following
            .filter(|_| far)
            .map_or(0, |n| (n - address) / 32 - 1);
        row.set(c.address, *address)
            .set(c.clock, FIRST_CLOCK + TICKS * u64::from(far))
            .set(c.far_begins, u64::from(following == Some(FAR_AT)))
            .set_all(&c.gap, split(U256::from(gap), c.gap.len()))
            .set(c.last_word, u64::from(following.is_none()))
            .set(c.time, token.time);
        set_word(&mut row, c.last, token.value);
        if *address == u64::from(vars.public.0) {
            set_word(&mut row, c.initial, word(public));
        }
    }
    trace.append(ops);
    codes.trace(&mut trace, &run.requests.codes.all());
    for access in &run.accesses {
        let mut row = trace.push(chip.record);
        access.fill(&mut row, &chip.record_cells);
    }
    let closed = run.closed.into_inner();
    let state = closed.unwrap_or_else(|| run.records.close());
    Ok(Execution {
        trace,
        requests: run.requests,
        state: state.map_err(|e| ExecutionError::of_part("state tree", e))?,
        boundary,
        public,
        executed,
        marks: run.recorder.map(|r| r.marks).unwrap_or_default(),
        keys: run.accesses.iter().map(Access::key).collect(),
    })
}

fn set_age(row: &mut Row<'_>, age: &Age, now: u64, then: u64) {
    set_limbs(row, age.0, now - 1 - then);
}

fn set_limbs(row: &mut Row<'_>, limbs: [Cell; 2], value: u64) {
    row.set(limbs[0], value & 0x1fff).set(limbs[1], value >> 13);
}

fn set_word(row: &mut Row<'_>, cells: WordCells, (hi, lo): (Fr, Fr)) {
    row.set(cells.hi, hi).set(cells.lo, lo);
}

fn word(v: U256) -> (Fr, Fr) {
    let [hi, lo] = halves(v);
    (hi, lo)
}

impl Access {
    /// The record's key in the state tree.
    fn key(&self) -> Fr {
        match self.slot {
            Some(slot) => hash::storage_key(self.address, slot),
            None => hash::account_key(self.address),
        }
    }
    fn fill(&self, row: &mut Row<'_>, c: &RecordCells) {
        row.set(c.slot, u64::from(self.slot.is_some()))
            .set_all(&c.record, self.before)
            .set_all(&c.after, self.after)
            .set(c.told, self.told)
            .set(c.now, self.now);
        let [fresh, touched] = match self.slot {
            Some(_) => [self.told, self.before[5]],
            None => [Fr::ZERO, self.told],
        };
        let original = if fresh == Fr::ONE { 2 } else { 6 };
        row.set(c.fresh, fresh).set(c.touched, touched);
        set_word(
            row,
            c.original,
            (self.before[original], self.before[original + 1]),
        );
        set_age(row, &c.age, self.now, self.time);
    }
}

impl Done<'_> {
    /// Address of the next instruction.
    fn next(&self) -> u64 {
        let opcode = match self.entry.has(Op::Fetch) && !self.entry.has(Op::Take) {
            true => self.taken[3].value.1,
            false => Fr::ZERO,
        };
        let opcode: u64 = field::to_word(&opcode).saturating_to();
        self.entry.next + opcode + FAULTS * u64::from(self.fault)
    }

    fn fill(&self, row: &mut Row<'_>, chip: &CpuChip) {
        let (c, e): (&OpCells, &Entry) = (&chip.op_cells, self.entry);
        let (bus, code) = e.message(&chip.buses);
        let [a, b, of_c, old] = self.taken;
        let [at_a, at_b, at_d] = self.ats;
        let evm = e.has(Op::Evm);
        let stored = b.value.1;
        let imm = if evm { Fr::ZERO } else { e.imm };
        let of = |on: Op| if e.has(on) { of_c.value.0 } else { Fr::ZERO };
        row.set(c.upc, self.upc)
            .set(c.next, e.next)
            .set(c.clock, self.clock)
            .set(c.clock_below, self.clock)
            .set(c.imm, e.imm)
            .set(c.bus, bus)
            .set(c.code, code)
            .set(c.advance, u64::from(e.advance))
            .set_all(&c.addresses, e.operands.map(u64::from))
            .set_all(
                &c.controls,
                (0..c.controls.len()).map(|i| e.controls >> i & 1),
            )
            .set(c.at_a, at_a)
            .set(c.to_a, self.to_a)
            .set(c.at_b, at_b)
            .set(c.at_d, at_d)
            .set(c.at_old, self.at_old)
            .set(c.data_of, of(Op::Data))
            .set(c.fetch_of, of(Op::Fetch))
            .set(c.stored, stored)
            .set(c.step, self.step)
            .set(c.advanced, self.advanced)
            .set(c.fault, u64::from(self.fault));
        set_word(row, c.a, a.value);
        set_word(row, c.b, (b.value.0, stored + imm));
        set_word(row, c.c, of_c.value);
        set_word(row, c.shown, self.shown);
        set_word(row, c.result, self.result);
        set_word(row, c.d, self.d);
        set_word(row, c.old, old.value);
        for ((i, age), token) in (0u64..).zip(&c.ages).zip(&self.taken) {
            set_age(row, age, self.clock + i, token.time);
        }
        if evm {
            let (r, cells) = (&self.registers, &c.registers);
            row.set(cells.depth, r.depth)
                .set(cells.room, super::isa::STACK_LIMIT - r.depth);
            set_limbs(row, cells.pc, r.pc);
            set_limbs(row, cells.frame, r.frame);
            set_limbs(row, cells.gas, r.gas);
        }
    }
}

impl Run<'_> {
    fn closed(&self) -> Result<&StateChange, String> {
        let closed = self.closed.get_or_init(|| self.records.close());
        closed.as_ref().map_err(Clone::clone)
    }

    /// Executes an instruction.
    fn op<'w>(&mut self, program: &'w Program, index: u64) -> Result<Done<'w>, String> {
        let w = (program.words)
            .get(index as usize)
            .ok_or("the program ran past its end")?;
        let (mut entry, mut result) = (0, (Fr::ZERO, Fr::ZERO));
        match &w.choice {
            None => {}
            Some(Choice::Word(f)) => result = word(f(&View { run: self })?),
            Some(Choice::Elements(f)) => result = f(&View { run: self })?,
            Some(Choice::Entry(f)) => entry = f(&View { run: self })?,
        }
        let e = w.entries.get(entry).ok_or("there is no such way on")?;
        let [field_a, field_b, at_c, field_d] = e.operands.map(u64::from);
        let (evm, clock) = (e.has(Op::Evm), self.clock);
        let mut registers = Registers::default();
        if evm {
            registers = Registers::unpack(self.memory.scratch(e.operands[2]))?;
        }
        let below = registers.stack().wrapping_sub(STACK_BIAS);
        let relative = |bit: Op, field: u64| match e.has(bit) {
            true => below.wrapping_add(field),
            false => field,
        };

        let at_a = match e.has(Op::Data) {
            true => registers.pc + field_a,
            false => relative(Op::StackA, field_a),
        };
        let a = if e.has(Op::Data) {
            let value = self.requests.codes.push(registers.code, at_a)?;
            Token {
                value: word(value),
                time: 0,
            }
        } else {
            self.memory.take(at_a)?
        };
        let reach = |far: Op, near: Op, field: u64| match e.has(far) {
            true => small(a.value.1).map(|at| at.wrapping_add(field)),
            false => Ok(relative(near, field)),
        };
        let at_b = reach(Op::FarB, Op::StackB, field_b)?;
        let to_a = if e.has(Op::Swap) { at_b } else { at_a };
        let swapped = u64::from(e.has(Op::Swap));
        let kept_a = !e.has(Op::PopA) && !e.has(Op::Data);
        if kept_a && swapped == 0 {
            self.memory.put(at_a, a.value, clock);
        }
        let b = self.memory.take(at_b)?;
        if swapped == 1 {
            self.memory.put(at_b, a.value, clock + 1);
        }
        if !e.has(Op::PopB) {
            self.memory.put(at_a + at_b - to_a, b.value, clock + 1);
        }
        let c = self.memory.take(at_c)?;
        let plain = |v: Fr| if evm { Fr::ZERO } else { v };
        let s = Step {
            a: a.value,
            b: (b.value.0, b.value.1 + plain(e.imm)),
            c: (plain(c.value.0), plain(c.value.1)),
        };
        let mut step = Fr::ZERO;
        if let Some(service) = e.service {
            (result, step) = self.serve(service, &s)?;
        }
        if e.has(Op::Equal) && s.a != s.b {
            return Err(format!("{} is not {}", s.a(), s.b()));
        }
        let mut jump = Fr::ZERO;
        if e.has(Op::Jump) {
            jump = s.a.1 - Fr::from(registers.pc);
        }
        let advanced = if evm { e.imm + jump } else { Fr::ZERO };
        self.memory
            .put(at_c, (c.value.0, c.value.1 + step + advanced), clock + 2);

        let at_d = reach(Op::FarD, Op::Push, field_d)?;
        let mut d = if e.has(Op::Own) {
            (Fr::ZERO, Fr::ZERO)
        } else {
            result
        };
        for (bit, (hi, lo)) in [
            (Op::CopyA, s.a),
            (Op::CopyB, s.b),
            (Op::Cross, (s.a.1, s.b.0)),
            (Op::One, (Fr::ZERO, Fr::ONE)),
        ] {
            if e.has(bit) {
                d = (d.0 + hi, d.1 + lo);
            }
        }
        let (mut at_old, mut fault) = (at_d, false);
        let old = if e.has(Op::Fetch) {
            at_old = match e.has(Op::Jump) {
                true => small(s.a.1)?,
                false => registers.pc + u64::from(e.advance),
            };
            let tag = self.requests.codes.fetch(registers.code, at_old)?;
            let after = Registers::unpack((c.value.0, c.value.1 + advanced));
            fault = !e.has(Op::Take) && after.map_or(true, |r| program.faults(tag, &r));
            Token {
                value: (Fr::ZERO, Fr::from(tag)),
                time: 0,
            }
        } else {
            self.memory.take(at_d)?
        };
        if e.has(Op::Join) {
            d.1 += join(s.a.0, s.a.1);
        }
        if e.has(Op::Take) {
            d.1 += old.value.1;
        }
        if !e.has(Op::Fetch) || e.has(Op::Push) {
            self.memory.put(at_d, d, clock + 3);
        }
        Ok(Done {
            entry: e,
            upc: w.address,
            clock,
            registers,
            ats: [at_a, at_b, at_d],
            to_a,
            at_old,
            taken: [a, b, c, old],
            shown: s.c,
            step,
            advanced,
            result,
            d,
            fault,
        })
    }

    fn serve(&mut self, service: Service, s: &Step) -> Result<Outcome, String> {
        let low = |v: Fr| (Fr::ZERO, v);
        let mut step = Fr::ZERO;
        let d = match service {
            Service::Bytes => {
                step = Fr::ONE;
                low(Fr::from(self.group(small(s.c.1)?)?))
            }
            Service::Span => {
                let (offset, length) = (small(s.a.1)?, small(s.b.1)?);
                self.requests.last_payload_byte = offset;
                let fact = self.requests.reads.span(offset, length);
                let fact = fact.ok_or("what is read lies outside the payload")?;
                step = Fr::from(fact.nonzero);
                (Fr::from(fact.head), fact.value)
            }
            Service::Keccak => {
                let request = keccak::Request {
                    stream: small(s.a.1)?,
                    start: small(s.b.1)?,
                    length: small(s.c.1)?,
                    import: flag(s.a.0)?,
                    export: flag(s.b.0)?,
                };
                let run = self.requests.keccak(&self.input.payload, &request)?;
                let digest = word(run.digest.into());
                if request.stream == 0 {
                    let groups = request.length.div_ceil(io::GROUP_BYTES as u64);
                    self.requests.reach(request.start + groups);
                }
                self.requests.keccaks.push(request);
                digest
            }
            Service::Key { odd, y } => {
                let signature = secp::Signature {
                    z: s.a(),
                    r: s.b(),
                    s: s.c(),
                    odd,
                };
                let key = match self.recovered {
                    Some((of, key)) if of == signature => key,
                    _ => (signature.recover().ok())
                        .ok_or("the signature is no signature of any key")?,
                };
                self.recovered = Some((signature, key));
                self.requests.signatures.push(signature);
                word(if y { key.y } else { key.x })
            }
            Service::Add | Service::AddOver | Service::Sub | Service::Less => {
                self.arithmetic(service, s)?
            }
            Service::Power => match u8::try_from(small(s.a.1)?) {
                Ok(n) if s.a.0 == Fr::ZERO => word(U256::from(1) << n),
                _ => return Err(format!("2^{} is no 256-bit word", s.a())),
            },
            Service::And | Service::Or | Service::Xor => {
                let op = match service {
                    Service::And => logic::Code::And,
                    Service::Or => logic::Code::Or,
                    _ => logic::Code::Xor,
                };
                let op = logic::Operation {
                    code: op,
                    a: s.a(),
                    b: s.b(),
                };
                self.requests.logics.push(op);
                word(op.result())
            }
            Service::Product | Service::Exact => {
                let (a, b) = (s.a(), s.b());
                let exact = service == Service::Exact;
                let product = Product { exact, a, b };
                let result = product.result();
                let result = result.ok_or_else(|| format!("{a} * {b} is out of range"))?;
                self.requests.products.push(product);
                word(result)
            }
            Service::CodeWord => {
                step = Fr::ONE;
                let (number, index) = (small(s.a.1)?, small(s.c.1)?);
                self.requests.codes.write(number, index, s.b())?;
                low(Fr::ZERO)
            }
            Service::Permute => {
                let input = [s.a.0, s.a.1, s.c.1];
                let mut state = input;
                poseidon2::permute(&mut state);
                self.requests.permutations.push(input);
                step = state[2] - input[2];
                (state[0], state[1])
            }
            Service::Compress => {
                let input = [s.a.1, s.b.1, s.c.1];
                let mut state = input;
                poseidon2::permute(&mut state);
                self.requests.permutations.push(input);
                low(state[0])
            }
            Service::Word => {
                step = Fr::from(io::WORD_GROUPS as u64);
                self.requests.write(small(s.a.1)?, small(s.c.1)?, s.b());
                low(Fr::ZERO)
            }
            Service::Account | Service::Slot => self.open(service, s)?,
            Service::Mark => low(self.opened()?.before[1]),
            Service::Update => {
                step = Fr::from(STAMP_STEP);
                self.update(s)?;
                low(Fr::ZERO)
            }
            Service::TreeBegin | Service::TreeEnd => low(Fr::ZERO),
        };
        Ok((d, step))
    }

    fn arithmetic(&mut self, service: Service, s: &Step) -> Result<(Fr, Fr), String> {
        let op = arith::Operation {
            subtract: matches!(service, Service::Sub | Service::Less),
            x: s.a(),
            m: u128::try_from(field::to_word(&(s.c.1 + Fr::ONE)))
                .map_err(|_| "the factor is too large")?,
            y: s.b(),
        };
        let arith::Linear { z, q } = op.result();
        let less = service == Service::Less;
        let wanted = i128::from(service == Service::AddOver) - i128::from(less);
        if q != wanted {
            return Err(format!(
                "{} * {} {} {} is {}",
                op.x,
                op.m,
                if op.subtract { '-' } else { '+' },
                op.y,
                if less { "not negative" } else { "out of range" }
            ));
        }
        self.requests.ariths.push(op);
        Ok(word(z))
    }

    /// Payload group `index`, zero-filled at the end.
    fn group(&mut self, index: u64) -> Result<u64, String> {
        let from = index.saturating_mul(8);
        self.requests.last_payload_byte = from;
        let at = usize::try_from(from).unwrap_or(usize::MAX);
        let rest = self.input.payload.get(at..).unwrap_or_default();
        let group = io::groups_of(rest).next().ok_or("the payload ends here")?;
        self.requests.reach(index + 1);
        Ok(group)
    }

    /// Opens the record of account A or of its slot B; the result is the balance or value.
    fn open(&mut self, service: Service, s: &Step) -> Result<(Fr, Fr), String> {
        let address = address_of(field::to_word(&s.a.1));
        let slot = (service == Service::Slot).then(|| s.b());
        let (before, time) = match slot {
            Some(slot) => {
                let used = self.records.slot(address, slot)?;
                let ([vh, vl], [oh, ol]) = (halves(used.value), halves(used.original));
                let mark = Fr::from(used.touched);
                ([s.a.1, mark, vh, vl, s.b.0, s.b.1, oh, ol], used.time)
            }
            None => {
                let used = self.records.account(address)?;
                let [hi, lo] = halves(used.record.balance);
                let before = [
                    s.a.1,
                    Fr::from(used.record.nonce),
                    hi,
                    lo,
                    used.record.elements()[2],
                    Fr::from(used.touched),
                    Fr::from(used.created),
                    Fr::ZERO,
                ];
                (before, used.time)
            }
        };
        self.open = Some(Access {
            slot,
            address,
            before,
            after: [Fr::ZERO; 3],
            told: Fr::ZERO,
            time,
            now: small(s.c.1)?,
        });
        Ok((before[2], before[3]))
    }

    fn opened(&self) -> Result<&Access, String> {
        self.open.as_ref().ok_or_else(|| "no record is open".into())
    }

    /// Writes the open record: nonce or mark A, balance or value B.
    fn update(&mut self, s: &Step) -> Result<(), String> {
        let mut access = *self.opened()?;
        self.open = None;
        access.after = [s.a.1, s.b.0, s.b.1];
        access.told = s.a.0;
        match access.slot {
            Some(slot) => {
                let used = self.records.slot(access.address, slot)?;
                if flag(s.a.0)? {
                    used.original = used.value;
                }
                (used.value, used.touched, used.time) = (s.b(), small(s.a.1)?, access.now);
            }
            None => {
                let used = self.records.account(access.address)?;
                used.touched = small(s.a.0)?;
                used.record.nonce = small(s.a.1).map_err(|_| "the nonce has no successor")?;
                used.record.balance = s.b();
                used.time = access.now;
            }
        }
        self.accesses.push(access);
        Ok(())
    }
}
