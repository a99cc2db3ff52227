//! SQLite and PostgreSQL behind one set of statements.
//!
//! A store writes each statement once: parameters are `?1`, `?2`, …, and tables are named `main.TABLE`, which is what
//! SQLite calls the database of a connection. In PostgreSQL, `main` becomes the schema of the store, so that nothing
//! relies on a `search_path`, and the app's own tables are no obstacle. Lists, bulk loads and transactions, which
//! the two spell differently, are [`Kind::among`], [`Backend::insert`] and [`Transaction`].
//!
//! ```
//! use clever_sql::{Backend, Open, Sqlite, Tables, Transaction, Value, Version, migrate};
//!
//! const TABLES: Tables = Tables {
//!     store: "shelf",
//!     versions: &[Version::both("CREATE TABLE works (id TEXT PRIMARY KEY, pages BIGINT NOT NULL)")],
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut db = Sqlite::in_memory()?;
//! migrate(&mut db, &TABLES, Open::Create).await?;
//! let mut writing = Transaction::write(&mut db).await?;
//! writing.execute("INSERT INTO main.works VALUES (?1, ?2)", &["Emma".into(), 474_i64.into()]).await?;
//! writing.commit().await?;
//! let sql = format!("SELECT pages FROM main.works WHERE id {}", db.kind().among(1));
//! let rows = db.query(&sql, &[Value::texts(["Emma", "Persuasion"])]).await?;
//! assert_eq!(rows.into_iter().next().map(|mut row| row.int(0)).transpose()?, Some(474));
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `postgres`, an address may be `postgres://USER@HOST/DATABASE`; [`Address`] lists what it may say of
//! TLS and of the schema.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "document-features",
    doc = "\n# Features\n",
    doc = document_features::document_features!()
)]
#![forbid(unsafe_code)]

mod address;
mod backend;
mod error;
mod migrate;
mod row;
mod sweep;
#[cfg(feature = "postgres")]
mod tls;
mod transaction;
mod value;

pub use address::{Address, AddressError, DEFAULT_SCHEMA};
#[cfg(feature = "postgres")]
pub use address::{PostgresAddress, SslMode};
#[cfg(feature = "postgres")]
pub use backend::postgres::Postgres;
pub use backend::sqlite::Sqlite;
pub use backend::{Backend, Kind, Open, Session, any::Database};
pub use error::{DatabaseError, TlsError};
pub use migrate::{Tables, Version, migrate, version};
pub use row::{Row, RowRef};
pub use sweep::sweep;
pub use transaction::{Connected, Transaction};
pub use value::{Type, Value};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
