//! Signing in: Clever's pages and ways in, codes, tokens and OpenID Connect.

pub(crate) mod app;
pub(crate) mod codes;
mod keys;
pub(crate) mod openid;
pub(crate) mod pages;
pub(crate) mod parameters;
pub(crate) mod role;
mod tokens;
mod ways;

pub(crate) use tokens::Owner;

#[cfg(test)]
mod tests;
