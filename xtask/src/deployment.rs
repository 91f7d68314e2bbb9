//! The static checks of `deploy`.

mod compose;
mod dockerfiles;

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::Workspace;

/// Runs the checks of all kinds.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("deployment", || {
        dockerfiles::check(workspace)?;
        compose::check(workspace)
    })
}
