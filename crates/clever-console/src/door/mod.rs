//! Who comes in, and what each request and answer must have.

mod enter;
mod guard;
mod links;
mod openid;
mod sessions;

pub(crate) use enter::{enter, leave, show};
pub(crate) use guard::{dress, guard, in_time, other_host, other_origin};
pub(crate) use links::Links;
pub use openid::{OpenId, RolesBy};
pub(crate) use openid::{SignIns, back, begin};
pub(crate) use sessions::{Sessions, Visitor};
