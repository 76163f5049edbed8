//! Keys and proofs made by the prover's own interface, checked by the contract.

use halo2_proofs::halo2curves::bn256::Fr;
use prover::{
    ProvingKey, Srs, VerifyingKey, circuit, contract_key, progress::Silent, prove,
    synthetic::Synthetic,
};

use crate::support::{Chain, K, Keys, words};

#[test]
fn a_proof_of_the_prover_is_accepted() {
    let public = [Fr::from(3), Fr::from(4)];
    let circuit = Synthetic {
        k: K,
        public,
        seed: 9,
    };
    let srs = Srs::development(K, &Silent).unwrap();
    let verifying = VerifyingKey::generate(&srs, &circuit).unwrap();
    let (key, figures) = verifying.contract_key().unwrap();
    let proving = ProvingKey::generate(&srs, &circuit, verifying.into()).unwrap();
    let proof = prove(
        &proving,
        || Ok(circuit.clone()),
        &public,
        "test",
        &[],
        &Silent,
    )
    .unwrap();
    let mut chain = Chain::new();
    let contracts = chain.deploy_key(&key);
    assert!(
        chain
            .verify(&contracts, &proof.bytes, &words(&public))
            .success
    );
    assert_eq!(
        contract_key::verify_with_key_data(&key, &proof.bytes, &words(&public)),
        Ok(())
    );

    // Another reference string changes the head only.
    let small = Keys::small();
    let (other, _) = contract_key::export(&small.params, small.pk.get_vk(), 2).unwrap();
    assert_eq!(key.programs, other.programs);
    assert_ne!(key.head, other.head);
    // The cost is known before there are keys.
    let cs = circuit::constraint_system(&circuit);
    assert_eq!(contract_key::figures(&cs, 2).unwrap(), figures);

    // NEGATIVE: a proof over one reference string under the key of another.
    let other = chain.deploy_key(&other);
    assert!(!chain.verify(&other, &proof.bytes, &words(&public)).success);
}
