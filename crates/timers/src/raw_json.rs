//! JSON that is kept byte for byte.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value that is kept as its original text, so that numbers, key order and unknown shapes survive.
#[derive(Clone, Debug)]
pub struct RawJson(Arc<RawValue>);

impl RawJson {
    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Wraps a text that is one JSON value.
    ///
    /// # Errors
    /// The parser's error if the text is not JSON.
    pub fn new(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns the same value without insignificant white space; every other byte stays.
    pub fn compact(&self) -> Self {
        let (mut in_text, mut escaped) = (false, false);
        let kept = self.as_str().chars().filter(|&letter| {
            let is_space = !in_text && letter.is_ascii_whitespace();
            if letter == '"' && !escaped {
                in_text = !in_text;
            }
            escaped = in_text && letter == '\\' && !escaped;
            !is_space
        });
        let compact: String = kept.collect();
        Self(RawValue::from_string(compact).expect("it was JSON before").into())
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RawJson {}

impl Hash for RawJson {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_json_keeps_its_texts() {
        for (given, compact) in [
            (r#" { "a b" : [ 1 , -2.50 , "x \" y" ] } "#, r#"{"a b":[1,-2.50,"x \" y"]}"#),
            ("[\t\"c\\\\\" ,\r\n \" d\"]", "[\"c\\\\\",\" d\"]"),
        ] {
            assert_eq!(RawJson::new(given).unwrap().compact().as_str(), compact);
        }
    }
}
