//! Flag before environment before file before default: the settings file becomes clap's default values.

use crate::cli::Cli;
use clap::{Arg, Command, CommandFactory, FromArgMatches};
use eyre::{Result, WrapErr, bail, eyre};
use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

/// The file that is read when there is one and none is named.
const DEFAULT_FILE: &str = "hallmark.toml";
/// The command that runs when none is named.
const DEFAULT_COMMAND: &str = "demo";

/// Parses the command line over the settings file. Exits by itself for `--help` and for wrong usage, as clap does.
///
/// # Errors
/// A settings file that cannot be read, is no TOML, or names an option that does not exist.
pub(crate) fn parse() -> Result<Cli> {
    let settings = read(named_file())?;
    let command = apply(Cli::command(), &settings)?;
    let args = with_command(&command, std::env::args_os().collect());
    let matches = command.get_matches_from(args);
    Cli::from_arg_matches(&matches).map_err(|e| e.exit())
}

/// The arguments with `demo` added when they name no command.
fn with_command(command: &Command, mut args: Vec<OsString>) -> Vec<OsString> {
    let none_named = command
        .clone()
        .subcommand_required(false)
        .arg_required_else_help(false)
        .try_get_matches_from(&args)
        .is_ok_and(|m| m.subcommand_name().is_none());
    if none_named {
        args.push(DEFAULT_COMMAND.into());
    }
    args
}

/// The file that `--config` or `HALLMARK_CONFIG` names, found before clap runs.
fn named_file() -> Option<PathBuf> {
    let mut args = std::env::args_os();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        if text == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os("HALLMARK_CONFIG").map(PathBuf::from)
}

fn read(named: Option<PathBuf>) -> Result<BTreeMap<String, String>> {
    let path = named.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(e) => {
            return Err(e)
                .wrap_err_with(|| format!("the settings file {} cannot be read", path.display()));
        }
    };
    values(&text).wrap_err_with(|| format!("the settings file {}", path.display()))
}

/// Option name to value, as it would stand on the command line.
fn values(text: &str) -> Result<BTreeMap<String, String>> {
    let table: toml::Table = text.parse()?;
    table
        .into_iter()
        .map(|(name, value)| {
            let value = match value {
                toml::Value::String(s) => s,
                toml::Value::Integer(n) => n.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                other => bail!("option {name} has the value {other}; a string, a number or true/false is needed"),
            };
            Ok((name.replace('_', "-"), value))
        })
        .collect()
}

fn apply(command: Command, settings: &BTreeMap<String, String>) -> Result<Command> {
    for name in settings.keys() {
        if name == "config" || !has_option(&command, name) {
            return Err(eyre!(
                "the settings file names the option {name}, which no command has"
            ));
        }
    }
    Ok(with_defaults(command, settings))
}

fn has_option(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|a| a.get_long() == Some(name))
        || command.get_subcommands().any(|c| has_option(c, name))
}

fn with_defaults(command: Command, settings: &BTreeMap<String, String>) -> Command {
    let set = |arg: Arg| match arg.get_long().and_then(|l| settings.get(l)) {
        Some(value) => arg.default_value(OsString::from(value)),
        None => arg,
    };
    command
        .mut_args(set)
        .mut_subcommands(|c| with_defaults(c, settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(settings: &str, args: &[&str]) -> Result<Cli> {
        let command = apply(Cli::command(), &values(settings)?)?;
        let args = with_command(&command, args.iter().map(OsString::from).collect());
        Ok(Cli::from_arg_matches(&command.try_get_matches_from(args)?)?)
    }

    fn transfers(settings: &str, args: &[&str]) -> Result<u64> {
        match parsed(settings, args)?.command {
            crate::cli::Command::Demo(d) => Ok(d.transfers),
            _ => bail!("no demo"),
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        assert_eq!(transfers("", &["hallmark", "demo"]).unwrap(), 10);
        assert_eq!(
            transfers("transfers = 3", &["hallmark", "demo"]).unwrap(),
            3
        );
        assert_eq!(
            transfers("transfers = 3", &["hallmark", "demo", "--transfers", "4"]).unwrap(),
            4
        );
    }

    #[test]
    fn without_a_command_the_demo_runs() {
        assert_eq!(transfers("", &["hallmark"]).unwrap(), 10);
        assert_eq!(
            transfers("transfers = 3", &["hallmark", "--json"]).unwrap(),
            3
        );
        assert!(parsed("", &["hallmark", "nonsense"]).is_err());
    }

    #[test]
    fn switches_can_be_set_in_the_file() {
        assert!(
            parsed("json = true", &["hallmark", "demo"])
                .unwrap()
                .global
                .json
        );
        assert!(
            !parsed("json = false", &["hallmark", "demo"])
                .unwrap()
                .global
                .json
        );
        assert!(
            parsed("json = false", &["hallmark", "demo", "--json"])
                .unwrap()
                .global
                .json
        );
    }

    #[test]
    fn unknown_options_and_wrong_values_are_named() {
        let error = transfers("transferz = 3", &["hallmark", "demo"]).unwrap_err();
        assert!(error.to_string().contains("transferz"), "{error}");
        let error = transfers("transfers = 0", &["hallmark", "demo"]).unwrap_err();
        assert!(error.to_string().contains("transfers"), "{error}");
        assert!(transfers("transfers = [1]", &["hallmark", "demo"]).is_err());
    }
}
