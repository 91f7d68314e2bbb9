//! What was found worth keeping, in one text a target: an input a line, in hexadecimal, so that thousands of them are no
//! thousands of files.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Makes a folder with one file an input; an empty one if nothing is kept yet.
pub(super) fn unpack(packed: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    if !packed.exists() {
        return Ok(());
    }
    for (nth, line) in fs::read_to_string(packed)?.lines().enumerate() {
        let input = read(line).with_context(|| format!("{}:{}: no hexadecimal", packed.display(), nth + 1))?;
        fs::write(folder.join(nth.to_string()), input)?;
    }
    Ok(())
}

/// Keeps what is in a folder, the short before the long.
pub(super) fn pack(folder: &Path, packed: &Path) -> Result<()> {
    let files = fs::read_dir(folder)?.map(|file| Ok(fs::read(file?.path())?));
    let mut inputs = files.collect::<Result<Vec<Vec<u8>>>>()?;
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let text: String = inputs.iter().map(|input| write(input)).collect();
    fs::create_dir_all(packed.parent().context("it has a folder")?)?;
    fs::write(packed, text)?;
    println!("{} inputs are kept in {}", inputs.len(), packed.display());
    Ok(())
}

fn write(input: &[u8]) -> String {
    let mut line = String::with_capacity(input.len() * 2 + 1);
    for byte in input {
        write!(line, "{byte:02x}").expect("a string takes all");
    }
    line + "\n"
}

fn read(line: &str) -> Result<Vec<u8>> {
    let digits = line.as_bytes().chunks(2);
    digits.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_kept_and_come_back() {
        for input in [&b""[..], b"\0", b"abc\n\xff", &[7; 300]] {
            let line = write(input);
            assert_eq!(read(line.trim_end_matches('\n')).unwrap(), input);
            assert_eq!(line.lines().count(), 1);
        }
        assert!(read("0g").is_err() && read("\u{e9}").is_err());
    }
}
