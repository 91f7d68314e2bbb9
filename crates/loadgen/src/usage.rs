//! Resource usage of processes and the kernel, from `/proc`.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::redis_calls::RedisCalls;

/// The kernel counts processor time in hundredths of a second.
const TICKS_A_SECOND: f64 = 100.0;

/// Resource usage of the servers, and of the kernel for the whole machine.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Resident memory of the servers, bytes.
    pub(crate) resident: u64,
    /// Processor time of the servers so far, in user and kernel mode, seconds.
    pub(crate) processor_seconds: f64,
    /// Memory of the kernel: slabs and TCP buffers, bytes. It includes both ends of a connection on this
    /// machine.
    pub(crate) kernel: u64,
    /// Calls of Redis so far, if its address is known.
    pub(crate) redis: Option<RedisCalls>,
}

impl Usage {
    /// Reads the total usage of some processes, and the calls of a Redis.
    pub(crate) fn of(pids: &[u32], redis: Option<SocketAddr>) -> Result<Self> {
        let redis = redis.map(RedisCalls::read).transpose()?;
        let mut usage = Self { kernel: kernel()?, redis, ..Self::default() };
        for pid in pids {
            usage.resident += resident(*pid)?;
            usage.processor_seconds += processor_seconds(*pid)?;
        }
        Ok(usage)
    }
}

fn resident(pid: u32) -> Result<u64> {
    Ok(kilobytes(&read(&format!("/proc/{pid}/status"))?, "VmRSS:")? * 1024)
}

fn processor_seconds(pid: u32) -> Result<f64> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain anything; user and system time are the 12th and 13th field after it.
    let (_, rest) = stat.rsplit_once(')').context("the statistics of a process")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |nth: usize| {
        fields.get(nth).and_then(|field| field.parse::<f64>().ok()).context("the processor time of a process")
    };
    Ok((ticks(11)? + ticks(12)?) / TICKS_A_SECOND)
}

fn kernel() -> Result<u64> {
    let slab = kilobytes(&read("/proc/meminfo")?, "Slab:")? * 1024;
    let sockets = read("/proc/net/sockstat")?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:")).context("the TCP line")?;
    let pages: u64 = tcp.split_whitespace().last().and_then(|pages| pages.parse().ok()).context("the TCP pages")?;
    Ok(slab + pages * 4096)
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.to_owned())
}

fn kilobytes(text: &str, name: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| name.to_owned())?;
    line.split_whitespace().next().and_then(|field| field.parse().ok()).with_context(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_of_this_process_is_measured() {
        let before = Usage::of(&[std::process::id()], None).unwrap();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let mut spun = 0u64;
        let after = loop {
            (0..1_000_000).for_each(|_| spun = std::hint::black_box(spun + 1));
            let after = Usage::of(&[std::process::id()], None).unwrap();
            if after.processor_seconds - before.processor_seconds >= 0.02 {
                break after;
            }
            assert!(std::time::Instant::now() < end, "no processor time is measured");
        };
        assert!(after.resident > 100_000 && after.kernel > 100_000);
        assert!(Usage::of(&[u32::MAX], None).is_err());
    }
}
