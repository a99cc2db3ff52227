//! The sign-in routes in a small application, with a browser of a few lines and a Clever of fewer.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod browser;
mod causes;
mod edges;
mod links;
mod places;
mod shared;
mod sign_in;
mod site;
