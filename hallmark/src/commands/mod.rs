//! One file per command.

mod cost;
mod demo;
mod dev;
mod keys;
mod prove;
mod sample;
mod srs;
mod statetest;
mod verify;

use crate::cli::{Cli, Command};
use eyre::Result;

/// Runs the command; the exit code.
pub(crate) fn run(cli: Cli) -> Result<u8> {
    let global = &cli.global;
    match cli.command {
        Command::Demo(args) => demo::run(global, &args),
        Command::Dev(args) => dev::run(global, &args),
        Command::Prove(args) => prove::run(global, &args),
        Command::Verify(args) => verify::run(global, &args),
        Command::Keys(args) => keys::run(global, &args),
        Command::Srs(args) => srs::run(global, &args),
        Command::Cost(args) => cost::run(global, &args),
        Command::Statetest(args) => statetest::run(global, &args),
    }
}

/// Prints the one JSON object of `--json`.
pub(crate) fn print_json(value: &serde_json::Value) {
    println!("{value}");
}
