//! The table of values in the chart's README, from the comments in `values.yaml`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{GeneratedFile, read};

const README: &str = "helm/tickcast/README.md";
const VALUES: &str = "helm/tickcast/values.yaml";

/// The lines around the table.
const BEGIN: &str = "<!-- values: begin -->\n";
const END: &str = "<!-- values: end -->\n";

/// A longer default is in `values.yaml` only.
const DEFAULT_CHARS_MAX: usize = 80;

/// A documented value.
#[derive(Debug, PartialEq, Eq)]
struct DocumentedValue {
    path: Vec<String>,
    description: String,
}

/// Returns the README with a fresh table; everything else in it is written by hand.
pub(super) fn file(root: &Path) -> Result<GeneratedFile> {
    let (readme, values) = (read(root, README)?, read(root, VALUES)?);
    let (head, rest) = readme.split_once(BEGIN).with_context(|| format!("{README} has no line {BEGIN}"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("{README} has no line {END}"))?;
    Ok(GeneratedFile::new(README, format!("{head}{BEGIN}{}{END}{tail}", table(&values)?)))
}

fn table(values: &str) -> Result<String> {
    let defaults: Value = serde_saphyr::from_str(values).context(VALUES)?;
    let documented = documented(values)?;
    let undocumented: Vec<String> = leaves(&defaults, &documented, &mut Vec::new());
    ensure!(undocumented.is_empty(), "{VALUES}: no comment that begins with `--` at {}", undocumented.join(", "));
    let mut table = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    for DocumentedValue { path, description } in documented {
        let pointer = format!("/{}", path.join("/"));
        let default = defaults.pointer(&pointer).with_context(|| format!("{VALUES} has no {}", path.join(".")))?;
        let default = default.to_string();
        let default =
            if default.len() > DEFAULT_CHARS_MAX { "see values.yaml".to_owned() } else { format!("`{default}`") };
        let cell = |text: &str| text.replace('|', "\\|");
        table += &format!("| `{}` | {} | {} |\n", path.join("."), cell(&default), cell(&description));
    }
    Ok(table)
}

/// Finds the comments that begin with `--`, and the key that follows each.
fn documented(values: &str) -> Result<Vec<DocumentedValue>> {
    let (mut found, mut path, mut description) = (Vec::new(), Vec::<(usize, String)>::new(), None::<String>);
    for line in values.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if let Some(begun) = text.strip_prefix("# -- ") {
            ensure!(description.is_none(), "{VALUES}: no key follows the comment before `{text}`");
            description = Some(begun.to_owned());
        } else if let (Some(continued), Some(description)) = (text.strip_prefix("# "), &mut description) {
            description.push(' ');
            description.push_str(continued);
        } else if let Some(key) = key(text) {
            path.retain(|(of, _)| *of < indent);
            path.push((indent, key.to_owned()));
            if let Some(description) = description.take() {
                found.push(DocumentedValue { path: path.iter().map(|(_, key)| key.clone()).collect(), description });
            }
        }
    }
    if let Some(description) = description {
        bail!("{VALUES}: no key follows the comment `{description}`");
    }
    Ok(found)
}

fn key(text: &str) -> Option<&str> {
    let (key, rest) = text.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    (is_key && (rest.is_empty() || rest.starts_with(' '))).then_some(key)
}

/// Returns the values that neither have a comment nor belong to one that has.
fn leaves(value: &Value, documented: &[DocumentedValue], path: &mut Vec<String>) -> Vec<String> {
    if documented.iter().any(|documented| documented.path == *path) {
        return Vec::new();
    }
    let Value::Object(map) = value else { return vec![path.join(".")] };
    let mut found = Vec::new();
    for (key, value) in map {
        path.push(key.clone());
        found.extend(leaves(value, documented, path));
        path.pop();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
# A note that is no documentation.
image:
  # -- Repository, `a|b`
  # of the image
  repository: x

# -- Constraints
constraints:
  - maxSkew: 1
    key: zone
";

    #[test]
    fn comments_become_rows_with_path_and_default() {
        let table = table(SAMPLE).unwrap();
        assert!(table.contains("| `image.repository` | `\"x\"` | Repository, `a\\|b` of the image |\n"), "{table}");
        assert!(table.contains("| `constraints` | `[{\"key\":\"zone\",\"maxSkew\":1}]` | Constraints |\n"), "{table}");
        assert_eq!(table.lines().count(), 4, "{table}");
    }

    #[test]
    fn a_value_without_a_comment_is_an_error() {
        let error = table(&SAMPLE.replace("# -- Constraints\n", "")).unwrap_err().to_string();
        assert!(error.contains("constraints"), "{error}");
    }

    #[test]
    fn a_comment_without_a_value_is_an_error() {
        assert!(documented("# -- Lost\n").is_err());
        assert!(documented("# -- Lost\n# -- Found\na: 1\n").is_err());
    }

    #[test]
    fn a_long_default_is_left_to_the_file() {
        let long = format!("# -- Text\na: {}\n", "x".repeat(DEFAULT_CHARS_MAX));
        assert!(table(&long).unwrap().contains("| `a` | see values.yaml | Text |"));
    }
}
