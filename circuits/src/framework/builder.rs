//! Declaring a machine: buses, fixed tables, kinds of logical row.

use super::{
    super::Fr,
    expr::{Cell, Expr},
    message::DigestMap,
    program::Program,
    sums::Sums,
};
use ff::Field;
use std::collections::{BTreeSet, HashMap};

/// Widths of the physical table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Data columns with a narrow look-up slot each; they come first.
    pub narrow: usize,
    /// Data columns without a slot.
    pub values: usize,
    /// Wide message slots of a physical row.
    pub wide: usize,
}

impl Layout {
    /// Number of data columns.
    pub fn data(&self) -> usize {
        self.narrow + self.values
    }
}

/// A state of the run automaton: what may follow a logical row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State(pub u32);

impl State {
    /// No run is open: any kind that starts a run, or `idle`, may follow.
    pub const CLOSED: Self = Self(0);
    /// Holds above the start row only.
    pub const START: Self = Self(1);
    /// No state is as great.
    const LIMIT: u32 = 1 << 8;
    /// What the state's column adds for `rows` physical rows of the logical row that are still to come.
    pub fn rows_to_come(rows: usize) -> Fr {
        Fr::from(rows as u64 * u64::from(Self::LIMIT))
    }
    /// The state's number as a field element.
    pub fn element(self) -> Fr {
        Fr::from(u64::from(self.0))
    }
    /// The state's number as a leave expression.
    pub fn expr(self) -> Expr {
        self.element().into()
    }
}

/// Name of the fixed table that look-ups of booleans use.
pub(crate) const BITS: &str = "bit";

/// What balances a bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BusKind {
    /// Entries are fixed; the verifying key holds them.
    Table,
    /// Messages are facts that the sender's rows prove by themselves; the sender's multiplicity is free.
    Fact,
    /// Each message is made once and consumed once; multiplicities are constrained booleans.
    Token,
}

/// A bus, by index into [`Machine::buses`]. Its number in fingerprints is the index plus one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Bus(pub(crate) usize);

impl Bus {
    /// The number that enters a fingerprint, at least 1.
    pub fn number(self) -> u64 {
        self.0 as u64 + 1
    }
}

/// A fixed table: a bus of kind [`BusKind::Table`].
pub type TableId = Bus;

/// A bus's declaration.
#[derive(Clone, Debug)]
pub struct BusDef {
    /// Name, for reports.
    pub name: String,
    /// What balances it.
    pub kind: BusKind,
    /// Number of values in a fingerprint.
    pub arity: usize,
    /// Where a message's values stand in the fingerprint, and what else stands there, if they are not just one after the other.
    pub(crate) places: Option<Places>,
}

/// Places of a message's values in a fingerprint.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The place of each value.
    of: Vec<usize>,
    /// A constant at a place of its own.
    constant: Option<(usize, u64)>,
}

impl BusDef {
    /// Number of values that a message is written with.
    fn values(&self) -> usize {
        self.places.as_ref().map_or(self.arity, |p| p.of.len())
    }
    /// A message's values as they stand in the fingerprint.
    fn placed(&self, values: Vec<Expr>) -> Vec<Expr> {
        let Some(places) = &self.places else {
            return values;
        };
        let mut placed = vec![Expr::zero(); self.arity];
        for (at, value) in places.of.iter().zip(values) {
            placed[*at] = value;
        }
        if let Some((at, constant)) = places.constant {
            placed[at] = constant.into();
        }
        placed
    }
}

/// A kind of logical row, by index. Kind 0 is `idle`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct KindId(pub usize);

/// A message that a logical row puts on a bus.
#[derive(Clone, Debug)]
pub struct Message {
    /// The buses it may go to; one, unless cells of the row select it.
    pub buses: Vec<Bus>,
    /// The number of the bus, degree at most 1: a constant, or selected by cells.
    pub number: Expr,
    /// Multiplicity: positive adds, negative takes. Degree at most 1.
    pub multiplicity: Expr,
    /// The values, each of degree at most 1.
    pub values: Vec<Expr>,
    /// The multiplicity cell that [`super::trace::Trace::finish`] fills by counting, for a provided fact.
    pub counted: Option<Cell>,
    /// Physical row within the logical row whose wide slot carries it.
    pub row: u8,
    /// Wide slot on that row.
    pub slot: usize,
}

/// A named cell of a kind.
#[derive(Clone, Debug)]
pub struct CellDef {
    /// Name, unique within the kind.
    pub name: String,
    /// Where it lives.
    pub cell: Cell,
    /// Why its value does not matter, for a cell that no constraint binds.
    pub free: Option<&'static str>,
}

/// A kind of logical row.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Name, such as `keccak.chi`; the part before the dot is the chip.
    pub name: String,
    /// Physical rows, 1 to 4.
    pub rows: usize,
    /// Declared cells.
    pub cells: Vec<CellDef>,
    /// Cells looked up in one-column tables through their column's narrow slot.
    pub lookups: Vec<(Cell, TableId)>,
    /// Named polynomials of degree at most 3 that vanish on each logical row of this kind.
    pub constraints: Vec<(String, Expr)>,
    /// Bus messages.
    pub messages: Vec<Message>,
    /// States that the kind may be entered from, at most three.
    pub enter: Vec<State>,
    /// State that it leaves, degree at most 2.
    pub leave: Expr,
    pub(crate) program: Program,
}

impl Kind {
    /// The chip's name: what stands before the dot.
    pub fn chip(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }
    /// The name of the cell at `cell`, if declared.
    pub fn cell_name(&self, cell: Cell) -> Option<&str> {
        self.cells
            .iter()
            .find(|c| c.cell == cell)
            .map(|c| c.name.as_str())
    }
    /// The cell declared under `name`, if any.
    pub fn cell(&self, name: &str) -> Option<Cell> {
        self.cells.iter().find(|c| c.name == name).map(|c| c.cell)
    }
    /// Output index of the leave expression in the kind's program.
    pub(crate) fn leave_output(&self) -> usize {
        self.constraints.len()
    }
}

/// One entry of the stacked fixed tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which table.
    pub table: TableId,
    /// Its values.
    pub values: Vec<Fr>,
}

/// A complete machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Widths.
    pub layout: Layout,
    /// All kinds; index 0 is `idle`.
    pub kinds: Vec<Kind>,
    /// All buses, tables included.
    pub buses: Vec<BusDef>,
    /// The stacked fixed tables.
    pub entries: Vec<Entry>,
    /// The cells (high, low) of the start row that equal the two public values.
    pub instance: Option<(KindId, Cell, Cell)>,
    /// Cells of the start row that have fixed values.
    pub pins: Vec<(Cell, Fr)>,
    /// How the sums of the bus argument share their parts.
    pub(crate) sums: Sums,
    pub(crate) index: DigestMap<u32>,
}

impl Machine {
    /// Longest message, in values.
    pub fn max_arity(&self) -> usize {
        self.buses.iter().map(|b| b.arity).max().unwrap_or(0)
    }
    /// Widest fixed table, in values.
    pub fn table_width(&self) -> usize {
        self.entries
            .iter()
            .map(|e| e.values.len())
            .max()
            .unwrap_or(0)
    }
    /// Helper columns that the bus argument needs: one for each group of slots but the last.
    pub fn helpers(&self) -> usize {
        super::circuit::helper_groups(self).len() - 1
    }
    /// Advice columns in all: flags, `state`, `mult`, data, helpers, `sum`.
    pub fn advice_columns(&self) -> usize {
        self.kinds.len() + 2 + self.layout.data() + self.helpers() + 1
    }
}

/// Collects a machine's parts.
pub struct MachineBuilder {
    machine: Machine,
    states: u32,
    /// (column, rotation) pairs that some relation already reads.
    queried: BTreeSet<(u16, i8)>,
    table_index: HashMap<String, TableId>,
}

impl MachineBuilder {
    /// An empty machine with the kind `idle`.
    pub fn new(layout: Layout) -> Self {
        let mut b = Self {
            machine: Machine {
                layout,
                kinds: vec![],
                buses: vec![],
                entries: vec![],
                instance: None,
                pins: vec![],
                sums: Sums::default(),
                index: DigestMap::default(),
            },
            states: 1,
            queried: BTreeSet::new(),
            table_index: HashMap::new(),
        };
        let idle = b.kind("idle", 1);
        idle.enter(&[State::CLOSED]).leave(State::CLOSED).finish();
        b
    }

    /// Declares a fact or token bus whose messages have `arity` values.
    pub fn bus(&mut self, name: &str, kind: BusKind, arity: usize) -> Bus {
        self.declare_bus(BusDef {
            name: name.into(),
            kind,
            arity,
            places: None,
        })
    }

    /// Declares a fact or token bus whose `i`-th value stands at place `places[i]` of the fingerprint. Where no value stands
    /// there is 0, or the constant at its place.
    pub fn bus_at(
        &mut self,
        name: &str,
        kind: BusKind,
        places: &[usize],
        constant: Option<(usize, u64)>,
    ) -> Bus {
        let mut taken: Vec<usize> = places
            .iter()
            .copied()
            .chain(constant.map(|c| c.0))
            .collect();
        taken.sort_unstable();
        assert!(
            taken.windows(2).all(|w| w[0] != w[1]),
            "bus {name} has two values at one place"
        );
        self.declare_bus(BusDef {
            name: name.into(),
            kind,
            arity: taken.last().map_or(0, |p| p + 1),
            places: Some(Places {
                of: places.to_vec(),
                constant,
            }),
        })
    }

    fn declare_bus(&mut self, bus: BusDef) -> Bus {
        assert!(
            self.machine.buses.iter().all(|b| b.name != bus.name),
            "bus {} is declared twice",
            bus.name
        );
        self.machine.buses.push(bus);
        Bus(self.machine.buses.len() - 1)
    }

    /// Declares a fixed table, or returns the one already declared under this name.
    ///
    /// # Panics
    /// If the rows are empty or differ in width: a machine is built from code, not from input.
    pub fn table(&mut self, name: &str, rows: impl FnOnce() -> Vec<Vec<Fr>>) -> TableId {
        if let Some(t) = self.table_index.get(name) {
            return *t;
        }
        let rows = rows();
        let arity = rows.first().map_or(0, Vec::len);
        assert!(
            arity > 0 && rows.iter().all(|r| r.len() == arity),
            "table {name} needs rows of one width"
        );
        let table = self.bus(name, BusKind::Table, arity);
        self.table_index.insert(name.into(), table);
        self.machine
            .entries
            .extend(rows.into_iter().map(|values| Entry { table, values }));
        table
    }

    /// Declares a state of the run automaton.
    pub fn state(&mut self) -> State {
        self.states += 1;
        assert!(self.states < State::LIMIT, "too many states");
        State(self.states)
    }

    /// Starts the declaration of a kind of `rows` physical rows, named `chip.kind`.
    pub fn kind(&mut self, name: &str, rows: usize) -> KindBuilder<'_> {
        assert!(
            (1..=4).contains(&rows),
            "kind {name} has {rows} rows; 1 to 4 are possible"
        );
        assert!(
            self.machine.kinds.iter().all(|k| k.name != name),
            "kind {name} is declared twice"
        );
        let used = vec![vec![false; self.machine.layout.data()]; rows];
        KindBuilder {
            owner: self,
            used,
            booleans: vec![],
            kind: Kind {
                name: name.into(),
                rows,
                cells: vec![],
                lookups: vec![],
                constraints: vec![],
                messages: vec![],
                enter: vec![State::CLOSED],
                leave: State::CLOSED.expr(),
                program: Program::default(),
            },
        }
    }

    /// Binds the two public values to cells of the start's logical row, which must be of `kind`.
    pub fn bind_instance(&mut self, kind: KindId, high: Cell, low: Cell) {
        self.machine.instance = Some((kind, high, low));
    }

    /// Fixes a cell of the start row to a value.
    pub fn pin(&mut self, cell: Cell, value: Fr) {
        assert!(cell.row == 0, "cells are pinned on the start row itself");
        self.machine.pins.push((cell, value));
    }

    /// The finished machine.
    ///
    /// # Panics
    /// If no kind is bound to the instance or the start state can be entered by another kind.
    pub fn build(mut self) -> Machine {
        let (start, _, _) = self.machine.instance.expect("bind_instance was not called");
        for (i, k) in self.machine.kinds.iter().enumerate() {
            assert_eq!(
                k.enter.contains(&State::START),
                i == start.0,
                "kind {} and the start state",
                k.name
            );
        }
        self.machine.index_entries();
        self.machine.sums = Sums::of(&self.machine);
        self.machine
    }
}

/// Declares one kind; ends with [`KindBuilder::finish`].
pub struct KindBuilder<'a> {
    owner: &'a mut MachineBuilder,
    used: Vec<Vec<bool>>,
    /// Cells that must be 0 or 1.
    booleans: Vec<Cell>,
    kind: Kind,
}

impl KindBuilder<'_> {
    fn place(&mut self, name: &str, cell: Cell) -> Cell {
        let name = name.to_string();
        assert!(
            self.kind.cell(&name).is_none(),
            "{}: cell {name} is declared twice",
            self.kind.name
        );
        let slot = &mut self.used[cell.row as usize][usize::from(cell.column)];
        assert!(!*slot, "{}: two cells at {cell:?}", self.kind.name);
        *slot = true;
        self.kind.cells.push(CellDef {
            name,
            cell,
            free: None,
        });
        cell
    }

    /// Places a cell on the first unused one of `columns`; `what` is missing if there is none.
    fn place_on(
        &mut self,
        name: &str,
        row: usize,
        mut columns: impl Iterator<Item = usize>,
        what: &str,
    ) -> Cell {
        let column = columns.find(|c| !self.used[row][*c]).unwrap_or_else(|| {
            panic!("{}: no {what} left for {name} on row {row}", self.kind.name)
        });
        let (column, row) = (column as u16, row as i8);
        self.place(name, Cell { column, row })
    }

    /// A cell without a range, on physical row `row`. Value columns fill first, then narrow ones from the right.
    pub fn cell(&mut self, name: &str, row: usize) -> Cell {
        let layout = self.owner.machine.layout;
        let columns = (layout.narrow..layout.data()).chain((0..layout.narrow).rev());
        self.place_on(name, row, columns, "column")
    }

    /// `n` cells named `name.0`, `name.1`, ...
    pub fn cells(&mut self, name: &str, row: usize, n: usize) -> Vec<Cell> {
        (0..n)
            .map(|i| self.cell(&format!("{name}.{i}"), row))
            .collect()
    }

    /// A cell at a chosen place, for values that neighbouring kinds read at a rotation.
    pub fn cell_at(&mut self, name: &str, at: Cell) -> Cell {
        self.place(name, at)
    }

    /// A cell, placed as [`Self::cell`] does, that must be 0 or 1.
    pub fn boolean(&mut self, name: &str, row: usize) -> Cell {
        let c = self.cell(name, row);
        self.make_boolean(c);
        c
    }

    /// A cell that a look-up binds to 0 or 1, on the rightmost free narrow slot.
    pub fn bit(&mut self, name: &str, row: usize) -> Cell {
        let columns = (0..self.owner.machine.layout.narrow).rev();
        let c = self.place_on(name, row, columns, "look-up slot");
        self.make_boolean(c);
        c
    }

    /// Demands that a declared cell is 0 or 1: by a look-up in its column's narrow slot if that is free, by a constraint
    /// otherwise.
    pub fn make_boolean(&mut self, cell: Cell) -> &mut Self {
        self.booleans.push(cell);
        self
    }

    /// A cell whose value must be in the one-column `table`, on the leftmost free narrow slot.
    pub fn lookup(&mut self, name: &str, row: usize, table: TableId) -> Cell {
        assert_eq!(
            self.owner.machine.buses[table.0].arity, 1,
            "narrow slots look up one value"
        );
        let columns = 0..self.owner.machine.layout.narrow;
        let c = self.place_on(name, row, columns, "look-up slot");
        self.kind.lookups.push((c, table));
        c
    }

    /// `n` looked-up cells named `name.0`, `name.1`, ...
    pub fn lookups(&mut self, name: &str, row: usize, table: TableId, n: usize) -> Vec<Cell> {
        (0..n)
            .map(|i| self.lookup(&format!("{name}.{i}"), row, table))
            .collect()
    }

    /// Number of unused cells (any) and of unused narrow slots on a physical row.
    pub fn room(&self, row: usize) -> (usize, usize) {
        let n = self.owner.machine.layout.narrow;
        let free = |c: &[bool]| c.iter().filter(|u| !**u).count();
        (free(&self.used[row]), free(&self.used[row][..n]))
    }

    /// Demands that `e` (degree at most 3) is 0 on each logical row of this kind.
    pub fn constrain(&mut self, name: &str, e: impl Into<Expr>) -> &mut Self {
        let e = e.into();
        assert!(
            e.degree() <= 3,
            "{}: constraint {name} has degree {}",
            self.kind.name,
            e.degree()
        );
        self.kind.constraints.push((name.into(), e));
        self
    }

    /// Demands `a = b`.
    pub fn equal(&mut self, name: &str, a: impl Into<Expr>, b: impl Into<Expr>) -> &mut Self {
        self.constrain(name, a.into() - b.into())
    }

    fn message(&mut self, bus: Bus, multiplicity: Expr, values: Vec<Expr>, counted: Option<Cell>) {
        let def = &self.owner.machine.buses[bus.0];
        assert_eq!(
            values.len(),
            def.values(),
            "{}: a message on {} has {} values",
            self.kind.name,
            def.name,
            def.values()
        );
        let values = def.placed(values);
        assert!(
            multiplicity.degree() <= 1,
            "{}: multiplicity on {}",
            self.kind.name,
            def.name
        );
        assert!(
            values.iter().all(|v| v.degree() <= 1),
            "{}: a value on {} is not linear",
            self.kind.name,
            def.name
        );
        let number = Expr::from(bus.number());
        self.kind.messages.push(Message {
            buses: vec![bus],
            number,
            multiplicity,
            values,
            counted,
            row: 0,
            slot: 0,
        });
    }

    /// A message whose bus number and multiplicity the row's cells say, which the chip constrains to one of `buses` and to
    /// 1 (made), -1 (taken) or 0. A bus of fewer values leaves the rest to be 0.
    pub fn switched(
        &mut self,
        number: impl Into<Expr>,
        multiplicity: impl Into<Expr>,
        buses: &[Bus],
        values: Vec<Expr>,
    ) -> &mut Self {
        assert!(
            values.iter().all(|v| v.degree() <= 1),
            "{}: a value is not linear",
            self.kind.name
        );
        assert!(
            buses
                .iter()
                .all(|b| self.owner.machine.buses[b.0].arity <= values.len())
        );
        let (number, multiplicity) = (number.into(), multiplicity.into());
        let buses = buses.to_vec();
        self.kind.messages.push(Message {
            buses,
            number,
            multiplicity,
            values,
            counted: None,
            row: 0,
            slot: 0,
        });
        self
    }

    /// Makes a token: adds the message `on` times, `on` being a boolean the chip constrains (or 1).
    pub fn send(&mut self, bus: Bus, on: impl Into<Expr>, values: Vec<Expr>) -> &mut Self {
        assert_eq!(
            self.owner.machine.buses[bus.0].kind,
            BusKind::Token,
            "send is for token buses"
        );
        self.message(bus, on.into(), values, None);
        self
    }

    /// Consumes a token: takes the message `on` times.
    pub fn receive(&mut self, bus: Bus, on: impl Into<Expr>, values: Vec<Expr>) -> &mut Self {
        assert_eq!(
            self.owner.machine.buses[bus.0].kind,
            BusKind::Token,
            "receive is for token buses"
        );
        self.message(bus, -on.into(), values, None);
        self
    }

    /// Offers a fact that this logical row proves. Its multiplicity is a free cell on physical row `row`, filled by counting.
    pub fn provide(&mut self, bus: Bus, row: usize, values: Vec<Expr>) -> &mut Self {
        assert_eq!(
            self.owner.machine.buses[bus.0].kind,
            BusKind::Fact,
            "provide is for fact buses"
        );
        let n = self.kind.messages.len();
        let cell = self.cell(&format!("multiplicity.{n}"), row);
        self.message(bus, cell.expr(), values, Some(cell));
        self
    }

    /// The multiplicity cells of the facts offered so far, for a kind that offers them on some of its rows only.
    pub fn multiplicities(&self) -> Vec<Cell> {
        self.kind
            .messages
            .iter()
            .filter_map(|m| m.counted)
            .collect()
    }

    /// Demands that a fact, or a fixed table's entry, exists; only where the boolean `on` is 1.
    pub fn require(&mut self, bus: Bus, on: impl Into<Expr>, values: Vec<Expr>) -> &mut Self {
        assert_ne!(
            self.owner.machine.buses[bus.0].kind,
            BusKind::Token,
            "require is for facts and tables"
        );
        self.message(bus, -on.into(), values, None);
        self
    }

    /// Lists a cell as free: nothing binds it, for the `reason` given.
    pub fn free(&mut self, cell: Cell, reason: &'static str) -> &mut Self {
        let def = self
            .kind
            .cells
            .iter_mut()
            .find(|c| c.cell == cell)
            .expect("the cell is declared");
        def.free = Some(reason);
        self
    }

    /// States the kind may follow (default: closed).
    pub fn enter(mut self, states: &[State]) -> Self {
        assert!(
            (1..=3).contains(&states.len()),
            "{}: one to three states to enter from",
            self.kind.name
        );
        self.kind.enter = states.to_vec();
        self
    }

    /// The state it leaves (default: closed).
    pub fn leave(mut self, state: State) -> Self {
        self.kind.leave = state.expr();
        self
    }

    /// The state it leaves, as an expression of degree at most 2 in its cells.
    pub fn leave_expr(mut self, e: Expr) -> Self {
        assert!(
            e.degree() <= 2,
            "{}: leave has degree {}",
            self.kind.name,
            e.degree()
        );
        self.kind.leave = e;
        self
    }

    /// Places the messages on wide slots and adds the kind to the machine.
    ///
    /// # Panics
    /// If there are more messages than wide slots on its rows, or a relation reaches above the lead-in.
    pub fn finish(mut self) -> KindId {
        for cell in std::mem::take(&mut self.booleans) {
            let narrow = usize::from(cell.column) < self.owner.machine.layout.narrow;
            if narrow && self.kind.lookups.iter().all(|(c, _)| *c != cell) {
                let bit = self
                    .owner
                    .table(BITS, || vec![vec![Fr::ZERO], vec![Fr::ONE]]);
                self.kind.lookups.push((cell, bit));
            } else {
                let name = self.kind.cell_name(cell).unwrap_or("a cell").to_string();
                self.constrain(&format!("{name} is boolean"), cell * (cell - 1));
            }
        }
        let Self {
            owner, mut kind, ..
        } = self;
        let reads = |e: &Expr, shift: i8, queried: &mut BTreeSet<(u16, i8)>| {
            e.visit(&mut |c| {
                assert!(
                    (-3..=4).contains(&c.row),
                    "{}: a relation reads row {}",
                    kind.name,
                    c.row
                );
                queried.insert((c.column, c.row - shift));
            })
        };
        for (_, e) in &kind.constraints {
            reads(e, 0, &mut owner.queried);
        }
        reads(&kind.leave, 0, &mut owner.queried);
        for (c, _) in &kind.lookups {
            owner.queried.insert((c.column, 0));
        }
        let wide = owner.machine.layout.wide;
        let mut taken = vec![0; kind.rows];
        let mut messages = std::mem::take(&mut kind.messages);
        // Messages that read only lower rows go there: from above they would cost the same, and from there they leave the
        // upper rows' slots to messages that need them.
        let top = |m: &Message| {
            let mut top = i8::MAX;
            m.values
                .iter()
                .chain([&m.multiplicity, &m.number])
                .for_each(|e| e.visit(&mut |c| top = top.min(c.row)));
            usize::try_from(top).unwrap_or(0).min(kind.rows - 1)
        };
        let mut order: Vec<usize> = (0..messages.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(top(&messages[*i])));
        for m in order {
            let m = &mut messages[m];
            let cost = |row: usize| {
                let mut q = owner.queried.clone();
                m.values
                    .iter()
                    .chain([&m.multiplicity, &m.number])
                    .for_each(|e| {
                        e.visit(&mut |c| {
                            q.insert((c.column, c.row - row as i8));
                        })
                    });
                q.len()
            };
            let wanted = top(m);
            let row = (0..kind.rows)
                .filter(|r| taken[*r] < wide)
                .min_by_key(|r| (cost(*r), r.abs_diff(wanted)))
                .unwrap_or_else(|| {
                    panic!("{}: more than {} messages", kind.name, wide * kind.rows)
                });
            m.row = row as u8;
            m.slot = taken[row];
            taken[row] += 1;
            for e in m.values.iter().chain([&m.multiplicity, &m.number]) {
                e.visit(&mut |c| {
                    assert!(
                        (-3..=4).contains(&c.row),
                        "{}: a message reads row {}",
                        kind.name,
                        c.row
                    );
                    owner.queried.insert((c.column, c.row - row as i8));
                });
            }
        }
        kind.messages = messages;
        kind.program = Program::compile(
            kind.constraints
                .iter()
                .map(|(_, e)| e)
                .chain([&kind.leave])
                .chain(
                    kind.messages
                        .iter()
                        .flat_map(|m| [&m.number, &m.multiplicity].into_iter().chain(&m.values)),
                ),
        );
        owner.machine.kinds.push(kind);
        KindId(owner.machine.kinds.len() - 1)
    }
}
