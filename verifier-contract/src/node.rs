//! The npm tools that tests use: the Solidity compiler and the L1 node `anvil`, at the locked versions.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
};

/// Why the tools are not there.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Node is not installed, and this is not a place where that is an error.
    #[error("npm is not installed; outside of CI tests that need it are skipped")]
    Skipped,
    /// A command could not be run.
    #[error("{command}: {source}")]
    Command {
        /// The command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A command failed.
    #[error("{command} failed:\n{output}")]
    Failed {
        /// The command.
        command: String,
        /// What it printed.
        output: String,
    },
    /// The package has no executable for this platform.
    #[error("no anvil for this platform at {0}")]
    NoAnvil(PathBuf),
}

/// The folder of the contracts' package.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command, name: &str) -> Result<String, NodeError> {
    let output = command
        .current_dir(package())
        .output()
        .map_err(|source| match source.kind() {
            // A CI that lost its Node must not look green.
            io::ErrorKind::NotFound if std::env::var_os("CI").is_none() => NodeError::Skipped,
            _ => NodeError::Command {
                command: name.to_owned(),
                source,
            },
        })?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if output.status.success() {
        Ok(text)
    } else {
        Err(NodeError::Failed {
            command: name.to_owned(),
            output: text,
        })
    }
}

/// Installs the locked packages if they are not there.
///
/// # Errors
///
/// `npm ci` fails, or there is no npm ([`NodeError::Skipped`] unless the environment variable `CI` is set).
pub fn install() -> Result<(), NodeError> {
    let lock = fs::read(package().join("package-lock.json"))
        .map_err(|source| io_error("read the lock file", source))?;
    // A copy of the lock file says what is installed.
    let installed = package().join("node_modules/.hallmark-installed");
    let up_to_date = || fs::read(&installed).is_ok_and(|copy| copy == lock);
    if up_to_date() {
        return Ok(());
    }
    // Tests of several processes may get here at once.
    let guard = File::create(std::env::temp_dir().join("hallmark-npm-ci.lock"))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|source| io_error("lock", source))?;
    if !up_to_date() {
        run(
            Command::new("npm").args(["ci", "--ignore-scripts"]),
            "npm ci",
        )?;
        fs::write(&installed, &lock)
            .map_err(|source| io_error("note what is installed", source))?;
    }
    drop(guard);
    Ok(())
}

fn io_error(command: &str, source: io::Error) -> NodeError {
    NodeError::Command {
        command: command.to_owned(),
        source,
    }
}

/// Recompiles the contracts and compares the artifacts.
///
/// # Errors
///
/// They differ, or the tools are missing.
pub fn check_artifacts() -> Result<String, NodeError> {
    install()?;
    run(
        Command::new("node").args(["scripts/build.mjs", "--check"]),
        "node scripts/build.mjs --check",
    )
}

/// The executable of `anvil`: what the environment variable `HALLMARK_ANVIL` names, or else the npm package's, which
/// is there for Linux on x86-64.
///
/// # Errors
///
/// It cannot be installed.
pub fn anvil() -> Result<PathBuf, NodeError> {
    if let Some(path) = std::env::var_os("HALLMARK_ANVIL") {
        return Ok(path.into());
    }
    install()?;
    let path = package().join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    if path.exists() {
        Ok(path)
    } else {
        Err(NodeError::NoAnvil(path))
    }
}
