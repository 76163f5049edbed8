//! The synthetic circuit's key, one proof, and a chain on which the contracts are deployed; made once.

use std::{sync::LazyLock, time::Instant};

use alloy_primitives::{Address, Bytes, U256, address};
use alloy_sol_types::SolCall;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{ProvingKey, create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::{
        commitment::ParamsProver,
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
    transcript::{TranscriptReadBuffer, TranscriptWriterBuffer},
};
use prover::{
    contract_key::{self, ContractKey, KeyError, KeyFigures},
    synthetic::Synthetic,
};
use rand::{SeedableRng, rngs::StdRng};
use snark_verifier::{loader::native::NativeLoader, system::halo2::transcript::evm::EvmTranscript};
use verifier_contract::{
    IVerifier, artifact,
    local::{LocalL1, Receipt},
};

type Transcript<S> = EvmTranscript<G1Affine, NativeLoader, S, Vec<u8>>;

/// Rows of the synthetic proof: 2^9.
pub(crate) const K: u32 = 9;
/// Who deploys and calls.
pub(crate) const SENDER: Address = address!("00000000000000000000000000000000000005e1");

pub(crate) struct Fixture {
    pub(crate) params: ParamsKZG<Bn256>,
    pub(crate) pk: ProvingKey<G1Affine>,
    pub(crate) key: ContractKey,
    pub(crate) figures: KeyFigures,
    pub(crate) public: [Fr; 2],
    pub(crate) proof: Vec<u8>,
    pub(crate) l1: LocalL1,
    pub(crate) verifier: Address,
    /// Head, then programs.
    pub(crate) key_contracts: Vec<Address>,
}

/// What each verifier says.
pub(crate) struct Verdict {
    pub(crate) halo2: bool,
    pub(crate) mirror: Result<(), KeyError>,
    /// The revert data, or nothing.
    pub(crate) contract: Result<(), Bytes>,
    pub(crate) gas: u64,
}

pub(crate) fn words(public: &[Fr]) -> Vec<U256> {
    public
        .iter()
        .map(|p| U256::from_le_bytes(p.to_bytes()))
        .collect()
}

pub(crate) fn deploy(l1: &mut LocalL1, init: Vec<u8>) -> Address {
    let receipt = l1.deploy(SENDER, init.into()).expect("valid transaction");
    assert!(
        receipt.success,
        "deployment failed after {} gas",
        receipt.gas_used
    );
    receipt.created.expect("created")
}

pub(crate) fn prove(
    params: &ParamsKZG<Bn256>,
    pk: &ProvingKey<G1Affine>,
    circuit: Synthetic,
) -> Vec<u8> {
    let public = circuit.public;
    let mut transcript = <Transcript<Vec<u8>> as TranscriptWriterBuffer<_, _, _>>::init(vec![]);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, _>, _, _, _, _>(
        params,
        pk,
        &[circuit],
        &[&[&public]],
        StdRng::seed_from_u64(2),
        &mut transcript,
    )
    .expect("proof");
    transcript.finalize()
}

impl Fixture {
    pub(crate) fn shared() -> &'static Self {
        static FIXTURE: LazyLock<Fixture> = LazyLock::new(Fixture::new);
        &FIXTURE
    }

    fn new() -> Self {
        let params = ParamsKZG::<Bn256>::setup(K, StdRng::seed_from_u64(1));
        let circuit = Synthetic {
            k: K,
            public: [Fr::from(11), Fr::from(1 << 40)],
            seed: 5,
        };
        let vk = keygen_vk(&params, &circuit).expect("verifying key");
        let pk = keygen_pk(&params, vk, &circuit).expect("proving key");
        let (key, figures) = contract_key::export(&params, pk.get_vk(), 2).expect("export");
        let start = Instant::now();
        let proof = prove(&params, &pk, circuit.clone());
        println!("proof at k = {K}: {:?}", start.elapsed());

        let mut l1 = LocalL1::new(1, 1_800_000_000);
        let verifier = deploy(
            &mut l1,
            artifact::verifier().expect("artifact").bytecode.to_vec(),
        );
        let key_contracts = std::iter::once(&key.head)
            .chain(&key.programs)
            .map(|code| deploy(&mut l1, contract_key::creation_code(code)))
            .collect();
        Self {
            params,
            pk,
            key,
            figures,
            public: circuit.public,
            proof,
            l1,
            verifier,
            key_contracts,
        }
    }

    pub(crate) fn call(&self, key: &[Address], proof: &[u8], public: &[U256]) -> Receipt {
        let call = IVerifier::verifyCall {
            key: key.to_vec(),
            instances: public.to_vec(),
            proof: proof.to_vec().into(),
        };
        self.l1
            .call(SENDER, self.verifier, call.abi_encode().into())
            .expect("valid transaction")
    }

    /// halo2's own verdict, with the exact length that its reader does not ask for.
    pub(crate) fn halo2(&self, proof: &[u8], public: &[Fr]) -> bool {
        let mut transcript = <Transcript<&[u8]> as TranscriptReadBuffer<_, _, _>>::init(proof);
        proof.len() == self.figures.proof_bytes
            && verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, _>, _, _, _>(
                self.params.verifier_params(),
                self.pk.get_vk(),
                SingleStrategy::new(&self.params),
                &[&[public]],
                &mut transcript,
            )
            .is_ok()
    }

    pub(crate) fn verdict(&self, proof: &[u8], public: &[Fr]) -> Verdict {
        let receipt = self.call(&self.key_contracts, proof, &words(public));
        Verdict {
            halo2: self.halo2(proof, public),
            mirror: contract_key::verify_with_key_data(&self.key, proof, &words(public)),
            contract: if receipt.success {
                Ok(())
            } else {
                Err(receipt.output)
            },
            gas: receipt.gas_used,
        }
    }
}
