//! The data API over a world: which answer a path and a query get. Nothing here does any I/O.

pub(crate) mod attendance;
mod feed;
mod library;
mod listing;
pub(crate) mod lms;
pub(crate) mod me;
mod older;
mod problem;
mod related;
mod relations;
pub(crate) mod roster;
pub(crate) mod target;
mod users;

pub(crate) use problem::problem;
pub(crate) use target::Target;

#[cfg(test)]
mod asked;
#[cfg(test)]
mod feeds;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod versions;
