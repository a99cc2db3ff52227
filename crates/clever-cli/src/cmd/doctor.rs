//! `cleverctl doctor`: checks a connection step by step, and explains each failure as far as Clever's
//! answers tell. It only reads.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::{AnswerError, App, Discovery, IdTokenVerifier, KindError, RawToken};
use clever_client::{ClientError, District, ErrorKind, LoginService, SignInError};
use clever_model::{DistrictId, RecordKind};
use serde::Serialize;
use url::Url;

use crate::access::{self, AppArgs, NoneConnected, ServiceArgs, SeveralDistricts};
use crate::cmd::districts;
use crate::diagnostics::{self, Exit};
use crate::settings::MissingToken;
use crate::ui::{self, Document, Tone, Ui};

/// How far two clocks may be apart, in seconds: beyond it, id tokens are refused.
const SKEW_S: i64 = 60;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl doctor                          The token in CLEVER_TOKEN
  cleverctl doctor --credential our-app --district ID")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) app: AppArgs,
    /// Read the district-app token from FILE (`-` for standard input).
    ///
    /// Without this option, it is read from CLEVER_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The district to check, if the app has several.
    #[arg(long, value_name = "ID")]
    pub(crate) district: Option<DistrictId>,
}

/// How a step ended.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Warning,
    Failed,
    Skipped,
}

/// One check.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    step: &'static str,
    outcome: Outcome,
    /// What was found.
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// What was checked.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Told<'a> {
    steps: &'a [Step],
}

impl Document for Told<'_> {
    const NAME: &'static str = "doctor";
}

/// All checks so far, and how the run must end.
#[derive(Debug)]
struct Checks {
    steps: Vec<Step>,
    exit: Exit,
}

impl Checks {
    fn add(
        &mut self,
        step: &'static str,
        outcome: Outcome,
        found: impl Into<String>,
        hint: Option<&str>,
    ) {
        self.steps.push(Step {
            step,
            outcome,
            found: found.into(),
            hint: hint.map(ToOwned::to_owned),
        });
    }

    fn ok(&mut self, step: &'static str, found: impl Into<String>) {
        self.add(step, Outcome::Ok, found, None);
    }

    fn failed(&mut self, step: &'static str, exit: Exit, found: impl Into<String>, hint: &str) {
        // Clever's refusal says more than a failure that follows from it.
        if self.exit != Exit::Refused {
            self.exit = exit;
        }
        self.add(step, Outcome::Failed, found, Some(hint));
    }

    /// Takes note of an error that says by itself what to do.
    fn broke(&mut self, step: &'static str, what: &str, error: &anyhow::Error) {
        let hint = diagnostics::hint(error);
        let hint = hint.as_deref().unwrap_or("check --api-url and --auth-url");
        let exit = diagnostics::exit(error);
        self.failed(step, exit, format!("{what}: {error:#}"), hint);
    }
}

/// Checks and prints.
pub(crate) async fn run(args: &DoctorArgs, ui: &Ui) -> Result<Exit> {
    let mut checks = Checks {
        steps: Vec::new(),
        exit: Exit::Done,
    };
    let service = LoginService::new(args.service.options())?;
    let app = args.app.find(&args.service, &access::no_redirect()?)?;
    let auth_url = args.service.auth_url()?;
    let reached = reach(&mut checks, &service, "login service", &auth_url).await;
    if args.service.api_url != auth_url {
        reach(&mut checks, &service, "API", &args.service.api_url).await;
    }
    if reached {
        match &app {
            Some(app) => {
                self::app(&mut checks, &service, app).await;
                sign_in(&mut checks, &service, app).await;
            }
            None => checks.add(
                "app",
                Outcome::Skipped,
                "no client id and secret were given",
                Some("set CLEVER_CLIENT_ID and CLEVER_CLIENT_SECRET, or keep them with `cleverctl credential add`"),
            ),
        }
        district(&mut checks, args, &service, app.as_ref()).await?;
    }
    if ui.json {
        ui.document(&Told {
            steps: &checks.steps,
        })?;
    } else {
        for step in &checks.steps {
            let (tone, mark) = match step.outcome {
                Outcome::Ok => (Tone::Good, "ok     "),
                Outcome::Warning => (Tone::Doubtful, "warning"),
                Outcome::Failed => (Tone::Bad, "FAILED "),
                Outcome::Skipped => (Tone::Hint, "skipped"),
            };
            ui.toned(tone, mark, &format!("  {}: {}", step.step, step.found))?;
            if let Some(hint) = &step.hint {
                ui.line(format!("         hint: {hint}"))?;
            }
        }
    }
    Ok(checks.exit)
}

/// Is anybody there, and is the time the same?
async fn reach(checks: &mut Checks, service: &LoginService, name: &'static str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match service.reach(url).await {
        Ok(reach) => {
            match reach.clock_ahead_s {
                Some(ahead) if ahead.abs() > SKEW_S => checks.add(
                    name,
                    Outcome::Warning,
                    format!(
                        "{host} answers; its clock and ours are {} s apart",
                        ahead.abs()
                    ),
                    Some("set this machine's clock: id tokens and rate limits are read against it"),
                ),
                _ => checks.ok(name, format!("{host} answers")),
            }
            true
        }
        Err(error) => {
            let why = anyhow::Error::from(error).root_cause().to_string();
            checks.failed(
                name,
                Exit::Failed,
                format!("{host} does not answer: {why}"),
                "check the address, DNS, a proxy or firewall between, and that TLS 1.2 is allowed",
            );
            false
        }
    }
}

/// Are the app's id and secret right, and who has connected it?
async fn app(checks: &mut Checks, service: &LoginService, app: &App) {
    match service.district_grants(app, None).await {
        Ok(grants) if grants.is_empty() => checks.add(
            "app",
            Outcome::Warning,
            "the id and secret are right; no district has connected the app",
            Some("a district's admin connects it in Clever; Library apps have no districts"),
        ),
        Ok(grants) => checks.ok(
            "app",
            format!(
                "the id and secret are right; {} connected",
                ui::counted(grants.len() as u64, "district", "districts")
            ),
        ),
        Err(SignInError::Answer(AnswerError::Refused { status: status @ (400 | 401 | 403) })) => checks.failed(
            "app",
            Exit::Refused,
            format!("Clever does not accept the client id and secret ({status})"),
            "read both from your Clever dashboard, Settings > General; Clever resets secrets that leaked",
        ),
        Err(error) => checks.broke("app", "the districts can't be listed", &error.into()),
    }
}

/// What does the login service offer?
async fn sign_in(checks: &mut Checks, service: &LoginService, app: &App) {
    let mut verifier = IdTokenVerifier::new(app);
    match service.refresh_keys(app, &mut verifier).await {
        Ok(Discovery { pkce, .. }) => checks.ok(
            "OpenID Connect",
            if pkce {
                "discovery and keys are readable; PKCE is offered"
            } else {
                "discovery and keys are readable; PKCE is not offered"
            },
        ),
        Err(SignInError::Answer(AnswerError::Refused { status: 404 })) => checks.add(
            "OpenID Connect",
            Outcome::Skipped,
            "the login service has no discovery document",
            Some("logins work without it; Clever Support switches id tokens on per app"),
        ),
        Err(error) => checks.failed(
            "OpenID Connect",
            Exit::Failed,
            format!(
                "discovery or keys can't be used: {}",
                anyhow::Error::from(error).root_cause()
            ),
            "an id token could not be checked: logins that need one would fail",
        ),
    }
}

/// What does the district's token open?
async fn district(
    checks: &mut Checks,
    args: &DoctorArgs,
    service: &LoginService,
    app: Option<&App>,
) -> Result<()> {
    const STEP: &str = "district token";
    let found = access::district_token(
        &args.app,
        args.token_file.as_deref(),
        args.district.as_ref(),
        &args.service,
    )
    .await;
    let token = match found {
        Ok(token) => token,
        Err(error) if error.is::<MissingToken>() => {
            checks.add(
                STEP,
                Outcome::Skipped,
                "none was given",
                Some("set CLEVER_TOKEN, or name a kept credential with --credential"),
            );
            return Ok(());
        }
        // The districts that the app opens are listed above; the person has to name one of them.
        Err(error) if error.is::<SeveralDistricts>() => {
            checks.add(
                STEP,
                Outcome::Skipped,
                error.to_string(),
                Some("`--district ID` checks one; `cleverctl districts` shows how each stands"),
            );
            return Ok(());
        }
        Err(error) if error.is::<NoneConnected>() => {
            checks.add(STEP, Outcome::Skipped, error.to_string(), None);
            return Ok(());
        }
        Err(error) => {
            checks.broke(STEP, "there is none", &error);
            return Ok(());
        }
    };
    if let Some(app) = app {
        match service.confirm(app, RawToken::new(token.secret())?).await {
            Ok(_) => checks.ok(STEP, "it is this app's"),
            Err(SignInError::Kind(KindError::OtherApp)) => checks.failed(
                STEP,
                Exit::Refused,
                "it was given to another app",
                "use the token from this app's dashboard page, or let `--credential APP` find it",
            ),
            Err(error) => checks.add(
                STEP,
                Outcome::Warning,
                format!("Clever does not say whose it is: {error}"),
                None,
            ),
        }
    }
    let client =
        District::new(args.service.options(), token).context("the API's address can't work")?;
    match districts::record(&client).await {
        Ok(shown) => {
            let name = shown.name.as_deref().unwrap_or("unnamed");
            let state = shown.state.as_deref().unwrap_or("unknown");
            let found = format!(
                "{name} ({}), {state}, last synced {}",
                shown.id.as_deref().unwrap_or("?"),
                shown.last_sync.as_deref().unwrap_or("never")
            );
            if state == "running" && shown.last_sync.is_some() {
                checks.ok("district", found);
            } else {
                let hint = match (state, &shown.pause_start, &shown.error) {
                    ("error", ..) | (.., Some(_)) => {
                        "the district's sync has errors: its Clever page tells the district which"
                    }
                    ("paused", ..) | (_, Some(_), _) => {
                        "the district's sync is paused: data is old, and removals are held"
                    }
                    ("pending", ..) => {
                        "the district is not set up yet: wait until it shares and syncs"
                    }
                    _ => "ask the district how its sync stands",
                };
                checks.add("district", Outcome::Warning, found, Some(hint));
            }
        }
        Err(error) => {
            refusal(checks, "district", error);
            return Ok(());
        }
    }
    roster(checks, &client).await;
    Ok(())
}

/// Is Secure Sync on, is anybody shared, are there events?
async fn roster(checks: &mut Checks, client: &District) {
    match client.list(RecordKind::Users).limit(1).first_page().await {
        Ok(page) if page.is_empty() => checks.add(
            "roster",
            Outcome::Warning,
            "the token opens the roster, but no user is shared",
            Some("the district chooses in Clever which schools and people it shares"),
        ),
        Ok(_) => checks.ok("roster", "the token opens it, and users are shared"),
        Err(error) if matches!(error.kind(), ErrorKind::NotShared | ErrorKind::WrongTokenKind) => checks.failed(
            "roster",
            exit_of(&error),
            error.to_string(),
            "the token opens its district but no roster: Secure Sync is not switched on for the app",
        ),
        Err(error) => refusal(checks, "roster", error),
    }
    match client.newest_event().await {
        Ok(Some(id)) => checks.ok("events", format!("the newest is {id}")),
        Ok(None) => checks.add(
            "events",
            Outcome::Warning,
            "there are none of the last 30 days",
            Some("events begin when Clever switches them on for the app; a sync then reads everything"),
        ),
        Err(error) if error.kind() == ErrorKind::NotShared => checks.add(
            "events",
            Outcome::Skipped,
            "the token does not open them",
            Some("not needed: a sync then reads everything"),
        ),
        Err(error) => refusal(checks, "events", error),
    }
}

/// The exit code of an error. What a proxy refuses in passing is no word of Clever's: only a refusal that a second call
/// confirmed is.
fn exit_of(error: &ClientError) -> Exit {
    if error.is_refusal() {
        Exit::Refused
    } else {
        Exit::Failed
    }
}

/// Says what an error of the API means for the connection.
fn refusal(checks: &mut Checks, step: &'static str, error: ClientError) {
    let exit = exit_of(&error);
    let hint = match error.kind() {
        ErrorKind::Unauthorized => {
            "the token is wrong, revoked or rotated, or the district has disconnected the app"
        }
        ErrorKind::NotShared => "the token does not open this, or the record is gone",
        ErrorKind::WrongTokenKind => {
            "a web page came: this is not Clever's API (check --api-url), or the token is a user's"
        }
        ErrorKind::RateLimited => {
            "the token's 1,200 requests a minute are used up: who else uses it?"
        }
        ErrorKind::Server => "Clever is failing: see https://status.clever.com",
        ErrorKind::Network => "the connection breaks: check proxies and time-outs between",
        _ => return checks.broke(step, "not as it should be", &error.into()),
    };
    checks.failed(step, exit, error.to_string(), hint);
}
