//! The EVM's opcodes at Osaka: what each takes, gives and costs before anything else is known.

use super::{isa::STACK_LIMIT, memory::Registers};

/// JUMPDEST's byte.
pub(super) const JUMPDEST: u8 = 0x5b;

/// An opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode {
    /// Its byte.
    pub byte: u8,
    /// Its name in the execution specification.
    pub name: &'static str,
    /// Gas that it always costs; an access to an account or slot counts as warm.
    pub gas: u64,
    /// Words that it takes off the stack, or that must be there.
    pub pops: u64,
    /// Words that it leaves there instead.
    pub pushes: u64,
}

const fn op(byte: u8, name: &'static str, gas: u64, pops: u64, pushes: u64) -> Opcode {
    Opcode {
        byte,
        name,
        gas,
        pops,
        pushes,
    }
}

/// All opcodes of Osaka, by byte. DUP and SWAP take and give all that they need to be there.
pub static OPCODES: &[Opcode] = &[
    op(0x00, "STOP", 0, 0, 0),
    op(0x01, "ADD", 3, 2, 1),
    op(0x02, "MUL", 5, 2, 1),
    op(0x03, "SUB", 3, 2, 1),
    op(0x04, "DIV", 5, 2, 1),
    op(0x05, "SDIV", 5, 2, 1),
    op(0x06, "MOD", 5, 2, 1),
    op(0x07, "SMOD", 5, 2, 1),
    op(0x08, "ADDMOD", 8, 3, 1),
    op(0x09, "MULMOD", 8, 3, 1),
    op(0x0a, "EXP", 10, 2, 1),
    op(0x0b, "SIGNEXTEND", 5, 2, 1),
    op(0x10, "LT", 3, 2, 1),
    op(0x11, "GT", 3, 2, 1),
    op(0x12, "SLT", 3, 2, 1),
    op(0x13, "SGT", 3, 2, 1),
    op(0x14, "EQ", 3, 2, 1),
    op(0x15, "ISZERO", 3, 1, 1),
    op(0x16, "AND", 3, 2, 1),
    op(0x17, "OR", 3, 2, 1),
    op(0x18, "XOR", 3, 2, 1),
    op(0x19, "NOT", 3, 1, 1),
    op(0x1a, "BYTE", 3, 2, 1),
    op(0x1b, "SHL", 3, 2, 1),
    op(0x1c, "SHR", 3, 2, 1),
    op(0x1d, "SAR", 3, 2, 1),
    op(0x1e, "CLZ", 5, 1, 1),
    op(0x20, "KECCAK256", 30, 2, 1),
    op(0x30, "ADDRESS", 2, 0, 1),
    op(0x31, "BALANCE", 100, 1, 1),
    op(0x32, "ORIGIN", 2, 0, 1),
    op(0x33, "CALLER", 2, 0, 1),
    op(0x34, "CALLVALUE", 2, 0, 1),
    op(0x35, "CALLDATALOAD", 3, 1, 1),
    op(0x36, "CALLDATASIZE", 2, 0, 1),
    op(0x37, "CALLDATACOPY", 3, 3, 0),
    op(0x38, "CODESIZE", 2, 0, 1),
    op(0x39, "CODECOPY", 3, 3, 0),
    op(0x3a, "GASPRICE", 2, 0, 1),
    op(0x3b, "EXTCODESIZE", 100, 1, 1),
    op(0x3c, "EXTCODECOPY", 100, 4, 0),
    op(0x3d, "RETURNDATASIZE", 2, 0, 1),
    op(0x3e, "RETURNDATACOPY", 3, 3, 0),
    op(0x3f, "EXTCODEHASH", 100, 1, 1),
    op(0x40, "BLOCKHASH", 20, 1, 1),
    op(0x41, "COINBASE", 2, 0, 1),
    op(0x42, "TIMESTAMP", 2, 0, 1),
    op(0x43, "NUMBER", 2, 0, 1),
    op(0x44, "PREVRANDAO", 2, 0, 1),
    op(0x45, "GASLIMIT", 2, 0, 1),
    op(0x46, "CHAINID", 2, 0, 1),
    op(0x47, "SELFBALANCE", 5, 0, 1),
    op(0x48, "BASEFEE", 2, 0, 1),
    op(0x49, "BLOBHASH", 3, 1, 1),
    op(0x4a, "BLOBBASEFEE", 2, 0, 1),
    op(0x50, "POP", 2, 1, 0),
    op(0x51, "MLOAD", 3, 1, 1),
    op(0x52, "MSTORE", 3, 2, 0),
    op(0x53, "MSTORE8", 3, 2, 0),
    op(0x54, "SLOAD", 100, 1, 1),
    op(0x55, "SSTORE", 100, 2, 0),
    op(0x56, "JUMP", 8, 1, 0),
    op(0x57, "JUMPI", 10, 2, 0),
    op(0x58, "PC", 2, 0, 1),
    op(0x59, "MSIZE", 2, 0, 1),
    op(0x5a, "GAS", 2, 0, 1),
    op(0x5b, "JUMPDEST", 1, 0, 0),
    op(0x5c, "TLOAD", 100, 1, 1),
    op(0x5d, "TSTORE", 100, 2, 0),
    op(0x5e, "MCOPY", 3, 3, 0),
    op(0x5f, "PUSH0", 2, 0, 1),
    op(0x60, "PUSH1", 3, 0, 1),
    op(0x61, "PUSH2", 3, 0, 1),
    op(0x62, "PUSH3", 3, 0, 1),
    op(0x63, "PUSH4", 3, 0, 1),
    op(0x64, "PUSH5", 3, 0, 1),
    op(0x65, "PUSH6", 3, 0, 1),
    op(0x66, "PUSH7", 3, 0, 1),
    op(0x67, "PUSH8", 3, 0, 1),
    op(0x68, "PUSH9", 3, 0, 1),
    op(0x69, "PUSH10", 3, 0, 1),
    op(0x6a, "PUSH11", 3, 0, 1),
    op(0x6b, "PUSH12", 3, 0, 1),
    op(0x6c, "PUSH13", 3, 0, 1),
    op(0x6d, "PUSH14", 3, 0, 1),
    op(0x6e, "PUSH15", 3, 0, 1),
    op(0x6f, "PUSH16", 3, 0, 1),
    op(0x70, "PUSH17", 3, 0, 1),
    op(0x71, "PUSH18", 3, 0, 1),
    op(0x72, "PUSH19", 3, 0, 1),
    op(0x73, "PUSH20", 3, 0, 1),
    op(0x74, "PUSH21", 3, 0, 1),
    op(0x75, "PUSH22", 3, 0, 1),
    op(0x76, "PUSH23", 3, 0, 1),
    op(0x77, "PUSH24", 3, 0, 1),
    op(0x78, "PUSH25", 3, 0, 1),
    op(0x79, "PUSH26", 3, 0, 1),
    op(0x7a, "PUSH27", 3, 0, 1),
    op(0x7b, "PUSH28", 3, 0, 1),
    op(0x7c, "PUSH29", 3, 0, 1),
    op(0x7d, "PUSH30", 3, 0, 1),
    op(0x7e, "PUSH31", 3, 0, 1),
    op(0x7f, "PUSH32", 3, 0, 1),
    op(0x80, "DUP1", 3, 1, 2),
    op(0x81, "DUP2", 3, 2, 3),
    op(0x82, "DUP3", 3, 3, 4),
    op(0x83, "DUP4", 3, 4, 5),
    op(0x84, "DUP5", 3, 5, 6),
    op(0x85, "DUP6", 3, 6, 7),
    op(0x86, "DUP7", 3, 7, 8),
    op(0x87, "DUP8", 3, 8, 9),
    op(0x88, "DUP9", 3, 9, 10),
    op(0x89, "DUP10", 3, 10, 11),
    op(0x8a, "DUP11", 3, 11, 12),
    op(0x8b, "DUP12", 3, 12, 13),
    op(0x8c, "DUP13", 3, 13, 14),
    op(0x8d, "DUP14", 3, 14, 15),
    op(0x8e, "DUP15", 3, 15, 16),
    op(0x8f, "DUP16", 3, 16, 17),
    op(0x90, "SWAP1", 3, 2, 2),
    op(0x91, "SWAP2", 3, 3, 3),
    op(0x92, "SWAP3", 3, 4, 4),
    op(0x93, "SWAP4", 3, 5, 5),
    op(0x94, "SWAP5", 3, 6, 6),
    op(0x95, "SWAP6", 3, 7, 7),
    op(0x96, "SWAP7", 3, 8, 8),
    op(0x97, "SWAP8", 3, 9, 9),
    op(0x98, "SWAP9", 3, 10, 10),
    op(0x99, "SWAP10", 3, 11, 11),
    op(0x9a, "SWAP11", 3, 12, 12),
    op(0x9b, "SWAP12", 3, 13, 13),
    op(0x9c, "SWAP13", 3, 14, 14),
    op(0x9d, "SWAP14", 3, 15, 15),
    op(0x9e, "SWAP15", 3, 16, 16),
    op(0x9f, "SWAP16", 3, 17, 17),
    op(0xa0, "LOG0", 375, 2, 0),
    op(0xa1, "LOG1", 750, 3, 0),
    op(0xa2, "LOG2", 1125, 4, 0),
    op(0xa3, "LOG3", 1500, 5, 0),
    op(0xa4, "LOG4", 1875, 6, 0),
    op(0xf0, "CREATE", 32000, 3, 1),
    op(0xf1, "CALL", 100, 7, 1),
    op(0xf2, "CALLCODE", 100, 7, 1),
    op(0xf3, "RETURN", 0, 2, 0),
    op(0xf4, "DELEGATECALL", 100, 6, 1),
    op(0xf5, "CREATE2", 32000, 4, 1),
    op(0xfa, "STATICCALL", 100, 6, 1),
    op(0xfd, "REVERT", 0, 2, 0),
    op(0xfe, "INVALID", 0, 0, 0),
    op(0xff, "SELFDESTRUCT", 5000, 1, 0),
];

/// The opcode with this byte, if Osaka has one.
pub fn opcode(byte: u8) -> Option<&'static Opcode> {
    let at = OPCODES.binary_search_by_key(&byte, |o| o.byte).ok()?;
    OPCODES.get(at)
}

/// The opcode's name, or the byte in hexadecimal if Osaka has none.
pub fn name(byte: u8) -> String {
    opcode(byte).map_or_else(|| format!("0x{byte:02x}"), |o| o.name.to_owned())
}

impl Opcode {
    /// Whether it can begin: the gas covers its constant cost, the stack has what it takes, and room for what it gives.
    pub(super) fn begins(&self, r: &Registers) -> bool {
        r.gas >= self.gas
            && r.depth >= self.pops
            && r.depth + self.pushes <= STACK_LIMIT + self.pops
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opcodes_are_in_order() {
        assert!(OPCODES.windows(2).all(|w| w[0].byte < w[1].byte));
    }
}
