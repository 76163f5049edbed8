use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::progress::Silent;
use crate::toy::{Shape, Toy};
use halo2_proofs::plonk::Circuit;

static BUILT: AtomicUsize = AtomicUsize::new(0);

fn segment(index: u32, shape: Shape, built: &'static AtomicUsize) -> Segment<Toy> {
    let (toy, public) = Toy::new(shape);
    Segment {
        id: SegmentId {
            batch: 7,
            index,
            count: 3,
        },
        blank: toy.without_witnesses(),
        public,
        metadata: vec![index as u8],
        rows_used: Some(17),
        build: Box::new(move || {
            built.fetch_add(1, Ordering::Relaxed);
            Ok(toy)
        }),
    }
}

fn shapes() -> [Shape; 3] {
    let base = Shape::default();
    // The second differs in a fixed column, so that it has keys of its own; the third is larger.
    [base, Shape { offset: 1, ..base }, Shape { k: 7, ..base }]
}

fn all(built: &'static AtomicUsize) -> Vec<Segment<Toy>> {
    shapes()
        .into_iter()
        .zip(0..)
        .map(|(shape, index)| segment(index, shape, built))
        .collect()
}

fn run(prover: &Prover, proofs: &Path, built: &'static AtomicUsize) -> Vec<ProvenSegment> {
    prover
        .prove_segments(all(built), proofs, &|_, _| (), &Silent)
        .unwrap()
}

// POSITIVE

#[test]
fn segments_are_proven_in_order_kept_and_not_proven_again() {
    let dir = tempfile::tempdir().unwrap();
    let proofs = dir.path().join("proofs");
    let prover = Prover::new(dir.path(), SrsLabel::development());
    let announced = Mutex::new(Vec::new());
    let updates = Mutex::new(Vec::<Update>::new());
    let first = prover
        .prove_segments(
            all(&BUILT),
            &proofs,
            &|id, budget| announced.lock().unwrap().push((id.index, budget.rows_used)),
            &|u: &Update| updates.lock().unwrap().push(u.clone()),
        )
        .unwrap();
    assert_eq!(
        first
            .iter()
            .map(|p| p.file.segment.index)
            .collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert!(
        first
            .iter()
            .all(|p| p.seconds.is_some() && !p.timings.is_empty())
    );
    assert_eq!(
        *announced.lock().unwrap(),
        [(0, Some(17)), (1, Some(17)), (2, Some(17))]
    );
    assert_eq!(BUILT.load(Ordering::Relaxed), 3);
    for (shape, proven) in shapes().into_iter().zip(&first) {
        let (toy, public) = Toy::new(shape);
        assert_eq!(proven.file.public, public);
        prover
            .verifying_key(&toy, &Silent)
            .unwrap()
            .verify_file(&proven.file)
            .unwrap();
    }
    let updates = updates.into_inner().unwrap();
    assert!(
        updates
            .windows(2)
            .all(|w| w[0].fraction <= w[1].fraction + 1e-9)
    );
    assert_eq!(updates.iter().filter(|u| u.finished).count(), 1);
    assert!(updates.last().unwrap().finished);
    assert!(updates.iter().any(|u| u.subject == "segment 2 of 3"));
    // A new process: everything is found again.
    let again = run(
        &Prover::new(dir.path(), SrsLabel::development()),
        &proofs,
        &BUILT,
    );
    assert!(
        again
            .iter()
            .zip(&first)
            .all(|(a, b)| a.file == b.file && a.seconds.is_none())
    );
    assert_eq!(BUILT.load(Ordering::Relaxed), 3);
    assert!(prover.budget(&Toy::new(Shape::default()).0).measured);
}

// NEGATIVE

#[test]
fn a_kept_proof_that_is_damaged_or_of_another_statement_is_proven_again() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let dir = tempfile::tempdir().unwrap();
    let prover = Prover::new(dir.path(), SrsLabel::development());
    let first = run(&prover, dir.path(), &COUNT);
    let path = |i: usize| Prover::proof_path(dir.path(), first[i].file.segment);
    let change = |i: usize, edit: &dyn Fn(&mut ProofFile)| {
        let mut file = first[i].file.clone();
        edit(&mut file);
        file.write(&path(i)).unwrap();
    };
    let mut expect = 3;
    let mut again = |expect_more: usize| {
        expect += expect_more;
        let proven = run(&prover, dir.path(), &COUNT);
        assert_eq!(COUNT.load(Ordering::Relaxed), expect);
        assert!(
            proven
                .iter()
                .zip(&first)
                .all(|(a, b)| a.file.public == b.file.public)
        );
    };
    again(0);
    fs::write(path(0), b"not a proof").unwrap();
    again(1);
    change(1, &|f| f.proof[0] ^= 1);
    again(1);
    change(1, &|f| f.public[0] += Fr::one());
    again(1);
    change(2, &|f| f.segment.batch += 1);
    again(1);
    change(2, &|f| f.circuit.0[0] ^= 1);
    again(1);
    again(0);
}

#[test]
fn a_witness_that_fails_names_the_segment_and_leaves_the_others() {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let dir = tempfile::tempdir().unwrap();
    let prover = Prover::new(dir.path(), SrsLabel::development());
    let mut segments = all(&COUNT);
    segments[1].build = Box::new(|| Err("transaction 4 runs code".into()));
    let error = prover
        .prove_segments(segments, dir.path(), &|_, _| (), &Silent)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("segment 2 of 3 of batch 7") && error.contains("transaction 4"),
        "{error}"
    );
    assert!(
        Prover::proof_path(
            dir.path(),
            SegmentId {
                batch: 7,
                index: 0,
                count: 3
            }
        )
        .exists()
    );
    run(&prover, dir.path(), &COUNT);
    assert_eq!(
        COUNT.load(Ordering::Relaxed),
        3,
        "the first segment is not proven twice"
    );
}

#[test]
fn a_string_that_was_not_imported() {
    let dir = tempfile::tempdir().unwrap();
    let label = crate::srs::tests::foreign(3).label();
    let prover = Prover::new(dir.path(), label);
    let error = prover
        .load(&Toy::new(Shape::default()).0, &Silent)
        .unwrap_err();
    assert!(matches!(
        error,
        ProverError::Srs(SrsError::NotImported { .. })
    ));
}
