//! The OpenAPI 3.1 document of the routes of HTTP.

mod operations;
mod trpc;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use wire::schema::{Catalog, RouteSchema};

use crate::VERSION;
use crate::examples::Examples;
use crate::openapi::operations::{Operation, Parameter, operation};
use crate::reachable::reachable;

/// Renders the document.
///
/// # Errors
/// A route is not described.
pub(crate) fn document(catalog: &Catalog, examples: &Examples) -> Result<Value> {
    let mut paths = Map::new();
    for route in catalog.routes() {
        let operation = operation(route.method, route.path)
            .with_context(|| format!("operations.rs does not describe {} {}", route.method, route.path))?;
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = render(route, operation, examples);
    }
    for procedure in catalog.procedures() {
        let (path, item) = trpc::path(procedure, examples)?;
        paths.insert(path, item);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tickcast: HTTP",
            "version": VERSION,
            "description": operations::INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "http://localhost:4000", "description": "A node on this machine, in the mode `trusted`." }],
        "security": operations::security(),
        "tags": operations::tags(),
        "paths": paths,
        "components": { "securitySchemes": operations::security_schemes(), "schemas": {} },
    });
    document["components"]["schemas"] = reachable(&document, &catalog.definitions()).into();
    Ok(document)
}

fn render(route: &RouteSchema, operation: &Operation, examples: &Examples) -> Value {
    let name = format!("{} {}", route.method, route.path);
    let mut rendered = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": responses(route, operation, examples.get(&format!("{name} answer"))),
    });
    let parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    if !parameters.is_empty() {
        rendered["parameters"] = parameters.into();
    }
    if let Some(body) = &route.body {
        let example = examples.get(&format!("{name} body"));
        let mut content = json!({ "application/json": media_type(&reference(body), example) });
        if operation.takes_csv {
            content["text/csv"] = json!({ "schema": { "type": "string" } });
        }
        rendered["requestBody"] = json!({ "required": operation.is_body_required, "content": content });
    }
    if operation.is_public {
        rendered["security"] = json!([]);
    }
    rendered
}

fn responses(route: &RouteSchema, operation: &Operation, example: Option<&Value>) -> Value {
    let mut success = json!({ "description": operation.success });
    success["content"] = match &route.answer {
        Some(answer) => json!({ "application/json": media_type(&reference(answer), example) }),
        None => json!({ "text/csv": { "schema": { "type": "string" } } }),
    };
    let mut responses = json!({ route.status.to_string(): success });
    for (status, description) in operation.failures {
        let schema = if *status == 422 { "ImportFaults" } else { &route.error };
        responses[status.to_string()] = failure(description, schema);
    }
    if !operation.is_public && responses.get("404").is_none() {
        responses["404"] = failure("The system is switched off.", "NotFoundAnswer");
    }
    responses
}

fn failure(description: &str, schema: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": reference(schema) } } })
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.description,
        "schema": (parameter.schema)(),
    })
}

fn media_type(schema: &Value, example: Option<&Value>) -> Value {
    let mut media_type = json!({ "schema": schema });
    if let Some(example) = example {
        media_type["example"] = example.clone();
    }
    media_type
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SCHEMAS;

    #[test]
    fn every_description_is_that_of_a_route() {
        let catalog = Catalog::of_all_dialects(SCHEMAS);
        let routes: Vec<(&str, &str)> = catalog.routes().iter().map(|route| (route.method, route.path)).collect();
        for described in operations::all() {
            assert!(routes.contains(&described), "there is no route {described:?}");
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        let catalog = Catalog::of_all_dialects(SCHEMAS);
        let document = document(&catalog, &Examples::read(&catalog).unwrap()).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let references = crate::reachable::references(&document);
        assert!(references.len() > 100, "the document has {} references", references.len());
        for name in references {
            assert!(schemas.contains_key(&name), "{name}");
        }
    }
}
