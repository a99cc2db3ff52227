//! The engine behind TLS: what docs/fleet.md says of certificates and of the API key holds, and who is not trusted is refused.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, Response};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::ground::Fleet;
use crate::ground::errors;

const MINUTE: Duration = Duration::from_secs(60);

/// An authority that only this test knows.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// Makes one, whose certificate lies in this file.
    fn new(file: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        fs::write(file, authority.pem()).unwrap();
        Self(authority)
    }

    /// Signs a certificate for a name; gives it and its key.
    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// How a server of the name `localhost` speaks TLS, whose clients need a certificate of this authority if `is_mutual`.
    fn server(&self, is_mutual: bool) -> TlsAcceptor {
        let (certificate, key) = self.sign("localhost");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if is_mutual {
            let mut roots = RootCertStore::empty();
            let own: CertificateDer<'_> = self.0.der().clone();
            roots.add(own).unwrap();
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(clients.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let mut config = builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Listens with TLS, and passes on in clear text to this address; gives its port.
async fn before(address: String, tls: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (tls, address) = (tls.clone(), address.clone());
            tokio::spawn(async move {
                let mut near = tls.accept(near).await?;
                let mut far = TcpStream::connect(address).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    port
}

/// The code and the exit code with which `fleet status` ends in this environment, and everything that it says.
fn status(fleet: &Fleet, env: &[(&str, &str)]) -> (Option<i32>, Value, String) {
    let mut command = fleet.command(&["fleet", "status", "--json"]);
    let output = command.envs(env.iter().copied()).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    (
        output.status.code(),
        document["error"]["code"].clone(),
        format!("{document} {}", errors(&output)),
    )
}

fn is_done(line: &Value) -> bool {
    line["outcome"] == "done" && line["running_since"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_and_commands_reach_an_engine_over_tls_that_they_trust_and_that_trusts_them() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    let folder = fleet.many.folder.path().to_owned();
    let file = |name: &str| folder.join(name).display().to_string();
    let authority = Authority::new(&folder.join("ca.pem"));
    Authority::new(&folder.join("other.pem"));
    let (certificate, key) = authority.sign("worker");
    fs::write(file("worker.pem"), certificate.pem()).unwrap();
    fs::write(file("worker.key"), key.serialize_pem()).unwrap();
    let port = before(fleet.engine.address(), authority.server(true)).await;
    fleet.apply(&[]);
    let address = format!("localhost:{port}");
    let (ca, other) = (file("ca.pem"), file("other.pem"));
    let (certificate, key) = (file("worker.pem"), file("worker.key"));
    let whole = [
        ("TEMPORAL_ADDRESS", address.as_str()),
        ("TEMPORAL_TLS_SERVER_CA_CERT_PATH", &ca),
        ("TEMPORAL_TLS_CLIENT_CERT_PATH", &certificate),
        ("TEMPORAL_TLS_CLIENT_KEY_PATH", &key),
    ];
    let env = whole.map(|(name, value)| (name, value.to_owned()));
    let worker = fleet.worker_by(&env, &[]);
    fleet.until(MINUTE, "the first load", is_done).await;
    let (exit, code, said) = status(&fleet, &whole);
    assert_eq!((exit, code), (Some(0), Value::Null), "{said}");
    assert_eq!(worker.stop(), Some(0));
    // The same from a profile; and by another name than the certificate's, if that is said.
    let profile = format!(
        "[profile.secure]\naddress = \"127.0.0.1:{port}\"\n[profile.secure.tls]\nserver_name = \"localhost\"\n\
         server_ca_cert_path = \"{ca}\"\nclient_cert_path = \"{certificate}\"\nclient_key_path = \"{key}\"\n"
    );
    fs::write(file("temporal.toml"), profile).unwrap();
    let profile = file("temporal.toml");
    let mut command = fleet.command(&["fleet", "status", "--json"]);
    command.env_remove("TEMPORAL_ADDRESS");
    command.env("TEMPORAL_CONFIG_FILE", profile);
    let output = command.env("TEMPORAL_PROFILE", "secure").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    // Refused: another authority, and another name.
    let with = |at: usize, name: &'static str, value: &'_ str| {
        let mut changed = whole.map(|(name, value)| (name, value.to_owned()));
        changed[at] = (name, value.to_owned());
        changed
    };
    for case in [
        with(1, "TEMPORAL_TLS_SERVER_CA_CERT_PATH", &other),
        with(0, "TEMPORAL_ADDRESS", &format!("127.0.0.1:{port}")),
    ] {
        let case: Vec<(&str, &str)> = case.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let (exit, code, said) = status(&fleet, &case);
        assert_eq!(
            (exit, code),
            (Some(1), "engine_tls".into()),
            "{case:?}: {said}"
        );
        assert!(said.contains("TEMPORAL_TLS_SERVER_CA_CERT_PATH"), "{said}");
    }
    // A client without a certificate is sent away after the handshake: the connection may end before the reason arrives. Whoever
    // speaks no TLS gets no answer at all.
    let without = [
        (&whole[..2], &["engine_tls", "engine_unreachable"][..]),
        (&whole[..1], &["engine_unreachable"]),
    ];
    for (env, codes) in without {
        let (exit, code, said) = status(&fleet, env);
        assert_eq!(exit, Some(1), "{said}");
        assert!(codes.contains(&code.as_str().unwrap()), "{said}");
        assert!(said.contains("TEMPORAL_TLS_"), "{said}");
    }
}

/// An engine that lets nobody in, over TLS; gives its port, and notes what it hears.
async fn strict(tls: TlsAcceptor, heard: Arc<Mutex<Vec<HeaderMap>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (tls, heard) = (tls.clone(), Arc::clone(&heard));
            tokio::spawn(async move {
                let near = tls.accept(near).await.unwrap();
                let mut asked = h2::server::handshake(near).await.unwrap();
                while let Some(Ok((request, mut respond))) = asked.accept().await {
                    heard.lock().unwrap().push(request.headers().clone());
                    // What gRPC calls `unauthenticated`.
                    let refused = Response::builder()
                        .header("content-type", "application/grpc")
                        .header("grpc-status", "16")
                        .body(())
                        .unwrap();
                    respond.send_response(refused, true).unwrap();
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_sent_over_tls_and_said_by_nobody() {
    const KEY: &str = "a-key-that-nobody-sees";
    let many = crate::all_districts::Many::of(1, clever_emulator::EmulatorConfig::default()).await;
    let ca = many.folder.path().join("ca.pem");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let authority = Authority::new(&ca);
    let port = strict(authority.server(false), Arc::clone(&heard)).await;
    let mut command = many.command(&["fleet", "status", "--json"]);
    let output = command
        .env("CLEVER_STORE", many.store.url())
        .env("TEMPORAL_CONFIG_FILE", "/dev/null")
        .env("TEMPORAL_ADDRESS", format!("localhost:{port}"))
        .env("TEMPORAL_API_KEY", KEY)
        .env("TEMPORAL_TLS_SERVER_CA_CERT_PATH", &ca)
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let said = format!("{told} {}", errors(&output));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(told["error"]["code"], "engine_refused", "{said}");
    assert!(!said.contains(KEY), "{said}");
    let heard = heard.lock().unwrap();
    assert_eq!(heard[0]["authorization"], format!("Bearer {KEY}"));
}
