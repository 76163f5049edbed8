//! Taking over a ceremony's file: read, check, bring into halo2's form for each size wanted.

use std::ops::RangeInclusive;
use std::path::Path;

use halo2_proofs::halo2curves::bn256::{Bn256, G1Affine, G2Affine};
use halo2_proofs::poly::commitment::{Params, ParamsProver};
use halo2_proofs::poly::kzg::commitment::ParamsKZG;

use super::{
    MAX_K, Srs, SrsError, SrsInvalid, SrsLabel, check, file, generators_only, lagrange, ptau,
};
use crate::files::{self, FileError};
use crate::progress::{self, Progress, Stage};

/// Seconds of one multiplication in the group on one core; only the estimate depends on it.
const SECONDS_A_MULTIPLICATION: f64 = 1.3e-4;

/// What a source offers: powers up to its size, and Lagrange bases of some sizes.
enum Source {
    Ptau(Box<ptau::Ptau>),
    Raw(Box<ParamsKZG<Bn256>>, Vec<G1Affine>),
}

struct Points {
    powers: Vec<G1Affine>,
    g2: G2Affine,
    s_g2: G2Affine,
}

pub(super) fn transform_plan(k: u32) -> [(Stage, f64); 2] {
    let n = f64::from(1u32 << k);
    let seconds = SECONDS_A_MULTIPLICATION * n * (f64::from(k) / 2.0 + 1.0)
        / rayon::current_num_threads() as f64;
    [(Stage::SrsLagrange, seconds), (Stage::WriteFile, n * 1e-7)]
}

/// Cuts a string of `2^k` points from a larger one.
pub(super) fn downsize(k: u32, params: &ParamsKZG<Bn256>) -> ParamsKZG<Bn256> {
    let powers = params.get_g().iter().take(1 << k).copied().collect();
    lagrange::from_powers(k, powers, params.g2(), params.s_g2())
}

/// Imports `path` for each of `sizes`, handing each string to `store`, the largest first.
pub(super) fn run(
    path: &Path,
    sizes: RangeInclusive<u32>,
    progress: &dyn Progress,
    store: impl Fn(&Srs) -> Result<(), FileError> + Sync,
) -> Result<SrsLabel, SrsError> {
    let format = |reason: String| SrsError::Format {
        path: path.to_owned(),
        reason,
    };
    let invalid = |reason: SrsInvalid| SrsError::Invalid {
        path: path.to_owned(),
        reason,
    };
    let largest = *sizes.end();
    let transform: f64 = sizes
        .clone()
        .flat_map(transform_plan)
        .map(|(_, seconds)| seconds)
        .sum();
    let n = f64::from(1u32 << largest);
    let plan = [
        (Stage::ReadFile, n * 1e-6),
        (Stage::SrsCheck, n * 1e-5),
        (Stage::SrsLagrange, transform),
    ];
    let (result, _) = progress::run(
        progress,
        "importing the reference string",
        &plan,
        |tracker| {
            let (mut source, have) = open(path)?;
            if have < largest {
                return Err(SrsError::TooSmall {
                    path: path.to_owned(),
                    have,
                    want: largest,
                });
            }
            let points = source.points(largest).map_err(format)?;
            tracker.enter(Stage::SrsCheck);
            check::powers(&points.powers, &points.g2, &points.s_g2).map_err(invalid)?;
            source.check_own_basis().map_err(invalid)?;
            tracker.enter(Stage::SrsLagrange);
            let mut label = SrsLabel::of(&points.s_g2);
            for k in sizes.rev() {
                let powers: Vec<_> = points.powers.iter().take(1 << k).copied().collect();
                let params = match source.basis(k, &powers).map_err(format)? {
                    Some(basis) => {
                        generators_only().from_parts(k, powers, Some(basis), points.g2, points.s_g2)
                    }
                    None => lagrange::from_powers(k, powers, points.g2, points.s_g2),
                };
                let srs = Srs::new(params);
                store(&srs)?;
                label = srs.label();
            }
            Ok(label)
        },
    );
    result
}

fn open(path: &Path) -> Result<(Source, u32), SrsError> {
    let format = |reason: String| SrsError::Format {
        path: path.to_owned(),
        reason,
    };
    if ptau::recognise(path).map_err(FileError::io("open", path))? {
        let ptau = ptau::Ptau::open(path).map_err(format)?;
        let power = ptau.power;
        return Ok((Source::Ptau(Box::new(ptau)), power));
    }
    let limit = file::raw_length(MAX_K) as u64;
    let bytes = match files::read_bounded(path, limit) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(format("there is no such file".to_owned())),
        Err(FileError::Damaged { reason, .. }) => return Err(format(reason)),
        Err(error) => return Err(error.into()),
    };
    let (params, basis) = file::parse_raw(&bytes)
        .map_err(|reason| format(format!("neither `.ptau` nor halo2's raw form: {reason}")))?;
    let k = params.k();
    Ok((Source::Raw(Box::new(params), basis), k))
}

impl Source {
    fn points(&mut self, k: u32) -> Result<Points, String> {
        match self {
            Self::Ptau(ptau) => {
                let (g2, s_g2) = ptau.g2()?;
                Ok(Points {
                    powers: ptau.powers(k)?,
                    g2,
                    s_g2,
                })
            }
            Self::Raw(params, _) => Ok(Points {
                powers: params.get_g().iter().take(1 << k).copied().collect(),
                g2: params.g2(),
                s_g2: params.s_g2(),
            }),
        }
    }

    /// Checks the basis that halo2's raw form carries, whether or not it is among the sizes wanted.
    fn check_own_basis(&self) -> Result<(), SrsInvalid> {
        match self {
            Self::Ptau(_) => Ok(()),
            Self::Raw(params, basis) => {
                if check::same_polynomial(params.k(), params.get_g(), basis) {
                    Ok(())
                } else {
                    Err(SrsInvalid::Lagrange)
                }
            }
        }
    }

    /// The file's own Lagrange basis of `2^k` points, in halo2's order, if it has one and it is right.
    fn basis(&mut self, k: u32, powers: &[G1Affine]) -> Result<Option<Vec<G1Affine>>, String> {
        match self {
            Self::Raw(params, basis) => Ok((params.k() == k).then(|| basis.clone())),
            Self::Ptau(ptau) => {
                let Some(theirs) = ptau.lagrange(k)? else {
                    return Ok(None);
                };
                let ours = lagrange::reorder(k, ptau::root_of_unity(k), &theirs)
                    .filter(|ours| check::same_polynomial(k, powers, ours));
                if ours.is_none() {
                    tracing::warn!(
                        k,
                        "the file's own Lagrange basis does not belong to its powers; computing it"
                    );
                }
                Ok(ours)
            }
        }
    }
}
