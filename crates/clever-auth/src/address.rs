//! Addresses to which secrets may go.

use url::{Host, Url};

/// Clever's own domain: nothing that is called there is worth a secret in the clear.
const CLEVER: &str = "clever.com";

/// Why a secret must not go to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsafeAddress {
    /// It can't carry requests.
    #[error("it must be http or https with a host")]
    Form,
    /// Everybody on the way could read what goes there.
    #[error(
        "it is not encrypted: http is accepted for this machine only, or if insecure HTTP is allowed"
    )]
    Insecure,
    /// Clever's own service is asked for without encryption.
    #[error(
        "it is not encrypted: Clever's own addresses are called over https, whatever is allowed"
    )]
    Clever,
}

/// Checks that secrets may go to an address: it is HTTPS, or of this machine. With `insecure_http` any other host may be
/// called over HTTP too, as in a closed network of containers, but never Clever's.
///
/// # Errors
///
/// [`UnsafeAddress`].
pub fn check(url: &Url, insecure_http: bool) -> Result<(), UnsafeAddress> {
    match url.scheme() {
        _ if !url.has_host() => Err(UnsafeAddress::Form),
        "https" => Ok(()),
        "http" if is_of_this_machine(url) => Ok(()),
        "http" if is_clevers(url) => Err(UnsafeAddress::Clever),
        "http" if insecure_http => Ok(()),
        "http" => Err(UnsafeAddress::Insecure),
        _ => Err(UnsafeAddress::Form),
    }
}

/// Says whether an address is of this machine, so that nobody on the way reads what goes there.
#[must_use]
pub fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Says whether an address is in Clever's own domain. A URL's host is in lower case.
fn is_clevers(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    host.strip_suffix(CLEVER)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insecure_http_is_a_choice_and_never_for_clever() {
        use UnsafeAddress::{Clever, Form, Insecure};
        for (address, strict, allowed) in [
            ("https://api.clever.com", Ok(()), Ok(())),
            ("https://emulator", Ok(()), Ok(())),
            ("http://127.0.0.1:8787", Ok(()), Ok(())),
            ("http://[::1]:8787", Ok(()), Ok(())),
            ("http://clever.localhost", Ok(()), Ok(())),
            ("http://emulator:8787", Err(Insecure), Ok(())),
            ("http://192.168.1.7", Err(Insecure), Ok(())),
            ("http://notclever.com", Err(Insecure), Ok(())),
            ("http://clever.com.example", Err(Insecure), Ok(())),
            ("http://localhost.example", Err(Insecure), Ok(())),
            ("http://clever.com", Err(Clever), Err(Clever)),
            ("http://api.clever.com", Err(Clever), Err(Clever)),
            ("http://API.Clever.COM.:80", Err(Clever), Err(Clever)),
            ("http://user@api.clever.com", Err(Clever), Err(Clever)),
            ("ftp://api.clever.com", Err(Form), Err(Form)),
            ("data:text/plain,x", Err(Form), Err(Form)),
        ] {
            let url: Url = address.parse().unwrap();
            assert_eq!(check(&url, false), strict, "{address}");
            assert_eq!(check(&url, true), allowed, "{address}");
        }
    }
}
