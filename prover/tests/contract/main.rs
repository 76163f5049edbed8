//! Proofs checked by halo2, by the contract in `revm`, and by the Rust mirror of the contract: they must agree.

mod anvil;
mod api;
mod circuits;
mod gas;
mod malformed;
mod programs;
mod rollup;
mod support;

use support::Fixture;

#[test]
fn an_honest_proof_is_accepted_by_all_three() {
    let fixture = Fixture::shared();
    let verdict = fixture.verdict(&fixture.proof, &fixture.public);
    assert_eq!(
        (verdict.halo2, verdict.mirror, verdict.contract),
        (true, Ok(()), Ok(()))
    );
}

#[test]
fn contracts_stay_below_the_code_limit() {
    let fixture = Fixture::shared();
    let codes = std::iter::once(&fixture.chain.verifier).chain(&fixture.key_contracts);
    for code in codes.map(|a| fixture.chain.l1.code(*a)) {
        assert!((1..=24_576).contains(&code.len()), "{} bytes", code.len());
    }
}
