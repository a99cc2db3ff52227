//! Low-level clients for the Clever API: one generated module per API version, and the runtime that
//! they share.

pub mod page;
