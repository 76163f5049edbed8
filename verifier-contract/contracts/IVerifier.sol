// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What the rollup asks of the verifier
interface IVerifier {
    /// @notice Reverts unless `proof` proves the statement `instances` under `key`.
    /// @param key The head contract, then the program contracts in order.
    /// @param instances The circuit's public values, each below the scalar field's order.
    /// @param proof Commitments, evaluations and openings, in the order in which the transcript absorbs them.
    function verify(address[] calldata key, uint256[] calldata instances, bytes calldata proof) external view;
}
