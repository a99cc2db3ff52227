//! An app, its Clever, and a browser.

use classroom::Config;
use clever_emulator::{Emulator, EmulatorConfig};
use clever_model::Role;
use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use crate::driver::Driver;
use crate::ground;

/// The address and the password of the account from before.
pub(crate) const EMAIL: &str = "old@mail.example";
pub(crate) const PASSWORD: &str = "worksheets";

/// The keys Tab and Enter.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

pub(crate) struct Scene {
    pub(crate) clever: Emulator,
    pub(crate) url: Url,
    _data: TempDir,
}

impl Scene {
    /// Starts a Clever and the app; `connected` by the district, or for the Library alone.
    pub(crate) async fn start(connected: bool) -> Self {
        let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = place.local_addr().unwrap();
        drop(place);
        let url: Url = format!("http://{listen}/").parse().unwrap();
        let config = EmulatorConfig {
            redirect_uris: vec![format!("{url}callback")],
            connected,
            ..ground::clever_of(80)
        };
        let clever = clever_emulator::start(config).await.unwrap();
        let data = TempDir::new().unwrap();
        let app = classroom::start(Config {
            listen,
            before: vec![(EMAIL.to_owned(), PASSWORD.to_owned())],
            ..ground::settings(&clever, data.path())
        });
        let app = app.await.unwrap();
        tokio::spawn(app.run());
        Self {
            clever,
            url,
            _data: data,
        }
    }

    pub(crate) fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// Whoever fits first, among the people of a role.
    pub(crate) fn person(&self, role: Role, fits: impl Fn(&Value) -> bool) -> Person {
        self.nth(role, 0, fits)
    }

    pub(crate) fn nth(&self, role: Role, nth: usize, fits: impl Fn(&Value) -> bool) -> Person {
        self.clever.with_world(|world| {
            let all = world.with_role(role);
            let mut fitting = all.iter().filter(|(_, user)| fits(&user.value()));
            let (id, user) = fitting.nth(nth).unwrap();
            let name = &user.value()["name"];
            let part = |part: &str| name[part].as_str().unwrap_or_default().to_owned();
            Person {
                id: id.to_string(),
                name: format!("{} {}", part("first"), part("last")),
            }
        })
    }

    /// Where Clever starts the app, with the person picked.
    pub(crate) fn door(&self, path: &str, person: &Person) -> Url {
        let mut url = self.clever.base_url().join(path).unwrap();
        url.query_pairs_mut()
            .append_pair("client_id", self.clever.client_id())
            .append_pair("user", &person.id);
        url
    }
}

/// Somebody of the emulator's world.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Person {
    /// The link of the person on Clever's page.
    fn link(&self) -> String {
        format!("a[href$='user={}']", self.id)
    }
}

/// Presses the app's button and picks a person at Clever.
pub(crate) async fn log_in(driver: &Driver, scene: &Scene, person: &Person) {
    driver.open(scene.url.clone()).await;
    driver.click("#log-in").await;
    driver.click(&person.link()).await;
}

/// Ends the session here and the one at Clever.
pub(crate) async fn leave(driver: &Driver) {
    driver
        .chromium("Network.clearBrowserCookies", serde_json::json!({}))
        .await;
}

/// Writes the account's address and a password into the form `email`, `password`.
pub(crate) async fn claim(driver: &Driver, before: &str, password: &str, button: &str) {
    driver.write(&format!("#{before}email"), EMAIL).await;
    driver.write(&format!("#{before}password"), password).await;
    driver.click(button).await;
}
