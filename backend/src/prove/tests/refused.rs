//! Keys that are refused. Those of sizes and degrees that would take long to make, or that the library does not make, are put together from the parts
//! of a small one: a key is refused before its columns are looked at.

use super::*;
use halo2_proofs::{plonk::VerifyingKey, poly::EvaluationDomain};
use std::process::Command;

/// The key of a setup as one of `2^k` rows for constraints of a degree, with parameters of the same size.
fn resized(setup: &Setup, k: u32, degree: u32) -> (ParamsKZG<Bn256>, ProvingKey<G1Affine>) {
    let (parameters, key) = (&setup.parameters, &setup.key);
    let parameters =
        parameters.from_parts(k, vec![], Some(vec![]), parameters.g2(), parameters.s_g2());
    let verifying = VerifyingKey::from_parts(
        EvaluationDomain::new(degree, k),
        key.get_vk().fixed_commitments().clone(),
        key.get_vk().permutation().clone(),
        key.get_vk().cs().clone(),
        vec![],
        false,
    );
    let key = ProvingKey::from_parts(
        verifying,
        key.l0().clone(),
        key.l_last().clone(),
        key.l_active_row().clone(),
        key.fixed_values().to_vec(),
        key.fixed_polys().to_vec(),
        key.permutation().clone(),
    );
    (parameters, key)
}

/// What is not supported, by the error's words.
fn unsupported(parameters: &ParamsKZG<Bn256>, key: &ProvingKey<G1Affine>) -> &'static str {
    match Prover::new(parameters, key, Options::default()) {
        Err(Error::Unsupported(what)) => what,
        outcome => panic!("{outcome:?}"),
    }
}

// POSITIVE

#[test]
fn sizes_at_the_limits_pass() {
    let setup = Setup::of(EVERY[2]);
    let constraints = setup.key.get_vk().cs();
    let pieces = constraints.degree() - 1;
    for k in [3, 20] {
        given::check(k, pieces, constraints).unwrap();
    }
}

// NEGATIVE

#[test]
fn more_than_2_to_the_20_rows_are_refused() {
    let setup = Setup::of(EVERY[2]);
    let degree = setup.key.get_vk().cs().degree() as u32;
    let (parameters, key) = resized(&setup, 21, degree);
    let what = unsupported(&parameters, &key);
    assert!(what.contains("more than 2^20 rows"), "{what}");
}

#[test]
fn fewer_than_8_rows_are_refused() {
    let setup = Setup::of(EVERY[2]);
    let degree = setup.key.get_vk().cs().degree() as u32;
    let (parameters, key) = resized(&setup, 2, degree);
    let what = unsupported(&parameters, &key);
    assert!(what.contains("fewer than 8 rows"), "{what}");
}

#[test]
fn a_key_that_was_made_with_another_max_degree_is_refused() {
    const NAME: &str =
        "prove::tests::refused::a_key_that_was_made_with_another_max_degree_is_refused";
    const VARIABLE: (&str, &str) = ("MAX_DEGREE", "6");
    // The library reads the variable each time, so it has to be another one in a process of its own: this test's, once more.
    if std::env::var(VARIABLE.0).as_deref() != Ok(VARIABLE.1) {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", NAME]).env(VARIABLE.0, VARIABLE.1);
        let output = test.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    // Without the variable it would be a key for degree 5, see `what_does_not_fit_is_refused`.
    let mut setup = Setup::of(Features {
        capped: true,
        ..EVERY[4]
    });
    let proof = setup.prove(false, 1).unwrap();
    assert!(setup.verifies(&proof));
    (_, setup.key) = resized(&setup, EVERY[4].k, 5);
    let what = unsupported(&setup.parameters, &setup.key);
    assert!(what.contains("MAX_DEGREE"), "{what}");
}
