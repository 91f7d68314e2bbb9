//! Whether nodes give back what clients have used: rounds of clients that come and go, for hours.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::deployment::Deployment;
use super::{BenchSetup, Measurement, System, Telemetry, report, run_load, set_up};
use crate::ports;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// The nodes are those of users: their telemetry is read.
const MEASUREMENT: Measurement = Measurement {
    name: "soak",
    system: System::Tickcast { nodes: 2, telemetry: Telemetry::Scraped },
    scenario: "soak",
};

/// Time within which nodes are at rest after all clients have left: boards stay in memory for a while, and free memory
/// is returned at intervals.
const REST_WITHIN: Duration = Duration::from_secs(180);

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The values of a round must equal those of the first one within this share, which is what the allocator's layout
/// makes of the same work.
const MEMORY_NOISE: f64 = 0.1;

/// What the processes hold when no client is connected.
struct Resources {
    /// Resident memory of the nodes, bytes.
    resident: u64,
    /// Open file descriptors of the nodes.
    descriptors: usize,
    /// Keys, channels with subscribers, and connections of Redis.
    keys: u64,
    channels: u64,
    connections: u64,
    /// Memory that Redis uses, bytes.
    redis_memory: u64,
}

impl Resources {
    fn read(deployment: &Deployment) -> Result<Self> {
        let (mut resident, mut descriptors) = (0, 0);
        for pid in deployment.processes() {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            resident += number_after(&status, "VmRSS:").context("the memory of a node")? * 1024;
            descriptors += fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        }
        let redis = deployment.redis_info("everything")?;
        let number = |name| number_after(&redis, name).with_context(|| format!("INFO of Redis has no {name}"));
        Ok(Self {
            resident,
            descriptors,
            // An empty database has no line.
            keys: number_after(&redis, "db0:keys=").unwrap_or(0),
            channels: number("pubsub_channels:")? + number("pubsubshard_channels:").unwrap_or(0),
            connections: number("connected_clients:")?,
            redis_memory: number("used_memory:")?,
        })
    }

    /// Whether everything that is counted has the same number as at an earlier time.
    fn has_counts_of(&self, earlier: &Self) -> bool {
        let counts = |at: &Self| (at.descriptors, at.channels, at.connections);
        counts(self) == counts(earlier)
    }

    fn row(&self, title: &str) -> String {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!(
            "| {title} | {:.1} | {} | {} | {} | {} | {:.1} |\n",
            mib(self.resident),
            self.descriptors,
            self.keys,
            self.channels,
            self.connections,
            mib(self.redis_memory)
        )
    }
}

/// Runs rounds until the time is over, and writes benches/SOAK.md. Fails if anything grows.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, hours: f64) -> Result<()> {
    let length = length_of(hours)?;
    let setup = set_up(workspace, steps)?;
    let deployment = Deployment::start(&setup, MEASUREMENT.system)?;
    let started = Instant::now();
    let start = Resources::read(&deployment)?;
    let mut rests: Vec<Resources> = Vec::new();
    // Two rounds at least, because the first one is what the others are compared with.
    while rests.len() < 2 || started.elapsed() < length {
        let name = format!("round {}", rests.len() + 1);
        rests.push(steps.run(&name, || round(&setup, &deployment, &start))?);
        let page = page(&setup, &start, &rests, started.elapsed())?;
        fs::write(setup.root.join("benches/SOAK.md"), page)?;
    }
    verdict(&rests)
}

fn length_of(hours: f64) -> Result<Duration> {
    ensure!(hours > 0.0, "--hours must be more than 0");
    Duration::try_from_secs_f64(hours * 3600.0).context("--hours is too long")
}

/// Runs one round of clients, and returns what is held when all have left.
fn round(setup: &BenchSetup, deployment: &Deployment, start: &Resources) -> Result<Resources> {
    run_load(setup, &MEASUREMENT, "clockit", deployment)?;
    let end = Instant::now() + REST_WITHIN;
    loop {
        let is_empty = deployment.internal_ports().iter().all(|port| has_no_connections(*port));
        let now = Resources::read(deployment)?;
        if is_empty && now.has_counts_of(start) {
            return Ok(now);
        }
        ensure!(
            Instant::now() < end,
            "not at rest {} s after all clients have left:\n{}{}{}",
            REST_WITHIN.as_secs(),
            HEAD,
            start.row("start"),
            now.row("now")
        );
        sleep(POLL_INTERVAL);
    }
}

fn has_no_connections(internal: u16) -> bool {
    let Ok(metrics) = ports::get(internal, "/metrics") else { return false };
    let mut lines = metrics.lines().filter(|line| line.starts_with("tickcast_connections{"));
    metrics.starts_with("HTTP/1.1 200 ") && lines.all(|line| line.ends_with(" 0"))
}

const HEAD: &str = "| no client is connected | MiB of both nodes | file descriptors | keys | channels | connections of Redis \
                    | MiB of Redis |\n|---|---|---|---|---|---|---|\n";

fn page(setup: &BenchSetup, start: &Resources, rests: &[Resources], took: Duration) -> Result<String> {
    let scenario = fs::read_to_string(setup.root.join("benches/scenarios/soak.toml"))?;
    let mut page = format!(
        "# Soak\n\nWritten by `cargo xtask soak`: what two nodes and their Redis hold after each round of clients, when all \
         have left. {} rounds took {:.0} minutes. A round:\n\n```toml\n{}```\n\n",
        rests.len(),
        took.as_secs_f64() / 60.0,
        scenario
    );
    page += &report::machine(&setup.root)?;
    page += &format!("\n{HEAD}{}", start.row("before the first round"));
    for (index, rest) in rests.iter().enumerate() {
        page += &rest.row(&format!("after round {}", index + 1));
    }
    Ok(page)
}

/// Fails if the last round holds more than the first one. File descriptors, channels and connections were compared with
/// the start after each round; the first round creates the keys, which are the users' timers.
fn verdict(rests: &[Resources]) -> Result<()> {
    let (Some(first), Some(last)) = (rests.first(), rests.last()) else { return Ok(()) };
    ensure!(last.keys <= first.keys, "keys of Redis: {} after the first round, {} now", first.keys, last.keys);
    for (what, first, last) in [
        ("memory of the nodes", first.resident, last.resident),
        ("memory of Redis", first.redis_memory, last.redis_memory),
    ] {
        let ratio = last as f64 / first as f64;
        ensure!(ratio <= 1.0 + MEMORY_NOISE, "{what}: {last} bytes, {ratio:.2} times that after the first round");
    }
    Ok(())
}

/// Returns the number that follows a name.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?.trim_start();
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_kernel_and_from_redis() {
        let text = "VmRSS:\t  120 kB\r\ndb0:keys=7,expires=3\r\npubsub_channels:12\r\nname:x\r\n";
        assert_eq!(number_after(text, "VmRSS:"), Some(120));
        assert_eq!(number_after(text, "db0:keys="), Some(7));
        assert_eq!(number_after(text, "pubsub_channels:"), Some(12));
        assert_eq!(number_after(text, "name:"), None);
        assert_eq!(number_after(text, "connected_clients:"), None);
    }

    #[test]
    fn a_length_is_positive_and_finite() {
        assert_eq!(length_of(0.5).unwrap(), Duration::from_secs(1800));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(length_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn growth_is_found() {
        let rest = |resident, keys| Resources {
            resident,
            descriptors: 40,
            keys,
            channels: 1,
            connections: 9,
            redis_memory: 5_000_000,
        };
        assert!(verdict(&[rest(100, 9), rest(300, 9), rest(109, 9)]).is_ok());
        assert!(verdict(&[rest(100, 9), rest(111, 9)]).is_err());
        assert!(verdict(&[rest(100, 9), rest(100, 10)]).is_err());
    }
}
