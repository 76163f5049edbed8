//! Rows of the `hash` chip, from the permutations that all chips ask for.

use super::{FULL_ROUNDS, HashChip, PARTIAL_ROUNDS, ROWS, columns::Shared};
use crate::{
    Fr,
    framework::trace::{Row, Trace},
};
use ff::Field;
use protocol::{
    hash::Tag,
    poseidon2::{
        self, EXTERNAL_CONSTANTS, EXTERNAL_ROUNDS, INTERNAL_CONSTANTS, WIDTH, external_layer,
        internal_layer,
    },
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
        self.len() * ROWS
    }
}

impl HashChip {
    /// Appends the rows of all requested permutations.
    pub fn fill(&self, trace: &mut Trace<'_>, permutations: &Permutations) {
        let machine = trace.machine();
        let parts: Vec<Trace<'_>> = permutations
            .order
            .par_chunks(256)
            .map(|inputs| {
                let mut part = Trace::new(machine);
                for input in inputs {
                    self.permutation(&mut part, *input);
                }
                part
            })
            .collect();
        for part in parts {
            trace.append(part);
        }
    }

    /// Appends the six rows of one permutation.
    fn permutation(&self, trace: &mut Trace<'_>, input: [Fr; WIDTH]) {
        let mut out = input;
        poseidon2::permute(&mut out);
        let mut state = input;
        external_layer(&mut state);
        let (first, last) = EXTERNAL_CONSTANTS.split_at(EXTERNAL_ROUNDS / 2);
        self.full_row(trace, &mut state, Fr::ZERO, &out, first);
        for (phase, constants) in INTERNAL_CONSTANTS.chunks(PARTIAL_ROUNDS).enumerate() {
            self.partial_row(trace, &mut state, phase, &out, constants);
        }
        self.full_row(trace, &mut state, Fr::ONE, &out, last);
    }

    fn full_row(
        &self,
        trace: &mut Trace<'_>,
        state: &mut [Fr; WIDTH],
        pos: Fr,
        out: &[Fr; WIDTH],
        constants: &[[Fr; WIDTH]],
    ) {
        let c = &self.full_cells;
        let mut row = trace.push(self.full);
        c.shared.fill(&mut row, state, pos, out);
        for r in 0..FULL_ROUNDS {
            for w in 0..WIDTH {
                let x = state[w] + constants[r][w];
                let u = x.square();
                state[w] = u.square() * x;
                row.set(c.square[r][w], u).set(c.fifth[r][w], state[w]);
            }
            external_layer(state);
        }
    }

    fn partial_row(
        &self,
        trace: &mut Trace<'_>,
        state: &mut [Fr; WIDTH],
        phase: usize,
        out: &[Fr; WIDTH],
        constants: &[Fr],
    ) {
        let c = &self.partial_cells;
        let mut row = trace.push(self.partial);
        let pos = Fr::from(phase as u64) - Fr::from(3);
        c.shared.fill(&mut row, state, pos, out);
        if let Some(cell) = phase.checked_sub(1).and_then(|p| c.phase.get(p)) {
            row.set(*cell, Fr::ONE);
        }
        for (r, constant) in constants.iter().enumerate() {
            let x = state[0] + constant;
            let u = x.square();
            if let Some(cell) = r.checked_sub(1).and_then(|r| c.input.get(r)) {
                row.set(*cell, x);
            }
            row.set(c.square[r], u);
            state[0] = u.square() * x;
            internal_layer(state);
        }
    }
}

impl Shared {
    fn fill(&self, row: &mut Row<'_>, state: &[Fr; WIDTH], pos: Fr, out: &[Fr; WIDTH]) {
        row.set_all(&self.state, *state)
            .set(self.pos, pos)
            .set_all(&self.out, *out);
    }
}
