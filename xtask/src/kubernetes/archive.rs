//! Image archives with a few programs and the libraries they need, made without a container engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::process;

/// An image with programs of this machine, and nothing else.
pub(super) struct ImageArchive {
    /// Name and tag.
    pub(super) name: &'static str,
    /// The programs, with their paths in the image.
    pub(super) programs: Vec<(PathBuf, String)>,
    /// Numeric user and group.
    pub(super) user: &'static str,
    pub(super) entrypoint: &'static [&'static str],
}

impl ImageArchive {
    /// Writes a file that `ctr images import` reads, unless it is newer than the programs.
    pub(super) fn write(&self, archive: &Path) -> Result<()> {
        if self.is_current(archive)? {
            return Ok(());
        }
        let folder = archive.with_extension("build");
        let root = folder.join("root");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        self.fill(&root)?;
        let layer = folder.join("layer.tar");
        tar(&layer, &root, &["."])?;
        let (config, manifest) = self.descriptions(&checksum(&layer)?);
        fs::write(folder.join("config.json"), config)?;
        fs::write(folder.join("manifest.json"), manifest)?;
        tar(archive, &folder, &["manifest.json", "config.json", "layer.tar"])?;
        Ok(fs::remove_dir_all(folder)?)
    }

    fn is_current(&self, archive: &Path) -> Result<bool> {
        let Ok(written) = fs::metadata(archive) else { return Ok(false) };
        let written = written.modified()?;
        for (program, _) in &self.programs {
            let program = fs::metadata(program).with_context(|| format!("no {}", program.display()))?;
            // A package's files have the time of the package's release, so a new installation shows in the change time
            // of no file that the archive can be compared with; their versions hardly matter here.
            if program.modified()? > written {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fill(&self, root: &Path) -> Result<()> {
        let mut libraries = BTreeSet::new();
        for (program, path) in &self.programs {
            copy(program, &inside(root, path))?;
            libraries.extend(shared_libraries(program)?);
        }
        for library in libraries {
            copy(&library, &inside(root, &library.to_string_lossy()))?;
        }
        Ok(())
    }

    /// Returns the configuration of the image, and the list of what the archive contains.
    fn descriptions(&self, layer: &str) -> (String, String) {
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {
                "Entrypoint": self.entrypoint,
                "User": self.user,
                "WorkingDir": "/",
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        });
        let manifest = json!([{ "Config": "config.json", "RepoTags": [self.name], "Layers": ["layer.tar"] }]);
        (config.to_string(), manifest.to_string())
    }
}

fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

/// Returns the libraries of a program at the paths where its loader looks for them; none for a static program.
fn shared_libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = Command::new("ldd").arg(program).output().context("cannot start `ldd`")?;
    let (stdout, stderr) = (String::from_utf8_lossy(&listed.stdout), String::from_utf8_lossy(&listed.stderr));
    if stdout.contains("statically linked") || stderr.contains("not a dynamic executable") {
        return Ok(Vec::new());
    }
    ensure!(listed.status.success(), "`ldd {}` failed: {}", program.display(), stderr.trim_end());
    ensure!(!stdout.contains("not found"), "a library of {} is missing:\n{stdout}", program.display());
    let path = |line: &str| {
        let words = line.split_whitespace();
        words.take_while(|word| !word.starts_with("(0x")).find(|word| word.starts_with('/')).map(PathBuf::from)
    };
    Ok(stdout.lines().filter_map(path).collect())
}

/// Makes an archive whose bytes depend on nothing but the files' names, modes and contents.
fn tar(archive: &Path, folder: &Path, files: &[&str]) -> Result<()> {
    let mut command = Command::new("tar");
    command.args(["--create", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--file"]);
    process::run(command.arg(archive).arg("--directory").arg(folder).args(files))
}

fn checksum(file: &Path) -> Result<String> {
    let printed = process::output(Command::new("sha256sum").arg(file))?;
    let sum = printed.split_whitespace().next().context("`sha256sum` printed nothing")?;
    Ok(sum.to_owned())
}

#[cfg(test)]
mod tests {
    use std::env;

    use serde_json::Value;

    use super::*;

    #[test]
    fn an_archive_has_the_program_its_libraries_and_its_description() {
        let folder = env::temp_dir().join(format!("xtask-archive-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let archive = folder.join("image.tar");
        let image = ImageArchive {
            name: "localhost/sh:test",
            programs: vec![("/bin/sh".into(), "/bin/sh".to_owned())],
            user: "1000:1000",
            entrypoint: &["/bin/sh"],
        };
        image.write(&archive).unwrap();
        let unpacked = folder.join("unpacked");
        fs::create_dir_all(unpacked.join("root")).unwrap();
        let unpack = |file: &Path, to: &Path| {
            process::output(Command::new("tar").arg("-xf").arg(file).arg("-C").arg(to)).unwrap();
        };
        unpack(&archive, &unpacked);
        unpack(&unpacked.join("layer.tar"), &unpacked.join("root"));
        let read = |name| serde_json::from_slice::<Value>(&fs::read(unpacked.join(name)).unwrap()).unwrap();
        let (manifest, config) = (read("manifest.json"), read("config.json"));
        assert_eq!(manifest[0]["RepoTags"][0], "localhost/sh:test");
        assert_eq!(config["config"]["User"], "1000:1000");
        let layer = checksum(&unpacked.join("layer.tar")).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{layer}"));
        assert!(unpacked.join("root/bin/sh").is_file());
        for library in shared_libraries(Path::new("/bin/sh")).unwrap() {
            assert!(inside(&unpacked.join("root"), &library.to_string_lossy()).is_file(), "{}", library.display());
        }
        let written = fs::metadata(&archive).unwrap().modified().unwrap();
        image.write(&archive).unwrap();
        assert_eq!(fs::metadata(&archive).unwrap().modified().unwrap(), written, "it is current");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_loader_is_among_the_libraries_of_a_dynamic_program() {
        let libraries = shared_libraries(Path::new("/bin/sh")).unwrap();
        assert!(libraries.iter().any(|library| library.to_string_lossy().contains("/ld-linux")), "{libraries:?}");
        assert!(shared_libraries(Path::new("/no/such/program")).is_err());
    }
}
