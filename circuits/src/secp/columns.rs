//! The cells of the four kinds.

use super::numbers::LIMB;
use crate::framework::{Cell, Expr, KindBuilder, TableId, lin, pow2};

/// Four cells of one number's limbs.
pub(super) type Limbs = [Cell; 4];

/// Four limbs as expressions.
pub(super) type Exprs = [Expr; 4];

pub(super) fn limbs(k: &mut KindBuilder<'_>, name: &str, row: usize) -> Limbs {
    std::array::from_fn(|i| k.cell(&format!("{name}.{i}"), row))
}

pub(super) fn exprs(l: &Limbs) -> Exprs {
    l.map(Cell::expr)
}

/// Up to ten looked-up 13-bit digits, least significant first, as one number, limb by limb.
pub(super) fn digits(cells: &[Cell]) -> Expr {
    if cells.len() > 6 {
        return digits(&cells[..5]) + digits(&cells[5..]) * pow2(LIMB);
    }
    lin(cells
        .iter()
        .enumerate()
        .map(|(i, c)| (pow2(13 * i as u32), *c)))
}

/// `x_0 + 2^65 x_1`, the first half of a limbed number.
pub(super) fn low(x: &Exprs) -> Expr {
    x[0].clone() + x[1].clone() * pow2(LIMB)
}

/// `x_2 + 2^65 x_3`, the second half.
pub(super) fn high(x: &Exprs) -> Expr {
    x[2].clone() + x[3].clone() * pow2(LIMB)
}

/// The number in the native field.
pub(super) fn native(x: &Exprs) -> Expr {
    low(x) + high(x) * pow2(2 * LIMB)
}

/// `secp.mul`: one relation `o b + a d + c = q m`.
#[derive(Clone, Debug)]
pub(super) struct Mul {
    /// 0: modulo p; 1: modulo n.
    pub(super) order: Cell,
    /// 13-bit digits of `o + 2^255`.
    pub(super) o: Vec<Cell>,
    /// `o`'s top digit + 2^13 - 2^9: the top digit is below 2^9.
    pub(super) o_bound: Cell,
    /// 13-bit digits of `q + 3 * 2^255`.
    pub(super) q: Vec<Cell>,
    /// `q`'s top digit + 2^13 - 1536: the top digit is below 1536.
    pub(super) q_bound: Cell,
    pub(super) b: Limbs,
    pub(super) a: Limbs,
    pub(super) d: Limbs,
    /// `c = c_0 + 2^130 c_1`.
    pub(super) c: [Cell; 2],
    /// 13-bit digits of the carries + 2^77.
    pub(super) carries: [Vec<Cell>; 2],
}

impl Mul {
    pub(super) fn place(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        let order = k.boolean("order", 0);
        let c = [k.cell("c.0", 0), k.cell("c.1", 0)];
        Self {
            order,
            c,
            o: k.lookups("o", 0, range, 20),
            o_bound: k.lookup("o bound", 0, range),
            carries: [
                k.lookups("carry 0", 0, range, 6),
                k.lookups("carry 1", 0, range, 6),
            ],
            q: k.lookups("q", 1, range, 20),
            q_bound: k.lookup("q bound", 1, range),
            b: limbs(k, "b", 1),
            a: limbs(k, "a", 1),
            d: limbs(k, "d", 1),
        }
    }
}

/// `secp.step`: one affine addition or doubling, in one of six modes.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Names the point `R`: its x and the parity of its y.
    pub(super) label: [Cell; 2],
    /// Which offset point blinds the run.
    pub(super) offset: Cell,
    /// Iteration, 0 to 32.
    pub(super) window: Cell,
    /// Modes, looked up in the range and adding up to 1: exactly one of them is 1. The four doublings of an iteration come first.
    pub(super) doubles: [Cell; 4],
    /// The first multiple of R, from the offset itself.
    pub(super) first: Cell,
    /// A further multiple of R, from the one before.
    pub(super) further: Cell,
    pub(super) add: Cell,
    pub(super) add_phi: Cell,
    pub(super) add_comb: Cell,
    pub(super) correct: Cell,
    /// Multiple of `R` (or of its image) that is built or added, 2 to 16 or 1 to 16.
    pub(super) digit: Cell,
    /// Index into the fixed table: `16 comb_0 + comb_1`, plus the first constant's for offsets and corrections.
    pub(super) comb: [Cell; 2],
    /// `comb_1 + 2^13 - 16`: below 16.
    pub(super) comb_bound: Cell,
    /// Scalars contained in the accumulator: of R, of its image, of G, of 2^128 G.
    pub(super) scalars: [Cell; 4],
    /// The same after the step.
    pub(super) next: [Cell; 4],
    pub(super) x1: Limbs,
    pub(super) y1: Limbs,
    pub(super) x2: Limbs,
    pub(super) y2: Limbs,
    pub(super) slope: Limbs,
    pub(super) x3: Limbs,
    pub(super) y3: Limbs,
    /// With `build`: x of the image of the third point.
    pub(super) image: Limbs,
    /// `double * x1`.
    pub(super) doubled_x: Limbs,
    /// `double * y1`.
    pub(super) doubled_y: Limbs,
    /// `(x1 - x2)^2` in the native field.
    pub(super) square: Cell,
    /// Inverse of `D (D^2 - p^2)`, `D = x1 - x2`; zero with `double`.
    pub(super) inverse: Cell,
}

impl Step {
    pub(super) fn place(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        // Messages of the second row read x2 and y2 at rotation -1: the value columns are the ones to be read so.
        let [x2, y2, x1, y1, slope] = ["x2", "y2", "x1", "y1", "slope"].map(|n| limbs(k, n, 0));
        let [doubled_x, doubled_y] = ["doubled x", "doubled y"].map(|n| limbs(k, n, 0));
        let mut mode = |name: &str| k.lookup(name, 1, range);
        let doubles = ["double 0", "double 1", "double 2", "double 3"].map(&mut mode);
        let [first, further, add, add_phi, add_comb, correct, offset] = [
            "first",
            "further",
            "add",
            "add image",
            "add comb",
            "correct",
            "offset",
        ]
        .map(&mut mode);
        let [comb_0, comb_1, comb_bound] = ["comb.0", "comb.1", "comb bound"].map(mode);
        let [x3, y3, image] = ["x3", "y3", "image"].map(|n| limbs(k, n, 1));
        let names = ["r", "image", "g", "high g"];
        Self {
            label: [k.cell("label.0", 1), k.cell("label.1", 1)],
            square: k.cell("square", 0),
            inverse: k.cell("inverse", 0),
            offset,
            window: k.cell("window", 1),
            doubles,
            first,
            further,
            add,
            add_phi,
            add_comb,
            correct,
            digit: k.cell("digit", 1),
            comb: [comb_0, comb_1],
            comb_bound,
            scalars: names.map(|n| k.cell(&format!("scalar of {n}"), 0)),
            next: names.map(|n| k.cell(&format!("next scalar of {n}"), 1)),
            x1,
            y1,
            x2,
            y2,
            slope,
            x3,
            y3,
            image,
            doubled_x,
            doubled_y,
        }
    }
    /// Any doubling.
    pub(super) fn double(&self) -> Expr {
        self.doubles.map(Cell::expr).into_iter().sum()
    }
    /// Any multiple that is built.
    pub(super) fn build(&self) -> Expr {
        self.first + self.further
    }
}

/// `secp.word`: a canonical number in halves and in limbs.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// 0: below p; 1: below n.
    pub(super) order: Cell,
    /// The limbs are those of the number minus p.
    pub(super) reduced: Cell,
    /// 13-bit digits of limbs 0, 2 and 3, and of bits 0 to 62 of limb 1.
    pub(super) digits: [Vec<Cell>; 4],
    /// Limb 1's fifth digit + 2^13 - 2^11: that digit is below 2^11.
    pub(super) bound: Cell,
    /// Bits 63 and 64 of limb 1, as one digit.
    pub(super) top: Cell,
    /// `top + 2^13 - 4`: below 4.
    pub(super) top_bound: Cell,
    /// 13-bit digits of the limbs of `m - 1 - number`.
    pub(super) complement: [Vec<Cell>; 4],
    pub(super) carries: [Cell; 3],
    /// Borrows of the subtraction of p.
    pub(super) borrows: [Cell; 3],
}

impl Word {
    pub(super) fn place(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        Self {
            digits: std::array::from_fn(|i| k.lookups(&format!("digit.{i}"), 0, range, 5)),
            bound: k.lookup("bound", 0, range),
            complement: std::array::from_fn(|i| k.lookups(&format!("complement.{i}"), 1, range, 5)),
            order: k.boolean("order", 0),
            reduced: k.boolean("reduced", 0),
            top: k.lookup("top", 0, range),
            top_bound: k.lookup("top bound", 0, range),
            carries: std::array::from_fn(|i| k.lookup(&format!("carry.{i}"), 1, range)),
            borrows: std::array::from_fn(|i| k.lookup(&format!("borrow.{i}"), 0, range)),
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
    pub(super) k2: [Cell; 3],
    /// Scalar of G.
    pub(super) g0: Cell,
    /// Limbs of the scalar of 2^128 G.
    pub(super) g1: [Cell; 2],
    /// `floor(y_lo / 2)`.
    pub(super) half_y: Vec<Cell>,
    /// Bits 128 and 129 of z, as one digit.
    pub(super) z_bits: Cell,
    /// `z_bits + 2^13 - 4`: below 4.
    pub(super) z_bits_bound: Cell,
    /// z without its low 130 bits, and its digits.
    pub(super) z_top: Cell,
    pub(super) z_top_digits: Vec<Cell>,
    pub(super) z_top_bound: Cell,
    /// Digits of z's low half.
    pub(super) z_low_digits: Vec<Cell>,
    pub(super) z_low_bound: Cell,
    /// Inverse of `s_hi + s_lo`.
    pub(super) inverse: Cell,
}

impl Signature {
    pub(super) fn place(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        // The last row's message reads these at rotation -1: the value columns are the ones to be read so.
        let z_half = [k.cell("z_hi", 1), k.cell("z_lo", 1)];
        let s_half = [k.cell("s_hi", 1), k.cell("s_lo", 1)];
        let parity = k.boolean("parity", 1);
        let half_y = k.lookups("half y", 0, range, 10);
        let z_top_digits = k.lookups("z top digit", 0, range, 10);
        let z_top_bound = k.lookup("z top bound", 0, range);
        let z_low_digits = k.lookups("z low digit", 1, range, 10);
        let z_low_bound = k.lookup("z low bound", 1, range);
        let z_bits = k.lookup("z bits", 1, range);
        let z_bits_bound = k.lookup("z bits bound", 1, range);
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
            z_bits,
            z_bits_bound,
            z_top: k.cell("z top", 1),
            z_top_digits,
            z_top_bound,
            z_low_digits,
            z_low_bound,
            inverse: k.cell("inverse", 0),
        }
    }
}
