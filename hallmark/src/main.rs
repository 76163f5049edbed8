//! The hallmark binary: a rollup that proves itself on the machine it runs on.

mod cli;
mod commands;
mod home;
mod settings;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match settings::parse() {
        Ok(cli) => cli,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(cli::USAGE);
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("HALLMARK_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .init();
    let json = cli.global.json;
    match commands::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            if json {
                commands::print_json(&serde_json::json!({ "error": format!("{error:#}") }));
            }
            ExitCode::from(cli::FAILURE)
        }
    }
}
