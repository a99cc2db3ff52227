//! `cleverctl login`: a whole sign-in over a loopback callback (RFC 8252), against any Clever.
//!
//! What a web application keeps in the browser's cookie stays in this process: who ends the login here
//! must know the `state` that began it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use clever_auth::cookies::Cookies;
use clever_auth::login::{Arrival, Departure, Login, LoginFlow, Rejection, SignedIn};
use clever_auth::seal::{KeyId, Randomness, SealingKeys, SystemRandomness};
use clever_auth::{AnswerError, Authority, IdTokenVerifier, SafePath};
use clever_client::{LoginService, SignInError};
use clever_model::{Clock, DistrictId, SystemClock};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use url::Url;

use crate::access::{AppArgs, ServiceArgs};
use crate::diagnostics::Exit;
use crate::output;

/// Most of a request that is read, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Longest wait for one request's head.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// Arguments of `login`.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) app: AppArgs,
    /// Where to wait for the callback; `http://ADDR/callback` must be one of the app's redirect addresses.
    #[arg(long, default_value = "127.0.0.1:8788", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Go to this district's sign-in.
    #[arg(long, value_name = "ID")]
    pub(crate) district: Option<DistrictId>,
    /// Print the address instead of opening a browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 300, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

/// Signs in and says who that was.
pub(crate) async fn run(args: &LoginArgs, as_json: bool) -> Result<Exit> {
    if !args.listen.ip().is_loopback() {
        bail!("--listen must be an address of this machine only, such as 127.0.0.1:8788");
    }
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("could not listen on {}", args.listen))?;
    let redirect: Url = format!("http://{}/callback", listener.local_addr()?).parse()?;
    let app = args.app.app(&args.service, &redirect)?;
    let service = LoginService::new(args.service.options())?;

    // OpenID Connect, where the issuer offers it.
    let mut verifier = IdTokenVerifier::new(&app);
    let discovery = match service.refresh_keys(&app, &mut verifier).await {
        Ok(discovery) => Some(discovery),
        Err(SignInError::Answer(AnswerError::Refused { status: 404 })) => None,
        Err(error) => return Err(error).context("could not ask the login service what it offers"),
    };
    let mut key = [0; 32];
    SystemRandomness.fill(&mut key)?;
    let mut flow = LoginFlow::new(app, SealingKeys::new(KeyId(1), &key));
    if discovery.as_ref().is_some_and(|discovery| discovery.pkce) {
        flow = flow.with_pkce();
    }
    let departure = flow.start(
        &Cookies::default(),
        &SafePath::root(),
        args.district.as_ref(),
        SystemClock.now(),
        &SystemRandomness,
    )?;
    if args.no_browser || !open(&departure.authorize) {
        output::note("Open this address in a browser:");
        output::note(&departure.authorize);
    } else {
        output::note("Your browser shows Clever's sign-in; this waits for it.");
    }
    let waiting = Waiting {
        listener,
        flow,
        service,
        verifier: discovery.map(|_| verifier),
        departure,
    };
    let limit = Duration::from_secs(args.timeout);
    let signed_in = timeout(limit, waiting.run())
        .await
        .map_err(|_| anyhow!("nobody signed in within {} s", args.timeout))??;
    print(&signed_in, as_json)?;
    Ok(Exit::Done)
}

/// Waits for the callback.
struct Waiting {
    listener: TcpListener,
    flow: LoginFlow,
    service: LoginService,
    verifier: Option<IdTokenVerifier>,
    departure: Departure,
}

impl Waiting {
    async fn run(mut self) -> Result<SignedIn<Login>> {
        loop {
            let (mut stream, _) = self.listener.accept().await?;
            // Browsers open connections that they don't use.
            let Ok(Some(target)) = timeout(HEAD_TIME, head(&mut stream)).await else {
                continue;
            };
            let Some(query) = target.strip_prefix("/callback") else {
                reply(&mut stream, 404, None, "There is nothing here.").await;
                continue;
            };
            let query = query.strip_prefix('?').unwrap_or_default();
            let arrival = self.flow.callback(
                &self.departure.cookies(),
                query,
                None,
                SystemClock.now(),
                &SystemRandomness,
            )?;
            match arrival {
                Arrival::Login(redeem, _) => {
                    let result = self.service.finish(redeem, self.verifier.as_ref()).await;
                    let (status, text) = match &result {
                        Ok(_) => (200, "You are signed in. You can close this page."),
                        Err(_) => (502, "The sign-in failed; the terminal says why."),
                    };
                    reply(&mut stream, status, None, text).await;
                    return result.context("the sign-in failed");
                }
                Arrival::Restart(_) => {
                    self.departure = self.flow.start(
                        &Cookies::default(),
                        &SafePath::root(),
                        None,
                        SystemClock.now(),
                        &SystemRandomness,
                    )?;
                    reply(&mut stream, 303, Some(&self.departure.authorize), "").await;
                }
                Arrival::Rejected(Rejection::ByClever(code)) => {
                    reply(&mut stream, 400, None, "Clever refused the sign-in.").await;
                    return Err(Rejection::ByClever(code).into());
                }
                Arrival::Rejected(reason) => {
                    output::note(format!("a callback was refused: {reason}"));
                    reply(&mut stream, 400, None, "This sign-in was not begun here.").await;
                }
                Arrival::Repeat(_) | Arrival::Link(..) => {
                    reply(&mut stream, 400, None, "This sign-in is over.").await;
                }
            }
        }
    }
}

/// Reads a request's head; gives the target of a GET.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if head.len() > MAX_HEAD || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.lines().next()?.split(' ');
    (words.next() == Some("GET")).then(|| words.next().map(ToOwned::to_owned))?
}

/// Answers with a small page, or a redirect. A browser that went away is no error.
async fn reply(stream: &mut TcpStream, status: u16, to: Option<&Url>, text: &str) {
    let location = to.map_or(String::new(), |to| format!("Location: {to}\r\n"));
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>cleverctl</title>\
         <body style=\"font:18px/1.5 sans-serif;max-width:32em;margin:15vh auto\"><p>{text}</p></body></html>"
    );
    let whole = format!(
        "HTTP/1.1 {status} \r\n{location}Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(whole.as_bytes()).await);
    drop(stream.shutdown().await);
}

/// Opens the address in the person's browser; says whether one was found.
fn open(address: &Url) -> bool {
    let (program, first): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        // `start` would read the `&` of the query.
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    tokio::process::Command::new(program)
        .args(first)
        .arg(address.as_str())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .is_ok()
}

fn print(signed_in: &SignedIn<Login>, as_json: bool) -> Result<()> {
    let login = &signed_in.login;
    let authority = match login.authority() {
        Authority::District => "district",
        Authority::Teacher => "teacher",
    };
    let (first, last) = login.name();
    let name = [first, last]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let email = login.email();
    let email = email.as_ref().map(clever_auth::UnverifiedEmail::as_str);
    if as_json {
        return output::json(&json!({
            "user": login.user_id(), "legacy_id": login.legacy_id(), "district": login.district(),
            "shared_by": authority, "role": login.role_hint(), "name": name, "email": email,
            "id_token": login.had_id_token(),
        }));
    }
    output::line(format!("signed in: {} ({})", name, login.user_id()))?;
    output::line(match login.district() {
        Some(district) => format!("district: {district}, shared by the {authority}"),
        None => format!("district: none, shared by the {authority}"),
    })?;
    output::line(format!(
        "role of this login: {}",
        login.role_hint().unwrap_or("unknown")
    ))?;
    output::line(format!(
        "email: {}",
        email.map_or("none".to_owned(), |email| format!("{email} (unverified)"))
    ))?;
    if let Some(legacy) = login.legacy_id() {
        output::line(format!("id before API v3: {legacy}"))?;
    }
    output::line(if login.had_id_token() {
        "id token: checked"
    } else {
        "id token: none (OpenID Connect is off for the app, or this is a Library login)"
    })
}
