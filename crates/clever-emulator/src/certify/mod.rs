//! A rehearsal of Clever's certification for any app that can be pointed at another Clever address.
//!
//! [`RehearsalClever`] is the Clever that the app is pointed at; [`rehearse`] tries the app with everybody of a
//! certification district, by every way in and with every trouble, and gives a [`Report`]. What is expected is in
//! [`Check`]. It uses the emulator and nothing of the code that apps are built with, so that an app on this
//! toolkit is tried like any other.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use clever_emulator::certify::{AppUnderTest, Browser, RehearsalClever, Verdict, ready, rehearse};
//!
//! let app = AppUnderTest::new("http://127.0.0.1:3000/".parse()?, "http://127.0.0.1:3000/callback".parse()?);
//! let clever = RehearsalClever::start("127.0.0.1:8787".parse()?, &app.callback, true).await?;
//! ready(&app, std::time::Duration::from_secs(60)).await?;
//! let browser = Browser::start().await.map_err(|error| error.to_string());
//! let report = rehearse(&app, &clever, browser.as_ref().map_err(Clone::clone), &|_| {}).await;
//! std::fs::write("certify.html", report.html())?;
//! assert_eq!(report.count(Verdict::Failed), 0);
//! # Ok(())
//! # }
//! ```
mod accounts;
mod app;
mod browser;
mod check;
mod clever;
#[cfg(feature = "cli")]
pub mod command;
mod finding;
mod people;
mod probe;
mod rehearsal;
mod report;
mod visit;

pub use accounts::{AccountSource, Accounts, ReadAccounts, Shell};
pub use app::AppUnderTest;
pub use browser::{Browser, BrowserError};
pub use check::Check;
pub use clever::RehearsalClever;
pub use finding::{Finding, Verdict};
pub use rehearsal::{RehearsalError, ready, rehearse};
pub use report::{Report, Told};
