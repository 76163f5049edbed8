//! One transaction executed on a state, with everything that its proof looks at.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use protocol::{BlockHeader, Log, Receipt, SignedTransaction};
use revm::{
    InspectEvm, Inspector,
    bytecode::opcode,
    context::{CfgEnv, TxEnv},
    context_interface::result::{EVMError, ExecutionResult, InvalidTransaction},
    interpreter::{Interpreter, interpreter_types::Jumps},
};

use crate::{
    error::{NodeError, StoreError},
    exec::{BlockContext, transaction_environment},
    state::{Changes, Overlay, StateView, Touched},
};

/// A transaction as it was executed on a state.
#[derive(Debug, Clone)]
pub struct Executed {
    /// Header of the parent of the block that it was executed in.
    pub parent: BlockHeader,
    /// That block.
    pub block: BlockContext,
    /// The transaction.
    pub signed: SignedTransaction,
    /// Who sent it.
    pub sender: Address,
    /// Every account, slot and code that its proof looks at, as before it.
    pub touched: Touched,
    /// What it changed.
    pub changes: Changes,
    /// How it ended.
    pub result: ExecutionResult,
    /// Opcodes that began, or failed to.
    pub opcodes: BTreeSet<u8>,
    /// Accounts that it or a contract called, its receiver included.
    pub called: BTreeSet<Address>,
}

impl Executed {
    /// Its receipt, as if it were the first one of its block.
    pub fn receipt(&self) -> Receipt {
        Receipt {
            success: self.result.is_success(),
            cumulative_gas_used: self.result.tx_gas_used(),
            logs: self.logs(),
        }
    }

    /// Its logs; none if it failed.
    pub(crate) fn logs(&self) -> Vec<Log> {
        let logs = if self.result.is_success() {
            self.result.logs()
        } else {
            &[]
        };
        logs.iter()
            .map(|log| Log {
                address: log.address,
                topics: log.data.topics().to_vec(),
                data: log.data.data.clone(),
            })
            .collect()
    }

    /// The first account among the sender and those called that delegates to code (EIP-7702).
    pub fn delegated(&self) -> Option<Address> {
        let delegates = |address: &Address| {
            let account = self.touched.accounts.get(address);
            let code = account.and_then(|account| self.touched.codes.get(&account.code.keccak));
            code.is_some_and(|code| code.starts_with(&DELEGATION_PREFIX))
        };
        std::iter::once(&self.sender)
            .chain(&self.called)
            .find(|address| delegates(address))
            .copied()
    }
}

/// First bytes of an EIP-7702 delegation.
pub(crate) const DELEGATION_PREFIX: [u8; 3] = [0xef, 0x01, 0x00];

/// Why a transaction was not executed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It cannot be in a block on this state, and why.
    Transaction(InvalidTransaction),
    /// The store failed.
    Store(StoreError),
    /// The EVM failed for another reason.
    Evm(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// Inside, why the transaction is invalid; outside, what failed at this block and transaction.
    pub(crate) fn split(self, block: u64, transaction: usize) -> Result<String, NodeError> {
        match self {
            Self::Transaction(reason) => Ok(reason.to_string()),
            Self::Store(error) => Err(error.into()),
            Self::Evm(message) => Err(NodeError::Execution {
                block,
                transaction,
                message,
            }),
        }
    }
}

/// Who asks for what, and in which block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// Header of the block's parent.
    pub(crate) parent: &'a BlockHeader,
    /// The block.
    pub(crate) block: BlockContext,
    /// The transaction.
    pub(crate) signed: &'a SignedTransaction,
    /// Its sender.
    pub(crate) sender: Address,
}

/// Executes a transaction on a state, which stays as it is.
pub(crate) fn execute(call: Call<'_>, state: &dyn StateView) -> Result<Executed, Failure> {
    let environment = transaction_environment(call.signed, call.sender);
    execute_as(call, state, environment, |_| ())
}

/// The same in another environment than the transaction's own, with other rules.
pub(crate) fn execute_as(
    call: Call<'_>,
    state: &dyn StateView,
    environment: TxEnv,
    rules: impl FnOnce(&mut CfgEnv),
) -> Result<Executed, Failure> {
    let Call {
        parent,
        block,
        signed,
        sender,
    } = call;
    let mut overlay = Overlay::new(state);
    overlay.load_account(sender)?;
    overlay.load_account(block.coinbase)?;
    for item in signed.transaction.access_list() {
        overlay.load_account(item.address)?;
        for slot in &item.storage_keys {
            overlay.load_storage(item.address, U256::from_be_bytes(slot.0))?;
        }
    }
    let mut evm = block.inspected(&mut overlay, Observer::default());
    rules(&mut evm.ctx.cfg);
    let outcome = evm.inspect_tx(environment).map_err(|error| match error {
        EVMError::Transaction(reason) => Failure::Transaction(reason),
        EVMError::Database(error) => Failure::Store(error),
        error => Failure::Evm(error.to_string()),
    })?;
    let Observer {
        opcodes,
        mut called,
    } = evm.inspector;
    for address in &called {
        overlay.load_account(*address)?;
    }
    called.extend(signed.transaction.to);
    overlay.commit(outcome.state)?;
    let (touched, changes) = overlay.finish();
    Ok(Executed {
        parent: *parent,
        block,
        signed: signed.clone(),
        sender,
        touched,
        changes,
        result: outcome.result,
        opcodes,
        called,
    })
}

/// Notes which opcodes begin and who is called.
#[derive(Debug, Default)]
struct Observer {
    opcodes: BTreeSet<u8>,
    called: BTreeSet<Address>,
}

impl<CTX> Inspector<CTX> for Observer {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        let byte = interpreter.bytecode.opcode();
        self.opcodes.insert(byte);
        if let opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL = byte {
            let word = interpreter.stack.peek(1).unwrap_or_default();
            self.called.insert(Address::from_word(word.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, Bytes};
    use protocol::{
        Account, Signature, Transaction,
        account::CodeRecord,
        history::{HISTORY_ADDRESS, history_slot},
        transaction::{AccessListItem, Envelope},
    };

    use super::*;

    const SENDER: Address = Address::repeat_byte(1);
    const CONTRACT: Address = Address::repeat_byte(2);
    const COINBASE: Address = Address::repeat_byte(3);
    const OTHER: Address = Address::repeat_byte(0x44);

    /// A sender with ether and a contract.
    struct State(Vec<u8>);

    impl StateView for State {
        fn account(&self, address: Address) -> Result<Account, StoreError> {
            let mut account = Account::default();
            if address == SENDER {
                account.balance = U256::from(u64::MAX);
            }
            if address == CONTRACT {
                account.code = CodeRecord::of(&self.0);
            }
            Ok(account)
        }

        fn storage(&self, _: Address, _: U256) -> Result<U256, StoreError> {
            Ok(U256::ZERO)
        }

        fn code(&self, _: B256) -> Result<Bytes, StoreError> {
            Ok(self.0.clone().into())
        }
    }

    /// A call to a contract with this code and so much gas besides the intrinsic gas.
    fn executed(code: &[u8], gas: u64) -> Executed {
        let signed = SignedTransaction {
            transaction: Transaction {
                chain_id: 1,
                nonce: 0,
                gas_limit: 21_000 + 2_400 + 1_900 + gas,
                to: Some(CONTRACT),
                value: U256::ZERO,
                input: Bytes::new(),
                envelope: Envelope::AccessList {
                    gas_price: 7,
                    access_list: vec![AccessListItem {
                        address: Address::repeat_byte(9),
                        storage_keys: vec![B256::repeat_byte(8)],
                    }],
                },
            },
            signature: Signature::default(),
        };
        let parent = BlockHeader {
            number: 99,
            ..BlockHeader::default()
        };
        let block = BlockContext {
            chain_id: 1,
            number: 100,
            timestamp: 0,
            gas_limit: 30_000_000,
            base_fee: 7,
            coinbase: COINBASE,
            prevrandao: B256::ZERO,
        };
        let call = Call {
            parent: &parent,
            block,
            signed: &signed,
            sender: SENDER,
        };
        execute(call, &State(code.to_vec())).unwrap()
    }

    #[test]
    fn everything_that_a_proof_looks_at_is_touched() {
        // BLOCKHASH of block 98, SLOAD of slot 5, BALANCE of another account.
        let code = [
            &[0x60, 98, 0x40, 0x60, 5, 0x54, 0x73][..],
            OTHER.as_slice(),
            &[0x31, 0x00],
        ]
        .concat();
        let all = executed(&code, 100_000);
        assert!(all.result.is_success());
        for address in [SENDER, CONTRACT, COINBASE, OTHER, Address::repeat_byte(9)] {
            assert!(all.touched.accounts.contains_key(&address), "{address}");
        }
        for slot in [
            (CONTRACT, U256::from(5)),
            (HISTORY_ADDRESS, history_slot(98)),
            (Address::repeat_byte(9), U256::from_be_bytes([8; 32])),
        ] {
            assert!(all.touched.storage.contains_key(&slot), "{slot:?}");
        }
        let codes: Vec<_> = all.touched.codes.values().collect();
        assert_eq!(codes, [&Bytes::from(code)]);
        assert_eq!(all.called.iter().collect::<Vec<_>>(), [&CONTRACT]);
        assert_eq!(all.delegated(), None);
        assert!(all.opcodes.contains(&0x54) && !all.opcodes.contains(&0xf1));
    }

    #[test]
    fn what_the_gas_does_not_cover_is_touched_too() {
        // The gas covers a warm access, and whether it is one only the slot's record says.
        let slot = executed(&[0x60, 5, 0x54], 1_000);
        assert!(!slot.result.is_success());
        let key = (CONTRACT, U256::from(5));
        assert!(slot.touched.storage.contains_key(&key));
        let mut code = vec![0x73];
        code.extend(OTHER);
        code.push(0x31);
        let account = executed(&code, 1_000);
        assert!(!account.result.is_success());
        assert!(account.touched.accounts.contains_key(&OTHER));
        // A call, with its operands on the stack and no gas for it.
        let mut code = vec![0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x73];
        code.extend(OTHER);
        code.extend([0x5f, 0xf1]);
        let call = executed(&code, 200);
        assert!(!call.result.is_success());
        assert!(call.called.contains(&OTHER));
        assert!(call.touched.accounts.contains_key(&OTHER));
    }
}
