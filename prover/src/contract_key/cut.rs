//! The constraint program cut to pieces that fit a contract's code.
//!
//! Every operation is done by one program. A program gives back the values that later ones need, those that it was
//! handed and does not need itself included, and the next one finds them in its input. The last gives back the result.

use alloy_primitives::U256;
use halo2_proofs::halo2curves::bn256::Fr;

use super::{
    ExportError,
    dag::{Dag, Id, Node},
    program::{self, Program, Words},
};

/// Programs that a head can name.
const MAX_PROGRAMS: usize = 15;

/// Compiled programs with the pool they read.
pub(super) struct Compiled {
    pub(super) programs: Vec<Vec<u8>>,
    /// Words that each program gives back.
    pub(super) outputs: Vec<usize>,
    pub(super) pool: Vec<Fr>,
    pub(super) gas: u64,
}

/// What is cut: operations in an order in which they can be done.
struct Work<'a> {
    dag: &'a Dag,
    words: Words<'a>,
    order: Vec<Id>,
    /// By operation: place of the last one that needs it; the result is needed after all of them.
    last_use: Vec<usize>,
}

impl<'a> Work<'a> {
    fn new(dag: &'a Dag, root: Id, words: Words<'a>) -> Self {
        let order = dag.order(root);
        let mut place = vec![0; dag.len()];
        for (at, id) in order.iter().enumerate() {
            place[*id as usize] = at;
        }
        let mut last_use = vec![order.len(); order.len()];
        for (at, id) in order.iter().enumerate() {
            for operand in dag.operands(*id).into_iter().flatten() {
                if dag.is_operation(operand) {
                    last_use[place[operand as usize]] = at;
                }
            }
        }
        Self {
            dag,
            words,
            order,
            last_use,
        }
    }

    /// Values of the first `end` operations that are needed after them.
    fn crossing(&self, end: usize) -> Vec<Id> {
        let needed = (0..end).filter(|at| self.last_use[*at] >= end);
        needed.map(|at| self.order[at]).collect()
    }

    /// The operations up to `end` that are not among the `carried` values.
    fn program(&self, carried: &[(Id, U256)], end: usize) -> Result<Program, ExportError> {
        program::compile(self.dag, &self.words, carried, &self.crossing(end))
    }

    /// The operations from `begin` on in one program if it fits in `limit` bytes, or else in two, the second of which
    /// does not fit only if no two do. Of the ends of the first that allow it, the one is chosen that carries least.
    fn next(
        &self,
        carried: &[(Id, U256)],
        begin: usize,
        limit: usize,
    ) -> Result<Option<(Program, usize)>, ExportError> {
        let n = self.order.len();
        let whole = self.program(carried, n)?;
        if whole.code.len() <= limit {
            return Ok(Some((whole, n)));
        }
        // A program grows and the rest shrinks with the end, by and large.
        let fits = |end: usize| Ok(self.program(carried, end)?.code.len() <= limit);
        let longest = first(begin + 1, n, |end| fits(end).map(|fits| !fits))?;
        let rest_fits = |end: usize| {
            let program = self.program(carried, end)?;
            Ok(self.program(&program.outputs, n)?.code.len() <= limit)
        };
        let shortest = first(begin + 1, n, rest_fits)?;
        let two = shortest < longest;
        let from = if two {
            shortest
        } else {
            longest - ((longest - begin) / 8).max(1)
        };
        let mut ends: Vec<(usize, usize)> = (from.max(begin + 1)..longest)
            .map(|end| (self.crossing(end).len(), end))
            .collect();
        ends.sort_unstable();
        for (_, end) in ends {
            if fits(end)? && (!two || rest_fits(end)?) {
                return Ok(Some((self.program(carried, end)?, end)));
            }
        }
        Ok(None)
    }

    /// All programs, or none if there are too many.
    fn cut(&self, limit: usize) -> Result<Option<Vec<Program>>, ExportError> {
        let (mut programs, mut begin): (Vec<Program>, _) = (vec![], 0);
        while programs.len() < MAX_PROGRAMS {
            let carried = programs.last().map_or(&[][..], |p| &p.outputs);
            let Some((program, end)) = self.next(carried, begin, limit)? else {
                return Ok(None);
            };
            programs.push(program);
            if end == self.order.len() {
                return Ok(Some(programs));
            }
            begin = end;
        }
        Ok(None)
    }
}

/// The first number of the range for which `holds`, which does not hold below it; `end` if there is none.
fn first(
    begin: usize,
    end: usize,
    holds: impl Fn(usize) -> Result<bool, ExportError>,
) -> Result<usize, ExportError> {
    let (mut low, mut high) = (begin, end);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// The constants below `root` that lie in the input.
fn pool(dag: &Dag, root: Id) -> Vec<Fr> {
    let uses = dag.uses(&[root], |_| false).into_iter().enumerate();
    let constants = uses.filter_map(|(id, uses)| match dag.node(id as Id) {
        Node::Constant(c) if uses > 0 && program::is_pooled(c) => Some(c),
        _ => None,
    });
    constants.collect()
}

/// Compiles `root` to programs of at most `limit` bytes, as few as will do. Their input after the constants is
/// `input_words` words and what is handed on.
///
/// # Errors
///
/// [`ExportError::ExpressionTooDeep`], [`ExportError::TooManyPrograms`].
pub(super) fn compile(
    dag: &Dag,
    root: Id,
    input_words: usize,
    limit: usize,
) -> Result<Compiled, ExportError> {
    let pool = pool(dag, root);
    let words = Words {
        pool: &pool,
        carried: input_words as u32,
    };
    let whole = program::compile(dag, &words, &[], &[root])?.code.len();
    let work = Work::new(dag, root, words);
    let programs = work
        .cut(limit)?
        .ok_or(ExportError::TooManyPrograms(whole))?;
    let outputs: Vec<usize> = programs.iter().map(|p| p.outputs.len()).collect();
    let carried = outputs.iter().copied().max().unwrap_or(1);
    let input = vec![U256::ONE; pool.len() + input_words + carried];
    let mut gas = 0;
    for program in &programs {
        let run = program::run(&program.code, &input);
        gas += run.map_err(|_| ExportError::ExpressionTooDeep)?.gas;
    }
    Ok(Compiled {
        programs: programs.into_iter().map(|p| p.code).collect(),
        outputs,
        pool,
        gas,
    })
}

#[cfg(test)]
mod tests {
    use ff::Field;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::contract_key::{R, dag::evaluate, to_u256};

    const INPUTS: u32 = 12;

    /// A graph whose values are read again long after they are made.
    fn graph(rng: &mut StdRng, operations: usize) -> (Dag, Id) {
        let mut dag = Dag::default();
        let mut values: Vec<Id> = (0..INPUTS).map(|slot| dag.input(slot)).collect();
        values.extend([3, 1 << 20].map(|c| dag.constant(Fr::from(c))));
        values.push(dag.constant(Fr::random(&mut *rng)));
        for _ in 0..operations {
            let mut any = |within: usize| {
                let recent = values.len().saturating_sub(within)..values.len();
                values[rng.gen_range(recent)]
            };
            let (a, b) = (any(4), any(40));
            let value = match rng.gen_range(0..8) {
                0..4 => dag.add(a, b),
                4..6 => dag.sub(a, b),
                _ => dag.mul(a, b),
            };
            values.push(value);
        }
        let y = dag.input(0);
        let root = dag.fold(&values[values.len() - 20..], y);
        (dag, root)
    }

    /// The programs' result, each given what the one before gave back.
    fn run(compiled: &Compiled, inputs: &[Fr]) -> U256 {
        let known = compiled.pool.iter().chain(inputs).map(|v| to_u256(*v));
        let known: Vec<U256> = known.collect();
        let mut carried = vec![];
        for (code, words) in compiled.programs.iter().zip(&compiled.outputs) {
            carried = program::run(code, &[&known[..], &carried].concat())
                .unwrap()
                .outputs;
            assert_eq!(carried.len(), *words);
        }
        carried[0].reduce_mod(R)
    }

    #[test]
    fn a_cut_graph_has_the_value_of_the_whole() {
        let mut rng = StdRng::seed_from_u64(7);
        let (dag, root) = graph(&mut rng, 600);
        let whole = compile(&dag, root, INPUTS as usize, usize::MAX).unwrap();
        for share in [1, 2, 3, 5] {
            // A program has its own 100 bytes of constants, and stores what it gives back.
            let limit = whole.programs[0].len() / share + 400;
            let compiled = compile(&dag, root, INPUTS as usize, limit).unwrap();
            assert!(compiled.programs.iter().all(|code| code.len() <= limit));
            assert_eq!(compiled.programs.len() > 1, share > 1);
            assert!(compiled.programs.len() <= share);
            let several = compiled.outputs.iter().filter(|words| **words > 1);
            assert_eq!(several.count(), compiled.programs.len() - 1);
            assert_eq!(compiled.outputs.last(), Some(&1));
            for _ in 0..4 {
                let inputs: Vec<Fr> = (0..INPUTS).map(|_| Fr::random(&mut rng)).collect();
                let value = evaluate(&dag, root, &inputs);
                assert_eq!(run(&compiled, &inputs), to_u256(value), "limit {limit}");
            }
        }
    }

    /// Values at the order's edge, where bounds of carried words are tight.
    #[test]
    fn bounds_hold_from_one_program_to_the_next() {
        let mut rng = StdRng::seed_from_u64(8);
        let inputs = [-Fr::ONE; INPUTS as usize];
        for _ in 0..20 {
            let (dag, root) = graph(&mut rng, 150);
            let compiled = compile(&dag, root, INPUTS as usize, 700).unwrap();
            let value = evaluate(&dag, root, &inputs);
            assert_eq!(run(&compiled, &inputs), to_u256(value));
        }
    }

    // NEGATIVE

    #[test]
    fn programs_too_small_to_hold_an_operation() {
        let (dag, root) = graph(&mut StdRng::seed_from_u64(9), 100);
        for limit in [0, 50, 120] {
            assert!(matches!(
                compile(&dag, root, INPUTS as usize, limit),
                Err(ExportError::TooManyPrograms(_))
            ));
        }
    }
}
