//! Terms that have something in common.

use super::{Arranger, Classes, Factor, Scalar, Term};
use std::{cmp::Reverse, collections::BTreeMap};

impl Arranger {
    /// Puts terms with a common factor together, as long as that saves something.
    pub(super) fn group(&mut self, terms: &mut Vec<Term>) {
        loop {
            let mut classes = Classes::default();
            let mut places: BTreeMap<Factor, Vec<usize>> = BTreeMap::new();
            for (i, term) in terms.iter().enumerate() {
                classes.add(term.scalar, term.factors.len());
                for same in term.factors.chunk_by(|a, b| a == b) {
                    places.entry(same[0]).or_default().push(i);
                }
            }
            places.retain(|_, places| places.len() > 1);
            let gains = places.into_iter().map(|(factor, places)| {
                let of = places.iter().map(|i| &terms[*i]);
                let (gain, common) = classes.gain(of.map(|t| (t.scalar, t.factors.len())));
                (gain, factor, places, common)
            });
            let mut gains: Vec<_> = gains.filter(|(gain, ..)| *gain > 0).collect();
            gains.sort_by_key(|(gain, ..)| Reverse(*gain));
            let Some((best, ..)) = gains.first() else {
                return;
            };
            // The best one, and others about as good that have no term in common: one at a time would take the square of the time.
            let least = best / 2;
            gains.retain(|(gain, ..)| *gain > least);
            let mut open: Vec<_> = terms.drain(..).map(Some).collect();
            for (_, factor, places, common) in gains {
                if places.iter().all(|i| open[*i].is_some()) {
                    let joined = places.iter().filter_map(|i| open[*i].take()).collect();
                    terms.extend(self.joined(joined, factor, common));
                }
            }
            terms.extend(open.into_iter().flatten());
        }
    }

    /// Terms with a common factor, and perhaps the common scalar with this number up to the sign, as one: the factor times the sum of what is
    /// left of them.
    fn joined(
        &mut self,
        mut terms: Vec<Term>,
        factor: Factor,
        common: Option<u32>,
    ) -> Option<Term> {
        for term in &mut terms {
            let at = term.factors.iter().position(|f| *f == factor);
            term.factors.remove(at.expect("it is common"));
            if common.is_some() {
                term.scalar = term.scalar.sign();
            }
        }
        let sum = self.sum(terms, Scalar::ZERO);
        let mut scalar = Scalar {
            id: common.unwrap_or(Scalar::ONE.id),
            negative: false,
        };
        let mut factors = vec![factor];
        if let Some(constant) = self.as_constant(sum) {
            // They were terms of the factor alone.
            scalar = self.graph.scalars.mul(scalar, constant);
        } else {
            factors.push(Factor::Value(sum));
            factors.sort();
        }
        (scalar != Scalar::ZERO).then_some(Term { scalar, factors })
    }

    /// Sums terms with a common scalar before they are multiplied by it, where that is cheaper.
    pub(super) fn pack(&mut self, terms: &mut Vec<Term>) {
        let mut classes = Classes::default();
        for term in terms.iter() {
            classes.add(term.scalar, term.factors.len());
        }
        let mut packs: BTreeMap<u32, Vec<Term>> = BTreeMap::new();
        let packed = terms.extract_if(.., |t| classes.is_packed(t.scalar));
        for mut term in packed {
            let pack = packs.entry(term.scalar.id).or_default();
            term.scalar = term.scalar.sign();
            pack.push(term);
        }
        for (id, pack) in packs {
            let sum = self.sum(pack, Scalar::ZERO);
            terms.push(Term {
                scalar: Scalar {
                    id,
                    negative: false,
                },
                factors: vec![Factor::Value(sum)],
            });
        }
    }
}
