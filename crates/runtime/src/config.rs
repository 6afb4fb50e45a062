//! Daemon configuration: one TOML file into a plain struct. An unknown key or a wrong type is an error that
//! names the file, the line and what was expected; nothing is guessed.

use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Largest configuration file read, 4 MiB.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// Why a configuration file is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Absurdly large: the wrong file.
    #[error("{} has {size} bytes; a configuration file has less than {MAX_SIZE}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// TOML, key or type is wrong. The text carries line, column and what was expected.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, column, expectation.
        message: String,
    },
    /// A secret's file or variable is missing.
    #[error("{key}: {why}")]
    Secret {
        /// The key that names it.
        key: &'static str,
        /// What is missing.
        why: String,
    },
}

/// Reads `path` into `T`. Give `T` and its parts `#[serde(deny_unknown_fields)]`.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let read = |source| ConfigError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(read)?.len();
    if size > MAX_SIZE {
        return Err(ConfigError::TooLarge { path: path.to_owned(), size });
    }
    parse(path, &std::fs::read_to_string(path).map_err(read)?)
}

/// Reads text that came from `path`.
pub fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text)
        .map_err(|error| ConfigError::Invalid { path: path.to_owned(), message: error.to_string() })
}

/// Reads a secret from a file, without its trailing line end. The file's content is never in an error.
pub fn secret(key: &'static str, path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Secret {
        key,
        why: format!("cannot read {}: {error}", path.display()),
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(ConfigError::Secret { key, why: format!("{} is empty", path.display()) });
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Listen {
        #[allow(dead_code, reason = "only read by the parser")]
        port: u16,
    }

    #[test]
    fn errors_name_file_line_and_what_was_expected() {
        let path = Path::new("edge.toml");
        let unknown = parse::<Listen>(path, "port = 1\nprot = 2\n").unwrap_err().to_string();
        assert!(
            unknown.contains("edge.toml") && unknown.contains("line 2") && unknown.contains("`port`"),
            "{unknown}"
        );
        let wrong = parse::<Listen>(path, "port = \"x\"\n").unwrap_err().to_string();
        assert!(wrong.contains("line 1") && wrong.contains("u16"), "{wrong}");
    }
}
