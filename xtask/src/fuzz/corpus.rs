//! The corpus of a fuzz target as one text file: an input a line, in hexadecimal. Thousands of inputs would otherwise
//! be thousands of files.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Makes a folder with one file an input; the folder is empty if there is no corpus yet.
pub(super) fn unpack(packed: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    if !packed.exists() {
        return Ok(());
    }
    for (index, line) in fs::read_to_string(packed)?.lines().enumerate() {
        let input = decode(line).with_context(|| format!("{}:{}: not hexadecimal", packed.display(), index + 1))?;
        fs::write(folder.join(index.to_string()), input)?;
    }
    Ok(())
}

/// Writes the inputs of a folder to the text file, shorter inputs first.
pub(super) fn pack(folder: &Path, packed: &Path) -> Result<()> {
    let files = fs::read_dir(folder)?.map(|file| Ok(fs::read(file?.path())?));
    let mut inputs = files.collect::<Result<Vec<Vec<u8>>>>()?;
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let text: String = inputs.iter().map(|input| encode(input)).collect();
    fs::create_dir_all(packed.parent().context("the corpus has no folder")?)?;
    fs::write(packed, text)?;
    println!("{} inputs are kept in {}", inputs.len(), packed.display());
    Ok(())
}

fn encode(input: &[u8]) -> String {
    let mut line = String::with_capacity(input.len() * 2 + 1);
    for byte in input {
        write!(line, "{byte:02x}").expect("writing to a string does not fail");
    }
    line + "\n"
}

fn decode(line: &str) -> Result<Vec<u8>> {
    let digits = line.as_bytes().chunks(2);
    digits.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_input_is_one_line_and_decodes_to_itself() {
        for input in [&b""[..], b"\0", b"abc\n\xff", &[7; 300]] {
            let line = encode(input);
            assert_eq!(decode(line.trim_end_matches('\n')).unwrap(), input);
            assert_eq!(line.lines().count(), 1);
        }
        assert!(decode("0g").is_err() && decode("\u{e9}").is_err());
    }
}
