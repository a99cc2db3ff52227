//! What each Clever token may call, as methods.
//!
//! A [`District`] is made from a district-app token and offers the calls that such a token may make;
//! a [`User`] and a [`LibraryTeacher`] are the same for users' tokens. [`LoginService`] sends what
//! `clever-auth` has decided.
//! Lists are streams of pages that follow Clever's `next` links to their end: a stream that can't
//! reach the end yields an error, never a short list. Retries, rate limits and time-outs live here
//! and nowhere else.
//!
//! # Metrics
//!
//! Every call, to the API and to the login service, is counted through the `metrics` facade. Each metric has the label
//! `service`: `api` or `login`. These names are stable.
//!
//! | Name | Kind | What it says |
//! | --- | --- | --- |
//! | `clever_answers_total` | counter | answers, by `status` as well |
//! | `clever_unanswered_total` | counter | attempts to which no whole answer came |
//! | `clever_retries_total` | counter | attempts that were made again |
//! | `clever_given_up_total` | counter | calls that failed after all their attempts |
//! | `clever_token_renewals_total` | counter | tokens of districts that had changed and were read again |
//! | `clever_answer_bytes_total` | counter | bytes of answers, after decompression |
//! | `clever_answer_seconds` | histogram | from a request to the end of its answer |
//! | `clever_rate_wait_seconds` | histogram | waits for the rate limit |
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "document-features",
    doc = "\n# Features\n",
    doc = document_features::document_features!()
)]

mod call;
mod district;
mod drift;
mod error;
mod notice;
mod options;
mod pages;
mod send;
mod sign_in;
mod user;
#[cfg(feature = "axum")]
pub mod web;

pub use clever_auth::{DistrictAppToken, TokenError};
pub use clever_raw as raw;
pub use clever_raw::page::{LinkFault, RawPage, RawRecord};
pub use district::{ConnectError, District};
pub use error::{ClientError, ErrorKind, SetupError, WalkError};
pub use notice::{Notice, Watch};
pub use options::{ApiVersion, ClientOptions, HttpSetup, UnknownVersion};
pub use pages::element::Element;
pub use pages::list::ListRequest;
pub use pages::typed::TypedList;
pub use reqwest;
pub use send::retry::RetryPolicy;
pub use sign_in::{IssuerKeys, LoginService, Reach, SignInError};
pub use user::{LibraryTeacher, LibraryVersion, User};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
