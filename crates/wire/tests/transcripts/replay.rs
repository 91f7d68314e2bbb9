//! Transcripts are played, and compared with what they say. With `UPDATE_FIXTURES=1` they are written anew.

use std::path::Path;

/// Plays all transcripts of a folder of `fixtures/`, of which there are at least so many.
pub(crate) fn replay(folder: &str, at_least: usize, play: fn(&str) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder);
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= at_least, "the transcripts are missing");
    for path in names {
        let wanted = std::fs::read_to_string(&path).unwrap();
        let played = play(&wanted);
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&path, &played).unwrap();
            continue;
        }
        assert_eq!(played, wanted, "{}", path.display());
    }
}
