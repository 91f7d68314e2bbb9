//! The name of an image with its tag.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, ensure};

/// The name of an image with its tag, `NAME:TAG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    name: String,
    version: String,
}

impl Tag {
    /// Returns the part after the colon.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Returns the name of a file: the last part of the name and the tag.
    pub(crate) fn file_name(&self) -> String {
        let last = self.name.rsplit('/').next().unwrap_or_default();
        format!("{last}-{}.tar", self.version)
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, version) = text.rsplit_once(':').unwrap_or((text, ""));
        let is_word = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_alphanumeric())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        // A colon in the first part begins the port of a registry.
        let is_name = name.split('/').all(|part| is_word(part.split_once(':').map_or(part, |(host, _)| host)));
        ensure!(is_name && is_word(version), "`{text}` must be NAME:TAG, such as localhost/tickcast:current");
        Ok(Self { name: name.to_owned(), version: version.to_owned() })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_the_version_and_ends_the_file_name() {
        for (text, version, file) in [
            ("localhost/tickcast:current", "current", "tickcast-current.tar"),
            ("ghcr.io/tickcast/tickcast:0.1.0", "0.1.0", "tickcast-0.1.0.tar"),
            ("registry:5000/a/b:c", "c", "b-c.tar"),
        ] {
            let tag: Tag = text.parse().unwrap();
            assert_eq!((tag.version(), &*tag.file_name(), &*tag.to_string()), (version, file, text));
        }
    }

    #[test]
    fn a_name_without_a_tag_is_refused() {
        for wrong in ["tickcast", "tickcast:", ":current", "registry:5000/tickcast", "a//b:c", "../a:b", "a b:c"] {
            assert!(wrong.parse::<Tag>().is_err(), "{wrong}");
        }
    }
}
