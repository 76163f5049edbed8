//! Forging one logical row: what is moved, how the rest follows, and the checker's verdict.

use super::*;
use crate::framework::linear;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// Rounds of solving: as deep as products of moved cells are nested.
const ROUNDS: usize = 24;
/// Attempts in which one thing moves.
const SINGLE: usize = 120;
/// Attempts in which several do.
const SEVERAL: usize = 150;

/// Expressions over the site's variables (a variable's number stands in the column) whose values are together in a set.
struct Clause {
    relation: Option<Relation>,
    exprs: Vec<Expr>,
    honest: Vec<Fr>,
    set: Set,
    /// It says something only where this is not 0.
    on: Expr,
    /// The weakest evidence that it has to hold for.
    until: Strength,
    vars: Vec<usize>,
}

/// What a logical row says to the checker.
#[derive(PartialEq)]
struct Said {
    failing: Vec<Relation>,
    /// Messages that are no look-ups: those that it takes, and the others.
    takes: BTreeMap<usize, (Fr, Fr, Vec<Fr>)>,
    makes: BTreeMap<usize, (Fr, Fr, Vec<Fr>)>,
    leave: Fr,
}

/// One logical row whose cells are variables.
pub(super) struct Site<'a> {
    machine: &'a Machine,
    kind: &'a Kind,
    pub(super) table: &'a mut Table,
    row: usize,
    /// Heads of rows with relations on the row's cells, itself first.
    heads: Vec<usize>,
    /// The variables: the row's cells, then cells of other rows that its relations read.
    cells: Vec<Cell>,
    /// How many of them are the row's.
    own: usize,
    /// What each variable may be by a look-up or constraint of its own.
    domains: Vec<Option<Set>>,
    honest: Vec<Fr>,
    clauses: Vec<Clause>,
    /// Clauses by variable.
    readers: Vec<Vec<usize>>,
    before: Vec<Said>,
}

/// An attempt: what is changed, and what may follow besides the cells without a domain.
#[derive(Default)]
struct Attempt {
    /// Clauses with other values.
    targets: BTreeMap<usize, Vec<(usize, Fr)>>,
    /// Variables with other values.
    fixed: Vec<(usize, Fr)>,
    /// Variables with a domain that follow.
    follow: Vec<usize>,
    /// Which variables are preferred to follow.
    taste: u64,
}

/// Other values for some cells.
pub(super) type Forgery = Vec<(Cell, Fr)>;

/// What can be moved.
#[derive(Clone, Copy)]
enum Movable {
    Variable(usize),
    Entry(usize),
}

/// The relation to break, with what holds it.
struct Goal {
    relation: Relation,
    strength: Strength,
    /// Its clause.
    clause: usize,
    /// The variable whose domain it is.
    freed: Option<usize>,
}

impl<'a> Site<'a> {
    pub(super) fn new(machine: &'a Machine, table: &'a mut Table, row: usize) -> Self {
        let kind_at = |head: usize| &machine.kinds[usize::from(table.heads[head]) - 1];
        let kind = kind_at(row);
        let mut cells: Vec<Cell> = kind.cells.iter().map(|c| c.cell).collect();
        let own = cells.len();
        let mut read = BTreeSet::new();
        let constraints = kind.constraints.iter().map(|(_, e)| e);
        let messages = kind.messages.iter().flat_map(message_exprs);
        for e in constraints.chain([&kind.leave]).chain(messages) {
            e.visit(&mut |c| _ = read.insert(c));
        }
        let physical = |c: &Cell| row.wrapping_add_signed(isize::from(c.row));
        read.retain(|c| !cells.contains(c) && (LEAD_IN..table.rows()).contains(&physical(c)));
        cells.extend(read);
        let places = cells.iter().map(|c| (physical(c), c.column));
        let at: HashMap<(usize, u16), usize> = places.clone().zip(0..).collect();
        let domains = places
            .map(|(row, column)| domain(machine, table, row, column))
            .collect();
        let first = row.saturating_sub(4).max(LEAD_IN);
        let last = (row + kind.rows + 3).min(table.rows());
        let mut heads = vec![row];
        heads.extend((first..last).filter(|r| *r != row && table.heads[*r] != 0));
        let honest: Vec<Fr> = cells.iter().map(|c| table.cell(row, *c)).collect();

        let mut clauses = vec![];
        let mut add = |head: usize, relation, exprs: Vec<&Expr>, on: Option<&Expr>, set, until| {
            let local = |e: &Expr| localise(e, head, &at, table);
            let exprs: Vec<Expr> = exprs.into_iter().map(local).collect();
            let mut vars = BTreeSet::new();
            exprs
                .iter()
                .for_each(|e| e.visit(&mut |c| _ = vars.insert(usize::from(c.column))));
            let values = exprs
                .iter()
                .map(|e| e.eval(&|c| honest[usize::from(c.column)]));
            clauses.push(Clause {
                relation,
                honest: values.collect(),
                set,
                on: on.map_or(Expr::one(), local),
                until,
                vars: vars.into_iter().collect(),
                exprs,
            });
        };
        for &head in &heads {
            let (k, mine) = (kind_at(head), head == row);
            let relation = |r: Relation| mine.then_some(r);
            let until = |s: Strength| if mine { s } else { Strength::Alone };
            for (i, (_, e)) in k.constraints.iter().enumerate() {
                let c = relation(Relation::Constraint(i));
                add(head, c, vec![e], None, Set::Honest, until(Strength::Local));
            }
            for (i, m) in k.messages.iter().enumerate() {
                let get = |c| table.cell(head, c);
                let (times, number) = (m.multiplicity.eval(&get), m.number.eval(&get));
                let bus = m.buses.iter().find(|b| Fr::from(b.number()) == number);
                let fixed = bus.filter(|b| machine.buses[b.0].kind == BusKind::Table);
                let c = relation(Relation::Message(i));
                if let Some(t) = fixed {
                    let values = m.values.iter().collect();
                    let (on, set) = (Some(&m.multiplicity), Set::Table(*t));
                    add(head, c, values, on, set, until(Strength::Local));
                } else {
                    let made = m.counted.is_some() || ![Fr::ZERO, -Fr::ONE].contains(&times);
                    let s = if made {
                        Strength::Alone
                    } else {
                        Strength::Demands
                    };
                    let on = m.counted.is_some() || times != Fr::ZERO;
                    let exprs = message_exprs(m).take(if on { usize::MAX } else { 1 });
                    add(head, c, exprs.collect(), None, Set::Honest, until(s));
                }
            }
            add(
                head,
                None,
                vec![&k.leave],
                None,
                Set::Honest,
                Strength::Alone,
            );
        }
        if row == LEAD_IN {
            let pins: Vec<Expr> = machine.pins.iter().map(|p| p.0.expr()).collect();
            for (i, e) in pins.iter().enumerate() {
                add(
                    row,
                    Some(Relation::Pin(i)),
                    vec![e],
                    None,
                    Set::Honest,
                    Strength::Local,
                );
            }
            let public = machine
                .instance
                .map(|(_, high, low)| [high.expr(), low.expr()]);
            for (i, e) in public.iter().flatten().enumerate() {
                add(
                    row,
                    Some(Relation::Public(i)),
                    vec![e],
                    None,
                    Set::Honest,
                    Strength::Local,
                );
            }
        }
        clauses.retain(|c| match c.relation {
            Some(_) => true,
            None => c.vars.iter().any(|v| *v < own),
        });
        let mut site = Self {
            machine,
            kind,
            table,
            row,
            heads,
            own,
            readers: vec![vec![]; cells.len()],
            cells,
            domains,
            honest,
            clauses,
            before: vec![],
        };
        for i in 0..site.clauses.len() {
            let clause = &site.clauses[i];
            if site.domain_of(clause).is_none() {
                clause.vars.iter().for_each(|v| site.readers[*v].push(i));
            }
        }
        site.before = site.said();
        site
    }

    /// The variable whose domain is all that a constraint says.
    fn domain_of(&self, clause: &Clause) -> Option<usize> {
        let (Some(Relation::Constraint(i)), [v]) = (clause.relation, &clause.vars[..]) else {
            return None;
        };
        let roots = roots(&self.kind.constraints[i].1)?.1;
        (self.domains[*v] == Some(Set::Roots(roots))).then_some(*v)
    }

    /// Other values for some cells that the relation alone stops.
    pub(super) fn forge(&mut self, relation: Relation, strength: Strength) -> Option<Forgery> {
        let clause = self
            .clauses
            .iter()
            .position(|c| c.relation == Some(relation));
        let freed = match (relation, clause) {
            (Relation::Lookup(i), _) => {
                let cell = self.kind.lookups[i].0;
                self.cells.iter().position(|c| *c == cell)
            }
            (_, Some(c)) => self.domain_of(&self.clauses[c]),
            _ => None,
        };
        let goal = Goal {
            relation,
            strength,
            clause: clause.unwrap_or(usize::MAX),
            freed,
        };
        // Near: what the relation reads. Around: what the relations on these cells read.
        let mut near = freed.into_iter().collect::<Vec<_>>();
        near.extend(
            clause
                .into_iter()
                .flat_map(|c| self.clauses[c].vars.iter().copied()),
        );
        let clauses: BTreeSet<usize> = near
            .iter()
            .flat_map(|v| &self.readers[*v])
            .copied()
            .filter(|c| self.binds(*c, &goal))
            .collect();
        let around: BTreeSet<usize> = clauses
            .iter()
            .flat_map(|c| self.clauses[*c].vars.iter().copied())
            .filter(|v| !near.contains(v))
            .collect();
        let mut rng = StdRng::seed_from_u64((self.row * 3 + strength as usize) as u64);
        let mut around: Vec<usize> = around.into_iter().collect();
        around.shuffle(&mut rng);
        let variables: Vec<usize> = near
            .into_iter()
            .chain(around)
            .filter(|v| self.usable(*v, strength))
            .collect();
        let mut movable: Vec<Movable> = variables.iter().copied().map(Movable::Variable).collect();
        let entry = |c: &usize| matches!(self.clauses[*c].set, Set::Table(_));
        movable.extend(clauses.into_iter().filter(entry).map(Movable::Entry));
        let ranged: Vec<usize> = variables
            .into_iter()
            .filter(|v| self.domains[*v].is_some() && Some(*v) != freed)
            .collect();

        let large = Fr::random(&mut rng);
        // The relation itself says something else.
        let mut attempts = vec![];
        if let Some(v) = freed {
            let (now, range) = (self.honest[v], Fr::from(1 << 13));
            let small = [Fr::from(2), -Fr::ONE, range];
            for to in [now + range, now - range, large].into_iter().chain(small) {
                attempts.push(Attempt {
                    fixed: vec![(v, to)],
                    ..Attempt::default()
                });
            }
        } else if let Some(c) = clause {
            for (j, now) in self.clauses[c].honest.iter().enumerate() {
                for by in [Fr::ONE, -Fr::ONE, large] {
                    let targets = [(c, vec![(j, now + by)])].into();
                    attempts.push(Attempt {
                        targets,
                        ..Attempt::default()
                    });
                }
            }
        }
        let found = attempts.iter().find_map(|a| self.attempt(&goal, a));
        if found.is_some() {
            return found;
        }
        // One thing moves, and the relation breaks by itself.
        for m in movable.iter().cycle().take(SINGLE.min(3 * movable.len())) {
            let mut attempt = Attempt::default();
            self.move_it(*m, &mut attempt, &mut rng);
            let found = self.attempt(&goal, &attempt);
            if found.is_some() {
                return found;
            }
        }
        // Several things move, and some cells with a domain follow.
        for n in 0..SEVERAL {
            let mut attempt = Attempt {
                taste: rng.r#gen(),
                ..Attempt::default()
            };
            let moves: Vec<Movable> = movable.choose_multiple(&mut rng, n % 3).copied().collect();
            for m in moves {
                self.move_it(m, &mut attempt, &mut rng);
            }
            if let (Some(c), None, true) = (clause, freed, n % 3 == 0) {
                let j = rng.gen_range(0..self.clauses[c].exprs.len());
                let by = [Fr::ONE, -Fr::ONE, large][rng.gen_range(0..3)];
                attempt
                    .targets
                    .insert(c, vec![(j, self.clauses[c].honest[j] + by)]);
            } else if let (Some(v), true) = (freed, n % 3 == 0) {
                attempt.fixed.push((v, large));
            }
            let many = rng.gen_range(0..4);
            attempt.follow = ranged.choose_multiple(&mut rng, many).copied().collect();
            let found = self.attempt(&goal, &attempt);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Gives something another value that its domain or table allows.
    fn move_it(&self, what: Movable, attempt: &mut Attempt, rng: &mut StdRng) {
        match what {
            Movable::Variable(v) => {
                let now = self.honest[v];
                let to = match &self.domains[v] {
                    Some(Set::Roots(roots)) => roots.choose(rng).copied(),
                    Some(Set::Table(t)) => Some(self.entry_near(*t, &[now], rng)[0]),
                    _ => [now + Fr::ONE, -now, now - Fr::ONE, Fr::random(&mut *rng)]
                        .choose(rng)
                        .copied(),
                };
                attempt
                    .fixed
                    .extend(to.filter(|to| *to != now).map(|to| (v, to)));
            }
            Movable::Entry(c) => {
                if let Set::Table(t) = self.clauses[c].set {
                    let to = self.entry_near(t, &self.clauses[c].honest, rng);
                    attempt
                        .targets
                        .insert(c, to.iter().copied().enumerate().collect());
                }
            }
        }
    }

    /// An entry next to this one, or any.
    fn entry_near(&self, t: TableId, values: &[Fr], rng: &mut StdRng) -> &'a [Fr] {
        let entries = &self.machine.entries;
        let first = entries.partition_point(|e| e.table < t);
        let n = entries[first..].partition_point(|e| e.table == t);
        let here = self
            .machine
            .entry(&digest(t, values))
            .map_or(0, |e| e - first);
        let to = match rng.gen_range(0..4) {
            0 => (here + 1) % n,
            1 => (here + n - 1) % n,
            _ => rng.gen_range(0..n),
        };
        &entries[first + to].values
    }

    fn usable(&self, v: usize, strength: Strength) -> bool {
        v < self.own || strength == Strength::Local
    }

    /// Whether the clause has to hold.
    fn binds(&self, c: usize, goal: &Goal) -> bool {
        c != goal.clause && goal.strength <= self.clauses[c].until
    }

    /// Solves an attempt and puts it before the checker's relations.
    fn attempt(&mut self, goal: &Goal, attempt: &Attempt) -> Option<Forgery> {
        let x = self.solve(goal, attempt)?;
        let moved: Vec<usize> = (0..x.len()).filter(|v| x[*v] != self.honest[*v]).collect();
        let allowed = |v: &usize| {
            let set = self.domains[*v].as_ref().filter(|_| Some(*v) != goal.freed);
            set.is_none_or(|s| s.contains(self.machine, &[], &[x[*v]]))
        };
        if moved.is_empty() || !moved.iter().all(allowed) {
            return None;
        }
        let forgery: Forgery = moved.iter().map(|v| (self.cells[*v], x[*v])).collect();
        let honest = apply(self.table, self.row, &forgery);
        let stopped = self.stopped_alone(goal);
        apply(self.table, self.row, &honest);
        stopped.then_some(forgery)
    }

    /// The assignment that the attempt leads to: step by step, the clauses that the last step broke are mended.
    fn solve(&self, goal: &Goal, attempt: &Attempt) -> Option<Vec<Fr>> {
        let mut x = self.honest.clone();
        let mut moved = vec![];
        for (v, to) in &attempt.fixed {
            x[*v] = *to;
            moved.push(*v);
        }
        let may = |v: usize| {
            let follows =
                self.domains[v].is_none() || attempt.follow.contains(&v) || goal.freed == Some(v);
            follows && self.usable(v, goal.strength) && attempt.fixed.iter().all(|f| f.0 != v)
        };
        let rank = |v: usize| {
            let chance = (v as u64 + 1).wrapping_mul(attempt.taste) >> 61;
            let last = self.domains[v].is_some() && goal.freed != Some(v);
            self.readers[v].len() + chance as usize + 1000 * usize::from(last)
        };
        let mut active: BTreeSet<usize> = attempt.targets.keys().copied().collect();
        for _ in 0..ROUNDS {
            let eval = |e: &Expr| e.eval(&|c| x[usize::from(c.column)]);
            let broken = |c: &usize| {
                let clause = &self.clauses[*c];
                let values: Vec<Fr> = clause.exprs.iter().map(eval).collect();
                eval(&clause.on) != Fr::ZERO
                    && !clause.set.contains(self.machine, &clause.honest, &values)
            };
            let read = moved.iter().flat_map(|v| &self.readers[*v]).copied();
            let read = read.filter(|c| self.binds(*c, goal) && !active.contains(c));
            let read: BTreeSet<usize> = read.collect();
            active.extend(read.into_iter().filter(broken));
            let mut rows = vec![];
            let mut solved = true;
            for c in &active {
                let clause = &self.clauses[*c];
                let targets = match attempt.targets.get(c) {
                    Some(targets) => targets.clone(),
                    None if eval(&clause.on) == Fr::ZERO => vec![],
                    None => clause.honest.iter().copied().enumerate().collect(),
                };
                for (j, to) in targets {
                    let mut e = &clause.exprs[j];
                    // A product is 0 if a factor is.
                    let mut taste = attempt.taste >> (c % 32);
                    while let (Expr::Mul(ab), true) = (e, attempt.taste != 0 && to == Fr::ZERO) {
                        e = if taste.is_multiple_of(2) {
                            &ab.0
                        } else {
                            &ab.1
                        };
                        taste >>= 1;
                    }
                    let wrong = to - eval(e);
                    solved &= wrong == Fr::ZERO;
                    let mut row = linear::gradient(e, &x);
                    row.retain(|(v, _)| may(*v));
                    rows.push((row, wrong));
                }
            }
            if solved {
                return Some(x);
            }
            let step = linear::solve(x.len(), rows, rank)?;
            moved = step.iter().map(|s| s.0).collect();
            for (v, d) in step {
                x[v] += d;
            }
        }
        None
    }

    /// Whether, in the table as it now is, the goal's relation fails and nothing else that it must leave alone.
    fn stopped_alone(&self, goal: &Goal) -> bool {
        let mut now = self.said();
        let (own, honest) = (&mut now[0], &self.before[0]);
        let mut failing = vec![goal.relation];
        if let Relation::Message(i) = goal.relation
            && own.takes.get(&i) != honest.takes.get(&i)
        {
            failing.clear();
            own.takes.remove(&i);
            own.takes
                .extend(honest.takes.get(&i).map(|m| (i, m.clone())));
            // A message taken no more may be made instead.
            own.makes.remove(&i);
        }
        own.failing == failing
            && (goal.strength == Strength::Local || own.takes == honest.takes)
            && (goal.strength > Strength::Alone
                || own.makes == honest.makes
                    && own.leave == honest.leave
                    && now[1..] == self.before[1..])
    }

    /// What the checker's evaluation says of the rows in reach.
    fn said(&self) -> Vec<Said> {
        let mut scratch = Scratch::default();
        let of = |head: &usize| {
            let kind = &self.machine.kinds[usize::from(self.table.heads[*head]) - 1];
            scratch.evaluate(kind, self.table, *head);
            let constraints = (0..kind.leave_output()).filter(|i| scratch.outputs[*i] != Fr::ZERO);
            let mut failing: Vec<Relation> = constraints.map(Relation::Constraint).collect();
            let lookups = kind.lookups.iter().enumerate().filter(|(_, (c, t))| {
                let d = digest(*t, &[self.table.cell(*head, *c)]);
                self.machine.entry(&d).is_none()
            });
            failing.extend(lookups.map(|(i, _)| Relation::Lookup(i)));
            let (mut takes, mut makes) = (BTreeMap::new(), BTreeMap::new());
            // An offer counts even where nobody asks for it.
            let says = |m: &Sent<'_>| m.multiplicity != Fr::ZERO || m.message.counted.is_some();
            for m in kind.sent(&scratch.outputs).filter(says) {
                if m.kind(self.machine) != BusKind::Table {
                    let made = m.message.counted.is_some() || m.multiplicity != -Fr::ONE;
                    let list = if made { &mut makes } else { &mut takes };
                    list.insert(m.index, (m.multiplicity, m.number, m.values.to_vec()));
                } else if m.multiplicity != -Fr::ONE || self.machine.entry(&m.digest()).is_none() {
                    failing.push(Relation::Message(m.index));
                }
            }
            if *head == LEAD_IN {
                let wrong = |cell: Cell, v: Fr| self.table.cell(LEAD_IN, cell) != v;
                let pins = self.machine.pins.iter().enumerate();
                failing.extend(
                    pins.filter(|(_, p)| wrong(p.0, p.1))
                        .map(|(i, _)| Relation::Pin(i)),
                );
                if let Some((_, high, low)) = self.machine.instance {
                    let public = [high, low].into_iter().zip(self.table.instance).enumerate();
                    let wrong = public.filter(|(_, (c, v))| wrong(*c, *v));
                    failing.extend(wrong.map(|(i, _)| Relation::Public(i)));
                }
            }
            let leave = scratch.outputs[kind.leave_output()];
            Said {
                failing,
                takes,
                makes,
                leave,
            }
        };
        self.heads.iter().map(of).collect()
    }
}

/// Writes other values into a row's cells, and gives those that stood there.
pub(super) fn apply(table: &mut Table, row: usize, forgery: &Forgery) -> Forgery {
    let old = forgery.iter().map(|(c, _)| (*c, table.cell(row, *c)));
    let old = old.collect();
    forgery.iter().for_each(|(c, v)| table.set(row, *c, *v));
    old
}

/// All expressions of a message.
fn message_exprs(m: &super::super::Message) -> impl Iterator<Item = &Expr> {
    [&m.multiplicity, &m.number].into_iter().chain(&m.values)
}

/// What the kind of the row there says of the cell alone.
fn domain(machine: &Machine, table: &Table, row: usize, column: u16) -> Option<Set> {
    let head = (0..=row).rev().find(|r| table.heads[*r] != 0)?;
    let kind = &machine.kinds[usize::from(table.heads[head]) - 1];
    let cell = Cell {
        column,
        row: (row - head) as i8,
    };
    if let Some((_, t)) = kind.lookups.iter().find(|l| l.0 == cell) {
        return Some(Set::Table(*t));
    }
    let mut all = kind.constraints.iter().filter_map(|(_, e)| roots(e));
    all.find(|r| r.0 == cell).map(|r| Set::Roots(r.1))
}

/// `e` of the logical row at `head` over the variables; other cells are constants.
fn localise(e: &Expr, head: usize, at: &HashMap<(usize, u16), usize>, table: &Table) -> Expr {
    let local = |e: &Expr| localise(e, head, at, table);
    match e {
        Expr::Const(c) => Expr::Const(*c),
        Expr::Cell(c) => match at.get(&(head.wrapping_add_signed(isize::from(c.row)), c.column)) {
            Some(v) => Cell {
                column: *v as u16,
                row: 0,
            }
            .expr(),
            None => Expr::Const(table.cell(head, *c)),
        },
        Expr::Add(ab) => local(&ab.0) + local(&ab.1),
        Expr::Mul(ab) => local(&ab.0) * local(&ab.1),
        Expr::Scale(a, c) => local(a) * *c,
    }
}
