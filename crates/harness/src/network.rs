//! A network of a test's own, in which packets can be lost. A proxy that cuts closes sockets or keeps them open; only
//! loss of packets leaves data in the kernel, which sends it again after longer and longer pauses.

use std::net::Ipv4Addr;
use std::process::Command;

/// Tells a process that it runs in a network of its own.
const VARIABLE: &str = "TICKCAST_TEST_NETWORK";

/// Brings up the loopback device, the only one, and becomes the given program. Debian puts the tools of root on the
/// search path of root only.
const SCRIPT: &str = "PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && exec \"$@\"";

/// Tells whether this process runs in a network of its own, by [`command_in_own_network`].
pub fn is_in_own_network() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Returns a command that runs this program again, in a network of its own, and only there as root.
///
/// # Panics
/// If the path of the program is unknown.
pub fn command_in_own_network() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--", "sh", "-c", SCRIPT, "sh"]);
    command.arg(std::env::current_exe().unwrap()).env(VARIABLE, "yes");
    command
}

/// Runs one test of this test binary again, in a network of its own, unless it runs there already. Returns whether it
/// does.
///
/// # Panics
/// If the other run fails.
pub fn enter_own_network(test: &str) -> bool {
    if is_in_own_network() {
        return true;
    }
    let output = command_in_own_network().args(["--exact", test, "--nocapture"]).output();
    let output = output.expect("unshare is installed");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    print!("{text}");
    false
}

/// Loss of all packets to or from one address and port, until it is dropped.
pub struct PacketLoss {
    rules: Vec<Vec<String>>,
}

impl PacketLoss {
    /// Begins to lose the packets to a server, from it, or both.
    ///
    /// # Panics
    /// If `iptables` is not installed, or this process has no network of its own.
    pub fn start(address: Ipv4Addr, port: u16, to_server: bool, from_server: bool) -> Self {
        assert!(is_in_own_network(), "packets are lost only in a network of the test's own");
        // Packets are lost on arrival: the sender would notice an earlier loss.
        let rule = |host: &str, port_option: &str| {
            let words =
                ["INPUT", "-p", "tcp", host, &address.to_string(), port_option, &port.to_string(), "-j", "DROP"];
            words.map(str::to_owned).to_vec()
        };
        let mut loss = Self { rules: vec![] };
        for (is_lost, rule) in [(to_server, rule("-d", "--dport")), (from_server, rule("-s", "--sport"))] {
            if is_lost {
                iptables("-A", &rule);
                loss.rules.push(rule);
            }
        }
        loss
    }

    /// Returns the number of packets lost so far.
    ///
    /// # Panics
    /// If `iptables` does not tell it.
    pub fn packets(&self) -> u64 {
        let output = Command::new("iptables").args(["-w", "-nvxL", "INPUT"]).output();
        let output = output.expect("iptables is installed").stdout;
        let text = String::from_utf8_lossy(&output);
        let rules = text.lines().filter(|line| line.contains("DROP"));
        rules.map(|rule| rule.split_whitespace().next().unwrap().parse::<u64>().unwrap()).sum()
    }
}

impl Drop for PacketLoss {
    fn drop(&mut self) {
        self.rules.iter().for_each(|rule| iptables("-D", rule));
    }
}

fn iptables(action: &str, rule: &[String]) {
    let status = Command::new("iptables").args(["-w", action]).args(rule).status();
    assert!(status.expect("iptables is installed").success(), "iptables {action} {rule:?}");
}
