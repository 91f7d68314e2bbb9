//! Finds functions and test items by counting brackets. It reads code whose
//! comments and literals are blanked.

use std::ops::Range;

use super::{is_word, words};

pub(crate) struct Function {
    pub(crate) name: String,
    /// From `fn` to behind the closing brace.
    pub(crate) range: Range<usize>,
}

/// Every function that has a body.
pub(super) fn functions(code: &str) -> Vec<Function> {
    words(code, "fn").filter_map(|at| function(code, at)).collect()
}

/// Every item under `#[cfg(test)]`, from its attribute on.
pub(super) fn tests(code: &str) -> Vec<Range<usize>> {
    if words(code, "#![cfg(test)]").next().is_some() {
        return vec![Range { start: 0, end: code.len() }];
    }
    let attributes = code.match_indices("#[cfg(").map(|(at, _)| at);
    attributes
        .filter(|at| needs_test(&code[at + "#[cfg(".len()..closing(code, at + 1)]))
        .map(|at| at..item_end(code, at))
        .collect()
}

/// The name in `mod name;`.
pub(super) fn declared_module(item: &str) -> Option<&str> {
    let name = item.trim_end().strip_suffix(';')?;
    let at = words(name, "mod").last()?;
    let name = name[at + "mod".len()..].trim();
    name.chars().all(is_word).then_some(name)
}

fn function(code: &str, at: usize) -> Option<Function> {
    let rest = code[at + "fn".len()..].trim_start();
    let name: String = rest.chars().take_while(|letter| is_word(*letter) || *letter == '#').collect();
    // `fn(u8)` is a type, `fn $name` a macro.
    if name.is_empty() {
        return None;
    }
    let body = body(code, at)?;
    Some(Function { name, range: at..closing(code, body) })
}

/// Where the first brace outside of other brackets opens, unless a semicolon comes before.
fn body(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The offset behind the bracket that closes the first one from `from` on.
fn closing(code: &str, from: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The offset behind the first brace that closes or the first semicolon, or that of
/// the brace around the item: a field has neither.
fn item_end(code: &str, attribute: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(attribute) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return at;
        }
        if depth == 0 && matches!(byte, b'}' | b';') {
            return at + 1;
        }
    }
    code.len()
}

/// Whether a predicate holds in tests only: `test`, or `all(test, …)`.
fn needs_test(predicate: &str) -> bool {
    let predicate = predicate.trim_end_matches([']', ')']);
    match predicate.strip_prefix("all(") {
        Some(all) => all.split(',').any(|part| part.trim() == "test"),
        None => predicate == "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_reaches_to_its_own_brace() {
        let code = "fn a() { if b { c() } }\nfn d() {}";
        let seen: Vec<_> = functions(code).into_iter().map(|f| (f.name, &code[f.range])).collect();
        assert_eq!(seen, [("a".to_owned(), "fn a() { if b { c() } }"), ("d".to_owned(), "fn d() {}")]);
    }

    #[test]
    fn only_functions_with_a_body_are_functions() {
        let code = "trait A { fn b(&self) -> [u8; 4]; fn c() -> [u8; 2] { [1, 2] } }\n\
                    type D = fn(u8) -> u8;\n\
                    const fn e<F: Fn() -> u8>(f: F) where F: Copy {}";
        let names: Vec<_> = functions(code).into_iter().map(|f| f.name).collect();
        assert_eq!(names, ["c", "e"]);
    }

    #[test]
    fn a_test_item_ends_with_its_brace_or_semicolon() {
        check("#[cfg(test)]\nmod tests { fn a() {} }\nfn b() {}", &["#[cfg(test)]\nmod tests { fn a() {} }"]);
        check("#[cfg(test)]\nmod tests;\nfn b() {}", &["#[cfg(test)]\nmod tests;"]);
        check("#[cfg(test)]\n#[path(a)]\nuse b;\nfn c() {}", &["#[cfg(test)]\n#[path(a)]\nuse b;"]);
        check("#[cfg(all(test, unix))]\nfn a() {}\nfn b() {}", &["#[cfg(all(test, unix))]\nfn a() {}"]);
        check("use a;\n#![cfg(test)]\nfn b() {}", &["use a;\n#![cfg(test)]\nfn b() {}"]);
    }

    #[test]
    fn a_test_field_does_not_reach_beyond_its_struct() {
        check("struct A { b: u8, #[cfg(test)] c: u8 }\nfn d() {}", &["#[cfg(test)] c: u8 "]);
    }

    #[test]
    fn an_item_that_others_may_use_is_no_test() {
        check("#[cfg(any(test, feature))]\nmod contract {}", &[]);
        check("#[cfg(not(test))]\nmod a {}", &[]);
        check("#[cfg(unix)]\nmod a {}", &[]);
    }

    #[test]
    fn only_a_module_without_body_lives_elsewhere() {
        assert_eq!(declared_module("#[cfg(test)]\npub(crate) mod sim;"), Some("sim"));
        assert_eq!(declared_module("#[cfg(test)]\nmod sim {}"), None);
        assert_eq!(declared_module("#[cfg(test)]\nuse a::b;"), None);
    }

    fn check(code: &str, items: &[&str]) {
        let seen: Vec<_> = tests(code).into_iter().map(|range| &code[range]).collect();
        assert_eq!(seen, items);
    }
}
