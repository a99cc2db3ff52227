//! TLS for PostgreSQL: whom to trust, and what went wrong in words.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::SslNegotiation;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::postgres::Roots;
use crate::address::{PostgresAddress, SslMode};
use crate::error::TlsError;

/// Makes encrypted connections as an address says, and knows whether the last one became one.
#[derive(Clone)]
pub(crate) struct Tls {
    make: MakeRustlsConnect,
    used: Arc<AtomicBool>,
}

impl Tls {
    /// Reads the certificates that the address names.
    pub(crate) fn new(address: &PostgresAddress) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::new(address, &provider)?);
        let failed = |error: rustls::Error| TlsError::Handshake {
            host: address.hosts(),
            source: Box::new(error),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &address.client {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates("sslcert", certificate)?;
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| unread("sslkey", key, &error))?;
                let odd = |error: rustls::Error| unread("sslkey", key, &error);
                config.with_client_auth_cert(chain, secret).map_err(odd)?
            }
        };
        if address.config.get_ssl_negotiation() == SslNegotiation::Direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(Self {
            make: MakeRustlsConnect::new(config),
            used: Arc::default(),
        })
    }

    /// Says whether the server that was connected to last agreed to TLS.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }
}

impl<S> MakeTlsConnect<S> for Tls
where
    MakeRustlsConnect: MakeTlsConnect<S>,
{
    type Stream = <MakeRustlsConnect as MakeTlsConnect<S>>::Stream;
    type TlsConnect = Watched<<MakeRustlsConnect as MakeTlsConnect<S>>::TlsConnect>;
    type Error = <MakeRustlsConnect as MakeTlsConnect<S>>::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        self.used.store(false, Ordering::Relaxed);
        Ok(Watched {
            inner: self.make.make_tls_connect(domain)?,
            used: Arc::clone(&self.used),
        })
    }
}

/// A connection about to be encrypted. The driver asks for it only if the server agreed to TLS.
pub(crate) struct Watched<T> {
    inner: T,
    used: Arc<AtomicBool>,
}

impl<S, T: TlsConnect<S>> TlsConnect<S> for Watched<T> {
    type Stream = T::Stream;
    type Error = T::Error;
    type Future = T::Future;

    fn connect(self, stream: S) -> Self::Future {
        self.used.store(true, Ordering::Relaxed);
        self.inner.connect(stream)
    }
}

/// Judges a server's certificate as the `sslmode` says.
#[derive(Debug)]
struct Verifier {
    /// The authorities to trust; none if anybody is.
    roots: Option<RootCertStore>,
    /// The certificates of the file of authorities, as they are.
    pinned: Vec<CertificateDer<'static>>,
    name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(address: &PostgresAddress, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let (mut roots, mut pinned) = (RootCertStore::empty(), Vec::new());
        let judges = address.mode >= SslMode::VerifyCa;
        match &address.roots {
            _ if !judges => {}
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(TlsError::NoSystemRoots);
                }
            }
            Roots::File(path) => {
                pinned = certificates("sslrootcert", path)?;
                roots.add_parsable_certificates(pinned.iter().cloned());
            }
        }
        Ok(Self {
            roots: judges.then_some(roots),
            pinned,
            name: address.mode >= SslMode::VerifyFull,
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.algorithms.all;
            let judged = verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            );
            match judged {
                // PostgreSQL's manual makes such certificates: signed by themselves, as an authority. If the file
                // of authorities holds this very one, it is trusted. Its dates were looked at before.
                Err(error) if is_authority(&error) && self.pinned.contains(end_entity) => {}
                judged => judged?,
            }
            if self.name {
                verify_server_name(&certificate, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Says whether a certificate was refused only because it is an authority's.
fn is_authority(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
    }
}

fn unread(option: &'static str, path: &Path, error: &dyn std::error::Error) -> TlsError {
    TlsError::File {
        option,
        path: path.display().to_string(),
        what: error.to_string(),
    }
}

fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all: Vec<_> =
        read.map_err(|error: rustls::pki_types::pem::Error| unread(option, path, &error))?;
    if all.is_empty() {
        return Err(unread(
            option,
            path,
            &io::Error::other("it has no certificate"),
        ));
    }
    Ok(all)
}

/// Finds the reason in words, if a connection failed because of TLS.
pub(crate) fn reason(
    error: &(dyn std::error::Error + 'static),
    address: &PostgresAddress,
) -> Option<TlsError> {
    let host = address.hosts();
    let mut cause = Some(error);
    while let Some(one) = cause {
        // The driver's own words, by which alone it tells this.
        if one.to_string() == "server does not support TLS" {
            return Some(TlsError::NotOffered { host });
        }
        let inner = one
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(error) = inner.or_else(|| one.downcast_ref::<rustls::Error>()) {
            return Some(explained(error, host, address));
        }
        cause = one.source();
    }
    None
}

fn explained(error: &rustls::Error, host: String, address: &PostgresAddress) -> TlsError {
    let bad = match error {
        rustls::Error::InvalidCertificate(bad) => bad,
        rustls::Error::AlertReceived(alert) => {
            return TlsError::Client {
                host,
                what: format!("{alert:?}"),
            };
        }
        error => {
            return TlsError::Handshake {
                host,
                source: Box::new(error.clone()),
            };
        }
    };
    match bad {
        // Two authorities of one name differ in their keys.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsError::UnknownAuthority {
                host,
                trusted: match &address.roots {
                    Roots::System => "the system's list".to_owned(),
                    Roots::File(path) => path.display().to_string(),
                },
            }
        }
        CertificateError::NotValidForNameContext { presented, .. } => TlsError::WrongName {
            host,
            names: names(presented),
        },
        CertificateError::NotValidForName => TlsError::WrongName {
            host,
            names: names(&[]),
        },
        other => TlsError::Certificate {
            host,
            what: match other {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "it has expired".to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "it is not valid yet".to_owned()
                }
                CertificateError::Revoked => "it is revoked".to_owned(),
                _ if is_authority(error) => {
                    "it is an authority's own and no server's (CA:TRUE)".to_owned()
                }
                other => other.to_string(),
            },
        },
    }
}

/// The names of a certificate. What names none is an old one, with a common name alone.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no host: it has no `subjectAltName`".to_owned();
    }
    // As rustls shows them: `DnsName("db.example")`.
    let plain = presented.iter().map(|name| match name.split('"').nth(1) {
        Some(name) => format!("`{name}`"),
        None => name.clone(),
    });
    plain.collect::<Vec<_>>().join(", ")
}
