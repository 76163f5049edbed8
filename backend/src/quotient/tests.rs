//! Programs against the protocol's formulas, on both engines, and their bounds.

mod keys;
#[allow(unreachable_pub)]
#[path = "../../benches/quotient/systems.rs"]
mod large;
mod plain;
mod systems;
mod watch;

use super::*;
use halo2_proofs::plonk::Expression;
use plain::{check, sets};
use proptest::prelude::*;
use std::{fmt::Write, fs, path::Path, rc::Rc};
use systems::{Shape, Tree, shape, tree};

proptest! {
    #[test]
    fn random_systems(shape in shape(), k in 3..8u32, compressed: bool, seed: u64) {
        check(&shape.system(compressed), k, seed);
    }

    #[test]
    fn random_gates(
        gates in prop::collection::vec(prop::collection::vec(tree(), 1..20), 1..4),
        k in 3..6u32,
        seed: u64,
    ) {
        check(&Shape { gates, ..Shape::default() }.system(true), k, seed);
    }
}

fn advice(i: usize, r: i32) -> Rc<Tree> {
    Rc::new(Tree::Advice(i, r))
}

/// Checks a system of one gate without selectors' columns that differ.
fn check_gate(gate: Vec<Tree>, k: u32) {
    let gates = vec![gate];
    let shape = Shape {
        gates,
        ..Shape::default()
    };
    check(&shape.system(false), k, 1);
}

#[test]
fn no_constraints() {
    let cs = Shape::default().system(true);
    assert_eq!(Program::compile(&cs).cells(), []);
    check(&cs, 3, 1);
}

#[test]
fn constraints_without_columns() {
    let (two, challenge) = (Rc::new(Tree::Constant(2)), Rc::new(Tree::Challenge(1)));
    let sum = Rc::new(Tree::Sum(two.clone(), challenge.clone()));
    let product = Tree::Product(sum.clone(), challenge.clone());
    let zero = Tree::Difference(sum.clone(), sum);
    check_gate(vec![product, zero, Tree::Negated(two)], 3);
}

/// What cancels when it is multiplied out, in all places where a value is expected.
#[test]
fn values_that_vanish() {
    let sum = Rc::new(Tree::Sum(advice(0, 0), advice(1, 0)));
    let rest = Rc::new(Tree::Difference(sum.clone(), advice(0, 0)));
    let zero = Rc::new(Tree::Difference(rest, advice(1, 0)));
    let gates = [
        Tree::Product(zero.clone(), advice(2, 0)),
        Tree::Product(zero.clone(), zero.clone()),
        Tree::Sum(zero.clone(), advice(2, 0)),
        Tree::Negated(zero.clone()),
        Tree::Product(sum, zero.clone()),
    ];
    for gate in &gates {
        check_gate(vec![gate.clone()], 3);
    }
    check_gate(gates.to_vec(), 3);
    check_gate(vec![Tree::clone(&zero)], 3);
}

/// Rotations that are whole blocks or not, that wrap around, and that are longer than the column.
#[test]
fn rotations() {
    for k in [3, 4, 5, 8] {
        for base in [-300, -64, -8, 0, 8, 40, 256] {
            let cells = (base - 9..base + 10).map(|r| advice(0, r));
            let sum =
                cells.reduce(|a, b| Rc::new(Tree::Sum(Rc::new(Tree::Product(a, advice(1, 0))), b)));
            check_gate(vec![Tree::clone(&sum.unwrap())], k);
        }
    }
}

/// Several tasks for threads, and one that is not whole.
#[test]
fn many_rows() {
    let product = Tree::Product(advice(0, -1), advice(1, 1));
    for k in [9, 10, 11] {
        check_gate(vec![product.clone(), Tree::Advice(3, 700)], k);
    }
}

/// Sums with more terms than one reduction takes, of values that are sums themselves.
#[test]
fn long_sums() {
    let form = |i: i32| {
        (0..12).fold(advice(0, i), |sum, j| {
            Rc::new(Tree::Sum(sum, advice(1, i * 12 + j)))
        })
    };
    let product = |i| Rc::new(Tree::Product(form(i), advice(2, i)));
    let sum = (1..120).fold(product(0), |sum, i| {
        Rc::new(if i % 3 == 0 {
            Tree::Difference(sum, product(i))
        } else {
            Tree::Sum(sum, product(i))
        })
    });
    let linear = (1..300).fold(advice(3, 0), |sum, i| {
        Rc::new(Tree::Difference(sum, advice(3, i)))
    });
    check_gate(vec![Tree::Product(sum, linear)], 9);
}

#[test]
fn permutation_sets() {
    for (permuted, degree) in [(1, 3), (2, 3), (4, 3), (5, 4), (7, 4), (9, 5), (8, 4)] {
        let shape = Shape {
            permuted,
            degree,
            ..Shape::default()
        };
        let cs = shape.system(true);
        assert_eq!(sets(&cs), permuted.div_ceil(degree - 2));
        check(&cs, 5, permuted as u64);
    }
}

#[test]
fn lookups() {
    let pair = |i: usize| (Tree::Advice(i, 0), Tree::Fixed(i % 3, 1));
    for (number, width) in [(1, 1), (2, 2), (3, 4)] {
        let pairs = (0..width).map(pair).collect();
        let shape = Shape {
            lookups: vec![pairs; number],
            ..Shape::default()
        };
        check(&shape.system(true), 4, number as u64);
    }
}

#[test]
fn large_systems() {
    for cs in [large::shared(1), large::machine(1)] {
        check(&cs, 4, 1);
    }
}

/// What programs do, as a file: `UPDATE_GOLDEN=1 cargo test --release -p backend quotient` accepts a change.
#[test]
fn costs() {
    let permutation = Shape {
        permuted: 9,
        degree: 5,
        ..Shape::default()
    };
    let pair = |i| (Tree::Advice(i, 0), Tree::Fixed(i, 0));
    let lookup = Shape {
        lookups: vec![(0..3).map(pair).collect()],
        ..Shape::default()
    };
    let systems = [
        (
            "nine permuted columns in three sets",
            permutation.system(true),
        ),
        ("a lookup of three columns", lookup.system(true)),
        ("1,000 constraints of shared parts", large::shared(1)),
        ("kinds and fingerprints", large::machine(1)),
    ];
    let mut text = String::new();
    for (name, cs) in &systems {
        let stats = Program::compile(cs).stats();
        writeln!(text, "{name}\n{stats:#?}\n").unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/quotient.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        text == golden,
        "{} differs; if that is meant, set UPDATE_GOLDEN",
        file.display()
    );
}

#[test]
#[should_panic(expected = "a selector")]
fn selectors_are_refused() {
    let mut cs = ConstraintSystem::default();
    let selector = cs.selector();
    cs.create_gate("selector", |_| vec![selector.expr() as Expression<Fr>]);
    _ = Program::compile(&cs);
}

fn run_with(rows: usize, advice: &[Column<Fr>]) {
    let mut cs = ConstraintSystem::default();
    let column = cs.advice_column();
    cs.create_gate("cell", |_| vec![column.cur() as Expression<Fr>]);
    let inputs = Inputs {
        rows,
        advice,
        ..Inputs::default()
    };
    let one = Fr::one();
    let scalars = Scalars {
        challenges: &[],
        beta: one,
        gamma: one,
        theta: one,
        y: one,
    };
    _ = Program::compile(&cs).run(watch::Watch, &inputs, &scalars, one);
}

#[test]
#[should_panic(expected = "rows of Advice(0)")]
fn columns_of_another_length_are_refused() {
    run_with(16, &[Column::zeros(8)]);
}

#[test]
#[should_panic(expected = "no Advice(0)")]
fn missing_columns_are_refused() {
    run_with(16, &[]);
}

#[test]
#[should_panic(expected = "a power of two")]
fn odd_numbers_of_rows_are_refused() {
    run_with(24, &[Column::zeros(24)]);
}
