//! Transforms of one column and of 32: values to coefficients (`interpolate`), and coefficients to values on a coset (`evaluate`). With both
//! engines, by `halo2-axiom`'s domain, and by the fastest other libraries that we found: `best_fft` of `halo2curves`, `ark-poly`, and `p3-dft`, which
//! transforms the rows of a matrix. Each works in place as far as it can, and on all cores in the way that suits it.
#![allow(missing_docs)]

#[path = "ntt/others.rs"]
mod others;

use backend::{
    column::Column,
    engine::{Engine, WithEngine, choices, with_engine},
    ntt::{Coset, Ntt, omega},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ff::{Field, WithSmallOrderMulGroup};
use halo2_proofs::{halo2curves::bn256::Fr, poly::EvaluationDomain};
use rand::{SeedableRng, rngs::StdRng};

/// The coset is this times the domain.
const SHIFT: Fr = Fr::ZETA;

/// Columns that are all the same, in a library's own form.
trait Columns {
    /// From values on the domain to coefficients.
    fn interpolate(&mut self);
    /// From coefficients to values on the coset.
    fn evaluate(&mut self);
    /// Whether each column is this.
    fn are(&self, expected: &[Fr]) -> bool;
}

/// What is transformed, and into what.
struct Case {
    k: u32,
    columns: usize,
    values: Vec<Fr>,
    coefficients: Vec<Fr>,
    on_coset: Vec<Fr>,
}

impl Case {
    fn new(k: u32, columns: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let values: Vec<_> = (0..1 << k).map(|_| Fr::random(&mut rng)).collect();
        let domain = EvaluationDomain::new(1, k);
        let coefficients = domain.lagrange_to_coeff(domain.lagrange_from_vec(values.clone()));
        // The library's factor is on top of its own shift, which is the same.
        let on_coset = domain.coeff_to_extended_part(coefficients.clone(), Fr::ONE);
        Self {
            k,
            columns,
            values,
            coefficients: coefficients.to_vec(),
            on_coset: on_coset.to_vec(),
        }
    }

    /// The same for a library that takes another root of unity for the generator of the domain: values are in the order of its powers.
    fn reordered(&self, is_generator: impl Fn(&Fr) -> bool) -> Self {
        let omega = omega(self.k);
        let mut powers = std::iter::successors(Some(omega), |x| Some(x * omega));
        let step = 1 + powers.position(|x| is_generator(&x)).unwrap();
        let order = |values: &[Fr]| {
            let n = values.len();
            (0..n).map(|i| values[i * step % n]).collect()
        };
        Self {
            values: order(&self.values),
            coefficients: self.coefficients.clone(),
            on_coset: order(&self.on_coset),
            ..*self
        }
    }

    fn bench<C: Columns>(&self, c: &mut Criterion, name: &str, new: impl Fn(&Self) -> C) {
        // Made and compared once, when the filter lets one of both through.
        let mut made = None;
        let make = || {
            let mut columns = new(self);
            columns.interpolate();
            assert!(columns.are(&self.coefficients), "{name}");
            columns.evaluate();
            assert!(columns.are(&self.on_coset), "{name}");
            columns
        };
        for (what, run) in [
            ("interpolate", C::interpolate as fn(&mut C)),
            ("evaluate", C::evaluate),
        ] {
            let (k, columns) = (self.k, self.columns);
            let mut group = c.benchmark_group(format!("{what}, k = {k}, {columns} columns"));
            group.sample_size(10);
            group.throughput(Throughput::Elements((columns << k) as u64));
            group.bench_function(name, |b| {
                let columns = made.get_or_insert_with(make);
                b.iter(|| run(columns));
            });
            group.finish();
        }
    }
}

struct Ours<E: Engine> {
    engine: E,
    ntt: Ntt<E>,
    coset: Coset<E>,
    columns: Vec<Column<Fr>>,
    other: Vec<Column<Fr>>,
}

impl<E: Engine> Ours<E> {
    fn new(engine: E, case: &Case) -> Self {
        let ntt = Ntt::new(engine, case.k);
        let coset = ntt.coset(SHIFT);
        let columns = vec![Column::import(engine, &case.values); case.columns];
        Self {
            engine,
            ntt,
            coset,
            other: columns.clone(),
            columns,
        }
    }
}

impl<E: Engine> Columns for Ours<E> {
    fn interpolate(&mut self) {
        self.ntt.interpolate(&mut self.columns);
    }
    fn evaluate(&mut self) {
        let from: Vec<_> = self.columns.iter().collect();
        self.coset.evaluate_into(&from, &mut self.other);
        std::mem::swap(&mut self.columns, &mut self.other);
    }
    fn are(&self, expected: &[Fr]) -> bool {
        let mut columns = self.columns.iter();
        columns.all(|c| c.export(self.engine) == expected)
    }
}

struct WithCase<'a>(&'a mut Criterion, &'a Case);

impl WithEngine for WithCase<'_> {
    type Output = ();
    fn with<E: Engine>(self, engine: E) {
        let Self(c, case) = self;
        case.bench(c, E::NAME, |case| Ours::new(engine, case));
    }
}

fn transforms(c: &mut Criterion) {
    for k in [15, 16, 18] {
        for columns in [1, 32] {
            let case = &Case::new(k, columns);
            for portable in choices() {
                with_engine(*portable, WithCase(c, case));
            }
            case.bench(c, "halo2-axiom", others::Halo2::new);
            case.bench(c, "halo2curves", others::BestFft::new);
            let case = &case.reordered(|x| others::is_ark_generator(k, x));
            case.bench(c, "ark-poly", others::Ark::new);
            case.bench(c, "p3-dft", others::Plonky3::new);
        }
    }
}

criterion_group!(benches, transforms);
criterion_main!(benches);
