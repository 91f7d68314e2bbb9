//! A parsed Rust file: its code without comments and literals, its definitions and its test code.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Meta, Token};

pub(crate) struct RustFile {
    pub(crate) path: String,
    /// The text with a space for each byte of a comment or literal; offsets stay the same.
    pub(crate) code: String,
    /// The names that the file defines, in order.
    pub(crate) definitions: Vec<Definition>,
    /// Names of the modules that the file declares as `#[cfg(test)] mod name;`.
    pub(crate) test_modules: Vec<String>,
    /// Every path that a `use` imports, written out, with its line.
    pub(crate) imports: Vec<(usize, String)>,
    /// Whether the whole file is compiled only for tests.
    pub(crate) test_only: bool,
    /// Lines with code, literals included, that are not blank.
    code_lines: BTreeSet<usize>,
    /// Lines of the items under `#[cfg(test)]`.
    test_lines: Vec<RangeInclusive<usize>>,
}

#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) line: usize,
    /// The inline modules around it, joined by `::`.
    pub(crate) module: String,
    /// Whether it lies outside of functions.
    pub(crate) is_module_level: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Type,
    Variant,
    Field,
    /// A function or method; implementations of a trait define no name.
    Function,
    /// A module in braces; another module has a file.
    Module,
}

impl RustFile {
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self> {
        let tokens = TokenStream::from_str(text).map_err(|error| anyhow!("{path}: {error}"))?;
        let file: syn::File =
            syn::parse2(tokens.clone()).map_err(|error| anyhow!("{path}:{}: {error}", error.span().start().line))?;
        let mut code: Vec<u8> = text.bytes().map(|byte| if byte == b'\n' { byte } else { b' ' }).collect();
        let mut code_lines = BTreeSet::new();
        copy_code(tokens, text, &mut code, &mut code_lines);
        let lines: Vec<&str> = text.lines().collect();
        code_lines.retain(|line| !lines[line - 1].trim().is_empty());
        let mut visitor = Visitor::default();
        visitor.visit_file(&file);
        Ok(Self {
            path: path.to_owned(),
            code: String::from_utf8(code)?,
            definitions: visitor.definitions,
            test_modules: visitor.test_modules,
            imports: visitor.imports,
            test_only: visitor.test_only || format!("/{path}").contains("/tests/"),
            code_lines,
            test_lines: visitor.test_lines,
        })
    }

    /// Returns the number of the line at an offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }

    /// Tells whether a line is compiled only for tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_only || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Returns the number of lines of code outside of tests.
    pub(crate) fn length(&self) -> usize {
        self.code_lines.iter().filter(|line| !self.is_test(**line)).count()
    }

    /// Returns the lines of each occurrence of a word that is not a part of a longer word.
    pub(crate) fn lines_of<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        words(&self.code, word).map(|offset| self.line(offset))
    }
}

/// Returns the offsets where a word occurs and is not a part of a longer word.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).map(|(offset, _)| offset).filter(move |offset| {
        let glued = |left: Option<char>, right: Option<char>| left.is_some_and(is_word) && right.is_some_and(is_word);
        let (before, after) = (text[..*offset].chars().next_back(), text[offset + word.len()..].chars().next());
        !glued(before, word.chars().next()) && !glued(word.chars().next_back(), after)
    })
}

/// Copies every token that is neither a comment nor a literal, and records the lines of all tokens but comments.
fn copy_code(tokens: TokenStream, text: &str, code: &mut [u8], lines: &mut BTreeSet<usize>) {
    let mut record = |span: Span, is_literal: bool| {
        lines.extend(span.start().line..=span.end().line);
        if !is_literal {
            code[span.byte_range()].copy_from_slice(&text.as_bytes()[span.byte_range()]);
        }
    };
    let mut groups = Vec::new();
    for token in tokens {
        // A doc comment is an attribute, whose tokens have the span of the comment.
        let source = &text[token.span().byte_range()];
        if source.starts_with("//") || source.starts_with("/*") {
            continue;
        }
        match token {
            TokenTree::Group(group) => {
                record(group.span_open(), false);
                record(group.span_close(), false);
                groups.push(group.stream());
            }
            TokenTree::Literal(literal) => record(literal.span(), true),
            TokenTree::Ident(_) | TokenTree::Punct(_) => record(token.span(), false),
        }
    }
    for group in groups {
        copy_code(group, text, code, lines);
    }
}

#[derive(Default)]
struct Visitor {
    definitions: Vec<Definition>,
    test_lines: Vec<RangeInclusive<usize>>,
    test_modules: Vec<String>,
    imports: Vec<(usize, String)>,
    test_only: bool,
    /// Spans of the items around the current node; the file has none.
    items: Vec<Span>,
    modules: Vec<String>,
    functions: usize,
    in_trait_impl: bool,
}

impl Visitor {
    fn define(&mut self, kind: Kind, ident: &syn::Ident) {
        self.definitions.push(Definition {
            kind,
            name: ident.to_string(),
            line: ident.span().start().line,
            module: self.modules.join("::"),
            is_module_level: self.functions == 0,
        });
    }

    fn inside(&mut self, item: &impl Spanned, visit: impl FnOnce(&mut Self)) {
        self.items.push(item.span());
        visit(self);
        self.items.pop();
    }
}

impl<'ast> Visit<'ast> for Visitor {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if needs_test(attribute) {
            match self.items.last() {
                Some(item) => self.test_lines.push(item.start().line..=item.end().line),
                None => self.test_only = true,
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "syn can add kinds of items")]
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let type_name = match item {
            syn::Item::Enum(item) => Some(&item.ident),
            syn::Item::Struct(item) => Some(&item.ident),
            syn::Item::Trait(item) => Some(&item.ident),
            syn::Item::Type(item) => Some(&item.ident),
            syn::Item::Union(item) => Some(&item.ident),
            _ => None,
        };
        if let Some(name) = type_name {
            self.define(Kind::Type, name);
        }
        self.inside(item, |visitor| visit::visit_item(visitor, item));
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        self.inside(item, |visitor| visit::visit_impl_item(visitor, item));
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        self.inside(item, |visitor| visit::visit_trait_item(visitor, item));
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        self.inside(statement, |visitor| visit::visit_stmt(visitor, statement));
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(ident) = &field.ident {
            self.define(Kind::Field, ident);
        }
        self.inside(field, |visitor| visit::visit_field(visitor, field));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.define(Kind::Variant, &variant.ident);
        self.inside(variant, |visitor| visit::visit_variant(visitor, variant));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.define(Kind::Module, &item.ident);
        } else if item.attrs.iter().any(needs_test) {
            self.test_modules.push(item.ident.to_string());
        }
        self.modules.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.modules.pop();
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.in_trait_impl, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        self.in_trait_impl = outer;
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if !self.in_trait_impl {
            self.define(Kind::Function, &signature.ident);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.functions += 1;
        visit::visit_block(self, block);
        self.functions -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        import(&item.tree, "", &mut self.imports);
        visit::visit_item_use(self, item);
    }
}

/// Writes out the paths of a `use`, without aliases.
fn import(tree: &syn::UseTree, prefix: &str, imports: &mut Vec<(usize, String)>) {
    let mut add = |ident: &syn::Ident| imports.push((ident.span().start().line, format!("{prefix}{ident}")));
    match tree {
        syn::UseTree::Path(path) => import(&path.tree, &format!("{prefix}{}::", path.ident), imports),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| import(tree, prefix, imports)),
        syn::UseTree::Name(name) => add(&name.ident),
        syn::UseTree::Rename(rename) => add(&rename.ident),
        syn::UseTree::Glob(glob) => imports.push((glob.span().start().line, format!("{prefix}*"))),
    }
}

/// Tells whether an attribute is `cfg(test)` or `cfg(all(test, …))`.
fn needs_test(attribute: &syn::Attribute) -> bool {
    fn holds_only_in_tests(predicate: &Meta) -> bool {
        match predicate {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => {
                let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
                parts.is_ok_and(|parts| parts.iter().any(holds_only_in_tests))
            }
            Meta::List(_) | Meta::NameValue(_) => false,
        }
    }
    attribute.path().is_ident("cfg") && attribute.parse_args::<Meta>().is_ok_and(|meta| holds_only_in_tests(&meta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_comments_do_not_count() {
        let text = "//! Doc.\n\nuse a;\n/* one\n two */ fn b() {} // why\n  // more\n/** doc\n */\nfn c() {}";
        assert_eq!(parse(text).length(), 3);
    }

    #[test]
    fn lines_of_a_literal_count_even_if_they_look_like_comments() {
        assert_eq!(parse("const A: &str = r#\"\n// text\n\n\"#;\n").length(), 3);
    }

    #[test]
    fn code_has_no_comments_and_literals_and_keeps_offsets() {
        let text = "fn a() { b(\"é\n\", 'x', 1); /* ü */ c!(d::e) } // f";
        let file = parse(text);
        assert_eq!(file.code.len(), text.len());
        assert_eq!(file.code.split_whitespace().collect::<String>(), "fna(){b(,,);c!(d::e)}");
        assert_eq!(file.line(file.code.find("d::e").unwrap()), 2);
    }

    #[test]
    fn a_word_ends_where_its_letters_end() {
        let found = |code, word| words(code, word).count();
        assert_eq!(found("HashMap HashMapped", "HashMap"), 1);
        assert_eq!(found("std::fs::read std::fsync", "std::fs"), 1);
        assert_eq!(found("my_print!() print!()", "print!"), 1);
    }

    #[test]
    fn items_under_cfg_test_are_tests() {
        check_tests("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n\nfn c() {}", &[3, 4, 5, 6]);
        check_tests("#[cfg(test)]\nmod tests;\nfn b() {}", &[1, 2]);
        check_tests("#[cfg(all(unix, test))]\nfn a() {}\nfn b() {}", &[1, 2]);
        check_tests("struct A {\n  b: u8,\n  #[cfg(test)]\n  c: u8,\n}", &[3, 4]);
        check_tests("impl A {\n  fn b() {}\n  #[cfg(test)]\n  fn c() {}\n}", &[3, 4]);
        check_tests("fn a() {\n  #[cfg(test)]\n  b();\n  c();\n}", &[2, 3]);
        check_tests("#![cfg(test)]\nfn b() {}", &[1, 2]);
    }

    #[test]
    fn items_that_other_builds_contain_are_no_tests() {
        for attribute in ["any(test, feature = \"a\")", "not(test)", "unix"] {
            check_tests(&format!("#[cfg({attribute})]\nmod a {{}}"), &[]);
        }
    }

    #[test]
    fn definitions_have_their_kind_module_and_place() {
        let file = parse(
            "struct A { b: u8 }\nmod c {\n    enum D { E }\n    impl A { fn f(&self) { struct G; } }\n    impl H for A { fn i() {} }\n}",
        );
        let seen: Vec<_> = file.definitions.iter().map(|d| (d.kind, d.name.as_str(), d.module.as_str())).collect();
        let expected = [
            (Kind::Type, "A", ""),
            (Kind::Field, "b", ""),
            (Kind::Module, "c", ""),
            (Kind::Type, "D", "c"),
            (Kind::Variant, "E", "c"),
            (Kind::Function, "f", "c"),
            (Kind::Type, "G", "c"),
        ];
        assert_eq!(seen, expected);
        let nested: Vec<_> = file.definitions.iter().filter(|d| !d.is_module_level).map(|d| &d.name).collect();
        assert_eq!(nested, ["G"]);
    }

    #[test]
    fn imports_are_written_out() {
        let file = parse("use std::{cmp,\n    net as network,\n    fmt::{self, Debug}};\nuse a::*;");
        let seen: Vec<_> = file.imports.iter().map(|(line, path)| (*line, path.as_str())).collect();
        assert_eq!(
            seen,
            [(1, "std::cmp"), (2, "std::net"), (3, "std::fmt::self"), (3, "std::fmt::Debug"), (4, "a::*")]
        );
    }

    fn check_tests(text: &str, expected: &[usize]) {
        let file = parse(text);
        let lines: Vec<usize> = (1..=text.lines().count()).filter(|line| file.is_test(*line)).collect();
        assert_eq!(lines, expected, "{text}");
    }

    fn parse(text: &str) -> RustFile {
        RustFile::parse("src/lib.rs", text).unwrap()
    }
}
