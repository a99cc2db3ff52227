//! The address of a store, as people write it and as it may be shown.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clever_sql::{Address, AddressError};
use clever_sync::{AnyStore, Open, StoreError};

/// A store's address, which shows no password.
#[derive(Debug, Clone)]
pub(crate) struct StoreUrl(Address);

impl StoreUrl {
    /// The SQLite file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.0 {
            Address::Sqlite(path) => Some(path),
            _ => None,
        }
    }

    /// The address itself.
    #[cfg(feature = "console")]
    pub(crate) fn address(&self) -> &Address {
        &self.0
    }

    /// The same in this schema, if one is named.
    pub(crate) fn in_schema(self, schema: Option<&str>) -> Result<Self, AddressError> {
        match schema {
            Some(name) => self.0.with_schema(name).map(Self),
            None => Ok(self),
        }
    }

    /// Opens the store in this way.
    pub(crate) async fn opened(&self, how: Open) -> Result<AnyStore, StoreError> {
        AnyStore::open(&self.0, how).await
    }

    /// Opens the store; makes it where there is none.
    pub(crate) async fn open(&self) -> Result<AnyStore, StoreError> {
        self.opened(Open::Create).await
    }

    /// Opens the store if there is one.
    pub(crate) async fn open_existing(&self) -> Result<AnyStore, StoreError> {
        self.opened(Open::Existing).await
    }

    /// Opens the store if there is one, to look at it: one that can only be read does.
    pub(crate) async fn look(&self) -> Result<AnyStore, StoreError> {
        self.opened(Open::Look).await
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for StoreUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_file_alone_is_an_address() {
        for (text, path) in [
            ("x.db", "x.db"),
            ("/var/lib/x.sqlite", "/var/lib/x.sqlite"),
            ("../a b.sqlite3", "../a b.sqlite3"),
        ] {
            let store = text.parse::<StoreUrl>().unwrap();
            assert_eq!(store.path(), Some(Path::new(path)), "{text}");
        }
    }

    #[test]
    fn store_addresses_read() {
        assert_eq!(
            "sqlite:a.db".parse::<StoreUrl>().unwrap().path(),
            Some(Path::new("a.db"))
        );
        assert_eq!(
            "sqlite:///var/lib/a".parse::<StoreUrl>().unwrap().path(),
            Some(Path::new("/var/lib/a"))
        );
        // Two that keep nothing or make a file of that name (case 20 of the field), among others.
        for wrong in [
            "",
            ".db",
            "a.txt",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:file:x.db",
            "sqlite:x.db?mode=ro",
            "postgres://[/x",
            "postgres://h/d?sslmode=allow",
        ] {
            assert!(wrong.parse::<StoreUrl>().is_err(), "{wrong}");
        }
        let server: StoreUrl = "postgres://app:secret@db/roster?password=secret&sslmode=require"
            .parse()
            .unwrap();
        assert!(!format!("{server:?}").contains("secret"));
        let server = server.in_schema(Some("school")).unwrap();
        assert_eq!(
            server.to_string(),
            "postgres://app@db/roster?sslmode=require&schema=school"
        );
        let file: StoreUrl = "sqlite:a.db".parse().unwrap();
        assert!(file.clone().in_schema(Some("school")).is_err());
        assert!(file.in_schema(None).is_ok());
    }
}
