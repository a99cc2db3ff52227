//! An example app on the Clever toolkit: sign-in, accounts, classes. `accounts.rs` is the part that another app would
//! copy; the rest is what any app has: pages, its own tables, settings.

mod accounts;
mod clever;
mod config;
mod console;
mod forms;
mod fresh;
mod members;
mod pages;
mod roster;
mod site;
mod sync;

use anyhow::Context;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use clever_auth::login::LoginFlow;
use clever_client::web::{WebLogin, WebOptions};
use clever_client::{LoginService, RetryPolicy};
use clever_sql::Address;
use clever_web::{AccountPool, AccountsOptions};
use tokio::net::TcpListener;

pub use config::Config;

use crate::clever::Clever;
use crate::fresh::Fresh;
use crate::members::Members;
use crate::roster::Roster;
use crate::site::{Accounts, Site};

/// Connections to the database of accounts.
const CONNECTIONS: usize = 8;

/// The app, ready to serve.
pub struct App {
    listener: TcpListener,
    router: Router,
    url: String,
    /// Lives as long as the app, if it brings its own Clever.
    _clever: Clever,
}

impl App {
    /// The address to open in a browser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    ///
    /// What the system says of the socket.
    pub async fn run(self) -> anyhow::Result<()> {
        axum::serve(self.listener, self.router).await?;
        Ok(())
    }
}

/// Opens the databases, finds Clever, or starts one, and begins to listen and to sync.
///
/// # Errors
///
/// Says which setting, file or address can't be used.
pub async fn start(config: Config) -> anyhow::Result<App> {
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "could not listen on {}: set CLASSROOM_LISTEN",
            config.listen
        )
    })?;
    let url = match &config.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", listener.local_addr()?),
    };
    let callback = format!("{url}/callback");
    let clever = Clever::find(&config, &callback).await?;
    let (app, background) = (clever.app(&callback)?, clever.options());
    // Whoever signs in waits for Clever's answers; the sync has time.
    let mut client = background.clone();
    client.retry = RetryPolicy::for_a_person();
    let keys = config.keys()?;
    let console_keys = keys.clone();

    let (store, roster) = config.addresses();
    let roster = Address::parse(&roster).context("CLASSROOM_DATABASE can't be used")?;
    let pool = AccountPool::open(&store, keys.clone(), CONNECTIONS).await?;
    let service = LoginService::new(client.clone())?;
    let tokens = clever.tokens(service.clone(), app.clone())?;
    let fresh = Fresh::new(client.clone(), tokens.clone(), pool.clone());
    let members = Members::open(pool.clone(), fresh).await?;
    let demo = clever.demo(&members).await?;
    for (email, password) in &config.before {
        members.sign_up_once(email, password).await?;
    }

    let options = AccountsOptions {
        policy: sync::policy(),
        client,
        ..AccountsOptions::default()
    };
    let accounts = Accounts::new(members.clone(), pool.clone(), keys.clone(), options);
    let policy = pages::policy(app.issuer());
    let login = WebLogin::with_options(
        LoginFlow::new(app.clone(), keys),
        service,
        accounts.clone(),
        clever.openid(&app),
        WebOptions::default().with_pages(pages::notice::pages(policy.clone())),
    );
    sync::run(roster.clone(), background, tokens, pool, config.sync_every).await?;
    let console = roster.clone();
    let roster = Roster::new(roster);
    let site = Site {
        login,
        accounts,
        members,
        roster,
        demo,
    };
    // It sets headers of its own, so it stands beside the app's pages.
    let console = console::router(&site, &url, console, &store, console_keys)?;
    Ok(App {
        listener,
        router: router(site, &policy)?.merge(console),
        url,
        _clever: clever,
    })
}

fn router(site: Site, policy: &str) -> anyhow::Result<Router> {
    let policy = HeaderValue::from_str(policy)?;
    let style = async || ([(CONTENT_TYPE, "text/css; charset=utf-8")], pages::STYLE);
    let guard = move |request, next| pages::guard(policy.clone(), request, next);
    Ok(Router::new()
        .route("/", get(pages::home::show))
        .route("/classes/{id}", get(pages::home::class))
        .route("/works", axum::routing::post(pages::home::add_work))
        .route("/hello", get(pages::hello::show).post(pages::hello::keep))
        .route("/account", get(pages::account::show))
        .route("/admin", get(pages::admin::show))
        .route("/style.css", get(style))
        .merge(accounts::routes())
        .merge(site.login.router())
        .layer(axum::middleware::from_fn(guard))
        .with_state(site))
}
