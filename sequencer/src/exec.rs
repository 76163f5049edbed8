//! The EVM as this chain configures it: Osaka, EIP-1559, no blobs.

use alloy_primitives::{Address, B256, TxKind, U256};
use protocol::SignedTransaction;
use revm::{
    Context, Database, MainBuilder, MainnetEvm,
    bytecode::opcode::{BALANCE, EXTCODECOPY, EXTCODEHASH, EXTCODESIZE, SLOAD},
    context::{BlockEnv, CfgEnv, ContextError, ContextTr, TxEnv},
    context_interface::{
        block::BlobExcessGasAndPrice,
        transaction::{AccessList, AccessListItem},
    },
    handler::MainnetContext,
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        instructions, interpreter::EthInterpreter, interpreter_types::InputsTr,
    },
    primitives::hardfork::SpecId,
};

/// The block that transactions execute in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockContext {
    /// Chain id.
    pub chain_id: u64,
    /// Block number.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Block gas limit.
    pub gas_limit: u64,
    /// Base fee in wei per gas.
    pub base_fee: u64,
    /// Receiver of the priority fees.
    pub coinbase: Address,
    /// PREVRANDAO.
    pub prevrandao: B256,
}

impl BlockContext {
    fn env(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.coinbase,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
            ..BlockEnv::default()
        }
    }

    /// An EVM over the given state.
    pub fn evm<DB: Database>(&self, state: DB) -> MainnetEvm<MainnetContext<DB>> {
        with_reads(self.context(state).build_mainnet())
    }

    /// The same with an inspector.
    pub(crate) fn inspected<DB: Database, I>(
        &self,
        state: DB,
        inspector: I,
    ) -> MainnetEvm<MainnetContext<DB>, I> {
        with_reads(self.context(state).build_mainnet_with_inspector(inspector))
    }

    fn context<DB: Database>(&self, state: DB) -> MainnetContext<DB> {
        let mut config = CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(self.chain_id);
        config.tx_chain_id_check = true;
        let context: MainnetContext<DB> = Context::new(state, SpecId::OSAKA);
        context.with_cfg(config).with_block(self.env())
    }
}

/// The EVM with opcodes that read what a proof opens, also where the gas does not cover a cold access.
fn with_reads<DB: Database, I>(
    mut evm: MainnetEvm<MainnetContext<DB>, I>,
) -> MainnetEvm<MainnetContext<DB>, I> {
    let table = evm.instruction.instruction_table_mut();
    table[SLOAD as usize] = Instruction::new(sload);
    table[BALANCE as usize] = Instruction::new(of_account::<DB, BALANCE>);
    table[EXTCODESIZE as usize] = Instruction::new(of_account::<DB, EXTCODESIZE>);
    table[EXTCODECOPY as usize] = Instruction::new(of_account::<DB, EXTCODECOPY>);
    table[EXTCODEHASH as usize] = Instruction::new(of_account::<DB, EXTCODEHASH>);
    evm
}

/// An opcode that looks at the account at the top of the stack, which reads it from the state even if there is not the gas for a cold one,
/// for the same reason as [`sload`].
fn of_account<DB: Database, const OPCODE: u8>(
    context: InstructionContext<'_, MainnetContext<DB>, EthInterpreter>,
) -> InstructionExecResult {
    let (interpreter, host) = (&mut *context.interpreter, &mut *context.host);
    let cold = host.gas_params().cold_account_additional_cost();
    if interpreter.gas.remaining() < cold
        && let Ok(word) = interpreter.stack.peek(0)
        && let Err(error) = host.db_mut().basic(Address::from_word(word.into()))
    {
        *host.error() = Err(ContextError::Db(error));
        return Err(InstructionResult::FatalExternalError);
    }
    match OPCODE {
        BALANCE => instructions::host::balance(context),
        EXTCODESIZE => instructions::host::extcodesize(context),
        EXTCODECOPY => instructions::host::extcodecopy(context),
        _ => instructions::host::extcodehash(context),
    }
}

/// SLOAD, which reads its slot from the state even if there is not the gas for a cold one. `revm` does not read it then, but a proof
/// opens it, to show that it was cold.
fn sload<DB: Database>(
    context: InstructionContext<'_, MainnetContext<DB>, EthInterpreter>,
) -> InstructionExecResult {
    let (interpreter, host) = (&mut *context.interpreter, &mut *context.host);
    let cold = host.gas_params().cold_storage_additional_cost();
    if interpreter.gas.remaining() < cold
        && let Ok(slot) = interpreter.stack.peek(0)
    {
        let address = interpreter.input.target_address();
        if let Err(error) = host.db_mut().storage(address, slot) {
            *host.error() = Err(ContextError::Db(error));
            return Err(InstructionResult::FatalExternalError);
        }
    }
    instructions::host::sload(context)
}

/// The transaction as `revm` takes it.
pub fn transaction_environment(signed: &SignedTransaction, sender: Address) -> TxEnv {
    let transaction = &signed.transaction;
    TxEnv {
        tx_type: transaction.tx_type(),
        caller: sender,
        gas_limit: transaction.gas_limit,
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.to.map_or(TxKind::Create, TxKind::Call),
        value: transaction.value,
        data: transaction.input.clone(),
        nonce: transaction.nonce,
        chain_id: Some(transaction.chain_id),
        access_list: AccessList(
            transaction
                .access_list()
                .iter()
                .map(|item| AccessListItem {
                    address: item.address,
                    storage_keys: item.storage_keys.clone(),
                })
                .collect(),
        ),
        gas_priority_fee: (transaction.tx_type() == protocol::transaction::TYPE_DYNAMIC_FEE)
            .then(|| transaction.max_priority_fee_per_gas()),
        ..TxEnv::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use revm::{
        ExecuteEvm,
        bytecode::Bytecode,
        database::{CacheDB, EmptyDB},
        state::AccountInfo,
    };

    /// Where the code is.
    const CONTRACT: Address = Address::repeat_byte(1);

    /// Whether a code succeeds with so much gas, and the state with what was read of it.
    fn run(code: Vec<u8>, gas: u64) -> (bool, CacheDB<EmptyDB>) {
        let mut state = CacheDB::new(EmptyDB::default());
        let code = Bytecode::new_raw(code.into());
        let info = AccountInfo {
            code_hash: code.hash_slow(),
            code: Some(code),
            ..AccountInfo::default()
        };
        state.insert_account_info(CONTRACT, info);
        let context = BlockContext {
            chain_id: 1337,
            number: 1,
            timestamp: 1,
            gas_limit: 30_000_000,
            base_fee: 0,
            coinbase: Address::ZERO,
            prevrandao: B256::ZERO,
        };
        let transaction = TxEnv {
            caller: Address::repeat_byte(2),
            gas_limit: 21_000 + gas,
            kind: TxKind::Call(CONTRACT),
            chain_id: Some(1337),
            ..TxEnv::default()
        };
        let outcome = context.evm(&mut state).transact(transaction).unwrap();
        (outcome.result.is_success(), state)
    }

    /// The same of PUSH0 SLOAD with so much gas left after the PUSH0, and whether the slot was read.
    fn reads(gas: u64) -> (bool, bool) {
        let (success, state) = run(vec![0x5f, SLOAD], gas + 2);
        let storage = &state.cache.accounts[&CONTRACT].storage;
        (success, storage.contains_key(&U256::ZERO))
    }

    /// The same of an opcode that looks at an account, for which so much gas is left.
    fn looks(opcode: u8, gas: u64) -> (bool, bool) {
        // PUSH0 three times, for EXTCODECOPY, and PUSH1.
        let code = vec![0x5f, 0x5f, 0x5f, 0x60, 0xaa, opcode];
        let (success, state) = run(code, gas + 9);
        let account = Address::with_last_byte(0xaa);
        (success, state.cache.accounts.contains_key(&account))
    }

    #[test]
    fn a_slot_is_read_even_if_the_gas_for_a_cold_one_is_missing() {
        assert_eq!(reads(2_100), (true, true));
        assert_eq!(reads(2_099), (false, true));
        assert_eq!(reads(100), (false, true));
        assert_eq!(reads(99), (false, false));
    }

    #[test]
    fn an_account_is_read_even_if_the_gas_for_a_cold_one_is_missing() {
        for opcode in [BALANCE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH] {
            assert_eq!(looks(opcode, 2_600), (true, true));
            assert_eq!(looks(opcode, 2_599), (false, true));
            assert_eq!(looks(opcode, 100), (false, true));
            assert_eq!(looks(opcode, 99), (false, false));
        }
    }
}
