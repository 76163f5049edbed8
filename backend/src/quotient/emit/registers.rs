//! Registers. Computed values keep theirs until their last use. Loaded cells lose theirs when there are too few: the one that is needed again
//! last (Belady's rule), since it can be loaded again.

use super::{Code, Instruction, Name, Operand, Part, Scalar, Step};
use crate::quotient::Cell;
use std::collections::{BTreeMap, HashMap};

pub(super) struct Allocator<F> {
    code: Code,
    /// What a name is, if it is loaded.
    cell: F,
    /// Where each name is used, the last place first.
    uses: HashMap<Name, Vec<usize>>,
    /// In which register a name is.
    places: BTreeMap<Name, u32>,
    free: Vec<u32>,
    budget: usize,
    queries: HashMap<Cell, u32>,
    scalars: HashMap<Scalar, u32>,
}

impl<F: Fn(Name) -> Option<Cell>> Allocator<F> {
    pub(super) fn allocate(steps: &[(Name, Step)], result: Name, cell: F, budget: usize) -> Code {
        let mut uses: HashMap<Name, Vec<usize>> = HashMap::new();
        uses.entry(result).or_default().push(steps.len());
        for (i, (_, step)) in steps.iter().enumerate().rev() {
            for name in step.operands() {
                uses.entry(name).or_default().push(i);
            }
        }
        let mut this = Self {
            code: Code::default(),
            cell,
            uses,
            places: BTreeMap::new(),
            free: vec![],
            budget,
            queries: HashMap::new(),
            scalars: HashMap::new(),
        };
        for (i, (name, step)) in steps.iter().enumerate() {
            let operands = step.operands();
            for operand in &operands {
                this.load(*operand, &operands);
            }
            let at = |name: &Name| this.places[name];
            let places: HashMap<Name, u32> = operands.iter().map(|n| (*n, at(n))).collect();
            for operand in &operands {
                this.release(*operand, i);
            }
            // An operand's register may be the result's: instructions read a row's operands before they write its result.
            let to = this.register(&[]);
            this.places.insert(*name, to);
            let instruction = this.instruction(step, to, &places);
            this.code.instructions.push(instruction);
        }
        this.load(result, &[]);
        this.code.result = this.places[&result];
        this.code
    }

    /// Makes sure that an operand is in a register.
    fn load(&mut self, name: Name, beside: &[Name]) {
        if self.places.contains_key(&name) {
            return;
        }
        let cell = (self.cell)(name).expect("only cells are loaded");
        let next = self.queries.len() as u32;
        let query = *self.queries.entry(cell).or_insert(next);
        if query == next {
            self.code.cells.push(cell);
        }
        let to = self.register(beside);
        self.places.insert(name, to);
        let load = Instruction::Load { to, query };
        self.code.instructions.push(load);
    }

    /// A register that is free, or that of a cell that is not among the ones to be kept.
    fn register(&mut self, keep: &[Name]) -> u32 {
        if let Some(register) = self.free.pop() {
            return register;
        }
        if self.code.registers >= self.budget {
            let cells = self.places.keys().filter(|n| (self.cell)(**n).is_some());
            let others = cells.filter(|n| !keep.contains(n));
            let next_use = |n: &Name| self.uses[n].last().copied();
            if let Some(name) = others.copied().max_by_key(next_use) {
                return self.places.remove(&name).expect("it has a register");
            }
        }
        self.code.registers += 1;
        self.code.registers as u32 - 1
    }

    /// Notes that an operand has been used in step `i`, and frees its register if that was the last time.
    fn release(&mut self, name: Name, i: usize) {
        let uses = self.uses.get_mut(&name).expect("it is used");
        uses.pop_if(|at| *at == i);
        if uses.is_empty()
            && let Some(register) = self.places.remove(&name)
        {
            self.free.push(register);
        }
    }

    fn scalar(&mut self, s: Scalar) -> u32 {
        let next = self.scalars.len() as u32;
        let number = *self.scalars.entry(s).or_insert(next);
        if number == next {
            self.code.scalars.push(s);
        }
        number
    }

    fn instruction(&mut self, step: &Step, to: u32, places: &HashMap<Name, u32>) -> Instruction {
        let part = match step {
            Step::Mul(a, b) if a == b => {
                let a = places[a];
                return Instruction::Square { to, a };
            }
            Step::Mul(a, b) => {
                let [a, b] = [a, b].map(|n| places[n]);
                return Instruction::Mul { to, a, b };
            }
            Step::Sum(part) => part,
        };
        let Part {
            scaled,
            products,
            linear,
            ..
        } = part;
        let start = [
            self.code.scaled.len(),
            self.code.products.len(),
            self.code.linear.len(),
        ];
        for (s, n) in scaled {
            let s = self.scalar(*s);
            self.code.scaled.push((s, places[n]));
        }
        let products = products.iter().map(|(a, b)| (places[a], places[b]));
        self.code.products.extend(products);
        for (op, operand) in linear {
            let operand = match operand {
                Operand::Name(n) => places[n],
                Operand::Scalar(s) => self.scalar(*s),
                Operand::None => 0,
            };
            self.code.linear.push((*op, operand));
        }
        let range = |start: usize, end: usize| (start as u32, end as u32);
        Instruction::Sum {
            to,
            scaled: range(start[0], self.code.scaled.len()),
            products: range(start[1], self.code.products.len()),
            linear: range(start[2], self.code.linear.len()),
        }
    }
}
