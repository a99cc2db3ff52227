//! A caller's own HTTP settings: a proxy, a private CA, and what of ours holds whatever the builder says.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clever_auth::address::UnsafeAddress;
use clever_auth::{App, AppError, DistrictAppToken};
use clever_client::{
    ClientError, ClientOptions, District, ErrorKind, HttpSetup, LoginService, RetryPolicy,
    SetupError, reqwest,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use url::Url;

/// What came: the first line of each request.
type Lines = Arc<Mutex<Vec<String>>>;

/// Reads a request's head.
fn head(stream: &mut impl Read) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn first_line(head: &str) -> String {
    head.lines().next().unwrap_or_default().to_owned()
}

/// Answers as Clever does, in a few words.
fn answer(line: &str, stream: &mut impl Write) -> io::Result<()> {
    let body = if line.contains("/oauth/tokens") {
        r#"{"data":[{"owner":{"type":"district","id":"d1"},"access_token":"token-d1"}],"links":[]}"#
    } else {
        r#"{"data":[{"data":{"id":"d1"}}],"links":[]}"#
    };
    let status = if line.contains("/moved/") {
        "302 Found\r\nLocation: http://elsewhere.test/"
    } else {
        "200 OK"
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    stream.flush()
}

/// Serves each connection on a thread of its own.
fn listen(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, serve) = (listener.local_addr().unwrap(), Arc::new(serve));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            // A client that goes away ends its own connection.
            std::thread::spawn(move || drop(serve(stream)));
        }
    });
    address
}

/// A Clever over HTTPS, whose certificate a CA of its own has signed.
fn encrypted(ca: &CertifiedIssuer<'static, KeyPair>) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["api.school.test".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    listen(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        let head = head(&mut stream)?;
        answer(&first_line(&head), &mut stream)?;
        stream.conn.send_close_notify();
        stream.flush()
    })
}

/// A proxy: joins every tunnel to `upstream`, and answers by itself what comes without one.
fn proxy(upstream: SocketAddr) -> (SocketAddr, Lines) {
    let lines = Lines::default();
    let seen = Arc::clone(&lines);
    let address = listen(move |mut client| {
        let head = head(&mut client)?;
        let line = first_line(&head);
        seen.lock().unwrap().push(line.clone());
        if !line.starts_with("CONNECT ") {
            return answer(&line, &mut client);
        }
        let mut server = TcpStream::connect(upstream)?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        std::thread::spawn(move || io::copy(&mut from, &mut to));
        io::copy(&mut server, &mut client)?;
        Ok(())
    });
    (address, lines)
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn options(api_url: &str, http: HttpSetup) -> ClientOptions {
    ClientOptions {
        api_url: api_url.parse().unwrap(),
        http,
        retry: RetryPolicy {
            base_delay: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    }
}

fn through(proxy: SocketAddr) -> HttpSetup {
    let proxy = reqwest::Proxy::all(format!("http://{proxy}")).unwrap();
    HttpSetup::new(move || reqwest::Client::builder().proxy(proxy.clone()))
}

fn district(options: ClientOptions) -> District {
    let token = DistrictAppToken::new("token-d1").unwrap();
    District::new(options, token).unwrap()
}

fn app() -> App {
    let redirect = "https://app.example/callback".parse().unwrap();
    App::new("our-app", "app-secret".to_owned(), redirect).unwrap()
}

#[tokio::test]
async fn the_api_and_sign_in_go_through_a_proxy_and_trust_an_own_ca() {
    let ca = authority();
    let (address, lines) = proxy(encrypted(&ca));
    let certificate = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    let tunnel = reqwest::Proxy::all(format!("http://{address}")).unwrap();
    let http = HttpSetup::new(move || {
        reqwest::Client::builder()
            .tls_certs_only([certificate.clone()])
            .proxy(tunnel.clone())
    });
    let url = "https://api.school.test";
    let options = options(url, http);
    let page = district(options.clone()).district().await.unwrap();
    assert_eq!(page.len(), 1);
    let url: Url = url.parse().unwrap();
    let app = app().at(url.clone(), url).unwrap();
    let grants = LoginService::new(options)
        .unwrap()
        .district_grants(&app, None)
        .await;
    assert_eq!(grants.unwrap().len(), 1);
    // The proxy knows where to, and nothing else.
    let connect = "CONNECT api.school.test:443 HTTP/1.1";
    assert_eq!(*lines.lock().unwrap(), [connect, connect]);
}

#[tokio::test]
async fn a_ca_that_nobody_named_is_not_trusted() {
    let (address, _) = proxy(encrypted(&authority()));
    let client = district(options("https://api.school.test", through(address)));
    let error = client.district().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    let mut causes = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(one) = cause {
        causes = format!("{causes}; {one}");
        cause = one.source();
    }
    assert!(causes.contains("certificate"), "{causes}");
}

#[tokio::test]
async fn insecure_http_goes_where_it_is_allowed_and_never_to_clever() {
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let (address, lines) = proxy(address);
    let strict = options("http://emulator.test", through(address));
    let open = ClientOptions {
        insecure_http: true,
        ..strict.clone()
    };
    let token = || DistrictAppToken::new("token-d1").unwrap();
    assert!(matches!(
        District::new(strict, token()),
        Err(SetupError::Address(_, UnsafeAddress::Insecure))
    ));
    assert_eq!(district(open.clone()).district().await.unwrap().len(), 1);
    assert_eq!(
        *lines.lock().unwrap(),
        ["GET http://emulator.test/v3.1/districts HTTP/1.1"]
    );
    for clevers in [
        "http://api.clever.com",
        "http://user:secretcanary@clever.com",
    ] {
        let clevers: Url = clevers.parse().unwrap();
        let open = ClientOptions {
            api_url: clevers.clone(),
            ..open.clone()
        };
        let error = District::new(open, token()).unwrap_err();
        assert!(!error.to_string().contains("secretcanary"), "{error}");
        assert!(matches!(
            error,
            SetupError::Address(_, UnsafeAddress::Clever)
        ));
        assert_eq!(
            app().served_at(clevers.clone(), clevers, true).unwrap_err(),
            AppError::Address("login", UnsafeAddress::Clever)
        );
    }
}

#[tokio::test]
async fn what_goes_to_this_machine_in_the_clear_takes_no_proxy() {
    let (elsewhere, lines) = proxy(SocketAddr::from(([127, 0, 0, 1], 9)));
    let here = listen(|mut stream| {
        let head = head(&mut stream)?;
        answer(&first_line(&head), &mut stream)
    });
    let options = options(&format!("http://{here}"), through(elsewhere));
    district(options.clone()).district().await.unwrap();
    let url = options.api_url.clone();
    let app = app().at(url.clone(), url).unwrap();
    let login = LoginService::new(options).unwrap();
    login.district_grants(&app, None).await.unwrap();
    assert!(lines.lock().unwrap().is_empty());
}

#[tokio::test]
async fn redirects_and_time_outs_are_ours_whatever_a_builder_says() {
    let lenient = || {
        HttpSetup::new(|| {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::limited(10))
                .timeout(Duration::from_secs(600))
                .connect_timeout(Duration::from_secs(600))
        })
    };
    let here = listen(|mut stream| {
        let head = head(&mut stream)?;
        answer(&first_line(&head), &mut stream)
    });
    let moved = options(&format!("http://{here}/moved"), lenient());
    let error = district(moved).district().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Answer { status: 302, message: Some(to), .. } if to.contains("elsewhere.test")),
        "{error:?}"
    );
    let silent = listen(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
        Ok(())
    });
    let impatient = ClientOptions {
        request_timeout: Duration::from_millis(100),
        retry: RetryPolicy {
            max_attempts: 1,
            ..RetryPolicy::default()
        },
        ..options(&format!("http://{silent}"), lenient())
    };
    let begun = Instant::now();
    let error = district(impatient).district().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(begun.elapsed() < Duration::from_secs(10), "{error:?}");
}
