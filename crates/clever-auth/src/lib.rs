//! Clever's token kinds as types.
//!
//! A kind of token opens certain calls and no others; here that is a matter of types, so that the
//! wrong call does not compile. The crate does no I/O.

pub mod token;

pub use token::{DistrictAppToken, TokenError};
