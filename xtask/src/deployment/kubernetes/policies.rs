//! The policies of checkov. `helm/checkov.yaml` has the exceptions and their reasons.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;
use crate::tools::PythonModule;

const CONFIGURATION: &str = "helm/checkov.yaml";

/// Options: no download of rules, no upload of results, and a result for programs.
const OPTIONS: [&str; 8] =
    ["-m", "checkov.main", "--skip-download", "--soft-fail", "--framework", "kubernetes", "--output", "json"];

pub(super) fn check(checkov: &PythonModule, root: &Path, manifests: &[PathBuf]) -> Result<()> {
    let mut command = checkov.python();
    command.args(OPTIONS).arg("--config-file").arg(root.join(CONFIGURATION));
    for manifest in manifests {
        command.arg("--file").arg(manifest);
    }
    // Results name files relative to the current folder.
    let output = process::output(command.current_dir(root))?;
    let passed = passed(&serde_json::from_str(&output).context("checkov wrote no JSON")?)?;
    println!("checkov: {passed} checks passed");
    Ok(())
}

/// Returns the number of passed checks; fails if any failed.
fn passed(report: &Value) -> Result<u64> {
    let failed = report["results"]["failed_checks"].as_array().context("checkov's report has no results")?;
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let line = |check: &Value| {
        let [id, name, file, resource] =
            ["check_id", "check_name", "file_path", "resource"].map(|key| text(&check[key]));
        format!("{file}: {resource}: {id} {name}")
    };
    if !failed.is_empty() {
        bail!("checkov: {} checks failed:\n{}", failed.len(), failed.iter().map(line).collect::<Vec<_>>().join("\n"));
    }
    let passed = report["summary"]["passed"].as_u64().unwrap_or_default();
    ensure!(passed > 0, "checkov has checked nothing");
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_check_and_an_empty_report_are_errors() {
        let report = |failed: Value, passed: u64| json!({ "results": { "failed_checks": failed }, "summary": { "passed": passed } });
        assert_eq!(passed(&report(json!([]), 9)).unwrap(), 9);
        assert!(passed(&report(json!([]), 0)).is_err());
        assert!(passed(&json!({ "passed": 0 })).is_err());
        let failed = json!([{ "check_id": "CKV_1", "check_name": "No root", "file_path": "/a", "resource": "Pod.a" }]);
        assert_eq!(
            passed(&report(failed, 9)).unwrap_err().to_string(),
            "checkov: 1 checks failed:\n/a: Pod.a: CKV_1 No root"
        );
    }
}
