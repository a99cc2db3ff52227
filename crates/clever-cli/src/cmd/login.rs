//! `cleverctl login`: a whole sign-in over a loopback callback (RFC 8252), against any Clever.
//!
//! What a web application keeps in the browser's cookie stays in this process: who ends the login here
//! must know the `state` that began it.

mod callback;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use clever_auth::login::cookies::Cookies;
use clever_auth::login::{Login, LoginFlow, SignedIn};
use clever_auth::seal::{KeyId, Randomness, SealingKeys, SystemRandomness};
use clever_auth::{AnswerError, Authority, IdTokenVerifier, OpenId, RedirectUri, SafePath};
use clever_client::{IssuerKeys, LoginService, SignInError};
use clever_model::{Clock, DistrictId, SystemClock, UserId};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::time::timeout;
use url::Url;

use self::callback::Waiting;

use crate::access::{AppArgs, ServiceArgs};
use crate::diagnostics::{Exit, Usage};
use crate::ui::{Document, Ui};

/// Arguments of `login`.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) app: AppArgs,
    /// Wait for the callback on this address of this machine.
    ///
    /// `http://ADDR/callback` must be one of the redirect addresses of the app in your Clever dashboard.
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
pub(crate) async fn run(args: &LoginArgs, ui: &Ui) -> Result<Exit> {
    if !args.listen.ip().is_loopback() {
        return Err(
            Usage::new("--listen must be an address of this machine only")
                .hint("use one such as 127.0.0.1:8788")
                .into(),
        );
    }
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("could not listen on {}", args.listen))?;
    let redirect: RedirectUri = format!("http://{}/callback", listener.local_addr()?).parse()?;
    let app = args.app.app(&args.service, &redirect)?;
    let service = LoginService::new(args.service.options())?;

    let mut key = [0; 32];
    SystemRandomness.fill(&mut key)?;
    let flow = LoginFlow::new(app, SealingKeys::new(KeyId(1), &key));
    // A service that can't be reached is an error before a browser opens. If it says nothing of OpenID Connect,
    // there are no id tokens; one that comes all the same is checked, or the login fails.
    let mut verifier = IdTokenVerifier::new(flow.app());
    match service.refresh_keys(flow.app(), &mut verifier).await {
        Ok(discovery) => flow.learn(&discovery),
        Err(SignInError::Answer(AnswerError::Refused { status: 404 })) => {}
        Err(error) => return Err(error).context("could not ask the login service what it offers"),
    }
    let departure = flow.start(
        &Cookies::default(),
        &SafePath::root(),
        args.district.as_ref(),
        SystemClock.now(),
        &SystemRandomness,
    )?;
    if args.no_browser || !open(&departure.authorize) {
        ui.note("Open this address in a browser:");
        ui.note(&departure.authorize);
    } else {
        ui.note("Your browser shows Clever's sign-in; this waits for it.");
    }
    let waiting = Waiting {
        flow,
        service,
        openid: OpenId::Checked(IssuerKeys::new(verifier)),
        ui: *ui,
    };
    let limit = Duration::from_secs(args.timeout);
    let signed_in = timeout(limit, waiting.run(listener, departure))
        .await
        .map_err(|_| anyhow!("nobody signed in within {} s", args.timeout))??;
    print(&signed_in, ui)?;
    Ok(Exit::Done)
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

/// Who signed in.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    user: &'a UserId,
    /// The id before API v3, if it is another.
    legacy_id: Option<&'a UserId>,
    district: Option<&'a DistrictId>,
    /// `district` or `teacher`.
    shared_by: &'static str,
    /// The role of this login.
    role: Option<&'a str>,
    name: &'a str,
    /// Nobody verified it.
    email: Option<&'a str>,
    /// Whether an id token came and was checked.
    id_token: bool,
}

impl Document for Told<'_> {
    const NAME: &'static str = "login";
}

fn print(signed_in: &SignedIn<Login>, ui: &Ui) -> Result<()> {
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
    if ui.json {
        return ui.document(&Told {
            user: login.user_id(),
            legacy_id: login.legacy_id(),
            district: login.district(),
            shared_by: authority,
            role: login.role_hint(),
            name: &name,
            email,
            id_token: login.had_id_token(),
        });
    }
    ui.line(format!("signed in: {} ({})", name, login.user_id()))?;
    ui.line(match login.district() {
        Some(district) => format!("district: {district}, shared by the {authority}"),
        None => format!("district: none, shared by the {authority}"),
    })?;
    ui.line(format!(
        "role of this login: {}",
        login.role_hint().unwrap_or("unknown")
    ))?;
    ui.line(format!(
        "email: {}",
        email.map_or("none".to_owned(), |email| format!("{email} (unverified)"))
    ))?;
    if let Some(legacy) = login.legacy_id() {
        ui.line(format!("id before API v3: {legacy}"))?;
    }
    ui.line(if login.had_id_token() {
        "id token: checked"
    } else {
        "id token: none (OpenID Connect is off for the app, or this is a Library login)"
    })
}
