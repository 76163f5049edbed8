//! Relations of the three kinds of `cpu` row.

use super::{
    columns::{InitialCells, OpCells, RecordCells},
    isa::{FIRST_CLOCK, Op, SPACE_SCRATCH, STAMP_STEP, Service, TICKS},
};
use crate::{
    Fr,
    buses::{Buses, place},
    framework::{Bus, Cell, Expr, KindId, MachineBuilder, State, TableId, pow2},
};

/// A token of the scratch word at `address`.
fn word(address: Cell, hi: impl Into<Expr>, lo: impl Into<Expr>, time: Expr) -> Vec<Expr> {
    vec![
        Expr::from(SPACE_SCRATCH),
        Expr::zero(),
        address.expr(),
        hi.into(),
        lo.into(),
        time,
    ]
}

/// Declares the `word` kind, whose first row is the start row: scratch words begin and end.
pub(super) fn define_words(
    b: &mut MachineBuilder,
    memory: Bus,
    words: u64,
    running: State,
) -> (KindId, InitialCells) {
    let addresses = b.table("scratch", || {
        (0..words).map(|a| vec![Fr::from(a)]).collect()
    });
    let mut k = b.kind("cpu.word", 1);
    let c = InitialCells::declare(&mut k, crate::LAYOUT.narrow, addresses);
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
    k.equal("next word", c.address.shift(1), c.address + 1);
    k.equal("the clock rests", c.clock.shift(1), c.clock);
    let id = k.enter(&[State::START, running]).leave(running).finish();
    b.bind_instance(id, c.initial.hi, c.initial.lo);
    b.pin(c.address, Fr::from(0));
    b.pin(c.clock, Fr::from(FIRST_CLOCK));
    (id, c)
}

/// Declares the `op` kind.
pub(super) fn define_op(
    b: &mut MachineBuilder,
    buses: &Buses,
    memory: Bus,
    rom: TableId,
    running: State,
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
    let [at_a, at_b, at_c, at_d] = c.addresses;
    let stored = c.b.lo - c.imm;
    k.receive(memory, 1, word(at_a, c.a.hi, c.a.lo, taken(0)));
    k.send(memory, 1, word(at_a, c.a.hi, c.a.lo, now[0].clone()));
    k.receive(memory, 1, word(at_b, c.b.hi, &stored, taken(1)));
    k.send(memory, 1, word(at_b, c.b.hi, stored, now[1].clone()));
    k.receive(memory, 1, word(at_c, c.c.hi, c.c.lo, taken(2)));
    k.send(
        memory,
        1,
        word(at_c, c.c.hi, c.c.lo + c.step, now[2].clone()),
    );
    k.receive(memory, 1, word(at_d, c.old.hi, c.old.lo, taken(3)));
    // The service message: the same cells at the same places for every service.
    let mut values = vec![Expr::zero(); 10];
    for (at, cell) in [
        (place::STEP, c.step),
        (place::A_HI, c.a.hi),
        (place::A_LO, c.a.lo),
        (place::B_HI, c.b.hi),
        (place::B_LO, c.b.lo),
        (place::C_HI, c.c.hi),
        (place::C_LO, c.c.lo),
        (place::D_HI, c.d.hi),
        (place::D_LO, c.d.lo),
        (place::CODE, c.code),
    ] {
        values[at] = cell.expr();
    }
    let count = on(Op::Make) * 2 - on(Op::Serve);
    k.switched(c.bus, count, &service_buses(buses), values);
    k.send(memory, 1, word(at_d, c.d.hi, c.d.lo, now[3].clone()));

    k.equal("clock below", c.clock_below, c.clock);
    k.constrain(
        "c changes only by a service",
        on(Op::Serve).expr().not() * c.step,
    );
    // What D is, where no service says it.
    let (copy, cross, join) = (on(Op::Copy), on(Op::Cross), on(Op::Join));
    let own = copy + cross + join;
    k.constrain(
        "d.hi",
        &own * c.d.hi - copy * (c.a.hi + c.b.hi) - cross * c.a.lo,
    );
    k.constrain(
        "d.lo",
        own * c.d.lo
            - copy * (c.a.lo + c.b.lo)
            - cross * c.b.hi
            - join * (c.a.hi * pow2(128) + c.a.lo),
    );
    k.constrain("a.hi = b.hi", on(Op::Equal) * (c.a.hi - c.b.hi));
    k.constrain("a.lo = b.lo", on(Op::Equal) * (c.a.lo - c.b.lo));
    let goes_on = on(Op::Halt).expr().not();
    k.constrain("next instruction", &goes_on * (c.upc.shift(2) - c.next));
    k.constrain(
        "next clock",
        &goes_on * (c.clock.shift(2) - c.clock - TICKS),
    );
    let leave = goes_on * running.element();
    let id = k.enter(&[running]).leave_expr(leave).finish();
    (id, c)
}

/// The buses of all services.
fn service_buses(b: &Buses) -> Vec<Bus> {
    [
        Service::Bytes,
        Service::Integer,
        Service::Count,
        Service::Keccak,
        Service::Key {
            odd: false,
            y: false,
        },
        Service::Add,
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
    let values: Vec<Expr> = before.clone().chain([c.now - 1 - c.age.expr()]).collect();
    k.switched(bus.clone(), -Expr::one(), &both, values);
    let values: Vec<Expr> = std::iter::once(c.record[0].expr())
        .chain(c.after.iter().map(|r| r.expr()))
        .chain(before.skip(4))
        .chain([c.now.expr()])
        .collect();
    k.switched(bus, Expr::one(), &both, values);

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
    let [r0, r1, r2, r3, r4, r5] = std::array::from_fn(|i| c.record[i].expr());
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
    used(code(Service::Mark), &[(place::D_LO, r1)]);
    let [n1, n2, n3] = std::array::from_fn(|i| c.after[i].expr());
    used(
        code(Service::Update),
        &[
            (place::STEP, Expr::from(STAMP_STEP)),
            (place::A_LO, n1),
            (place::B_HI, n2),
            (place::B_LO, n3),
        ],
    );
    (k.finish(), c)
}
