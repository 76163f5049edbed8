//! The structured reference string of the KZG commitments: made for development, or imported from a ceremony.

mod check;
mod dev;
mod file;
mod import;
mod label;
mod lagrange;
mod ptau;
#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};

use halo2_proofs::halo2curves::bn256::{Bn256, G1Affine, G2Affine};
use halo2_proofs::poly::commitment::Params;
use halo2_proofs::poly::kzg::commitment::ParamsKZG;
use rand::rngs::mock::StepRng;
use thiserror::Error;

pub use check::SrsInvalid;
pub use dev::SEED as DEVELOPMENT_SEED;
pub use label::SrsLabel;

use crate::files::{FileError, Lock};
use crate::progress::{self, Progress, Stage, Tracker};

/// The largest supported string: `2^20` points.
pub const MAX_K: u32 = 20;

/// Why there is no reference string to work with.
#[derive(Debug, Error)]
pub enum SrsError {
    /// A size that is not supported.
    #[error("a reference string of 2^{k} points is not supported: k must be 1 to {MAX_K}")]
    Size {
        /// What was asked for.
        k: u32,
    },
    /// The imported string is too small.
    #[error(
        "{path} holds 2^{have} points, 2^{want} are needed; import a larger file of the same ceremony"
    )]
    TooSmall {
        /// The file.
        path: PathBuf,
        /// Its size.
        have: u32,
        /// The size asked for.
        want: u32,
    },
    /// Nothing was imported under this label.
    #[error(
        "no reference string {label} is in {directory}; import it first (`hallmark srs import FILE`)"
    )]
    NotImported {
        /// The string asked for.
        label: SrsLabel,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// The file is of another format, or cut short.
    #[error("{path} is not a reference string that can be imported: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The points in the file are no reference string.
    #[error("{path} is not a valid reference string: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Which check failed.
        reason: SrsInvalid,
    },
    /// A file cannot be read or written, or is damaged.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A structured reference string of `2^k` points with its label.
#[derive(Clone, Debug)]
pub struct Srs {
    params: ParamsKZG<Bn256>,
    label: SrsLabel,
}

impl Srs {
    /// Makes the development string of `2^k` points. **Insecure**: its secret follows from [`DEVELOPMENT_SEED`].
    pub fn development(k: u32, progress: &dyn Progress) -> Result<Self, SrsError> {
        check_size(k)?;
        let (params, _) = progress::run(
            progress,
            "development reference string (insecure)",
            &generation_plan(k),
            |tracker| development_params(k, tracker),
        );
        Ok(Self::new(params))
    }

    fn new(params: ParamsKZG<Bn256>) -> Self {
        let label = SrsLabel::of(&params.s_g2());
        Self { params, label }
    }

    /// The number of points is `2^k`.
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// Which string it is.
    pub fn label(&self) -> SrsLabel {
        self.label
    }

    /// The parameters as halo2 takes them.
    pub fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// What a verifier needs of it.
    pub fn verifier(&self) -> VerifierSrs {
        VerifierSrs {
            s_g2: self.params.s_g2(),
        }
    }
}

/// What a verifier needs of a reference string: the second G2 point. The rest are the curve's generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifierSrs {
    /// `tau` times the generator of G2.
    s_g2: G2Affine,
}

impl VerifierSrs {
    /// The development string's, without making the string.
    pub fn development() -> Self {
        Self { s_g2: dev::s_g2() }
    }

    pub(crate) fn from_point(s_g2: G2Affine) -> Self {
        Self { s_g2 }
    }

    /// `tau` times the generator of G2.
    pub fn s_g2(&self) -> G2Affine {
        self.s_g2
    }

    /// Which string it is.
    pub fn label(&self) -> SrsLabel {
        SrsLabel::of(&self.s_g2)
    }

    /// Parameters that suffice to verify proofs of `2^k` rows; they can commit to nothing.
    pub(crate) fn params(&self, k: u32) -> ParamsKZG<Bn256> {
        let shell = generators_only();
        shell.from_parts(
            k,
            vec![G1Affine::generator()],
            Some(Vec::new()),
            G2Affine::generator(),
            self.s_g2,
        )
    }
}

/// Parameters of two points, which are never used. halo2 builds parameters from parts only through a value that exists already.
fn generators_only() -> ParamsKZG<Bn256> {
    ParamsKZG::setup(1, StepRng::new(7, 0))
}

fn check_size(k: u32) -> Result<(), SrsError> {
    if (1..=MAX_K).contains(&k) {
        Ok(())
    } else {
        Err(SrsError::Size { k })
    }
}

/// Seconds that a point of either basis takes on one core; only the estimate depends on it.
const SECONDS_A_POINT: f64 = 1.4e-6;

fn generation_plan(k: u32) -> [(Stage, f64); 3] {
    let seconds = SECONDS_A_POINT * f64::from(1u32 << k) / rayon::current_num_threads() as f64;
    [
        (Stage::SrsPowers, seconds),
        (Stage::SrsLagrange, seconds),
        (Stage::WriteFile, seconds / 20.0),
    ]
}

fn development_params(k: u32, tracker: &Tracker<'_>) -> ParamsKZG<Bn256> {
    backend::setup(k, *dev::TAU, |done| {
        let (stage, done) = match done - 0.5 {
            more if more > 0.0 => (Stage::SrsLagrange, more),
            _ => (Stage::SrsPowers, done),
        };
        tracker.enter(stage);
        tracker.advance(2.0 * done);
    })
}

/// Reference strings in a directory, one file for each size. Safe to use from several processes.
#[derive(Clone, Debug)]
pub struct SrsStore {
    directory: PathBuf,
}

impl SrsStore {
    /// The store in `directory`, which is created when something is written.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The file of the string `label` of `2^k` points.
    pub fn path(&self, label: SrsLabel, k: u32) -> PathBuf {
        self.directory.join(format!("srs-{label}-k{k}.bin"))
    }

    /// The development string of `2^k` points, from disk or made anew. **Insecure**, see [`Srs::development`].
    ///
    /// A damaged file is reported through `tracing` and replaced.
    pub fn development(&self, k: u32, progress: &dyn Progress) -> Result<Srs, SrsError> {
        check_size(k)?;
        let path = self.path(SrsLabel::development(), k);
        if let Some(srs) = self.read_cached(&path, k, SrsLabel::development())? {
            return Ok(srs);
        }
        let _lock = Lock::acquire(&self.directory, "srs")?;
        // Another process may have made it while this one waited.
        if let Some(srs) = self.read_cached(&path, k, SrsLabel::development())? {
            return Ok(srs);
        }
        let (result, _) = progress::run(
            progress,
            "development reference string (insecure)",
            &generation_plan(k),
            |tracker| {
                let srs = Srs::new(development_params(k, tracker));
                tracker.enter(Stage::WriteFile);
                file::write(&path, &srs.params, srs.label).map(|()| srs)
            },
        );
        Ok(result?)
    }

    /// An imported string of `2^k` points. If only larger files are there, the size is cut from the smallest of them,
    /// which takes a Fourier transform over the group (minutes at k = 20), and kept.
    pub fn imported(
        &self,
        label: SrsLabel,
        k: u32,
        progress: &dyn Progress,
    ) -> Result<Srs, SrsError> {
        check_size(k)?;
        if label == SrsLabel::development() {
            return self.development(k, progress);
        }
        let _lock = Lock::acquire(&self.directory, "srs")?;
        for have in k..=MAX_K {
            let path = self.path(label, have);
            let Some((params, found)) = file::read(&path)? else {
                continue;
            };
            if found != label || params.k() != have {
                return Err(FileError::damaged(
                    &path,
                    "it holds another string than its name says",
                )
                .into());
            }
            if have == k {
                return Ok(Srs::new(params));
            }
            let plan = import::transform_plan(k);
            let (result, _) = progress::run(progress, "reference string", &plan, |tracker| {
                let srs = Srs::new(import::downsize(k, &params));
                tracker.enter(Stage::WriteFile);
                file::write(&self.path(label, k), &srs.params, label).map(|()| srs)
            });
            return Ok(result?);
        }
        Err(SrsError::NotImported {
            label,
            directory: self.directory.clone(),
        })
    }

    /// Imports a ceremony's file, snarkjs' `.ptau` or halo2's raw parameters, for each size from `smallest` to
    /// `largest`, after checking it: points on their curves, the first powers the generators, and the pairing check over
    /// all the points taken. Returns the label.
    pub fn import(
        &self,
        source: &Path,
        sizes: std::ops::RangeInclusive<u32>,
        progress: &dyn Progress,
    ) -> Result<SrsLabel, SrsError> {
        check_size(*sizes.start())?;
        check_size(*sizes.end())?;
        let _lock = Lock::acquire(&self.directory, "srs")?;
        import::run(source, sizes, progress, |srs| {
            file::write(&self.path(srs.label, srs.k()), &srs.params, srs.label)
        })
    }

    fn read_cached(&self, path: &Path, k: u32, label: SrsLabel) -> Result<Option<Srs>, SrsError> {
        match file::read(path) {
            Ok(Some((params, found))) if found == label && params.k() == k => {
                Ok(Some(Srs::new(params)))
            }
            Ok(None) => Ok(None),
            Ok(Some(_)) => {
                tracing::warn!(path = %path.display(), "this file holds another reference string than its name says; making it anew");
                Ok(None)
            }
            Err(FileError::Damaged { path, reason }) => {
                tracing::warn!(path = %path.display(), reason, "the cached reference string is damaged; making it anew");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
