//! The interpreter: runs the program on an input, fills the `cpu` rows, and collects what it asks of the other chips.
//!
//! It is also the exact answer to whether a segment can be proven: every rule of the program that does not hold is an
//! [`ExecutionError`] that says which.

use super::{
    CpuChip,
    asm::{Choice, Program, Var},
    chain_choices,
    columns::{Age, Common, WordCells},
    isa::{FIRST_CLOCK, FIRST_UPC, Op, StateOp, TICKS, Word},
    program::boundary_state,
    record_choices, service_choices,
};
use crate::{
    Fr, arith,
    framework::{
        pow2,
        trace::{Row, Trace},
    },
    io, keccak, secp,
    witness::{RecordUse, Records, Requests, SegmentInput, StateChange, from_halves, halves, join},
};
use alloy_primitives::{Address, B256, U256};
use ff::Field;
use protocol::{BoundaryState, field, poseidon2};
use std::{cell::OnceCell, ops::Range};

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

/// A live scratch word.
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
        let s = self.run.memory[usize::from(v.0)].unwrap_or_default();
        from_halves(s.hi, s.lo)
    }
    /// The field element in the low half of a scratch word, as a canonical integer.
    pub fn element(&self, v: Var) -> U256 {
        field::to_word(&self.run.memory[usize::from(v.0)].unwrap_or_default().lo)
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

struct Run<'a> {
    input: &'a SegmentInput,
    memory: Vec<Option<Scratch>>,
    records: Records<'a>,
    requests: Requests,
    clock: u64,
    /// The records' openings, once the state root after is asked for.
    closed: OnceCell<Result<StateChange, String>>,
    /// The last key that was recovered.
    recovered: Option<(secp::Signature, secp::PublicKey)>,
}

/// One instruction's operands while it runs.
struct Step {
    a: (Fr, Fr),
    b: (Fr, Fr),
    c: (Fr, Fr),
    imm: Fr,
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

/// What an `op` instruction computes.
#[derive(Default)]
struct Outcome {
    d: (Fr, Fr),
    c_next: Option<Fr>,
    unused: [Fr; 3],
    taken: bool,
    inverse: Fr,
}

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
        memory: vec![None; program.names.len()],
        records: Records::new(input),
        requests: Requests::new(input.payload.clone()),
        clock: FIRST_CLOCK,
        closed: OnceCell::new(),
        recovered: None,
    };
    let (complete, vars) = &program.boundary;
    let (mut boundary, mut public) = (BoundaryState::default(), U256::ZERO);
    let (mut upc, mut instructions) = (FIRST_UPC, 0);
    loop {
        if upc == *complete {
            boundary = boundary_state(&View { run: &run }, vars);
            public = input
                .public_input(input.to.as_ref().unwrap_or(&boundary))
                .into();
            run.publish(&mut trace, chip, vars.public, public);
        }
        let fail = |run: &Run<'_>, reason: String| ExecutionError {
            upc,
            part: program
                .notes
                .range(..=upc)
                .next_back()
                .map_or(String::new(), |n| n.1.clone()),
            offset: run.requests.last_payload_byte,
            reason,
        };
        let word = program
            .words
            .get(upc as usize)
            .ok_or_else(|| fail(&run, "the program ran past its end".into()))?;
        instructions += 1;
        let next = if word.is_state() {
            run.state(&mut trace, chip, word, upc)
                .map_err(|e| fail(&run, e))?;
            Some(upc + 1)
        } else {
            run.op(&mut trace, chip, word, upc, program.choices.get(&upc))
                .map_err(|e| fail(&run, e))?
        };
        run.clock += TICKS;
        match next {
            Some(n) => upc = n,
            None => break,
        }
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

impl Run<'_> {
    fn closed(&self) -> Result<&StateChange, String> {
        let closed = self.closed.get_or_init(|| self.records.close());
        closed.as_ref().map_err(Clone::clone)
    }

    /// Gives the first instruction's word, which nothing has read so far, its value.
    fn publish(&mut self, trace: &mut Trace<'_>, chip: &CpuChip, at: Var, public: U256) {
        let [hi, lo] = halves(public);
        if let Some(word) = &mut self.memory[usize::from(at.0)] {
            (word.hi, word.lo) = (hi, lo);
        }
        let cells = chip.state_cells.common.d;
        trace.row_mut(0).set(cells.hi, hi).set(cells.lo, lo);
    }

    fn live(&mut self, address: u16) -> Result<&mut Scratch, String> {
        self.memory[usize::from(address)]
            .as_mut()
            .ok_or_else(|| format!("scratch word {address} is not live"))
    }

    /// Reads A and B, and fills the cells common to both kinds except D.
    fn operands(
        &mut self,
        row: &mut Row<'_>,
        c: &Common,
        w: &Word,
        upc: u64,
        reads: [bool; 2],
    ) -> Result<[(Fr, Fr); 2], String> {
        row.set(c.upc, upc)
            .set(c.clock, self.clock)
            .set(c.clock_below, self.clock)
            .set(c.imm, w.imm);
        for (cell, i) in c.address.iter().zip([0, 1, 3]) {
            row.set(*cell, u64::from(w.operands[i]));
        }
        let mut values = [(Fr::ZERO, Fr::ZERO), (Fr::ZERO, w.imm)];
        for (i, (cells, age)) in [&c.a, &c.b].into_iter().enumerate() {
            if reads[i] {
                let now = self.clock + i as u64;
                let s = self.live(w.operands[i])?;
                set_age(row, age, now, s.time);
                s.time = now;
                values[i] = (s.hi, s.lo);
            }
            set_word(row, *cells, values[i]);
        }
        Ok(values)
    }

    /// Writes D.
    fn result(
        &mut self,
        row: &mut Row<'_>,
        c: &Common,
        w: &Word,
        d: (Fr, Fr),
        take: bool,
        make: bool,
    ) -> Result<(), String> {
        let now = self.clock + 3;
        let address = usize::from(w.operands[3]);
        if take {
            let s = self.memory[address]
                .take()
                .ok_or_else(|| format!("scratch word {address} is not live"))?;
            set_age(row, &c.old.1, now, s.time);
            set_word(row, c.old.0, (s.hi, s.lo));
        }
        if make {
            if self.memory[address].is_some() {
                return Err(format!("scratch word {address} is live already"));
            }
            self.memory[address] = Some(Scratch {
                hi: d.0,
                lo: d.1,
                time: now,
            });
        }
        set_word(row, c.d, d);
        Ok(())
    }

    fn op(
        &mut self,
        trace: &mut Trace<'_>,
        chip: &CpuChip,
        w: &Word,
        upc: u64,
        choice: Option<&Choice>,
    ) -> Result<Option<u64>, String> {
        let cells = &chip.op_cells;
        let chosen = match choice {
            Some(Choice::Word(f)) => Some(f(&View { run: self })?),
            Some(Choice::Jump(f)) => Some(U256::from(u8::from(f(&View { run: self })))),
            None => None,
        };
        let mut row = trace.push(chip.op);
        for (i, cell) in cells.controls.iter().enumerate() {
            row.set(*cell, w.controls >> i & 1);
        }
        row.set(cells.address_c, u64::from(w.operands[2]));
        let [a, b] = self.operands(
            &mut row,
            &cells.common,
            w,
            upc,
            [w.has(Op::ReadA), w.has(Op::ReadB)],
        )?;
        let arithmetic = w.has(Op::Add) || w.has(Op::Sub) || w.has(Op::Less);
        let mut c = (Fr::ZERO, Fr::from(u64::from(arithmetic)));
        if w.has(Op::UseC) {
            let now = self.clock + 2;
            let s = self.live(w.operands[2])?;
            set_age(&mut row, &cells.c.1, now, s.time);
            s.time = now;
            c = (s.hi, s.lo);
        }
        set_word(&mut row, cells.c.0, c);
        let step = Step {
            a,
            b,
            c,
            imm: w.imm,
        };
        let out = self.compute(w, &step, chosen)?;
        let c_next = out.c_next.unwrap_or(c.1);
        row.set(cells.c_next, c_next);
        if w.has(Op::UseC) {
            self.live(w.operands[2])?.lo = c_next;
        }
        let service = service_values(w, &step, &out, c_next);
        row.set_all(&cells.service, service);
        if let Some((_, bus, made)) = service_choices(&chip.buses)
            .into_iter()
            .find(|c| w.has(c.0))
        {
            cells.service_switch.fill(&mut row, bus, made);
        }
        row.set_all(&cells.unused, out.unused);
        row.set(cells.taken, u64::from(out.taken))
            .set(cells.inverse, out.inverse);
        self.result(
            &mut row,
            &cells.common,
            w,
            out.d,
            w.has(Op::TakeD),
            w.has(Op::MakeD),
        )?;
        Ok(if w.has(Op::Halt) {
            None
        } else if out.taken {
            Some(small(w.imm)?)
        } else {
            Some(upc + 1)
        })
    }

    fn compute(&mut self, w: &Word, s: &Step, chosen: Option<U256>) -> Result<Outcome, String> {
        let mut o = Outcome::default();
        let word = |v: U256| {
            let [hi, lo] = halves(v);
            (hi, lo)
        };
        let has = |op| w.has(op);
        if has(Op::Bytes) {
            let index = small(s.c.1)?;
            let group = self.group(index)?;
            o.d = if has(Op::BytesShift) {
                (s.a.0, s.a.1 * pow2(64) + Fr::from(group))
            } else {
                (
                    if has(Op::BytesUp) { s.a.1 } else { Fr::ZERO },
                    Fr::from(group),
                )
            };
            o.c_next = Some(s.c.1 + Fr::ONE);
        } else if has(Op::ItemInt) || has(Op::ItemFixed) || has(Op::ItemLength) {
            let offset = small(s.c.1)?;
            self.requests.last_payload_byte = offset;
            let item = self
                .requests
                .reads
                .item(offset)
                .map_err(|e| e.to_string())?;
            o.c_next = Some(Fr::from(item.next));
            let expect_list = has(Op::ItemLength) && s.imm == Fr::ONE;
            if item.is_list != expect_list {
                return Err(format!(
                    "byte {offset} begins {}",
                    if item.is_list { "a list" } else { "a string" }
                ));
            }
            let canonical = Fr::from(u64::from(item.canonical));
            if has(Op::ItemLength) {
                o.d = (Fr::ZERO, Fr::from(item.length));
                let (hi, lo) = word(item.value);
                o.unused = [canonical, hi, lo];
            } else {
                o.d = word(item.value);
                if has(Op::ItemInt) {
                    if !item.canonical || item.length > 32 {
                        return Err(format!(
                            "the item at byte {offset} is no canonical 256-bit integer"
                        ));
                    }
                    o.unused[0] = Fr::from(item.length);
                } else {
                    if Fr::from(item.length) != s.imm {
                        return Err(format!(
                            "the item at byte {offset} has {} bytes",
                            item.length
                        ));
                    }
                    o.unused[0] = canonical;
                }
            }
        } else if has(Op::Count) {
            let (offset, length) = (small(s.a.1)?, small(s.b.1)?);
            let count = self.requests.reads.count(offset, length);
            o.d.1 = Fr::from(count.ok_or("the calldata reaches outside the payload")?);
        } else if has(Op::Keccak) {
            let (stream, start, length) = (small(s.a.1)?, small(s.b.1)?, small(s.c.1)?);
            let request = keccak::Request {
                stream,
                start,
                length,
                import: flag(s.a.0)?,
                export: flag(s.b.0)?,
            };
            let run = self.requests.keccak(&self.input.payload, &request)?;
            o.d = word(run.digest.into());
            if stream == 0 {
                self.requests.reach(start + length.div_ceil(8));
            }
            self.requests.keccaks.push(request);
        } else if has(Op::KeyX) || has(Op::KeyY) {
            let signature = secp::Signature {
                z: s.a(),
                r: s.b(),
                s: s.c(),
                odd: s.imm == Fr::ONE,
            };
            let secp::PublicKey { x, y } = match self.recovered {
                Some((of, key)) if of == signature => key,
                _ => {
                    (signature.recover().ok()).ok_or("the signature is no signature of any key")?
                }
            };
            self.recovered = Some((signature, secp::PublicKey { x, y }));
            let (wanted, other) = if has(Op::KeyX) { (x, y) } else { (y, x) };
            o.d = word(wanted);
            let (hi, lo) = word(other);
            o.unused = [hi, lo, Fr::ZERO];
            self.requests.signatures.push(signature);
        } else if has(Op::Add) || has(Op::Sub) || has(Op::Less) {
            let subtract = !has(Op::Add);
            let op = arith::Operation {
                subtract,
                x: s.a(),
                m: small(s.c.1)?,
                y: s.b(),
            };
            let arith::Linear { z, q } = op.result();
            if q != i128::from(has(Op::Less)).wrapping_neg() {
                return Err(format!(
                    "{} * {} {} {} is {}",
                    op.x,
                    op.m,
                    if subtract { '-' } else { '+' },
                    op.y,
                    if has(Op::Less) {
                        "not negative"
                    } else {
                        "out of range"
                    }
                ));
            }
            o.d = word(z);
            self.requests.ariths.push(op);
        } else if has(Op::Hint) {
            let v = chosen.ok_or("a hint without a value")?;
            o.d = word(v);
            self.requests.ariths.push(arith::Operation {
                subtract: false,
                x: U256::ZERO,
                m: 0,
                y: v,
            });
        } else if has(Op::Permute) {
            let input = [s.b.0 + s.a.0, s.b.1 + s.a.1, s.c.1];
            let mut state = input;
            poseidon2::permute(&mut state);
            o.d = (state[0], state[1]);
            o.c_next = Some(state[2]);
            self.requests.permutations.push(input);
        } else if has(Op::Compress) {
            let input = [s.a.1, s.b.1, s.imm];
            let mut state = input;
            poseidon2::permute(&mut state);
            o.d.1 = state[0];
            self.requests.permutations.push(input);
        } else if has(Op::Word) {
            let (stream, index) = (small(s.a.1)?, small(s.imm)?);
            self.requests.write(stream, index, s.c());
        } else if has(Op::Copy) {
            o.d = s.b;
        } else if has(Op::Pair) {
            o.d = (s.a.1, s.b.1);
        } else if has(Op::High) {
            o.d.1 = s.a.0;
        } else if has(Op::Join) {
            o.d.1 = join(s.a.0, s.a.1);
        } else if has(Op::Equal) {
            if s.a != s.b {
                return Err(format!("{} is not {}", s.a(), s.b()));
            }
        } else if has(Op::JumpZero) {
            let sum = s.a.0 + s.a.1;
            o.taken = sum == Fr::ZERO;
            o.inverse = sum.invert().unwrap_or(Fr::ZERO);
        } else if has(Op::JumpHint) {
            o.taken = chosen.ok_or("a choice without a decision")? == U256::from(1);
        }
        Ok(o)
    }

    /// Payload group `index`, zero-filled at the end.
    fn group(&mut self, index: u64) -> Result<u64, String> {
        let from = index.saturating_mul(8);
        self.requests.last_payload_byte = from;
        let at = usize::try_from(from).unwrap_or(usize::MAX);
        let bytes = self
            .input
            .payload
            .get(at..)
            .filter(|b| !b.is_empty())
            .ok_or("the payload ends here")?;
        self.requests.reach(index + 1);
        let mut group = [0; 8];
        for (to, b) in group.iter_mut().zip(bytes) {
            *to = *b;
        }
        Ok(u64::from_be_bytes(group))
    }

    fn state(
        &mut self,
        trace: &mut Trace<'_>,
        chip: &CpuChip,
        w: &Word,
        upc: u64,
    ) -> Result<(), String> {
        let cells = &chip.state_cells;
        let has = |op| w.has_state(op);
        let mut row = trace.push(chip.state);
        for (i, cell) in cells.controls.iter().enumerate() {
            row.set(*cell, w.controls >> i & 1);
        }
        let reads = [has(StateOp::ReadA), has(StateOp::ReadB)];
        let [a, b] = self.operands(&mut row, &cells.common, w, upc, reads)?;
        let now = self.clock + 2;
        let mut d = (Fr::ZERO, Fr::ZERO);
        let joined = join(a.0, a.1);
        if has(StateOp::Clock) {
            d.1 = Fr::from(self.clock);
        } else if has(StateOp::Account) {
            let address = Address::from_word(B256::from(from_halves(a.0, a.1)));
            let used = self.records.account(address)?;
            let RecordUse {
                record: before,
                time,
                touched,
                created,
            } = *used;
            let code = before.elements()[2];
            let [hi, lo] = halves(before.balance);
            let record = [
                joined,
                Fr::from(before.nonce),
                hi,
                lo,
                code,
                Fr::from(touched),
                Fr::from(created),
                Fr::from(time),
            ];
            row.set_all(&cells.record, record);
            set_age(&mut row, &cells.age, now, time);
            let mut after = before;
            if has(StateOp::SetBalance) {
                after.balance = from_halves(b.0, b.1);
            }
            if has(StateOp::NextNonce) {
                after.nonce = after
                    .nonce
                    .checked_add(1)
                    .ok_or("the nonce has no successor")?;
            }
            *used = RecordUse {
                record: after,
                time: now,
                touched,
                created,
            };
            let [hi_after, lo_after] = halves(after.balance);
            row.set_all(
                &cells.next,
                [hi_after, lo_after, code, Fr::from(now), Fr::ZERO],
            );
            let distance = code - protocol::account::EMPTY_CODE_COMMITMENT;
            row.set(cells.no_code, u64::from(distance == Fr::ZERO));
            row.set(cells.inverse, distance.invert().unwrap_or(Fr::ZERO));
            if has(StateOp::Balance) {
                d = (hi, lo);
            } else if has(StateOp::Nonce) {
                d.1 = Fr::from(before.nonce);
            } else if has(StateOp::NoCode) {
                d.1 = Fr::from(u64::from(distance == Fr::ZERO));
            }
        } else if has(StateOp::Storage) {
            let address = Address::from_word(B256::from(field::to_word(&w.imm)));
            let slot = from_halves(a.0, a.1);
            let used = self.records.slot(address, slot)?;
            let (value, original, touched, time) =
                (used.value, used.original, used.touched, used.time);
            let [[vh, vl], [oh, ol]] = [halves(value), halves(original)];
            let record = [
                w.imm,
                a.0,
                a.1,
                vh,
                vl,
                oh,
                ol,
                Fr::from(touched),
                Fr::from(time),
            ];
            row.set_all(&cells.record, record);
            set_age(&mut row, &cells.age, now, time);
            used.value = from_halves(b.0, b.1);
            used.time = now;
            row.set_all(
                &cells.next,
                [a.1, b.0, b.1, Fr::from(touched), Fr::from(now)],
            );
        } else if has(StateOp::TreeBegin) {
            row.set_all(&cells.chain, [Fr::ZERO, joined, Fr::ZERO]);
        } else if has(StateOp::TreeEnd) {
            let (count, key) = self.closed()?.chain_end();
            row.set_all(&cells.chain, [Fr::from(count), joined, key]);
        } else if has(StateOp::PayloadBegin) {
            row.set(cells.chain[0], a.1);
            let first = small(a.1)?;
            self.requests.payload = first..first;
        } else if has(StateOp::PayloadEnd) {
            let Range { start, end } = self.requests.payload;
            let bytes = io::GROUP_BYTES * end.saturating_sub(start) as usize;
            row.set(cells.chain[0], io::GroupKinds::payload_end(start, bytes));
        }
        for (op, bus, made) in chain_choices(&chip.buses) {
            if has(op) {
                cells.chain_switch.fill(&mut row, bus, made);
            }
        }
        for (op, bus) in record_choices(&chip.buses) {
            if has(op) {
                cells.take_switch.fill(&mut row, bus, false);
                cells.make_switch.fill(&mut row, bus, true);
            }
        }
        self.result(
            &mut row,
            &cells.common,
            w,
            d,
            has(StateOp::TakeD),
            has(StateOp::MakeD),
        )
    }
}

/// The service message of an instruction, as the constraints define it.
fn service_values(w: &Word, s: &Step, o: &Outcome, c_next: Fr) -> [Fr; 12] {
    let has = |op| w.has(op);
    let mut v = [Fr::ZERO; 12];
    let mut put = |values: &[Fr]| v[..values.len()].copy_from_slice(values);
    let [u0, u1, u2] = o.unused;
    let d = o.d;
    if has(Op::Bytes) {
        let above = if has(Op::BytesShift) {
            s.a.1 * pow2(64)
        } else {
            Fr::ZERO
        };
        put(&[Fr::ZERO, s.c.1, d.1 - above]);
    } else if has(Op::ItemInt) {
        put(&[s.c.1, c_next, Fr::ZERO, u0, Fr::ONE, d.0, d.1]);
    } else if has(Op::ItemFixed) {
        put(&[s.c.1, c_next, Fr::ZERO, s.imm, u0, d.0, d.1]);
    } else if has(Op::ItemLength) {
        put(&[s.c.1, c_next, s.imm, d.1, u0, u1, u2]);
    } else if has(Op::Count) {
        put(&[s.a.1, s.b.1, d.1]);
    } else if has(Op::Keccak) {
        put(&[s.a.1, s.b.1, s.c.1, s.a.0, s.b.0, d.0, d.1]);
    } else if has(Op::KeyX) || has(Op::KeyY) {
        let (x, y) = if has(Op::KeyX) {
            (d, (u0, u1))
        } else {
            ((u0, u1), d)
        };
        put(&[
            s.a.0,
            s.a.1,
            s.b.0,
            s.b.1,
            s.c.0,
            s.c.1,
            s.imm,
            x.0,
            x.1,
            y.0,
            y.1,
            Fr::ONE,
        ]);
    } else if has(Op::Add) || has(Op::Sub) || has(Op::Less) {
        let subtract = Fr::from(u64::from(!has(Op::Add)));
        let q = -Fr::from(u64::from(has(Op::Less)));
        put(&[subtract, s.a.0, s.a.1, s.c.1, s.b.0, s.b.1, d.0, d.1, q]);
    } else if has(Op::Hint) {
        put(&[Fr::ZERO, Fr::ZERO, Fr::ZERO, Fr::ZERO, d.0, d.1, d.0, d.1]);
    } else if has(Op::Permute) {
        put(&[s.b.0 + s.a.0, s.b.1 + s.a.1, s.c.1, d.0, d.1, c_next]);
    } else if has(Op::Compress) {
        put(&[s.imm, s.a.1, s.b.1, d.1]);
    } else if has(Op::Word) {
        put(&[s.a.1, s.imm, s.c.0, s.c.1]);
    }
    v
}
