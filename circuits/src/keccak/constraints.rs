//! The relations of the five kinds.

use super::{
    BLOCK_TIME, CHUNK, DIGEST_STEP, JOINT_BITS, RHO, ROUND_STEPS, STREAM_LIMBS, TICK, Tables,
    Tokens,
    columns::{ChiCells, MessageCells, ParityCells, RateCells, SpongeCells, ThetaCells},
    digit,
    tables::{Mode, STATE_ROWS, STEP_ROWS},
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
        "address = 2^64 key - 2 - 26 import",
        c.address,
        &begin - 2 - m.import * Fr::from(2 * STATE_ROWS),
    );
    k.equal(
        "code = -1 + 9 import",
        c.code + 1,
        m.import * Fr::from(Mode::Import.code()),
    );
    k.constrain("end = 0", c.end.expr());
    k.constrain("padded = 0", c.padded.expr());
    k.equal("left = whole", c.left, whole.clone());
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
    let end = &begin + limbs(&m.blocks) * Fr::from(BLOCK_TIME);
    let mut digest = vec![&end + TICK, Expr::from(DIGEST_STEP)];
    digest.extend(words.iter().cloned());
    digest.push(Expr::zero());
    k.receive(tokens.sums, 1, digest);
    // Lane 25, which is none: a state that comes in brings it, one that goes out takes it along.
    k.receive(tokens.lane, m.import, vec![begin + 25, Expr::zero()]);
    k.send(tokens.lane, m.export, vec![end + 25, Expr::zero()]);
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

/// The word that a rate lane takes, byte 0 most significant.
fn word(r: &RateCells) -> Expr {
    let big = |cells: &[Cell]| {
        lin(cells
            .iter()
            .enumerate()
            .map(|(i, c)| (pow2(8 * (7 - i as u32)), *c)))
    };
    big(&r.joint) - big(&r.spread) * pow2(JOINT_BITS)
}

/// The rate lane before: what is left and both, less the word's bits.
fn before(r: &RateCells) -> Expr {
    let bits = lin(r
        .spread
        .iter()
        .enumerate()
        .map(|(i, c)| (digit(8 * i as u32), *c)));
    r.after.expr() + r.both.expr() * Fr::from(2) - bits
}

/// Two lanes take their words, one capacity lane passes.
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
    let [first, second] = &s.rate;
    let words = [word(first), word(second)];
    let lanes = [before(first), before(second)];
    let after = [first.after.expr(), second.after.expr()];

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
        up.address + 2 + up.end * Fr::from(BLOCK_TIME - 2 * STEP_ROWS),
    );
    k.equal("stream", c.stream, up.stream);
    k.equal("tail", c.tail, up.tail);
    k.equal("pad", c.pad, up.pad);

    // Whole groups, then the padded one, then nothing.
    k.constrain("between is boolean", s.between * (s.between - 1));
    k.constrain("padded is boolean", c.padded * (c.padded - 1));
    k.constrain(
        "padded stays, first lane",
        up.padded * s.between.expr().not(),
    );
    k.constrain(
        "padded stays, second lane",
        s.between * c.padded.expr().not(),
    );
    k.constrain(
        "no padding on a capacity lane",
        c.end * (c.padded - s.between),
    );
    k.equal(
        "second data",
        s.second_data,
        c.end.expr().not() * c.padded.expr().not(),
    );
    let first_data = s.between.expr().not();
    let apart = s.import + s.squeeze;
    k.equal(
        "left",
        up.left - c.left,
        apart.not() * (&first_data + s.second_data),
    );
    k.constrain(
        "all whole groups are taken before the padded one",
        (c.padded - up.padded) * c.left,
    );

    k.constrain("no padding where a state comes in", s.import * c.padded);
    // `left` is a small integer, so both are zero.
    k.constrain(
        "all is taken before squeezing, and no padding there",
        s.squeeze * (c.left + (c.padded - up.padded) * pow2(40)),
    );
    // Groups of the message follow each other; those of a state have the numbers of its lanes.
    let next = c.tail - c.left - 1 - s.second_data;
    k.equal("index", s.index, &next + apart * (s.place - &next));

    // Words that no byte group gives; the last rate lane of the padded block ends in 0x80.
    let kept = s.squeeze.expr().not();
    k.constrain(
        "first word",
        &kept * s.between * (&words[0] - c.end * Fr::from(128)) - (s.between - up.padded) * c.pad,
    );
    k.constrain(
        "second word",
        (c.end + kept * c.padded) * words[1].clone() - (c.padded - s.between) * c.pad,
    );

    // The state is zero before the first step, and squeezed words clear their lanes.
    for (lane, name) in lanes.iter().zip(["first", "second"]) {
        k.constrain(
            &format!("{name} lane is zero at the start"),
            s.receive.expr().not() * lane.clone(),
        );
    }
    k.constrain(
        "capacity is zero at the start and on rows without",
        s.capacity_receive.expr().not() * s.capacity,
    );
    for (lane, name) in after.iter().zip(["first", "second"]) {
        k.constrain(
            &format!("{name} squeezed word is the lane"),
            s.squeeze * lane.clone(),
        );
    }

    // Column sums of what goes into the permutation, or the digest's words.
    for i in 0..5 {
        let old = up.end.expr().not() * up.sums[(i + 2) % 5];
        let new = match i {
            0 | 1 => (s.send - s.import) * &after[i] + s.squeeze * c.padded * &words[i],
            2 => s.capacity_send * s.capacity,
            _ => Expr::zero(),
        };
        k.equal(&format!("sum {i}"), c.sums[i], old + new);
    }

    // Messages that read the first physical row's narrow cells come first: they belong there.
    // A state that comes in is sent for this time, everything else for the next.
    let then = c.address + TICK - s.import * Fr::from(TICK - 2 * STATE_ROWS);
    let stream = c.stream + s.import * Fr::from(2) + s.squeeze * Fr::from(3);
    let data = [first_data, s.second_data.expr()];
    for i in 0..2 {
        let lane = i as u64;
        k.receive(
            tokens.lane,
            s.receive,
            vec![c.address + lane, lanes[i].clone()],
        );
        k.send(tokens.lane, s.send, vec![&then + lane, after[i].clone()]);
        k.require(
            buses.bytes,
            data[i].clone(),
            vec![stream.clone(), s.index + lane, words[i].clone()],
        );
        if i == 0 {
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
            k.receive(
                tokens.lane,
                s.capacity_receive,
                vec![c.address + s.place, s.capacity.expr()],
            );
        }
    }
    k.send(
        tokens.lane,
        s.capacity_send,
        vec![c.address + s.place + TICK, s.capacity.expr()],
    );
    // The row that ends a step has the lanes from 16 on, the one that ends a state those from 24 on. After nine rows
    // register i holds column 16 + i.
    let last = 2 * (STEP_ROWS - 1);
    let mut sums = vec![
        c.address + TICK - last - s.squeeze * Fr::from(2 * (STATE_ROWS - 1) - last),
        s.send.expr().not() * Fr::from(DIGEST_STEP + 1) - Fr::ONE,
    ];
    sums.extend((0..5).map(|x| c.sums[(x + 4) % 5].expr()));
    k.send(tokens.sums, c.end, sums);

    let open = Fr::from(u64::from(state.0));
    let leave = (Expr::one() - c.end * s.send.expr().not()) * open;
    (k.enter(&[state]).leave_expr(leave).finish(), s)
}

/// Column sums become parities and the five sums of theta.
pub(super) fn parity(b: &mut MachineBuilder, t: &Tables, tokens: &Tokens) -> (KindId, ParityCells) {
    let mut k = b.kind("keccak.parity", 2);
    let p = ParityCells::place(&mut k, t);
    for x in 0..5 {
        k.constrain(&format!("top {x} is boolean"), p.top[x] * (p.top[x] - 1));
        k.equal(
            &format!("the last chunk of column {x} has 11 digits"),
            p.short[x],
            p.low[x].0[4] * Fr::from(64),
        );
    }
    let parity: [Expr; 5] = std::array::from_fn(|x| p.low[x].expr() + p.top[x] * digit(63));
    for x in 0..5 {
        let (left, right) = ((x + 4) % 5, (x + 1) % 5);
        // D = C(x-1) + rot(C(x+1), 1), digits 0 to 2.
        let turned = &parity[right] * Fr::from(8) - p.top[right] * (digit(64) - Fr::ONE);
        k.equal(&format!("theta {x}"), p.theta[x], &parity[left] + turned);
    }
    let mut sums = vec![p.time.expr(), p.step.expr()];
    sums.extend(
        (0..5).map(|x| &parity[x] + p.middle[x].expr() * Fr::from(2) + p.high[x] * Fr::from(4)),
    );
    k.receive(tokens.sums, 1, sums);
    let mut zero = vec![p.time + TICK, p.step + 1];
    zero.resize(7, Expr::zero());
    k.send(tokens.sums, 1, zero);
    for step in 0..5usize {
        let mut values = vec![
            p.time + TICK * (step as u64 + 1),
            p.step + (step as u64 + 1),
        ];
        values.extend((0..5).map(|j| p.theta[(j + step) % 5].expr()));
        values.push(p.high[step].expr());
        k.send(tokens.theta, 1, values);
    }
    (k.finish(), p)
}

/// Theta, rho and pi of the five lanes that make the plane `2 step`.
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
    let step = || c.at_least.iter().map(Expr::from).sum::<Expr>();

    for j in 0..5 {
        let lane = c.even[j];
        // B = sum_t [t] 8^(r - 64) (E + (8^64 - 1) low) + (8^51 - 8^-13) cut, where low is whole chunks.
        let turn: [Expr; 5] =
            std::array::from_fn(|t| &is[t] * (digit(RHO[(j + t) % 5 + 5 * j]) * invert(digit(64))));
        let all: Expr = turn.iter().cloned().sum();
        let mut low = Expr::zero();
        for n in 1..5 {
            let here: Vec<&Expr> = (0..5)
                .filter(|t| whole_chunks(RHO[(j + t) % 5 + 5 * j]) == n)
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
    // Lanes (x, y) = (j + t mod 5, j), sent at the end of the round before.
    let plane = c.time - TICK - step() * Fr::from(TICK - 1);
    for j in 0..5u64 {
        let i = j as usize;
        let mut sum = c.even[i].expr() + c.odd[i].expr() * Fr::from(2);
        if j == 0 {
            let places = [0, 15, 31, 51];
            sum = sum
                + lin(c
                    .carry
                    .iter()
                    .zip(places)
                    .map(|(q, at)| (Fr::from(4) * digit(at), *q)));
        }
        let lane = match j {
            0 => plane.clone(),
            _ => &plane - &at_least[5 - i] * Fr::from(5) + 6 * j,
        };
        k.receive(tokens.lane, 1, vec![lane, sum - c.theta[i]]);
    }
    let mut values = vec![c.time.expr(), c.step.expr()];
    values.extend(c.theta.iter().map(Expr::from));
    values.push(c.high.expr());
    k.receive(tokens.theta, 1, values);
    let mut row = vec![c.step.expr()];
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
    let (time, step) = (up(above.time), up(above.step));
    let t_sum = || above.at_least.iter().map(|c| up(*c).expr()).sum::<Expr>();
    let mut out: [Expr; 5] = std::array::from_fn(|x| c.after[x].expr());
    out[0] = &out[0] + c.constant;
    let mut sums = vec![time.expr(), step.expr()];
    sums.extend(c.sums.iter().map(Expr::from));
    k.receive(tokens.sums, 1, sums);
    let mut sums = vec![time + TICK, step + 1];
    sums.extend((0..5).map(|x| &out[x] + c.sums[x]));
    k.send(tokens.sums, up(above.keep), sums);
    // Plane y = 2 t mod 5, sent for the next round: five ticks later less t, and 5 y.
    let plane = time + TICK * (ROUND_STEPS - 1)
        - t_sum() * Fr::from(TICK - 10)
        - up(above.at_least[2]) * Fr::from(25);
    for x in 0..5u64 {
        k.send(tokens.lane, 1, vec![&plane + x, out[x as usize].clone()]);
    }
    (k.enter(&[state]).finish(), c)
}
