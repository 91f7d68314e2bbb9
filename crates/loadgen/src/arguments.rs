//! What is to be measured.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use wire::clockit::Dialect;

const USAGE: &str = "loadgen [--address 127.0.0.1:4000] [--connections 100] [--seconds 10] [--dialect seed|v1]";

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) address: String,
    pub(crate) connections: usize,
    pub(crate) span: Duration,
    pub(crate) dialect: Dialect,
}

impl Arguments {
    pub(crate) fn from_command_line() -> Result<Self> {
        let mut arguments = Self {
            address: "127.0.0.1:4000".to_owned(),
            connections: 100,
            span: Duration::from_secs(10),
            dialect: Dialect::V1,
        };
        let mut words = std::env::args().skip(1);
        while let Some(name) = words.next() {
            let value = words.next().with_context(|| format!("{name} needs a value; usage: {USAGE}"))?;
            match name.as_str() {
                "--address" => arguments.address = value,
                "--connections" => arguments.connections = value.parse().context("--connections")?,
                "--seconds" => arguments.span = Duration::from_secs(value.parse().context("--seconds")?),
                "--dialect" => {
                    arguments.dialect = value.parse().map_err(|()| anyhow::anyhow!("--dialect must be seed or v1"))?;
                }
                _ => bail!("{name} is no argument; usage: {USAGE}"),
            }
        }
        Ok(arguments)
    }
}
