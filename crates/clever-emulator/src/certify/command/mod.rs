//! The rehearsal on a command line: its options, and what is done with them. `cleverctl certify` and
//! `clever-emulator certify` share them.

mod database;

use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clever_model::{Role, read_span};
use clever_sql::Address;
use url::Url;

use crate::StartError;
use crate::certify::accounts::{AccountSource, Accounts, Shell};
use crate::certify::app::AppUnderTest;
use crate::certify::browser::Browser;
use crate::certify::clever::RehearsalClever;
use crate::certify::command::database::InDatabase;
use crate::certify::finding::Verdict;
use crate::certify::rehearsal::{RehearsalError, ready, rehearse};
use crate::certify::report::Report;

pub use database::Unread;

/// What the help says at its end, of the command as people call it.
#[must_use]
pub fn examples(command: &str) -> String {
    format!(
        "\
Examples:
  {command} --app http://127.0.0.1:3000
  {command} --app http://localhost:8000 --login-url http://localhost:8000/login \\
    --callback http://localhost:8000/accounts/clever/login/callback/ --junit certify.xml
  {command} --app http://localhost:3000 --users-json users.json --sync-command 'bin/sync'
  {command} --app http://localhost:3000 --store app.db \\
    --users-query 'SELECT clever_id, id AS account_id, deleted_at FROM people'

It starts a Clever on --listen, says how the app is pointed at it, waits for the app and tries it. docs/certify.md
says how apps in several languages are pointed at another Clever.
Exit codes: 0 all passed, 1 a check failed, 3 a check needs work, or there was no browser for its checks."
    )
}

/// Arguments of `certify`.
#[derive(Debug, Args)]
pub struct CertifyArgs {
    /// The app's front page, where it shows who is signed in.
    #[arg(long, value_name = "URL", value_parser = page)]
    pub app: Url,
    /// The page with the button that leads to Clever [default: the front page].
    #[arg(long, value_name = "URL", value_parser = page)]
    pub login_url: Option<Url>,
    /// The app's primary redirect URI [default: `callback` beside the front page].
    #[arg(long, value_name = "URL", value_parser = page)]
    pub callback: Option<Url>,
    /// Where the Clever of the rehearsal listens.
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// The roles that the app has a place for.
    #[arg(
        long,
        value_name = "ROLES",
        value_delimiter = ',',
        default_value = "student,teacher,staff,district_admin"
    )]
    pub roles: Vec<Role>,
    /// Try the way in from Clever's Library, too.
    #[arg(long)]
    pub library: bool,
    /// Answer with id tokens (OpenID Connect).
    #[arg(long)]
    pub openid: bool,
    /// What somebody clicks who is there for the first time, as a CSS selector; may be given again.
    #[arg(long = "first-visit-click", value_name = "CSS")]
    pub first_visit: Vec<String>,
    /// What logs out, as a CSS selector, if its words don't say so.
    #[arg(long, value_name = "CSS")]
    pub log_out: Option<String>,
    /// How long a page must stay as it is to count as loaded: `1500ms`, `3s`.
    #[arg(long, default_value = "1500ms", value_name = "TIME", value_parser = short_time)]
    pub settle: Duration,
    /// Try nothing in a browser.
    #[arg(long)]
    pub no_browser: bool,
    /// Where the app's accounts can be read as JSON: a file or an address, read again after each step.
    #[arg(long, value_name = "FILE|URL", conflicts_with = "users_command")]
    pub users_json: Option<String>,
    /// A command that prints the app's accounts as JSON.
    #[arg(long, value_name = "COMMAND")]
    pub users_command: Option<String>,
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
    pub store: Option<Address>,
    /// What is asked of --store: a row for each account [default: SELECT * FROM users].
    ///
    /// The columns have the names that --users-json has: clever_id, and what there is of sis_id, account_id, status, is_active, is_archived and
    /// deleted_at.
    #[arg(long, value_name = "SQL", requires = "app_store")]
    pub users_query: Option<String>,
    /// The app makes accounts at the first sign-in, not from the roster.
    #[arg(long)]
    pub accounts_at_sign_in: bool,
    /// A command that makes the app read the roster now.
    #[arg(long, value_name = "COMMAND")]
    pub sync_command: Option<String>,
    /// How long a change of the roster is waited for in the app's accounts.
    #[arg(long, default_value = "2m", value_name = "TIME", value_parser = read_span)]
    pub patience: Duration,
    /// How long the app is waited for at the start.
    #[arg(long, default_value = "2m", value_name = "TIME", value_parser = read_span)]
    pub wait: Duration,
    /// Where the report for people is written, as one HTML page.
    #[arg(long, default_value = "certify.html", value_name = "FILE")]
    pub report: PathBuf,
    /// Write the report as JUnit XML, too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// A time that may be less than a second.
fn short_time(text: &str) -> Result<Duration, String> {
    match text.strip_suffix("ms").map(str::parse) {
        Some(Ok(milliseconds)) => Ok(Duration::from_millis(milliseconds)),
        _ => read_span(text).map_err(|error| error.to_string()),
    }
}

/// The address of a page.
fn page(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| "write the address of a page as http://127.0.0.1:3000/".to_owned())
}

impl CertifyArgs {
    fn app(&self, database: Option<&Arc<InDatabase>>) -> AppUnderTest {
        // Beside an address of HTTP there is always another.
        let beside = || self.app.join("callback").unwrap_or(self.app.clone());
        let callback = self.callback.clone().unwrap_or_else(beside);
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
        app
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

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertifyError {
    /// The Clever of the rehearsal can't listen.
    #[error("could not start the Clever of the rehearsal")]
    Start(#[source] StartError),
    /// The app is not there, or not as it was described.
    #[error(transparent)]
    App(RehearsalError),
    /// The app's accounts can't be read.
    #[error(transparent)]
    Accounts(Unread),
    /// A report can't be written.
    #[error("could not write {}", path.display())]
    Report {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl CertifyError {
    /// What has to be done, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        Some(match self {
            Self::App(RehearsalError::NoCallback(_)) => {
                "name the address that the app has registered at Clever, with --callback URL"
            }
            Self::App(RehearsalError::NoApp { .. }) => {
                "start the app, pointed at this Clever (docs/certify.md), or name its address with --app"
            }
            Self::Accounts(unread) => unread.hint(),
            Self::Start(_) | Self::Report { .. } => return None,
        })
    }

    /// Whether an option has to be another: the exit code is 2 then.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::App(RehearsalError::NoCallback(_)) | Self::Accounts(_)
        )
    }
}

/// A rehearsal that was held.
#[derive(Debug)]
pub struct Rehearsed {
    /// What it found.
    pub report: Report,
    /// Whether checks were left out as there was no browser for them, and nobody had asked for that.
    pub lacked_browser: bool,
}

impl Rehearsed {
    /// What it comes to: checks that had no browser have to be looked at.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let lacks = if self.lacked_browser {
            Verdict::NeedsWork
        } else {
            Verdict::Passed
        };
        self.report.worst().max(lacks)
    }
}

/// Starts a Clever, waits for the app, tries it and writes the reports.
///
/// `say` gets the sentences that a person needs; `told` hears of each part that begins.
///
/// # Errors
///
/// [`CertifyError`] says what was missing.
pub async fn certify(
    args: &CertifyArgs,
    say: &(dyn Fn(&str) + Sync),
    told: &(dyn Fn(&str) + Sync),
) -> Result<Rehearsed, CertifyError> {
    let database = args.database();
    let app = args.app(database.as_ref());
    let clever = RehearsalClever::start(args.listen, &app.callback, args.openid)
        .await
        .map_err(CertifyError::Start)?;
    settings(&clever, &app).iter().for_each(|line| say(line));
    ready(&app, args.wait).await.map_err(CertifyError::App)?;
    // An app makes its tables when it starts.
    if let Some(database) = &database {
        database.tried().await.map_err(CertifyError::Accounts)?;
    }
    let browser = if args.no_browser {
        Err("it was not asked for (--no-browser)".to_owned())
    } else {
        Browser::start().await.map_err(|error| error.to_string())
    };
    let none = browser.as_ref().err().filter(|_| !args.no_browser);
    let lacked_browser = none.is_some();
    if let Some(why) = none {
        say(&format!("warning: nothing is tried in a browser: {why}"));
    }
    let report = rehearse(&app, &clever, browser.as_ref().map_err(Clone::clone), told).await;
    if let Ok(browser) = browser {
        browser.end().await;
    }
    clever.stop().await;
    written(&args.report, &report.html())?;
    if let Some(path) = &args.junit {
        written(path, &report.junit())?;
    }
    Ok(Rehearsed {
        report,
        lacked_browser,
    })
}

fn written(path: &Path, text: &str) -> Result<(), CertifyError> {
    clever_files::write_whole(path, |file| file.write_all(text.as_bytes())).map_err(|source| {
        CertifyError::Report {
            path: path.to_owned(),
            source,
        }
    })
}

/// What the app has to be pointed at.
fn settings(clever: &RehearsalClever, app: &AppUnderTest) -> [String; 7] {
    let emulator = clever.emulator();
    let at = emulator.base_url().as_str().trim_end_matches('/');
    [
        "Point the app at this Clever, and start it:".to_owned(),
        format!("  address, for clever.com and api.clever.com: {at}"),
        format!("  client id: {}", emulator.client_id()),
        format!("  client secret: {}", emulator.client_secret()),
        format!("  district token: {}", emulator.district_token()),
        format!("  redirect URI: {}", app.callback),
        format!("Waiting for {}", app.url),
    ]
}
