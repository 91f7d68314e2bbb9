//! Reads variables, and collects what is wrong with them.

use std::cell::RefCell;
use std::ffi::OsString;

/// The variables of the environment. An empty one counts as unset, as the specification demands.
pub(super) struct Variables<'v> {
    variable: &'v dyn Fn(&str) -> Option<OsString>,
    warnings: RefCell<Vec<String>>,
}

impl<'v> Variables<'v> {
    pub(super) fn new(variable: &'v dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { variable, warnings: RefCell::default() }
    }

    /// Returns a value without the whitespace around it.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let Ok(text) = (self.variable)(name)?.into_string() else {
            self.warn(format!("{name} is not valid UTF-8"));
            return None;
        };
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Returns the parsed value. The error of `parse` states what the value must be.
    pub(super) fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.get(name)?;
        parse(&text).map_err(|expected| self.warn(format!("{name}: {text:?} is not {expected}"))).ok()
    }

    /// Returns the first value among several variables that can be parsed.
    pub(super) fn first<T>(&self, names: &[String], parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        names.iter().find_map(|name| self.parsed(name, &parse))
    }

    /// Returns a Boolean: every other value than `true` is false.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        let text = self.get(name)?;
        let is_true = text.eq_ignore_ascii_case("true");
        if !is_true && !text.eq_ignore_ascii_case("false") {
            self.warn(format!("{name}: {text:?} is not true or false; it counts as false"));
        }
        Some(is_true)
    }

    /// Returns a whole number above 0.
    pub(super) fn positive(&self, name: &str) -> Option<u64> {
        self.parsed(name, |text| match text.parse() {
            Ok(0) | Err(_) => Err("a whole number above 0".to_owned()),
            Ok(number) => Ok(number),
        })
    }

    /// Records a warning, once.
    pub(super) fn warn(&self, warning: String) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }
}
