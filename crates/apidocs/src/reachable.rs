//! The schemas that a document uses.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Returns the definitions that a document refers to, and those that they refer to.
pub(crate) fn reachable(document: &Value, definitions: &Map<String, Value>) -> Map<String, Value> {
    let mut found = BTreeSet::new();
    let mut pending = references(document);
    while let Some(name) = pending.pop() {
        if let Some(definition) = definitions.get(&name)
            && found.insert(name)
        {
            pending.extend(references(definition));
        }
    }
    found.into_iter().map(|name| (name.clone(), definitions[&name].clone())).collect()
}

/// Returns the names of the schemas that a value refers to, some of them several times.
pub(crate) fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(references).collect(),
        Value::Object(object) => {
            let own =
                object.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/components/schemas/"));
            own.map(str::to_owned).into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
