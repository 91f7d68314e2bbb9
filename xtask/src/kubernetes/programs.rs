//! The programs of the cluster, built from the Go module proxy: a current Kubernetes exists in no package.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use super::folders::{Folders, text};
use super::go_module::{GoModule, go, require_go};
use crate::process;

const KUBERNETES: GoModule = GoModule::new("k8s.io/kubernetes", "1.37.2");
const ETCD: GoModule = GoModule::new("go.etcd.io/etcd/server/v3", "3.7.3");
const CONTAINERD: GoModule = GoModule::new("github.com/containerd/containerd/v2", "2.4.2");
const HELM: GoModule = GoModule::new("helm.sh/helm/v4", "4.3.2");
const COREDNS: GoModule = GoModule::new("github.com/coredns/coredns", "1.15.0");
const METRICS_SERVER: GoModule = GoModule::new("sigs.k8s.io/metrics-server", "0.9.0");
const PROMETHEUS: GoModule = GoModule::new("github.com/prometheus/prometheus", "0.313.0");
const PROMETHEUS_ADAPTER: GoModule = GoModule::new("sigs.k8s.io/prometheus-adapter", "0.12.0");
const KUBE_ROUTER: GoModule = GoModule::new("github.com/cloudnativelabs/kube-router/v2", "2.1.0");
const LOCAL_PATH: GoModule = GoModule::new("github.com/rancher/local-path-provisioner", "0.0.30");

/// A program of a module.
struct Program {
    name: &'static str,
    module: &'static GoModule,
    /// Path of the package within the module, with a slash before it.
    package: &'static str,
    /// Variable that holds the version, for a program that tells it to others.
    version_variable: Option<&'static str>,
    /// Build tags.
    tags: &'static str,
}

impl Program {
    const fn new(name: &'static str, module: &'static GoModule, package: &'static str) -> Self {
        Self { name, module, package, version_variable: None, tags: "" }
    }

    const fn version_in(mut self, variable: &'static str) -> Self {
        self.version_variable = Some(variable);
        self
    }

    const fn tagged(mut self, tags: &'static str) -> Self {
        self.tags = tags;
        self
    }
}

/// The snapshotters of these file systems need libraries in C, or are not used.
const NO_FILE_SYSTEMS: &str = "no_btrfs,no_zfs,no_aufs,no_devmapper";

/// Prometheus looks for pods by the API server; the libraries of all clouds would triple its build.
const ONLY_KUBERNETES: &str = "remove_all_sd,enable_kubernetes_sd";

const PROGRAMS: [Program; 17] = [
    Program::new("etcd", &ETCD, ""),
    Program::new("kube-apiserver", &KUBERNETES, "/cmd/kube-apiserver"),
    Program::new("kube-controller-manager", &KUBERNETES, "/cmd/kube-controller-manager"),
    Program::new("kube-scheduler", &KUBERNETES, "/cmd/kube-scheduler"),
    Program::new("kubelet", &KUBERNETES, "/cmd/kubelet"),
    Program::new("kube-proxy", &KUBERNETES, "/cmd/kube-proxy"),
    Program::new("kubectl", &KUBERNETES, "/cmd/kubectl"),
    Program::new("containerd", &CONTAINERD, "/cmd/containerd").tagged(NO_FILE_SYSTEMS),
    Program::new("containerd-shim-runc-v2", &CONTAINERD, "/cmd/containerd-shim-runc-v2").tagged(NO_FILE_SYSTEMS),
    Program::new("ctr", &CONTAINERD, "/cmd/ctr").tagged(NO_FILE_SYSTEMS),
    Program::new("helm", &HELM, "/cmd/helm").version_in("helm.sh/helm/v4/internal/version.version"),
    Program::new("coredns", &COREDNS, ""),
    Program::new("metrics-server", &METRICS_SERVER, "/cmd/metrics-server"),
    Program::new("prometheus", &PROMETHEUS, "/cmd/prometheus").tagged(ONLY_KUBERNETES),
    Program::new("prometheus-adapter", &PROMETHEUS_ADAPTER, "/cmd/adapter"),
    Program::new("kube-router", &KUBE_ROUTER, "/cmd/kube-router"),
    Program::new("local-path-provisioner", &LOCAL_PATH, ""),
];

/// Definitions of the resource types that the chart can create besides the built-in ones.
const GATEWAY_API: GoModule = GoModule::new("sigs.k8s.io/gateway-api", "1.6.3");
const PROMETHEUS_OPERATOR: GoModule = GoModule::new("github.com/prometheus-operator/prometheus-operator", "0.85.0");

/// Builds the programs that are missing or of another version.
pub(super) fn build(folders: &Folders) -> Result<()> {
    require_go()?;
    fs::create_dir_all(folders.programs())?;
    build_pause(folders)?;
    PROGRAMS.iter().try_for_each(|program| build_program(folders, program))
}

/// Returns the files that define the resource types of the Gateway API and of the Prometheus operator.
pub(super) fn resource_definitions(folders: &Folders) -> Result<Vec<String>> {
    let gateway = GATEWAY_API.download(&folders.modules())?.join("config/crd/standard");
    let operator = PROMETHEUS_OPERATOR.download(&folders.modules())?.join("example/prometheus-operator-crd");
    let mut files = vec![text(&gateway.join("gateway.networking.k8s.io_httproutes.yaml"))?.to_owned()];
    for kind in ["servicemonitors", "podmonitors", "prometheusrules"] {
        files.push(text(&operator.join(format!("monitoring.coreos.com_{kind}.yaml")))?.to_owned());
    }
    Ok(files)
}

fn build_pause(folders: &Folders) -> Result<()> {
    let program = folders.program("pause");
    if program.is_file() {
        return Ok(());
    }
    go_build(&program, &folders.sources.join("pause"), &["."])
}

fn build_program(folders: &Folders, program: &Program) -> Result<()> {
    let Program { name, module, .. } = program;
    let path = folders.program(name);
    if is_current(&path, module) {
        println!("{name} {}", module.version);
        return Ok(());
    }
    println!("building {name} {}", module.version);
    let start = Instant::now();
    let folder = folders.modules().join(module.path.replace('/', "-"));
    module.write_main_module(&folder)?;
    let flags = format!("-s -w {}", version_flags(program));
    let package = format!("{}{}", module.path, program.package);
    go_build(&path, &folder, &["-tags", program.tags, "-ldflags", &flags, &package])
        .with_context(|| format!("cannot build {name}"))?;
    println!("built {name} in {} s", start.elapsed().as_secs());
    Ok(())
}

/// Builds a program, which replaces an older one only if the build succeeds.
fn go_build(program: &Path, folder: &Path, arguments: &[&str]) -> Result<()> {
    let new = program.with_extension("new");
    let mut command = go(&["build", "-trimpath", "-o", text(&new)?], folder);
    process::run(command.args(arguments))?;
    Ok(fs::rename(new, program)?)
}

/// Compares with the version that Go has recorded in the program.
fn is_current(program: &Path, module: &GoModule) -> bool {
    let recorded = process::output(Command::new("go").args(["version", "-m"]).arg(program));
    let line = format!("\tmod\t{}\tv{}\t", module.path, module.version);
    recorded.is_ok_and(|recorded| recorded.contains(&line))
}

/// Returns the linker flags by which a program knows its version; Helm and API clients compare that of Kubernetes.
fn version_flags(program: &Program) -> String {
    let version = program.module.version;
    if program.module.path != KUBERNETES.path {
        return program.version_variable.map(|name| format!("-X {name}=v{version}")).unwrap_or_default();
    }
    let minor = version.split('.').nth(1).unwrap_or_default();
    let values = [
        ("gitVersion", format!("v{version}")),
        ("gitMajor", "1".to_owned()),
        ("gitMinor", minor.to_owned()),
        ("gitTreeState", "clean".to_owned()),
        // A date is required; that of the release is not part of the module.
        ("buildDate", "1970-01-01T00:00:00Z".to_owned()),
    ];
    let packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
    let flag = |package: &str| values.iter().map(|(name, value)| format!("-X {package}.{name}={value} ")).collect();
    packages.map(flag).into_iter().collect::<Vec<String>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_kubernetes_know_its_version() {
        let flags = |name| version_flags(PROGRAMS.iter().find(|program| program.name == name).unwrap());
        assert!(flags("kubelet").contains("-X k8s.io/component-base/version.gitVersion=v1.37.2 "));
        assert!(flags("kubectl").contains("-X k8s.io/client-go/pkg/version.gitMinor=37 "));
        assert_eq!(flags("helm"), "-X helm.sh/helm/v4/internal/version.version=v4.3.2");
        assert_eq!(flags("etcd"), "");
    }

    #[test]
    fn a_program_of_another_origin_is_not_current() {
        assert!(!is_current(Path::new("/bin/sh"), &KUBERNETES));
        assert!(!is_current(Path::new("/no/such/program"), &KUBERNETES));
    }
}
