//! Keys, certificates and kubeconfigs of a cluster, made anew for each start.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::folders::Folders;
use crate::process;

/// Validity of the certificates: a cluster that is kept ends with the machine, if not before.
const VALIDITY_DAYS: &str = "60";

const SERVER: &str = "serverAuth";
const CLIENT: &str = "clientAuth";

/// Names and addresses of the API server.
const API_SERVER_NAMES: &str = "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
    DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:10.96.0.1,IP:10.88.0.1,IP:127.0.0.1";

/// The controllers that talk to the API server, each under its own name.
const CONTROLLERS: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "kube-proxy"];

/// Makes the credentials of a cluster with this number of nodes.
pub(super) fn create(folders: &Folders, nodes: usize) -> Result<()> {
    let authority = Authority { folder: folders.state().join("pki") };
    fs::create_dir_all(&authority.folder)?;
    authority.create("ca")?;
    authority.create("front-proxy-ca")?;
    authority.sign("ca", "apiserver", "/CN=kube-apiserver", &[SERVER, API_SERVER_NAMES])?;
    authority.sign("ca", "apiserver-kubelet", "/O=system:masters/CN=kube-apiserver-kubelet-client", &[CLIENT])?;
    authority.sign("front-proxy-ca", "front-proxy", "/CN=front-proxy-client", &[CLIENT])?;
    authority.create_key_pair("service-accounts")?;
    let user = |name: &str, subject: &str| -> Result<()> {
        authority.sign("ca", name, subject, &[CLIENT])?;
        write_private(&folders.state().join(format!("{name}.kubeconfig")), &authority.kubeconfig(name))
    };
    user("admin", "/O=system:masters/CN=admin")?;
    for name in CONTROLLERS {
        user(name, &format!("/CN=system:{name}"))?;
    }
    for node in 1..=nodes {
        let subject = format!("/O=system:nodes/CN=system:node:n{node}");
        user(&format!("kubelet-{node}"), &subject)?;
        let names = format!("DNS:n{node},IP:10.88.0.{node},IP:fd00:10:88::{node}");
        authority.sign("ca", &format!("kubelet-serving-{node}"), &subject, &[SERVER, &names])?;
    }
    write_private(&folders.cluster.join("kubeconfig"), &authority.kubeconfig("admin"))
}

/// Certificate authorities, with their keys in a folder.
struct Authority {
    folder: PathBuf,
}

impl Authority {
    fn create(&self, name: &str) -> Result<()> {
        process::output(&mut self.request(name, &format!("/CN={name}"))).map(drop)
    }

    /// Signs a certificate for a usage and, if there are any, alternative names.
    fn sign(&self, authority: &str, name: &str, subject: &str, usage_and_names: &[&str]) -> Result<()> {
        let mut command = self.request(name, subject);
        command.args(["-CA", &format!("{authority}.crt"), "-CAkey", &format!("{authority}.key")]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        for (extension, value) in ["extendedKeyUsage", "subjectAltName"].iter().zip(usage_and_names) {
            command.args(["-addext", &format!("{extension}={value}")]);
        }
        process::output(&mut command).map(drop)
    }

    fn request(&self, name: &str, subject: &str) -> Command {
        let mut command = self.openssl();
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        command.args(["-days", VALIDITY_DAYS, "-subj", subject]);
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]);
        command
    }

    fn create_key_pair(&self, name: &str) -> Result<()> {
        let (private, public) = (format!("{name}.key"), format!("{name}.pub"));
        process::output(self.openssl().args([
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            &private,
        ]))?;
        process::output(self.openssl().args(["ec", "-in", &private, "-pubout", "-out", &public])).map(drop)
    }

    fn kubeconfig(&self, user: &str) -> String {
        let folder = self.folder.display();
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters:\n  - name: test\n    cluster:\n      server: https://10.88.0.1:6443\n      \
             certificate-authority: {folder}/ca.crt\n\
             users:\n  - name: {user}\n    user:\n      client-certificate: {folder}/{user}.crt\n      \
             client-key: {folder}/{user}.key\n\
             contexts:\n  - name: test\n    context:\n      cluster: test\n      user: {user}\n"
        )
    }

    fn openssl(&self) -> Command {
        let mut command = Command::new("openssl");
        command.current_dir(&self.folder);
        command
    }
}

fn write_private(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text)?;
    Ok(fs::set_permissions(file, Permissions::from_mode(0o600))?)
}
