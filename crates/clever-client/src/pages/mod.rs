//! A list of the API: how it is walked (`list`), what a walk needs to know of a page (`page`), and its records as Clever's
//! models (`typed`, `element`).

pub(crate) mod element;
pub(crate) mod list;
pub(crate) mod page;
pub(crate) mod typed;
