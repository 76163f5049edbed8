//! Stand-ins while the modules are written.
use crate::{column::Column, engine::Engine};
use ff::Field;
use halo2_proofs::{
    arithmetic::best_multiexp,
    halo2curves::bn256::{Fr, G1, G1Affine},
    plonk::{Any, ConstraintSystem, Expression},
    poly::{EvaluationDomain, Polynomial},
};

#[derive(Debug)]
pub(crate) struct Bases(Vec<G1Affine>);
impl Bases {
    pub(crate) fn new(points: &[G1Affine]) -> Self {
        Self(points.to_vec())
    }
    pub(crate) fn multiply<E: Engine>(&self, _: E, scalars: &[&[Fr]]) -> Vec<G1> {
        scalars
            .iter()
            .map(|s| best_multiexp(s, &self.0[..s.len()]))
            .collect()
    }
}
#[derive(Debug)]
pub(crate) struct Ntt<E> {
    engine: E,
    domain: EvaluationDomain<Fr>,
}
impl<E: Engine> Ntt<E> {
    pub(crate) fn new(engine: E, k: u32) -> Self {
        let domain = EvaluationDomain::new(3, k);
        Self { engine, domain }
    }
    pub(crate) fn interpolate(&self, columns: &mut [Column<Fr>]) {
        for c in columns {
            let values = self.domain.lagrange_from_vec(c.export(self.engine));
            let p = self.domain.lagrange_to_coeff(values);
            *c = Column::import(self.engine, p.values());
        }
    }
    pub(crate) fn coset(&self, shift: Fr) -> Coset<E> {
        Coset {
            engine: self.engine,
            domain: self.domain.clone(),
            shift,
        }
    }
}
#[derive(Debug)]
pub(crate) struct Coset<E> {
    engine: E,
    domain: EvaluationDomain<Fr>,
    shift: Fr,
}
impl<E: Engine> Coset<E> {
    pub(crate) fn evaluate(&self, c: &[&Column<Fr>]) -> Vec<Column<Fr>> {
        let factor = self.shift * self.domain.g_coset.invert().unwrap();
        c.iter()
            .map(|c| {
                let p = Polynomial::new(c.export(self.engine));
                let v = self.domain.coeff_to_extended_part(p, factor);
                Column::import(self.engine, v.values())
            })
            .collect()
    }
    pub(crate) fn interpolate(&self, c: &mut [Column<Fr>]) {
        let inverse = self.shift.invert().unwrap();
        for c in c {
            let values = self.domain.lagrange_from_vec(c.export(self.engine));
            let mut p = self.domain.lagrange_to_coeff(values).into_values();
            let mut power = Fr::ONE;
            for c in &mut p {
                *c *= power;
                power *= inverse;
            }
            *c = Column::import(self.engine, &p);
        }
    }
}
pub(crate) struct Inputs<'a> {
    pub(crate) fixed: &'a [Column<Fr>],
    pub(crate) advice: &'a [Column<Fr>],
    pub(crate) instance: &'a [Column<Fr>],
    pub(crate) sigma: &'a [Column<Fr>],
    pub(crate) permutation_products: &'a [Column<Fr>],
    pub(crate) lookup_products: &'a [Column<Fr>],
    pub(crate) lookup_inputs: &'a [Column<Fr>],
    pub(crate) lookup_tables: &'a [Column<Fr>],
    pub(crate) first: &'a Column<Fr>,
    pub(crate) last: &'a Column<Fr>,
    pub(crate) active: &'a Column<Fr>,
    pub(crate) shift: Fr,
}
pub(crate) struct Scalars<'a> {
    pub(crate) challenges: &'a [Fr],
    pub(crate) theta: Fr,
    pub(crate) beta: Fr,
    pub(crate) gamma: Fr,
    pub(crate) y: Fr,
}
pub(crate) struct Program(ConstraintSystem<Fr>);
impl Program {
    pub(crate) fn compile(cs: &ConstraintSystem<Fr>) -> Self {
        Self(cs.clone())
    }
    pub(crate) fn run<E: Engine>(
        &self,
        e: E,
        i: &Inputs<'_>,
        s: &Scalars<'_>,
        scale: Fr,
    ) -> Column<Fr> {
        let ex = |c: &[Column<Fr>]| -> Vec<Vec<Fr>> { c.iter().map(|c| c.export(e)).collect() };
        let (fixed, advice, instance, sigma) =
            (ex(i.fixed), ex(i.advice), ex(i.instance), ex(i.sigma));
        let (pz, lz, la, ls) = (
            ex(i.permutation_products),
            ex(i.lookup_products),
            ex(i.lookup_inputs),
            ex(i.lookup_tables),
        );
        let [l0, ll, lact] = [i.first, i.last, i.active].map(|c| c.export(e));
        let n = l0.len();
        let omega = EvaluationDomain::<Fr>::new(3, n.ilog2()).get_omega();
        let cs = &self.0;
        let mut out = vec![];
        let mut x = i.shift;
        for row in 0..n {
            let at = |r: i32| (row as i64 + i64::from(r)).rem_euclid(n as i64) as usize;
            let eval = |ex: &Expression<Fr>| -> Fr {
                ex.evaluate(
                    &|c| c,
                    &|_| unreachable!(),
                    &|q| fixed[q.column_index()][at(q.rotation().0)],
                    &|q| advice[q.column_index()][at(q.rotation().0)],
                    &|q| instance[q.column_index()][at(q.rotation().0)],
                    &|c| s.challenges[c.index()],
                    &|a| -a,
                    &|a, b| a + b,
                    &|a, b| a * b,
                    &|a, b| a * b,
                )
            };
            let mut terms: Vec<Fr> = vec![];
            for g in cs.gates() {
                terms.extend(g.polynomials().iter().map(&eval));
            }
            if !pz.is_empty() {
                let last = -(cs.blinding_factors() as i32 + 1);
                terms.push((Fr::ONE - pz[0][row]) * l0[row]);
                let z = pz.last().unwrap()[row];
                terms.push((z * z - z) * ll[row]);
                for k in 1..pz.len() {
                    terms.push((pz[k][row] - pz[k - 1][at(last)]) * l0[row]);
                }
                let columns = cs.permutation().get_columns();
                let mut delta = s.beta * x;
                let room = cs.degree() - 2;
                for (k, (cols, sig)) in columns.chunks(room).zip(sigma.chunks(room)).enumerate() {
                    let (mut l, mut r) = (pz[k][at(1)], pz[k][row]);
                    for (c, sg) in cols.iter().zip(sig) {
                        let v = match c.column_type() {
                            Any::Advice(_) => advice[c.index()][row],
                            Any::Fixed => fixed[c.index()][row],
                            Any::Instance => instance[c.index()][row],
                        };
                        l *= v + s.beta * sg[row] + s.gamma;
                        r *= v + delta + s.gamma;
                        delta *= <Fr as ff::PrimeField>::DELTA;
                    }
                    terms.push((l - r) * lact[row]);
                }
            }
            for (k, lk) in cs.lookups().iter().enumerate() {
                let fold = |es: &Vec<Expression<Fr>>| {
                    es.iter().fold(Fr::ZERO, |a, e| a * s.theta + eval(e))
                };
                let (a, t) = (fold(lk.input_expressions()), fold(lk.table_expressions()));
                let (z, zn) = (lz[k][row], lz[k][at(1)]);
                let (ap, sp, prev) = (la[k][row], ls[k][row], la[k][at(-1)]);
                terms.push((Fr::ONE - z) * l0[row]);
                terms.push((z * z - z) * ll[row]);
                terms.push(
                    (zn * (ap + s.beta) * (sp + s.gamma) - z * (a + s.beta) * (t + s.gamma))
                        * lact[row],
                );
                terms.push((ap - sp) * l0[row]);
                terms.push((ap - sp) * (ap - prev) * lact[row]);
            }
            out.push(terms.iter().fold(Fr::ZERO, |acc, t| acc * s.y + t) * scale);
            x *= omega;
        }
        Column::import(e, &out)
    }
}
