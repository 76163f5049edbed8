//! Verifying keys in the form that the L1 contract `Verifier` reads, and the same verification in Rust.
//!
//! A key is the code of a few contracts: a *head* of data (commitments, queries, rotation sets, transcript layout,
//! constants) behind a STOP byte, and one or more *programs*, straight-line arithmetic code that folds the
//! constraint polynomials; each hands the values that later ones need to the next. [`export`] makes them from a halo2 verifying key, [`verify_with_key_data`] checks a
//! proof from nothing but those bytes, step by step as the contract does. The format is described in the book.

mod cut;
mod dag;
mod layout;
mod mirror;
mod program;
mod share;

use alloy_primitives::U256;
use ff::PrimeField;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{ConstraintSystem, Expression, VerifyingKey},
    poly::kzg::commitment::ParamsKZG,
};

use cut::Compiled;
use dag::{Dag, Id};
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
    /// Words that programs hand to the next one, all together.
    pub carried_words: usize,
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
    /// The constraint program is cut into more programs than the format holds.
    #[error("the constraint program takes {0} bytes of code, which do not fit 15 contracts")]
    TooManyPrograms(usize),
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

/// The value of `expression` as a node of `dag`, whose inputs are numbered by `layout`.
fn build(dag: &mut Dag, layout: &Layout, expression: &Expression<Fr>) -> Result<Id, ExportError> {
    let input = |dag: &mut Dag, slot: Option<u32>| {
        let slot = slot.ok_or(ExportError::Unsupported(
            "a query that the key does not list",
        ))?;
        Ok(dag.input(slot))
    };
    match expression {
        Expression::Constant(c) => Ok(dag.constant(*c)),
        Expression::Selector(_) => Err(ExportError::Unsupported("an uncompressed selector")),
        Expression::Fixed(q) => input(dag, layout.fixed_slot(q.column_index(), q.rotation().0)),
        Expression::Advice(q) => input(dag, layout.advice_slot(q.column_index(), q.rotation().0)),
        Expression::Instance(q) => input(dag, layout.instance_slot(q.rotation().0)),
        Expression::Challenge(c) => input(dag, layout.challenge_slot(c.index())),
        Expression::Negated(e) => {
            let e = build(dag, layout, e)?;
            Ok(dag.neg(e))
        }
        Expression::Sum(a, b) => {
            let (a, b) = (build(dag, layout, a)?, build(dag, layout, b)?);
            Ok(dag.add(a, b))
        }
        Expression::Product(a, b) => {
            let (a, b) = (build(dag, layout, a)?, build(dag, layout, b)?);
            Ok(dag.mul(a, b))
        }
        Expression::Scaled(e, c) => {
            let (e, c) = (build(dag, layout, e)?, dag.constant(*c));
            Ok(dag.mul(e, c))
        }
    }
}

/// A constraint system compiled, before there is a key.
struct Draft {
    layout: Layout,
    compiled: Compiled,
    figures: KeyFigures,
}

fn draft(
    cs: &ConstraintSystem<Fr>,
    public_values: usize,
    program_bytes: usize,
) -> Result<Draft, ExportError> {
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
    let mut dag = Dag::default();
    let values = polynomials
        .iter()
        .map(|e| build(&mut dag, &layout, e))
        .collect::<Result<Vec<_>, _>>()?;
    let y = dag.input(layout.y_slot());
    let root = dag.fold(&values, y);
    let (dag, root) = share::share(dag, root);
    let compiled = cut::compile(&dag, root, layout.input_words(), program_bytes)?;
    let figures = KeyFigures {
        field_operations: dag.order(root).len(),
        evaluations: layout.evaluations(),
        advice_columns: cs.num_advice_columns(),
        polynomials: polynomials.len(),
        scalar_multiplications: layout.commitments() + 3,
        proof_bytes: layout.proof_bytes(),
        head_bytes: layout.head_bytes(compiled.pool.len()),
        program_bytes: compiled.programs.iter().map(Vec::len).sum(),
        carried_words: compiled.outputs.iter().sum::<usize>() - 1,
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
    draft(cs, public_values, MAX_CODE_BYTES).map(|d| d.figures)
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
    export_within(params, vk, public_values, MAX_CODE_BYTES)
}

/// As [`export`], in programs of at most `program_bytes` bytes of code.
///
/// # Errors
///
/// As [`export`].
pub fn export_within(
    params: &ParamsKZG<Bn256>,
    vk: &VerifyingKey<G1Affine>,
    public_values: usize,
    program_bytes: usize,
) -> Result<(ContractKey, KeyFigures), ExportError> {
    let Draft {
        layout,
        compiled,
        figures,
    } = draft(vk.cs(), public_values, program_bytes)?;
    let head = layout.head(params, vk, &compiled.pool, &compiled.outputs)?;
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
