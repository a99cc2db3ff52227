//! Both databases through one set of statements, and PostgreSQL over TLS with a server that the tests start.
#![cfg(feature = "postgres")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod both;
mod server;
mod tls;
