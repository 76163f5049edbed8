//! Verifying keys in the form that the L1 contract `Verifier` reads, and the same verification in Rust.
//!
//! A key is the code of a few contracts: a *head* of data (commitments, queries, rotation sets, transcript layout,
//! constants) behind a STOP byte, and one or more *programs*, straight-line arithmetic code that folds the
//! constraint polynomials. [`export`] makes them from a halo2 verifying key, [`verify_with_key_data`] checks a
//! proof from nothing but those bytes, step by step as the contract does. The format is described in the book.

mod dag;
mod layout;
mod mirror;
mod program;

use alloy_primitives::U256;
use ff::PrimeField;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{ConstraintSystem, Expression, VerifyingKey},
    poly::kzg::commitment::ParamsKZG,
};

use dag::{Dag, Id, Node};
use layout::Layout;
pub use mirror::verify_with_key_data;

/// Order of BN254's scalar field.
const R: U256 = U256::from_limbs([
    0x43e1f593f0000001,
    0x2833e84879b97091,
    0xb85045b68181585d,
    0x30644e72e131a029,
]);

/// Largest code of a contract in bytes (EIP-170).
pub const MAX_CODE_BYTES: usize = 24_576;

/// A verifying key as the runtime code of the contracts that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractKey {
    /// STOP, then the head's data.
    pub head: Vec<u8>,
    /// Constraint programs in the order in which they run.
    pub programs: Vec<Vec<u8>>,
}

/// What a key costs: figures that golden files and the user's budget show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyFigures {
    /// Additions, subtractions, negations and products of the constraint program, each shared value once.
    pub field_operations: usize,
    /// Evaluations in the proof, the random polynomial's included.
    pub evaluations: usize,
    /// Advice columns, all phases.
    pub advice_columns: usize,
    /// Gate polynomials.
    pub polynomials: usize,
    /// Commitments that the contract multiplies by a scalar, the generator and both openings included.
    pub scalar_multiplications: usize,
    /// Bytes of a proof.
    pub proof_bytes: usize,
    /// Code bytes of the head.
    pub head_bytes: usize,
    /// Code bytes of all programs together.
    pub program_bytes: usize,
    /// Gas that the programs use, calls not counted; it does not depend on the proof.
    pub program_gas: u64,
}

/// Why a verifying key cannot be exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The circuit uses an argument that the contract does not check.
    #[error("the circuit uses {0}, which the contract does not verify")]
    Unsupported(&'static str),
    /// An advice column is committed but never opened, so nothing would check its commitment.
    #[error("advice column {0} is queried by no constraint")]
    UnqueriedColumn(usize),
    /// A constraint of higher degree than the system allows for.
    #[error("a constraint has degree {degree}, the quotient holds {limit}")]
    Degree {
        /// The constraint's degree.
        degree: usize,
        /// The constraint system's degree.
        limit: usize,
    },
    /// A commitment is opened at more points than the format holds.
    #[error("a column is queried at {0} rotations, at most 13 fit")]
    TooManyRotations(usize),
    /// The head exceeds the limit of a contract's code.
    #[error("the key's head takes {0} bytes, a contract holds {MAX_CODE_BYTES}")]
    HeadTooLarge(usize),
    /// The contract's memory does not reach far enough.
    #[error("the key needs {0} bytes of the contract's memory, 65536 can be addressed")]
    MemoryTooLarge(usize),
    /// An expression needs more than the EVM's stack reaches.
    #[error("a constraint is nested too deeply for the stack")]
    ExpressionTooDeep,
    /// A single constraint does not fit a contract's code.
    #[error("a single constraint takes {0} bytes of code, a contract holds {MAX_CODE_BYTES}")]
    ConstraintTooLarge(usize),
}

/// Why [`verify_with_key_data`] refuses; the contract reverts with the error of the same meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The head is not one, or the number of programs is not the head's.
    #[error("the key's data is not a verifying key of this format")]
    InvalidKey,
    /// A program holds an instruction that is not permitted, or ends early.
    #[error("a constraint program is malformed at byte {offset}")]
    Program {
        /// Offset of the instruction.
        offset: usize,
    },
    /// Number of public values, or one of them not below the field's order.
    #[error("the public values do not fit the key")]
    InvalidInstance,
    /// The proof's length.
    #[error("the proof has {actual} bytes, the key's proofs have {expected}")]
    InvalidProofLength {
        /// Bytes of every proof under this key.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// An evaluation not below the scalar field's order.
    #[error("an evaluation is not below the scalar field's order")]
    InvalidScalar,
    /// A point with a coordinate not below the base field's order, or off the curve.
    #[error("a point is not on the curve")]
    InvalidPoint,
    /// A challenge for which the equations are not defined.
    #[error("a challenge is degenerate")]
    DegenerateChallenge,
    /// The statement is not proven.
    #[error("the proof is rejected")]
    ProofRejected,
}

fn to_u256(value: Fr) -> U256 {
    U256::from_le_bytes::<32>(value.to_repr())
}

fn bits(value: Fr) -> usize {
    to_u256(value).bit_len()
}

struct Inputs<'a> {
    layout: &'a Layout,
    slots: u32,
}

impl Inputs<'_> {
    fn build(&self, dag: &mut Dag, expression: &Expression<Fr>) -> Result<Id, ExportError> {
        let missing = ExportError::Unsupported("a query that the key does not list");
        Ok(match expression {
            Expression::Constant(c) => dag.constant(*c),
            Expression::Selector(_) => {
                return Err(ExportError::Unsupported("an uncompressed selector"));
            }
            Expression::Fixed(q) => {
                let at = self
                    .layout
                    .fixed_slot(q.column_index(), q.rotation().0)
                    .ok_or(missing)?;
                dag.input(self.slots + at)
            }
            Expression::Advice(q) => {
                let at = self
                    .layout
                    .advice_slot(q.column_index(), q.rotation().0)
                    .ok_or(missing)?;
                dag.input(self.slots + at)
            }
            Expression::Instance(q) => {
                let at = self.layout.instance_slot(q.rotation().0).ok_or(missing)?;
                dag.input(self.slots + at)
            }
            Expression::Challenge(c) => {
                let at = self.layout.challenge_slot(c.index()).ok_or(missing)?;
                dag.input(self.slots + at)
            }
            Expression::Negated(e) => {
                let e = self.build(dag, e)?;
                dag.neg(e)
            }
            Expression::Sum(a, b) => {
                let (a, b) = (self.build(dag, a)?, self.build(dag, b)?);
                dag.add(a, b)
            }
            Expression::Product(a, b) => {
                let (a, b) = (self.build(dag, a)?, self.build(dag, b)?);
                dag.mul(a, b)
            }
            Expression::Scaled(e, c) => {
                let (e, c) = (self.build(dag, e)?, dag.constant(*c));
                dag.mul(e, c)
            }
        })
    }
}

/// The constants below `root` that lie in the input.
fn pooled(dag: &Dag, root: Id, pool: &mut Vec<Fr>) {
    for (id, uses) in dag.uses(root).into_iter().enumerate() {
        if let Node::Constant(c) = dag.node(id as Id)
            && uses > 0
            && program::is_pooled(c)
            && !pool.contains(&c)
        {
            pool.push(c);
        }
    }
}

/// Compiled programs with the pool they read.
struct Compiled {
    programs: Vec<Vec<u8>>,
    pool: Vec<Fr>,
    operations: usize,
    gas: u64,
}

/// Compiles one program for each of the consecutive `chunks` of the polynomials.
fn compile_chunks(chunks: &[&[&Expression<Fr>]], layout: &Layout) -> Result<Compiled, ExportError> {
    // Input slots count from the end of the pool, whose size the first pass finds.
    let mut pool = vec![];
    loop {
        let slots = pool.len() as u32;
        let inputs = Inputs { layout, slots };
        let (mut roots, mut found) = (vec![], pool.clone());
        for (i, chunk) in chunks.iter().enumerate() {
            let mut dag = Dag::default();
            let chunk = chunk
                .iter()
                .map(|e| inputs.build(&mut dag, e))
                .collect::<Result<Vec<_>, _>>()?;
            let y = dag.input(slots + layout.y_slot());
            let start = (i > 0).then(|| dag.input(slots));
            let root = dag.fold(start, &chunk, y);
            pooled(&dag, root, &mut found);
            roots.push((dag, root));
        }
        if found.len() > pool.len() {
            pool = found;
            continue;
        }
        let slot = |c: Fr| pool.iter().position(|p| *p == c).unwrap_or(0) as u32;
        let (mut programs, mut operations, mut gas) = (vec![], 0, 0);
        let input = vec![U256::ONE; pool.len() + layout.input_words()];
        for (dag, root) in &roots {
            let code = program::compile(dag, *root, &slot)?;
            operations += dag.operations(*root);
            gas += program::run(&code, &input)
                .map_err(|_| ExportError::ExpressionTooDeep)?
                .gas;
            programs.push(code);
        }
        return Ok(Compiled {
            programs,
            pool,
            operations,
            gas,
        });
    }
}

impl Compiled {
    fn largest(&self) -> usize {
        self.programs.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// Compiles the polynomials to as few programs as their code fits. Programs share no values, so two of them are cut where
/// that costs least; beyond two, each takes as many polynomials as it can.
fn compile(polynomials: &[&Expression<Fr>], layout: &Layout) -> Result<Compiled, ExportError> {
    let whole = compile_chunks(&[polynomials], layout)?;
    if whole.largest() <= MAX_CODE_BYTES {
        return Ok(whole);
    }
    let mut best: Option<Compiled> = None;
    for at in 1..polynomials.len() {
        let (first, second) = polynomials.split_at(at);
        let compiled = compile_chunks(&[first, second], layout)?;
        let fits = compiled.largest() <= MAX_CODE_BYTES;
        if fits && best.as_ref().is_none_or(|b| compiled.gas < b.gas) {
            best = Some(compiled);
        }
    }
    if let Some(best) = best {
        return Ok(best);
    }
    let (mut chunks, mut rest) = (vec![], polynomials);
    while !rest.is_empty() {
        let mut taken = 0;
        for n in 1..=rest.len() {
            let size = compile_chunks(&[&[], &rest[..n]], layout)?.largest();
            if size > MAX_CODE_BYTES {
                if n == 1 {
                    return Err(ExportError::ConstraintTooLarge(size));
                }
                break;
            }
            taken = n;
        }
        let (chunk, others) = rest.split_at(taken);
        chunks.push(chunk);
        rest = others;
    }
    compile_chunks(&chunks, layout)
}

/// A constraint system compiled, before there is a key.
struct Draft {
    layout: Layout,
    compiled: Compiled,
    figures: KeyFigures,
}

fn draft(cs: &ConstraintSystem<Fr>, public_values: usize) -> Result<Draft, ExportError> {
    if !cs.permutation().get_columns().is_empty() {
        return Err(ExportError::Unsupported("a permutation argument"));
    }
    if !cs.lookups().is_empty() {
        return Err(ExportError::Unsupported("a lookup argument"));
    }
    let polynomials: Vec<_> = cs.gates().iter().flat_map(|g| g.polynomials()).collect();
    let limit = cs.degree();
    if let Some(degree) = polynomials.iter().map(|p| p.degree()).find(|d| *d > limit) {
        return Err(ExportError::Degree { degree, limit });
    }
    let layout = Layout::new(cs, public_values)?;
    let compiled = compile(&polynomials, &layout)?;
    let figures = KeyFigures {
        field_operations: compiled.operations,
        evaluations: layout.evaluations(),
        advice_columns: cs.num_advice_columns(),
        polynomials: polynomials.len(),
        scalar_multiplications: layout.commitments() + 3,
        proof_bytes: layout.proof_bytes(),
        head_bytes: layout.head_bytes(compiled.pool.len()),
        program_bytes: compiled.programs.iter().map(Vec::len).sum(),
        program_gas: compiled.gas,
    };
    Ok(Draft {
        layout,
        compiled,
        figures,
    })
}

/// What the key of a constraint system without selectors will cost, before keys are made.
///
/// # Errors
///
/// As [`export`].
pub fn figures(cs: &ConstraintSystem<Fr>, public_values: usize) -> Result<KeyFigures, ExportError> {
    draft(cs, public_values).map(|d| d.figures)
}

/// Exports a verifying key for the contract.
///
/// `public_values` is the number of values in the instance column, which halo2's key does not know.
///
/// # Errors
///
/// The circuit has permutation or lookup arguments or several instance columns, or does not fit the format.
pub fn export(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    public_values: usize,
) -> Result<(ContractKey, KeyFigures), ExportError> {
    let Draft {
        layout,
        compiled,
        figures,
    } = draft(vk.cs(), public_values)?;
    let head = layout.head(params, vk, &compiled.pool, compiled.programs.len())?;
    Ok((
        ContractKey {
            head,
            programs: compiled.programs,
        },
        figures,
    ))
}

impl crate::VerifyingKey {
    /// The key as the contract keeps it, and what it costs there.
    ///
    /// # Errors
    ///
    /// As [`export`].
    pub fn contract_key(&self) -> Result<(ContractKey, KeyFigures), ExportError> {
        export(self.params(), self.inner(), self.public_values())
    }
}
