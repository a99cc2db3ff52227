//! `cleverctl console`: the pages for whoever must judge, served over the stores.

mod demo;
mod openid;
pub(crate) mod token;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use clap::{Args, FromArgMatches as _, Subcommand};
use clever_console::{Console, Options, Person, Role, Runner, Started, Stores, openapi};
use clever_sql::Address;
use clever_sync::SyncReport;
use clever_sync::erase::NotesKey;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::net::TcpListener;
use url::Url;

use self::openid::OpenIdArgs;
use self::token::TokenCommand;
use crate::accounts_at::AccountsAt;
use crate::alerts::Alerts;
use crate::cli::{self, Cli, Command};
use crate::cmd::review::tables_of;
use crate::cmd::sync::one_of_many::aside;
use crate::cmd::sync::{self, SyncArgs, policies};
use crate::diagnostics::{Exit, Usage};
use crate::settings::{Places, StoreArgs};
use crate::signals::Stop;
use crate::ui::{Document, Ui};

/// Arguments of `console`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  cleverctl console --demo                  A made-up district with trouble
  cleverctl console --store clever.db       Look and approve; the next run applies
  cleverctl console --accounts sqlite:accounts.db -- --credential app
                                            Also accounts, and with syncs from the
                                            pages: what follows `--` is for `sync`

It prints a link that is good once, for ten minutes, on this machine."
)]
pub(crate) struct ConsoleArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    accounts: AccountsAt,
    /// Listen here; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where browsers find it, if a proxy stands before it: `https://ops.example.com/console`.
    ///
    /// Its path is where the pages are. Requests for another host are refused.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Who comes in by the link, as the audit keeps it.
    #[arg(long = "as", value_name = "NAME", default_value = "local")]
    name: String,
    /// What whoever comes in by the link may do: viewer, operator or admin.
    #[arg(long, value_name = "ROLE", default_value = "admin")]
    role: Role,
    /// The app's tables whose rows belong to accounts (TOML), as for `review`.
    #[arg(long, value_name = "FILE")]
    tables: Option<PathBuf>,
    /// Read the policy that an undo goes by from FILE (TOML).
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Serve a made-up district with something held, in a folder that goes with the process.
    #[arg(long, conflicts_with_all = ["tables", "policy", "sync"])]
    demo: bool,
    #[command(flatten)]
    openid: OpenIdArgs,
    #[command(subcommand)]
    command: Option<ConsoleCommand>,
    /// How the pages may sync: options of `cleverctl sync`.
    #[arg(last = true, value_name = "SYNC OPTIONS")]
    sync: Vec<String>,
}

/// What else there is to do for a console.
#[derive(Debug, Subcommand)]
enum ConsoleCommand {
    /// Make, list or take away tokens of the API.
    #[command(subcommand)]
    Token(Box<TokenCommand>),
    /// Print the OpenAPI document of the API, to make a client of it.
    ///
    /// A console serves it too, at `/api/openapi.json`.
    Openapi,
}

/// How to come in.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Link {
    /// An address that is good once, for ten minutes.
    link: String,
}

impl Document for Link {
    const NAME: &'static str = "console";
}

/// Serves until it is told to end.
pub(crate) async fn run(args: &ConsoleArgs, ui: &Ui) -> Result<Exit> {
    match &args.command {
        Some(ConsoleCommand::Token(command)) => return token::run(command, ui).await,
        Some(ConsoleCommand::Openapi) => {
            for line in serde_json::to_string_pretty(&openapi("/api"))?.lines() {
                ui.line(line)?;
            }
            return Ok(Exit::Done);
        }
        None => {}
    }
    if !args.listen.ip().is_loopback() && args.public_url.is_none() {
        return Err(Usage::new("the console listens on this machine alone")
            .hint("put a proxy with TLS before it, and name its address with --public-url")
            .into());
    }
    if args.demo {
        let ground = demo::Ground::make(ui).await?;
        let places = Places::One(ground.store.clone());
        let runner = Syncs::new(places, ground.sync.clone(), ui)?;
        let stores = Stores::new(ground.store.address().clone());
        let stores = stores.with_accounts(&ground.accounts, ground.keys.clone(), Vec::new());
        let notes_key = Some(ground.notes_key.clone());
        return serve(args, stores, Some(Arc::new(runner)), notes_key, ui).await;
    }
    let places = args.store.places()?;
    let mut stores = Stores::new(places.first().address().clone());
    if places.are_many() {
        // Pages of all districts read every store: one that no district has come to yet is made.
        for place in places.all() {
            drop(place.url.open().await?);
        }
        stores = stores.with_directory(Arc::new(InFile(places.clone())));
    } else {
        // A store that is not there is said before anybody opens a page. One of an earlier version is brought up to date.
        drop(places.first().open_existing().await?);
    }
    if args.accounts.is_named() {
        let (address, keys) = args.accounts.address(false)?;
        stores = stores.with_accounts(&address, keys, tables_of(args.tables.as_deref())?);
    }
    let runner = if args.sync.is_empty() {
        None
    } else {
        Some(Arc::new(Syncs::new(places, args.sync.clone(), ui)?))
    };
    // Without a key, all but forgetting is possible, and the page says so.
    let notes_key = args.accounts.notes_key(false).ok();
    serve(args, stores, runner, notes_key, ui).await
}

async fn serve(
    args: &ConsoleArgs,
    stores: Stores,
    runner: Option<Arc<Syncs>>,
    notes_key: Option<NotesKey>,
    ui: &Ui,
) -> Result<Exit> {
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| Usage::new(format!("could not listen on {}", args.listen)))?;
    let (origin, base) = match &args.public_url {
        Some(url) => (
            url.origin().ascii_serialization(),
            url.path().trim_end_matches('/').to_owned(),
        ),
        None => (format!("http://{}", listener.local_addr()?), String::new()),
    };
    // Whom syncs from the pages tell is whom a test goes to.
    let alerts = match &runner {
        Some(syncs) => syncs.alerts()?,
        None => None,
    };
    let options = Options {
        policies: policies(args.policy.as_deref())?,
        runner: runner.map(|runner| runner as _),
        openid: args.openid.openid(&format!("{origin}{base}"))?,
        notes_key,
        alerts,
        ..Options::at(&origin, &base)
    };
    let console = Console::new(stores, options)?;
    let link = console.link(Person {
        name: args.name.clone(),
        role: args.role,
        district: None,
    })?;
    if ui.json {
        ui.document(&Link { link })?;
    } else {
        ui.line("Open this link; it is good once, for ten minutes. Ctrl-C ends the console.")?;
        ui.command(&link)?;
    }
    let mut stop = Stop::listen();
    let serving = axum::serve(listener, console.router());
    serving
        .with_graceful_shutdown(async move { stop.asked().await })
        .await?;
    Ok(Exit::Done)
}

/// The directory of stores in the file of settings.
struct InFile(Places);

impl clever_console::Directory for InFile {
    fn all(&self) -> Vec<Address> {
        let all = self.0.all().into_iter();
        all.map(|place| place.url.address().clone()).collect()
    }

    fn of<'a>(&'a self, district_id: &'a str) -> BoxFuture<'a, Result<Address, String>> {
        Box::pin(async move {
            match self.0.holding(Some(district_id)).await {
                Ok(place) => Ok(place.url.address().clone()),
                Err(error) => Err(format!("{error:#}")),
            }
        })
    }
}

/// Starts syncs as `cleverctl sync` does, one of a district at a time.
struct Syncs {
    places: Places,
    options: Vec<String>,
    /// Says what the runs say to whoever started the console, and no more than a sync without a watcher.
    ui: Ui,
    running: Arc<Mutex<BTreeSet<String>>>,
}

impl Syncs {
    /// Reads the options once, so that a mistake is said before anybody presses a button.
    fn new(places: Places, options: Vec<String>, ui: &Ui) -> Result<Self> {
        let syncs = Self {
            places,
            options,
            ui: ui.in_the_background(),
            running: Arc::default(),
        };
        let args = syncs.args(None)?;
        if args.dry_run || args.all || args.every.is_some() || args.approve.is_some() {
            return Err(Usage::new("a sync from a page is of one district, once")
                .hint("leave out --all, --every, --dry-run and --approve after `--`")
                .into());
        }
        Ok(syncs)
    }

    /// Whom alerts go to, if to anybody.
    fn alerts(&self) -> Result<Option<Arc<dyn clever_console::Alerts>>> {
        let args = self.args(None)?;
        let alerts = Alerts::new(&args.alerts, args.listen.max_failures)?;
        Ok(alerts.are_wanted().then(|| Arc::new(Told(alerts)) as _))
    }

    fn args(&self, district: Option<&str>) -> Result<SyncArgs> {
        let mut words = vec!["cleverctl", "sync"];
        words.extend(self.options.iter().map(String::as_str));
        if let Some(district) = district {
            words.extend(["--district", district]);
        }
        let matches = cli::command().try_get_matches_from(words);
        let cli = matches.and_then(|matches| Cli::from_arg_matches(&matches));
        match cli {
            Ok(Cli {
                command: Command::Sync(args),
                ..
            }) => {
                let mut args = *args;
                args.store = StoreArgs::of_places(self.places.clone());
                Ok(args)
            }
            Ok(_) => Err(Usage::new("these are no options of `cleverctl sync`").into()),
            Err(error) => Err(Usage::new(format!(
                "what follows `--` is not understood: {}",
                error.to_string().lines().next().unwrap_or_default()
            ))
            .hint("name options of `cleverctl sync`, as in `-- --credential NAME`")
            .into()),
        }
    }
}

/// Whom syncs tell, for the page that sends a test.
struct Told(Alerts);

impl clever_console::Alerts for Told {
    fn places(&self) -> Vec<&'static str> {
        self.0.places()
    }

    fn test(&self) -> BoxFuture<'_, Result<usize, String>> {
        Box::pin(async move { self.0.test().await.map_err(|error| format!("{error:#}")) })
    }
}

impl Runner for Syncs {
    fn start<'a>(&'a self, district_id: &'a str) -> BoxFuture<'a, Result<Started, String>> {
        Box::pin(async move {
            let args = self
                .args(Some(district_id))
                .map_err(|error| error.to_string())?;
            let district = district_id.to_owned();
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            if !running.insert(district.clone()) {
                return Ok(Started::Already);
            }
            drop(running);
            let under_way = UnderWay(Arc::clone(&self.running), district);
            let (ui, runtime) = (self.ui, tokio::runtime::Handle::current());
            // The store says how it goes and how it ended; its pages show that.
            drop(tokio::task::spawn_blocking(move || {
                let _under_way = under_way;
                if let Err(error) = runtime.block_on(sync::run(args, &ui)) {
                    tracing::warn!(error = %error, "a sync that a page started failed");
                }
            }));
            Ok(Started::Now)
        })
    }

    fn look<'a>(&'a self, district_id: &'a str) -> BoxFuture<'a, Result<SyncReport, String>> {
        Box::pin(async move {
            let args = self
                .args(Some(district_id))
                .map_err(|error| error.to_string())?;
            looked(args, self.ui).await
        })
    }
}

/// A dry run with these arguments, on a thread of its own.
async fn looked(mut args: SyncArgs, ui: Ui) -> Result<SyncReport, String> {
    args.dry_run = true;
    let looked = aside(move || async move { sync::look(args, &ui).await }).await;
    looked.map_err(|error| format!("{error:#}"))
}

/// A district whose sync is under way until this is dropped, however it ends.
struct UnderWay(Arc<Mutex<BTreeSet<String>>>, String);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.1);
    }
}
