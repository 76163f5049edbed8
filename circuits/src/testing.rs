//! What chip tests share: a start kind, and one real proof.

use crate::{
    Fr,
    buses::Buses,
    framework::{
        Bus, BusKind, Cell, KindId, Machine, MachineBuilder, State, checker,
        circuit::MachineCircuit, table::Table, trace::Trace,
    },
};
use alloy_primitives::U256;
use ff::Field;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, G1Affine},
    plonk::{Expression, create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::{
        commitment::ParamsProver,
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
    transcript::{
        Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
    },
};
use protocol::field::split_word;
use rand::{SeedableRng, rngs::StdRng};
use std::{collections::HashMap, sync::Arc};

/// Declares a start row that binds two free cells to the public values and opens nothing else.
pub(crate) fn start_kind(b: &mut MachineBuilder) -> (KindId, Cell, Cell) {
    let mut k = b.kind("test.start", 1);
    let (high, low) = (k.cell("high", 0), k.cell("low", 0));
    let id = k.enter(&[State::START]).finish();
    b.bind_instance(id, high, low);
    (id, high, low)
}

/// A machine of the main layout with the shared buses, a start row and what `define` adds to it.
pub(crate) fn machine_with<C>(
    define: impl FnOnce(&mut MachineBuilder, &Buses) -> C,
) -> (Arc<Machine>, KindId, C) {
    let mut b = MachineBuilder::new(crate::LAYOUT);
    let buses = Buses::declare(&mut b);
    let (start, ..) = start_kind(&mut b);
    let chips = define(&mut b, &buses);
    (Arc::new(b.build()), start, chips)
}

/// A machine of one chip and a kind that asks it.
pub(crate) struct Asked<C> {
    pub(crate) machine: Arc<Machine>,
    pub(crate) start: KindId,
    /// The kind, and the message that it sends.
    pub(crate) ask: KindId,
    pub(crate) question: Vec<Cell>,
    pub(crate) chip: C,
}

impl<C> Asked<C> {
    /// The kind requires facts of `width` values of a bus.
    pub(crate) fn of(
        define: impl FnOnce(&mut MachineBuilder, &Buses) -> C,
        bus: impl FnOnce(&Buses) -> Bus,
        width: usize,
    ) -> Self {
        let (machine, start, (chip, ask, question)) = machine_with(|b, buses| {
            let chip = define(b, buses);
            let mut k = b.kind("test.ask", 1);
            let question = k.cells("question", 0, width);
            let message = question.iter().map(|c| c.expr()).collect();
            k.require(bus(buses), 1, message);
            (chip, k.finish(), question)
        });
        Self {
            machine,
            start,
            ask,
            question,
            chip,
        }
    }
    /// A trace that begins with these questions.
    pub(crate) fn questions(&self, asked: impl IntoIterator<Item = Vec<Fr>>) -> Trace<'_> {
        let mut t = Trace::new(&self.machine);
        t.push(self.start);
        for message in asked {
            t.push(self.ask).set_all(&self.question, message);
        }
        t
    }
    /// What stands against a forgery. Multiplicities of fixed tables do not count: a forger would adjust them.
    pub(crate) fn against(&self, table: &Table) -> Vec<String> {
        let failures = match checker::check(&self.machine, table, 100) {
            Ok(_) => panic!("the checker accepted a bad table"),
            Err(failures) => failures,
        };
        let all = failures.into_iter().map(|f| f.relation);
        all.filter(|f| !f.starts_with("multiplicity in table"))
            .collect()
    }
}

/// A message of a code and the halves of words.
pub(crate) fn answer(code: u64, words: [U256; 3]) -> Vec<Fr> {
    let halves = words.map(split_word);
    let halves = halves.iter().flat_map(|(hi, lo)| [*hi, *lo]);
    std::iter::once(Fr::from(code)).chain(halves).collect()
}

/// Lines of a golden file: what a kind is made of, and what its chip costs alone and beside others.
pub(crate) fn cost_lines<C>(
    define: impl Fn(&mut MachineBuilder, &Buses) -> C,
    kind: impl FnOnce(&C) -> KindId,
) -> Vec<String> {
    let (bare, ..) = machine_with(|_, _| ());
    let (machine, _, chip) = machine_with(&define);
    let kind = &machine.kinds[kind(&chip).0];
    let mut lines = vec![
        format!(
            "{}: {} cells, {} look-ups, {} messages, {} constraints",
            kind.name,
            kind.cells.len(),
            kind.lookups.len(),
            kind.messages.len(),
            kind.constraints.len()
        ),
        format!(
            "field operations alone: {}",
            operations(&machine) - operations(&bare)
        ),
        "beside kinds that use every slot:".into(),
    ];
    lines.extend(marginal_costs(define));
    lines
}

/// Field operations of all gates of a machine, equal subexpressions counted once; folding the gates is not counted.
pub(crate) fn operations(machine: &Arc<Machine>) -> usize {
    fn number(e: &Expression<Fr>, seen: &mut HashMap<String, usize>, ops: &mut usize) -> usize {
        let (key, costs) = match e {
            Expression::Negated(a) => return number(a, seen, ops),
            Expression::Sum(a, b) => {
                let (a, b) = (number(a, seen, ops), number(b, seen, ops));
                (format!("{} + {}", a.min(b), a.max(b)), true)
            }
            Expression::Product(a, b) => {
                let (a, b) = (number(a, seen, ops), number(b, seen, ops));
                (format!("{} * {}", a.min(b), a.max(b)), true)
            }
            Expression::Scaled(a, c) => {
                let a = number(a, seen, ops);
                (format!("{a} by {c:?}"), *c != Fr::ONE && *c != -Fr::ONE)
            }
            leaf => (format!("{leaf:?}"), false),
        };
        let next = seen.len();
        *seen.entry(key).or_insert_with(|| {
            *ops += usize::from(costs);
            next
        })
    }
    let (mut seen, mut ops) = (HashMap::new(), 0);
    let cs = machine.constraint_system();
    for p in cs.gates().iter().flat_map(|g| g.polynomials()) {
        number(p, &mut seen, &mut ops);
    }
    ops
}

/// What a chip adds to a machine whose every slot is in use already: field operations and queries of advice columns.
pub(crate) fn marginal_costs<C>(
    define: impl FnOnce(&mut MachineBuilder, &Buses) -> C,
) -> [String; 2] {
    let busy = |b: &mut MachineBuilder| {
        let range = crate::tables::range13(b);
        let bus = b.bus("test.busy", BusKind::Fact, 12);
        let mut k = b.kind("test.busy", 1);
        let cells = k.lookups("v", 0, range, crate::LAYOUT.narrow);
        for i in 0..40 {
            k.constrain("busy", cells[i % 33]);
        }
        for _ in 0..crate::LAYOUT.wide {
            k.require(bus, 1, cells[..12].iter().map(|c| c.expr()).collect());
        }
        k.finish();
    };
    let (without, ..) = machine_with(|b, _| busy(b));
    let (with, ..) = machine_with(|b, buses| {
        busy(b);
        define(b, buses);
    });
    let queries = |m: &Arc<Machine>| m.constraint_system().advice_queries().len();
    [
        format!(
            "field operations: {}",
            operations(&with) - operations(&without)
        ),
        format!(
            "queries of advice columns: {}",
            queries(&with) - queries(&without)
        ),
    ]
}

/// Panics unless the lines are those of `circuits/golden/NAME.txt`; with the variable `UPDATE_GOLDEN` set it writes them.
pub(crate) fn assert_golden(name: &str, lines: &[String]) {
    let path = format!("{}/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    assert_text(&path, &(lines.join("\n") + "\n"));
}

/// The same for a whole file.
pub(crate) fn assert_text(path: &str, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        golden == text,
        "{path} is not what the source says: set UPDATE_GOLDEN to accept the change"
    );
}

/// Panics with the failures, readable, unless the table holds.
pub(crate) fn assert_holds(machine: &Machine, table: &Table) -> checker::Report {
    checker::check(machine, table, 10).unwrap_or_else(|failures| {
        let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
        panic!("the table does not hold:\n{}", all.join("\n"))
    })
}

/// Panics unless the checker rejects the table; gives the first failure.
pub(crate) fn assert_fails(machine: &Machine, table: &Table) -> checker::Failure {
    match checker::check(machine, table, 1) {
        Ok(_) => panic!("the checker accepted a bad table"),
        Err(failures) => failures[0].clone(),
    }
}

/// Proves the table for real and verifies the proof; false if the verifier refuses it.
pub(crate) fn prove_and_verify(machine: &Arc<Machine>, table: &Table, k: u32) -> bool {
    let params = ParamsKZG::<Bn256>::setup(k, StdRng::seed_from_u64(7));
    let empty = MachineCircuit::new(machine.clone(), k);
    let vk = keygen_vk(&params, &empty).expect("verifying key");
    let pk = keygen_pk(&params, vk, &empty).expect("proving key");
    let circuit = MachineCircuit::with_table(machine.clone(), k, Arc::new(table.clone()));
    let instance: &[Fr] = &table.instance;
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(vec![]);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        &params,
        &pk,
        &[circuit],
        &[&[instance]],
        StdRng::seed_from_u64(8),
        &mut transcript,
    )
    .expect("a proof");
    let proof = transcript.finalize();
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&proof[..]);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params.verifier_params(),
        pk.get_vk(),
        SingleStrategy::new(&params),
        &[&[instance]],
        &mut transcript,
    )
    .is_ok()
}
