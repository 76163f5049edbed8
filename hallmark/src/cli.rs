//! The command line.

use alloy_primitives::Address;
use clap::{Args, Parser, Subcommand, ValueEnum, builder::BoolishValueParser};
use std::{net::SocketAddr, path::PathBuf};

/// Exit code: the command did what it says.
pub(crate) const SUCCESS: u8 = 0;
/// Exit code: something failed; the error says what.
pub(crate) const FAILURE: u8 = 1;
/// Exit code: the command line or the settings file is wrong.
pub(crate) const USAGE: u8 = 2;
/// Exit code: the proof, key or file that was to be checked is not valid.
pub(crate) const REFUSED: u8 = 3;

/// A zk-rollup that proves itself on the machine it runs on. Without a command it runs `demo`.
#[derive(Debug, Parser)]
#[command(
    name = "hallmark",
    version,
    about,
    after_help = "Options that show an environment variable can also stand in a TOML file as `option = value` \
                  (--config, or hallmark.toml in the working directory): flag before environment before file.\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage, 3 what was checked is not valid."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Print exactly one JSON object on standard output.
    #[arg(long, global = true, help_heading = "Output", env = "HALLMARK_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Directory of reference strings, keys and calibration.
    #[arg(
        long,
        global = true,
        help_heading = "Files",
        env = "HALLMARK_HOME",
        value_name = "DIR"
    )]
    pub(crate) home: Option<PathBuf>,
    /// Settings file.
    #[arg(
        long,
        global = true,
        help_heading = "Files",
        env = "HALLMARK_CONFIG",
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Label of the reference string to prove with; the insecure development string without it.
    #[arg(
        long,
        global = true,
        help_heading = "Proving",
        env = "HALLMARK_SRS",
        value_name = "LABEL"
    )]
    pub(crate) srs: Option<String>,
    /// A segment has 2^K rows at most; without it, as many as the free memory allows. Larger batches become more segments.
    #[arg(long, global = true, help_heading = "Proving", env = "HALLMARK_MAX_K", value_name = "K", value_parser = clap::value_parser!(u32).range(15..=20))]
    pub(crate) max_k: Option<u32>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole line once: transfers over JSON-RPC, a batch, a real proof, its verification on L1 (default).
    Demo(DemoArgs),
    /// Run a local rollup for daily work: embedded L1, sequencer, JSON-RPC, prover.
    Dev(DevArgs),
    /// Prove a batch file.
    Prove(ProveArgs),
    /// Verify a proof file.
    Verify(VerifyArgs),
    /// Generate, list and check proving keys.
    Keys(KeysArgs),
    /// Make, import and check structured reference strings.
    Srs(SrsArgs),
    /// Say what a batch or a transaction costs to prove.
    Cost(CostArgs),
    /// Run official Ethereum state tests through the machine and compare it with revm.
    Statetest(StatetestArgs),
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// ETH transfers to send.
    #[arg(long, default_value_t = 10, env = "HALLMARK_TRANSFERS", value_parser = clap::value_parser!(u64).range(1..=500))]
    pub(crate) transfers: u64,
    /// Transfers of an ERC-20 token to send with them. The last one is above its sender's balance and reverts.
    #[arg(long, default_value_t = 4, env = "HALLMARK_TOKEN_TRANSFERS", value_parser = clap::value_parser!(u64).range(0..=500))]
    pub(crate) token_transfers: u64,
    /// Accounts in the state before.
    #[arg(long, default_value_t = 1 << 16, env = "HALLMARK_ACCOUNTS", value_parser = clap::value_parser!(u64).range(0..=1 << 20))]
    pub(crate) accounts: u64,
    /// Keep the batch file and its proof here, for `prove` and `verify`.
    #[arg(long, env = "HALLMARK_KEEP", value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Options of `dev`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DevArgs {
    /// Address of the JSON-RPC server.
    #[arg(
        long,
        default_value = "127.0.0.1:8545",
        env = "HALLMARK_LISTEN",
        help_heading = "Network"
    )]
    pub(crate) listen: SocketAddr,
    /// Listen on an address that other machines reach.
    #[arg(long, env = "HALLMARK_ALLOW_REMOTE", help_heading = "Network", value_parser = BoolishValueParser::new())]
    pub(crate) allow_remote: bool,
    /// Directory of the chain; a temporary one without it.
    #[arg(
        long,
        env = "HALLMARK_DATA",
        help_heading = "Chain",
        value_name = "DIR"
    )]
    pub(crate) data: Option<PathBuf>,
    /// Genesis file; ten funded accounts without it.
    #[arg(
        long,
        env = "HALLMARK_GENESIS",
        help_heading = "Chain",
        value_name = "FILE"
    )]
    pub(crate) genesis: Option<PathBuf>,
    /// Chain id of the default genesis.
    #[arg(
        long,
        default_value_t = 1337,
        env = "HALLMARK_CHAIN_ID",
        help_heading = "Chain"
    )]
    pub(crate) chain_id: u64,
    /// Receiver of the priority fees.
    #[arg(long, env = "HALLMARK_COINBASE", help_heading = "Chain")]
    pub(crate) coinbase: Option<Address>,
    /// Seconds between blocks; without it each transaction makes a block at once.
    #[arg(long, env = "HALLMARK_BLOCK_TIME", help_heading = "Chain")]
    pub(crate) block_time: Option<u64>,
    /// Seal a batch when its oldest block is this many seconds old.
    #[arg(
        long,
        default_value_t = 30,
        env = "HALLMARK_BATCH_SECONDS",
        help_heading = "Proving"
    )]
    pub(crate) batch_seconds: u64,
    /// Seal a batch at this many transactions.
    #[arg(
        long,
        default_value_t = 10,
        env = "HALLMARK_BATCH_TRANSACTIONS",
        help_heading = "Proving"
    )]
    pub(crate) batch_transactions: u64,
    /// Rows that a batch may have over all its segments, by estimate: seal it before it has more.
    #[arg(
        long,
        default_value_t = 1 << 22,
        env = "HALLMARK_BATCH_ROWS",
        help_heading = "Proving"
    )]
    pub(crate) batch_rows: u64,
    /// Do not prove: batches stay sealed, and nothing is final.
    #[arg(long, env = "HALLMARK_NO_PROVE", help_heading = "Proving", value_parser = BoolishValueParser::new())]
    pub(crate) no_prove: bool,
}

/// Options of `prove`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProveArgs {
    /// Batch file, as `dev --data` and `demo --keep` write it.
    pub(crate) batch: PathBuf,
    /// Where the proof file goes; beside the batch without it.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Only execute and check every constraint, without a proof.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Options of `verify`.
#[derive(Clone, Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Proof file.
    pub(crate) proof: PathBuf,
    /// Batch file whose statement the proof must be of.
    #[arg(long, value_name = "FILE")]
    pub(crate) batch: Option<PathBuf>,
}

/// Options of `keys`.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: KeysAction,
}

/// What `keys` does.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Make the keys of a shape, or read them from the cache.
    Generate {
        /// The shape has 2^K rows.
        #[arg(long, value_parser = clap::value_parser!(u32).range(15..=20))]
        k: u32,
    },
    /// Print the pinned form of a shape's verifying key.
    Pin {
        /// The shape has 2^K rows.
        #[arg(long, value_parser = clap::value_parser!(u32).range(15..=20))]
        k: u32,
    },
}

/// Options of `srs`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SrsArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: SrsAction,
}

/// What `srs` does.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum SrsAction {
    /// Make the development string, whose secret is known to everybody.
    Development {
        /// It has 2^K points.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20))]
        k: u32,
    },
    /// Import and check a ceremony's file (.ptau, or halo2's raw format).
    Import {
        /// The file.
        file: PathBuf,
        /// Smallest size to keep.
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=20))]
        smallest: u32,
        /// Largest size to keep.
        #[arg(long, default_value_t = 17, value_parser = clap::value_parser!(u32).range(1..=20))]
        largest: u32,
    },
}

/// Options of `cost`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CostArgs {
    /// Batch files; without any, a transfer of each kind in a state of 2^16 accounts.
    pub(crate) batches: Vec<PathBuf>,
}

/// Options of `statetest`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatetestArgs {
    /// Files of state tests, or folders of them (the layouts of ethereum/tests and execution-spec-tests).
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Which tables the checker checks: of all cases, of a fixed tenth by the hash of the case's name, or none.
    #[arg(
        long,
        default_value = "all",
        env = "HALLMARK_CHECK",
        help_heading = "Checking"
    )]
    pub(crate) check: CheckChoice,
    /// Run only the cases whose name (file::test::data/gas/value) contains TEXT.
    #[arg(long, value_name = "TEXT", help_heading = "Checking")]
    pub(crate) filter: Option<String>,
    /// Cases at the same time; as many as there are cores without it.
    #[arg(
        long,
        env = "HALLMARK_JOBS",
        value_name = "N",
        help_heading = "Checking"
    )]
    pub(crate) jobs: Option<usize>,
    /// Say of each case what became of it.
    #[arg(long, help_heading = "Output")]
    pub(crate) each: bool,
}

/// Which tables `statetest` checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckChoice {
    /// Those of all cases.
    All,
    /// Those of a fixed tenth, chosen by the hash of the case's name.
    Tenth,
    /// None: only the interpreter runs.
    None,
}

impl std::fmt::Display for CheckChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Tenth => "tenth",
            Self::None => "none",
        })
    }
}
