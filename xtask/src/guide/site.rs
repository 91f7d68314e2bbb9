//! The links of the built site.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Result;

/// A page of mdBook for missing pages, whose links are relative to an address that only a web server knows.
const NOT_FOUND_PAGE: &str = "404.html";

/// A link that leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BrokenLink {
    page: String,
    link: String,
}

impl fmt::Display for BrokenLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: the link to {} leads nowhere", self.page, self.link)
    }
}

/// Returns the links of all pages to files that the site does not have, and to places that a page does not have.
pub(super) fn broken_links(site: &Path) -> Result<Vec<BrokenLink>> {
    let mut files = BTreeMap::new();
    read(site, "", &mut files)?;
    Ok(check(&files))
}

/// Reads the pages below a folder; of other files, only the names.
fn read(site: &Path, folder: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(site.join(folder))? {
        let entry = entry?;
        let path = format!("{folder}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(site, &format!("{path}/"), files)?;
        } else {
            let text = if path.ends_with(".html") { fs::read_to_string(entry.path())? } else { String::new() };
            files.insert(path, text);
        }
    }
    Ok(())
}

fn check(files: &BTreeMap<String, String>) -> Vec<BrokenLink> {
    let anchors: BTreeMap<&str, BTreeSet<&str>> =
        files.iter().map(|(path, text)| (path.as_str(), values(text, "id").collect())).collect();
    let mut broken = Vec::new();
    for (page, text) in files.iter().filter(|(page, _)| *page != NOT_FOUND_PAGE) {
        for link in values(text, "href").chain(values(text, "src")) {
            // Another site's links need the internet.
            if link.contains(':') || link.is_empty() {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let found = resolve(page, file).and_then(|target| anchors.get(target.as_str()));
            if !found.is_some_and(|anchors| anchor.is_empty() || anchors.contains(anchor)) {
                broken.push(BrokenLink { page: page.clone(), link: link.to_owned() });
            }
        }
    }
    broken
}

/// Returns the values of an attribute. mdBook escapes quotes in texts, and quotes each attribute with two.
fn values<'t>(html: &'t str, attribute: &str) -> impl Iterator<Item = &'t str> {
    let start = format!(" {attribute}=\"");
    let mut rest = html;
    std::iter::from_fn(move || {
        let (value, after) = rest[rest.find(&start)? + start.len()..].split_once('"')?;
        rest = after;
        Some(value)
    })
}

/// Returns the file that a link of a page leads to; `None` if it leads out of the site.
fn resolve(page: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(page.to_owned());
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            "" => parts.push("index.html"),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_missing_files_and_places_are_found() {
        let page = r##"<h1 id="top"><a href="#top">a</a></h1><a href="b/c.html#in">b</a><img src="p.png"><a href="https://x.example">"##;
        let other = r##"<h2 id="in"></h2><a href="../index.html#none">a</a><a href="d.html">d</a><a href="../">e</a><a href="../../p.png">f</a>"##;
        let files = [("index.html", page), ("b/c.html", other), ("p.png", "")];
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let broken = |link: &str| BrokenLink { page: "b/c.html".to_owned(), link: link.to_owned() };
        assert_eq!(check(&files), [broken("../index.html#none"), broken("d.html"), broken("../../p.png")]);
    }
}
