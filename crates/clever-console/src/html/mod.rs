//! What pages are made of.

mod page;
mod parts;
mod pictures;

pub(crate) use page::{Sent, Why, onward, page, trouble};
pub(crate) use parts::{
    asks_why, badge, capital, empty, form, kind_of, may_say_why, names, shown, time, why,
};
pub(crate) use pictures::{bars, columns, line, strip};
