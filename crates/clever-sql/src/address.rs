//! Addresses of databases.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

#[cfg(feature = "postgres")]
pub(crate) mod postgres;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresAddress, SslMode};

/// The schema in PostgreSQL that a store's tables are in, if the address names none.
pub const DEFAULT_SCHEMA: &str = "clever";

/// Where a database is.
///
/// `sqlite:PATH` is a file. With the feature `postgres`, an address may also be `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`. A character of the password that is not a
/// letter or a digit is written in percent form (`%40` for `@`). After the question mark, parted by `&`:
///
/// | parameter | says |
/// | --- | --- |
/// | `schema=NAME` | the schema of the tables, `clever` if it is left out |
/// | `sslmode=disable` | no TLS |
/// | `sslmode=prefer` | TLS unless the server says that it has none; the certificate is not checked. The default |
/// | `sslmode=require` | TLS; the certificate is not checked unless `sslrootcert` is given, and then as `verify-ca` |
/// | `sslmode=verify-ca` | TLS, with a certificate that a trusted authority signed |
/// | `sslmode=verify-full` | that, and the certificate is for this host |
/// | `sslrootcert=FILE` | the authorities to trust, in PEM; `system`, which is the default, for those of the system. Without an `sslmode`, it means `verify-full` |
/// | `sslcert=FILE`, `sslkey=FILE` | a certificate of this client and its key, in PEM |
/// | `host=FOLDER` | the folder of the server's socket, in the host's place |
/// | `connect_timeout=SECONDS` | how long to wait for the server, 30 if it is left out |
/// | `tcp_user_timeout=SECONDS` | after how long a silence a connection is given up, 120 if it is left out |
/// | `application_name`, `channel_binding`, `hostaddr`, `keepalives…`, `load_balance_hosts`, `options`, `port`, `sslnegotiation`, `target_session_attrs` | what they say to libpq |
///
/// `Debug` shows no password.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Address {
    /// A file of SQLite's.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresAddress>),
}

/// Why a text is no address. It never quotes a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It begins like no database's.
    #[error("a database is written `sqlite:PATH` or `postgres://USER@HOST/DATABASE`")]
    Scheme,
    /// This program was built without PostgreSQL.
    #[error("this program was built without PostgreSQL")]
    NoPostgres,
    /// It begins like SQLite's, and what follows is no file's path.
    #[error(
        "in `sqlite:PATH`, PATH is a file's, neither `:memory:`, which would keep nothing, nor `file:…` or `PATH?…`"
    )]
    Path,
    /// It has a part that can't be read.
    #[error("the {part} in the address {what}")]
    Part {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It has a parameter that is not known.
    #[error("the address has a parameter `{name}` that is not known")]
    Unknown {
        /// The parameter.
        name: String,
    },
    /// A parameter has a value that it can't have.
    #[error("`{name}` in the address {what}")]
    Parameter {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// SQLite has no schemas.
    #[error("a schema is for PostgreSQL: SQLite has one file for each store")]
    NoSchemas,
    /// A schema has a name that it can't have.
    #[error(
        "a schema's name has 1 to 63 bytes, no quotes and no control characters, and does not begin with `pg_`"
    )]
    Schema,
}

impl AddressError {
    /// Says what to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoPostgres => "build it with the feature `postgres`",
            Self::Path => "write the path alone, as in sqlite:clever.db",
            Self::Part { .. } => {
                "in a user, a password or a database, write characters other than letters and digits in percent form: `%40` for `@`, `%2F` for `/`"
            }
            Self::Unknown { .. } => "docs/sync.md lists the parameters of an address",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl Address {
    /// Reads an address. The name of a database file alone is SQLite's.
    ///
    /// # Errors
    ///
    /// [`AddressError`] names the part that is wrong, never its value.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let ends = [".db", ".sqlite", ".sqlite3"];
        let ends_so = |end: &&str| text.len() > end.len() && text.ends_with(*end);
        if ends.iter().any(ends_so) && !text.contains(':') {
            return Ok(Self::Sqlite(text.into()));
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            // What SQLite takes for something else than a path would be a store that keeps nothing, or a file that nobody meant.
            let path = path.strip_prefix("//").unwrap_or(path);
            let odd = path.is_empty() || path.starts_with(':') || path.starts_with("file:");
            return if odd || path.contains('?') {
                Err(AddressError::Path)
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        let postgres = ["postgres://", "postgresql://"];
        let Some(rest) = postgres
            .into_iter()
            .find_map(|scheme| text.strip_prefix(scheme))
        else {
            return Err(AddressError::Scheme);
        };
        #[cfg(feature = "postgres")]
        return PostgresAddress::parse(rest).map(|address| Self::Postgres(Box::new(address)));
        #[cfg(not(feature = "postgres"))]
        {
            let _ = rest;
            Err(AddressError::NoPostgres)
        }
    }

    /// Puts the tables into this schema, whatever the address says.
    ///
    /// # Errors
    ///
    /// [`AddressError::NoSchemas`] for SQLite, [`AddressError::Schema`] for a name that can't be one.
    pub fn with_schema(self, name: &str) -> Result<Self, AddressError> {
        match (self, schema(name)?) {
            (Self::Sqlite(_), _) => Err(AddressError::NoSchemas),
            #[cfg(feature = "postgres")]
            (Self::Postgres(mut address), schema) => {
                address.schema = schema;
                Ok(Self::Postgres(address))
            }
        }
    }
}

/// As it was given, without its password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => write!(f, "{address}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

/// Checks a schema's name. It stands in statements between quotes.
pub(crate) fn schema(name: &str) -> Result<String, AddressError> {
    let odd = |c: char| c.is_control() || matches!(c, '"' | '\'');
    if name.is_empty() || name.len() > 63 || name.contains(odd) || name.starts_with("pg_") {
        return Err(AddressError::Schema);
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_sqlite_are_paths() {
        let file = |text: &str| match Address::parse(text) {
            Ok(Address::Sqlite(path)) => path.display().to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(file("sqlite:a.db"), "a.db");
        assert_eq!(file("sqlite:///var/a.db"), "/var/a.db");
        assert_eq!(file("sqlite:a b&c.db"), "a b&c.db");
        // A file of a database alone.
        assert_eq!(file("a.db"), "a.db");
        assert_eq!(file("/var/x.sqlite3"), "/var/x.sqlite3");
        for (text, error) in [
            ("sqlite:", AddressError::Path),
            ("sqlite::memory:", AddressError::Path),
            ("sqlite://:memory:", AddressError::Path),
            ("sqlite:file:a.db", AddressError::Path),
            ("sqlite:a.db?mode=ro", AddressError::Path),
            ("a.txt", AddressError::Scheme),
            (".db", AddressError::Scheme),
            ("mysql://u:secret@h/d", AddressError::Scheme),
        ] {
            assert_eq!(Address::parse(text).unwrap_err(), error, "{text}");
        }
        let sqlite = Address::parse("sqlite:a.db").unwrap();
        assert_eq!(
            sqlite.with_schema("s").unwrap_err(),
            AddressError::NoSchemas
        );
    }
}
