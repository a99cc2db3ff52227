//! A sound app, and one app for each broken rule.

use std::collections::BTreeSet;
use std::time::Duration;

use clever_emulator::certify::{
    AccountSource, Accounts, AppUnderTest, Browser, Check, RehearsalClever, Report, Verdict, ready,
    rehearse,
};
use tokio::net::TcpListener;

use crate::app::{Break, Clever, serve};

/// Starts an app that breaks one rule or none, and rehearses it.
async fn tried(broken: Option<Break>, browser: Option<&Browser>) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let mut app = AppUnderTest::new(url.clone(), url.join("callback").unwrap());
    app.quiet = Duration::from_millis(250);
    let mut accounts = Accounts::new(AccountSource::Url(url.join("users.json").unwrap()));
    accounts.patience = Duration::from_secs(1);
    app.accounts = Some(accounts);
    app.library = true;
    let listen = "127.0.0.1:0".parse().unwrap();
    let clever = RehearsalClever::start(listen, &app.callback, false)
        .await
        .unwrap();
    let emulator = clever.emulator();
    let base = emulator
        .base_url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let client = (
        emulator.client_id().to_owned(),
        emulator.client_secret().to_owned(),
    );
    let token = emulator.district_token().to_owned();
    serve(
        listener,
        Clever {
            base,
            client,
            token,
        },
        broken,
    );
    ready(&app, Duration::from_secs(10)).await.unwrap();
    let browser = browser.ok_or_else(|| "no browser in this test".to_owned());
    let report = rehearse(&app, &clever, browser, &|_| {}).await;
    clever.stop().await;
    report
}

/// The checks that found something.
pub(crate) fn found(report: &Report) -> BTreeSet<Check> {
    let bad = report
        .findings
        .iter()
        .filter(|one| one.verdict >= Verdict::NeedsWork);
    bad.map(|one| one.check).collect()
}

pub(crate) fn told(report: &Report) -> String {
    let all = report.findings.iter().map(|one| {
        format!(
            "{:?} {}: {} -> {}",
            one.verdict,
            one.check.word(),
            one.sent,
            one.came_back
        )
    });
    all.collect::<Vec<_>>().join("\n")
}

/// A browser, or a word about why this test does nothing.
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
pub(crate) async fn browser() -> Option<Browser> {
    match Browser::start().await {
        Ok(browser) => Some(browser),
        Err(error) if error.is_not_installed() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_app_passes_every_check() {
    let Some(browser) = browser().await else {
        return;
    };
    let report = tried(None, Some(&browser)).await;
    assert_eq!(report.worst(), Verdict::Passed, "{}", told(&report));
    let checks: Vec<Check> = report.findings.iter().map(|one| one.check).collect();
    assert_eq!(checks, Check::ALL);
    browser.end().await;
}

/// An app that breaks a rule, and the checks that have to find it.
type Broken = (Break, &'static [Check]);

/// Rules whose breach shows without a browser.
const BY_REQUESTS: [Broken; 17] = [
    (Break::WithoutState, &[Check::WithoutState]),
    (Break::ForgedState, &[Check::ForgedState]),
    (Break::InvalidCode, &[Check::InvalidCode]),
    (Break::ReplayedCode, &[Check::ReplayedCode]),
    (Break::ExpiredCode, &[Check::ExpiredCode]),
    (Break::Clever429, &[Check::Clever429]),
    (Break::Clever500, &[Check::Clever500]),
    (Break::CleverSlow, &[Check::CleverSlow]),
    (Break::NothingLeaks, &[Check::NothingLeaks]),
    (Break::FriendlyErrors, &[Check::FriendlyErrors]),
    (Break::UsersUnique, &[Check::UsersUnique]),
    (Break::UsersComplete, &[Check::UsersComplete]),
    (Break::UsersSisIds, &[Check::UsersSisIds]),
    (Break::UsersArchived, &[Check::UsersArchived]),
    (Break::UsersRestored, &[Check::UsersRestored]),
    (Break::UsersRollover, &[Check::UsersRollover]),
    (Break::UsersRekeyed, &[Check::UsersRekeyed]),
];

/// Rules whose breach shows in a browser.
const IN_A_BROWSER: [Broken; 13] = [
    // Clever lets nobody back to an address that is not registered: no way leads in.
    (
        Break::RedirectUri,
        &[
            Check::RedirectUri,
            Check::WayButton,
            Check::WayPortal,
            Check::WayInstantLogin,
            Check::WayLibrary,
        ],
    ),
    (Break::WayButton, &[Check::WayButton]),
    // All three come without a `state`.
    (
        Break::WayPortal,
        &[Check::WayPortal, Check::WayInstantLogin, Check::WayLibrary],
    ),
    (Break::RoleStaff, &[Check::RoleStaff]),
    (Break::MissingFields, &[Check::MissingFields]),
    (Break::NameShown, &[Check::NameShown]),
    (Break::NamesInAnyScript, &[Check::NamesInAnyScript]),
    (Break::LogOut, &[Check::LogOut]),
    (Break::SessionEnds, &[Check::SessionEnds]),
    (Break::SharedDevice, &[Check::SharedDevice]),
    (Break::SeveralTabs, &[Check::SeveralTabs]),
    (Break::BackButton, &[Check::BackButton]),
    // Its answers say `no-referrer`: the wire alone tells.
    (Break::Referer, &[Check::Referer]),
];

/// What is amiss with what was found of an app.
async fn amiss((broken, checks): Broken, browser: Option<&Browser>) -> Option<String> {
    let report = tried(Some(broken), browser).await;
    let wanted: BTreeSet<Check> = checks.iter().copied().collect();
    (found(&report) != wanted).then(|| format!("{broken:?}\n{}", told(&report)))
}

/// Tries app after app in one browser; the test's failure names all that is amiss, not the first alone.
async fn in_turn(apps: &[Broken]) {
    let Some(browser) = browser().await else {
        return;
    };
    let mut all = Vec::new();
    for app in apps {
        all.extend(amiss(*app, Some(&browser)).await);
    }
    assert!(all.is_empty(), "{}", all.join("\n\n"));
    browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rule_broken_in_an_answer_is_found_and_nothing_else() {
    // They wait most of the time: for a slow Clever, for accounts that do not come.
    let apps = BY_REQUESTS.map(|app| tokio::spawn(amiss(app, None)));
    let mut all = Vec::new();
    for app in apps {
        all.extend(app.await.unwrap());
    }
    assert!(all.is_empty(), "{}", all.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rule_broken_in_a_browser_is_found_and_nothing_else_1() {
    in_turn(&IN_A_BROWSER[..6]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rule_broken_in_a_browser_is_found_and_nothing_else_2() {
    in_turn(&IN_A_BROWSER[6..]).await;
}
