//! Where nobody listens any more.

use url::Url;

/// An address of this machine that refuses connections.
pub(crate) fn nobody() -> Url {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", gone.local_addr().unwrap())
        .parse()
        .unwrap()
}
