//! Points of the curve in an engine's form, and many additions of them at once.
//!
//! Points are affine. The slope of each addition needs an inverse; Montgomery's trick makes one inversion of all: a pass forward multiplies
//! the differences of the `x` up, a pass backward takes the inverses out, each for eight additions at a time.

use crate::engine::{Block, Engine, LANES, Single};
use ff::Field as _;
use halo2_proofs::halo2curves::bn256::{Fq, G1Affine};

/// The bit of a reference that says that the negative of the point is meant. The others are the point's index.
pub(super) const NEGATIVE: u32 = 1 << 31;

/// A point as an engine keeps it; the identity has zeros (no point of the curve has `x = 0`, as 3 is no square).
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Point {
    x: Single<Fq>,
    y: Single<Fq>,
}

impl Point {
    pub(super) const IDENTITY: Self = Self {
        x: Single::ZERO,
        y: Single::ZERO,
    };

    pub(super) fn is_identity(&self) -> bool {
        self.x.words == [0; 4]
    }
}

/// An expression for each of the eight lanes. The array's own `map` is not compiled into its caller, see [`Engine`].
macro_rules! lanes {
    ($lane:ident => $value:expr) => {
        lanes!($lane => $value; 0 1 2 3 4 5 6 7)
    };
    ($lane:ident => $value:expr; $($number:literal)*) => {
        [$({ let $lane: usize = $number; $value }),*]
    };
}

/// Writes eight points, whose coordinates are below `2 p`.
#[inline(always)]
fn write<E: Engine>(engine: E, [x, y]: [E::V<Fq>; 2], points: &mut [Point; LANES]) {
    let [a, b, c, d, e, f, g, h] = points;
    let places = [
        &mut a.x, &mut b.x, &mut c.x, &mut d.x, &mut e.x, &mut f.x, &mut g.x, &mut h.x,
    ];
    engine.scatter(x, places);
    let places = [
        &mut a.y, &mut b.y, &mut c.y, &mut d.y, &mut e.y, &mut f.y, &mut g.y, &mut h.y,
    ];
    engine.scatter(y, places);
}

#[inline(always)]
fn x_of<E: Engine>(engine: E, points: &[Point], refs: [u32; LANES]) -> E::V<Fq> {
    engine.gather(lanes!(i => &points[(refs[i] & !NEGATIVE) as usize].x))
}

/// At most `2 p`.
#[inline(always)]
fn y_of<E: Engine, const SIGNED: bool>(
    engine: E,
    points: &[Point],
    refs: [u32; LANES],
) -> E::V<Fq> {
    let y = engine.gather(lanes!(i => &points[(refs[i] & !NEGATIVE) as usize].y));
    if !SIGNED {
        return y;
    }
    let mask = (0..LANES).fold(0, |mask, i| mask | ((refs[i] >> 31) << i) as u8);
    let negative = engine.sub::<2, Fq>(engine.zero::<Fq>(), y);
    engine.select::<Fq>(mask, y, negative)
}

/// The inverses; none is 0.
#[inline(always)]
fn inverses<E: Engine>(engine: E, x: E::V<Fq>) -> E::V<Fq> {
    let x: [Fq; LANES] = engine.export(x);
    let mut products = x;
    for i in 1..LANES {
        products[i] *= products[i - 1];
    }
    let mut inverse = products[LANES - 1]
        .invert()
        .expect("a product of elements that are not 0");
    let mut out = [Fq::ZERO; LANES];
    for i in (1..LANES).rev() {
        out[i] = inverse * products[i - 1];
        inverse *= x[i];
    }
    out[0] = inverse;
    engine.import(&out)
}

/// Eight additions: what is divided by what, where the slope is this quotient. Only in careful additions are there special cases.
struct Slope<V> {
    numerator: V,
    denominator: V,
    /// Lanes whose left, whose right point is the identity, and whose sum is.
    special: [u8; 3],
}

/// The slopes of additions of which none is a doubling or has a point and its negative or the identity.
#[inline(always)]
fn plain<E: Engine>(engine: E, x: [E::V<Fq>; 2], y: [E::V<Fq>; 2]) -> Slope<E::V<Fq>> {
    Slope {
        numerator: engine.sub::<2, Fq>(y[1], y[0]),
        denominator: engine.sub::<2, Fq>(x[1], x[0]),
        special: [0; 3],
    }
}

/// The slopes of any additions; denominators are never 0.
#[inline(always)]
fn careful<E: Engine>(engine: E, x: [E::V<Fq>; 2], y: [E::V<Fq>; 2]) -> Slope<E::V<Fq>> {
    let Slope {
        numerator,
        denominator,
        ..
    } = plain(engine, x, y);
    let [left, right] = [engine.zeros::<Fq>(x[0]), engine.zeros::<Fq>(x[1])];
    let same = engine.zeros::<Fq>(denominator) & !left & !right;
    // No point of the curve has y = 0, for it would have the order 2.
    let double = same & engine.zeros::<Fq>(numerator);
    let opposite = same & !double;
    // x^2 is below 2 p, so that three times that is below 6 p.
    let square = engine.square::<Fq>(x[0]);
    let thrice = engine.add::<Fq>(engine.add::<Fq>(square, square), square);
    let numerator = engine.select::<Fq>(double, numerator, thrice);
    let denominator = engine.select::<Fq>(double, denominator, engine.add::<Fq>(y[0], y[0]));
    let one = engine.splat(Fq::ONE);
    Slope {
        numerator,
        denominator: engine.select::<Fq>(left | right | opposite, denominator, one),
        special: [left, right, (left & right) | opposite],
    }
}

/// The product of all denominators, with the products before each in `before`.
#[inline(always)]
fn forward<E: Engine, const SIGNED: bool, const CAREFUL: bool>(
    engine: E,
    points: &[Point],
    pairs: &[[[u32; 2]; LANES]],
    before: &mut [Block<Fq>],
) -> E::V<Fq> {
    let mut product = engine.splat(Fq::ONE);
    for (pairs, before) in pairs.iter().zip(before) {
        engine.store(product, before);
        let (left, right) = (lanes!(i => pairs[i][0]), lanes!(i => pairs[i][1]));
        let x = [x_of(engine, points, left), x_of(engine, points, right)];
        let denominator = if CAREFUL {
            let y = [
                y_of::<E, SIGNED>(engine, points, left),
                y_of::<E, SIGNED>(engine, points, right),
            ];
            careful(engine, x, y).denominator
        } else {
            engine.sub::<2, Fq>(x[1], x[0])
        };
        // 2 p times at most 4 p.
        product = engine.mul::<Fq>(product, denominator);
    }
    product
}

/// The sums, by the inverse of what [`forward`] gave. Says whether one of them is the identity.
#[inline(always)]
fn backward<E: Engine, const SIGNED: bool, const CAREFUL: bool>(
    engine: E,
    points: &[Point],
    pairs: &[[[u32; 2]; LANES]],
    before: &[Block<Fq>],
    mut inverse: E::V<Fq>,
    out: &mut [[Point; LANES]],
) -> bool {
    let mut identities = false;
    for ((pairs, before), out) in pairs.iter().zip(before).zip(out).rev() {
        let (left, right) = (lanes!(i => pairs[i][0]), lanes!(i => pairs[i][1]));
        let x = [x_of(engine, points, left), x_of(engine, points, right)];
        let y = [
            y_of::<E, SIGNED>(engine, points, left),
            y_of::<E, SIGNED>(engine, points, right),
        ];
        let slope = if CAREFUL {
            careful(engine, x, y)
        } else {
            plain(engine, x, y)
        };
        let own = engine.mul::<Fq>(inverse, engine.load(before));
        inverse = engine.mul::<Fq>(inverse, slope.denominator);
        // The numerator is below 6 p.
        let quotient = engine.mul::<Fq>(slope.numerator, own);
        // Below 6 p, and the difference below 8 p, times 2 p.
        let sum_x =
            engine.sub::<4, Fq>(engine.square::<Fq>(quotient), engine.add::<Fq>(x[0], x[1]));
        let step = engine.mul::<Fq>(quotient, engine.sub::<6, Fq>(x[0], sum_x));
        let sum_y = engine.sub::<2, Fq>(step, y[0]);
        let mut sum = [engine.reduce::<Fq>(sum_x), engine.reduce::<Fq>(sum_y)];
        if CAREFUL {
            let [left, right, none] = slope.special;
            let (p, q) = ([x[0], y[0]], [x[1], y[1]]);
            for i in 0..2 {
                // A y of 2 p cannot be: a point has y = 0 only if it is the identity, which has no negative among the references.
                sum[i] = engine.select::<Fq>(left, sum[i], q[i]);
                sum[i] = engine.select::<Fq>(right & !left, sum[i], p[i]);
                sum[i] = engine.select::<Fq>(none, sum[i], engine.zero::<Fq>());
            }
            identities |= none != 0;
        }
        write(engine, sum, out);
    }
    identities
}

/// Writes the sums of pairs of points, which references name. `before` is memory to use, as long as the pairs. If none of the points is the
/// identity, `plain` may be set. Says whether one of the sums is the identity.
pub(super) fn add<E: Engine, const SIGNED: bool>(
    engine: E,
    points: &[Point],
    pairs: &[[[u32; 2]; LANES]],
    before: &mut [Block<Fq>],
    out: &mut [[Point; LANES]],
    plain: bool,
) -> bool {
    engine.run(
        #[inline(always)]
        || {
            if plain {
                let product = forward::<E, SIGNED, false>(engine, points, pairs, before);
                // Else two points have the same x.
                if engine.zeros::<Fq>(product) == 0 {
                    let inverse = inverses(engine, product);
                    return backward::<E, SIGNED, false>(
                        engine, points, pairs, before, inverse, out,
                    );
                }
            }
            let product = forward::<E, SIGNED, true>(engine, points, pairs, before);
            let inverse = inverses(engine, product);
            backward::<E, SIGNED, true>(engine, points, pairs, before, inverse, out)
        },
    )
}

/// Writes the points that references name.
pub(super) fn copy<E: Engine>(
    engine: E,
    points: &[Point],
    refs: &[[u32; LANES]],
    out: &mut [[Point; LANES]],
) {
    engine.run(
        #[inline(always)]
        || {
            for (refs, out) in refs.iter().zip(out) {
                // At most 2 p, but not 2 p, as no point has y = 0.
                let y = y_of::<E, true>(engine, points, *refs);
                write(engine, [x_of(engine, points, *refs), y], out);
            }
        },
    );
}

/// From affine points; each is followed by its image under the endomorphism in `images`.
pub(super) fn import<E: Engine>(
    engine: E,
    points: &[G1Affine; LANES],
    zeta: Fq,
    out: &mut [Point; LANES],
    images: &mut [Point; LANES],
) {
    engine.run(
        #[inline(always)]
        || {
            let x = engine.import(&lanes!(i => points[i].x));
            let y = engine.import(&lanes!(i => points[i].y));
            write(engine, [x, y], out);
            let image = engine.mul::<Fq>(x, engine.splat(zeta));
            write(engine, [image, y], images);
        },
    );
}

/// To affine points.
pub(super) fn export<E: Engine>(engine: E, points: &[Point; LANES]) -> [G1Affine; LANES] {
    engine.run(
        #[inline(always)]
        || {
            let x: [Fq; LANES] = engine.export(engine.gather(lanes!(i => &points[i].x)));
            let y: [Fq; LANES] = engine.export(engine.gather(lanes!(i => &points[i].y)));
            std::array::from_fn(|i| G1Affine { x: x[i], y: y[i] })
        },
    )
}
