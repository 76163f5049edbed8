//! Proofs checked by halo2, by the contract in `revm`, and by the Rust mirror of the contract: they must agree.

mod support;

use support::Fixture;

#[test]
fn an_honest_proof_is_accepted_by_all_three() {
    let fixture = Fixture::shared();
    let verdict = fixture.verdict(&fixture.proof, &fixture.public);
    println!(
        "{:#?}\nverify transaction: {} gas",
        fixture.figures, verdict.gas
    );
    assert_eq!(
        (
            verdict.halo2,
            verdict.mirror.clone(),
            verdict.contract.clone()
        ),
        (true, Ok(()), Ok(()))
    );
}
