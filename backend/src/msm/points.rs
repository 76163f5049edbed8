//! Points of the curve in an engine's form, and many additions of them at once.
//!
//! Points are affine. The slope of each addition needs an inverse; Montgomery's trick makes one inversion of all: a pass forward multiplies
//! the differences of the `x` up, a pass backward takes the inverses out, each for eight additions at a time.

use crate::{
    array::Words,
    engine::{Block, Engine, LANES, points::Single},
};
use ff::Field as _;
use halo2_proofs::halo2curves::bn256::{Fq, G1Affine};

/// The bit of a reference that says that the negative of the point is meant. The others are the point's index.
pub(super) const NEGATIVE: u32 = 1 << 31;

/// A point as an engine keeps it; the identity has zeros (no point of the curve has `x = 0`, as 3 is no square).
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Point {
    x: Single<Fq>,
    y: Single<Fq>,
}

// SAFETY: two times four words, 64 bytes, which is its alignment.
unsafe impl Words for Point {}

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

/// Pairs of references of so many times eight additions as are worked on in turns, see [`Engine::WAYS`].
type Pairs<const W: usize> = [[[u32; 2]; LANES]; W];

/// Sums of so many additions.
type Sums<const W: usize> = [[Point; LANES]; W];

/// The number of additions is a multiple of this.
pub(super) const BATCH: usize = 2 * LANES;

/// Points are brought into the cache so many steps of [`forward`] before they are needed, for they are anywhere in the memory.
const AHEAD: usize = 1;

/// An expression for each way, in place of a value of its type.
macro_rules! ways {
    ($any:expr; $way:ident => $value:expr) => {{
        let mut all = [$any; W];
        for $way in 0..W {
            all[$way] = $value;
        }
        all
    }};
}

/// Writes eight points, whose coordinates are below `4 p`.
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

/// Has a point brought into the cache.
#[inline(always)]
fn prefetch(points: &[Point], reference: u32) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let place = points
            .as_ptr()
            .wrapping_add((reference & !NEGATIVE) as usize);
        // SAFETY: all processors of this architecture have the instruction, and it is only a hint: it reads no memory for the program and never
        // faults, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (points, reference);
}

#[inline(always)]
fn x_of<E: Engine>(engine: E, points: &[Point], refs: [u32; LANES]) -> E::V<Fq> {
    engine.gather(lanes!(i => &points[(refs[i] & !NEGATIVE) as usize].x))
}

/// Between `-4 p` and `4 p`.
#[inline(always)]
fn y_of<E: Engine, const SIGNED: bool>(
    engine: E,
    points: &[Point],
    refs: [u32; LANES],
) -> E::Lazy<Fq> {
    let y = engine.gather(lanes!(i => &points[(refs[i] & !NEGATIVE) as usize].y));
    let y = engine.lazy::<Fq>(y);
    if !SIGNED {
        return y;
    }
    let mask = (0..LANES).fold(0, |mask, i| mask | ((refs[i] >> 31) << i) as u8);
    engine.lazy_negate::<Fq>(mask, y)
}

/// The inverses; none is 0.
#[inline(always)]
fn inverses<E: Engine, const W: usize>(engine: E, x: [E::V<Fq>; W]) -> [E::V<Fq>; W] {
    let x = ways!([Fq::ZERO; LANES]; w => engine.export(x[w]));
    let mut inverses = x;
    invert(inverses.as_flattened_mut());
    ways!(engine.zero::<Fq>(); w => engine.import(&inverses[w]))
}

/// Inverts elements that are not 0.
fn invert(x: &mut [Fq]) {
    let mut before = Vec::with_capacity(x.len());
    let mut product = Fq::ONE;
    for x in &*x {
        before.push(product);
        product *= x;
    }
    let mut inverse = product.invert().unwrap_or(Fq::ZERO);
    for (x, before) in x.iter_mut().zip(before).rev() {
        let own = inverse * before;
        inverse *= *x;
        *x = own;
    }
}

/// Eight additions: what is divided by what, where the slope is this quotient. Only in careful additions are there special cases.
#[derive(Clone, Copy)]
struct Slope<V> {
    /// Below `16 p`.
    numerator: V,
    /// Below `16 p`.
    denominator: V,
    /// Lanes whose left, whose right point is the identity, and whose sum is.
    special: [u8; 3],
}

/// The slopes of additions of which none is a doubling or has a point and its negative or the identity.
#[inline(always)]
fn plain<E: Engine>(engine: E, x: [E::V<Fq>; 2], y: [E::Lazy<Fq>; 2]) -> Slope<E::V<Fq>> {
    Slope {
        numerator: engine.lazy_done::<8, Fq>(engine.lazy_sub::<Fq>(y[1], y[0])),
        denominator: engine.sub::<4, Fq>(x[1], x[0]),
        special: [0; 3],
    }
}

/// The slopes of any additions; denominators are never 0.
#[inline(always)]
fn careful<E: Engine>(engine: E, x: [E::V<Fq>; 2], y: [E::Lazy<Fq>; 2]) -> Slope<E::V<Fq>> {
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
    // x is below 4 p, x^2 below 2 p.
    let square = engine.square::<Fq>(x[0]);
    let thrice = engine.add::<Fq>(engine.add::<Fq>(square, square), square);
    let numerator = engine.select::<Fq>(double, numerator, thrice);
    let twice = engine.lazy_done::<8, Fq>(engine.lazy_add::<Fq>(y[0], y[0]));
    let denominator = engine.select::<Fq>(double, denominator, twice);
    let one = engine.splat(Fq::ONE);
    Slope {
        numerator,
        denominator: engine.select::<Fq>(left | right | opposite, denominator, one),
        special: [left, right, (left & right) | opposite],
    }
}

/// The products of all denominators, with the products before each in `before`.
#[inline(always)]
fn forward<E: Engine, const SIGNED: bool, const CAREFUL: bool, const W: usize>(
    engine: E,
    points: &[Point],
    pairs: &[Pairs<W>],
    before: &mut [[Block<Fq>; W]],
) -> [E::V<Fq>; W] {
    let zero = engine.zero::<Fq>();
    let mut product = [engine.splat(Fq::ONE); W];
    for (step, before) in before[..pairs.len()].iter_mut().enumerate() {
        if let Some(later) = pairs.get(step + AHEAD) {
            for reference in later.as_flattened().as_flattened() {
                prefetch(points, *reference);
            }
        }
        let pairs = &pairs[step];
        let denominator = ways!(zero; w => {
            engine.store(product[w], &mut before[w]);
            let (left, right) = (lanes!(i => pairs[w][i][0]), lanes!(i => pairs[w][i][1]));
            let x = [x_of(engine, points, left), x_of(engine, points, right)];
            if CAREFUL {
                let y = [
                    y_of::<E, SIGNED>(engine, points, left),
                    y_of::<E, SIGNED>(engine, points, right),
                ];
                careful(engine, x, y).denominator
            } else {
                engine.sub::<4, Fq>(x[1], x[0])
            }
        });
        // 2 p times 16 p.
        product = ways!(zero; w => engine.mul::<Fq>(product[w], denominator[w]));
    }
    product
}

/// The sums, by the inverses of what [`forward`] gave. Says whether one of them is the identity.
#[inline(always)]
fn backward<E: Engine, const SIGNED: bool, const CAREFUL: bool, const W: usize>(
    engine: E,
    points: &[Point],
    pairs: &[Pairs<W>],
    before: &[[Block<Fq>; W]],
    mut inverse: [E::V<Fq>; W],
    out: &mut [Sums<W>],
) -> bool {
    let (zero, lazy) = (engine.zero::<Fq>(), engine.lazy::<Fq>(engine.zero::<Fq>()));
    let mut identities = false;
    for ((pairs, before), out) in pairs.iter().zip(before).zip(out).rev() {
        let left = ways!([0; LANES]; w => lanes!(i => pairs[w][i][0]));
        let right = ways!([0; LANES]; w => lanes!(i => pairs[w][i][1]));
        let own = ways!(zero; w => engine.mul::<Fq>(inverse[w], engine.load(&before[w])));
        let x =
            ways!([zero; 2]; w => [x_of(engine, points, left[w]), x_of(engine, points, right[w])]);
        let y = ways!([lazy; 2]; w => [
            y_of::<E, SIGNED>(engine, points, left[w]),
            y_of::<E, SIGNED>(engine, points, right[w]),
        ]);
        let slope = ways!(Slope { numerator: zero, denominator: zero, special: [0; 3] }; w => if CAREFUL {
            careful(engine, x[w], y[w])
        } else {
            plain(engine, x[w], y[w])
        });
        // 16 p times 2 p.
        let quotient = ways!(zero; w => engine.mul::<Fq>(slope[w].numerator, own[w]));
        inverse = ways!(zero; w => engine.mul::<Fq>(inverse[w], slope[w].denominator));
        // The new x is s^2 - x1 - x2, at least -8 p; the step to it from x1 is at least -2 p, and below 14 p in the end, times 2 p.
        let square = ways!(lazy; w => engine.lazy::<Fq>(engine.square::<Fq>(quotient[w])));
        let sum_x = ways!(lazy; w => {
            let [a, b] = [engine.lazy::<Fq>(x[w][0]), engine.lazy::<Fq>(x[w][1])];
            engine.lazy_sub::<Fq>(engine.lazy_sub::<Fq>(square[w], a), b)
        });
        let step = ways!(zero; w => {
            let difference = engine.lazy_sub::<Fq>(engine.lazy::<Fq>(x[w][0]), sum_x[w]);
            engine.mul::<Fq>(quotient[w], engine.lazy_done::<2, Fq>(difference))
        });
        for w in 0..W {
            let sum_y = engine.lazy_sub::<Fq>(engine.lazy::<Fq>(step[w]), y[w][0]);
            let mut sum = [
                engine.lazy_reduced::<9, Fq>(sum_x[w]),
                engine.lazy_reduced::<5, Fq>(sum_y),
            ];
            if CAREFUL {
                let [left, right, none] = slope[w].special;
                let y = [
                    engine.lazy_reduced::<5, Fq>(y[w][0]),
                    engine.lazy_reduced::<5, Fq>(y[w][1]),
                ];
                for i in 0..2 {
                    let (p, q) = ([x[w][0], y[0]], [x[w][1], y[1]]);
                    sum[i] = engine.select::<Fq>(left, sum[i], q[i]);
                    sum[i] = engine.select::<Fq>(right & !left, sum[i], p[i]);
                    sum[i] = engine.select::<Fq>(none, sum[i], engine.zero::<Fq>());
                }
                identities |= none != 0;
            }
            write(engine, sum, &mut out[w]);
        }
    }
    identities
}

/// Writes the sums of pairs of points, which references name; their number is a multiple of [`BATCH`]. `before` is memory to use, a block for
/// eight pairs. If none of the points is the identity, `plain` may be set. Says whether one of the sums is the identity.
pub(super) fn add<E: Engine, const SIGNED: bool>(
    engine: E,
    points: &[Point],
    pairs: &[[u32; 2]],
    before: &mut [Block<Fq>],
    out: &mut [Point],
    plain: bool,
) -> bool {
    if E::WAYS == 1 {
        add_by::<E, SIGNED, 1>(engine, points, pairs, before, out, plain)
    } else {
        add_by::<E, SIGNED, 2>(engine, points, pairs, before, out, plain)
    }
}

/// [`add`], with so many eights of additions in turns.
fn add_by<E: Engine, const SIGNED: bool, const W: usize>(
    engine: E,
    points: &[Point],
    pairs: &[[u32; 2]],
    before: &mut [Block<Fq>],
    out: &mut [Point],
    plain: bool,
) -> bool {
    let pairs: &[Pairs<W>] = pairs.as_chunks().0.as_chunks().0;
    let before: &mut [[Block<Fq>; W]] = before.as_chunks_mut().0;
    let out: &mut [Sums<W>] = out.as_chunks_mut().0.as_chunks_mut().0;
    engine.run(
        #[inline(always)]
        || {
            if plain {
                let product = forward::<E, SIGNED, false, W>(engine, points, pairs, before);
                // Else two points have the same x.
                let zeros = ways!(0; w => engine.zeros::<Fq>(product[w]));
                if zeros == [0; W] {
                    let inverse = inverses(engine, product);
                    return backward::<E, SIGNED, false, W>(
                        engine, points, pairs, before, inverse, out,
                    );
                }
            }
            let product = forward::<E, SIGNED, true, W>(engine, points, pairs, before);
            let inverse = inverses(engine, product);
            backward::<E, SIGNED, true, W>(engine, points, pairs, before, inverse, out)
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
                let y = y_of::<E, true>(engine, points, *refs);
                let y = engine.lazy_reduced::<5, Fq>(y);
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

/// Writes the images of points under the endomorphism. Their number is a multiple of [`LANES`].
pub(super) fn images<E: Engine>(engine: E, zeta: Fq, points: &[Point], out: &mut [Point]) {
    let (points, out) = (points.as_chunks().0, out.as_chunks_mut().0);
    engine.run(
        #[inline(always)]
        || {
            let zeta = engine.splat(zeta);
            for (points, out) in points.iter().zip(out) {
                let points: &[Point; LANES] = points;
                let x = engine.gather(lanes!(i => &points[i].x));
                let y = engine.gather(lanes!(i => &points[i].y));
                write(engine, [engine.mul::<Fq>(x, zeta), y], out);
            }
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
