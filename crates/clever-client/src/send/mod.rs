//! The one road of every request, to the API and to the login service alike: what it is sent with (`wire`), what can come
//! of one attempt (`failure`), what may be tried again and when (`retry`), how often (`attempts`), how fast one
//! token may go (`governor`), and a compressed body as it was (`unpack`).

pub(crate) mod attempts;
pub(crate) mod body;
pub(crate) mod failure;
pub(crate) mod governor;
pub(crate) mod retry;
mod unpack;
pub(crate) mod wire;
