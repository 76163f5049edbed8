//! Systems of the size of a machine's: 80 advice columns, about 180 cells of a row and its neighbours, about 4,400 field operations.

use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{ConstraintSystem, Expression, FirstPhase, SecondPhase},
    poly::Rotation,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

type E = Expression<Fr>;

const ADVICE: usize = 80;
/// Of the advice columns, those of the second phase.
const SECOND: usize = 16;
const FIXED: usize = 12;
const CELLS: usize = 180;

/// Cells of all columns, some of them at rotations of -1, 1 and 2; the fixed ones apart.
fn cells(cs: &mut ConstraintSystem<Fr>, rng: &mut StdRng) -> (Vec<E>, Vec<E>) {
    let first = (0..ADVICE - SECOND).map(|_| cs.advice_column_in(FirstPhase));
    let first: Vec<_> = first.collect();
    // Challenges are usable after a phase that has columns.
    let second = (0..SECOND).map(|_| cs.advice_column_in(SecondPhase));
    let advice: Vec<_> = first.into_iter().chain(second).collect();
    let fixed: Vec<_> = (0..FIXED).map(|_| cs.fixed_column()).collect();
    let mut places: Vec<_> = [-1, 1, 2]
        .iter()
        .flat_map(|r| (0..ADVICE).map(move |c| (c, *r)))
        .collect();
    places.shuffle(rng);
    places.truncate(CELLS - ADVICE - FIXED);
    let here = (0..ADVICE).map(|c| (c, 0));
    let advice = here
        .chain(places)
        .map(|(c, r)| advice[c].query_cell(Rotation(r)));
    let fixed = fixed.iter().map(|c| c.query_cell(Rotation::cur()));
    (advice.collect(), fixed.collect())
}

fn constant(x: u64) -> E {
    Expression::Constant(Fr::from(x))
}

fn pick(rng: &mut StdRng, from: &[E]) -> E {
    from.choose(rng).expect("not empty").clone()
}

/// A linear form of a few cells.
fn form(rng: &mut StdRng, cells: &[E], terms: usize) -> E {
    (0..terms).fold(constant(0), |sum, _| {
        let cell = pick(rng, cells);
        match rng.gen_range(0..4) {
            0 => sum - cell,
            1 => sum + cell * Fr::from(1 << rng.gen_range(1..60u32)),
            _ => sum + cell,
        }
    })
}

/// About 1,000 constraints that have nothing in common but parts: sums of products of cells, of forms and of products.
pub(crate) fn shared(seed: u64) -> ConstraintSystem<Fr> {
    let (rng, mut cs) = (
        &mut StdRng::seed_from_u64(seed),
        ConstraintSystem::default(),
    );
    let (mut cells, fixed) = cells(&mut cs, rng);
    cells.extend(fixed);
    let forms: Vec<_> = (0..250).map(|_| form(rng, &cells, 3)).collect();
    let mut parts = [cells.clone(), forms].concat();
    for _ in 0..250 {
        let (a, b) = (pick(rng, &parts[..430]), pick(rng, &cells));
        parts.push(a * b);
    }
    let constraints = (0..1000).map(|i| {
        let product = pick(rng, &parts) * pick(rng, &parts);
        if i % 3 == 0 {
            product - pick(rng, &parts)
        } else {
            product
        }
    });
    let constraints: Vec<_> = constraints.collect();
    cs.create_gate("shared", |_| constraints);
    cs
}

/// Kinds of rows with a flag each, whose relations are folded by a challenge, and fingerprints of messages in the denominators of a sum of
/// fractions, as machines with buses have them.
pub(crate) fn machine(seed: u64) -> ConstraintSystem<Fr> {
    let (rng, mut cs) = (
        &mut StdRng::seed_from_u64(seed),
        ConstraintSystem::default(),
    );
    let (cells, fixed) = cells(&mut cs, rng);
    let challenges: Vec<E> = (0..10)
        .map(|_| cs.challenge_usable_after(FirstPhase).expr())
        .collect();
    let [alpha, gamma] = [0, 1].map(|i| challenges[i].clone());
    let (active, one) = (fixed[0].clone(), constant(1));
    let flags = &cells[..24];
    let mut constraints: Vec<E> = flags
        .iter()
        .map(|f| active.clone() * f.clone() * (f.clone() - one.clone()))
        .collect();
    let kinds = flags.iter().map(|flag| {
        let own: Vec<_> = (0..40).map(|_| pick(rng, &cells)).collect();
        let parts: Vec<_> = (0..5).map(|_| form(rng, &own, 6)).collect();
        let folded = (0..28).fold(constant(0), |sum, _| {
            let e = match rng.gen_range(0..4) {
                0 => pick(rng, &own) * pick(rng, &own) - pick(rng, &own),
                1 => pick(rng, &parts) * pick(rng, &own) - form(rng, &own, 2),
                2 => pick(rng, &own) - pick(rng, &parts),
                _ => form(rng, &own, 3),
            };
            sum * gamma.clone() + e
        });
        flag.clone() * folded
    });
    let kinds = kinds.reduce(|a, b| a + b).expect("there are kinds");
    constraints.push(active.clone() * kinds);
    for i in 0..SECOND {
        let helper = cells[ADVICE - SECOND + i].clone();
        let mut message = || {
            let values = challenges[2..].iter().enumerate();
            let fingerprint = values.fold(form(rng, &cells, 1), |sum, (j, beta)| {
                sum + beta.clone() * form(rng, &cells, 1 + (i + j) % 3)
            });
            (alpha.clone() - fingerprint, pick(rng, &cells))
        };
        let ((d1, m1), (d2, m2)) = (message(), message());
        let product = helper * d1.clone() * d2.clone();
        constraints.push(active.clone() * (product - (m1 * d2 + m2 * d1)));
    }
    cs.create_gate("machine", |_| constraints);
    cs
}
