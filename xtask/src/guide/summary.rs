//! The part of the table of contents that lists the documents behind the guide.

use std::collections::BTreeMap;

/// Lists documents by their titles: first those of the top folder, each with the documents of the folder of its name, and
/// those that are alone in a folder; then each other folder as a part of its own. `titles` are those of the paths below
/// `folder`.
pub(super) fn of_reference(titles: &BTreeMap<String, String>, folder: &str) -> String {
    let entry = |depth: usize, path: &str| format!("{}- [{}]({folder}{path})\n", "  ".repeat(depth), titles[path]);
    let mut text = "\n# Reference\n\n".to_owned();
    let mut parts: BTreeMap<&str, String> = BTreeMap::new();
    for path in titles.keys() {
        match path.split_once('/') {
            None => {
                text += &entry(0, path);
                let below = format!("{}/", path.trim_end_matches(".md"));
                text.extend(titles.keys().filter(|path| path.starts_with(&below)).map(|path| entry(1, path)));
            }
            Some((parent, _)) if titles.contains_key(&format!("{parent}.md")) => {}
            Some((parent, _)) => *parts.entry(parent).or_default() += &entry(0, path),
        }
    }
    let (single, several): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(_, entries)| entries.lines().count() == 1);
    text.extend(single.into_iter().map(|(_, entry)| entry));
    for (part, entries) in several {
        text += &format!("\n# {}\n\n{entries}", capitalised(part));
    }
    text
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_listed_by_folder() {
        let titles = ["api/index.md", "import.md", "import/focus.md", "protocol/a.md", "protocol/b.md", "redis.md"];
        let titles = titles.iter().map(|path| ((*path).to_owned(), path.to_uppercase())).collect();
        let expected = "\n# Reference\n\n- [IMPORT.MD](r/import.md)\n  - [IMPORT/FOCUS.MD](r/import/focus.md)\n\
                        - [REDIS.MD](r/redis.md)\n- [API/INDEX.MD](r/api/index.md)\n\n# Protocol\n\n\
                        - [PROTOCOL/A.MD](r/protocol/a.md)\n- [PROTOCOL/B.MD](r/protocol/b.md)\n";
        assert_eq!(of_reference(&titles, "r/"), expected);
    }
}
