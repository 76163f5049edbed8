//! Relations of the two kinds of `cpu` row.

use super::{
    CpuBuses,
    columns::{Common, OpCells, StateCells, Switch, age, word},
    isa::{FIRST_CLOCK, FIRST_UPC, Op, SPACE_SCRATCH, STATE_MARK, StateOp, TICKS},
};
use crate::{
    Fr,
    buses::Buses,
    framework::{Cell, Expr, KindBuilder, KindId, MachineBuilder, State, TableId, pow2},
};
use ff::Field;

/// `n` control cells, the first `above` of them on the head row.
fn controls(k: &mut KindBuilder<'_>, n: usize, above: usize) -> Vec<Cell> {
    (0..n)
        .map(|i| k.cell(&format!("control.{i}"), usize::from(i >= above)))
        .collect()
}

/// Sum of control cells.
fn any(cells: &[Cell]) -> Expr {
    cells.iter().map(|c| c.expr()).sum()
}

fn joined(w: super::columns::WordCells) -> Expr {
    w.hi * pow2(128) + w.lo
}

/// Relations that both kinds have: memory messages of A, B and D, idle operands, the ROM word, the next row's registers.
struct Shared<'a> {
    common: &'a Common,
    read_a: Cell,
    read_b: Cell,
    take_d: Cell,
    make_d: Cell,
}

impl Shared<'_> {
    fn memory(&self, k: &mut KindBuilder<'_>, cpu: &CpuBuses) {
        let c = self.common;
        let message = |address: Cell, hi: Expr, lo: Expr, time: Expr| {
            vec![
                Expr::from(SPACE_SCRATCH),
                Expr::zero(),
                address.expr(),
                hi,
                lo,
                time,
            ]
        };
        let reads = [("a", &c.a, self.read_a, 0u64), ("b", &c.b, self.read_b, 1)];
        for (i, (name, (w, age), on, tick)) in reads.into_iter().enumerate() {
            let now = c.clock + tick;
            k.receive(
                cpu.memory,
                on,
                message(
                    c.address[i],
                    w.hi.expr(),
                    w.lo.expr(),
                    &now - 1 - age.expr(),
                ),
            );
            k.send(
                cpu.memory,
                on,
                message(c.address[i], w.hi.expr(), w.lo.expr(), now),
            );
            k.constrain(
                &format!("{name} has no age when off"),
                on.expr().not() * age.expr(),
            );
        }
        k.equal("clock below", c.clock_below, c.clock);
        k.constrain("a.hi is 0 when off", self.read_a.expr().not() * c.a.0.hi);
        k.constrain("a.lo is 0 when off", self.read_a.expr().not() * c.a.0.lo);
        k.constrain("b.hi is 0 when off", self.read_b.expr().not() * c.b.0.hi);
        k.constrain(
            "b.lo is the immediate when off",
            self.read_b.expr().not() * (c.b.0.lo - c.imm),
        );
        let now = c.clock_below + 3;
        let (old, age) = &c.old;
        k.receive(
            cpu.memory,
            self.take_d,
            message(
                c.address[2],
                old.hi.expr(),
                old.lo.expr(),
                &now - 1 - age.expr(),
            ),
        );
        k.send(
            cpu.memory,
            self.make_d,
            message(c.address[2], c.d.hi.expr(), c.d.lo.expr(), now),
        );
        let off = self.take_d.expr().not();
        k.constrain("old.hi is 0 on a first write", &off * old.hi);
        k.constrain("old.lo is 0 on a first write", &off * old.lo);
        k.constrain("old has no age on a first write", &off * age.expr());
    }

    fn rom(
        &self,
        k: &mut KindBuilder<'_>,
        rom: TableId,
        controls: &[Cell],
        mark: Fr,
        address_c: Expr,
    ) {
        let c = self.common;
        for f in controls {
            k.make_boolean(*f);
        }
        let packed = crate::framework::lin(
            controls
                .iter()
                .enumerate()
                .map(|(i, f)| (pow2(i as u32), *f)),
        ) + Expr::from(mark);
        let [a, b, d] = c.address.map(Cell::expr);
        k.require(
            rom,
            1,
            vec![c.upc.expr(), packed, c.imm.expr(), a, b, address_c, d],
        );
    }
}

/// Declares the `op` kind.
pub(super) fn define_op(
    b: &mut MachineBuilder,
    buses: &Buses,
    cpu: &CpuBuses,
    rom: TableId,
    running: State,
) -> (KindId, OpCells) {
    let range = crate::tables::range13(b);
    let mut k = b.kind("cpu.op", 2);
    let narrow = crate::LAYOUT.narrow;
    let common = Common::declare(&mut k, narrow, range);
    let cells = OpCells {
        address_c: k.cell("address.c", 1),
        c: (word(&mut k, "c", 1), age(&mut k, "c", 1, range)),
        c_next: k.cell("c.next", 1),
        service: k.cells("service", 1, 12),
        service_switch: Switch::declare(&mut k, "service", 1),
        unused: [
            k.cell("unused.0", 0),
            k.cell("unused.1", 0),
            k.cell("unused.2", 0),
        ],
        taken: k.cell("taken", 0),
        inverse: k.cell("inverse", 0),
        controls: controls(&mut k, Op::ALL.len(), 20),
        common,
    };
    let on = |op| cells.on(op);
    let c = &cells.common;
    let shared = Shared {
        common: c,
        read_a: on(Op::ReadA),
        read_b: on(Op::ReadB),
        take_d: on(Op::TakeD),
        make_d: on(Op::MakeD),
    };
    shared.rom(
        &mut k,
        rom,
        &cells.controls,
        Fr::ZERO,
        cells.address_c.expr(),
    );
    shared.memory(&mut k, cpu);
    operand_c(&mut k, &cells, cpu);
    results(&mut k, &cells);
    services(&mut k, &cells, buses);

    // Control flow.
    let halt = on(Op::Halt);
    let jump = any(&[on(Op::JumpZero), on(Op::JumpHint)]);
    let zero = cells.common.a.0.hi + cells.common.a.0.lo;
    k.make_boolean(cells.taken);
    k.constrain("taken only by a jump", jump.not() * cells.taken);
    k.constrain(
        "taken or the inverse shows that a is not 0",
        on(Op::JumpZero) * (&zero * cells.inverse - 1 + cells.taken),
    );
    k.constrain(
        "taken only if a is 0",
        on(Op::JumpZero) * zero * cells.taken,
    );
    k.constrain(
        "inverse only where a jump needs it",
        on(Op::JumpZero).expr().not() * cells.inverse,
    );
    k.constrain("no inverse of 0", cells.taken * cells.inverse);
    let next = c.upc + 1 + cells.taken * (c.imm - c.upc - 1);
    k.constrain(
        "next instruction",
        halt.expr().not() * (c.upc.shift(2) - next),
    );
    k.constrain(
        "next clock",
        halt.expr().not() * (c.clock.shift(2) - c.clock - TICKS),
    );
    let leave = halt.expr().not() * Fr::from(u64::from(running.0));
    let id = k.enter(&[running]).leave_expr(leave).finish();
    (id, cells)
}

fn operand_c(k: &mut KindBuilder<'_>, cells: &OpCells, cpu: &CpuBuses) {
    let on = |op| cells.on(op);
    let (w, age) = &cells.c;
    let now = cells.common.clock_below + 2;
    let message = |lo: Expr, time: Expr| {
        vec![
            Expr::from(SPACE_SCRATCH),
            Expr::zero(),
            cells.address_c.expr(),
            w.hi.expr(),
            lo,
            time,
        ]
    };
    k.receive(
        cpu.memory,
        on(Op::UseC),
        message(w.lo.expr(), &now - 1 - age.expr()),
    );
    k.send(cpu.memory, on(Op::UseC), message(cells.c_next.expr(), now));
    let off = on(Op::UseC).expr().not();
    k.constrain("c has no age when off", &off * age.expr());
    k.constrain("c.hi is 0 when off", &off * w.hi);
    let arithmetic = any(&[on(Op::Add), on(Op::Sub), on(Op::Less)]);
    k.constrain(
        "c.lo is the factor 1 or 0 when off",
        &off * (w.lo - arithmetic),
    );
    let free = any(&[
        on(Op::ItemInt),
        on(Op::ItemFixed),
        on(Op::ItemLength),
        on(Op::Permute),
    ]);
    k.constrain(
        "c changes only where a service says so",
        free.not() * (cells.c_next - w.lo - on(Op::Bytes)),
    );
}

/// What D is, where no service says it.
fn results(k: &mut KindBuilder<'_>, cells: &OpCells) {
    let on = |op| cells.on(op);
    let (a, b, d) = (cells.common.a.0, cells.common.b.0, cells.common.d);
    let words = [
        Op::ItemInt,
        Op::ItemFixed,
        Op::Keccak,
        Op::KeyX,
        Op::KeyY,
        Op::Add,
        Op::Sub,
        Op::Less,
        Op::Hint,
        Op::Permute,
    ];
    let served: Expr = words.iter().map(|o| on(*o).expr()).sum();
    let hi = on(Op::BytesShift) * a.hi
        + any(&[on(Op::BytesUp), on(Op::Pair)]) * a.lo
        + on(Op::Copy) * b.hi;
    k.constrain("d.hi", served.not() * (d.hi - hi));
    let low = any(&[
        on(Op::Bytes),
        on(Op::ItemLength),
        on(Op::Count),
        on(Op::Compress),
    ]);
    let lo =
        any(&[on(Op::Copy), on(Op::Pair)]) * b.lo + on(Op::High) * a.hi + on(Op::Join) * joined(a);
    k.constrain("d.lo", (served + low).not() * (d.lo - lo));
    k.constrain("a.hi = b.hi", on(Op::Equal) * (a.hi - b.hi));
    k.constrain("a.lo = b.lo", on(Op::Equal) * (a.lo - b.lo));
}

/// The service message: which bus, and where each of its values comes from.
fn services(k: &mut KindBuilder<'_>, cells: &OpCells, buses: &Buses) {
    let on = |op| cells.on(op);
    let (a, b, d, c) = (
        cells.common.a.0,
        cells.common.b.0,
        cells.common.d,
        cells.c.0,
    );
    let (imm, next) = (cells.common.imm, cells.c_next);
    let [u0, u1, u2] = cells.unused;
    let (bytes, shift) = (on(Op::Bytes), on(Op::BytesShift));
    let (int, fixed, length) = (on(Op::ItemInt), on(Op::ItemFixed), on(Op::ItemLength));
    let (count, keccak, x, y) = (on(Op::Count), on(Op::Keccak), on(Op::KeyX), on(Op::KeyY));
    let (add, sub, less, hint) = (on(Op::Add), on(Op::Sub), on(Op::Less), on(Op::Hint));
    let (permute, compress, write) = (on(Op::Permute), on(Op::Compress), on(Op::Word));
    let item = any(&[int, fixed, length]);
    let (key, arithmetic) = (any(&[x, y]), any(&[add, sub, less]));
    let word = any(&[int, fixed, keccak]);
    let values = [
        &item * c.lo
            + any(&[count, keccak, write]) * a.lo
            + &key * a.hi
            + any(&[sub, less])
            + permute * (a.hi + b.hi)
            + compress * imm,
        bytes * c.lo
            + &item * next
            + any(&[count, keccak]) * b.lo
            + any(&[x, y, compress]) * a.lo
            + &arithmetic * a.hi
            + permute * (a.lo + b.lo)
            + write * imm,
        bytes * d.lo - shift * a.lo * pow2(64)
            + length * imm
            + count * d.lo
            + any(&[keccak, permute]) * c.lo
            + &key * b.hi
            + &arithmetic * a.lo
            + compress * b.lo
            + write * c.hi,
        int * u0
            + fixed * imm
            + any(&[length, compress]) * d.lo
            + permute * d.hi
            + keccak * a.hi
            + &key * b.lo
            + any(&[add, sub, less, write]) * c.lo,
        int + any(&[fixed, length]) * u0
            + permute * d.lo
            + keccak * b.hi
            + &key * c.hi
            + &arithmetic * b.hi
            + hint * d.hi,
        &word * d.hi
            + length * u1
            + &key * c.lo
            + &arithmetic * b.lo
            + hint * d.lo
            + permute * next,
        &word * d.lo + length * u2 + &key * imm + any(&[add, sub, less, hint]) * d.hi,
        x * d.hi + y * u0 + any(&[add, sub, less, hint]) * d.lo,
        x * d.lo + y * u1 - less,
        x * u0 + y * d.hi,
        x * u1 + y * d.lo,
        key.clone(),
    ];
    for (i, v) in values.into_iter().enumerate() {
        k.constrain(&format!("service value {i}"), cells.service[i] - v);
    }
    let using = [&item + &key, length + &key, length.expr()];
    for (i, (u, on)) in cells.unused.iter().zip(using).enumerate() {
        k.constrain(
            &format!("unused result {i} only where there is one"),
            on.not() * *u,
        );
    }
    let choices = super::service_choices(buses).map(|(op, bus, made)| (on(op).expr(), bus, made));
    let values = cells.service.iter().map(|c| c.expr()).collect();
    cells.service_switch.send(k, "service", &choices, values);
}

/// Declares the `state` kind, which also is the start row.
pub(super) fn define_state(
    b: &mut MachineBuilder,
    buses: &Buses,
    cpu: &CpuBuses,
    rom: TableId,
    running: State,
) -> (KindId, StateCells) {
    let range = crate::tables::range13(b);
    let mut k = b.kind("cpu.state", 2);
    let common = Common::declare(&mut k, crate::LAYOUT.narrow, range);
    let cells = StateCells {
        controls: controls(&mut k, StateOp::ALL.len(), StateOp::ALL.len()),
        record: k.cells("record", 1, 9),
        age: age(&mut k, "record", 1, range),
        next: [2, 3, 4, 7, 8].map(|i| k.cell(&format!("next.{i}"), 1)),
        no_code: k.boolean("no_code", 0),
        inverse: k.cell("inverse", 0),
        chain: [0, 1, 2].map(|i| k.cell(&format!("chain.{i}"), 1)),
        chain_switch: Switch::declare(&mut k, "chain", 1),
        take_switch: Switch::declare(&mut k, "record taken", 1),
        make_switch: Switch::declare(&mut k, "record made", 1),
        common,
    };
    let on = |op| cells.on(op);
    let c = &cells.common;
    let shared = Shared {
        common: c,
        read_a: on(StateOp::ReadA),
        read_b: on(StateOp::ReadB),
        take_d: on(StateOp::TakeD),
        make_d: on(StateOp::MakeD),
    };
    shared.rom(&mut k, rom, &cells.controls, pow2(STATE_MARK), Expr::zero());
    shared.memory(&mut k, cpu);
    record(&mut k, &cells, buses);
    chains(&mut k, &cells, buses);

    let r = &cells.record;
    k.constrain(
        "d.hi",
        on(StateOp::Public).expr().not() * (c.d.hi - on(StateOp::Balance) * r[2]),
    );
    let lo = on(StateOp::Balance) * r[3]
        + on(StateOp::Nonce) * r[1]
        + on(StateOp::NoCode) * cells.no_code
        + on(StateOp::Clock) * c.clock;
    k.constrain("d.lo", on(StateOp::Public).expr().not() * (c.d.lo - lo));
    k.equal("next instruction", c.upc.shift(2), c.upc + 1);
    k.equal("next clock", c.clock.shift(2), c.clock + TICKS);
    let (upc, clock, high, low) = (c.upc, c.clock, c.d.hi, c.d.lo);
    let id = k.enter(&[State::START, running]).leave(running).finish();
    b.bind_instance(id, high, low);
    b.pin(upc, Fr::from(FIRST_UPC));
    b.pin(clock, Fr::from(FIRST_CLOCK));
    (id, cells)
}

/// Accounts and storage: the record is consumed and made anew.
fn record(k: &mut KindBuilder<'_>, cells: &StateCells, buses: &Buses) {
    let on = |op| cells.on(op);
    let (account, storage, set) = (
        on(StateOp::Account),
        on(StateOp::Storage),
        on(StateOp::SetBalance),
    );
    let (r, n, c) = (&cells.record, &cells.next, &cells.common);
    let (a, b) = (c.a.0, c.b.0);
    let now = c.clock_below + 2;
    let time = &now - 1 - cells.age.expr();
    let off = any(&[account, storage]).not();
    for (i, cell) in r.iter().enumerate() {
        k.constrain(&format!("record {i} is 0 when off"), &off * *cell);
    }
    k.constrain("record has no age when off", &off * cells.age.expr());
    k.constrain(
        "record 0 is the account",
        account * (r[0] - joined(a)) + storage * (r[0] - c.imm),
    );
    k.constrain("record 1 of a slot", storage * (r[1] - a.hi));
    k.constrain("record 2 of a slot", storage * (r[2] - a.lo));
    k.constrain("an account's time", account * (r[7] - &time));
    k.constrain("a slot's time", storage * (r[8] - &time));
    k.constrain("an account has no value 8", account * r[8]);
    k.constrain("next 2", n[0] - r[2] - set * (b.hi - r[2]));
    k.constrain(
        "next 3",
        n[1] - r[3] - set * (b.lo - r[3]) - storage * (b.hi - r[3]),
    );
    k.constrain("next 4", n[2] - r[4] - storage * (b.lo - r[4]));
    k.constrain("next 7", n[3] - account * &now - storage * r[7]);
    k.constrain("next 8", n[4] - storage * &now);
    k.constrain(
        "no_code only of an account",
        account.expr().not() * cells.no_code,
    );
    let code = r[4] - protocol::account::EMPTY_CODE_COMMITMENT;
    k.constrain(
        "no_code or the inverse shows code",
        account * (&code * cells.inverse - 1 + cells.no_code),
    );
    k.constrain("no_code only without code", account * code * cells.no_code);
    k.constrain(
        "inverse only where there is an account",
        account.expr().not() * cells.inverse,
    );
    k.constrain("no inverse of 0", cells.no_code * cells.inverse);
    let choices = |made| super::record_choices(buses).map(|(op, bus)| (on(op).expr(), bus, made));
    cells.take_switch.send(
        k,
        "record taken",
        &choices(false),
        r.iter().map(|c| c.expr()).collect(),
    );
    let after = vec![
        r[0].expr(),
        r[1] + on(StateOp::NextNonce),
        n[0].expr(),
        n[1].expr(),
        n[2].expr(),
        r[5].expr(),
        r[6].expr(),
        n[3].expr(),
        n[4].expr(),
    ];
    cells
        .make_switch
        .send(k, "record made", &choices(true), after);
}

/// Ends of the chains of state roots and of payload groups.
fn chains(k: &mut KindBuilder<'_>, cells: &StateCells, buses: &Buses) {
    let on = |op| cells.on(op);
    let [v0, v1, v2] = cells.chain;
    let (begin, end) = (on(StateOp::TreeBegin), on(StateOp::TreeEnd));
    let (open, close) = (on(StateOp::PayloadBegin), on(StateOp::PayloadEnd));
    let a = cells.common.a.0;
    k.constrain(
        "chain value 0",
        any(&[end, close]).not() * (v0 - open * a.lo),
    );
    k.constrain("chain value 1", v1 - any(&[begin, end]) * joined(a));
    k.constrain("chain value 2", end.expr().not() * v2);
    let choices = super::chain_choices(buses).map(|(op, bus, made)| (on(op).expr(), bus, made));
    cells
        .chain_switch
        .send(k, "chain", &choices, vec![v0.expr(), v1.expr(), v2.expr()]);
}
