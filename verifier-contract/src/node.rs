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
    let output = command.current_dir(package()).output().map_err(|source| match source.kind() {
        // A CI that lost its Node must not look green.
        io::ErrorKind::NotFound if std::env::var_os("CI").is_none() => NodeError::Skipped,
        _ => NodeError::Command { command: name.to_owned(), source },
    })?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(text) } else { Err(NodeError::Failed { command: name.to_owned(), output: text }) }
}

/// Installs the locked packages if they are not there.
///
/// # Errors
///
/// `npm ci` fails, or there is no npm ([`NodeError::Skipped`] unless the environment variable `CI` is set).
pub fn install() -> Result<(), NodeError> {
    let modules = package().join("node_modules");
    let lock = package().join("package-lock.json");
    let up_to_date = || {
        let changed = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
        changed(&modules.join(".package-lock.json")) >= changed(&lock) && modules.join("solc").exists()
    };
    if up_to_date() {
        return Ok(());
    }
    // Tests of several processes may get here at once.
    let guard = File::create(std::env::temp_dir().join("hallmark-npm-ci.lock")).and_then(|file| {
        file.lock()?;
        Ok(file)
    });
    let guard = guard.map_err(|source| NodeError::Command { command: "lock".to_owned(), source })?;
    if !up_to_date() {
        run(Command::new("npm").args(["ci", "--ignore-scripts"]), "npm ci")?;
    }
    drop(guard);
    Ok(())
}

/// Recompiles the contracts and compares the artifacts.
///
/// # Errors
///
/// They differ, or the tools are missing.
pub fn check_artifacts() -> Result<String, NodeError> {
    install()?;
    run(Command::new("node").args(["scripts/build.mjs", "--check"]), "node scripts/build.mjs --check")
}

/// The executable of `anvil`.
///
/// # Errors
///
/// It cannot be installed.
pub fn anvil() -> Result<PathBuf, NodeError> {
    install()?;
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let path = package().join(format!("node_modules/@foundry-rs/anvil-{system}-{processor}/bin/anvil"));
    if path.exists() { Ok(path) } else { Err(NodeError::NoAnvil(path)) }
}
