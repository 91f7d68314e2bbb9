//! Calls that a Redis has executed, from its statistics.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Time allowed for an answer of Redis.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls that a Redis has executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedisCalls {
    /// Scripts: each commit is one, and so is each beat.
    pub(crate) scripts: u64,
    /// Loads of boards.
    pub(crate) loads: u64,
}

impl RedisCalls {
    /// Reads the calls since the Redis was started.
    pub(crate) fn read(address: SocketAddr) -> Result<Self> {
        let read = || {
            let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.write_all(b"INFO commandstats\r\nQUIT\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok::<_, std::io::Error>(Self::parse(&answer))
        };
        read().with_context(|| format!("the statistics of Redis at {address}"))
    }

    fn parse(statistics: &str) -> Self {
        let calls = |command: &str| {
            let mut lines = statistics.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.strip_prefix(command));
            let calls = lines.find_map(|line| line.strip_prefix(":calls=")?.split(',').next()?.parse::<u64>().ok());
            calls.unwrap_or(0)
        };
        Self { scripts: calls("evalsha") + calls("eval"), loads: calls("hgetall") }
    }

    /// Returns the calls since an earlier reading.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { scripts: self.scripts.saturating_sub(earlier.scripts), loads: self.loads.saturating_sub(earlier.loads) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_loads_are_counted_by_the_name_of_the_command() {
        let read = RedisCalls::parse(
            "cmdstat_eval:calls=2,usec=1\r\ncmdstat_evalsha:calls=40,usec=7,failed_calls=0\r\ncmdstat_hgetall:calls=5,usec=1\r\n",
        );
        assert_eq!(read, RedisCalls { scripts: 42, loads: 5 });
        assert_eq!(read.since(RedisCalls { scripts: 40, loads: 6 }), RedisCalls { scripts: 2, loads: 0 });
    }
}
