//! The relations of the five kinds.

use super::{
    BLOCK_TIME, CHUNK, DIGEST_CODE, EXPORT_CODE, JOINT_BITS, RHO, STREAM_LIMBS, TICK, Tables,
    Tokens,
    columns::{ChiCells, MessageCells, ParityCells, SpongeCells, ThetaCells},
    digit, parity_code, plane_code,
    tables::{CAPACITY, Mode, STATE_ROWS, STEP_ROWS},
};
use crate::{
    Fr,
    buses::Buses,
    framework::{Cell, Expr, KindId, MachineBuilder, State, lin, pow2},
};
use ff::Field;

/// Limbs of 13 bits as a number.
fn limbs(cells: &[Cell]) -> Expr {
    lin(cells
        .iter()
        .enumerate()
        .map(|(i, c)| (pow2(13 * i as u32), *c)))
}

/// The head of a run: what is hashed, its padding, its digest.
pub(super) fn message(
    b: &mut MachineBuilder,
    buses: &Buses,
    t: &Tables,
    tokens: &Tokens,
    next: State,
) -> (KindId, MessageCells) {
    let mut k = b.kind("keccak.message", 2);
    let m = MessageCells::place(&mut k, t.range);
    let (stream, start, whole) = (limbs(&m.stream), limbs(&m.start), limbs(&m.whole));
    let length = &whole * Fr::from(8) + m.rest;
    // The key of a run: length below 2^42, start below 2^39, stream below 2^26, two booleans.
    let key = &length
        + &start * pow2(42)
        + &stream * pow2(81)
        + m.import * pow2(107)
        + m.export * pow2(108);
    debug_assert_eq!(13 * STREAM_LIMBS, 26);
    let begin = key * pow2(64);

    // The run begins above the first row of the first step, or of the state that comes in.
    let c = m.carry;
    k.equal(
        "address = 2^64 key - 1 - 25 import",
        c.address + 1,
        &begin - m.import * Fr::from(STATE_ROWS),
    );
    k.equal(
        "code = -1 + 17 import",
        c.code + 1,
        m.import * Fr::from(Mode::Import.code()),
    );
    k.constrain("end = 0", c.end.expr());
    k.constrain("padded = 0", c.padded.expr());
    k.equal("next = start", c.next, start.clone());
    for s in c.sums {
        k.constrain("sum = 0", s.expr());
    }
    k.equal("stream", c.stream, stream.clone());
    k.equal("tail = start + whole", c.tail, &start + &whole);

    // last = 256 weight head, so that its bytes behind the message are zero; then byte 1 follows.
    k.require(
        t.padding,
        1,
        vec![m.rest.expr(), m.weight.expr(), m.some.expr()],
    );
    k.equal(
        "last = 256 weight head",
        m.last,
        m.weight * limbs(&m.head) * Fr::from(256),
    );
    k.constrain("(1 - some) last = 0", m.some.expr().not() * m.last);
    k.constrain("a state goes out between blocks", m.export * m.some);
    k.equal("pad = last + weight", c.pad, m.last + m.weight);
    k.require(
        buses.bytes,
        m.some,
        vec![stream.clone(), c.tail.expr(), m.last.expr()],
    );

    let words = m.words.each_ref().map(|w| limbs(w));
    let mut end = vec![
        begin + limbs(&m.blocks) * Fr::from(BLOCK_TIME) - TICK,
        m.export * Fr::from(EXPORT_CODE - DIGEST_CODE) + DIGEST_CODE,
    ];
    end.extend(words.iter().cloned());
    end.push(Expr::zero());
    k.receive(tokens.sums, 1, end);
    let [w0, w1, w2, w3] = words;
    k.provide(
        buses.keccak,
        1,
        vec![
            stream,
            start,
            length,
            m.import.expr(),
            m.export.expr(),
            w0 * pow2(64) + w1,
            w2 * pow2(64) + w3,
        ],
    );
    (k.enter(&[State::CLOSED]).leave(next).finish(), m)
}

/// One lane takes a word, perhaps one capacity lane passes.
pub(super) fn sponge(
    b: &mut MachineBuilder,
    buses: &Buses,
    t: &Tables,
    tokens: &Tokens,
    state: State,
) -> (KindId, SpongeCells) {
    let mut k = b.kind("keccak.sponge", 2);
    let s = SpongeCells::place(&mut k, t);
    let (c, up) = (s.carry, s.carry.above());
    // The word, byte 0 most significant; its bits; the lane before: what is left and twice what both had, less the bits.
    let big = |cells: &[Cell]| {
        lin(cells
            .iter()
            .enumerate()
            .map(|(i, c)| (pow2(8 * (7 - i as u32)), *c)))
    };
    let word = big(&s.joint) - big(&s.spread) * pow2(JOINT_BITS);
    let bits = lin(s
        .spread
        .iter()
        .enumerate()
        .map(|(i, c)| (digit(8 * i as u32), *c)));
    let after = s.after.expr();
    let before = &after + s.both.expr() * Fr::from(2) - bits;

    // The schedule. After a step comes a step between; or the rows of a state that goes out, if this row squeezes; or the
    // last step, if it squeezes and the message is padded. Padded without squeezing leads among the rows that squeeze.
    k.equal(
        "code",
        c.code,
        up.end.expr().not() * (up.code + 1)
            + up.end
                * (s.squeeze * Fr::from(Mode::Export.code() - Mode::Between.code())
                    + up.padded * Fr::from(Mode::Last.code() - Mode::Export.code())
                    + Mode::Between.code()),
    );
    k.equal(
        "address",
        c.address,
        up.address + 1 + up.end * Fr::from(BLOCK_TIME - STEP_ROWS),
    );
    k.equal("stream", c.stream, up.stream);
    k.equal("tail", c.tail, up.tail);
    k.equal("pad", c.pad, up.pad);

    // Whole groups, then the padded one, then nothing. Groups of the message follow each other; those of a state have
    // the numbers of its lanes.
    let (data, begins) = (c.padded.expr().not(), c.padded - up.padded);
    let apart = s.import + s.squeeze;
    k.constrain("padded is boolean", c.padded * (c.padded - 1));
    k.constrain("padded stays", up.padded * &data);
    k.equal("next", c.next - up.next, apart.not() * &data);
    k.equal("index", s.index - up.next, &apart * (s.place - up.next));
    let left = c.tail - c.next;
    k.constrain(
        "all whole groups are taken before the padded one",
        &begins * &left,
    );
    k.constrain("no padding where a state comes in", s.import * c.padded);
    // What is left is a small integer, so both are zero.
    k.constrain(
        "all is taken before squeezing, and no padding there",
        s.squeeze * (left + &begins * pow2(40)),
    );

    // Words that no byte group gives; the last rate lane of the padded block ends in 0x80.
    k.constrain(
        "word",
        s.squeeze.expr().not() * c.padded * (&word - c.end * Fr::from(128)) - begins * c.pad,
    );

    // The state is zero before the first step, and squeezed words clear their lanes.
    k.constrain(
        "the lane is zero at the start",
        s.receive.expr().not() * &before,
    );
    k.constrain(
        "capacity is zero at the start and on rows without",
        s.capacity_receive.expr().not() * s.capacity,
    );
    k.constrain("a squeezed word is the lane", s.squeeze * &after);

    // Column sums of what goes into the permutation, or the digest's words.
    for i in 0..5 {
        let mut sum = up.end.expr().not() * up.sums[(i + 1) % 5];
        if i == 0 {
            sum = sum
                + (s.send - s.import) * &after
                + s.capacity_send * s.capacity
                + s.squeeze * c.padded * &word;
        }
        k.equal(&format!("sum {i}"), c.sums[i], sum);
    }

    k.receive(tokens.lane, s.receive, vec![c.address.expr(), before]);
    // A state that comes in is sent for this time, everything else for the next.
    let then = c.address + TICK - s.import * Fr::from(TICK - STATE_ROWS);
    k.send(tokens.lane, s.send, vec![then, after]);
    let stream = c.stream + s.import * Fr::from(2) + s.squeeze * Fr::from(3);
    k.require(buses.bytes, data, vec![stream, s.index.expr(), word]);
    let row = [
        c.code,
        s.place,
        s.receive,
        s.send,
        s.capacity_receive,
        s.capacity_send,
        c.end,
        s.squeeze,
        s.import,
    ];
    k.require(t.schedule, 1, row.map(Expr::from).to_vec());
    let capacity = c.address + CAPACITY;
    k.receive(
        tokens.lane,
        s.capacity_receive,
        vec![capacity.clone(), s.capacity.expr()],
    );
    k.send(
        tokens.lane,
        s.capacity_send,
        vec![capacity + TICK, s.capacity.expr()],
    );
    // The row that ends a step has lane 16, the one that ends a state lane 24. After a step register i holds column 16 + i.
    let last = STEP_ROWS - 1;
    let mut sums = vec![
        c.address - (TICK + last) - s.squeeze * Fr::from(STATE_ROWS - 1 - last),
        s.squeeze * Fr::from(EXPORT_CODE - DIGEST_CODE)
            - s.send * Fr::from(DIGEST_CODE - parity_code(0))
            + DIGEST_CODE,
    ];
    sums.extend((0..5).map(|x| c.sums[(x + 4) % 5].expr()));
    k.send(tokens.sums, c.end, sums);

    let leave = (Expr::one() - c.end * s.send.expr().not()) * state.element();
    (k.enter(&[state]).leave_expr(leave).finish(), s)
}

/// Column sums become parities and the five sums of theta.
pub(super) fn parity(b: &mut MachineBuilder, t: &Tables, tokens: &Tokens) -> (KindId, ParityCells) {
    let mut k = b.kind("keccak.parity", 2);
    let p = ParityCells::place(&mut k, t);
    for x in 0..5 {
        k.equal(
            &format!("the last chunk of column {x} has 11 digits"),
            p.short[x],
            p.low[x].0[4] * Fr::from(64),
        );
    }
    let parity: [Expr; 5] = std::array::from_fn(|x| p.low[x].expr() + p.top[x] * digit(63));
    for x in 0..5 {
        let (left, right) = ((x + 4) % 5, (x + 1) % 5);
        // D = C(x-1) + rot(C(x+1), 1), digits 0 to 2; the turn takes digit 63 to digit 0.
        let turned = p.low[right].expr() * Fr::from(8) + p.top[right];
        k.equal(&format!("theta {x}"), p.theta[x], &parity[left] + turned);
    }
    // First, so that all five lie on one physical row and share what they have in common.
    let to_plane = plane_code(0, 0) - parity_code(0);
    for (step, high) in p.high.iter().enumerate() {
        let mut values: Vec<Expr> = p.theta.iter().map(Expr::from).collect();
        values.extend([
            p.base.expr(),
            p.code + (to_plane - 5 * step as u64),
            high.expr(),
        ]);
        k.send(tokens.theta, 1, values);
    }
    let mut sums = vec![p.base.expr(), p.code.expr()];
    sums.extend(
        (0..5).map(|x| &parity[x] + p.middle[x].expr() * Fr::from(2) + p.high[x] * Fr::from(4)),
    );
    k.receive(tokens.sums, 1, sums);
    let mut zero = vec![p.base.expr(), p.code + to_plane];
    zero.resize(7, Expr::zero());
    k.send(tokens.sums, 1, zero);
    (k.finish(), p)
}

/// Theta, rho and pi of the five lanes that make the plane `2 t`, `t` being the step.
pub(super) fn theta(
    b: &mut MachineBuilder,
    t: &Tables,
    tokens: &Tokens,
    next: State,
) -> (KindId, ThetaCells) {
    let mut k = b.kind("keccak.theta", 2);
    let c = ThetaCells::place(&mut k, t);
    let (before, constant) = ChiCells::from_above();
    let at_least: [Expr; 6] = std::array::from_fn(|i| match i {
        0 => Expr::one(),
        5 => Expr::zero(),
        _ => c.at_least[i - 1].expr(),
    });
    let is: [Expr; 5] = std::array::from_fn(|i| &at_least[i] - &at_least[i + 1]);
    // The offset of the lane in column `x`, plane `x - t`.
    let rho = |x: usize, t: usize| RHO[x + 5 * ((x + 5 - t) % 5)];

    for j in 0..5 {
        let lane = c.even[j];
        // B = sum_t [t] 8^(r - 64) (E + (8^64 - 1) low) + (8^51 - 8^-13) cut, where low is whole chunks.
        let turn: [Expr; 5] =
            std::array::from_fn(|t| &is[t] * (digit(rho(j, t)) * invert(digit(64))));
        let all: Expr = turn.iter().cloned().sum();
        let mut low = Expr::zero();
        for n in 1..5 {
            let here: Vec<&Expr> = (0..5)
                .filter(|t| whole_chunks(rho(j, *t)) == n)
                .map(|t| &turn[t])
                .collect();
            if !here.is_empty() {
                low = low + here.into_iter().cloned().sum::<Expr>() * lane.prefix(n);
            }
        }
        let moved = all * lane.expr() + low * (digit(64) - Fr::ONE);
        let cut = c.cut[j] * (digit(51) - invert(digit(CHUNK as u32)));
        k.equal(&format!("lane {j} after rho"), before[j], moved + cut);
    }
    // Lanes (x, x - t), whose numbers are 6 x - 5 t and 25 more where x < t; -5 t is in the code.
    let plane = c.base + c.code;
    for x in 0..5 {
        let mut sum = c.even[x].expr() + c.odd[x].expr() * Fr::from(2);
        if x == 0 {
            let places = [0, 15, 31, 51];
            sum = sum
                + lin(c
                    .carry
                    .iter()
                    .zip(places)
                    .map(|(q, at)| (Fr::from(4) * digit(at), *q)));
        }
        let lane = &plane + &at_least[x + 1] * Fr::from(25) + 6 * x as u64;
        k.receive(tokens.lane, 1, vec![lane, sum - c.theta[x]]);
    }
    let mut values: Vec<Expr> = c.theta.iter().map(Expr::from).collect();
    values.extend([c.base.expr(), c.code.expr(), c.high.expr()]);
    k.receive(tokens.theta, 1, values);
    let mut row = vec![c.code.expr()];
    row.extend(c.at_least.iter().map(Expr::from));
    row.extend([constant.expr(), c.keep.expr()]);
    k.require(t.steps, 1, row);
    (k.leave(next).finish(), c)
}

/// Chunks of 13 digits that lie wholly in the part that a rotation by `r` moves up.
fn whole_chunks(r: u32) -> usize {
    ((64 - r) as usize / CHUNK).min(4)
}

fn invert(v: Fr) -> Fr {
    v.invert().unwrap_or(Fr::ZERO)
}

/// Chi and iota of the plane that the theta row above made.
pub(super) fn chi(
    b: &mut MachineBuilder,
    t: &Tables,
    tokens: &Tokens,
    state: State,
    above: &ThetaCells,
) -> (KindId, ChiCells) {
    let mut k = b.kind("keccak.chi", 2);
    let c = ChiCells::place(&mut k, t);
    let up = |c: Cell| c.shift(-2);
    let ones = (0..64).map(digit).sum::<Fr>();
    for x in 0..5 {
        // v = 2a + (1 - b) + c has digits 0 to 4; the output is 1 for 2 and 3.
        let [p, q, r] = [0, 1, 2].map(|i| c.before[(x + i) % 5]);
        let rest = lin(c.rest[x]
            .iter()
            .enumerate()
            .map(|(i, z)| (digit(8 * i as u32), *z)));
        k.equal(
            &format!("chi {x}"),
            (p - c.after[x].expr()) * Fr::from(2) - q + r + ones,
            rest,
        );
    }
    let (base, code) = (up(above.base), up(above.code));
    let at_least = above.at_least.map(up);
    let mut out: [Expr; 5] = std::array::from_fn(|x| c.after[x].expr());
    out[0] = &out[0] + c.constant;
    let mut sums = vec![base.expr(), code.expr()];
    sums.extend(c.sums.iter().map(Expr::from));
    k.receive(tokens.sums, 1, sums);
    // Place k is column k - t, hence place k + 1 of the next step.
    let mut sums = vec![base.expr(), code - 5];
    sums.extend((0..5).map(|k| &out[(k + 4) % 5] + c.sums[(k + 4) % 5]));
    k.send(tokens.sums, up(above.keep), sums);
    // Lane (k - t, 2 t) mod 5 of the next round: 9 t + k, 25 less from the third step on, 5 more where k < t. The code has -5 t.
    let plane = base
        + code
        + lin(at_least
            .iter()
            .enumerate()
            .map(|(i, c)| (Fr::from(14) - Fr::from(if i == 2 { 25 } else { 0 }), *c)));
    for x in 0..5 {
        let mut lane = &plane + (TICK + x as u64);
        if x < 4 {
            lane = lane + at_least[x] * Fr::from(5);
        }
        k.send(tokens.lane, 1, vec![lane, out[x].clone()]);
    }
    (k.enter(&[state]).finish(), c)
}
