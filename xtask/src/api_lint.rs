//! The check of `docs/api`: whether the documents are fresh, and whether they are valid by public tools: `@redocly/cli` and `@asyncapi/parser`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{codegen, npm, process, tools};

/// The folder of the tools and their configuration.
const FOLDER: &str = "xtask/api-lint";

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("API documents are fresh", || codegen::check_api_documents(workspace))?;
    let [node, npm] = tools::install_for_api_lint()?;
    steps.run("npm packages of the API documents", || npm::install_packages(&workspace.root, FOLDER, &npm))?;
    steps.run("API documents", || lint(&workspace.root, &node))
}

fn lint(root: &Path, node: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    let mut openapi = Command::new(node);
    openapi.arg("node_modules/@redocly/cli/bin/cli.js").args([
        "lint",
        "../../docs/api/openapi.json",
        "--config",
        "redocly.yaml",
    ]);
    // Without the variable, the tool reports its use, and looks for a newer version.
    openapi.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    process::run(openapi.current_dir(&folder))?;
    process::run(Command::new(node).args(["asyncapi.mjs", "../../docs/api/asyncapi.json"]).current_dir(&folder))
}
