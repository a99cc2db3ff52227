//! An application that people sign in to, the Clever before it, the people, and a browser of a few lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::routing::get;
use axum::{BoxError, Router};
use clever_auth::login::LoginFlow;
use clever_auth::seal::{KeyId, SealingKeys};
use clever_auth::{
    App, Authority, IdTokenVerifier, LoginToken, OpenId, RedirectUri, VerifiedLogin,
};
use clever_client::web::{Admission, CurrentUser, Sessions, WebLogin};
use clever_client::{ClientOptions, LoginService};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{Clock, ManualClock, RecordKind, Role, SystemClock};
use serde_json::json;
use url::Url;

/// How a person comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Portal,
    Button,
    Library,
    InstantLogin,
}

/// Who comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    StudentWithoutEmail,
    Teacher,
    TeacherAndStaff,
    DistrictAdmin,
    Contact,
}

/// The application's sessions: Clever ids by session id, and whether a teacher shared the person.
#[derive(Clone, Default)]
pub(super) struct Memory(
    pub(super) Arc<Mutex<BTreeMap<String, String>>>,
    pub(super) Arc<Mutex<Vec<Authority>>>,
);

impl Sessions for Memory {
    type User = String;

    async fn begin(
        &self,
        id: &str,
        login: VerifiedLogin,
        token: LoginToken,
    ) -> Result<Admission, BoxError> {
        // The kind of token, the district and the id token go together.
        let library = matches!(token, LoginToken::Library(_));
        assert_eq!(library, login.authority() == Authority::Teacher);
        assert_eq!(library, login.district().is_none());
        assert_eq!(library, !login.had_id_token());
        self.1.lock().unwrap().push(login.authority());
        let user = login.user_id().to_string();
        self.0.lock().unwrap().insert(id.to_owned(), user);
        Ok(Admission::In)
    }

    async fn find(&self, id: &str) -> Result<Option<String>, BoxError> {
        Ok(self.0.lock().unwrap().get(id).cloned())
    }

    async fn end(&self, id: &str) -> Result<(), BoxError> {
        self.0.lock().unwrap().remove(id);
        Ok(())
    }
}

async fn home(CurrentUser(user): CurrentUser<Memory>) -> String {
    user
}

/// An application and its Clever.
pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    pub(super) clock: Arc<ManualClock>,
    pub(super) app: App,
    pub(super) service: LoginService,
    pub(super) verifier: IdTokenVerifier,
    pub(crate) site: Url,
    pub(super) sessions: Memory,
    pub(crate) user: String,
}

impl Scene {
    pub(crate) async fn new(person: Person) -> Self {
        Self::with(person, false, 0).await
    }

    /// With so many further districts at Clever.
    pub(crate) async fn among(person: Person, others: u64) -> Self {
        Self::with(person, false, others).await
    }

    /// With or without PKCE in Clever's discovery; if it is there, the application finds out by itself.
    pub(super) async fn with(person: Person, pkce: bool, others: u64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site: Url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let redirect: RedirectUri = site.join("callback").unwrap().as_str().parse().unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let config = EmulatorConfig {
            world: WorldSource::Generated {
                seed: 3,
                students: 40,
            },
            more_districts: (1..=others)
                .map(|number| WorldSource::Generated {
                    seed: 3 + number,
                    students: 20,
                })
                .collect(),
            redirect_uris: vec![redirect.to_string()],
            openid: true,
            pkce,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let user = cast(&emulator, person);
        let url = emulator.base_url().clone();
        let secret = emulator.client_secret().to_owned();
        let app = App::new(emulator.client_id(), secret, redirect)
            .unwrap()
            .at(url.clone(), url.clone())
            .unwrap();
        let options = ClientOptions {
            api_url: url,
            ..ClientOptions::default()
        };
        let service = LoginService::new(options).unwrap();
        let flow = LoginFlow::new(app.clone(), SealingKeys::new(KeyId(1), &[7; 32]));
        let mut verifier = IdTokenVerifier::new(&app);
        service.refresh_keys(&app, &mut verifier).await.unwrap();
        let sessions = Memory::default();
        let fresh = if pkce {
            IdTokenVerifier::new(&app)
        } else {
            verifier.clone()
        };
        let login = WebLogin::new(
            flow,
            service.clone(),
            sessions.clone(),
            OpenId::Checked(fresh),
        );
        let router: Router = Router::new()
            .route("/", get(home))
            .route("/classes", get(home))
            .merge(login.router())
            .with_state(login);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            emulator,
            clock,
            app,
            service,
            verifier,
            site,
            sessions,
            user,
        }
    }

    /// Where a person's way in begins.
    pub(crate) fn door(&self, entry: Entry) -> Url {
        let base = self.emulator.base_url();
        match entry {
            Entry::Button => self.site.join("login?return_to=/classes").unwrap(),
            Entry::Portal => base.join("in/springfield").unwrap(),
            Entry::Library => {
                let mut url = base.join("library/install").unwrap();
                url.query_pairs_mut()
                    .append_pair("client_id", self.emulator.client_id());
                url
            }
            Entry::InstantLogin => {
                let mut url = base.join("oauth/instant-login").unwrap();
                let district = self
                    .emulator
                    .with_world(|world| world.district_id().to_owned());
                url.query_pairs_mut()
                    .append_pair("client_id", self.emulator.client_id())
                    .append_pair("district_id", &district);
                url
            }
        }
    }

    /// Whether Clever would still redeem a code.
    pub(super) async fn redeemable(&self, code: &str) -> bool {
        let redirect = self.app.redirect().to_string();
        let body =
            json!({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect});
        let url = self.emulator.base_url().join("oauth/tokens").unwrap();
        let answer = reqwest::Client::new()
            .post(url)
            .basic_auth(
                self.emulator.client_id(),
                Some(self.emulator.client_secret()),
            )
            .json(&body)
            .send()
            .await
            .unwrap();
        answer.status().is_success()
    }

    /// A callback with a `state` that the application has made, for a browser that has not kept its cookie.
    pub(crate) async fn after_restart(&self) -> Url {
        let mut forgetful = Browser::new(true);
        let door = self.door(Entry::Button);
        forgetful.until_callback(self, door).await.unwrap()
    }

    pub(crate) fn signed_in(&self) -> Vec<String> {
        self.sessions.0.lock().unwrap().values().cloned().collect()
    }
}

/// Makes sure that such a person is in the world, and gives the id.
fn cast(emulator: &Emulator, person: Person) -> String {
    let role = match person {
        Person::StudentWithoutEmail => Role::Student,
        Person::Teacher | Person::TeacherAndStaff => Role::Teacher,
        Person::DistrictAdmin => Role::DistrictAdmin,
        Person::Contact => Role::Contact,
    };
    emulator.with_world(|world| {
        let users = world.list(RecordKind::Users).iter();
        let id = users
            .filter(|(_, user)| user.has_role(role))
            .map(|(id, _)| id.to_string())
            .next()
            .unwrap();
        world.edit(RecordKind::Users, &id, |user| match person {
            Person::StudentWithoutEmail => {
                user.as_object_mut().unwrap().remove("email");
            }
            Person::TeacherAndStaff => {
                user["roles"]["staff"] = json!({"legacy_id": "5a25ffb0c1bc2a0036999999"});
            }
            _ => {}
        });
        id
    })
}

/// A browser: it follows redirects and refreshes, and keeps cookies by host and port.
pub(super) struct Browser {
    http: reqwest::Client,
    /// Cookies by site, then name; none when the browser blocks them.
    cookies: Option<BTreeMap<(u16, String), String>>,
    pub(super) requests: usize,
}

impl Browser {
    pub(super) fn new(blocks_cookies: bool) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            cookies: (!blocks_cookies).then(BTreeMap::new),
            requests: 0,
        }
    }

    /// Loads one address; gives status, where it sends on, and the text.
    pub(super) async fn load(&mut self, url: &Url) -> (u16, Option<Url>, String) {
        self.requests += 1;
        let port = url.port().unwrap();
        let mine = self
            .cookies
            .iter()
            .flatten()
            .filter(|((of, _), _)| *of == port);
        let sent: Vec<String> = mine
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let request = self.http.get(url.clone()).header("cookie", sent.join("; "));
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let key = (port, name.to_owned());
            match &mut self.cookies {
                Some(cookies) if cookie.to_str().unwrap().contains("Max-Age=0;") => {
                    cookies.remove(&key);
                }
                Some(cookies) => {
                    cookies.insert(key, value.to_owned());
                }
                None => {}
            }
        }
        let to = answer.headers().get("location");
        let to = to.map(|to| to.to_str().unwrap().to_owned());
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        let refresh = text.split("http-equiv=\"refresh\" content=\"0;url=").nth(1);
        let refresh = refresh.map(|rest| rest.split('"').next().unwrap().to_owned());
        let to = to.or(refresh).map(|to| url.join(&to).unwrap());
        (status, to, text)
    }

    /// Goes in by the door, picks the person on Clever's page, clicks the app in the portal, and stops
    /// before the callback that has a `state`: gives its address, or `None` where Clever lets nobody through.
    pub(super) async fn until_callback(&mut self, scene: &Scene, door: Url) -> Option<Url> {
        let mut url = door;
        loop {
            assert!(self.requests < 20, "the way goes round");
            let has = |url: &Url, name: &str| url.query_pairs().any(|(found, _)| found == name);
            let at_clever = url.port() == scene.emulator.base_url().port();
            if !at_clever && url.path() == "/callback" && has(&url, "state") {
                return Some(url);
            }
            let (status, to, page) = self.load(&url).await;
            if let Some(to) = to {
                url = to;
                continue;
            }
            assert!(at_clever, "{status} at {url}: {page}");
            let launch = page
                .split('"')
                .find(|part| part.contains("portal/launch?"))
                .map(|link| url.join(&link.replace("&amp;", "&")).unwrap());
            if let Some(launch) = launch {
                url = launch;
            } else if has(&url, "user") || status != 200 {
                return None;
            } else {
                assert!(page.contains("<li>"), "{page}");
                url.query_pairs_mut().append_pair("user", &scene.user);
            }
        }
    }

    /// Loads an address and follows; gives the last status and text.
    pub(super) async fn follow(&mut self, url: &Url) -> (u16, String) {
        let mut url = url.clone();
        loop {
            assert!(self.requests < 30, "the way goes round");
            match self.load(&url).await {
                (_, Some(to), _) => url = to,
                (status, None, text) => return (status, text),
            }
        }
    }
}
