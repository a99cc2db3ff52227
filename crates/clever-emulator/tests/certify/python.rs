//! Two apps that are not ours: Django with django-allauth, and with social-auth-core, as PyPI has them. What is known to be
//! wrong with each is found, and nothing else.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clever_emulator::certify::{
    AccountSource, Accounts, AppUnderTest, Check, RehearsalClever, ready, rehearse,
};
use tempfile::TempDir;

use crate::faults::{browser, found, told};

/// An app that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The Python that has both libraries: `cargo xtask test` makes it.
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("target/certified/bin/python");
    if !python.exists() {
        eprintln!(
            "skipped: target/certified has no Python with the libraries (`cargo xtask test` makes it)"
        );
        return None;
    }
    Some(python)
}

/// Rehearses the app in `file`, whose callback is at `callback`, and compares what is found.
async fn finds(file: &str, callback: &str, wanted: &[Check]) {
    let (Some(python), Some(browser)) = (python(), browser().await) else {
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let url: url::Url = format!("http://{address}/").parse().unwrap();
    let mut app = AppUnderTest::new(url.clone(), url.join(callback).unwrap());
    app.quiet = Duration::from_millis(500);
    let mut accounts = Accounts::new(AccountSource::Url(url.join("users.json").unwrap()));
    accounts.made_at_sign_in = true;
    accounts.patience = Duration::from_secs(1);
    app.accounts = Some(accounts);
    let listen = "127.0.0.1:0".parse().unwrap();
    let clever = RehearsalClever::start(listen, &app.callback, false)
        .await
        .unwrap();
    let emulator = clever.emulator();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/certified");
    // The app makes its database in the folder for files that nobody keeps.
    let data = TempDir::new().unwrap();
    let child = Command::new(python)
        .env("TMPDIR", data.path())
        .arg(folder.join(file))
        .arg(address.port().to_string())
        .env("CLEVER_URL", emulator.base_url().as_str())
        .env("CLEVER_CLIENT_ID", emulator.client_id())
        .env("CLEVER_CLIENT_SECRET", emulator.client_secret())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running(child);
    ready(&app, Duration::from_secs(60)).await.unwrap();
    let report = rehearse(&app, &clever, Ok(&browser), &|_| {}).await;
    drop(running);
    clever.stop().await;
    browser.end().await;
    let wanted: BTreeSet<Check> = wanted.iter().copied().collect();
    assert_eq!(found(&report), wanted, "{}", told(&report));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn django_allauth_has_no_way_in_from_the_portal_and_no_way_back() {
    let wanted = [
        // Its page of errors may be kept, and passes a `Referer` on.
        Check::NothingLeaks,
        // It refuses a callback without `state`, and does not begin again.
        Check::WayPortal,
        Check::WayInstantLogin,
        // Whoever goes back meets the callback again, whose `state` is used up: a page of errors, though signed in.
        Check::BackButton,
    ];
    finds("allauth_app.py", "accounts/clever/login/callback/", &wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn social_auth_answers_with_a_redirect_and_needs_an_address() {
    let wanted = [
        // Each is safe, and is answered with 302.
        Check::WithoutState,
        Check::ForgedState,
        Check::WayPortal,
        Check::WayInstantLogin,
        // It splits the address of a person who has none.
        Check::MissingFields,
    ];
    finds("social_app.py", "complete/clever/", &wanted).await;
}
