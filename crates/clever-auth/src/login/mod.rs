//! The login as a machine without I/O: callbacks in, decisions out.
//!
//! A code is redeemed only in the browser that began its login, which the sealed cookie proves. Clever's
//! portal and Library send people with a code and no `state`: that code is dropped and the login begins
//! again, which costs one hop that nobody notices and keeps strangers' codes out (login CSRF).

mod callback;
mod codes;
pub mod cookies;
mod error;
mod identify;
mod pending;
mod query;
pub(crate) mod safe_path;
mod start;

pub use callback::{Arrival, Rejection, Repeat};
pub use error::LoginError;
pub use identify::{DeliveryKey, Identify, Link, Login, Redeem, SignedIn};
pub(crate) use pending::challenge;
pub use query::ErrorCode;
pub use start::{Departure, LinkRequest, LoginFlow, SessionDigest, StatePolicy};
