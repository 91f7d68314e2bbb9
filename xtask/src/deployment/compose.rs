//! The composition of `deploy/compose`: its schema, its rules, and the files that its programs read.

mod composition;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::tools::PythonModule;
use crate::workspace::Workspace;
use crate::{process, tools};

use composition::{Composition, Service, read_yaml};

const FOLDER: &str = "deploy/compose";
const FILE: &str = "compose.yaml";

/// Folder of Prometheus in its container.
const PROMETHEUS_FOLDER: &str = "/etc/prometheus/";

pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join(FOLDER);
    let validator = tools::install_check_jsonschema(&workspace.target)?;
    let [haproxy, promtool] = tools::install_config_checkers()?;
    let file = folder.join(FILE);
    process::run(validator.command().args(["--builtin-schema", "vendor.compose-spec"]).arg(&file))?;
    let composition = Composition::read(&validator, &file)?;
    check_rules(&composition, &folder)?;
    let prometheus = composition.service("prometheus")?;
    check_haproxy(&haproxy, &composition.service("haproxy")?, &folder)?;
    check_prometheus(&promtool, &prometheus, &folder, &workspace.target.join("deployment/prometheus"))?;
    check_targets(&validator, &composition, &folder)
}

/// Reports everything that breaks a rule at once.
fn check_rules(composition: &Composition, folder: &Path) -> Result<()> {
    let mut faults = rules::faults(composition);
    for service in composition.services() {
        for mount in service.mounts().into_iter().filter(|mount| !folder.join(&mount.source).exists()) {
            faults.push(format!("{}: {} does not exist", service.name, mount.source));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{FOLDER}/{FILE}:\n  {}", faults.join("\n  "))
}

/// Lets HAProxy read its configuration with the environment of the composition.
fn check_haproxy(haproxy: &Path, service: &Service<'_>, folder: &Path) -> Result<()> {
    let mounts = service.mounts();
    let [mount] = mounts.as_slice() else { bail!("haproxy must have one mount, its configuration") };
    let mut command = Command::new(haproxy);
    command.args(["-c", "-V", "-f"]).arg(folder.join(&mount.source));
    process::run(command.envs(service.environment()))
}

/// Lets Prometheus read its configuration, with each file at the place that it has in the container.
fn check_prometheus(promtool: &Path, service: &Service<'_>, folder: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    fs::create_dir_all(copy)?;
    for mount in service.mounts() {
        let name = mount.target.strip_prefix(PROMETHEUS_FOLDER);
        let name = name.with_context(|| format!("{} is not in {PROMETHEUS_FOLDER}", mount.target))?;
        fs::copy(folder.join(&mount.source), copy.join(name))?;
    }
    let option = format!("--config.file={PROMETHEUS_FOLDER}");
    let commands = service.command();
    let file = commands.iter().find_map(|argument| argument.strip_prefix(&option));
    let file = file.with_context(|| format!("prometheus has no option {option}…"))?;
    process::run(Command::new(promtool).args(["check", "config"]).arg(copy.join(file)))
}

/// Fails unless Prometheus asks each node.
fn check_targets(python: &PythonModule, composition: &Composition, folder: &Path) -> Result<()> {
    let path: PathBuf = folder.join("prometheus.yaml");
    let config = read_yaml(python, &path)?;
    let targets = &config["scrape_configs"][0]["static_configs"][0]["targets"];
    let targets: Vec<&str> = targets.as_array().into_iter().flatten().filter_map(|target| target.as_str()).collect();
    let nodes: Vec<String> = composition.nodes().map(|node| format!("{}:9000", node.name)).collect();
    ensure!(targets == nodes, "{} has the targets {targets:?}, but the nodes are {nodes:?}", path.display());
    Ok(())
}
