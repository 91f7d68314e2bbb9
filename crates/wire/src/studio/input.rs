//! The fields of a procedure's input.

use serde::de::DeserializeOwned;
use serde_json::Number;
use timers::studio::{Category, Rate, Target, TargetKind};
use timers::{BadField, Fields, RawJson, Timestamp};

use crate::fault::{Code, Fault};
use crate::iso;
use crate::studio::number::integer;

/// Longest name in UTF-16 code units, as JavaScript counts.
const NAME_LENGTH_MAX: usize = 100;

const ONE_TARGET: &str = "Exactly one of sessionId, projectId, or trackId must be provided";

/// The fields of an input, or of an object within it.
pub(crate) struct Input {
    /// What the names of fields begin with in errors.
    prefix: &'static str,
    fields: Fields,
}

impl Input {
    /// Reads the fields of a required input.
    pub(crate) fn read(input: Option<&str>) -> Result<Self, Fault> {
        let input = input.ok_or_else(|| bad("the input is missing"))?;
        let raw = json(input)?;
        Self::of(&raw, "").ok_or_else(|| bad("the input must be an object"))
    }

    /// Reads the fields of an input that may be missing.
    pub(crate) fn read_optional(input: Option<&str>) -> Result<Self, Fault> {
        match input {
            None => Ok(Self { prefix: "", fields: Fields::default() }),
            Some(input) if json(input)?.as_str() == "null" => Self::read_optional(None),
            Some(_) => Self::read(input),
        }
    }

    fn of(raw: &RawJson, prefix: &'static str) -> Option<Self> {
        raw.as_str()
            .starts_with('{')
            .then(|| serde_json::from_str(raw.as_str()).ok())
            .flatten()
            .map(|fields| Self { prefix, fields })
    }

    /// Takes an object; `prefix` begins the names of its fields in errors.
    pub(crate) fn object(&mut self, name: &str, prefix: &'static str) -> Result<Option<Self>, Fault> {
        match self.nullable(name) {
            None => Ok(None),
            Some(raw) => Self::of(&raw, prefix).map(Some).ok_or_else(|| self.wrong(name, "must be an object")),
        }
    }

    /// Takes a value of any type; `null` counts as absent.
    fn nullable(&mut self, name: &str) -> Option<RawJson> {
        self.fields.take_raw(name).filter(|raw| raw.as_str() != "null")
    }

    /// Takes an optional value, which must not be `null`.
    fn optional<T: DeserializeOwned>(&mut self, name: &str, what: &str) -> Result<Option<T>, Fault> {
        let Some(raw) = self.fields.take_raw(name) else { return Ok(None) };
        // Without the check of the first byte, `null` would be read as an absent text.
        serde_json::from_str(raw.as_str()).map(Some).map_err(|_| self.wrong(name, what))
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| self.wrong(name, "is missing"))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        self.optional(name, "must be a string")
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        self.optional(name, "must be true or false")
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        let number: Option<Number> = self.optional(name, "must be an integer")?;
        number.map(|number| integer(&number).ok_or_else(|| self.wrong(name, "must be an integer"))).transpose()
    }

    /// Takes a number that may be `null`.
    pub(crate) fn nullable_integer(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(raw) = self.nullable(name) else { return Ok(None) };
        let number = serde_json::from_str(raw.as_str()).ok().and_then(|number| integer(&number));
        number.map(Some).ok_or_else(|| self.wrong(name, "must be an integer"))
    }

    /// Takes the id of something of the organisation. Numbers that are never given name nothing: they become 0.
    pub(crate) fn id(&mut self, name: &str) -> Result<u64, Fault> {
        let id = self.integer(name)?;
        Ok(u64::try_from(self.required(name, id)?).unwrap_or(0))
    }

    pub(crate) fn ids(&mut self, name: &str) -> Result<Vec<u64>, Fault> {
        let Some(raw) = self.nullable(name) else { return Ok(Vec::new()) };
        let numbers: Option<Vec<Number>> = serde_json::from_str(raw.as_str()).ok();
        let ids: Option<Vec<i64>> = numbers.and_then(|numbers| numbers.iter().map(integer).collect());
        let ids = ids.ok_or_else(|| self.wrong(name, "must be a list of integers"))?;
        Ok(ids.into_iter().map(|id| u64::try_from(id).unwrap_or(0)).collect())
    }

    pub(crate) fn name(&mut self) -> Result<Option<String>, Fault> {
        let name = self.text("name")?;
        let fits = |name: &String| (1..=NAME_LENGTH_MAX).contains(&name.encode_utf16().count());
        match name {
            Some(name) if !fits(&name) => Err(self.wrong("name", "must have 1 to 100 characters")),
            name => Ok(name),
        }
    }

    pub(crate) fn required_name(&mut self) -> Result<String, Fault> {
        let name = self.name()?;
        self.required("name", name)
    }

    pub(crate) fn rate(&mut self) -> Result<Option<Rate>, Fault> {
        let Some(text) = self.optional::<String>("hourlyRate", "must be a decimal number as a string")? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|error| self.wrong("hourlyRate", &format!("{error}")))
    }

    pub(crate) fn required_rate(&mut self) -> Result<Rate, Fault> {
        let rate = self.rate()?;
        self.required("hourlyRate", rate)
    }

    pub(crate) fn category(&mut self) -> Result<Option<Category>, Fault> {
        self.optional("category", "must be \"billable\" or \"non-billable\"")
    }

    pub(crate) fn color(&mut self) -> Result<Option<String>, Fault> {
        let color = self.text("color")?;
        match color {
            Some(color) if !is_color(&color) => Err(self.wrong("color", "must be a color such as #3B82F6")),
            color => Ok(color),
        }
    }

    pub(crate) fn date(&mut self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let what = "must be an ISO 8601 instant such as 2026-11-20T10:00:00.000Z";
        let Some(text) = self.optional::<String>(name, what)? else { return Ok(None) };
        iso::read(&text).map(Some).map_err(|reason| self.wrong(name, &reason))
    }

    pub(crate) fn required_date(&mut self, name: &str) -> Result<Timestamp, Fault> {
        let date = self.date(name)?;
        self.required(name, date)
    }

    /// Takes the target, of which there must be exactly one.
    pub(crate) fn target(&mut self) -> Result<Target, Fault> {
        self.optional_target()?.ok_or_else(|| bad(ONE_TARGET))
    }

    /// Takes the target, of which there may be one. An id that is 0 or `null` counts as absent.
    pub(crate) fn optional_target(&mut self) -> Result<Option<Target>, Fault> {
        let mut found = None;
        let fields =
            [("sessionId", TargetKind::Session), ("projectId", TargetKind::Project), ("trackId", TargetKind::Track)];
        for (name, kind) in fields {
            let Some(id) = self.nullable_integer(name)?.filter(|id| *id != 0) else { continue };
            if found.replace(Target { kind, id }).is_some() {
                return Err(bad(ONE_TARGET));
            }
        }
        Ok(found)
    }

    /// Makes the fault of a field.
    pub(crate) fn wrong(&self, name: &str, reason: &str) -> Fault {
        let field = format!("{}{name}", self.prefix);
        Fault::in_field("", &BadField { field, reason: reason.to_owned() })
    }

    /// Takes a text that may be `null`.
    pub(crate) fn nullable_text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        let Some(raw) = self.nullable(name) else { return Ok(None) };
        serde_json::from_str(raw.as_str()).map(Some).map_err(|_| self.wrong(name, "must be a string"))
    }
}

/// Tells whether a text is a colour `#RRGGBB`.
pub(crate) fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn json(input: &str) -> Result<RawJson, Fault> {
    RawJson::new(input).map_err(|error| Fault::of_client(Code::InvalidJson, format!("the input is not JSON: {error}")))
}

fn bad(message: &str) -> Fault {
    Fault::of_client(Code::InvalidMessage, message)
}
