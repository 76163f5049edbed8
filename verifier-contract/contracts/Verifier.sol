// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IVerifier} from "./IVerifier.sol";

/// @title Verifier of halo2 proofs whose verifying key is kept in other contracts
/// @notice Checks a KZG proof over BN254 (SHPLONK multi-opening, Keccak transcript) of any circuit without
/// permutation and lookup arguments. The contract knows nothing of a circuit: a *head* contract holds the
/// commitments, queries and transcript layout as data, and *program* contracts hold the constraint polynomials
/// as straight-line code of arithmetic instructions only (no jump, no call, no storage). A program gives back as many
/// words as the head says, which the next one finds in its input; the first word of the last is the result.
/// @dev Nothing here is configurable and nothing is stored. Whoever calls must pin the code hashes of the key's
/// contracts: a key of the caller's choice proves nothing.
contract Verifier is IVerifier {
    /// @notice The key's contracts are not a key that this verifier can read.
    error InvalidKey();
    /// @notice The number of public values differs from the key's, or one of them is not below the scalar field's order.
    error InvalidInstance();
    /// @notice The proof does not have the key's exact length.
    error InvalidProofLength();
    /// @notice An evaluation in the proof is not below the scalar field's order.
    error InvalidScalar();
    /// @notice A point in the proof has a coordinate not below the base field's order or is not on the curve.
    error InvalidPoint();
    /// @notice A challenge fell on one of the few values for which the equations are not defined.
    error DegenerateChallenge();
    /// @notice The proof is well formed and does not prove the statement.
    error ProofRejected();

    /// @inheritdoc IVerifier
    function verify(address[] calldata key, uint256[] calldata instances, bytes calldata proof) external view {
        if (key.length == 0) revert InvalidKey();
        address head = key[0];
        assembly {
            // Memory from 0 up. The scratch area is followed by the head's data; the head says where the rest lies.
            //   0x000 accumulated point   0x040 point, scalar (operands of the curve precompiles)
            //   0x0a0 modular exponentiation's input   0x160 variables   0x200 sums of evaluations, one per point
            //   0x400 head data
            function fail(selector) {
                mstore(0, selector)
                revert(0x1c, 4)
            }

            // acc += s * point at `at`. Precompiles refuse bad coordinates and then take all gas they were given, so
            // it is capped, far enough above today's 6000 and 150 to survive a repricing.
            function accumulate(at, s) {
                mcopy(0x40, at, 0x40)
                if sub(s, 1) {
                    mstore(0x80, s)
                    if iszero(staticcall(40000, 7, 0x40, 0x60, 0x40, 0x40)) { fail(0xb8fedf87) }
                }
                if iszero(staticcall(20000, 6, 0, 0x80, 0, 0x40)) { fail(0xb8fedf87) }
            }

            let r := 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001

            // ---- Load the head.
            {
                let size := extcodesize(head)
                if iszero(size) { fail(0x76d4e1e8) }
                extcodecopy(head, 0x400, 1, sub(size, 1))
                // "hallmark verifying key" and the format's version.
                if sub(mload(0x400), 0x68616c6c6d61726b20766572696679696e67206b657900000000000000000002) {
                    fail(0x76d4e1e8)
                }
                if sub(key.length, add(shr(240, mload(0x7a0)), 1)) { fail(0x76d4e1e8) }
            }

            // ---- Public values and proof into memory.
            {
                if sub(instances.length, mload(0x460)) { fail(0x603b6559) }
                if sub(proof.length, mload(0x620)) { fail(0x4dc5f6a4) }
                let points := mload(0x5e0)
                let size := shl(5, instances.length)
                let from := sub(points, size)
                calldatacopy(from, instances.offset, size)
                mstore(sub(from, 0x20), mload(0x420))
                for {} lt(from, points) { from := add(from, 0x20) } {
                    if iszero(lt(mload(from), r)) { fail(0x603b6559) }
                }
                size := mload(0x600)
                calldatacopy(points, proof.offset, size)
                let rest := add(proof.offset, size)
                calldatacopy(mload(0x5a0), rest, mload(0x5c0))
                calldatacopy(add(points, size), add(rest, mload(0x5c0)), 0x80)
            }

            // ---- Transcript: every section is hashed behind the state, which takes the word before it for a moment.
            {
                let challenge := mload(0x560)
                let section := mload(0x640)
                let end := mload(0x660)
                let w := mload(section)
                let at := sub(mload(0x5e0), shl(5, add(instances.length, 1)))
                let state := keccak256(at, and(shr(224, w), 0xffff))
                for {} 1 {} {
                    mstore(challenge, mod(state, r))
                    challenge := add(challenge, 0x20)
                    for { let more := and(shr(208, w), 0xffff) } more { more := sub(more, 1) } {
                        mstore(0, state)
                        mstore8(0x20, 1)
                        state := keccak256(0, 0x21)
                        mstore(challenge, mod(state, r))
                        challenge := add(challenge, 0x20)
                    }
                    section := add(section, 0x20)
                    if eq(section, end) { break }
                    w := mload(section)
                    at := sub(shr(240, w), 0x20)
                    let kept := mload(at)
                    mstore(at, state)
                    state := keccak256(at, add(and(shr(224, w), 0xffff), 0x20))
                    mstore(at, kept)
                }
            }

            // ---- Everything that must be inverted, from `free` on: Lagrange denominators, x^n - 1, then for each
            // rotation set Z(u) and, for each of its points, (u - p) times the product of (p - q) over its other points.
            {
                let x := mload(sub(mload(0x580), 0x80))
                let u := mload(sub(mload(0x580), 0x20))
                let zh := x
                for { let i := mload(0x440) } i { i := sub(i, 1) } { zh := mulmod(zh, zh, r) }
                mstore(0x160, zh) // x^n
                zh := addmod(zh, sub(r, 1), r)
                mstore(0x180, zh) // x^n - 1

                let at := mload(0x780)
                {
                    let w := mload(0x4a0)
                    for { let i := mload(0x4e0) } i { i := sub(i, 1) } {
                        mstore(at, addmod(x, sub(r, w), r))
                        at := add(at, 0x20)
                        w := mulmod(w, mload(0x4c0), r)
                    }
                }
                mstore(at, zh)
                at := add(at, 0x20)

                // Rotations of x replace the powers of omega in the head's copy.
                for { let p := mload(0x680) let end := mload(0x6a0) } lt(p, end) { p := add(p, 0x20) } {
                    mstore(p, mulmod(mload(p), x, r))
                }

                for { let set := mload(0x6c0) let sets := mload(0x6e0) } sets { sets := sub(sets, 1) } {
                    let w := mload(set)
                    let m := and(shr(224, w), 0xff)
                    let zAt := at
                    let z := 1
                    at := add(at, 0x20)
                    for { let i := 0 } lt(i, m) { i := add(i, 1) } {
                        let p := mload(shr(240, shl(add(40, shl(4, i)), w)))
                        let d := addmod(u, sub(r, p), r)
                        z := mulmod(z, d, r)
                        for { let j := 0 } lt(j, m) { j := add(j, 1) } {
                            if sub(i, j) {
                                let q := mload(shr(240, shl(add(40, shl(4, j)), w)))
                                d := mulmod(d, add(p, sub(r, q)), r)
                            }
                        }
                        mstore(at, d)
                        at := add(at, 0x20)
                    }
                    mstore(zAt, z)
                    set := add(set, add(0x20, mul(shr(240, w), shl(1, add(m, 1)))))
                }
                mstore(0x1a0, at)

                // One exponentiation inverts them all; prefix products lie behind the values.
                let begin := mload(0x780)
                let size := sub(at, begin)
                let product := 1
                for { let v := begin } lt(v, at) { v := add(v, 0x20) } {
                    mstore(add(v, size), product)
                    product := mulmod(product, mload(v), r)
                }
                if iszero(product) { fail(0x56a8acf5) }
                mstore(0xa0, 0x20)
                mstore(0xc0, 0x20)
                mstore(0xe0, 0x20)
                mstore(0x100, product)
                mstore(0x120, sub(r, 2))
                mstore(0x140, r)
                if iszero(staticcall(gas(), 5, 0xa0, 0xc0, 0, 0x20)) { fail(0x56a8acf5) }
                let inverse := mload(0)
                for { let v := sub(at, 0x20) } iszero(lt(v, begin)) { v := sub(v, 0x20) } {
                    let value := mload(v)
                    // Z(u) itself is needed beside its inverse: keep the value where the prefix product was.
                    let prefix := mload(add(v, size))
                    mstore(add(v, size), value)
                    mstore(v, mulmod(inverse, prefix, r))
                    inverse := mulmod(inverse, value, r)
                }
                mstore(0x1c0, size)
            }

            // ---- The instance column at the rotations that the constraints read.
            {
                let lagrange := mload(0x780)
                let count := mload(0x4e0)
                let scale := mulmod(mload(0x180), mload(0x480), r)
                let w := mload(0x4a0)
                for { let end := add(lagrange, shl(5, count)) } lt(lagrange, end) { lagrange := add(lagrange, 0x20) } {
                    mstore(lagrange, mulmod(mulmod(mload(lagrange), w, r), scale, r))
                    w := mulmod(w, mload(0x4c0), r)
                }
                lagrange := mload(0x780)
                let out := add(sub(mload(0x560), mload(0x720)), mload(0x700)) // before the challenges
                for { let q := mload(0x700) let end := mload(0x720) } lt(q, end) { q := add(q, 0x20) } {
                    let l := add(lagrange, mload(q))
                    let sum := 0
                    for { let i := sub(mload(0x5e0), shl(5, instances.length)) } lt(i, mload(0x5e0)) { i := add(i, 0x20) } {
                        sum := addmod(sum, mulmod(mload(i), mload(l), r), r)
                        l := add(l, 0x20)
                    }
                    mstore(out, sum)
                    out := add(out, 0x20)
                }
            }

            // ---- The constraint polynomials folded by y, over x^n - 1: the quotient's value.
            {
                let out := mload(0x540)
                let sizes := mload(0x7a0)
                for { let i := 1 } lt(i, key.length) { i := add(i, 1) } {
                    let program := calldataload(add(key.offset, shl(5, i)))
                    sizes := shl(16, sizes)
                    let size := shr(240, sizes)
                    if iszero(staticcall(gas(), program, mload(0x500), mload(0x520), out, size)) { fail(0x76d4e1e8) }
                    if sub(returndatasize(), size) { fail(0x76d4e1e8) }
                }
                mstore(0x180, mulmod(mload(out), mload(add(mload(0x780), shl(5, mload(0x4e0)))), r))
            }

            // ---- All commitments into one point, all evaluations into one value.
            mstore(0, 0)
            mstore(0x20, 0)
            {
                let bad := 0
                let value := 0
                let power := 1
                let at := add(mload(0x780), shl(5, add(mload(0x4e0), 1)))
                // Z of the first set, at u.
                mstore(0x1e0, mload(add(at, mload(0x1c0))))
                for { let set := mload(0x6c0) let sets := mload(0x6e0) } sets { sets := sub(sets, 1) } {
                    let s := mulmod(mulmod(power, mload(0x1e0), r), mload(at), r)
                    let w := mload(set)
                    let m := shl(5, and(shr(224, w), 0xff))
                    let last := and(shr(216, w), 0xff)
                    let step := add(2, shr(4, m))
                    let end := add(add(set, 0x20), mul(shr(240, w), step))
                    for { let i := 0 } lt(i, m) { i := add(i, 0x20) } { mstore(add(0x200, i), 0) }
                    for { set := add(set, 0x20) } lt(set, end) { set := add(set, step) } {
                        w := mload(set)
                        accumulate(shr(240, w), s)
                        let i := 0
                        for {} 1 {} {
                            w := shl(16, w)
                            let e := mload(shr(240, w))
                            bad := or(bad, iszero(lt(e, r)))
                            mstore(add(0x200, i), addmod(mload(add(0x200, i)), mulmod(e, s, r), r))
                            i := add(i, 0x20)
                            if eq(i, m) { break }
                        }
                        s := mulmod(s, mload(sub(mload(0x580), 0x60)), r)
                    }
                    if last {
                        // The quotient in pieces, then the random polynomial, close the set of the bare point.
                        let e := mulmod(mload(0x180), s, r)
                        let piece := mload(0x740)
                        let t := s
                        for { let pieces := add(piece, shl(6, mload(0x760))) } lt(piece, pieces) { piece := add(piece, 0x40) } {
                            accumulate(piece, t)
                            t := mulmod(t, mload(0x160), r)
                        }
                        s := mulmod(s, mload(sub(mload(0x580), 0x60)), r)
                        accumulate(sub(mload(0x740), 0x40), s)
                        t := mload(sub(add(mload(0x5a0), mload(0x5c0)), 0x20))
                        bad := or(bad, iszero(lt(t, r)))
                        mstore(0x200, addmod(mload(0x200), addmod(e, mulmod(t, s, r), r), r))
                    }
                    // Interpolated at u.
                    let z := mload(add(at, mload(0x1c0)))
                    at := add(at, 0x20)
                    for { let i := 0 } lt(i, m) { i := add(i, 0x20) } {
                        value := addmod(value, mulmod(mulmod(mload(add(0x200, i)), mload(at), r), z, r), r)
                        at := add(at, 0x20)
                    }
                    power := mulmod(power, mload(sub(mload(0x580), 0x40)), r)
                }
                if bad { fail(0x05b05ccc) }
                // - value * G - Z_0(u) * W + u * W'
                accumulate(0x7c0, sub(r, value))
                let w := add(mload(0x5e0), mload(0x600))
                accumulate(w, sub(r, mload(0x1e0)))
                accumulate(add(w, 0x40), mload(sub(mload(0x580), 0x20)))
            }

            // ---- e(E, G2) * e(-W', [s]G2) = 1
            {
                let q := 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47
                let w := add(add(mload(0x5e0), mload(0x600)), 0x40)
                let at := mload(0x780)
                mcopy(at, 0, 0x40)
                mcopy(add(at, 0x40), 0x800, 0x80)
                mstore(add(at, 0xc0), mload(w))
                mstore(add(at, 0xe0), mod(sub(q, mload(add(w, 0x20))), q))
                mcopy(add(at, 0x100), 0x880, 0x80)
                // The error lies ready, so that refusing does not cost more than accepting.
                mstore(0, 0xc3b0d8cd)
                if iszero(and(mload(0x20), staticcall(gas(), 8, at, 0x180, 0x20, 0x20))) { revert(0x1c, 4) }
            }
        }
    }
}
