//! One document of the site: its title, and its links.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Places;

/// Returns the title: the first heading.
pub(super) fn title(path: &str, text: &str) -> Result<String> {
    let heading = text.lines().find_map(|line| line.strip_prefix("# "));
    heading.map(str::to_owned).with_context(|| format!("{path} has no title"))
}

/// Rewrites the relative links of a document for its place in the site. A link to a file that is not in the site becomes
/// text that names the file.
pub(super) fn rewrite(path: &str, text: &str, root: &Path, places: &Places) -> Result<String> {
    let exists = |target: &str| root.join(target).exists();
    let link = |text: &str, target: &str| relink(path, text, target, places, &exists);
    let mut rewritten = String::with_capacity(text.len());
    let mut in_code = false;
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence {
            rewritten += line;
        } else {
            rewritten += &rewrite_line(line, &link).with_context(|| format!("cannot rewrite {path}"))?;
        }
    }
    Ok(rewritten)
}

/// Replaces each link of a line by what `link` makes of its text and its target.
fn rewrite_line(line: &str, link: &dyn Fn(&str, &str) -> Result<String>) -> Result<String> {
    let mut written = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(['`', ']']) {
        let (before, found) = rest.split_at(at);
        written += before;
        if found.starts_with('`') {
            let code = code_span(found);
            written += code;
            rest = &found[code.len()..];
        } else if let Some((target, after)) = found.strip_prefix("](").and_then(|target| target.split_once(')')) {
            let open = opening_bracket(&written)
                .with_context(|| format!("the text of the link to {target} does not begin on its line"))?;
            let replaced = link(&written[open..].replacen('[', "", 1), target)?;
            written.truncate(open);
            written += &replaced;
            rest = after;
        } else {
            written.push(']');
            rest = &found[1..];
        }
    }
    Ok(written + rest)
}

/// Returns the code span at the beginning of a text, or the backticks that begin none.
fn code_span(text: &str) -> &str {
    let ticks = &text[..text.len() - text.trim_start_matches('`').len()];
    let inner = &text[ticks.len()..];
    inner.find(ticks).map_or(ticks, |end| &text[..ticks.len() + end + ticks.len()])
}

/// Returns where the bracket is open that the next one closes; `None` if none is.
fn opening_bracket(text: &str) -> Option<usize> {
    let mut closed = 0;
    for (at, letter) in text.char_indices().rev() {
        match letter {
            ']' => closed += 1,
            '[' if closed == 0 => return Some(at),
            '[' => closed -= 1,
            _ => {}
        }
    }
    None
}

/// Returns a link for the place of its document in the site.
fn relink(path: &str, text: &str, target: &str, places: &Places, exists: &dyn Fn(&str) -> bool) -> Result<String> {
    if target.starts_with('#') || target.contains(':') {
        return Ok(format!("[{text}]({target})"));
    }
    let (file, anchor) =
        target.split_once('#').map_or((target, String::new()), |(file, anchor)| (file, format!("#{anchor}")));
    let named = resolve(path, file);
    if let (Some(from), Some(to)) = (places.get(path), places.get(&named)) {
        return Ok(format!("[{text}]({}{anchor})", relative(from, to)));
    }
    if !exists(&named) {
        bail!("{path}: the link to {target} leads to no file");
    }
    // A folder of documents is a part of the table of contents, which has no page.
    Ok(if text.trim_matches('`') == named { format!("`{named}`") } else { format!("{text} (`{named}`)") })
}

/// Returns the path of a link's target in the repository.
fn resolve(document: &str, link: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Returns the relative link from one page to another.
fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').collect();
    let to: Vec<&str> = to.split('/').collect();
    let shared = from[..from.len() - 1].iter().zip(&to[..to.len() - 1]).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..", from.len() - 1 - shared);
    up.chain(to[shared..].iter().copied()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(path: &str, text: &str) -> Result<String> {
        let places = [
            ("docs/guide/src/rooms.md", "rooms.md"),
            ("docs/protocol/rooms.md", "reference/protocol/rooms.md"),
            ("docs/redis.md", "reference/redis.md"),
        ];
        let places: Places = places.iter().map(|(path, place)| ((*path).to_owned(), (*place).to_owned())).collect();
        let exists = |target: &str| target == "deploy/nginx";
        let link = |text: &str, target: &str| relink(path, text, target, &places, &exists);
        rewrite_line(text, &link)
    }

    #[test]
    fn links_lead_to_the_place_in_the_site() {
        let guide = "docs/guide/src/rooms.md";
        assert_eq!(
            rewritten(guide, "a [b](../../protocol/rooms.md#x) c").unwrap(),
            "a [b](reference/protocol/rooms.md#x) c"
        );
        assert_eq!(rewritten("docs/protocol/rooms.md", "[`a[0]`](../redis.md)").unwrap(), "[`a[0]`](../redis.md)");
        assert_eq!(rewritten("docs/redis.md", "![p](guide/src/rooms.md)").unwrap(), "![p](../rooms.md)");
        for same in ["[a](#b)", "[a](https://x.example/y.md)", "`[a](b.md)` [c] (d)", "a ``b`c`` d", "a ` b"] {
            assert_eq!(rewritten(guide, same).unwrap(), same);
        }
    }

    #[test]
    fn a_file_outside_of_the_site_is_named_and_a_missing_one_is_an_error() {
        assert_eq!(rewritten("docs/redis.md", "see [nginx](../deploy/nginx).").unwrap(), "see nginx (`deploy/nginx`).");
        assert_eq!(rewritten("docs/redis.md", "see [`deploy/nginx`](../deploy/nginx)").unwrap(), "see `deploy/nginx`");
        let error = rewritten("docs/redis.md", "[a](none.md)").unwrap_err().to_string();
        assert_eq!(error, "docs/redis.md: the link to none.md leads to no file");
    }

    #[test]
    fn a_link_that_continues_on_another_line_is_an_error() {
        let error = rewritten("docs/redis.md", "text](guide/src/rooms.md)").unwrap_err().to_string();
        assert_eq!(error, "the text of the link to guide/src/rooms.md does not begin on its line");
    }

    #[test]
    fn links_in_code_blocks_stay() {
        let text = "[a](none.md)\n```md\n[a](none.md)\n```\n";
        let places = Places::from([("docs/a.md".to_owned(), "a.md".to_owned())]);
        assert!(rewrite("docs/a.md", text, Path::new("/"), &places).is_err());
        let code = text.split_once('\n').unwrap().1;
        assert_eq!(rewrite("docs/a.md", code, Path::new("/"), &places).unwrap(), code);
    }
}
