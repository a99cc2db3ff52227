//! The way to the engine: where it is, and as whom.
//!
//! Address, namespace, TLS and API key are read as every tool of Temporal's reads them: from `TEMPORAL_ADDRESS`,
//! `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS*`, or a profile of `temporal.toml`.
//!
//! A way that carries nothing any more is noticed: whoever connects waits for [`PATIENCE`], a call for half a minute, and a connection
//! that lies idle is asked whether it lives, by the SDK, every half minute.

use std::error::Error;
use std::io;
use std::time::Duration;

use temporalio_client::envconfig::{ConfigError, LoadClientConfigProfileOptions};
use temporalio_client::errors::{ClientConnectError, ClientNewError};
use temporalio_client::tonic::{Code, Status};
use temporalio_client::{Client, ClientOptions, Connection, Url};

use crate::attributes;

/// How long to wait for the engine to take a connection. The system alone would wait for minutes, also when the way is open again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the engine can't be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The settings of the environment or of the profile can't be used.
    #[error("the settings of the engine can't be used: {0}")]
    Settings(&'static str),
    /// The address is none.
    #[error("`{0}` is no address of an engine")]
    Address(String),
    /// Nobody answers.
    #[error("could not connect to the engine at {address}")]
    Unreachable {
        /// Its address, without what may be a secret.
        address: String,
        /// What the client said.
        #[source]
        source: Box<ClientConnectError>,
    },
    /// One of the two does not trust the other's certificate.
    #[error("the engine at {address} and this program don't trust each other: {reason}")]
    Tls {
        /// Its address, without what may be a secret.
        address: String,
        /// What is wrong with a certificate.
        #[source]
        reason: Box<rustls::Error>,
    },
    /// The engine does not let us in with this API key, or without one.
    #[error("the engine at {address} does not let this program in")]
    Refused {
        /// Its address, without what may be a secret.
        address: String,
    },
    /// The client can't be made.
    #[error("the client of the engine could not be made")]
    Client(#[from] ClientNewError),
    /// The search attributes are missing, and can't be made from here.
    #[error("the search attributes could not be made")]
    Attributes(#[source] Box<Status>),
}

/// The engine, and the queue in it that the fleet's work goes through.
#[derive(Clone)]
pub struct Engine {
    pub(crate) client: Client,
    pub(crate) queue: String,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }
}

/// Connects to the engine, and makes the search attributes where they are missing. `address` and `namespace` stand over what
/// the environment says; `identity` is how the engine names this process to whoever looks.
///
/// # Errors
///
/// [`ConnectError`]; it holds no secret.
pub async fn connect(
    address: Option<&str>,
    namespace: Option<&str>,
    queue: &str,
    identity: &str,
) -> Result<Engine, ConnectError> {
    let (mut to, mut options) =
        ClientOptions::load_from_config(LoadClientConfigProfileOptions::default())
            .map_err(|error| ConnectError::Settings(of_settings(&error)))?;
    if let Some(address) = address {
        to.target = target(address, to.tls_options.is_some())?;
    }
    if let Some(namespace) = namespace {
        namespace.clone_into(&mut options.namespace);
    }
    identity.clone_into(&mut to.identity);
    to.connect_timeout.get_or_insert(PATIENCE);
    let shown = shown(&to.target);
    let connection = Connection::connect(to)
        .await
        .map_err(|source| unconnected(shown, source))?;
    let client = Client::new(connection, options)?;
    attributes::register(&client)
        .await
        .map_err(ConnectError::Attributes)?;
    Ok(Engine {
        client,
        queue: queue.to_owned(),
    })
}

/// Why it did not connect. Of what the engine said nothing is repeated if it refused: it is not ours.
fn unconnected(address: String, source: ClientConnectError) -> ConnectError {
    let status = match &source {
        ClientConnectError::SystemInfoCallError(status) => Some(status),
        _ => None,
    };
    let refused = [Code::Unauthenticated, Code::PermissionDenied];
    if status.is_some_and(|status| refused.contains(&status.code())) {
        return ConnectError::Refused { address };
    }
    let tls = of_tls(&source).or_else(|| of_tls(status?));
    match tls.cloned() {
        Some(reason) => ConnectError::Tls {
            address,
            reason: Box::new(reason),
        },
        None => ConnectError::Unreachable {
            address,
            source: Box::new(source),
        },
    }
}

/// What TLS says among the causes of an error.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(one) = cause {
        // Of an error of input and output, the one that it was made from is no source.
        let within = one
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        let within = within.and_then(|error| error.downcast_ref());
        if let Some(found) = within.or_else(|| one.downcast_ref()) {
            return Some(found);
        }
        cause = one.source();
    }
    None
}

/// What is wrong with the settings, without their text: it may hold a key.
fn of_settings(error: &ConfigError) -> &'static str {
    match error {
        ConfigError::ProfileNotFound(_) => "there is no profile of that name in temporal.toml",
        ConfigError::InvalidConfig(_) => "a value of TEMPORAL_* or of temporal.toml is wrong",
        ConfigError::LoadError(_) => "a file that they name can't be read",
    }
}

/// Reads `HOST:PORT` or a whole address.
fn target(address: &str, tls: bool) -> Result<Url, ConnectError> {
    let scheme = if tls { "https" } else { "http" };
    let whole = if address.contains("://") {
        address.to_owned()
    } else {
        format!("{scheme}://{address}")
    };
    Url::parse(&whole)
        .ok()
        .filter(|url| url.host().is_some())
        .ok_or_else(|| ConnectError::Address(address.to_owned()))
}

/// The host and the port, which hold no secret.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port_or_whole() {
        let at = |address, tls| target(address, tls).unwrap().to_string();
        assert_eq!(at("127.0.0.1:7233", false), "http://127.0.0.1:7233/");
        assert_eq!(at("t.example:7233", true), "https://t.example:7233/");
        assert_eq!(
            at("https://t.example:7233", false),
            "https://t.example:7233/"
        );
        assert!(target("", false).is_err());
        let secret = Url::parse("https://user:hush@t.example").unwrap();
        assert_eq!(shown(&secret), "t.example:443");
    }
}
