//! A lexical view of one Rust file: its code without comments and literals, its
//! lines that count, its functions and its tests.

use std::ops::Range;

mod items;
mod lexer;

pub(crate) use items::Function;
use lexer::Kind;

pub(crate) struct Source {
    code: String,
    line_starts: Vec<usize>,
    /// Of each line, whether it holds anything but space and comment.
    counted: Vec<bool>,
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let kinds = lexer::kinds(text);
        let code = blank(text, &kinds);
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts: Vec<usize> = std::iter::once(0).chain(newlines).collect();
        let mut counted = vec![false; line_starts.len()];
        for (at, byte) in text.bytes().enumerate() {
            if !byte.is_ascii_whitespace() && kinds[at] != Kind::Comment {
                counted[line_starts.partition_point(|start| *start <= at) - 1] = true;
            }
        }
        let tests = items::tests(&code);
        Self { code, line_starts, counted, tests }
    }

    /// The text with spaces for every comment and literal; offsets stay the same.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The number, from 1, of the line at this offset.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// Whether this offset lies in an item under `#[cfg(test)]`.
    pub(crate) fn in_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// How many lines of code the file has outside of its tests.
    pub(crate) fn length(&self) -> usize {
        let lines = self.counted.iter().zip(&self.line_starts);
        lines.filter(|(counted, start)| **counted && !self.in_test(**start)).count()
    }

    /// How many lines of code lie between these offsets.
    pub(crate) fn length_of(&self, range: &Range<usize>) -> usize {
        let lines = &self.counted[self.line(range.start) - 1..self.line(range.end - 1)];
        lines.iter().filter(|counted| **counted).count()
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        items::functions(&self.code)
    }

    /// Modules declared as `#[cfg(test)] mod name;`, which live in files of their own.
    pub(crate) fn test_modules(&self) -> Vec<&str> {
        let declarations = self.tests.iter().map(|range| &self.code[range.clone()]);
        declarations.filter_map(items::declared_module).collect()
    }
}

/// Where `word` occurs and is not a part of a longer word.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let glued = |left: Option<char>, right: Option<char>| left.is_some_and(is_word) && right.is_some_and(is_word);
        !glued(before, word.chars().next()) && !glued(word.chars().next_back(), after)
    })
}

pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn blank(text: &str, kinds: &[Kind]) -> String {
    let mut code = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        match kinds[at] {
            Kind::Code => code.push(letter),
            Kind::Comment | Kind::Literal if letter == '\n' => code.push('\n'),
            Kind::Comment | Kind::Literal => code.extend(std::iter::repeat_n(' ', letter.len_utf8())),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_comments_do_not_count() {
        let text = "//! Doc.\n\nuse a;\n/* one\n two */ fn b() {} // why\n  // more\n";
        assert_eq!(Source::new(text).length(), 2);
    }

    #[test]
    fn lines_of_a_literal_count_even_if_they_look_like_comments() {
        assert_eq!(Source::new("const A: &str = r#\"\n// text\n\n\"#;\n").length(), 3);
    }

    #[test]
    fn lines_of_tests_do_not_count() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n\nfn c() {}\n";
        let source = Source::new(text);
        assert_eq!(source.length(), 2);
        assert!(source.in_test(text.find("fn b").unwrap()));
        assert!(!source.in_test(text.find("fn c").unwrap()));
    }

    #[test]
    fn code_keeps_offsets_and_lines() {
        let text = "let a = \"é\n\"; // ü\nb";
        let source = Source::new(text);
        assert_eq!(source.code().len(), text.len());
        assert_eq!(source.code().trim_end_matches('b').trim_end(), "let a =    \n ;");
        assert_eq!(source.line(text.find('b').unwrap()), 3);
        assert_eq!(source.line(0), 1);
    }

    #[test]
    fn a_word_ends_where_its_letters_end() {
        let found = |code, word| words(code, word).count();
        assert_eq!(found("todo!() my_todo!()", "todo!("), 1);
        assert_eq!(found("HashMap HashMapped", "HashMap"), 1);
        assert_eq!(found("std::fs::read std::fsync", "std::fs"), 1);
    }
}
