//! The images of the cluster: those of its own services, of the tests, and of Tickcast.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::archive::ImageArchive;
use super::folders::Folders;
use crate::image::{self, Tag};
use crate::process;
use crate::steps::Steps;
use crate::workspace::Workspace;

/// Two images of one build, which scenarios upgrade between.
const TICKCAST: [&str; 2] = ["localhost/tickcast:current", "localhost/tickcast:next"];

const REDIS: &str = "localhost/redis:test";

/// Programs of the image by which tests look at the cluster from a pod, and by which folders of volumes are made.
const TOOLS: [&str; 10] = ["cat", "curl", "env", "id", "ls", "mkdir", "rm", "sh", "sleep", "touch"];

/// Images of the cluster's own services: the name, the program and its path in the image.
const SERVICES: [(&str, &str, &[&str; 1]); 5] = [
    ("localhost/coredns:test", "coredns", &["/coredns"]),
    ("localhost/metrics-server:test", "metrics-server", &["/metrics-server"]),
    ("localhost/prometheus:test", "prometheus", &["/prometheus"]),
    ("localhost/prometheus-adapter:test", "prometheus-adapter", &["/prometheus-adapter"]),
    ("localhost/local-path-provisioner:test", "local-path-provisioner", &["/local-path-provisioner"]),
];

/// Image archives, by the nodes that need them.
pub(super) struct Images {
    pub(super) every_node: Vec<PathBuf>,
    /// Only the cluster's own services, which run on node 1.
    pub(super) first_node: Vec<PathBuf>,
}

/// Makes the archives of all images, with this build of Tickcast.
pub(super) fn create(workspace: &Workspace, steps: &mut Steps, folders: &Folders) -> Result<Images> {
    fs::create_dir_all(folders.images())?;
    let tags = TICKCAST.iter().map(|name| name.parse::<Tag>()).collect::<Result<Vec<_>>>()?;
    let redis = REDIS.parse::<Tag>()?;
    let built = tags.iter().chain([&redis]).map(|tag| folders.images().join(tag.file_name())).collect();
    let options = image::ImageOptions {
        tags,
        output: Some(folders.images()),
        // The cluster must be the same on a machine that reaches no registry.
        local_base: true,
        program: Some(workspace.target.join("release/tickcast")),
        redis: Some(redis),
        trial: false,
    };
    image::run(workspace, steps, &options)?;
    steps.run("images of the cluster's services", || create_services(folders, built))
}

fn create_services(folders: &Folders, built: Vec<PathBuf>) -> Result<Images> {
    let write = |image: ImageArchive| -> Result<PathBuf> {
        let file = image.name.rsplit('/').next().context("an image has a name")?.replace(':', "-");
        let archive = folders.images().join(format!("{file}.tar"));
        image.write(&archive).with_context(|| format!("cannot make the image {}", image.name))?;
        Ok(archive)
    };
    let mut every_node = built;
    every_node.extend([write(pause(folders))?, write(tools()?)?]);
    let mut first_node = Vec::new();
    for (name, program, path) in SERVICES {
        first_node.push(write(image(name, vec![(folders.program(program), path[0].to_owned())], path))?);
    }
    Ok(Images { every_node, first_node })
}

fn image(name: &'static str, programs: Vec<(PathBuf, String)>, entrypoint: &'static [&'static str]) -> ImageArchive {
    ImageArchive { name, programs, user: "65532:65532", entrypoint }
}

fn pause(folders: &Folders) -> ImageArchive {
    image("localhost/pause:test", vec![(folders.program("pause"), "/pause".to_owned())], &["/pause"])
}

/// It runs as root, because it makes the folders of volumes.
fn tools() -> Result<ImageArchive> {
    let programs = TOOLS.iter().map(|name| Ok((installed(name)?, format!("/bin/{name}")))).collect::<Result<_>>()?;
    Ok(ImageArchive { user: "0:0", ..image("localhost/tools:test", programs, &["/bin/sh"]) })
}

fn installed(program: &str) -> Result<PathBuf> {
    let path = process::find(program).with_context(|| format!("`{program}` is not installed"))?;
    // A name of Debian can lead to the program by several links, and the image has only the program.
    fs::canonicalize(&path).with_context(|| format!("cannot read {}", path.display()))
}
