//! Pages for whoever must judge: how districts stand, what a sync holds and why, whose account it is, and the way back.
//!
//! [`Console`] is an axum router under a path of its own. It reads and writes through `clever-sync` and `clever-provision`
//! alone, by the functions that `cleverctl` uses too, and has no SQL of its own. Pages are made on the server and whole
//! without scripts. [`Role`] says in one place what somebody may do; each deed is a row of the store's table `audit`, with who did it and
//! why.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "document-features",
    doc = "\n# Features\n",
    doc = document_features::document_features!()
)]

mod acts;
mod api;
mod console;
mod door;
mod html;
mod looks;
mod pages;
mod site;
mod stores;
mod trouble;
mod who;

pub use api::{NewToken, new_token, openapi};
pub use console::Console;
pub use door::{OpenId, RolesBy};
pub use site::{Alerts, Options, Runner, Started};
pub use stores::{Directory, Stores};
pub use who::{Gate, NoRole, Person, Role};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
