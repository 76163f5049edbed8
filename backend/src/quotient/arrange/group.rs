//! Terms that have something in common.

use super::{Arranger, Classes, Factor, Scalar, Term};
use std::collections::BTreeMap;

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
            let gains = places.into_iter().filter_map(|(factor, places)| {
                if places.len() < 2 {
                    return None;
                }
                let of = places.iter().map(|i| &terms[*i]);
                let (gain, common) = classes.gain(of.map(|t| (t.scalar, t.factors.len())));
                (gain > 0).then_some((gain, factor, places, common))
            });
            let Some((_, factor, places, common)) = gains.max_by_key(|(gain, ..)| *gain) else {
                return;
            };
            self.join(terms, factor, &places, common);
        }
    }

    /// Replaces the terms at these places by one, `factor` times the sum of what is left of them.
    fn join(
        &mut self,
        terms: &mut Vec<Term>,
        factor: Factor,
        places: &[usize],
        common: Option<u32>,
    ) {
        let mut inner = vec![];
        for i in places.iter().rev() {
            let mut term = terms.remove(*i);
            let at = term.factors.iter().position(|f| *f == factor);
            term.factors.remove(at.expect("that is where it was found"));
            if common.is_some() {
                term.scalar = term.scalar.sign();
            }
            inner.push(term);
        }
        inner.reverse();
        let sum = self.sum(inner, Scalar::ZERO);
        let mut factors = vec![factor, Factor::Value(sum)];
        factors.sort();
        let (id, negative) = (common.unwrap_or(Scalar::ONE.id), false);
        let scalar = Scalar { id, negative };
        terms.push(Term { scalar, factors });
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
