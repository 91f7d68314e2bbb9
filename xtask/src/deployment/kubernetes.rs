//! The chart and the manifests, as far as they can be checked without a cluster.

mod agreement;
mod chart;
mod expectations;
mod objects;
mod overlay;
mod policies;
mod refusals;
mod schemas;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::codegen;
use crate::tools::ManifestTools;
use crate::workspace::Workspace;
use chart::Chart;
use overlay::Overlay;

/// Checks the chart with each of its sets of values, and each overlay.
pub(super) fn check(workspace: &Workspace, tools: &ManifestTools) -> Result<()> {
    codegen::check(&workspace.root)?;
    let folder = workspace.target.join("deployment/manifests");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let chart = Chart::new(&workspace.root, &tools.clients.helm)?;
    let value_sets = chart.value_sets()?;
    value_sets.iter().try_for_each(|values| chart.lint(values))?;
    chart.check_version()?;
    refusals::check(&chart)?;
    expectations::check(&chart)?;
    let mut overlays = Vec::new();
    for overlay in Overlay::all(&workspace.root, &tools.clients.kubectl)? {
        let built = overlay.build()?;
        overlays.push(write(&folder, &format!("overlay-{}", overlay.name()), &built)?);
        agreement::check(overlay.name(), &built, &chart.render(&overlay.chart_values(), &[])?)?;
    }
    let mut newest = Vec::new();
    for version in schemas::VERSIONS {
        let mut manifests = overlays.clone();
        for values in &value_sets {
            let name = format!("chart-{}-{version}", values.file_stem().unwrap_or_default().to_string_lossy());
            manifests.push(write(&folder, &name, &chart.render_for(version, values, &[])?)?);
        }
        schemas::check(&tools.kubernetes_validate, version, &manifests)?;
        newest = manifests;
    }
    policies::check(&tools.checkov, &workspace.root, &newest)
}

fn write(folder: &Path, name: &str, content: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.yaml"));
    fs::write(&path, content)?;
    Ok(path)
}
