//! Addresses that may be called.

use url::{Host, Url};

use crate::error::SetupError;

/// Refuses an address that can't carry requests, or would show the token to the network.
///
/// # Errors
///
/// [`SetupError::Address`] and [`SetupError::Insecure`], which show no password.
pub(crate) fn check(url: &Url) -> Result<(), SetupError> {
    let shown = || {
        let mut shown = url.clone();
        // An address may carry a password; one that can't has none to hide.
        let _ = shown.set_password(None);
        shown.to_string()
    };
    if !url.has_host() {
        return Err(SetupError::Address(shown()));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_of_this_machine(url) => Ok(()),
        "http" => Err(SetupError::Insecure(shown())),
        _ => Err(SetupError::Address(shown())),
    }
}

/// Says whether an address is of this machine, so that nobody on the way reads what goes there.
fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    }
}
