//! The modules of others in `console/lib`: the compiled TypeScript library, and `socket.io-client`, which it uses. The page
//! is embedded in the binary, and building the binary must need no Node.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{npm, tools};

/// Where the page finds the modules.
const OUTPUT: &str = "console/lib";

const LIBRARY: &str = "tickcast";
const SOCKET_IO: &str = "socket.io-client";

/// The module of `socket.io-client` that browsers load as it is, and the licence that copies must contain.
const SOCKET_IO_FILES: [&str; 2] = ["dist/socket.io.esm.min.js", "LICENSE"];

/// The contents of files by their paths within a folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

pub(super) fn generate(workspace: &Workspace) -> Result<()> {
    let files = compile(workspace)?;
    let output = workspace.root.join(OUTPUT);
    for folder in [LIBRARY, SOCKET_IO].map(|name| output.join(name)).iter().filter(|folder| folder.exists()) {
        fs::remove_dir_all(folder)?;
    }
    for (path, content) in &files {
        let path = output.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&output))?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{} files in {OUTPUT}", files.len());
    Ok(())
}

pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let mut committed = Files::new();
    for name in [LIBRARY, SOCKET_IO] {
        committed.extend(within(name, read(&workspace.root.join(OUTPUT).join(name))?));
    }
    let differing = differences(&compile(workspace)?, &committed);
    ensure!(differing.is_empty(), "{OUTPUT} is out of date: {}", differing.join(", "));
    Ok(())
}

fn compile(workspace: &Workspace) -> Result<Files> {
    let [node, npm] = tools::install_for_typescript()?;
    let package = workspace.root.join(npm::TYPESCRIPT);
    npm::install_packages(&workspace.root, npm::TYPESCRIPT, &npm)?;
    npm::compile_typescript(&workspace.root, &node)?;
    let mut modules = read(&package.join("dist"))?;
    // Types are of no use to the page.
    modules.retain(|path, content| path.extension().is_some_and(|extension| extension == "js") && has_code(content));
    let mut files = within(LIBRARY, modules);
    for path in SOCKET_IO_FILES.map(Path::new) {
        let source = package.join("node_modules").join(SOCKET_IO).join(path);
        let content = fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
        files.insert(Path::new(SOCKET_IO).join(path.file_name().unwrap_or_default()), content);
    }
    Ok(files)
}

/// Returns whether a module contains more than comments and the mark of a module, which is all that remains of types.
fn has_code(module: &[u8]) -> bool {
    let text = String::from_utf8_lossy(module);
    let lines = text.lines().map(str::trim_start);
    let mut code =
        lines.filter(|line| !line.is_empty() && !["//", "/*", "*"].iter().any(|mark| line.starts_with(mark)));
    code.any(|line| line != "export {};")
}

/// Reads all files below a folder.
fn read(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).with_context(|| format!("cannot list {}", current.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

fn within(folder: &str, files: Files) -> Files {
    files.into_iter().map(|(path, content)| (Path::new(folder).join(path), content)).collect()
}

/// Returns the paths whose contents differ, or that only one side has.
fn differences(expected: &Files, committed: &Files) -> Vec<String> {
    let surplus = committed.keys().filter(|path| !expected.contains_key(*path));
    let paths = expected.keys().chain(surplus).filter(|path| expected.get(*path) != committed.get(*path));
    paths.map(|path| path.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_missing_and_surplus_files_are_differences() {
        let expected = files(&[("a.js", "1"), ("core/b.js", "2"), ("c.js", "3")]);
        let committed = files(&[("a.js", "1"), ("core/b.js", "changed"), ("d.js", "4")]);
        assert_eq!(differences(&expected, &committed), ["c.js", "core/b.js", "d.js"]);
        assert_eq!(differences(&expected, &expected), [""; 0]);
    }

    #[test]
    fn a_module_of_types_has_no_code() {
        assert!(!has_code(b"// Generated.\n/** The types\n * of messages. */\nexport {};\n"));
        assert!(has_code(b"/** A client. */\nexport class Client {\n}\n"));
        assert!(has_code(b"export { randomId } from './core/platform.js';\n"));
    }

    #[test]
    fn files_are_read_from_all_folders() {
        let folder = std::env::temp_dir().join(format!("xtask-codegen-{}", std::process::id()));
        fs::create_dir_all(folder.join("core")).unwrap();
        for (path, content) in [("index.js", "1"), ("core/a.js", "3")] {
            fs::write(folder.join(path), content).unwrap();
        }
        let expected = files(&[("lib/index.js", "1"), ("lib/core/a.js", "3")]);
        assert_eq!(within("lib", read(&folder).unwrap()), expected);
        fs::remove_dir_all(&folder).unwrap();
        assert!(read(&folder).is_err());
    }

    fn files(all: &[(&str, &str)]) -> Files {
        all.iter().map(|(path, content)| (PathBuf::from(path), content.as_bytes().to_vec())).collect()
    }
}
