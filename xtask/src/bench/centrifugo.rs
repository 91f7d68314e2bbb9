//! Centrifugo, a server of the same shape as ours: stateless nodes, and Redis between them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

const MODULE: &str = "github.com/centrifugal/centrifugo/v6@v6.9.1";

/// Builds it into a folder, unless it is there; returns nothing where Go is not installed.
pub(super) fn install(folder: &Path) -> Result<Option<PathBuf>> {
    let program = folder.join("centrifugo");
    if program.is_file() {
        return Ok(Some(program));
    }
    let Some(go) = process::find("go") else { return Ok(None) };
    let mut command = Command::new(go);
    process::run(command.args(["install", MODULE]).env("GOBIN", folder)).context("cannot build Centrifugo")?;
    Ok(Some(program))
}

/// Returns a server at a port, whose clients may subscribe to any channel and whose API needs no key.
pub(super) fn server(program: &Path, port: u16, redis: u16) -> Command {
    let mut command = Command::new(program);
    command
        .env("CENTRIFUGO_HTTP_SERVER_ADDRESS", "127.0.0.1")
        .env("CENTRIFUGO_HTTP_SERVER_PORT", port.to_string())
        .env("CENTRIFUGO_UNI_WEBSOCKET_ENABLED", "true")
        .env("CENTRIFUGO_CLIENT_INSECURE", "true")
        .env("CENTRIFUGO_HTTP_API_INSECURE", "true")
        .env("CENTRIFUGO_ENGINE_TYPE", "redis")
        .env("CENTRIFUGO_ENGINE_REDIS_ADDRESS", format!("redis://127.0.0.1:{redis}"))
        .env("CENTRIFUGO_LOG_LEVEL", "warn");
    command
}
