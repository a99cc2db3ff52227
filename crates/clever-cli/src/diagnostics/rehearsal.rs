//! What stopped a rehearsal, and what to do.

#[cfg(feature = "certify")]
use clever_certify::RehearsalError;

use super::cause::Cause;
#[cfg(feature = "certify")]
use super::cause::{failed, usage};

/// Nobody rehearses with this build.
#[cfg(not(feature = "certify"))]
pub(super) fn cause(_: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    None
}

/// What is known of an error of a rehearsal.
#[cfg(feature = "certify")]
pub(super) fn cause(error: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    Some(match error.downcast_ref()? {
        RehearsalError::NoCallback(_) => usage(
            "no_callback",
            "name the address that the app has registered at Clever, with --callback URL",
        ),
        _ => failed(
            "no_app",
            "start the app, pointed at this Clever (docs/certify.md), or name its address with --app",
        ),
    })
}
