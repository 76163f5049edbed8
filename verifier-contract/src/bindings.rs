//! Calls, events and errors of the contracts. A test compares them with the compiled ABI.
#![allow(missing_docs, reason = "the Solidity sources document each item")]

alloy_sol_types::sol! {
    /// The verifier of halo2 proofs.
    #[derive(Debug, PartialEq, Eq)]
    interface IVerifier {
        error InvalidKey();
        error InvalidInstance();
        error InvalidProofLength();
        error InvalidScalar();
        error InvalidPoint();
        error DegenerateChallenge();
        error ProofRejected();
        function verify(address[] calldata key, uint256[] calldata instances, bytes calldata proof) external view;
    }
}
