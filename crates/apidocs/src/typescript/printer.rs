//! JSON Schema as TypeScript.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Longest line of a type, in characters.
const LINE_MAX: usize = 100;

/// The fields that are written first, in this order; others follow alphabetically.
const FIRST: [&str; 3] = ["type", "id", "payload"];

/// Writes types.
pub(super) struct Printer;

impl Printer {
    /// Renders a named type with its comment.
    pub(super) fn declaration(&self, name: &str, schema: &Value) -> String {
        let comment = comment(schema["description"].as_str().unwrap_or_default(), 0);
        let is_interface = schema["type"] == "object" && schema.get("properties").is_some();
        if is_interface {
            return format!("\n{comment}export interface {name} {}\n", self.object(schema, 0));
        }
        format!("\n{comment}export type {name} = {};\n", self.type_of(schema, 0))
    }

    /// Renders a type within a line that is indented by so many steps.
    pub(super) fn type_of(&self, schema: &Value, depth: usize) -> String {
        let Some(object) = schema.as_object() else { return "unknown".to_owned() };
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            return reference.rsplit('/').next().unwrap_or_default().to_owned();
        }
        if let Some(value) = object.get("const") {
            return literal(value);
        }
        if let Some(values) = object.get("enum").and_then(Value::as_array) {
            return join(values.iter().map(literal), depth);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(choices) = object.get(key).and_then(Value::as_array) {
                return join(choices.iter().map(|choice| self.type_of(choice, depth)), depth);
            }
        }
        match object.get("type") {
            Some(Value::String(kind)) => self.of_kind(kind, schema, depth),
            Some(Value::Array(kinds)) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                join(kinds.map(|kind| self.of_kind(kind, schema, depth)), depth)
            }
            _ => "unknown".to_owned(),
        }
    }

    fn of_kind(&self, kind: &str, schema: &Value, depth: usize) -> String {
        match kind {
            "integer" | "number" => "number".to_owned(),
            "array" => {
                let items =
                    schema.get("items").map_or_else(|| "unknown".to_owned(), |items| self.type_of(items, depth));
                if items.contains([' ', '|']) { format!("readonly ({items})[]") } else { format!("readonly {items}[]") }
            }
            "object" if schema.get("properties").is_some() => self.object(schema, depth),
            "object" => "Readonly<Record<string, unknown>>".to_owned(),
            kind => kind.to_owned(),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> String {
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let indent = "  ".repeat(depth + 1);
        let mut text = String::from("{\n");
        let none = Map::new();
        let mut properties: Vec<_> = schema["properties"].as_object().unwrap_or(&none).iter().collect();
        // The fields that tell messages apart come first.
        properties.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
        for (name, property) in properties {
            let optional = if required.contains(name.as_str()) { "" } else { "?" };
            text += &comment(property["description"].as_str().unwrap_or_default(), depth + 1);
            text += &format!("{indent}readonly {name}{optional}: {};\n", self.type_of(property, depth + 1));
        }
        if schema["additionalProperties"] == true {
            text += &format!("{indent}readonly [field: string]: unknown;\n");
        }
        text + &"  ".repeat(depth) + "}"
    }
}

/// Renders a comment; nothing for an empty one.
pub(super) fn comment(text: &str, depth: usize) -> String {
    let text = text.replace("*/", "* /").replace('\n', " ");
    let indent = "  ".repeat(depth);
    if text.is_empty() {
        return String::new();
    }
    if indent.len() + text.len() + 7 <= LINE_MAX {
        return format!("{indent}/** {text} */\n");
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line");
        if !last.is_empty() && indent.len() + last.len() + word.len() + 4 > LINE_MAX {
            lines.push(word.to_owned());
        } else {
            *last += if last.is_empty() { "" } else { " " };
            *last += word;
        }
    }
    let lines: String = lines.iter().map(|line| format!("{indent} * {line}\n")).collect();
    format!("{indent}/**\n{lines}{indent} */\n")
}

fn literal(value: &Value) -> String {
    let Some(text) = value.as_str() else { return value.to_string() };
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Joins the types of a union, on one line if it is short.
fn join(types: impl Iterator<Item = String>, depth: usize) -> String {
    let mut seen = Vec::new();
    for name in types {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    let line = seen.join(" | ");
    if line.len() + 2 * depth <= LINE_MAX - 40 || seen.iter().any(|name| name.contains('\n')) {
        return line;
    }
    let indent = "  ".repeat(depth + 1);
    seen.iter().map(|name| format!("\n{indent}| {name}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn type_of(schema: Value) -> String {
        Printer.type_of(&schema, 0)
    }

    #[test]
    fn schemas_are_written_as_types() {
        for (schema, expected) in [
            (json!({ "type": ["integer", "null"] }), "number | null"),
            (json!({ "type": ["integer", "number"] }), "number"),
            (json!({ "const": "tick", "type": "string" }), "'tick'"),
            (json!({ "enum": ["a", "it's"] }), r"'a' | 'it\'s'"),
            (json!({ "oneOf": [{ "const": "a" }, { "const": true }] }), "'a' | true"),
            (json!({ "anyOf": [{ "$ref": "#/components/schemas/Goal" }, { "type": "null" }] }), "Goal | null"),
            (json!({ "type": "array", "items": { "$ref": "#/components/schemas/Goal" } }), "readonly Goal[]"),
            (json!({ "type": "array", "items": { "type": ["string", "null"] } }), "readonly (string | null)[]"),
            (json!({ "type": "array", "items": true }), "readonly unknown[]"),
            (json!({ "type": "object" }), "Readonly<Record<string, unknown>>"),
            (json!({}), "unknown"),
        ] {
            assert_eq!(type_of(schema), expected);
        }
    }

    #[test]
    fn a_field_keeps_its_comment_and_whether_it_can_be_absent() {
        let properties =
            json!({ "a": { "type": "string", "description": "Ends */ early." }, "b": { "type": "boolean" } });
        let schema = json!({
            "type": "object", "description": "An object.", "properties": properties, "required": ["a"],
            "additionalProperties": true,
        });
        let expected = "\n/** An object. */\nexport interface Name {\n  /** Ends * / early. */\n  readonly a: string;\n  \
            readonly b?: boolean;\n  readonly [field: string]: unknown;\n}\n";
        assert_eq!(Printer.declaration("Name", &schema), expected);
    }

    #[test]
    fn a_long_comment_is_wrapped() {
        let wrapped = comment(&"word ".repeat(40), 1);
        assert!(wrapped.lines().count() > 3 && wrapped.lines().all(|line| line.len() <= LINE_MAX), "{wrapped}");
    }
}
