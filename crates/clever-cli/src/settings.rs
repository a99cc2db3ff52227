//! Where things are and how a secret reaches the program.

use std::env::VarError;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clever_auth::DistrictAppToken;

/// The environment variable that holds a district-app token.
pub(crate) const TOKEN_VARIABLE: &str = "CLEVER_TOKEN";

/// Largest token file read, in bytes; a token has about 40.
const MAX_TOKEN_BYTES: u64 = 4096;

/// A store's address: `sqlite:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreUrl(PathBuf);

impl StoreUrl {
    /// The SQLite file.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite:{}", self.0.display())
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("sqlite:") {
            Some("") => Err("the path after `sqlite:` is empty".to_owned()),
            Some(path) => Ok(Self(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))),
            None if text.starts_with("postgres") => {
                Err("this version stores in SQLite only: use `sqlite:PATH`".to_owned())
            }
            None => Err("a store is written `sqlite:PATH`, as in `sqlite:clever.db`".to_owned()),
        }
    }
}

/// Reads the district-app token from `file` (`-` is standard input), else from the environment.
pub(crate) fn district_token(file: Option<&Path>) -> Result<DistrictAppToken> {
    let Some((text, source)) = secret(file, TOKEN_VARIABLE)? else {
        return Err(MissingToken.into());
    };
    DistrictAppToken::new(text).with_context(|| format!("the token in {source} can't be used"))
}

/// Reads a secret from `file` (`-` is standard input), else from the environment's `variable`; gives it
/// with the name of its source.
pub(crate) fn secret(file: Option<&Path>, variable: &str) -> Result<Option<(String, String)>> {
    Ok(Some(match file {
        Some(path) if path == Path::new("-") => (
            read_token(std::io::stdin().lock(), "standard input")?,
            "standard input".to_owned(),
        ),
        Some(path) => {
            let shown = path.display().to_string();
            let open = std::fs::File::open(path)
                .with_context(|| format!("could not open the secret's file {shown}"))?;
            (read_token(open, &shown)?, shown)
        }
        None => match std::env::var(variable) {
            Ok(text) => (text, variable.to_owned()),
            Err(VarError::NotUnicode(_)) => bail!("{variable} is not text"),
            Err(VarError::NotPresent) => return Ok(None),
        },
    }))
}

fn read_token(from: impl Read, shown: &str) -> Result<String> {
    let mut text = String::new();
    from.take(MAX_TOKEN_BYTES)
        .read_to_string(&mut text)
        .with_context(|| format!("could not read the secret from {shown}"))?;
    Ok(text)
}

/// No token was given.
#[derive(Debug)]
pub(crate) struct MissingToken;

impl fmt::Display for MissingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no district-app token: {TOKEN_VARIABLE} is not set")
    }
}

impl std::error::Error for MissingToken {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_addresses_read() {
        assert_eq!(
            "sqlite:a.db".parse::<StoreUrl>().unwrap().path(),
            Path::new("a.db")
        );
        assert_eq!(
            "sqlite:///tmp/a".parse::<StoreUrl>().unwrap().path(),
            Path::new("/tmp/a")
        );
        for wrong in ["", "a.db", "sqlite:", "postgres://localhost/x"] {
            assert!(wrong.parse::<StoreUrl>().is_err(), "{wrong}");
        }
    }
}
