//! From the first sign-in to one's classes, over each database, and a Clever that is slow or down.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

#[path = "../../../crates/clever-web/tests/it/browser.rs"]
mod browser;
mod ground;
mod postgres;

use std::time::{Duration, Instant};

use browser::{Browser, Page};
use classroom::Config;
use clever_emulator::{Emulator, Fault};
use clever_model::{RecordKind, Role};
use serde_json::{Value, json};
use tempfile::TempDir;

const EMAIL: &str = "old@mail.example";
const PASSWORD: &str = "worksheets";

/// An app whose roster was synced once, and its Clever.
struct Place {
    clever: Emulator,
    url: String,
    _data: TempDir,
}

impl Place {
    async fn each(name: &str) -> Vec<Self> {
        let mut all = vec![Self::new(None).await];
        if let Some(database) = postgres::emptied(name).await {
            all.push(Self::new(Some(database)).await);
        }
        all
    }

    async fn new(database: Option<String>) -> Self {
        let clever = clever_emulator::start(ground::clever_of(40));
        let clever = clever.await.unwrap();
        let data = TempDir::new().unwrap();
        let app = classroom::start(Config {
            database,
            before: vec![(EMAIL.to_owned(), PASSWORD.to_owned())],
            ..ground::settings(&clever, data.path())
        });
        let app = app.await.unwrap();
        let url = app.url().to_owned();
        tokio::spawn(app.run());
        Self {
            clever,
            url,
            _data: data,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// A teacher, and one of the teacher's sections.
    fn teacher(&self) -> (String, Value) {
        self.clever.with_world(|world| {
            let mut sections = world.list(RecordKind::Sections).values();
            let teachers = world.with_role(Role::Teacher);
            let found = sections.find_map(|section| {
                let section = section.value();
                let students = section["students"].as_array()?.len();
                let teacher = section["teacher"].as_str()?.to_owned();
                let is_there = teachers.keys().any(|id| id == teacher);
                (students > 1 && is_there).then_some((teacher, section))
            });
            found.unwrap()
        })
    }

    /// Waits until the background sync has read the district.
    async fn synced(&self, browser: &mut Browser) -> Page {
        for _ in 0..600 {
            let page = browser.go(&self.at("/"), "").await;
            if !page.text.contains("are being read") {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the roster was never read");
    }

    /// Signs somebody in who has no account yet, and says so.
    async fn arrives(&self, user: &str) -> Browser {
        let mut browser = Browser::new();
        let asked = browser.go(&self.at("/account"), user).await;
        assert_eq!(asked.at.path(), "/welcome", "{asked:?}");
        let form = format!("form={}&return_to=/account", token(&asked));
        browser.send(&self.at("/welcome/new"), &form, "").await;
        browser
    }
}

/// The token of a page's forms.
fn token(page: &Page) -> String {
    let found = page.text.split("name=\"form\" value=\"").nth(1);
    let found = found.and_then(|rest| rest.split('"').next());
    found.unwrap_or_else(|| panic!("{page:?}")).to_owned()
}

fn name(section: &Value) -> &str {
    section["name"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_sign_in_proves_an_account_from_before_and_ends_in_its_classes_over_each_database()
{
    for place in Place::each("seed").await {
        let (teacher, section) = place.teacher();
        let mut browser = Browser::new();
        let asked = browser.go(&place.at("/account"), &teacher).await;
        assert_eq!(asked.at.path(), "/welcome", "{asked:?}");
        let mine = |password: &str| {
            format!(
                "form={}&return_to=/account&email={EMAIL}&password={password}",
                token(&asked)
            )
        };
        let wrong = browser
            .send(&place.at("/welcome/mine"), &mine("wrong"), &teacher)
            .await;
        assert!(wrong.text.contains("No account here has this"), "{wrong:?}");
        let there = browser
            .send(&place.at("/welcome/mine"), &mine(PASSWORD), &teacher)
            .await;
        assert_eq!(there.at.path(), "/account", "{there:?}");
        let home = place.synced(&mut browser).await;
        for part in ["Fractions with pizza", name(&section)] {
            assert!(home.text.contains(part), "{part} in {home:?}");
        }
        let class = format!("/classes/{}", section["id"].as_str().unwrap());
        let class = browser.go(&place.at(&class), "").await;
        let students = section["students"].as_array().unwrap().len();
        assert!(
            class.text.contains(&format!("{students} students")),
            "{class:?}"
        );
        // The same account again, without a question.
        let again = Browser::new().go(&place.at("/account"), &teacher).await;
        assert_eq!(again.at.path(), "/account", "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_that_came_after_the_last_sync_is_there_after_a_sign_in() {
    for place in Place::each("fresh").await {
        let (teacher, mut section) = place.teacher();
        let mut browser = place.arrives(&teacher).await;
        place.synced(&mut browser).await;
        section["id"] = json!("5a25ffb0c1bc2a0036f0f0f0");
        section["name"] = json!("Aftercomers");
        let (id, text) = (section["id"].as_str().unwrap(), section.to_string());
        place
            .clever
            .with_world(|world| world.put(RecordKind::Sections, id, text));
        let before = browser.go(&place.at("/"), "").await;
        assert!(!before.text.contains("Aftercomers"), "{before:?}");

        let mut anew = Browser::new();
        anew.go(&place.at("/account"), &teacher).await;
        let home = anew.go(&place.at("/"), "").await;
        assert!(home.text.contains("Aftercomers"), "{home:?}");
        let class = anew.go(&place.at(&format!("/classes/{id}")), "").await;
        let students = section["students"].as_array().unwrap().len();
        assert!(
            class.text.contains(&format!("{students} students")),
            "{class:?}"
        );
        // Another teacher's class is nobody else's.
        let other = place.clever.with_world(|world| {
            let all = world.with_role(Role::Teacher);
            let other = all.keys().find(|id| *id != teacher.as_str());
            other.unwrap().to_string()
        });
        let mut other = place.arrives(&other).await;
        let class = other.go(&place.at(&format!("/classes/{id}")), "").await;
        assert_eq!(class.status, 404, "{class:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clever_that_is_slow_or_down_keeps_no_teacher_out() {
    let place = Place::new(None).await;
    let (teacher, section) = place.teacher();
    let mut first = place.arrives(&teacher).await;
    place.synced(&mut first).await;
    for fault in [Fault::Hang, Fault::ServerError, Fault::Reset] {
        let faults = place.clever.faults();
        faults.add(fault.on("/sections"));
        let began = Instant::now();
        let mut browser = Browser::new();
        let page = browser.go(&place.at("/account"), &teacher).await;
        assert_eq!(page.at.path(), "/account", "{page:?}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(8), "{fault:?} took {took:?}");
        let home = browser.go(&place.at("/"), "").await;
        assert!(home.text.contains(name(&section)), "{home:?}");
        faults.clear();
    }
    // Without any Clever, who is in stays in, and sees what was synced.
    let Place { clever, url, _data } = place;
    drop(clever);
    let home = first.go(&format!("{url}/"), "").await;
    assert!(home.text.contains(name(&section)), "{home:?}");
}
