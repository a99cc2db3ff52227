//! Serving: a socket, whose token a request bears, which part of Clever answers, and how the answer is sent.

mod bearer;
mod clock;
pub(crate) mod config;
mod dispatch;
pub(crate) mod doors;
pub(crate) mod emulator;
mod limiter;
mod send;
pub(crate) mod shared;
mod site;
mod ticker;
