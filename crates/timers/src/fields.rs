//! A JSON object that is read field by field, so that unknown fields are kept byte for byte.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize};

use crate::raw_json::RawJson;

/// The fields of a JSON object in their original order.
///
/// Reading a field removes it; the fields that remain at the end are those that this version does not know.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, RawJson)>);

/// A field that cannot be read, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct BadField {
    /// The field's name.
    pub field: String,
    /// The reason, phrased to follow the name.
    pub reason: String,
}

impl Fields {
    /// Removes and returns a field; `null` counts as absent. Of a repeated field the last one counts.
    ///
    /// # Errors
    /// [`BadField`] if the value is not of the requested type.
    pub fn take<T: DeserializeOwned>(&mut self, field: &str) -> Result<Option<T>, BadField> {
        match self.take_raw(field) {
            Some(value) if value.as_str() != "null" => match serde_json::from_str(value.as_str()) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(BadField { field: field.to_owned(), reason: reason(&error) }),
            },
            Some(_) | None => Ok(None),
        }
    }

    /// Removes and returns the raw value of a field, `null` included. Of a repeated field the last one counts.
    pub fn take_raw(&mut self, field: &str) -> Option<RawJson> {
        let mut last = None;
        self.0.retain(|(name, value)| {
            if name == field {
                last = Some(value.clone());
            }
            name != field
        });
        last
    }

    /// Tells whether a field is given more than once.
    pub fn is_repeated(&self, field: &str) -> bool {
        self.0.iter().filter(|(name, _)| name == field).count() > 1
    }

    /// Removes and returns a required field.
    ///
    /// # Errors
    /// [`BadField`] if it is absent, `null`, or of another type.
    pub fn require<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, BadField> {
        match self.take(field)? {
            Some(value) => Ok(value),
            None => Err(BadField { field: field.to_owned(), reason: "is missing".to_owned() }),
        }
    }

    /// Returns the fields that were not read.
    pub fn into_unknown(self) -> Vec<(String, RawJson)> {
        self.0
    }
}

/// Writes a field if it has a value.
pub(crate) fn write_some<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: Option<&impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, value))
}

/// Writes the fields that this version did not know when it read the object.
pub(crate) fn write_unknown<M: SerializeMap>(map: &mut M, unknown: &[(String, RawJson)]) -> Result<(), M::Error> {
    unknown.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
}

/// Implements the stored form of a type: an object of the fields that are named here, each required or optional, whose
/// unknown fields are preserved in `unknown_fields`.
macro_rules! stored_object {
    ($type:ident { $($field:ident: $presence:ident),+ $(,)? }) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $($crate::fields::stored_object!(@write $presence map, stringify!($field), self.$field);)+
                $crate::fields::write_unknown(&mut map, &self.unknown_fields)?;
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read = |mut fields: $crate::fields::Fields| -> Result<Self, $crate::fields::BadField> {
                    Ok(Self {
                        $($field: $crate::fields::stored_object!(@read $presence fields, stringify!($field)),)+
                        unknown_fields: fields.into_unknown(),
                    })
                };
                read(serde::Deserialize::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
    (@write required $map:ident, $name:expr, $value:expr) => { $map.serialize_entry($name, &$value)? };
    (@write optional $map:ident, $name:expr, $value:expr) => {
        $crate::fields::write_some(&mut $map, $name, $value.as_ref())?
    };
    (@read required $fields:ident, $name:expr) => { $fields.require($name)? };
    (@read optional $fields:ident, $name:expr) => { $fields.take($name)? };
}

pub(crate) use stored_object;

/// Returns the parser's message without line and column, which mean nothing within one value.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    format!("is wrong: {text}")
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_wrong_field_is_named_with_its_reason() {
        let error = fields(r#"{"label":5}"#).take::<String>("label").unwrap_err();
        assert_eq!(error.to_string(), "label is wrong: invalid type: integer `5`, expected a string");
        let error = fields("{}").require::<String>("label").unwrap_err();
        assert_eq!(error.to_string(), "label is missing");
    }

    #[test]
    fn the_last_of_a_repeated_field_counts_and_unknown_fields_are_kept() {
        let mut fields = fields(r#"{"a":1,"x":{"n":1.0},"a":2,"b":null}"#);
        assert!(fields.is_repeated("a") && !fields.is_repeated("b") && !fields.is_repeated("c"));
        assert_eq!(fields.take::<u32>("a"), Ok(Some(2)));
        assert_eq!(fields.take::<u32>("b"), Ok(None));
        let unknown = fields.into_unknown();
        assert_eq!(unknown.len(), 1);
        assert_eq!((unknown[0].0.as_str(), unknown[0].1.as_str()), ("x", r#"{"n":1.0}"#));
    }
}
