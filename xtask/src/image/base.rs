//! The image that the Dockerfile compiles in: the official one, or one that this machine makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::buildah::Buildah;
use crate::process;

/// Folder of Rust in a local base.
const RUST_FOLDER: &str = "/usr/local/rust";

/// Folder of cargo in the official images; the Dockerfile caches a part of it.
const CARGO_HOME: &str = "/usr/local/cargo";

/// The certificates that this machine trusts, and their place in a build with a local base: cargo may reach its registry
/// through a proxy with a certificate of its own. The image gets the certificates of Debian.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const CERTIFICATES_IN_BUILD: &str = "/usr/local/share/machine-certificates.crt";

/// The image that the Dockerfile names `RUST_IMAGE`.
pub(super) enum Base {
    /// The one of the Dockerfile.
    Public,
    Local {
        image: &'static str,
        /// Rust of this machine, which each build mounts.
        rust: Option<PathBuf>,
    },
}

impl Base {
    pub(super) fn public() -> Self {
        Self::Public
    }

    /// Makes a Debian of the release of this machine. It is made once: remove `target/image` for a newer one.
    ///
    /// Programs of this machine run in it because they have the same C library.
    pub(super) fn local(buildah: &Buildah, mmdebstrap: &Path, folder: &Path, compiles: bool) -> Result<Self> {
        let (image, packages) = if compiles {
            ("localhost/tickcast-rust-base", "ca-certificates,gcc,libc6-dev")
        } else {
            ("localhost/tickcast-base", "ca-certificates")
        };
        let rust = compiles.then(sysroot).transpose()?;
        if buildah.has_image(image) {
            println!("{image} exists");
            return Ok(Self::Local { image, rust });
        }
        let archive = folder.join("base.tar");
        let mut command = Command::new(mmdebstrap);
        command.args(["--variant=minbase", &format!("--include={packages}"), &debian_release()?]).arg(&archive);
        process::run(&mut command)?;
        buildah.with_container("scratch", |container| {
            process::output(buildah.command().args(["add", "--quiet", container]).arg(&archive).arg("/"))?;
            let path = format!("{RUST_FOLDER}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
            let mut configure = buildah.command();
            configure.arg("config");
            for (name, value) in
                [("PATH", &*path), ("CARGO_HOME", CARGO_HOME), ("CARGO_HTTP_CAINFO", CERTIFICATES_IN_BUILD)]
            {
                configure.arg("--env").arg(format!("{name}={value}"));
            }
            process::output(configure.arg(container))?;
            process::output(buildah.command().args(["commit", "--quiet", container, image]))
        })?;
        fs::remove_file(&archive)?;
        Ok(Self::Local { image, rust })
    }

    /// Makes a build use this base.
    pub(super) fn apply(&self, build: &mut Command) {
        let Self::Local { image, rust } = self else { return };
        build.args(["--pull-never", "--build-arg", &format!("RUST_IMAGE={image}")]);
        if let Some(rust) = rust {
            build.args(["--volume", &format!("{}:{RUST_FOLDER}:ro", rust.display())]);
            build.args(["--volume", &format!("{CERTIFICATES}:{CERTIFICATES_IN_BUILD}:ro")]);
        }
    }
}

/// Returns the folder of this machine's Rust.
fn sysroot() -> Result<PathBuf> {
    Ok(process::output(Command::new("rustc").args(["--print", "sysroot"]))?.trim().into())
}

fn debian_release() -> Result<String> {
    let path = "/etc/os-release";
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let name = line.with_context(|| format!("{path} has no VERSION_CODENAME, so the release of Debian is unknown"))?;
    Ok(name.trim_matches('"').to_owned())
}
