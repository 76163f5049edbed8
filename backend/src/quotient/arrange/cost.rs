//! What sums cost: an estimate, in vector operations of the IFMA engine. Where products are dear it fits the portable engine too.

use super::{Factor, Scalar};
use std::collections::BTreeMap;

/// A product with its reduction, or a product with a scalar that is no term of a sum.
const PRODUCT: i64 = 130;
/// One more product in a sum of products, without the reduction.
const TERM: i64 = 57;
/// The reduction of a sum of products.
const REDUCTION: i64 = 80;
/// An addition or a subtraction.
const ADDITION: i64 = 20;

/// A term that has a scalar of its own.
pub(super) fn alone(factors: &[Factor]) -> i64 {
    term(false, factors.len())
}

/// A term in a sum, its scalar 1 or -1 if `unit`. That of a product of three and more factors is without the first products.
fn term(unit: bool, factors: usize) -> i64 {
    match (unit, factors) {
        (true, 1) => ADDITION,
        (true, _) | (false, 1) => TERM,
        (false, _) => PRODUCT + TERM,
    }
}

/// Whether it is cheaper to multiply all terms of a sum, given by their scalars and how many factors they have, by a scalar than a value that
/// the sum is a factor of.
pub(super) fn of_scaling(terms: impl Iterator<Item = (Scalar, usize)>, by: Scalar) -> bool {
    if by.is_unit() {
        // Products to be subtracted cost a negation.
        let products = terms.filter(|(s, factors)| s.is_unit() && *factors > 1);
        let signs = products.map(|(s, _)| if s.negative { 1 } else { -1 });
        return signs.sum::<i64>() >= 0;
    }
    let more = |(s, factors): (Scalar, usize)| term(false, factors) - term(s.is_unit(), factors);
    terms.map(more).sum::<i64>() < PRODUCT
}

/// How many products and how many other values are summed with the same scalar, up to the sign.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    products: i64,
    others: i64,
}

impl Class {
    fn count(&mut self, factors: usize, by: i64) {
        if factors > 1 {
            self.products += by;
        } else {
            self.others += by;
        }
    }
    fn less(self, other: Self) -> Self {
        Self {
            products: self.products - other.products,
            others: self.others - other.others,
        }
    }
    fn apart(self, unit: bool) -> i64 {
        self.products * term(unit, 2) + self.others * term(unit, 1)
    }
    /// As one sum that is multiplied by the scalar.
    fn packed(self) -> i64 {
        let reduction = if self.products > 0 {
            REDUCTION
        } else {
            -ADDITION
        };
        self.apart(true) + reduction + TERM
    }
    fn cost(self, unit: bool) -> i64 {
        if unit || self.products + self.others == 0 {
            self.apart(unit)
        } else {
            self.apart(false).min(self.packed())
        }
    }
}

/// The terms of a sum by their scalars.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes(BTreeMap<u32, Class>);

impl Classes {
    pub(super) fn add(&mut self, s: Scalar, factors: usize) {
        self.0.entry(s.id).or_default().count(factors, 1);
    }
    pub(super) fn remove(&mut self, s: Scalar, factors: usize) {
        self.0.entry(s.id).or_default().count(factors, -1);
    }
    fn class(&self, id: u32) -> Class {
        self.0.get(&id).copied().unwrap_or_default()
    }
    /// Whether the terms with this scalar are better summed before they are multiplied by it.
    pub(super) fn is_packed(&self, s: Scalar) -> bool {
        let class = self.class(s.id);
        let terms = class.products + class.others;
        !s.is_unit() && terms > 1 && class.packed() < class.apart(false)
    }
    /// What one term costs beside the others with its scalar.
    pub(super) fn share(&self, s: Scalar, factors: &[Factor]) -> i64 {
        term(s.is_unit() || self.is_packed(s), factors.len())
    }

    /// What is saved if these terms, given by their scalars and how many factors they have, are put together by one of the factors; and the
    /// scalar that they have in common, if any.
    pub(super) fn gain(&self, terms: impl Iterator<Item = (Scalar, usize)>) -> (i64, Option<u32>) {
        let (mut taken, mut inner) = (Self::default(), Self::default());
        let (mut gain, mut constants) = (0, false);
        for (s, factors) in terms {
            taken.add(s, factors);
            match factors {
                1 => {
                    constants = true;
                    inner.0.entry(s.id).or_default();
                }
                2 => inner.add(s, 1),
                _ => {
                    inner.add(s, factors - 1);
                    gain += PRODUCT;
                }
            }
        }
        let unit = |id| id == Scalar::ONE.id;
        for (id, taken) in &taken.0 {
            let class = self.class(*id);
            gain += class.cost(unit(*id)) - class.less(*taken).cost(unit(*id));
        }
        let common = match inner.0.keys().collect::<Vec<_>>()[..] {
            [id] => Some(*id),
            _ => None,
        };
        let mut reduced = false;
        for (id, class) in &inner.0 {
            let unit = unit(*id) || common.is_some();
            gain -= class.cost(unit);
            reduced |= class.products > 0 || !unit && class.others > 0;
        }
        // A sum without products has one addition less than terms.
        gain -= if reduced { REDUCTION } else { -ADDITION };
        gain -= if constants { ADDITION } else { 0 };
        // The product with the factor is a new term.
        let id = common.unwrap_or(Scalar::ONE.id);
        let mut class = self.class(id).less(taken.class(id));
        gain += class.cost(unit(id));
        class.products += 1;
        gain -= class.cost(unit(id));
        (gain, common)
    }
}
