//! Rows of the `hash` chip, from the permutations that all chips ask for.

use super::{FACT_ROW, HashChip, INNER_ROUNDS, ROUND_ROWS, ROWS, constraints::Constants};
use crate::{Fr, framework::trace::Trace};
use ff::Field;
use protocol::{
    hash::Tag,
    poseidon2::{self, WIDTH, external_layer, internal_layer, sbox},
};
use rayon::prelude::*;
use std::collections::HashMap;

/// The permutations that chips require, each once, in the order of the first request.
#[derive(Clone, Debug, Default)]
pub struct Permutations {
    results: HashMap<[Fr; WIDTH], [Fr; WIDTH]>,
    order: Vec<[Fr; WIDTH]>,
}

impl Permutations {
    /// The result of the permutation of `input`, which will have rows.
    pub fn permute(&mut self, input: [Fr; WIDTH]) -> [Fr; WIDTH] {
        *self.results.entry(input).or_insert_with(|| {
            self.order.push(input);
            let mut state = input;
            poseidon2::permute(&mut state);
            state
        })
    }
    /// The last value of the fact `compress (iv, a, b, out)`.
    pub fn compress(&mut self, iv: Fr, a: Fr, b: Fr) -> Fr {
        self.permute([a, b, iv])[0]
    }
    /// [`protocol::hash::hash`], requesting each permutation of the sponge.
    pub fn hash(&mut self, tag: Tag, inputs: &[Fr]) -> Fr {
        let mut state = [Fr::ZERO, Fr::ZERO, tag.iv(inputs.len() as u64)];
        if inputs.is_empty() {
            state = self.permute(state);
        }
        for pair in inputs.chunks(2) {
            for (word, input) in state.iter_mut().zip(pair) {
                *word += input;
            }
            state = self.permute(state);
        }
        state[0]
    }
    /// Inputs of the different permutations, in the order in which they were requested.
    pub fn inputs(&self) -> impl Iterator<Item = &[Fr; WIDTH]> {
        self.order.iter()
    }
    /// Number of different permutations.
    pub fn len(&self) -> usize {
        self.order.len()
    }
    /// Whether none was requested.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
    /// Rows that the `hash` chip needs for them.
    pub fn rows(&self) -> usize {
        self.len() * ROWS + usize::from(!self.is_empty())
    }
}

/// What the rows of one permutation hold; all their other cells follow from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct States {
    /// Constants of each row.
    pub(super) constants: [Constants; ROUND_ROWS],
    /// `F`: what enters each row's external round.
    pub(super) entering: [[Fr; WIDTH]; ROUND_ROWS],
    /// `P`: what enters each row's internal rounds.
    pub(super) inner: [[Fr; WIDTH]; ROUND_ROWS],
    /// What leaves the last internal round.
    pub(super) turned: [Fr; WIDTH],
}

impl States {
    /// The permutation of `input` with these constants.
    pub(super) fn of(input: [Fr; WIDTH], constants: [Constants; ROUND_ROWS]) -> Self {
        let zero = [[Fr::ZERO; WIDTH]; ROUND_ROWS];
        let (mut entering, mut inner) = (zero, zero);
        let mut state = input;
        external_layer(&mut state);
        for row in (0..=FACT_ROW).rev() {
            entering[row] = state;
            state = outer_round(state, &constants[row]);
        }
        for row in 0..ROUND_ROWS {
            inner[row] = state;
            for c in &constants[row].inner {
                state[0] = sbox(state[0] + c);
                internal_layer(&mut state);
            }
        }
        let turned = state;
        for row in (FACT_ROW + 1..ROUND_ROWS).rev() {
            entering[row] = state;
            state = outer_round(state, &constants[row]);
        }
        Self {
            constants,
            entering,
            inner,
            turned,
        }
    }
}

/// What leaves a row's external round.
pub(super) fn outer_round(mut state: [Fr; WIDTH], constants: &Constants) -> [Fr; WIDTH] {
    for (word, c) in state.iter_mut().zip(constants.outer) {
        *word = sbox(*word + c);
    }
    external_layer(&mut state);
    state
}

impl HashChip {
    /// Appends the rows of all requested permutations: one run.
    pub fn fill(&self, trace: &mut Trace<'_>, permutations: &Permutations) {
        let constants = Constants::all();
        let machine = trace.machine();
        let parts: Vec<Trace<'_>> = permutations
            .order
            .par_chunks(256)
            .map(|inputs| {
                let mut part = Trace::new(machine);
                for input in inputs {
                    self.permutation(&mut part, &States::of(*input, constants));
                }
                part
            })
            .collect();
        if permutations.is_empty() {
            return;
        }
        self.turn(trace, [Fr::ZERO; WIDTH]);
        for part in parts {
            trace.append(part);
        }
        let last = trace.rows() - 1;
        trace.row_mut(last).set(self.turn_cells.more, Fr::ZERO);
    }

    /// Appends the rows of one permutation and the turn below it, which says that another one follows.
    pub(super) fn permutation(&self, trace: &mut Trace<'_>, states: &States) {
        for row in 0..ROUND_ROWS {
            self.round(
                trace,
                &states.constants[row],
                states.entering[row],
                states.inner[row],
            );
        }
        self.turn(trace, states.turned);
    }

    /// Appends a `hash.round` row.
    pub(super) fn round(
        &self,
        trace: &mut Trace<'_>,
        constants: &Constants,
        entering: [Fr; WIDTH],
        inner: [Fr; WIDTH],
    ) {
        let c = &self.round_cells;
        let mut row = trace.push(self.round);
        row.set_all(&c.shared.inner, inner)
            .set_all(&c.shared.outer, outer_round(entering, constants))
            .set(c.shared.mark, constants.mark())
            .set_all(&c.entering, entering)
            .set_all(&c.outer_constant, constants.outer)
            .set_all(&c.constant, constants.inner[1..].iter().copied());
        for w in 0..WIDTH {
            row.set(
                c.outer_square[w],
                (entering[w] + constants.outer[w]).square(),
            );
        }
        let mut state = inner;
        for r in 0..INNER_ROUNDS {
            let x = state[0] + constants.inner[r];
            row.set(c.square[r], x.square());
            state[0] = sbox(x);
            if let Some(sum) = c.sum.get(r) {
                row.set(*sum, state[0] + state[1] + state[2]);
            }
            internal_layer(&mut state);
        }
    }

    /// Appends a `hash.turn` row with another permutation to follow.
    pub(super) fn turn(&self, trace: &mut Trace<'_>, state: [Fr; WIDTH]) {
        let c = &self.turn_cells;
        trace
            .push(self.turn)
            .set_all(&c.shared.inner, state)
            .set_all(&c.shared.outer, state)
            .set(c.more, Fr::ONE);
    }
}
