//! The interpreter: runs the program on an input, fills the `cpu` rows, and collects what it asks of the other chips.
//!
//! It is also the exact answer to whether a segment can be proven: every rule of the program that does not hold is an
//! [`ExecutionError`] that says which.

use super::{
    CpuChip,
    asm::{Choice, Program, Var, address_of},
    columns::{Age, RecordCells, WordCells},
    isa::{FIRST_CLOCK, Op, STAMP_STEP, Service, TICKS, Word},
    program::boundary_state,
};
use crate::{
    Fr, arith,
    framework::trace::{Row, Trace},
    io, keccak, secp,
    witness::{Records, Requests, SegmentInput, StateChange, from_halves, halves, join},
};
use alloy_primitives::{Address, U256};
use ff::Field;
use protocol::{BoundaryState, field, poseidon2};
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
}

impl ExecutionError {
    /// An error outside the program's own instructions.
    pub(crate) fn of_part(part: &str, reason: String) -> Self {
        Self {
            upc: 0,
            part: part.into(),
            offset: 0,
            reason,
        }
    }
}

/// A scratch word.
#[derive(Clone, Copy, Debug, Default)]
struct Scratch {
    hi: Fr,
    lo: Fr,
    time: u64,
}

/// What hints and choices may look at.
pub struct View<'a> {
    run: &'a Run<'a>,
}

impl<'a> View<'a> {
    /// A scratch word as an integer.
    pub fn word(&self, v: Var) -> U256 {
        let s = self.run.memory[usize::from(v.0)];
        from_halves(s.hi, s.lo)
    }
    /// The field element in the low half of a scratch word, as a canonical integer.
    pub fn element(&self, v: Var) -> U256 {
        field::to_word(&self.run.memory[usize::from(v.0)].lo)
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
    /// Instructions executed.
    pub instructions: usize,
}

/// One access to a record: values at the places of its bus.
#[derive(Clone, Copy, Debug)]
struct Access {
    slot: Option<U256>,
    address: Address,
    before: [Fr; 8],
    after: [Fr; 3],
    time: u64,
    now: u64,
}

struct Run<'a> {
    input: &'a SegmentInput,
    memory: Vec<Scratch>,
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
}

/// One instruction's operands while it runs.
struct Step {
    a: (Fr, Fr),
    b: (Fr, Fr),
    c: (Fr, Fr),
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

/// Runs the program.
///
/// # Errors
/// [`ExecutionError`] for the first rule that does not hold.
pub fn run<'m>(
    mut trace: Trace<'m>,
    chip: &CpuChip,
    program: &Program,
    input: &SegmentInput,
) -> Result<Execution<'m>, ExecutionError> {
    let mut run = Run {
        input,
        memory: vec![Scratch::default(); program.names.len()],
        records: Records::new(input),
        requests: Requests::new(input.payload.clone()),
        clock: FIRST_CLOCK,
        closed: OnceCell::new(),
        recovered: None,
        open: None,
        accesses: vec![],
    };
    let (complete, vars) = &program.boundary;
    let (mut boundary, mut public) = (BoundaryState::default(), U256::ZERO);
    let first = trace.rows();
    for _ in &run.memory {
        trace.push(chip.word);
    }
    let (mut index, mut instructions) = (0, 0);
    loop {
        if index == *complete {
            boundary = boundary_state(&View { run: &run }, vars);
            let to = input.to.as_ref().unwrap_or(&boundary);
            public = input.public_input(to).into();
            // Nothing has read the word so far.
            let s = &mut run.memory[usize::from(vars.public.0)];
            (s.hi, s.lo) = word(public);
        }
        let fail = |run: &Run<'_>, reason: String| ExecutionError {
            upc: index,
            part: program.part(index).into(),
            offset: run.requests.last_payload_byte,
            reason,
        };
        let instruction = program
            .words
            .get(index as usize)
            .ok_or_else(|| fail(&run, "the program ran past its end".into()))?;
        instructions += 1;
        let next = run
            .op(&mut trace, chip, program, index, instruction)
            .map_err(|e| fail(&run, e))?;
        run.clock += TICKS;
        match next {
            Some(n) => index = n,
            None => break,
        }
    }
    let c = &chip.word_cells;
    for (i, s) in run.memory.iter().enumerate() {
        let mut row = trace.row_mut(first + i);
        row.set(c.address, i as u64)
            .set(c.clock, FIRST_CLOCK)
            .set(c.time, s.time);
        set_word(&mut row, c.last, (s.hi, s.lo));
        if i == usize::from(vars.public.0) {
            set_word(&mut row, c.initial, word(public));
        }
    }
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
        instructions,
    })
}

fn set_age(row: &mut Row<'_>, age: &Age, now: u64, then: u64) {
    let age_value = now - 1 - then;
    row.set(age.0[0], age_value & 0x1fff)
        .set(age.0[1], age_value >> 13);
}

fn set_word(row: &mut Row<'_>, cells: WordCells, (hi, lo): (Fr, Fr)) {
    row.set(cells.hi, hi).set(cells.lo, lo);
}

fn word(v: U256) -> (Fr, Fr) {
    let [hi, lo] = halves(v);
    (hi, lo)
}

impl Access {
    fn fill(&self, row: &mut Row<'_>, c: &RecordCells) {
        row.set(c.slot, u64::from(self.slot.is_some()))
            .set_all(&c.record, self.before)
            .set_all(&c.after, self.after)
            .set(c.now, self.now);
        set_age(row, &c.age, self.now, self.time);
    }
}

impl Run<'_> {
    fn closed(&self) -> Result<&StateChange, String> {
        let closed = self.closed.get_or_init(|| self.records.close());
        closed.as_ref().map_err(Clone::clone)
    }

    /// Executes an instruction and gives the index of the next one.
    fn op(
        &mut self,
        trace: &mut Trace<'_>,
        chip: &CpuChip,
        program: &Program,
        index: u64,
        w: &Word,
    ) -> Result<Option<u64>, String> {
        let view = View { run: self };
        let (mut result, mut jumps) = ((Fr::ZERO, Fr::ZERO), false);
        match program.choices.get(&index) {
            Some(Choice::Word(f)) => result = word(f(&view)?),
            Some(Choice::Elements(f)) => result = f(&view)?,
            Some(Choice::Jump(f)) => jumps = f(&view),
            None => {}
        }
        let next = w.next.get(usize::from(jumps)).copied();

        let (c, first) = (&chip.op_cells, program.first_upc());
        let mut row = trace.push(chip.op);
        row.set(c.upc, first + index)
            .set(c.next, next.map_or(0, |n| first + n))
            .set(c.clock, self.clock)
            .set(c.clock_below, self.clock)
            .set(c.imm, w.imm)
            .set_all(&c.addresses, w.operands.map(u64::from))
            .set_all(
                &c.controls,
                (0..c.controls.len()).map(|i| w.controls >> i & 1),
            );
        if let Some(s) = w.service {
            let (bus, code) = s.message(&chip.buses);
            row.set(c.bus, bus.number()).set(c.code, code);
        }
        let mut read = |i: usize| {
            let now = self.clock + i as u64;
            let s = &mut self.memory[usize::from(w.operands[i])];
            set_age(&mut row, &c.ages[i], now, s.time);
            s.time = now;
            (s.hi, s.lo)
        };
        let (a, b, operand_c, old) = (read(0), read(1), read(2), read(3));
        let s = Step {
            a,
            b: (b.0, b.1 + w.imm),
            c: operand_c,
        };
        set_word(&mut row, c.a, s.a);
        set_word(&mut row, c.b, s.b);
        set_word(&mut row, c.c, s.c);
        set_word(&mut row, c.old, old);
        let mut step = Fr::ZERO;
        if let Some(service) = w.service {
            (result, step) = self.serve(service, &s)?;
        } else if w.has(Op::Copy) {
            result = (s.a.0 + s.b.0, s.a.1 + s.b.1);
        } else if w.has(Op::Cross) {
            result = (s.a.1, s.b.0);
        } else if w.has(Op::Join) {
            result = (Fr::ZERO, join(s.a.0, s.a.1));
        } else if w.has(Op::Equal) && s.a != s.b {
            return Err(format!("{} is not {}", s.a(), s.b()));
        }
        row.set(c.step, step);
        set_word(&mut row, c.d, result);
        self.memory[usize::from(w.operands[2])].lo += step;
        let d = &mut self.memory[usize::from(w.operands[3])];
        (d.hi, d.lo) = result;
        Ok(next)
    }

    fn serve(&mut self, service: Service, s: &Step) -> Result<Outcome, String> {
        let low = |v: Fr| (Fr::ZERO, v);
        let mut step = Fr::ZERO;
        let d = match service {
            Service::Bytes => {
                step = Fr::ONE;
                low(Fr::from(self.group(small(s.c.1)?)?))
            }
            Service::Integer | Service::Fixed | Service::Length { .. } => {
                let (d, size) = self.item(service, small(s.c.1)?, s.b.1)?;
                step = Fr::from(size);
                d
            }
            Service::Count => {
                let (offset, length) = (small(s.a.1)?, small(s.b.1)?);
                let count = self.requests.reads.count(offset, length);
                low(Fr::from(
                    count.ok_or("the calldata reaches outside the payload")?,
                ))
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
            Service::Add | Service::Sub | Service::Less => self.arithmetic(service, s)?,
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
            subtract: service != Service::Add,
            x: s.a(),
            m: u128::try_from(field::to_word(&s.c.1)).map_err(|_| "the factor is too large")?,
            y: s.b(),
        };
        let arith::Linear { z, q } = op.result();
        let less = service == Service::Less;
        if q != i128::from(less).wrapping_neg() {
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

    /// The result of reading an item, and by how much it advances the offset.
    fn item(
        &mut self,
        service: Service,
        offset: u64,
        bytes: Fr,
    ) -> Result<((Fr, Fr), u64), String> {
        self.requests.last_payload_byte = offset;
        let item = self
            .requests
            .reads
            .item(offset)
            .map_err(|e| e.to_string())?;
        if item.is_list != (service == Service::Length { list: true }) {
            return Err(format!(
                "byte {offset} begins {}",
                if item.is_list { "a list" } else { "a string" }
            ));
        }
        match service {
            Service::Integer if !item.canonical || item.length > 32 => {
                return Err(format!(
                    "the item at byte {offset} is no canonical 256-bit integer"
                ));
            }
            Service::Fixed if Fr::from(item.length) != bytes => {
                return Err(format!(
                    "the item at byte {offset} has {} bytes",
                    item.length
                ));
            }
            _ => {}
        }
        let d = match service {
            Service::Length { .. } => (Fr::ZERO, Fr::from(item.length)),
            _ => word(item.value),
        };
        Ok((d, item.next - item.offset))
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
        match access.slot {
            Some(slot) => {
                let used = self.records.slot(access.address, slot)?;
                (used.value, used.touched, used.time) = (s.b(), small(s.a.1)?, access.now);
            }
            None => {
                let used = self.records.account(access.address)?;
                used.record.nonce = small(s.a.1).map_err(|_| "the nonce has no successor")?;
                used.record.balance = s.b();
                used.time = access.now;
            }
        }
        self.accesses.push(access);
        Ok(())
    }
}
