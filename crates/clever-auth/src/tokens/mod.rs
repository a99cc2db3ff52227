//! Clever's tokens as types: a district's app token (`district`), a user's (`user`), and the list of those that an
//! app has (`grants`).

pub mod district;
pub mod grants;
pub mod user;
