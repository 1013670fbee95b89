//! `footer <input.so> <output.duckdb_extension> [<platform> [<extension version>]]`: copies a library
//! and appends the 512 bytes by which DuckDB knows an extension.
//!
//! The footer is a WebAssembly custom section, which costs other hosts nothing: a header, eight fields
//! of 32 bytes in reverse order, and 256 bytes for a signature, here zero. DuckDB writes the same with
//! `scripts/append_extension_metadata.py` in its extension-ci-tools.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// Kind 0 (custom), 531 bytes, a name of 16 bytes, 512 bytes of content; both lengths as LEB128.
const SECTION: &[u8] = b"\x00\x93\x04\x10duckdb_signature\x80\x04";
const MAGIC: &str = "4";
/// The C API that every DuckDB from 1.2 on has, which is all that the extension uses.
const C_API: &str = "v1.2.0";
const ABI: &str = "C_STRUCT";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (input, output, rest) = match args.as_slice() {
        [input, output, rest @ ..] if rest.len() <= 2 => (input, output, rest),
        _ => return Err(
            "usage: footer <input.so> <output.duckdb_extension> [<platform> [<extension version>]]"
                .into(),
        ),
    };
    let platform = match rest.first() {
        Some(platform) => platform.clone(),
        None => platform_of(env::consts::OS, env::consts::ARCH)?,
    };
    let version = rest
        .get(1)
        .map_or(concat!("v", env!("CARGO_PKG_VERSION")), String::as_str);
    let mut library = fs::read(input).map_err(|e| format!("{input}: {e}"))?;
    library.extend(footer(&platform, version)?);
    replace(Path::new(output), &library).map_err(|e| format!("{output}: {e}").into())
}

/// The section with its fields; the signature is left zero.
fn footer(platform: &str, version: &str) -> Result<Vec<u8>, String> {
    let mut footer = SECTION.to_vec();
    for field in ["", "", "", ABI, version, C_API, platform, MAGIC] {
        let mut bytes = [0; 32];
        bytes
            .get_mut(..field.len())
            .ok_or_else(|| format!("\"{field}\" is longer than 32 bytes"))?
            .copy_from_slice(field.as_bytes());
        footer.extend(bytes);
    }
    footer.extend([0; 256]);
    Ok(footer)
}

/// DuckDB's name for a platform.
fn platform_of(os: &str, arch: &str) -> Result<String, String> {
    let os = match os {
        "linux" | "windows" => os,
        "macos" => "osx",
        _ => return Err(format!("DuckDB has no name for {os}; give the platform")),
    };
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        _ => return Err(format!("DuckDB has no name for {arch}; give the platform")),
    };
    Ok(format!("{os}_{arch}"))
}

/// Writes beside the file and renames, so that a process that has the old one loaded keeps it whole.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let result = fs::write(&name, bytes).and_then(|()| fs::rename(&name, path));
    if result.is_err() {
        let _ = fs::remove_file(&name);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_as_duckdb_reads_it() {
        let footer = footer("linux_amd64", "v0.1.0").unwrap();
        assert_eq!(footer.len(), 22 + 512);
        let field = |i: usize| {
            String::from_utf8(footer[footer.len() - 256 - 32 * i..][..32].to_vec()).unwrap()
        };
        let fields: Vec<String> = (1..=8)
            .map(|i| field(i).trim_end_matches('\0').to_owned())
            .collect();
        assert_eq!(
            fields,
            [
                "4",
                "linux_amd64",
                "v1.2.0",
                "v0.1.0",
                "C_STRUCT",
                "",
                "",
                ""
            ]
        );
        assert!(footer[footer.len() - 256..].iter().all(|b| *b == 0));
    }

    #[test]
    fn refuses_a_long_field() {
        assert_eq!(
            super::footer(&"x".repeat(33), "v1").unwrap_err(),
            format!("\"{}\" is longer than 32 bytes", "x".repeat(33))
        );
    }

    #[test]
    fn knows_platforms() {
        assert_eq!(platform_of("macos", "aarch64").unwrap(), "osx_arm64");
        assert!(platform_of("freebsd", "x86_64").is_err());
    }
}
