//! Changes to the schemas that `schemars` makes.

use serde_json::{Map, Value};

/// Marks a field of an answer that is either absent or can be `null`.
const CAN_BE_NULL: &str = "x-can-be-null";

/// Finishes the schema of something that the server sends: a field that can be absent is never `null`.
pub(super) fn output(schema: &mut Value) {
    each_object(schema, &mut |object| {
        remove_formats(object);
        let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) else { return };
        for (name, property) in properties {
            let Some(property) = property.as_object_mut() else { continue };
            let can_be_null = property.remove(CAN_BE_NULL).is_some();
            if !can_be_null && !required.contains(&Value::from(name.as_str())) {
                remove_null(property);
            }
        }
    });
}

/// Finishes the schema of something that clients send.
pub(super) fn input(schema: &mut Value) {
    each_object(schema, &mut remove_formats);
}

/// Visits all objects, the inner ones first.
fn each_object(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| each_object(value, visit)),
        Value::Object(object) => {
            object.values_mut().for_each(|value| each_object(value, visit));
            visit(object);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Removes the names of Rust's number types, which are no formats of JSON Schema.
fn remove_formats(object: &mut Map<String, Value>) {
    if object.get("type").is_some_and(|kind| kind != "string") {
        object.remove("format");
    }
}

fn remove_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [kind] = &types[..] {
            let kind = kind.clone();
            schema.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(choice)] = &choices[..] {
            let choice = choice.clone();
            schema.remove("anyOf");
            schema.extend(choice);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finished(finish: fn(&mut Value), mut schema: Value) -> Value {
        finish(&mut schema);
        schema
    }

    #[test]
    fn a_field_that_the_server_can_leave_out_is_never_null() {
        let properties = json!({
            "a": { "type": ["string", "null"] },
            "b": { "anyOf": [{ "$ref": "#/$defs/B" }, { "type": "null" }], "description": "b" },
            "c": { "type": ["integer", "null"], "format": "uint64" },
            "d": { "type": ["string", "null"], CAN_BE_NULL: true },
        });
        let schema = json!({ "type": "object", "properties": properties, "required": ["c"] });
        let expected = json!({
            "a": { "type": "string" },
            "b": { "$ref": "#/$defs/B", "description": "b" },
            "c": { "type": ["integer", "null"] },
            "d": { "type": ["string", "null"] },
        });
        assert_eq!(finished(output, schema)["properties"], expected);
    }

    #[test]
    fn a_field_that_a_client_can_leave_out_may_be_null() {
        let schema = json!({ "properties": { "a": { "type": ["number", "null"], "format": "double" } } });
        assert_eq!(finished(input, schema), json!({ "properties": { "a": { "type": ["number", "null"] } } }));
    }
}
