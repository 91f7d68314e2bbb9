//! The modules of others in `console/lib`: the compiled TypeScript library, and the npm packages that the page loads as they
//! are. The page is embedded in the binary, and building the binary must need no Node.

use std::path::Path;

use anyhow::Result;

use super::{Generated, GeneratedFile, paths_below, read};
use crate::workspace::Workspace;
use crate::{npm, tools};

/// Where the page finds the modules.
const OUTPUT: &str = "console/lib";

const LIBRARY: &str = "tickcast";

/// An npm package with a module that browsers load as it is.
struct VendoredPackage {
    name: &'static str,
    /// The folder whose `package.json` pins the version.
    pinned_in: &'static str,
    /// The module, what belongs to it, and the licence, which copies must contain.
    files: &'static [&'static str],
}

const PACKAGES: [VendoredPackage; 2] = [
    VendoredPackage {
        name: "socket.io-client",
        pinned_in: npm::TYPESCRIPT,
        files: &["dist/socket.io.esm.min.js", "LICENSE"],
    },
    VendoredPackage {
        name: "uplot",
        pinned_in: npm::CONSOLE_TESTS,
        files: &["dist/uPlot.esm.js", "dist/uPlot.min.css", "LICENSE"],
    },
];

pub(super) fn generated(workspace: &Workspace) -> Result<Generated> {
    let [node, npm] = tools::install_for_typescript()?;
    let package = workspace.root.join(npm::TYPESCRIPT);
    for folder in [npm::TYPESCRIPT, npm::CONSOLE_TESTS] {
        npm::install_packages(&workspace.root, folder, &npm)?;
    }
    npm::compile_typescript(&workspace.root, &node)?;
    let mut files = Vec::new();
    let modules = package.join("dist");
    // Types are of no use to the page.
    for path in paths_below(&modules)?.iter().filter(|path| path.ends_with(".js")) {
        let content = read(&modules, path)?;
        if has_code(&content) {
            files.push(GeneratedFile::new(format!("{OUTPUT}/{LIBRARY}/{path}"), content));
        }
    }
    let mut folders = vec![format!("{OUTPUT}/{LIBRARY}")];
    for VendoredPackage { name, pinned_in, files: paths } in PACKAGES {
        let folder = format!("{OUTPUT}/{name}");
        for path in paths {
            let content = read(&workspace.root.join(pinned_in).join("node_modules").join(name), path)?;
            let file_name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
            files.push(GeneratedFile::new(format!("{folder}/{file_name}"), content));
        }
        folders.push(folder);
    }
    Ok(Generated { files, folders })
}

/// Returns whether a module contains more than comments and the mark of a module, which is all that remains of types.
fn has_code(module: &str) -> bool {
    let lines = module.lines().map(str::trim_start);
    let mut code =
        lines.filter(|line| !line.is_empty() && !["//", "/*", "*"].iter().any(|mark| line.starts_with(mark)));
    code.any(|line| line != "export {};")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_types_has_no_code() {
        assert!(!has_code("// Generated.\n/** The types\n * of messages. */\nexport {};\n"));
        assert!(has_code("/** A client. */\nexport class Client {\n}\n"));
        assert!(has_code("export { randomId } from './core/platform.js';\n"));
    }
}
