//! Replays transcripts and compares the result with the file. `UPDATE_FIXTURES=1` rewrites the files.

use std::path::Path;

/// Replays all transcripts of a folder of `fixtures/`, which has at least `at_least` of them.
pub(crate) fn replay(folder: &str, at_least: usize, play: fn(&str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let paths = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "txt")).collect();
    names.sort();
    assert!(names.len() >= at_least, "the transcripts are missing");
    for path in names {
        let expected = std::fs::read_to_string(&path).unwrap();
        let played = play(&expected);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, &played).unwrap();
            continue;
        }
        assert_eq!(played, expected, "{}", path.display());
    }
}
