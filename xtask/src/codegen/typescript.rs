//! The modules of others in `console/lib`: the compiled TypeScript library, and `socket.io-client`, which it uses. The page
//! is embedded in the binary, and building the binary must need no Node.

use std::path::Path;

use anyhow::Result;

use super::{Generated, GeneratedFile, paths_below, read};
use crate::workspace::Workspace;
use crate::{npm, tools};

/// Where the page finds the modules.
const OUTPUT: &str = "console/lib";

const LIBRARY: &str = "tickcast";
const SOCKET_IO: &str = "socket.io-client";

/// The module of `socket.io-client` that browsers load as it is, and the licence that copies must contain.
const SOCKET_IO_FILES: [&str; 2] = ["dist/socket.io.esm.min.js", "LICENSE"];

pub(super) fn generated(workspace: &Workspace) -> Result<Generated> {
    let [node, npm] = tools::install_for_typescript()?;
    let package = workspace.root.join(npm::TYPESCRIPT);
    npm::install_packages(&workspace.root, npm::TYPESCRIPT, &npm)?;
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
    for path in SOCKET_IO_FILES {
        let content = read(&package.join("node_modules").join(SOCKET_IO), path)?;
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        files.push(GeneratedFile::new(format!("{OUTPUT}/{SOCKET_IO}/{name}"), content));
    }
    Ok(Generated { files, folders: [LIBRARY, SOCKET_IO].map(|name| format!("{OUTPUT}/{name}")).into() })
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
