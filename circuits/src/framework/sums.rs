//! Sums with common parts: which additions several sums of the bus argument can share.
//!
//! A verifier and the quotient evaluate each distinct sum of two values once. The sums here are sets of terms; the pair
//! of parts that occurs in most of them becomes a part of its own, until no pair occurs twice.

use super::{
    Expr, Machine,
    circuit::{Term, narrow_users},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// A sum: a term, or the sum of two parts.
#[derive(Clone, Debug)]
pub(crate) enum Sum<T> {
    /// A term.
    Term(T),
    /// Two parts.
    Parts(Box<(Self, Self)>),
}

impl<T> Sum<T> {
    /// Adds up what `value` gives for the terms.
    pub(crate) fn fold<V>(
        &self,
        value: &mut impl FnMut(&T) -> V,
        add: &mut impl FnMut(V, V) -> V,
    ) -> V {
        match self {
            Self::Term(t) => value(t),
            Self::Parts(parts) => {
                let (a, b) = (parts.0.fold(value, add), parts.1.fold(value, add));
                add(a, b)
            }
        }
    }
}

/// How the sums of a machine's slots share their parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// By narrow column: the look-ups in its slot; `None` if there is none.
    pub(crate) narrow: Vec<Option<Sum<(usize, usize, u64)>>>,
    /// By kind and message: the fingerprint.
    pub(crate) messages: Vec<Vec<Sum<Term>>>,
}

impl Sums {
    /// Plans the sums of a complete machine.
    pub(crate) fn of(machine: &Machine) -> Self {
        let columns: Vec<Vec<_>> = (0..machine.layout.narrow)
            .map(|c| narrow_users(machine, c))
            .collect();
        // Terms are numbered; fingerprints have the same one where the same value stands at the same place.
        let mut terms: Vec<Term> = vec![];
        let mut number = |term: Term| {
            terms.iter().position(|t| *t == term).unwrap_or_else(|| {
                terms.push(term);
                terms.len() - 1
            })
        };
        let mut sets = vec![];
        for m in machine.kinds.iter().flat_map(|k| &k.messages) {
            let shift = -(m.row as i8);
            let values = m.values.iter().enumerate().filter(|v| *v.1 != Expr::zero());
            let set: BTreeSet<usize> = values
                .map(|(i, v)| (Some(i), v.shift(shift)))
                .chain([(None, m.number.shift(shift))])
                .map(&mut number)
                .collect();
            sets.push(set);
        }
        let fingerprints = share(sets.into_iter().map(|s| s.into_iter().collect()).collect());
        let mut fingerprints = fingerprints.into_iter().flatten().map(|s| s.map(&terms));
        Self {
            narrow: share(columns),
            messages: machine
                .kinds
                .iter()
                .map(|k| fingerprints.by_ref().take(k.messages.len()).collect())
                .collect(),
        }
    }
}

impl Sum<usize> {
    fn map<T: Clone>(self, terms: &[T]) -> Sum<T> {
        match self {
            Self::Term(i) => Sum::Term(terms[i].clone()),
            Self::Parts(parts) => {
                let (a, b) = *parts;
                Sum::Parts(Box::new((a.map(terms), b.map(terms))))
            }
        }
    }
}

/// Writes each set of terms as a sum, with as many common parts as the greedy choice finds. An empty set has no sum.
pub(crate) fn share<T: Clone + Ord>(sets: Vec<Vec<T>>) -> Vec<Option<Sum<T>>> {
    let all: BTreeSet<&T> = sets.iter().flatten().collect();
    let mut parts: Vec<Sum<T>> = all.iter().map(|t| Sum::Term((*t).clone())).collect();
    let index: BTreeMap<&T, usize> = all.iter().enumerate().map(|(i, t)| (*t, i)).collect();
    let mut members: Vec<BTreeSet<usize>> = sets
        .iter()
        .map(|s| s.iter().map(|t| index[t]).collect())
        .collect();
    // Sums that are equal as a whole share all of their parts: each distinct one counts once.
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let distinct: BTreeSet<BTreeSet<usize>> = members.iter().cloned().collect();
    let mut distinct: Vec<BTreeSet<usize>> = distinct.into_iter().collect();
    let originals = distinct.clone();
    let pairs = |s: &BTreeSet<usize>| {
        let v: Vec<usize> = s.iter().copied().collect();
        let mut pairs = vec![];
        for (i, a) in v.iter().enumerate() {
            pairs.extend(v[i + 1..].iter().map(|b| (*a, *b)));
        }
        pairs
    };
    for p in distinct.iter().flat_map(pairs) {
        *counts.entry(p).or_default() += 1;
    }
    while let Some((pair, count)) = counts
        .iter()
        .map(|(p, n)| (*p, *n))
        .max_by_key(|(p, n)| (*n, Reverse(*p)))
    {
        if count < 2 {
            break;
        }
        let new = parts.len();
        parts.push(join(&parts[pair.0], &parts[pair.1]));
        for s in &mut distinct {
            if s.contains(&pair.0) && s.contains(&pair.1) {
                for p in pairs(s) {
                    if let Some(n) = counts.get_mut(&p) {
                        *n -= 1;
                    }
                }
                s.remove(&pair.0);
                s.remove(&pair.1);
                s.insert(new);
                for p in pairs(s) {
                    *counts.entry(p).or_default() += 1;
                }
            }
        }
        counts.retain(|_, n| *n > 0);
    }
    for s in &mut members {
        if let Some(at) = originals.iter().position(|o| o == s) {
            s.clone_from(&distinct[at]);
        }
    }
    members
        .into_iter()
        .map(|s| {
            s.into_iter()
                .map(|i| parts[i].clone())
                .reduce(|a, b| join(&a, &b))
        })
        .collect()
}

fn join<T: Clone>(a: &Sum<T>, b: &Sum<T>) -> Sum<T> {
    Sum::Parts(Box::new((a.clone(), b.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(sum: &Sum<u32>) -> Vec<u32> {
        let mut terms = sum.fold(&mut |t| vec![*t], &mut |mut a: Vec<u32>, b| {
            a.extend(b);
            a
        });
        terms.sort_unstable();
        terms
    }

    fn additions(sums: &[Option<Sum<u32>>]) -> usize {
        fn walk(sum: &Sum<u32>, seen: &mut BTreeSet<String>) {
            if let Sum::Parts(parts) = sum
                && seen.insert(format!("{sum:?}"))
            {
                walk(&parts.0, seen);
                walk(&parts.1, seen);
            }
        }
        let mut seen = BTreeSet::new();
        sums.iter().flatten().for_each(|s| walk(s, &mut seen));
        seen.len()
    }

    #[test]
    fn sums_keep_their_terms_and_share_parts() {
        let sets = vec![
            vec![1, 2, 3, 4],
            vec![2, 3, 4, 5],
            vec![],
            vec![7],
            vec![1, 2, 3, 4],
        ];
        let sums = share(sets.clone());
        for (set, sum) in sets.iter().zip(&sums) {
            assert_eq!(*set, sum.as_ref().map(terms).unwrap_or_default());
        }
        // 2 + 3 + 4 once, then one addition for either set.
        assert_eq!(additions(&sums), 4);
    }
}
