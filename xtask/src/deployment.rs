//! The static checks of `deploy`, `helm` and `k8s`.

mod compose;
mod dockerfiles;
mod kubernetes;
mod scripts;

use anyhow::Result;

use crate::steps::Steps;
use crate::tools;
use crate::workspace::Workspace;

/// Runs the checks of all kinds.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let tools = steps.run("tools of deployment", || tools::install_manifest_tools(&workspace.target))?;
    steps.run("deployment", || {
        dockerfiles::check(workspace)?;
        compose::check(workspace)?;
        scripts::check(workspace)?;
        kubernetes::check(workspace, &tools)
    })
}
