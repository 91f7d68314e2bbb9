//! Tells code, comments and literals of Rust apart.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Comment,
    Literal,
}

/// The kind of every byte.
pub(super) fn kinds(text: &str) -> Vec<Kind> {
    let mut lexer = Lexer { text, at: 0, kinds: vec![Kind::Code; text.len()] };
    while lexer.at < text.len() {
        lexer.step();
    }
    lexer.kinds
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    kinds: Vec<Kind>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = &self.text[self.at..];
        let (length, kind) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), Kind::Comment)
        } else if rest.starts_with("/*") {
            (block_comment(rest), Kind::Comment)
        } else if let Some(length) = self.raw_string(rest) {
            (length, Kind::Literal)
        } else if rest.starts_with('"') {
            (quoted(rest, '"'), Kind::Literal)
        } else if is_char_literal(rest) {
            (quoted(rest, '\''), Kind::Literal)
        } else {
            (rest.chars().next().map_or(1, char::len_utf8), Kind::Code)
        };
        self.kinds[self.at..self.at + length].fill(kind);
        self.at += length;
    }

    fn raw_string(&self, rest: &str) -> Option<usize> {
        let before = self.text[..self.at].chars().next_back();
        if before.is_some_and(super::is_word) {
            return None;
        }
        let after = ["r", "br", "cr"].into_iter().find_map(|marker| rest.strip_prefix(marker))?;
        let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
        // Without the quote it is a raw identifier, or no literal at all.
        let inside = after[hashes..].strip_prefix('"')?;
        let opened = rest.len() - inside.len();
        let end = format!("\"{}", "#".repeat(hashes));
        let length = inside.find(&end).map(|at| opened + at + end.len());
        Some(length.unwrap_or(rest.len()))
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let bytes = &rest.as_bytes()[at..];
        if bytes.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// Tells `'a'` from the lifetime `'a`.
fn is_char_literal(rest: &str) -> bool {
    let mut letters = rest.chars();
    letters.next() == Some('\'') && (letters.next() == Some('\\') || letters.next() == Some('\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_where_they_end() {
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check("a /* b", "a     ");
    }

    #[test]
    fn strings_hide_braces_and_comments() {
        check(r#"a("{ // \" }") b"#, "a(           ) b");
        check("a /* \" */ b", "a         b");
        check(r#"a("\\") b"#, "a(    ) b");
    }

    #[test]
    fn raw_strings_end_with_as_many_hashes() {
        check("r#\"a \"b\" \\\"# c", "             c");
        check("br\"\\\" c", "      c");
        check("r#fn r#type", "r#fn r#type");
        check("bar\"x\" r", "bar    r");
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        check("&'a str, '{', '\\'', 'é'", "&'a str,    ,     ,     ");
        check("fn f<'a>(b: &'a u8) {}", "fn f<'a>(b: &'a u8) {}");
        check("b'{' '\"' {", "b        {");
    }

    fn check(text: &str, code: &str) {
        let kinds = kinds(text);
        let seen: Vec<u8> = text
            .bytes()
            .zip(&kinds)
            .map(|(byte, kind)| if *kind == Kind::Code || byte == b'\n' { byte } else { b' ' })
            .collect();
        assert_eq!(String::from_utf8(seen).unwrap(), code);
    }
}
