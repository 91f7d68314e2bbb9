//! Evaluates SPDX licence expressions, and the old `MIT/Apache-2.0`.

/// Whether the licences in `allowed` are enough to satisfy an expression.
///
/// A licence with an exception is one entry of the list: `Apache-2.0 WITH LLVM-exception`.
pub(crate) fn is_satisfied(expression: &str, allowed: &[&str]) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " / ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, allowed };
    let satisfied = parser.any()?;
    match parser.tokens.first() {
        None => Ok(satisfied),
        Some(token) => Err(format!("unexpected `{token}`")),
    }
}

struct Parser<'a> {
    /// What is left to read.
    tokens: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<bool, String> {
        let mut satisfied = self.all()?;
        while self.take("OR") || self.take("/") {
            satisfied |= self.all()?;
        }
        Ok(satisfied)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut satisfied = self.one()?;
        while self.take("AND") {
            satisfied &= self.one()?;
        }
        Ok(satisfied)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let satisfied = self.any()?;
            return if self.take(")") { Ok(satisfied) } else { Err("a parenthesis stays open".to_owned()) };
        }
        let licence = self.identifier()?;
        if !self.take("WITH") {
            return Ok(self.allows(licence));
        }
        let exception = self.identifier()?;
        Ok(self.allows(&format!("{licence} WITH {exception}")))
    }

    fn identifier(&mut self) -> Result<&'a str, String> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err("the expression ends too early".to_owned());
        };
        if matches!(*token, "AND" | "OR" | "WITH" | "/" | "(" | ")") {
            return Err(format!("unexpected `{token}`"));
        }
        self.tokens = rest;
        Ok(token)
    }

    fn take(&mut self, expected: &str) -> bool {
        let Some((token, rest)) = self.tokens.split_first() else {
            return false;
        };
        if *token == expected {
            self.tokens = rest;
        }
        *token == expected
    }

    fn allows(&self, licence: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(licence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_allowed_side_of_an_or_is_enough() {
        check("MIT", Some(true));
        check("GPL-3.0-only", Some(false));
        check("MIT OR GPL-3.0-only", Some(true));
        check("GPL-3.0-only OR MIT", Some(true));
        check("GPL-3.0-only OR AGPL-3.0-only", Some(false));
    }

    #[test]
    fn every_side_of_an_and_must_be_allowed() {
        check("MIT AND ISC", Some(true));
        check("MIT AND GPL-3.0-only", Some(false));
        check("GPL-3.0-only AND MIT", Some(false));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        check("MIT OR ISC AND GPL-3.0-only", Some(true));
        check("GPL-3.0-only AND ISC OR MIT", Some(true));
        check("(MIT OR ISC) AND GPL-3.0-only", Some(false));
        check("ISC AND (GPL-3.0-only OR MIT)", Some(true));
        check("(MIT OR Apache-2.0) AND ((ISC))", Some(true));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        check("Apache-2.0 WITH LLVM-exception", Some(true));
        check("Apache-2.0 WITH Other-exception", Some(false));
        check("GPL-2.0-only WITH LLVM-exception OR MIT", Some(true));
        check("MIT AND Apache-2.0 WITH LLVM-exception", Some(true));
    }

    #[test]
    fn the_old_slash_means_or() {
        check("MIT/GPL-3.0-only", Some(true));
        check("GPL-3.0-only / MIT", Some(true));
        check("GPL-3.0-only/AGPL-3.0-only", Some(false));
    }

    #[test]
    fn or_later_is_another_licence() {
        check("Apache-2.0+", Some(false));
        check("mit", Some(true));
    }

    #[test]
    fn a_broken_expression_is_an_error_and_not_a_licence() {
        for broken in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT or ISC", "MIT ISC", "MIT WITH", "()"] {
            check(broken, None);
        }
    }

    fn check(expression: &str, expected: Option<bool>) {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"];
        assert_eq!(is_satisfied(expression, &allowed).ok(), expected, "{expression}");
    }
}
