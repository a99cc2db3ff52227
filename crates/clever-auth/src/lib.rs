//! Clever's token kinds as types, and logins that can't be hijacked.
//!
//! A kind of token opens certain calls and no others; here that is a matter of types, so that the
//! wrong call does not compile. A login is a machine that takes callbacks and answers and gives
//! decisions: the crate makes requests and reads answers as plain values, and does no I/O. Time and
//! randomness are passed in.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod address;
pub mod credential;
pub mod issuer;
pub mod login;
pub mod seal;
pub mod tokens;

mod app;
mod discovery;
mod id_token;
mod identity;
mod message;
mod redirect;

pub use app::{App, AppError};
pub use discovery::Discovery;
pub use id_token::{IdTokenError, IdTokenVerifier, KeyNeed, OpenId, READ_FLOOR_S};
pub use identity::{Authority, Disagreement, Entry, UnverifiedEmail, VerifiedLogin};
pub use login::safe_path::{SafePath, UnsafePath};
pub use message::{Answer, AnswerError, Request};
pub use redirect::{RedirectError, RedirectUri};
pub use tokens::district::{DistrictAppToken, TokenError};
pub use tokens::user::{
    KindError, LibraryToken, LoginToken, OwnToken, RawToken, TokenHolder, UserToken,
};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
