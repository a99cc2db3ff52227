//! What stopped a rehearsal, and what to do.

#[cfg(feature = "certify")]
use clever_emulator::certify::RehearsalError;
#[cfg(feature = "certify")]
use clever_emulator::certify::command::CertifyError;

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
    let error: &CertifyError = error.downcast_ref()?;
    let hint = error.hint()?;
    Some(match error {
        CertifyError::App(RehearsalError::NoCallback(_)) => usage("no_callback", hint),
        CertifyError::App(_) => failed("no_app", hint),
        _ => usage("usage", hint),
    })
}
