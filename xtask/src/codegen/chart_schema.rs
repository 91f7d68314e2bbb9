//! The schema of `values.config`, from the table of settings in `docs/configuration.md`.
//!
//! A test of the gateway keeps that table consistent with the program.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::{GeneratedFile, read};

const SCHEMA: &str = "helm/tickcast/values.schema.json";
const SETTINGS: &str = "docs/configuration.md";

/// Settings that are not permitted: those that follow from other values, and those that contain a secret, which must
/// not stand in a ConfigMap.
const EXCLUDED: [&str; 15] = [
    "auth.express_session.secret",
    "auth.express_session.url",
    "auth.jwt.secret",
    "auth.next_auth.secret",
    "auth.test_headers",
    "auth.tokens",
    "internal.listen",
    "mode",
    "node.id",
    "public.listen",
    "public.tls.certificate_file",
    "public.tls.key_file",
    "store.ca_file",
    "store.url",
    "store.url_file",
];

/// Settings that have no default.
const REQUIRED: [&str; 2] = ["auth.modes", "public.origins"];

/// Fewest settings of a table that was read completely.
const SETTINGS_MIN: usize = 100;

/// Returns the schema with fresh settings; everything else in it is written by hand.
pub(super) fn file(root: &Path) -> Result<GeneratedFile> {
    let mut schema: Value = serde_json::from_str(&read(root, SCHEMA)?).context(SCHEMA)?;
    schema["$defs"] = json!({ "config": config_schema(&read(root, SETTINGS)?)? });
    Ok(GeneratedFile::new(SCHEMA, format!("{}\n", serde_json::to_string_pretty(&schema)?)))
}

fn config_schema(settings: &str) -> Result<Value> {
    let rows: Vec<(&str, &str)> = settings.lines().filter_map(row).collect();
    ensure!(rows.len() >= SETTINGS_MIN, "{SETTINGS} has only {} settings", rows.len());
    for key in EXCLUDED.iter().chain(&REQUIRED) {
        ensure!(rows.iter().any(|(of, _)| of == key), "{SETTINGS} has no {key}");
    }
    let mut config = table();
    for (key, default) in rows.iter().filter(|(key, _)| !EXCLUDED.contains(key)) {
        insert(&mut config, key, value_schema(key, default))?;
    }
    // The chart sets it; a file that is taken over as it is may contain it.
    insert(&mut config, "mode", json!({ "const": "production" }))?;
    for key in REQUIRED {
        require(&mut config, key);
    }
    let issuer = config["properties"]["auth"]["properties"]["jwt"].clone();
    let mut issuers = json!({ "type": "object", "additionalProperties": issuer });
    issuers["propertyNames"] = json!({ "pattern": "^[A-Za-z0-9_-]+$" });
    insert(&mut config, "auth.issuers", issuers)?;
    Ok(config)
}

/// Reads a row of the table: the key and its default.
fn row(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.strip_prefix("| `")?.split_once("` | `")?;
    let (default, _) = rest.split_once("` |")?;
    key.chars().all(|letter| letter.is_ascii_lowercase() || "._0123456789".contains(letter)).then_some((key, default))
}

fn value_schema(key: &str, default: &str) -> Value {
    if key == "auth.modes" {
        let modes = json!({ "enum": ["jwt", "express-session", "next-auth"] });
        return json!({ "type": "array", "minItems": 1, "items": modes });
    }
    if default.parse::<bool>().is_ok() {
        return json!({ "type": "boolean" });
    }
    if default.parse::<u64>().is_ok() {
        return json!({ "type": "integer", "minimum": 0 });
    }
    // The table does not tell lists from texts, and Tickcast splits a text where it expects a list.
    json!({ "type": ["string", "array"], "items": { "type": "string" } })
}

fn table() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn insert(table_schema: &mut Value, key: &str, schema: Value) -> Result<()> {
    let properties = table_schema["properties"].as_object_mut().context("a table has properties")?;
    match key.split_once('.') {
        Some((name, rest)) => insert(properties.entry(name).or_insert_with(table), rest, schema),
        None => insert_new(properties, key, schema),
    }
}

fn insert_new(properties: &mut Map<String, Value>, key: &str, schema: Value) -> Result<()> {
    if properties.insert(key.to_owned(), schema).is_some() {
        bail!("{SETTINGS} has {key} twice");
    }
    Ok(())
}

fn require(table_schema: &mut Value, key: &str) {
    let (name, rest) = key.split_once('.').unwrap_or((key, ""));
    match table_schema["required"].as_array_mut() {
        Some(required) => required.push(json!(name)),
        None => table_schema["required"] = json!([name]),
    }
    if !rest.is_empty() {
        require(&mut table_schema["properties"][name], rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_settings_are_read_and_others_are_not() {
        assert_eq!(row("| `drain.grace` | `25s` | period | more |"), Some(("drain.grace", "25s")));
        assert_eq!(row("| `mode` | `development` | `development` or `production` |"), Some(("mode", "development")));
        assert_eq!(row("| `store.url_file` | `` | file |"), Some(("store.url_file", "")));
        for line in ["| key | default | meaning |", "|---|---|---|", "text `a` | `b` |", "| `GET /livez` | `200` | x |"]
        {
            assert_eq!(row(line), None, "{line}");
        }
    }

    #[test]
    fn the_type_of_a_setting_follows_from_its_default() {
        assert_eq!(value_schema("a.b", "true")["type"], "boolean");
        assert_eq!(value_schema("a.b", "15000")["type"], "integer");
        assert_eq!(value_schema("a.b", "25s")["type"], json!(["string", "array"]));
        assert!(value_schema("auth.modes", "trusted")["items"]["enum"].to_string().contains("next-auth"));
    }

    #[test]
    fn the_settings_of_the_program_become_a_schema_without_secrets() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let schema = config_schema(&read(&root, SETTINGS).unwrap()).unwrap();
        let jwt = &schema["properties"]["auth"]["properties"]["jwt"]["properties"];
        assert!(jwt["secret_file"].is_object() && jwt["secret"].is_null(), "{jwt}");
        assert_eq!(schema["required"], json!(["auth", "public"]));
        assert_eq!(schema["properties"]["public"]["required"], json!(["origins"]));
        assert_eq!(schema["properties"]["auth"]["properties"]["issuers"]["additionalProperties"]["properties"], *jwt);
    }

    #[test]
    fn a_table_that_is_not_read_is_an_error() {
        assert!(config_schema("| `drain.grace` | `25s` | period |\n").is_err());
    }
}
