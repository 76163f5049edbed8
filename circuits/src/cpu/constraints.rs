//! Relations of the three kinds of `cpu` row.

use super::{
    columns::{InitialCells, OpCells, RecordCells},
    isa::{FAR_AT, FAULTS, FIRST_CLOCK, Op, STACK_BIAS, STACK_LIMIT, STAMP_STEP, Service, TICKS},
};
use crate::{
    Fr,
    buses::{Buses, place},
    framework::{Bus, Cell, Expr, KindId, MachineBuilder, State, TableId, pow2},
    limbs::compose,
};
use ff::Field;

/// A token of the word at `address`.
fn word(
    address: impl Into<Expr>,
    hi: impl Into<Expr>,
    lo: impl Into<Expr>,
    time: Expr,
) -> Vec<Expr> {
    vec![address.into(), hi.into(), lo.into(), time]
}

/// The states of the cpu's run.
#[derive(Clone, Copy, Debug)]
pub(super) struct States {
    /// A `word` row is below.
    pub(super) words: State,
    /// An instruction is below.
    pub(super) running: State,
    /// The first byte of the first code is below.
    pub(super) codes: State,
}

/// Declares the `word` kind, whose first row is the start row: words begin and end.
pub(super) fn define_words(
    b: &mut MachineBuilder,
    memory: Bus,
    first: u64,
    states: States,
) -> (KindId, InitialCells) {
    let range = crate::tables::range13(b);
    let mut k = b.kind("cpu.word", 1);
    let c = InitialCells::declare(&mut k, crate::LAYOUT.narrow, range);
    k.send(
        memory,
        1,
        word(c.address, c.initial.hi, c.initial.lo, Expr::zero()),
    );
    k.receive(
        memory,
        1,
        word(c.address, c.last.hi, c.last.lo, c.time.expr()),
    );
    k.constrain("initial.hi is 0 but for word 0", c.address * c.initial.hi);
    k.constrain("initial.lo is 0 but for word 0", c.address * c.initial.lo);
    let ticks = Fr::from(TICKS).invert().unwrap_or(Fr::ZERO);
    let far = (c.clock - FIRST_CLOCK) * ticks;
    let (next, gap) = (far.clone() * 31 + c.address + 1, compose(&c.gap));
    k.equal(
        "next word, or the first instruction",
        c.address.shift(1),
        c.last_word * (Expr::from(first) - &next)
            + c.far_begins * (Expr::from(FAR_AT) - &next)
            + next
            + gap.clone() * 32,
    );
    k.constrain(
        "a gap only between far words",
        (far.clone().not() + c.last_word) * gap,
    );
    k.constrain("far words begin once", c.far_begins * far);
    k.equal(
        "the clock says whether words are far",
        c.clock.shift(1),
        c.far_begins * TICKS + c.clock,
    );
    let leave =
        states.words.expr() + c.last_word * (states.running.element() - states.words.element());
    let id = k
        .enter(&[State::START, states.words])
        .leave_expr(leave)
        .finish();
    b.bind_instance(id, c.initial.hi, c.initial.lo);
    b.pin(c.address, Fr::from(0));
    b.pin(c.clock, Fr::from(FIRST_CLOCK));
    (id, c)
}

/// Declares the `op` kind.
pub(super) fn define_op(
    b: &mut MachineBuilder,
    buses: &Buses,
    [memory, stack]: [Bus; 2],
    rom: TableId,
    states: States,
) -> (KindId, OpCells) {
    let range = crate::tables::range13(b);
    let mut k = b.kind("cpu.op", 2);
    let c = OpCells::declare(&mut k, crate::LAYOUT.narrow, range);
    let on = |op| c.on(op);

    k.require(
        rom,
        1,
        vec![
            c.upc.expr(),
            c.next.expr(),
            c.imm.expr(),
            c.packed_addresses(),
            c.packed_controls(),
        ],
    );
    let now = [
        c.clock.expr(),
        c.clock_below + 1,
        c.clock_below + 2,
        c.clock_below + 3,
    ];
    let taken = |i: usize| &now[i] - 1 - c.ages[i].expr();
    let one = Expr::one();
    // The bus of an operand: `memory`, or another one with a control.
    let on_bus = |others: &[(Bus, Cell)]| -> Expr {
        let number = |b: Bus| Fr::from(b.number());
        let moves = (others.iter()).map(|(other, bit)| *bit * (number(*other) - number(memory)));
        moves.sum::<Expr>() + number(memory)
    };
    let fact = |mut values: Vec<Expr>, of: Cell| {
        values.push(of.expr());
        values
    };
    let (pushes, minus) = (on(Op::Push), -Expr::one());
    let [stack_a, stack_b] = [Op::StackA, Op::StackB].map(|op| (stack, on(op)));
    // A: a word, or the data of a PUSH.
    k.switched(
        on_bus(&[stack_a, (buses.push, on(Op::Data))]),
        minus.clone(),
        &[memory, stack, buses.push],
        fact(word(c.at_a, c.a.hi, c.a.lo, taken(0)), c.data_of),
    );
    k.switched(
        on_bus(&[stack_a]),
        &one - on(Op::PopA) - on(Op::Data),
        &[memory, stack],
        // Where B was taken off before, if A goes there.
        word(c.to_a, c.a.hi, c.a.lo, &now[0] + on(Op::Swap)),
    );
    // B goes where A was if A went where B was.
    let to_b = c.at_a + c.at_b - c.to_a;
    k.switched(
        on_bus(&[stack_b]),
        minus.clone(),
        &[memory, stack],
        word(c.at_b, c.b.hi, c.stored, taken(1)),
    );
    k.switched(
        on_bus(&[stack_b]),
        &one - on(Op::PopB),
        &[memory, stack],
        word(to_b, c.b.hi, c.stored, now[1].clone()),
    );
    let at_c = c.addresses[2];
    k.receive(memory, 1, word(at_c, c.c.hi, c.c.lo, taken(2)));
    k.send(
        memory,
        1,
        word(at_c, c.c.hi, c.c.lo + c.step + c.advanced, now[2].clone()),
    );
    // The word at D before, or the next opcode.
    k.switched(
        on_bus(&[(buses.code, on(Op::Fetch))]),
        minus,
        &[memory, buses.code],
        fact(word(c.at_old, c.old.hi, c.old.lo, taken(3)), c.fetch_of),
    );
    // The service message: the same cells at the same places for every service.
    let mut values = vec![Expr::zero(); 10];
    for (at, cell) in [
        (place::STEP, c.step),
        (place::A_HI, c.a.hi),
        (place::A_LO, c.a.lo),
        (place::B_HI, c.b.hi),
        (place::B_LO, c.b.lo),
        (place::C_HI, c.shown.hi),
        (place::C_LO, c.shown.lo),
        (place::D_HI, c.result.hi),
        (place::D_LO, c.result.lo),
        (place::CODE, c.code),
    ] {
        values[at] = cell.expr();
    }
    let count = on(Op::Make) * 2 - on(Op::Serve);
    k.switched(c.bus, count, &service_buses(buses), values);
    k.switched(
        on_bus(&[(stack, pushes)]),
        &one - on(Op::Fetch) + pushes,
        &[memory, stack],
        word(c.at_d, c.d.hi, c.d.lo, now[3].clone()),
    );

    k.equal("clock below", c.clock_below, c.clock);
    k.constrain(
        "c changes only by a service",
        on(Op::Serve).expr().not() * c.step,
    );
    let evm = on(Op::Evm);
    let r = &c.registers;
    k.equal("registers", evm * c.c.lo, r.packed());
    k.equal("room on the stack", evm * STACK_LIMIT, r.depth + r.room);
    let below = r.stack() - STACK_BIAS;
    let [field_a, field_b, _, field_d] = c.addresses;
    k.equal(
        "address of a",
        c.at_a,
        on(Op::StackA) * &below + on(Op::Data) * r.pc() + field_a,
    );
    k.equal(
        "address of b",
        c.at_b,
        on(Op::StackB) * &below + on(Op::FarB) * c.a.lo + field_b,
    );
    k.equal(
        "address of d",
        c.at_d,
        pushes * &below + on(Op::FarD) * c.a.lo + field_d,
    );
    k.equal(
        "a goes to b",
        c.to_a,
        on(Op::Swap) * (c.at_b - c.at_a) + c.at_a,
    );
    let jump = on(Op::Jump) * (c.a.lo - r.pc());
    k.equal(
        "address of the next opcode",
        c.at_old,
        on(Op::Fetch) * (r.pc() + c.advance - c.at_d) + &jump + c.at_d,
    );
    k.constrain("a jump goes not beyond 2^128", on(Op::Jump) * c.a.hi);
    k.equal("the registers advance", c.advanced, evm * c.imm + jump);
    k.equal("code of the data", c.data_of, on(Op::Data) * c.c.hi);
    k.equal("code of the opcode", c.fetch_of, on(Op::Fetch) * c.c.hi);
    let other = evm.expr().not();
    k.equal("immediate of b", c.b.lo, &other * c.imm + c.stored);
    k.equal("c.hi is shown", c.shown.hi, &other * c.c.hi);
    k.equal("c.lo is shown", c.shown.lo, other * c.c.lo);
    // What D is, where the service does not say it.
    let (own, cross) = (on(Op::Own).expr().not(), on(Op::Cross));
    let [copy_a, copy_b] = [on(Op::CopyA), on(Op::CopyB)];
    k.equal(
        "d.hi",
        c.d.hi,
        &own * c.result.hi + copy_a * c.a.hi + copy_b * c.b.hi + cross * c.a.lo,
    );
    k.equal(
        "d.lo",
        c.d.lo,
        own * c.result.lo
            + copy_a * c.a.lo
            + copy_b * c.b.lo
            + cross * c.b.hi
            + on(Op::Join) * (c.a.hi * pow2(128) + c.a.lo)
            + on(Op::One)
            + on(Op::Take) * c.old.lo,
    );
    let unread = on(Op::Own) * on(Op::Serve).expr().not();
    k.constrain("no result.hi that nobody reads", &unread * c.result.hi);
    k.constrain("no result.lo that nobody reads", unread * c.result.lo);
    k.constrain("a.hi = b.hi", on(Op::Equal) * (c.a.hi - c.b.hi));
    k.constrain("a.lo = b.lo", on(Op::Equal) * (c.a.lo - c.b.lo));
    let dispatches = on(Op::Fetch) - on(Op::Take);
    k.constrain("a fault only of an opcode", dispatches.not() * c.fault);
    // After the last instruction comes the first code, or anything.
    let halt = on(Op::Halt);
    let ends = halt * on(Op::Own);
    k.constrain(
        "next instruction",
        ends.not() * (c.upc.shift(2) - c.next) - dispatches * (c.old.lo + c.fault * FAULTS),
    );
    k.constrain(
        "next clock",
        halt.expr().not() * (c.clock.shift(2) - c.clock - TICKS),
    );
    let leave = states.running.expr() - halt * states.running.element()
        + (halt - &ends) * states.codes.element();
    let id = k.enter(&[states.running]).leave_expr(leave).finish();
    (id, c)
}

/// The buses of all services.
fn service_buses(b: &Buses) -> Vec<Bus> {
    [
        Service::Bytes,
        Service::Span,
        Service::Keccak,
        Service::Key {
            odd: false,
            y: false,
        },
        Service::Add,
        Service::Power,
        Service::And,
        Service::Product,
        Service::CodeWord,
        Service::Permute,
        Service::Compress,
        Service::Word,
        Service::Account,
        Service::TreeEnd,
    ]
    .map(|s| s.message(b).0)
    .to_vec()
}

/// Declares the `record` kind: one access to an account or a slot.
pub(super) fn define_record(b: &mut MachineBuilder, buses: &Buses) -> (KindId, RecordCells) {
    let range = crate::tables::range13(b);
    let mut k = b.kind("cpu.record", 1);
    let c = RecordCells::declare(&mut k, range);
    let [account, storage] = [buses.account, buses.storage].map(|b| Fr::from(b.number()));
    let bus = c.slot * (storage - account) + Expr::from(account);
    let both = [buses.account, buses.storage];
    let before = c.record.iter().map(|r| r.expr());
    let values: Vec<Expr> = before.chain([c.now - 1 - c.age.expr()]).collect();
    k.switched(bus.clone(), -Expr::one(), &both, values);
    // At the first access in a transaction a slot's word is the original one.
    k.equal("only a slot has an original word", c.fresh, c.slot * c.told);
    k.equal(
        "an account is marked, a slot stays",
        c.touched,
        c.slot * (c.record[5] - c.told) + c.told,
    );
    let original =
        |from: usize, to: usize| c.fresh * (c.record[from] - c.record[to]) + c.record[to];
    k.equal("original.hi", c.original.hi, original(2, 6));
    k.equal("original.lo", c.original.lo, original(3, 7));
    let after = [
        c.record[0],
        c.after[0],
        c.after[1],
        c.after[2],
        c.record[4],
        c.touched,
        c.original.hi,
        c.original.lo,
        c.now,
    ];
    k.switched(bus, Expr::one(), &both, after.map(|v| v.expr()).to_vec());

    let mut used = |code: Expr, at: &[(usize, Expr)]| {
        let mut values = vec![Expr::zero(); 10];
        values[place::CODE] = code;
        values[place::C_LO] = c.now.expr();
        for (place, value) in at {
            values[*place] = value.clone();
        }
        k.send(buses.record, 1, values);
    };
    let code = |s: Service| Expr::from(s.message(buses).1);
    let [r0, r1, r2, r3, r4, r5, r6, r7] = std::array::from_fn(|i| c.record[i].expr());
    used(
        code(Service::Account) + c.slot,
        &[
            (place::A_LO, r0),
            (place::D_HI, r2),
            (place::D_LO, r3),
            (place::B_HI, r4),
            (place::B_LO, r5),
        ],
    );
    used(
        code(Service::Mark),
        &[(place::D_LO, r1), (place::B_HI, r6), (place::B_LO, r7)],
    );
    let [n1, n2, n3] = std::array::from_fn(|i| c.after[i].expr());
    used(
        code(Service::Update),
        &[
            (place::STEP, Expr::from(STAMP_STEP)),
            (place::A_HI, c.told.expr()),
            (place::A_LO, n1),
            (place::B_HI, n2),
            (place::B_LO, n3),
        ],
    );
    (k.finish(), c)
}
