//! `cleverctl certify`: a rehearsal of Clever's certification for an app that runs on this machine.

mod store;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use clever_certify::{
    AccountSource, Accounts, AppUnderTest, Browser, RehearsalClever, Report, Shell, Told, Verdict,
    ready, rehearse,
};
use clever_model::{Role, read_span};
use url::Url;

use crate::cmd::certify::store::InDatabase;
use crate::diagnostics::{Exit, Usage};
use crate::settings::StoreUrl;
use crate::ui::{Document, Tone, Ui};
use crate::writing::write_whole;

/// Arguments of `certify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl certify --app http://127.0.0.1:3000
  cleverctl certify --app http://localhost:8000 --login-url http://localhost:8000/login \\
    --callback http://localhost:8000/accounts/clever/login/callback/ --junit certify.xml
  cleverctl certify --app http://localhost:3000 --users-json users.json --sync-command 'bin/sync'
  cleverctl certify --app http://localhost:3000 --store app.db \\
    --users-query 'SELECT clever_id, id AS account_id, deleted_at FROM people'

It starts a Clever on --listen, says how the app is pointed at it, waits for the app and tries it. docs/certify.md
says how apps in several languages are pointed at another Clever.
Exit codes: 0 all passed, 1 a check failed, 3 a check needs work, or there was no browser for its checks.")]
pub(crate) struct CertifyArgs {
    /// The app's front page, where it shows who is signed in.
    #[arg(long, value_name = "URL")]
    pub(crate) app: Url,
    /// The page with the button that leads to Clever [default: the front page].
    #[arg(long, value_name = "URL")]
    pub(crate) login_url: Option<Url>,
    /// The app's primary redirect URI [default: `callback` beside the front page].
    #[arg(long, value_name = "URL")]
    pub(crate) callback: Option<Url>,
    /// Where the Clever of the rehearsal listens.
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// The roles that the app has a place for.
    #[arg(
        long,
        value_name = "ROLES",
        value_delimiter = ',',
        default_value = "student,teacher,staff,district_admin"
    )]
    pub(crate) roles: Vec<Role>,
    /// Try the way in from Clever's Library, too.
    #[arg(long)]
    pub(crate) library: bool,
    /// Answer with id tokens (OpenID Connect).
    #[arg(long)]
    pub(crate) openid: bool,
    /// What somebody clicks who is there for the first time, as a CSS selector; may be given again.
    #[arg(long = "first-visit-click", value_name = "CSS")]
    pub(crate) first_visit: Vec<String>,
    /// What logs out, as a CSS selector, if its words don't say so.
    #[arg(long, value_name = "CSS")]
    pub(crate) log_out: Option<String>,
    /// How long a page must stay as it is to count as loaded: `1500ms`, `3s`.
    #[arg(long, default_value = "1500ms", value_name = "TIME", value_parser = short_time)]
    pub(crate) settle: Duration,
    /// Try nothing in a browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Where the app's accounts can be read as JSON: a file or an address, read again after each step.
    #[arg(long, value_name = "FILE|URL", conflicts_with = "users_command")]
    pub(crate) users_json: Option<String>,
    /// A command that prints the app's accounts as JSON.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) users_command: Option<String>,
    /// The app's own database with its accounts: `FILE.db` or `postgres://USER@HOST/DATABASE`.
    ///
    /// It is only read. Put an address that contains a password in CLEVER_APP_STORE.
    #[arg(
        id = "app_store",
        long = "store",
        env = "CLEVER_APP_STORE",
        hide_env_values = true,
        value_name = "URL",
        conflicts_with_all = ["users_json", "users_command"]
    )]
    pub(crate) store: Option<StoreUrl>,
    /// What is asked of --store: a row for each account [default: SELECT * FROM users].
    ///
    /// The columns have the names that --users-json has: clever_id, and what there is of sis_id, account_id, status, is_active, is_archived and
    /// deleted_at.
    #[arg(long, value_name = "SQL", requires = "app_store")]
    pub(crate) users_query: Option<String>,
    /// The app makes accounts at the first sign-in, not from the roster.
    #[arg(long)]
    pub(crate) accounts_at_sign_in: bool,
    /// A command that makes the app read the roster now.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) sync_command: Option<String>,
    /// How long a change of the roster is waited for in the app's accounts.
    #[arg(long, default_value = "2m", value_name = "TIME", value_parser = read_span)]
    pub(crate) patience: Duration,
    /// How long the app is waited for at the start.
    #[arg(long, default_value = "2m", value_name = "TIME", value_parser = read_span)]
    pub(crate) wait: Duration,
    /// Where the report for people is written, as one HTML page.
    #[arg(long, default_value = "certify.html", value_name = "FILE")]
    pub(crate) report: PathBuf,
    /// Write the report as JUnit XML, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// A time that may be less than a second.
fn short_time(text: &str) -> Result<Duration, String> {
    match text.strip_suffix("ms").map(str::parse) {
        Some(Ok(milliseconds)) => Ok(Duration::from_millis(milliseconds)),
        _ => read_span(text).map_err(|error| error.to_string()),
    }
}

impl CertifyArgs {
    fn app(&self, database: Option<&Arc<InDatabase>>) -> Result<AppUnderTest> {
        let callback = match &self.callback {
            Some(callback) => callback.clone(),
            None => self.app.join("callback")?,
        };
        let mut app = AppUnderTest::new(self.app.clone(), callback);
        if let Some(login_url) = &self.login_url {
            app.login_url = login_url.clone();
        }
        app.roles = self.roles.clone();
        app.library = self.library;
        app.first_visit = self.first_visit.clone();
        app.log_out = self.log_out.clone();
        app.quiet = self.settle;
        app.accounts = self.accounts(database);
        for url in [&app.url, &app.login_url, &app.callback] {
            if !matches!(url.scheme(), "http" | "https") {
                let says = format!("{url} is no address of a page");
                return Err(Usage::new(says)
                    .hint("write it as http://127.0.0.1:3000/")
                    .into());
            }
        }
        Ok(app)
    }

    /// The app's database, if it is named.
    fn database(&self) -> Option<Arc<InDatabase>> {
        let store = self.store.as_ref()?;
        Some(Arc::new(InDatabase::new(
            store,
            self.users_query.as_deref(),
        )))
    }

    fn accounts(&self, database: Option<&Arc<InDatabase>>) -> Option<Accounts> {
        let source = match (&self.users_json, &self.users_command, database) {
            (Some(place), ..) => match Url::parse(place) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => AccountSource::Url(url),
                _ => AccountSource::File(place.into()),
            },
            (None, Some(command), _) => AccountSource::Command(Shell(command.clone())),
            (None, None, Some(database)) => AccountSource::Elsewhere(database.clone()),
            (None, None, None) => return None,
        };
        let mut accounts = Accounts::new(source);
        accounts.made_at_sign_in = self.accounts_at_sign_in;
        accounts.sync = self.sync_command.clone().map(Shell);
        accounts.patience = self.patience;
        Some(accounts)
    }
}

/// Starts a Clever, waits for the app, tries it and writes the reports.
pub(crate) async fn run(args: &CertifyArgs, ui: &Ui) -> Result<Exit> {
    let database = args.database();
    let app = args.app(database.as_ref())?;
    let clever = RehearsalClever::start(args.listen, &app.callback, args.openid)
        .await
        .context("could not start the Clever of the rehearsal")?;
    say_settings(&clever, &app, ui);
    ready(&app, args.wait).await?;
    // An app makes its tables when it starts.
    if let Some(database) = &database {
        database.tried().await?;
    }
    let browser = if args.no_browser {
        Err("it was not asked for (--no-browser)".to_owned())
    } else {
        Browser::start().await.map_err(|error| error.to_string())
    };
    let none = browser.as_ref().err().filter(|_| !args.no_browser);
    if let Some(why) = none {
        ui.note(format!("warning: nothing is tried in a browser: {why}"));
    }
    let told = |part: &str| {
        if ui.is_talkative() {
            ui.note(format!("Now {part}."));
        }
    };
    let report = rehearse(&app, &clever, browser.as_ref().map_err(Clone::clone), &told).await;
    let lacks_browser = none.is_some();
    if let Ok(browser) = browser {
        browser.end().await;
    }
    clever.stop().await;
    written(&args.report, &report.html())?;
    if let Some(path) = &args.junit {
        written(path, &report.junit())?;
    }
    if ui.json {
        ui.document(&report.told())?;
    } else {
        print(&report, &args.report, ui)?;
    }
    Ok(match report.worst() {
        Verdict::Failed => Exit::Failed,
        Verdict::NeedsWork => Exit::Held,
        _ if lacks_browser => Exit::Held,
        _ => Exit::Done,
    })
}

impl Document for Told<'_> {
    const NAME: &'static str = "certify";
    const VERSION: u32 = 2;
}

fn written(path: &Path, text: &str) -> Result<()> {
    write_whole(path, |file| Ok(file.write_all(text.as_bytes())?))
}

/// Says what the app has to be pointed at.
fn say_settings(clever: &RehearsalClever, app: &AppUnderTest, ui: &Ui) {
    let emulator = clever.emulator();
    let at = emulator.base_url().as_str().trim_end_matches('/');
    for line in [
        "Point the app at this Clever, and start it:".to_owned(),
        format!("  address, for clever.com and api.clever.com: {at}"),
        format!("  client id: {}", emulator.client_id()),
        format!("  client secret: {}", emulator.client_secret()),
        format!("  district token: {}", emulator.district_token()),
        format!("  redirect URI: {}", app.callback),
        format!("Waiting for {}", app.url),
    ] {
        ui.note(line);
    }
}

/// What did not pass, and where to read on.
fn print(report: &Report, path: &Path, ui: &Ui) -> Result<()> {
    for one in &report.findings {
        let tone = match one.verdict {
            Verdict::Failed => Tone::Bad,
            Verdict::NeedsWork => Tone::Doubtful,
            Verdict::NotRun => Tone::Hint,
            _ => continue,
        };
        let rest = format!(": {}", one.check.title());
        ui.toned(tone, one.verdict.word(), &rest)?;
        ui.line(format!("  {}", one.came_back))?;
    }
    ui.line(report.summary())?;
    ui.line(format!("The whole report: {}", path.display()))
}
