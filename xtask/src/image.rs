//! `cargo xtask image`: the container image, built with buildah, without a container engine or a registry if asked.

mod base;
mod buildah;
mod redis;
mod tag;
mod trial;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, tools};

use base::Base;
use buildah::Buildah;
pub(crate) use tag::Tag;

/// The published image.
const NAME: &str = "ghcr.io/tickcast/tickcast";

const DOCKERFILE: &str = "deploy/docker/Dockerfile";

/// The files besides the program that the Dockerfile copies if it does not compile.
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// What to build.
#[derive(Debug, PartialEq, Eq, Args)]
pub(crate) struct ImageOptions {
    /// Name of an image, whose tag becomes its version label; can be repeated [default: the image of this version]
    #[arg(long = "tag", value_name = "NAME:TAG")]
    pub(crate) tags: Vec<Tag>,
    /// Existing folder for the archives, one for each image: `<last part of the name>-<tag>.tar` [default: target/image]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Make the Debian base with mmdebstrap and the Rust of this machine, instead of pulling the base from a registry
    #[arg(long)]
    pub(crate) local_base: bool,
    /// Take this program instead of compiling it in the build of the image
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Also make an image of this machine's Redis with this name, for tests
    #[arg(long, value_name = "NAME:TAG")]
    pub(crate) redis: Option<Tag>,
    /// Run each built image without privileges, and check its probes and signals (needs root)
    #[arg(long)]
    pub(crate) trial: bool,
}

/// Builds the images and writes an archive of each, for `ctr images import` and `docker load`.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, options: &ImageOptions) -> Result<()> {
    let tools = steps.run("tools of the image", || tools::install_for_image(options.local_base, options.trial))?;
    let folder = workspace.target.join("image");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let buildah = Buildah::new(tools.buildah, &folder)?;
    let output = match &options.output {
        // Commands run in other folders.
        Some(output) => output.canonicalize().with_context(|| format!("--output {}", output.display()))?,
        None => folder.clone(),
    };
    let base = steps.run("base image", || match &tools.mmdebstrap {
        Some(mmdebstrap) => Base::local(&buildah, mmdebstrap, &folder, options.program.is_none()),
        None => Ok(Base::public()),
    })?;
    let context = match &options.program {
        Some(program) => prebuilt_context(workspace, &folder, program)?,
        None => workspace.root.clone(),
    };
    let commit = Commit::read(workspace);
    for tag in options.tags_or(&default_tag()) {
        steps.run(&format!("image {tag}"), || {
            let mut build = buildah.build(tag, &workspace.root.join(DOCKERFILE));
            base.apply(&mut build);
            if options.program.is_some() {
                build.args(["--build-arg", "PREBUILT=tickcast"]);
            }
            for (name, value) in [("VERSION", tag.version()), ("REVISION", &commit.id), ("CREATED", &commit.date)] {
                build.arg("--build-arg").arg(format!("{name}={value}"));
            }
            process::run(build.arg(&context))?;
            buildah.write_archive(tag, &output)
        })?;
        if let Some(runc) = &tools.runc {
            steps.run(&format!("trial of {tag}"), || trial::run(&buildah, runc, tag, &folder))?;
        }
    }
    if let Some(tag) = &options.redis {
        steps.run(&format!("image {tag}"), || {
            redis::build(&buildah, workspace, tag, &folder)?;
            buildah.write_archive(tag, &output)
        })?;
    }
    buildah.remove_leftovers()
}

impl ImageOptions {
    fn tags_or<'a>(&'a self, default: &'a Tag) -> &'a [Tag] {
        if self.tags.is_empty() { std::slice::from_ref(default) } else { &self.tags }
    }
}

fn default_tag() -> Tag {
    format!("{NAME}:{}", env!("CARGO_PKG_VERSION")).parse().expect("the default is a name and a tag")
}

/// Makes a context that has the program instead of its sources.
fn prebuilt_context(workspace: &Workspace, folder: &Path, program: &Path) -> Result<PathBuf> {
    let context = folder.join("context");
    fs::create_dir_all(&context)?;
    let copy = |from: &Path, name: &str| {
        fs::copy(from, context.join(name)).with_context(|| format!("cannot copy {}", from.display()))
    };
    copy(program, "tickcast")?;
    for license in LICENSES {
        copy(&workspace.root.join(license), license)?;
    }
    Ok(context)
}

/// The commit that an image is built from.
struct Commit {
    /// With `-dirty` if files differ from it.
    id: String,
    date: String,
}

impl Commit {
    /// Reads the commit; `unknown` without a repository, as in an unpacked source archive.
    fn read(workspace: &Workspace) -> Self {
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            process::output(command.args(arguments).current_dir(&workspace.root))
                .map(|text| text.trim().to_owned())
                .ok()
        };
        let (Some(id), Some(date)) = (git(&["rev-parse", "HEAD"]), git(&["log", "-1", "--format=%cI"])) else {
            return Self { id: "unknown".to_owned(), date: "1970-01-01T00:00:00Z".to_owned() };
        };
        let is_clean = git(&["status", "--porcelain"]).is_some_and(|changes| changes.is_empty());
        Self { id: if is_clean { id } else { id + "-dirty" }, date }
    }
}
