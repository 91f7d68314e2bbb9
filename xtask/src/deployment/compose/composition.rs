//! A compose file, with the defaults of its variables.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;
use crate::tools::PythonModule;

/// Prints a YAML file as JSON.
const TO_JSON: &str = "import json, sys\nfrom ruamel.yaml import YAML\n\
                       json.dump(YAML(typ='safe').load(open(sys.argv[1])), sys.stdout)";

/// Beginning of the names of the nodes.
const NODE: &str = "node-";

/// A compose file.
pub(super) struct Composition(Value);

/// A service of a composition.
#[derive(Clone, Copy)]
pub(super) struct Service<'c> {
    pub(super) name: &'c str,
    pub(super) value: &'c Value,
}

/// A file or folder of the repository in a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Relative to the compose file.
    pub(super) source: String,
    pub(super) target: String,
}

impl Composition {
    pub(super) fn read(python: &PythonModule, file: &Path) -> Result<Self> {
        read_yaml(python, file).map(|mut value| {
            resolve(&mut value);
            Self(value)
        })
    }

    #[cfg(test)]
    pub(super) fn new(mut value: Value) -> Self {
        resolve(&mut value);
        Self(value)
    }

    pub(super) fn services(&self) -> impl Iterator<Item = Service<'_>> {
        let services = self.0["services"].as_object().into_iter().flatten();
        services.map(|(name, value)| Service { name, value })
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = Service<'_>> {
        self.services().filter(|service| service.name.starts_with(NODE))
    }

    pub(super) fn service(&self, name: &str) -> Result<Service<'_>> {
        self.services().find(|service| service.name == name).with_context(|| format!("there is no service `{name}`"))
    }
}

impl Service<'_> {
    /// Returns the mounts of files and folders; those of volumes have no path.
    pub(super) fn mounts(&self) -> Vec<Mount> {
        let paths = texts(&self.value["volumes"]).into_iter().filter(|volume| volume.starts_with('.'));
        let mount = |volume: String| {
            let (source, rest) = volume.split_once(':')?;
            let target = rest.strip_suffix(":ro").unwrap_or(rest);
            Some(Mount { source: source.to_owned(), target: target.to_owned() })
        };
        paths.filter_map(mount).collect()
    }

    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let variables = self.value["environment"].as_object().into_iter().flatten();
        variables.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.value["environment"][name].as_str()
    }

    pub(super) fn command(&self) -> Vec<String> {
        texts(&self.value["command"])
    }

    /// Returns the names of a list, or of the keys of a map.
    pub(super) fn names(&self, key: &str) -> Vec<String> {
        match &self.value[key] {
            Value::Object(map) => map.keys().cloned().collect(),
            list @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                texts(list)
            }
        }
    }
}

pub(super) fn read_yaml(python: &PythonModule, file: &Path) -> Result<Value> {
    let json = process::output(python.python().args(["-c", TO_JSON]).arg(file))?;
    serde_json::from_str(&json).with_context(|| file.display().to_string())
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Replaces each `${NAME:-default}` by its default.
fn resolve(value: &mut Value) {
    match value {
        Value::String(text) => *text = with_defaults(text),
        Value::Array(list) => list.iter_mut().for_each(resolve),
        Value::Object(map) => map.values_mut().for_each(resolve),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn with_defaults(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let Some((variable, after)) = rest.split_once('}') else { return text.to_owned() };
    let default = variable.split_once(":-").map_or("", |(_name, default)| default);
    format!("{before}{default}{}", with_defaults(after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_have_their_defaults() {
        for (text, resolved) in [
            ("${NETWORK:-10.1.2}.11:4000", "10.1.2.11:4000"),
            ("127.0.0.1:${PORT:-8080}:${PORT:-8080}", "127.0.0.1:8080:8080"),
            ("image:${UNSET}", "image:"),
            ("plain", "plain"),
        ] {
            assert_eq!(with_defaults(text), resolved);
        }
    }

    #[test]
    fn volumes_are_no_mounts() {
        let volumes = ["./a.toml:/etc/a.toml:ro", "data:/data", "../b:/b"];
        let composition = Composition::new(json!({ "services": { "a": { "volumes": volumes } } }));
        let mount = |source: &str, target: &str| Mount { source: source.to_owned(), target: target.to_owned() };
        let mounts = composition.service("a").unwrap().mounts();
        assert_eq!(mounts, [mount("./a.toml", "/etc/a.toml"), mount("../b", "/b")]);
    }
}
