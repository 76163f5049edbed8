//! The cells of the four kinds.

use super::numbers::LIMB;
use crate::framework::{Cell, Expr, KindBuilder, TableId, lin, pow2};

/// Three cells of one number's limbs.
pub(super) type Limbs = [Cell; 3];

/// Three limbs as expressions.
pub(super) type Exprs = [Expr; 3];

/// Bits of an entry of the second range table.
pub(super) const SHORT_BITS: u32 = 11;

/// The tables that digits are looked up in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranges {
    /// 13 bits.
    pub(super) long: TableId,
    /// 11 bits.
    pub(super) short: TableId,
}

pub(super) fn limbs(k: &mut KindBuilder<'_>, name: &str, row: usize) -> Limbs {
    std::array::from_fn(|i| k.cell(&format!("{name}.{i}"), row))
}

pub(super) fn exprs(l: &Limbs) -> Exprs {
    l.map(Cell::expr)
}

/// 13-bit digits, least significant first, as one number.
pub(super) fn digits(cells: &[Cell]) -> Expr {
    lin(cells
        .iter()
        .enumerate()
        .map(|(i, c)| (pow2(13 * i as u32), *c)))
}

/// Seven digits, and three more on top of them.
pub(super) fn ten_digits(low: &[Cell], high: &[Cell]) -> Expr {
    digits(low) + digits(high) * pow2(LIMB)
}

/// The limbs of the number that [`word_digits`] are the digits of.
pub(super) fn word_limbs(cells: &[Cell]) -> Exprs {
    let top = lin([(pow2(52), cells[18]), (pow2(63), cells[19])]);
    [
        digits(&cells[..7]),
        digits(&cells[7..14]),
        digits(&cells[14..18]) + top,
    ]
}

/// 20 digits of a number below 2^256: 18 of 13 bits, two of 11.
fn word_digits(k: &mut KindBuilder<'_>, name: &str, ranges: Ranges) -> Vec<Cell> {
    let mut cells = k.lookups(name, 0, ranges.long, 18);
    cells.extend((18..20).map(|i| k.lookup(&format!("{name}.{i}"), 0, ranges.short)));
    cells
}

/// `x_0 + 2^91 x_1`.
pub(super) fn two(x0: impl Into<Expr>, x1: impl Into<Expr>) -> Expr {
    x0.into() + x1.into() * pow2(LIMB)
}

/// `secp.mul`: one relation `o b - a (a + e) + c = q m`. It uses every cell of its two rows.
#[derive(Clone, Debug)]
pub(super) struct Mul {
    /// 0: modulo p; 1: modulo n.
    pub(super) order: Cell,
    /// Digits of `o + 2^255`: 18 of 13 bits, two of 11.
    pub(super) o: Vec<Cell>,
    /// 13-bit digits of `q + 2^259`.
    pub(super) q: Vec<Cell>,
    pub(super) b: Limbs,
    pub(super) a: Limbs,
    pub(super) e: Limbs,
    /// `c = c_0 + 2^91 c_1`.
    pub(super) c: [Cell; 2],
    /// 13-bit digits of the carries + 2^103.
    pub(super) carries: [Vec<Cell>; 3],
}

impl Mul {
    pub(super) fn place(k: &mut KindBuilder<'_>, ranges: Ranges) -> Self {
        let range = ranges.long;
        let o = word_digits(k, "o", ranges);
        let q = k.lookups("q", 1, range, 20);
        let carry_0 = k.lookups("carry 0", 0, range, 8);
        let carry_1 = k.lookups("carry 1", 1, range, 8);
        let mut carry_2 = k.lookups("carry 2", 0, range, 4);
        carry_2.extend(k.lookups("carry 2 high", 1, range, 4));
        Self {
            o,
            q,
            carries: [carry_0, carry_1, carry_2],
            b: limbs(k, "b", 0),
            order: k.cell("order", 0),
            c: [k.cell("c.0", 0), k.cell("c.1", 0)],
            a: limbs(k, "a", 1),
            e: limbs(k, "e", 1),
        }
    }
}

/// `secp.step`: one affine addition or doubling.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Names the point `R`: its x and the parity of its y.
    pub(super) label: [Cell; 2],
    /// Where the step stands: an entry of the schedule, as the next four.
    pub(super) place: Cell,
    /// Where the second point stands, or the key of a fixed point.
    pub(super) other: Cell,
    /// A doubling.
    pub(super) doubles: Cell,
    /// The second point is a multiple, or the image of one.
    pub(super) multiple: Cell,
    /// It is the image of one.
    pub(super) image: Cell,
    /// Which multiple of `R` the second point contains.
    pub(super) digit: Cell,
    /// Multiples of G and of 2^128 G that a fixed point contains.
    pub(super) comb: [Cell; 2],
    /// Scalars contained in the first point: of R, of its image, of G, of 2^128 G.
    pub(super) scalars: [Cell; 4],
    /// The same after the step.
    pub(super) next: [Cell; 4],
    pub(super) x1: Limbs,
    pub(super) y1: Limbs,
    pub(super) x2: Limbs,
    pub(super) y2: Limbs,
    /// x of the multiple whose image is the second point; `x2` in other steps.
    pub(super) raw: Limbs,
    pub(super) slope: Limbs,
    pub(super) x3: Limbs,
    pub(super) y3: Limbs,
    /// `(x1 - x2)^2` in the native field.
    pub(super) square: Cell,
    /// Inverse of `D (D^2 - p^2)`, `D = x1 - x2`, where 1 stands for the factor `D` in a doubling.
    pub(super) inverse: Cell,
}

impl Step {
    pub(super) fn place(k: &mut KindBuilder<'_>) -> Self {
        // The second row has all that its own messages read.
        let [x1, y1, slope] = ["x1", "y1", "slope"].map(|n| limbs(k, n, 0));
        let [x2, y2, raw, x3, y3] = ["x2", "y2", "raw", "x3", "y3"].map(|n| limbs(k, n, 1));
        let names = ["r", "image", "g", "high g"];
        Self {
            label: [k.cell("label.0", 1), k.cell("label.1", 1)],
            place: k.cell("place", 1),
            other: k.cell("other", 1),
            doubles: k.cell("doubles", 1),
            multiple: k.cell("multiple", 1),
            image: k.cell("image", 1),
            digit: k.cell("digit", 1),
            comb: [k.cell("comb.0", 1), k.cell("comb.1", 1)],
            scalars: names.map(|n| k.cell(&format!("scalar of {n}"), 0)),
            next: names.map(|n| k.cell(&format!("next scalar of {n}"), 1)),
            square: k.cell("square", 0),
            inverse: k.cell("inverse", 0),
            x1,
            y1,
            x2,
            y2,
            raw,
            slope,
            x3,
            y3,
        }
    }
}

/// `secp.word`: a canonical number in halves and in limbs.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// 0: below p; 1: below n.
    pub(super) order: Cell,
    /// The limbs are those of the number minus p.
    pub(super) reduced: Cell,
    /// Digits of the number: 18 of 13 bits, two of 11.
    pub(super) digits: Vec<Cell>,
    /// Bits 117 to 127, of digit 9.
    pub(super) below: Cell,
    /// Bits 128 and 129, of digit 9.
    pub(super) above: Cell,
    /// 13-bit digits of `m - 1 - number`.
    pub(super) complement: Vec<Cell>,
    /// Carry at bit 182 of `number + complement + 1`.
    pub(super) carry: Cell,
    /// Carries of the subtraction of p at bits 91 and 182.
    pub(super) moved: [Cell; 2],
}

impl Word {
    pub(super) fn place(k: &mut KindBuilder<'_>, ranges: Ranges) -> Self {
        let digits = word_digits(k, "digit", ranges);
        Self {
            digits,
            complement: k.lookups("complement", 1, ranges.long, 20),
            below: k.lookup("below", 0, ranges.short),
            above: k.lookup("above", 0, ranges.long),
            carry: k.lookup("carry", 1, ranges.long),
            moved: std::array::from_fn(|i| k.lookup(&format!("moved.{i}"), 0, ranges.long)),
            order: k.cell("order", 0),
            reduced: k.boolean("reduced", 0),
        }
    }
}

/// `secp.signature`: what ties a signature's words, scalars and points together.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// `x^2` modulo p.
    pub(super) square: Limbs,
    /// `s / r` modulo n.
    pub(super) u: Limbs,
    /// `-z / r` modulo n.
    pub(super) v: Limbs,
    pub(super) r: Limbs,
    pub(super) s: Limbs,
    pub(super) y: Limbs,
    pub(super) qx: Limbs,
    pub(super) qy: Limbs,
    /// Halves (high, low).
    pub(super) z_half: [Cell; 2],
    pub(super) r_half: [Cell; 2],
    pub(super) s_half: [Cell; 2],
    pub(super) y_half: [Cell; 2],
    pub(super) qx_half: [Cell; 2],
    pub(super) qy_half: [Cell; 2],
    pub(super) parity: Cell,
    pub(super) offset: Cell,
    /// Scalar of R.
    pub(super) k1: Cell,
    /// Limbs of the scalar of R's image.
    pub(super) k2: [Cell; 2],
    /// Scalar of G.
    pub(super) g0: Cell,
    /// Limbs of the scalar of 2^128 G.
    pub(super) g1: [Cell; 2],
    /// Seven digits of `floor(y_lo / 2)`, and three more.
    pub(super) half_y: [Vec<Cell>; 2],
    /// The same of z's halves (high, low).
    pub(super) z_digits: [[Vec<Cell>; 2]; 2],
    /// Inverse of `s_hi + s_lo`.
    pub(super) inverse: Cell,
}

impl Signature {
    pub(super) fn place(k: &mut KindBuilder<'_>, ranges: Ranges) -> Self {
        // The last row's message reads these at rotation -1: the value columns are the ones to be read so.
        let z_half = [k.cell("z_hi", 1), k.cell("z_lo", 1)];
        let s_half = [k.cell("s_hi", 1), k.cell("s_lo", 1)];
        let parity = k.boolean("parity", 1);
        // Digits stand where the limbs of `secp.mul` have theirs, so that their sums are the same expressions.
        let mut seven = |name: &str, row, n| k.lookups(name, row, ranges.long, n);
        let half_y = seven("half y", 0, 7);
        let z_hi = [seven("z_hi digit", 0, 7), seven("z_hi high digit", 0, 3)];
        let half_y = [half_y, seven("half y high", 0, 3)];
        let z_lo = [seven("z_lo digit", 1, 7), seven("z_lo high digit", 1, 3)];
        Self {
            square: limbs(k, "square", 0),
            u: limbs(k, "u", 0),
            v: limbs(k, "v", 2),
            r: limbs(k, "r", 1),
            s: limbs(k, "s", 1),
            y: limbs(k, "y", 1),
            qx: limbs(k, "qx", 2),
            qy: limbs(k, "qy", 2),
            z_half,
            r_half: [k.cell("r_hi", 2), k.cell("r_lo", 2)],
            s_half,
            y_half: [k.cell("y_hi", 2), k.cell("y_lo", 1)],
            qx_half: [k.cell("qx_hi", 2), k.cell("qx_lo", 2)],
            qy_half: [k.cell("qy_hi", 2), k.cell("qy_lo", 2)],
            parity,
            offset: k.boolean("offset", 1),
            k1: k.cell("k1", 1),
            k2: std::array::from_fn(|i| k.cell(&format!("k2.{i}"), 1)),
            g0: k.cell("g0", 2),
            g1: std::array::from_fn(|i| k.cell(&format!("g1.{i}"), 2)),
            half_y,
            z_digits: [z_hi, z_lo],
            inverse: k.cell("inverse", 0),
        }
    }
}
