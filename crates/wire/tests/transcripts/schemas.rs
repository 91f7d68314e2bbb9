//! Validates everything in a transcript against the schemas of the dialects. What the server sends must have no field that
//! its schema does not have.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use wire::schema::{Catalog, Channel, Form, Message};

use super::inputs::{self, Input};
use super::other_messages;

/// The schemas of all dialects.
pub(super) struct Schemas {
    catalog: Catalog,
    /// Without other fields than those that are named.
    strict: Map<String, Value>,
    lenient: Map<String, Value>,
    validators: RefCell<BTreeMap<(String, bool), Rc<Validator>>>,
    violations: RefCell<Vec<String>>,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let catalog = Catalog::of_all_dialects("/$defs");
        let lenient = catalog.definitions();
        let mut strict = Value::from(lenient.clone());
        close(&mut strict);
        let strict = strict.as_object().unwrap().clone();
        Self { catalog, strict, lenient, validators: RefCell::default(), violations: RefCell::default() }
    }

    /// Validates all lines of a transcript, and returns the names of the messages that it has.
    pub(super) fn check(&self, system: &str, transcript: &str) -> Vec<String> {
        let mut reader = Reader { schemas: self, system, dialect: "seed", asked: BTreeMap::new(), seen: Vec::new() };
        transcript.lines().for_each(|line| reader.line(line));
        let violations = self.violations.take();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
        reader.seen
    }

    fn channel(&self, name: &str) -> &Channel {
        self.catalog.channels().iter().find(|channel| channel.name == name).unwrap()
    }

    /// Validates a text of a channel and returns the name of the message.
    pub(super) fn check_text(&self, channel: &str, text: &str) -> String {
        self.check_one(channel, |reader| reader.text(channel, text))
    }

    /// Validates a text that a client sends, and returns the name of the message.
    pub(super) fn check_client_text(&self, system: &'static str, channel: &str, text: &str) -> String {
        self.check_one(system, |reader| reader.client_text(channel, text))
    }

    /// Validates an event of a channel and returns its name.
    pub(super) fn check_event(&self, channel: &str, name: &str, payload: &str) -> String {
        self.check_one(channel, |reader| reader.event(channel, name, payload))
    }

    /// Validates a JSON text by the schema of this name.
    pub(super) fn check_json(&self, schema: &str, json: &str) {
        self.check_one("", |reader| {
            reader.schemas.require_output(&reference(schema), &serde_json::from_str(json).unwrap());
            reader.seen.push(String::new());
        });
    }

    fn check_one(&self, system: &str, read: impl FnOnce(&mut Reader<'_>)) -> String {
        let mut reader = Reader { schemas: self, system, dialect: "seed", asked: BTreeMap::new(), seen: Vec::new() };
        read(&mut reader);
        let violations = self.violations.take();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
        reader.seen.pop().unwrap()
    }

    fn validator(&self, schema: &Value, is_strict: bool) -> Rc<Validator> {
        let key = (schema.to_string(), is_strict);
        let mut validators = self.validators.borrow_mut();
        let validator = validators.entry(key).or_insert_with(|| {
            let mut schema = schema.clone();
            let definitions = if is_strict { &self.strict } else { &self.lenient };
            schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
            schema["$defs"] = definitions.clone().into();
            Rc::new(jsonschema::options().should_validate_formats(true).build(&schema).unwrap())
        });
        Rc::clone(validator)
    }

    /// Requires that the server sends what the schema of this name says.
    fn require_output(&self, schema: &Value, value: &Value) {
        let validator = self.validator(schema, true);
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if !errors.is_empty() {
            self.violations.borrow_mut().push(format!("{value} is not {schema}: {errors:?}"));
        }
    }

    /// Requires that the schema accepts what the server accepts.
    fn require_input(&self, schema: Option<&str>, value: Option<&Value>, is_optional: bool, input: &Input, line: &str) {
        let is_valid = match (schema, value) {
            (_, None) => is_optional,
            (None, Some(_)) => true,
            (Some(schema), Some(value)) => self.validator(&reference(schema), false).is_valid(value),
        };
        let violation = match input {
            Input::Accepted if !is_valid => format!("the server accepts {line}, and {schema:?} does not"),
            Input::Refused if is_valid => format!("the server refuses {line}, and {schema:?} does not"),
            Input::Accepted | Input::Refused | Input::RefusedByRule => return,
        };
        self.violations.borrow_mut().push(violation);
    }
}

/// Forbids other fields in every object.
fn close(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(close),
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("type").is_some_and(|kind| kind == "object") && object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{schema}") })
}

/// Reads the lines of a transcript.
struct Reader<'s> {
    schemas: &'s Schemas,
    system: &'s str,
    dialect: &'static str,
    /// The latest request, by client.
    asked: BTreeMap<String, String>,
    seen: Vec<String>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) {
        let rest = line.get(2..).unwrap_or_default();
        match (self.system, line.get(..1)) {
            ("clockit", Some("=")) => self.dialect = if rest == "v1" { "v1" } else { "seed" },
            ("clockit", Some("<")) => self.text(&format!("clockit.{}", self.dialect), rest),
            ("clockit", Some(">")) => self.client_text(&format!("clockit.{}", self.dialect), rest),
            ("punch_clock", Some("<")) => self.text("punch_clock", rest),
            ("focus", Some("<")) => self.text("focus", rest.split_once(' ').unwrap().1),
            ("focus", Some(">")) if !rest.starts_with(|first: char| first.is_uppercase()) => {
                self.client_text("focus", rest.split_once(' ').unwrap().1);
            }
            ("focus" | "punch_clock", Some(">")) => self.request(rest),
            ("focus" | "punch_clock", Some("=")) => self.answer(rest),
            ("rooms", Some("<")) => {
                let mut words = rest.splitn(3, ' ').skip(1);
                self.event("rooms", words.next().unwrap(), words.next().unwrap());
            }
            ("rooms", Some(">")) => self.client_event(rest),
            ("rooms", Some("=")) => self.acknowledgement(rest),
            ("studio", Some("<")) => {
                let (name, payload) = rest.split_once(' ').unwrap();
                self.event("studio", name, payload);
            }
            ("studio", Some(">")) => self.call(rest),
            ("studio", Some("=")) => self.result(rest),
            _ => {}
        }
    }

    fn message(&mut self, channel: &str, name: &str) -> Message {
        let channel = self.schemas.channel(channel);
        let message = channel.sent.iter().find(|message| message.name == name);
        let message = message.unwrap_or_else(|| panic!("{} sends no {name}", channel.name));
        self.seen.push(format!("{} {name}", channel.name));
        message.clone()
    }

    fn text(&mut self, channel: &str, text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        let message = self.message(channel, value["type"].as_str().unwrap());
        self.schemas.require_output(&reference(&message.schema.unwrap()), &value);
    }

    fn event(&mut self, channel: &str, name: &str, payload: &str) {
        let message = self.message(channel, name);
        let value = serde_json::from_str(payload).unwrap();
        self.schemas.require_output(&reference(&message.schema.unwrap()), &value);
    }

    fn client_text(&mut self, channel: &str, text: &str) {
        let channel = self.schemas.channel(channel);
        assert_eq!(channel.form, Form::Text);
        let Ok(value) = serde_json::from_str::<Value>(text) else { return };
        let name = value["type"].as_str().unwrap_or_default();
        let input = inputs::text(self.system, text);
        let Some(message) = channel.received.iter().find(|message| message.name == name) else {
            return assert_ne!(input, Input::Accepted, "{} has no {name}", channel.name);
        };
        self.seen.push(format!("{} {name}", channel.name));
        self.schemas.require_input(message.schema.as_deref(), Some(&value), false, &input, text);
    }

    fn client_event(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (client, name, payload) = (words.next().unwrap(), words.next().unwrap(), words.next());
        self.asked.insert(client.to_owned(), name.to_owned());
        let channel = self.schemas.channel("rooms");
        let message = channel.received.iter().find(|message| message.name == name).unwrap();
        self.seen.push(format!("rooms {name}"));
        let value = payload.map(serde_json::from_str::<Value>).transpose();
        let Ok(value) = value else { return };
        let value = value.filter(|value| !value.is_null());
        let input = inputs::event(name, payload);
        self.schemas.require_input(message.schema.as_deref(), value.as_ref(), message.is_optional, &input, line);
    }

    fn acknowledgement(&mut self, line: &str) {
        let (client, payload) = line.split_once(' ').unwrap();
        let channel = self.schemas.channel("rooms");
        let message = channel.received.iter().find(|message| message.name == self.asked[client]).unwrap();
        let value: Value = serde_json::from_str(payload).unwrap();
        let schema = if value.get("error").is_some() { "EventRefusal" } else { message.answer.as_deref().unwrap() };
        self.schemas.require_output(&reference(schema), &value);
    }

    fn request(&mut self, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (method, path, body) = (words.next().unwrap(), words.next().unwrap(), words.next());
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let fits = |pattern: &str| {
            let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
            pattern.len() == path.len()
                && pattern.iter().zip(path).all(|(part, given)| *part == "{id}" || *part == given)
        };
        let route = self.schemas.catalog.routes().iter().find(|route| route.method == method && fits(route.path));
        let route = route.unwrap_or_else(|| panic!("there is no route {method} {path}"));
        let name = format!("{} {}", route.method, route.path);
        self.seen.push(name.clone());
        self.asked.insert(String::new(), name.clone());
        let (Some(schema), Some(body)) = (route.body.as_deref(), body) else { return };
        let Ok(value) = serde_json::from_str::<Value>(body) else { return };
        self.schemas.require_input(Some(schema), Some(&value), false, &inputs::body(&name, body), line);
    }

    fn answer(&mut self, line: &str) {
        let (status, json) = line.split_once(' ').unwrap();
        let name = &self.asked[""];
        let routes = self.schemas.catalog.routes();
        let route = routes.iter().find(|route| format!("{} {}", route.method, route.path) == *name).unwrap();
        let value: Value = serde_json::from_str(json).unwrap();
        let is_success = status.parse::<u16>().unwrap() == route.status;
        assert_eq!(is_success, status.starts_with('2'), "{name} {line}");
        let schema = if is_success { route.answer.as_deref().unwrap() } else { &route.error };
        self.schemas.require_output(&reference(schema), &value);
    }

    fn call(&mut self, line: &str) {
        let mut words = line.splitn(4, ' ').skip(1);
        let (verb, path, input) = (words.next().unwrap(), words.next().unwrap(), words.next());
        self.asked.insert(String::new(), path.to_owned());
        let Some(procedure) = self.schemas.catalog.procedures().iter().find(|procedure| procedure.path == path) else {
            return;
        };
        self.seen.push(path.to_owned());
        let value = input.map(serde_json::from_str::<Value>).transpose();
        let Ok(value) = value else { return };
        let value = value.filter(|value| !value.is_null());
        let (schema, is_optional) = (Some(procedure.input.as_str()), procedure.is_input_optional);
        let given = inputs::call(path, verb, input);
        self.schemas.require_input(schema, value.as_ref(), is_optional, &given, line);
    }

    fn result(&mut self, json: &str) {
        let value: Value = serde_json::from_str(json).unwrap();
        if value.get("error").is_some() {
            return self.schemas.require_output(&reference("TrpcErrorEnvelope"), &value);
        }
        let path = &self.asked[""];
        let procedures = self.schemas.catalog.procedures();
        let procedure = procedures.iter().find(|procedure| procedure.path == path).unwrap();
        self.schemas.require_output(&procedure.result, &value["result"]["data"]);
    }
}

#[test]
fn every_line_of_every_transcript_fits_its_schema() {
    let schemas = Schemas::new();
    let mut seen = Vec::new();
    for system in ["clockit", "rooms", "studio", "punch_clock", "focus"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(system);
        let paths = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        for path in paths.filter(|path| path.extension().is_some_and(|kind| kind == "txt")) {
            seen.extend(schemas.check(system, &std::fs::read_to_string(&path).unwrap()));
        }
    }
    seen.extend(other_messages::check(&schemas));
    let missing: Vec<String> = names(&schemas.catalog).into_iter().filter(|name| !seen.contains(name)).collect();
    assert_eq!(missing, GATEWAY_ROUTES, "some messages are not checked");
}

#[test]
fn a_field_that_the_schema_does_not_have_is_found() {
    let schemas = Schemas::new();
    let line = r#"< timer:completed {"sessionId":"r","completedAt":1,"extra":true}"#.replace("< ", "< * ");
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| schemas.check("rooms", &line)));
    let reason = *found.unwrap_err().downcast::<String>().unwrap();
    assert!(reason.contains("extra"), "{reason}");
}

/// Routes that the gateway answers by itself. `cargo xtask api-fuzz` validates those answers.
const GATEWAY_ROUTES: [&str; 6] = [
    "GET /api/health",
    "GET /api/systems",
    "GET /health",
    "GET /sessions.csv",
    "POST /ingestCsv",
    "POST /api/heartbeat",
];

fn names(catalog: &Catalog) -> Vec<String> {
    let of_channel = |channel: &Channel| {
        let messages = channel.sent.iter().chain(&channel.received);
        messages.map(|message| format!("{} {}", channel.name, message.name)).collect::<Vec<_>>()
    };
    let messages = catalog.channels().iter().flat_map(of_channel);
    let routes = catalog.routes().iter().map(|route| format!("{} {}", route.method, route.path));
    messages.chain(routes).chain(catalog.procedures().iter().map(|procedure| procedure.path.to_owned())).collect()
}
