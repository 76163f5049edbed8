//! Filling the rows of a message.

use super::{
    BLOCK_TIME, CHUNK, JOINT_BITS, KeccakChip, RATE_BYTES, RHO, ROUND_CONSTANTS, ROUNDS, Request,
    Run, TICK,
    columns::{Carry, Lane},
    parity_code, plane_code,
    sponge::State,
    tables::{Mode, STATE_ROWS},
};
use crate::{
    Fr,
    framework::{
        Cell, pow2,
        trace::{Row, Trace},
    },
    io::groups_of,
    tables::spread,
};
use ff::Field;
use std::sync::LazyLock;

/// Field elements that many cells hold.
struct Constants {
    /// The bits of 13-bit numbers as digits.
    sparse: Vec<Fr>,
    /// Joint entries of bytes.
    joint: Vec<Fr>,
    /// The bits of bytes as digits.
    byte: Vec<u32>,
}

static CONSTANTS: LazyLock<Constants> = LazyLock::new(|| Constants {
    sparse: (0..1 << CHUNK).map(spread).collect(),
    joint: (0..256)
        .map(|v| Fr::from(v) + pow2(JOINT_BITS) * spread(v))
        .collect(),
    byte: (0..256u32)
        .map(|v| (0..8).map(|i| ((v >> i) & 1) << (3 * i)).sum())
        .collect(),
});

fn sparse(bits: u64) -> Fr {
    CONSTANTS.sparse[(bits & ((1 << CHUNK) - 1)) as usize]
}

/// A lane's bits as digits.
fn wide(bits: u64) -> Fr {
    let half = |v: u64| {
        (0..4).fold(0u128, |w, i| {
            let byte = (v >> (8 * i)) as u8;
            w | u128::from(CONSTANTS.byte[usize::from(byte)]) << (24 * i)
        })
    };
    let (low, high) = (half(bits), half(bits >> 32));
    Fr::from_raw([
        low as u64,
        (low >> 64) as u64 | (high as u64) << 32,
        (high >> 32) as u64,
        0,
    ])
}

fn put_lane(row: &mut Row<'_>, lane: &Lane, bits: u64) {
    for (i, c) in lane.0.iter().enumerate() {
        row.set(*c, sparse(bits >> (CHUNK * i)));
    }
}

fn put_limbs(row: &mut Row<'_>, cells: &[Cell], mut v: u64) {
    for c in cells {
        row.set(*c, v & 0x1fff);
        v >>= 13;
    }
}

/// Adds bits digit by digit: the sums' bits of weight 1, 2 and 4.
fn count(terms: impl IntoIterator<Item = u64>) -> [u64; 3] {
    terms.into_iter().fold([0; 3], |[a, b, c], t| {
        let carry = a & t;
        [a ^ t, b ^ carry, c ^ (b & carry)]
    })
}

/// A message as its rows tell it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) stream: u64,
    pub(super) start: u64,
    /// Import and export as the message row has them.
    pub(super) claim: [bool; 2],
    /// The lanes of a state that comes in.
    pub(super) before: Option<[u64; 25]>,
    /// Permutations.
    pub(super) blocks: usize,
    /// The run ends with a state.
    pub(super) export: bool,
    /// The whole groups.
    pub(super) whole: Vec<u64>,
    /// Bytes of the last group, 0 to 7.
    pub(super) rest: u64,
    /// The last group.
    pub(super) last: u64,
    /// Its bytes that belong to the message, as a number.
    pub(super) head: u64,
    /// Weight of the padding's first byte.
    pub(super) weight: u64,
    /// The padded last group.
    pub(super) pad: u64,
    /// What the padding adds to the last group of the block.
    pub(super) end: u64,
}

impl Job {
    pub(super) fn new(request: &Request, run: &Run<'_>) -> Self {
        let mut whole: Vec<u64> = groups_of(run.bytes).collect();
        let rest = run.bytes.len() as u64 % 8;
        let (last, head) = match rest {
            0 => (0, 0),
            n => {
                let last = whole.pop().unwrap_or(0);
                (last, last >> (64 - 8 * n))
            }
        };
        let weight = 1 << (8 * (7 - rest));
        Self {
            stream: request.stream,
            start: request.start,
            claim: [request.import, request.export],
            before: request.import.then_some(run.before),
            blocks: run.bytes.len() / RATE_BYTES + usize::from(!request.export),
            export: request.export,
            whole,
            rest,
            last,
            head,
            weight,
            pad: last + weight,
            end: 0x80,
        }
    }
    pub(super) fn length(&self) -> u64 {
        8 * self.whole.len() as u64 + self.rest
    }
    /// The time at which its run begins.
    pub(super) fn begin(&self) -> Fr {
        let [import, export] = self.claim.map(|c| Fr::from(u64::from(c)));
        let key = Fr::from(self.length())
            + Fr::from(self.start) * pow2(42)
            + Fr::from(self.stream) * pow2(81)
            + import * pow2(107)
            + export * pow2(108);
        key * pow2(64)
    }
}

impl KeccakChip {
    /// Appends the rows of a run.
    pub fn hash(&self, trace: &mut Trace<'_>, request: &Request, run: &Run<'_>) {
        self.run(trace, &Job::new(request, run));
    }

    /// Appends a job's rows and gives the digest, zero for a state that goes out.
    pub(super) fn run(&self, trace: &mut Trace<'_>, job: &Job) -> [u8; 32] {
        let whole = job.whole.len() as u64;
        let begin = job.begin();
        let import = u64::from(job.claim[0]);

        let at = trace.rows();
        let (m, c) = (&self.m, &self.m.carry);
        let mut row = trace.push(self.message);
        put_limbs(&mut row, &m.stream, job.stream);
        put_limbs(&mut row, &m.start, job.start);
        put_limbs(&mut row, &m.whole, whole);
        put_limbs(&mut row, &m.blocks, job.blocks as u64);
        put_limbs(&mut row, &m.head, job.head);
        row.set(m.rest, job.rest)
            .set(m.weight, job.weight)
            .set(m.some, u64::from(job.rest > 0))
            .set(m.last, job.last)
            .set(m.import, import)
            .set(m.export, u64::from(job.claim[1]))
            .set(c.address, begin - Fr::from(1 + STATE_ROWS * import))
            .set(c.code, Fr::from(Mode::Import.code() * import) - Fr::ONE)
            .set(c.next, job.start)
            .set(c.stream, job.stream)
            .set(c.tail, job.start + whole)
            .set(c.pad, job.pad);

        let mut sponge = Sponge {
            chip: self,
            job,
            taken: 0,
            padded: false,
            digest: vec![],
        };
        let mut state = State::new([0; 25]);
        if job.before.is_some() {
            sponge.step(trace, Mode::Import, begin, &mut state);
        }
        let mut permutations = vec![];
        let mut time = begin;
        for step in 0..job.blocks {
            let mode = if step == 0 && job.before.is_none() {
                Mode::First
            } else {
                Mode::Between
            };
            sponge.step(trace, mode, time, &mut state);
            permutations.push((time - Fr::from(TICK), state));
            state.permute();
            time += Fr::from(BLOCK_TIME);
        }
        let mode = if job.export { Mode::Export } else { Mode::Last };
        sponge.step(trace, mode, time, &mut state);
        let mut bytes = [0; 32];
        let mut row = trace.row_mut(at);
        for (i, w) in sponge.digest.iter().enumerate() {
            put_limbs(&mut row, &m.words[i], *w);
            bytes[8 * i..8 * i + 8].copy_from_slice(&w.to_be_bytes());
        }
        for (time, state) in permutations {
            self.rounds(trace, time, state);
        }
        bytes
    }

    fn rounds(&self, trace: &mut Trace<'_>, base: Fr, mut state: State) {
        for round in 0..ROUNDS {
            let sums: [[u64; 3]; 5] = std::array::from_fn(|x| {
                let column = (0..5).map(|y| state.raw(x + 5 * y));
                count(column.chain((x == 0).then_some(state.constant)))
            });
            let parity = sums.map(|s| s[0]);
            let theta: [[u64; 2]; 5] =
                std::array::from_fn(|x| [parity[(x + 4) % 5], parity[(x + 1) % 5].rotate_left(1)]);
            let theta_values = theta.map(|[a, b]| wide(a) + wide(b));

            let p = &self.p;
            let mut row = trace.push(self.parity);
            row.set(p.base, base).set(p.code, parity_code(round));
            for x in 0..5 {
                let low = sums[x][0] & !(1 << 63);
                put_lane(&mut row, &p.low[x], low);
                put_lane(&mut row, &p.middle[x], sums[x][1]);
                row.set(p.high[x], wide(sums[x][2]))
                    .set(p.top[x], sums[x][0] >> 63)
                    .set(p.short[x], sparse(low >> (4 * CHUNK) << 2))
                    .set(p.theta[x], theta_values[x]);
            }
            let before = state;
            state = State {
                lanes: [0; 25],
                constant: ROUND_CONSTANTS[round],
            };
            let mut column_sums = [Fr::ZERO; 5];
            for t in 0..5 {
                self.plane(
                    trace,
                    Step { round, t, base },
                    (&before, &theta, &theta_values, sums[t][2]),
                    &mut state,
                    &mut column_sums,
                );
            }
        }
    }

    fn plane(
        &self,
        trace: &mut Trace<'_>,
        step: Step,
        (before, theta, theta_values, high): (&State, &[[u64; 2]; 5], &[Fr; 5], u64),
        state: &mut State,
        column_sums: &mut [Fr; 5],
    ) {
        let Step { round, t, base } = step;
        let c = &self.t;
        let last = round + 1 == ROUNDS && t == 4;
        let mut row = trace.push(self.theta);
        row.set(c.base, base)
            .set(c.code, plane_code(round, t))
            .set(c.keep, u64::from(!last));
        for (i, cell) in c.at_least.iter().enumerate() {
            row.set(*cell, u64::from(t > i));
        }
        put_lane(&mut row, &c.high, high);
        let mut turned = [0; 5];
        for x in 0..5 {
            let lane = x + 5 * ((x + 5 - t) % 5);
            let constant = if lane == 0 { before.constant } else { 0 };
            let [even, odd, carry] = count([before.raw(lane), constant, theta[x][0], theta[x][1]]);
            put_lane(&mut row, &c.even[x], even);
            put_lane(&mut row, &c.odd[x], odd);
            if x == 0 {
                for (cell, at) in c.carry.iter().zip([0, 15, 31, 51]) {
                    row.set(*cell, sparse(carry >> at));
                }
            }
            row.set(c.theta[x], theta_values[x]);
            let r = RHO[lane];
            let chunks = ((64 - r) / CHUNK as u32).min(4);
            let digits = 64 - r - CHUNK as u32 * chunks;
            let chunk = even >> (CHUNK as u32 * chunks);
            row.set(c.cut[x], sparse(chunk << (CHUNK as u32 - digits)));
            turned[x] = even.rotate_left(r);
        }

        let c = &self.c;
        let y = 2 * t % 5;
        let mut row = trace.push(self.chi);
        let constant = if t == 0 {
            wide(state.constant)
        } else {
            Fr::ZERO
        };
        row.set(c.constant, constant);
        for x in 0..5 {
            let [p, q, r] = [0, 1, 2].map(|i| turned[(x + i) % 5]);
            let out = p ^ (!q & r);
            row.set(c.before[x], wide(p)).set(c.sums[x], column_sums[x]);
            put_lane(&mut row, &c.after[x], out);
            // The sum is odd where q = r, and 4 where p and r are set and q is not.
            let (one, four) = (!(q ^ r), p & !q & r);
            for (i, cell) in c.rest[x].iter().enumerate() {
                let bits = |v: u64| u64::from(CONSTANTS.byte[usize::from((v >> (8 * i)) as u8)]);
                row.set(*cell, bits(one) + 4 * bits(four));
            }
            state.set_raw((x + 5 - t) % 5 + 5 * y, out);
            column_sums[x] += wide(out);
        }
        column_sums[0] += constant;
        column_sums.rotate_right(1);
    }
}

struct Step {
    round: usize,
    t: usize,
    base: Fr,
}

/// What the sponge rows of a message share.
struct Sponge<'c> {
    chip: &'c KeccakChip,
    job: &'c Job,
    taken: usize,
    padded: bool,
    digest: Vec<u64>,
}

impl Sponge<'_> {
    /// Index of the message's next group.
    fn next(&self) -> u64 {
        self.job.start + self.taken as u64
    }

    /// The next rate lane's word outside the last step.
    fn next_word(&mut self, lane: usize) -> u64 {
        if let (false, Some(w)) = (self.padded, self.job.whole.get(self.taken)) {
            self.taken += 1;
            return *w;
        }
        let first = if self.padded { 0 } else { self.job.pad };
        self.padded = true;
        first + if lane == 16 { self.job.end } else { 0 }
    }

    /// The word of a lane that holds `raw`.
    fn word(&mut self, mode: Mode, lane: usize, raw: u64) -> u64 {
        match (mode, lane) {
            (Mode::Import, _) => {
                let lanes = self.job.before.as_ref();
                lanes
                    .and_then(|l| l.get(lane))
                    .map_or(0, |l| l.swap_bytes())
            }
            (Mode::Export, _) | (Mode::Last, 0..4) => raw.swap_bytes(),
            (Mode::Last, 16) => 128,
            (Mode::Last, _) => 0,
            _ => self.next_word(lane),
        }
    }

    fn step(&mut self, trace: &mut Trace<'_>, mode: Mode, time: Fr, state: &mut State) {
        let chip = self.chip;
        let s = &chip.s;
        let whole = self.job.whole.len();
        let mut sums = [Fr::ZERO; 5];
        let bit = |b: bool| u64::from(b);
        for i in 0..mode.rows() {
            let mut row = trace.push(chip.sponge);
            let (end, squeeze) = (mode.ends(i), mode.squeezes(i));
            let absorbs = mode.sends() && mode != Mode::Import;
            let index = match mode.place(i) {
                0 if mode != Mode::Import && !squeeze => self.next(),
                place => place,
            };
            let lane = i as usize;
            let constant = if lane == 0 { state.constant } else { 0 };
            let raw = state.raw(lane);
            let word = self.word(mode, lane, raw ^ constant);
            let [after, both, _] = count([raw, constant, word.swap_bytes()]);
            put_lane(&mut row, &s.after, after);
            put_lane(&mut row, &s.both, both);
            for (i, byte) in word.to_be_bytes().into_iter().enumerate() {
                row.set(s.joint[i], CONSTANTS.joint[usize::from(byte)])
                    .set(s.spread[i], sparse(u64::from(byte)));
            }
            let mut added = Fr::ZERO;
            if mode == Mode::Last && squeeze {
                self.digest.push(word);
                added = Fr::from(word);
            }
            if mode.sends() {
                state.set_raw(lane, after);
            }
            if absorbs {
                added = wide(after);
            }
            let capacity = mode.capacity(i);
            if let Some(lane) = capacity {
                let v = wide(state.raw(lane as usize));
                row.set(s.capacity, v);
                if absorbs {
                    added += v;
                }
            }
            sums.rotate_left(1);
            sums[0] += added;
            row.set(
                s.capacity_receive,
                bit(capacity.is_some() && mode.receives()),
            )
            .set(s.capacity_send, bit(capacity.is_some() && mode.sends()))
            .set(s.place, mode.place(i))
            .set(s.squeeze, bit(squeeze))
            .set(s.import, bit(mode == Mode::Import))
            .set(s.index, index)
            .set(s.receive, bit(mode.receives()))
            .set(s.send, bit(mode.sends()));
            let Carry {
                address,
                code,
                end: ends,
                padded,
                next,
                sums: sum,
                stream,
                tail,
                pad,
            } = s.carry;
            let begin = match mode {
                Mode::Import => time - Fr::from(STATE_ROWS),
                _ => time,
            };
            row.set(address, begin + Fr::from(i))
                .set(code, mode.code() + i)
                .set(ends, bit(end))
                .set(padded, bit(self.padded))
                .set(next, self.next())
                .set_all(&sum, sums)
                .set(stream, self.job.stream)
                .set(tail, self.job.start + whole as u64)
                .set(pad, self.job.pad);
        }
        if mode.sends() {
            state.constant = 0;
        }
    }
}
