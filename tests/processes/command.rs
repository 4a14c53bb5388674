//! The executable under test.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// `orlop serve` on a store, by its path or URL, and an address, not started yet.
pub(crate) fn serve(store: impl AsRef<OsStr>, listen: &str) -> Command {
    let mut command = orlop("serve", store);
    command.args(["--listen", listen]);
    command
}

/// `orlop gc` on a store, not started yet.
pub(crate) fn gc(store: impl AsRef<OsStr>) -> Command {
    orlop("gc", store)
}

/// The command on a store, not started yet.
pub(crate) fn orlop(subcommand: &str, store: impl AsRef<OsStr>) -> Command {
    static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(EXECUTABLE.get_or_init(executable));
    command.arg(subcommand).arg("--store").arg(store);
    command.env("RUST_LOG", "warn").stdin(Stdio::null());
    command
}

fn executable() -> PathBuf {
    match std::env::var_os("ORLOP_BIN") {
        Some(path) => path.into(),
        None => build(),
    }
}

/// Optimised, because a debug build takes minutes to hash what these tests push.
fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--package", "orlop-registry", "--bin", "orlop"]);
    build.arg("--message-format=json").stderr(Stdio::inherit());
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = build.output().expect("cargo");
    assert!(output.status.success(), "the command cannot be built");
    let mut executables = output.stdout.split(|byte| *byte == b'\n').filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    executables.next_back().expect("a message that names the executable")
}
