//! The real program is killed at any moment: what a browser was promised is there when it starts again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

#[path = "../../../crates/clever-web/tests/it/browser.rs"]
mod browser;
mod ground;
mod postgres;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use browser::{Browser, Page};
use classroom::Config;
use clever_auth::seal::{KeyId, SealingKeys};
use clever_emulator::Emulator;
use clever_model::Role;
use clever_provision::store::AccountStore;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A place where the program runs again and again.
struct Place {
    clever: Emulator,
    listen: SocketAddr,
    data: TempDir,
    database: Option<String>,
}

impl Place {
    /// One for each database: files, and PostgreSQL where `CLEVER_TEST_POSTGRES` names a server.
    async fn each(name: &str) -> Vec<Self> {
        let mut all = vec![Self::new(None).await];
        if let Some(database) = postgres::emptied(name).await {
            all.push(Self::new(Some(database)).await);
        }
        all
    }

    async fn new(database: Option<String>) -> Self {
        let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = place.local_addr().unwrap();
        drop(place);
        Self {
            clever: clever_emulator::start(ground::clever_of(40)).await.unwrap(),
            listen,
            data: TempDir::new().unwrap(),
            database,
        }
    }

    fn config(&self, before: &[(&str, &str)]) -> Config {
        let before = before.iter();
        Config {
            database: self.database.clone(),
            before: before
                .map(|(email, password)| ((*email).to_owned(), (*password).to_owned()))
                .collect(),
            ..ground::settings(&self.clever, self.data.path())
        }
    }

    /// Starts the program, and waits until it answers.
    async fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_classroom"));
        let child = command
            .env("CLASSROOM_LISTEN", self.listen.to_string())
            .env("CLASSROOM_DATA", self.data.path())
            .env(
                "CLASSROOM_DATABASE",
                self.database.as_deref().unwrap_or_default(),
            )
            .env("CLEVER_CLIENT_ID", self.clever.client_id())
            .env("CLEVER_CLIENT_SECRET", self.clever.client_secret())
            .env("CLEVER_URL", self.clever.base_url().as_str())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(self.listen).await.is_ok() {
                return child;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the program never listened");
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.listen)
    }

    fn teacher(&self, nth: usize) -> String {
        self.clever.with_world(|world| {
            let all = world.with_role(Role::Teacher);
            let found = all.iter().nth(nth).map(|(id, _)| id.to_string());
            found.unwrap()
        })
    }
}

/// Kills the program as a power cut would.
async fn kill(mut child: Child) {
    child.start_kill().unwrap();
    child.wait().await.unwrap();
}

/// The token of a page's forms.
fn token(page: &Page) -> String {
    let found = page.text.split("name=\"form\" value=\"").nth(1);
    let found = found.and_then(|rest| rest.split('"').next());
    found.unwrap_or_else(|| panic!("{page:?}")).to_owned()
}

/// The ledger holds, and one account is the teacher's.
async fn one_account(place: &Place, user: &str) -> String {
    let data = place.data.path();
    let key = std::fs::read_to_string(data.join("classroom.key")).unwrap();
    let keys = SealingKeys::from_text(KeyId(1), key.trim()).unwrap();
    let file = format!("sqlite:{}", data.join("classroom.db").display());
    let address = place.database.clone().unwrap_or(file);
    let mut store = AccountStore::open(&address, keys).await.unwrap();
    store.verify().await.unwrap();
    let opened = store.opened_by(&user.parse().unwrap()).await.unwrap();
    opened.unwrap().as_str().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_a_link_and_a_session_outlive_the_program() {
    for place in Place::each("kill_link").await {
        outlives(place).await;
    }
}

async fn outlives(place: Place) {
    let old = [("old@mail.example", "worksheets")];
    drop(classroom::start(place.config(&old)).await.unwrap());
    let user = place.teacher(0);
    let mut browser = Browser::new();

    let running = place.start().await;
    let asked = browser.go(&place.at("/account"), &user).await;
    assert_eq!(asked.at.path(), "/welcome", "{asked:?}");
    kill(running).await;

    // The question is still open, with the token that the page has; then it dies while the person is at Clever.
    let running = place.start().await;
    let form = format!(
        "form={}&return_to=/account&email=old@mail.example&password=worksheets",
        token(&asked)
    );
    let at_clever = browser.send(&place.at("/welcome/mine"), &form, "").await;
    assert!(at_clever.text.contains("Are you"), "{at_clever:?}");
    kill(running).await;

    let running = place.start().await;
    let back = browser.go(at_clever.at.as_str(), &user).await;
    assert!(back.text.contains("Where you are signed in"), "{back:?}");
    kill(running).await;

    let running = place.start().await;
    let page = browser.go(&place.at("/"), "").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Fractions with pizza"), "{page:?}");
    kill(running).await;
    one_account(&place, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_an_answer_it_goes_on_from_what_is_there() {
    for place in Place::each("kill_answer").await {
        goes_on(place).await;
    }
}

async fn goes_on(place: Place) {
    for (nth, wait) in [0, 2, 5, 9, 14, 25].into_iter().enumerate() {
        let user = place.teacher(nth);
        let mut browser = Browser::new();
        let running = place.start().await;
        let asked = browser.go(&place.at("/account"), &user).await;
        let form = format!("form={}&return_to=/account", token(&asked));
        let mut cut = browser.clone();
        let new = place.at("/welcome/new");
        let sent = form.clone();
        let sending = tokio::spawn(async move { cut.send(&new, &sent, "").await });
        tokio::time::sleep(Duration::from_millis(wait)).await;
        kill(running).await;
        // The answer may have come or not; the browser keeps its cookies.
        drop(sending.await);

        let running = place.start().await;
        let page = browser.go(&place.at("/account"), &user).await;
        if page.at.path() == "/welcome" {
            let form = format!("form={}&return_to=/account", token(&page));
            browser.send(&place.at("/welcome/new"), &form, "").await;
        }
        let page = browser.go(&place.at("/account"), "").await;
        assert!(page.text.contains("Where you are signed in"), "{page:?}");
        let account = one_account(&place, &user).await;
        // Another sign-in opens the same account.
        Browser::new().go(&place.at("/account"), &user).await;
        assert_eq!(one_account(&place, &user).await, account);
        kill(running).await;
    }
}
