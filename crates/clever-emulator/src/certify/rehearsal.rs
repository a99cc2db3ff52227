//! The rehearsal: every check, one after another.

use std::time::{Duration, Instant};

use clever_model::{Clock, SystemClock};

use crate::certify::accounts;
use crate::certify::app::AppUnderTest;
use crate::certify::browser::Browser;
use crate::certify::check::Check;
use crate::certify::clever::RehearsalClever;
use crate::certify::finding::Finding;
use crate::certify::people;
use crate::certify::probe;
use crate::certify::report::Report;
use crate::certify::visit::visitor::Visitor;

/// Why a rehearsal can't begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// Nothing answers at the app's address.
    #[error("the app did not answer at {url} within {seconds} seconds")]
    NoApp {
        /// Its address.
        url: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The callback is not there.
    #[error("the app has no callback at {0}: it answers 404")]
    NoCallback(String),
}

/// Waits until the app answers, and looks whether its callback is there.
///
/// # Errors
///
/// [`RehearsalError`] says what is missing.
pub async fn ready(app: &AppUnderTest, patience: Duration) -> Result<(), RehearsalError> {
    let no_app = || RehearsalError::NoApp {
        url: app.url.to_string(),
        seconds: patience.as_secs(),
    };
    let begun = Instant::now();
    let mut visitor = Visitor::new().map_err(|_| no_app())?;
    while visitor.get(&app.url).await.is_err() {
        if begun.elapsed() >= patience {
            return Err(no_app());
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    match visitor.get(&app.callback).await {
        Ok(answer) if answer.status == 404 => {
            Err(RehearsalError::NoCallback(app.callback.to_string()))
        }
        _ => Ok(()),
    }
}

/// Runs every check. `browser` says why there is none, if there is none; `told` hears of each part that begins.
pub async fn rehearse(
    app: &AppUnderTest,
    clever: &RehearsalClever,
    browser: Result<&Browser, String>,
    told: &(dyn Fn(&str) + Sync),
) -> Report {
    let began = SystemClock.now();
    told("asking the app's callback, and putting Clever in trouble");
    let mut findings = probe::run(app, clever).await;
    told("signing everybody in, in a browser");
    let (found, known) = people::run(app, clever, browser).await;
    findings.extend(found);
    told("changing the roster, and reading the app's accounts");
    findings.extend(accounts::run(app, clever, &known).await);
    Report {
        app: app.url.to_string(),
        began: began.to_string(),
        findings: in_order(findings),
    }
}

/// The findings in the order of the checks.
fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|one| Check::ALL.iter().position(|check| *check == one.check));
    findings
}
