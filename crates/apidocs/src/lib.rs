//! The documents of Tickcast's interfaces, from the schemas of the dialects and the transcripts.

mod asyncapi;
mod examples;
mod openapi;
mod reachable;
mod typescript;

use anyhow::Result;
use serde_json::Value;
use wire::schema::Catalog;

use crate::examples::Examples;

/// Where the documents have their schemas.
const SCHEMAS: &str = "/components/schemas";

/// The version of the interfaces. It grows when a client must change.
const VERSION: &str = "1.0.0";

/// A generated file.
#[derive(Clone, Debug)]
pub struct File {
    /// The path below the root of the repository.
    pub path: &'static str,
    /// The content.
    pub content: String,
}

/// Generates all files.
///
/// # Errors
/// A transcript cannot be read, or the description of a route is missing.
pub fn files() -> Result<Vec<File>> {
    let catalog = Catalog::of_all_dialects(SCHEMAS);
    let examples = Examples::read(&catalog)?;
    Ok(vec![
        File { path: "docs/api/asyncapi.json", content: text(&asyncapi::document(&catalog, &examples)) },
        File { path: "docs/api/openapi.json", content: text(&openapi::document(&catalog, &examples)?) },
        File { path: "sdk/typescript/src/generated/messages.ts", content: typescript::file(&catalog) },
    ])
}

fn text(document: &Value) -> String {
    format!("{document:#}\n")
}
