//! Relative links in Markdown that lead nowhere.

use super::finding::Finding;
use super::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.texts.iter().filter(|(path, _)| path.ends_with(".md"));
    documents
        .flat_map(|(path, text)| {
            let broken = links(text).into_iter().filter(|link| is_broken(tree, path, &link.target));
            broken.map(|link| Finding::error(path, link.line, format!("the link to `{}` leads nowhere", link.target)))
        })
        .collect()
}

struct Link {
    line: usize,
    target: String,
}

/// Every target in a document, outside of its code.
fn links(document: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in document.lines().enumerate() {
        match fence {
            Some(open) if closes(line, open) => fence = None,
            Some(_) => {}
            None => fence = opened(line),
        }
        if fence.is_none() {
            let targets = targets(&without_code(line));
            links.extend(targets.into_iter().map(|target| Link { line: index + 1, target }));
        }
    }
    links
}

/// The fence that a line opens: three or more backticks or tildes.
fn opened(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let fence = &line[..line.len() - line.trim_start_matches(mark).len()];
    let is_inline = line[fence.len()..].contains('`');
    (fence.len() >= 3 && !is_inline).then_some(fence)
}

fn closes(line: &str, fence: &str) -> bool {
    opened(line).is_some_and(|own| own.starts_with(fence) && own == line.trim())
}

/// Blanks the code spans of a line: from some backticks to as many of them.
fn without_code(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let (before, code) = rest.split_at(start);
        text += before;
        let ticks: String = code.chars().take_while(|letter| *letter == '`').collect();
        let inside = &code[ticks.len()..];
        match closing(inside, ticks.len()) {
            Some(end) => rest = &inside[end..],
            None => {
                text += &ticks;
                rest = inside;
            }
        }
    }
    text + rest
}

/// The offset behind the first run of exactly this many backticks.
fn closing(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(start) = text[at..].find('`') {
        let run = text[at + start..].bytes().take_while(|byte| *byte == b'`').count();
        at += start + run;
        if run == ticks {
            return Some(at);
        }
    }
    None
}

fn targets(line: &str) -> Vec<String> {
    let mut targets: Vec<String> = Vec::new();
    for opening in ["](", "href=\"", "src=\""] {
        let ends = line.match_indices(opening).map(|(at, _)| at + opening.len());
        targets.extend(ends.map(|at| target(&line[at..])));
    }
    let definition = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]:"));
    if let Some((label, rest)) = definition
        && !label.starts_with('^')
        && !label.contains(']')
    {
        targets.push(target(rest.trim_start()));
    }
    targets
}

/// Reads up to the end of a target: a space, a quote, or a parenthesis it did not open.
fn target(text: &str) -> String {
    if let Some(bracketed) = text.strip_prefix('<') {
        return bracketed.split('>').next().unwrap_or_default().to_owned();
    }
    let mut depth = 0;
    let ends = |letter: char| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth < 0 || letter == '"' || letter.is_whitespace()
    };
    text.split(ends).next().unwrap_or_default().to_owned()
}

fn is_broken(tree: &Tree, document: &str, target: &str) -> bool {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    if path.is_empty() || is_external(target) {
        return false;
    }
    let Some(path) = resolve(document, &decoded(path)) else {
        return true;
    };
    let folder = format!("{path}/");
    !path.is_empty() && !tree.paths.contains(&path) && !tree.paths.iter().any(|file| file.starts_with(&folder))
}

fn is_external(target: &str) -> bool {
    let scheme = target.split(':').next().unwrap_or_default();
    let has_scheme = scheme.len() < target.len()
        && scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    has_scheme || target.starts_with("//")
}

/// The path from the root, or none if it leaves the repository.
fn resolve(document: &str, target: &str) -> Option<String> {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("{folder}/{target}"),
    };
    let mut parts = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_link_is_found() {
        found("See [a](b.md) and ![c](d.png \"title\").", &["b.md", "d.png"]);
        found("[a](<b c.md>) [d](e_(f).md)", &["b c.md", "e_(f).md"]);
        found("[a]: b.md 'title'\n[^note]: text", &["b.md"]);
        found("<a href=\"b.md\"><img src=\"c.svg\"></a>", &["b.md", "c.svg"]);
        found("[![a](b.svg)](c.md)", &["b.svg", "c.md"]);
    }

    #[test]
    fn code_holds_no_links() {
        found("`[a](b)` ``[c](`d`)`` [e](f) `g", &["f"]);
        found("``a ` [b](c)``", &[]);
        found("```\n[a](b)\n```\n[c](d)\n~~~text\n[e](f)\n~~~", &["d"]);
        found("```a``` [b](c)", &["c"]);
        found("````\n```\n[a](b)\n```text\n````\n[c](d)", &["d"]);
    }

    #[test]
    fn a_link_to_a_file_or_folder_of_ours_is_whole() {
        for target in ["b.md", "./b.md#part", "../README.md", "/docs/b.md", "..", "../docs/", "my%20file.md", "#part"] {
            assert!(!broken(target), "{target}");
        }
    }

    #[test]
    fn a_link_to_nothing_is_broken() {
        for target in ["c.md", "docs/b.md", "/b.md", "../../README.md", "b", "../READ"] {
            assert!(broken(target), "{target}");
        }
    }

    #[test]
    fn links_to_other_hosts_are_not_followed() {
        for target in ["https://a.example/b.md", "mailto:a@b.example", "//a.example/b"] {
            assert!(!broken(target), "{target}");
        }
    }

    #[test]
    fn a_finding_names_the_line() {
        let tree = Tree::of(&[("README.md", "# Title\n\n[a](nowhere.md)\n")]);
        let shown: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["README.md:3: the link to `nowhere.md` leads nowhere"]);
    }

    fn found(document: &str, expected: &[&str]) {
        let found: Vec<_> = links(document).into_iter().map(|link| link.target).collect();
        assert_eq!(found, expected, "{document}");
    }

    fn broken(target: &str) -> bool {
        let tree = Tree::of(&[("README.md", ""), ("docs/a.md", ""), ("docs/b.md", ""), ("docs/my file.md", "")]);
        is_broken(&tree, "docs/a.md", target)
    }
}
