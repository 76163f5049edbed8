use super::*;
use crate::engine::{WithEngine, with_engine};
use ff::Field as _;
use halo2_proofs::arithmetic::best_multiexp;
use rand::{SeedableRng, rngs::StdRng};

struct Multiply<'a> {
    bases: &'a [G1Affine],
    scalars: &'a [&'a [Fr]],
}

impl WithEngine for Multiply<'_> {
    type Output = Vec<G1>;
    fn with<E: Engine>(self, engine: E) -> Vec<G1> {
        Bases::new(engine, self.bases).multiply(self.scalars)
    }
}

#[test]
fn random_vectors() {
    let mut rng = StdRng::seed_from_u64(1);
    let bases: Vec<G1Affine> = (0..1000).map(|_| G1Affine::random(&mut rng)).collect();
    let scalars: Vec<Fr> = (0..1000).map(|_| Fr::random(&mut rng)).collect();
    for portable in [false, true] {
        let got = with_engine(
            portable,
            Multiply {
                bases: &bases,
                scalars: &[&scalars],
            },
        );
        assert_eq!(got[0], best_multiexp(&scalars, &bases));
    }
}
