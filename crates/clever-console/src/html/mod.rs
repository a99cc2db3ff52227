//! What pages are made of.

mod page;
mod parts;
mod pictures;

pub(crate) use page::{Sent, page, trouble};
pub(crate) use parts::{badge, capital, empty, form, kind_of, names, shown, time, why};
pub(crate) use pictures::{bars, columns, line, strip};
