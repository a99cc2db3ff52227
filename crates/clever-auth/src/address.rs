//! Addresses to which secrets may go.

use url::{Host, Url};

/// Says whether nobody on the way reads what goes to an address: HTTPS, or this machine.
pub(crate) fn is_private(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => url.has_host(),
        "http" => local,
        _ => false,
    }
}
