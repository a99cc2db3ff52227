//! `cargo run -p classroom`: the example app. It prints one address to open in a browser.
//!
//! By default it brings its own Clever, with people who don't exist. Against Clever itself, set CLEVER_CLIENT_ID and
//! CLEVER_CLIENT_SECRET, and register `http://127.0.0.1:3000/callback` (or what CLASSROOM_URL makes of it).
//!
//! Accounts and roster are files in the folder CLASSROOM_DATA, or in PostgreSQL: CLASSROOM_DATABASE is its address.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example speaks to its reader, and logs to standard error by itself"
)]

use classroom::Config;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let wanted = std::env::var("CLASSROOM_LOG").unwrap_or_else(|_| "warn,classroom=info".into());
    tracing_subscriber::registry()
        .with(wanted.parse::<Targets>()?)
        .with(fmt::layer().with_writer(std::io::stderr))
        .init();
    let app = classroom::start(Config::from_env()?).await?;
    println!("Open {} in a browser. Ctrl-C ends it.", app.url());
    app.run().await
}
