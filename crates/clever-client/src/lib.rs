//! What each Clever token may call, as methods.
//!
//! A [`District`] is made from a district-app token and offers the calls that such a token may make;
//! a [`User`] and a [`LibraryTeacher`] are the same for users' tokens. [`LoginService`] sends what
//! `clever-auth` has decided.
//! Lists are streams of pages that follow Clever's `next` links to their end: a stream that can't
//! reach the end yields an error, never a short list. Retries, rate limits and time-outs live here
//! and nowhere else.
//!
//! Through the `metrics` facade it counts `clever_answers_total` (by status), `clever_retries_total`,
//! `clever_token_renewals_total` and `clever_answer_bytes_total`, and measures `clever_answer_seconds` and `clever_rate_wait_seconds`.

mod district;
mod error;
mod governor;
mod list;
mod notice;
mod options;
mod paged;
mod retry;
mod sign_in;
mod transport;
mod typed;
mod user;
#[cfg(feature = "axum")]
pub mod web;

pub use clever_raw as raw;
pub use clever_raw::page::{LinkFault, RawPage, RawRecord};
pub use district::District;
pub use error::{ClientError, ConnectError, ErrorKind, SetupError, WalkError};
pub use list::ListRequest;
pub use notice::{Notice, Watch};
pub use options::{ApiVersion, ClientOptions, UnknownVersion};
pub use retry::RetryPolicy;
pub use sign_in::{IssuerKeys, LoginService, Reach, SignInError};
pub use typed::{Element, TypedList};
pub use user::{LibraryTeacher, LibraryVersion, User};
