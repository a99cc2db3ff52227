//! Who comes in, and what each request and answer must have.

mod enter;
mod guard;
mod links;
mod sessions;

pub(crate) use enter::{enter, leave, show};
pub(crate) use guard::guard;
pub(crate) use links::Links;
pub(crate) use sessions::{Sessions, Visitor};
