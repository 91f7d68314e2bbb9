//! Examples of messages and bodies: the first of each kind in the transcripts of `fixtures`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use wire::schema::Catalog;

/// The folders of transcripts.
const SYSTEMS: [&str; 5] = ["clockit", "rooms", "studio", "punch_clock", "focus"];

/// Examples by what they show: `<channel> <name>`, `<method> <path>` with ` body` or ` answer`, or the path of a
/// procedure with ` input` or ` result`.
pub(crate) struct Examples(BTreeMap<String, Value>);

impl Examples {
    pub(crate) fn read(catalog: &Catalog) -> Result<Self> {
        let mut reader = Reader { catalog, found: BTreeMap::new(), dialect: "seed", asked: None };
        for system in SYSTEMS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(system);
            let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
            let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
            paths.retain(|path| path.extension().is_some_and(|kind| kind == "txt"));
            // The transcripts of faults come last, so that they show only what no other one does.
            paths.sort_by_key(|path| (path.ends_with("faults.txt"), path.clone()));
            for path in paths {
                let transcript = fs::read_to_string(&path)?;
                transcript.lines().for_each(|line| reader.line(system, line));
            }
        }
        Ok(Self(reader.found))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

struct Reader<'c> {
    catalog: &'c Catalog,
    found: BTreeMap<String, Value>,
    dialect: &'static str,
    /// The latest request, and its body.
    asked: Option<(String, Option<Value>)>,
}

impl Reader<'_> {
    fn line(&mut self, system: &str, line: &str) {
        let Some((mark, rest)) = line.split_once(' ') else { return };
        match (system, mark) {
            ("clockit", "=") => self.dialect = if rest == "v1" { "v1" } else { "seed" },
            ("clockit", "<" | ">") => self.text(&format!("clockit.{}", self.dialect), rest),
            ("punch_clock", "<") => self.text("punch_clock", rest),
            ("focus", "<" | ">") if !rest.starts_with(|first: char| first.is_ascii_uppercase()) => {
                self.text("focus", rest.split_once(' ').map_or("", |(_, text)| text));
            }
            ("rooms", "<" | ">") => self.event("rooms", rest.split_once(' ').map_or("", |(_, event)| event)),
            ("studio", "<") => self.event("studio", rest),
            ("focus" | "punch_clock", ">") => self.request(rest),
            ("studio", ">") => self.call(rest),
            ("focus" | "punch_clock" | "studio", "=") => self.answer(system, rest),
            _ => {}
        }
    }

    fn keep(&mut self, name: String, value: Value) {
        self.found.entry(name).or_insert(value);
    }

    fn text(&mut self, channel: &str, text: &str) {
        let Ok(value) = serde_json::from_str::<Value>(text) else { return };
        if let Some(name) = value["type"].as_str() {
            self.keep(format!("{channel} {name}"), value);
        }
    }

    fn event(&mut self, channel: &str, event: &str) {
        let Some((name, payload)) = event.split_once(' ') else { return };
        if let Ok(value) = serde_json::from_str(payload) {
            self.keep(format!("{channel} {name}"), value);
        }
    }

    fn request(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let body = words.next().and_then(|body| serde_json::from_str(body).ok());
        let path = path.split('?').next().unwrap_or_default();
        let route = self.catalog.routes().iter().find(|route| route.method == method && fits(route.path, path));
        self.asked = route.map(|route| (format!("{} {}", route.method, route.path), body));
    }

    fn call(&mut self, line: &str) {
        let mut words = line.splitn(4, ' ').skip(2);
        let path = words.next().unwrap_or_default().to_owned();
        self.asked = Some((path, words.next().and_then(|input| serde_json::from_str(input).ok())));
    }

    /// Keeps the body and the answer of a request that succeeds.
    fn answer(&mut self, system: &str, line: &str) {
        let Some((name, body)) = self.asked.take() else { return };
        let is_success = line.starts_with('2') || line.starts_with(r#"{"result""#);
        let json = if system == "studio" { line } else { line.split_once(' ').map_or("", |(_, json)| json) };
        let Some(answer) = serde_json::from_str::<Value>(json).ok().filter(|_| is_success) else { return };
        if let Some(body) = body {
            self.keep(format!("{name} body"), body);
        }
        // Without the results of lists that are empty, which show little.
        if answer.to_string().len() > 60 || !json.contains("[]") {
            self.keep(format!("{name} answer"), answer);
        }
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(path).all(|(part, given)| *part == "{id}" || *part == given)
}
