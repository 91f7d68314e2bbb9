//! `cargo xtask guide`: builds the user guide and the other documents as one site, and checks its links.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{process, tools};

mod document;
mod site;
mod summary;

/// The guide, with the settings of mdBook.
const GUIDE: &str = "docs/guide";

/// The pages of the guide are the first of the site.
const PAGES: &str = "docs/guide/src/";

const DOCUMENTS: &str = "docs/";

/// The libraries, each with a README.
const LIBRARIES: &str = "sdk/";

/// The folder of the other documents in the site, which keeps their order.
const REFERENCE: &str = "reference/";

/// Where each file of the documentation is in the site, by its path in the repository.
type Places = BTreeMap<String, String>;

pub(crate) fn run(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.run("guide", || build(workspace))
}

fn build(workspace: &Workspace) -> Result<()> {
    let mdbook = tools::install_mdbook(&workspace.target)?;
    let book = workspace.target.join("guide");
    if book.exists() {
        fs::remove_dir_all(&book)?;
    }
    assemble(&workspace.root, &book)?;
    let site = book.join("site");
    process::run(Command::new(mdbook).args(["build", "--dest-dir"]).arg(&site).arg(&book))?;
    let faults = site::broken_links(&site)?;
    for fault in &faults {
        println!("{fault}");
    }
    ensure!(faults.is_empty(), "the site has {} broken links", faults.len());
    println!("{}", site.join("index.html").display());
    Ok(())
}

/// Writes the sources of the site: the pages of the guide, all documents behind them, and one table of contents.
fn assemble(root: &Path, book: &Path) -> Result<()> {
    let files = process::output(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", DOCUMENTS, LIBRARIES])
            .current_dir(root),
    )?;
    // git lists deleted files until the deletion is staged.
    let files = files.split_terminator('\0').filter(|path| root.join(path).is_file());
    let places: Places = files.filter_map(|path| Some((path.to_owned(), place(path)?))).collect();
    ensure!(places.contains_key("docs/guide/src/SUMMARY.md"), "the guide has no SUMMARY.md");
    let mut titles = BTreeMap::new();
    for (path, place) in &places {
        let target = book.join("src").join(place);
        create_parent(&target)?;
        if !path.ends_with(".md") {
            fs::copy(root.join(path), target)?;
            continue;
        }
        let text = fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        if let Some(document) = place.strip_prefix(REFERENCE) {
            titles.insert(document.to_owned(), document::title(path, &text)?);
        }
        fs::write(target, document::rewrite(path, &text, root, &places)?)?;
    }
    let contents = book.join("src/SUMMARY.md");
    let of_guide = fs::read_to_string(&contents)?;
    fs::write(contents, of_guide + &summary::of_reference(&titles, REFERENCE))?;
    fs::copy(root.join(GUIDE).join("book.toml"), book.join("book.toml"))?;
    Ok(())
}

/// Returns where a file is in the site; `None` if it is none of it.
fn place(path: &str) -> Option<String> {
    if let Some(page) = path.strip_prefix(PAGES) {
        return Some(page.to_owned());
    }
    if let Some(library) = path.strip_prefix(LIBRARIES) {
        let name = library.strip_suffix("/README.md").filter(|name| !name.contains('/'))?;
        return Some(format!("{REFERENCE}libraries/{name}.md"));
    }
    let document = path.strip_prefix(DOCUMENTS).filter(|document| !document.starts_with("guide/"))?;
    // mdBook names the page of a README so, and not the links to it.
    let document = document.strip_suffix("README.md").map_or(document.to_owned(), |folder| format!("{folder}index.md"));
    Some(format!("{REFERENCE}{document}"))
}

fn create_parent(file: &Path) -> Result<()> {
    fs::create_dir_all(file.parent().map(PathBuf::from).unwrap_or_default())?;
    Ok(())
}
