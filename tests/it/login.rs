//! The login matrix: how people come in × who they are × what may go wrong, in a web application that signs
//! in against the emulator, with a browser of a few lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::routing::get;
use axum::{BoxError, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_auth::cookies::Cookies;
use clever_auth::login::{Arrival, LoginError, LoginFlow};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness};
use clever_auth::{
    Answer, App, Authority, IdTokenVerifier, KindError, LoginToken, OpenId, RawToken, RedirectUri,
    Request, SafePath, VerifiedLogin,
};
use clever_client::web::{Admission, CurrentUser, Sessions, WebLogin};
use clever_client::{ClientOptions, LoginService, SignInError};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::clock::ManualClock;
use clever_model::{Clock, RecordKind, Role, SystemClock};
use serde_json::{Value, json};
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

/// What happens on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Ok,
    ReplayedCode,
    ForgedState,
    MissingState,
    ExpiredCode,
    OtherClientsToken,
    TamperedIdToken,
    CookiesBlocked,
}

const PEOPLE: [Person; 5] = [
    Person::StudentWithoutEmail,
    Person::Teacher,
    Person::TeacherAndStaff,
    Person::DistrictAdmin,
    Person::Contact,
];

const WAYS: [Way; 8] = [
    Way::Ok,
    Way::ReplayedCode,
    Way::ForgedState,
    Way::MissingState,
    Way::OtherClientsToken,
    Way::TamperedIdToken,
    Way::CookiesBlocked,
    // Last: it moves Clever's clock.
    Way::ExpiredCode,
];

/// The application's sessions: Clever ids by session id, and whether a teacher shared the person.
#[derive(Clone, Default)]
struct Memory(
    Arc<Mutex<BTreeMap<String, String>>>,
    Arc<Mutex<Vec<Authority>>>,
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
    clock: Arc<ManualClock>,
    app: App,
    service: LoginService,
    verifier: IdTokenVerifier,
    pub(crate) site: Url,
    sessions: Memory,
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
    async fn with(person: Person, pkce: bool, others: u64) -> Self {
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
    async fn redeemable(&self, code: &str) -> bool {
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
struct Browser {
    http: reqwest::Client,
    /// Cookies by site, then name; none when the browser blocks them.
    cookies: Option<BTreeMap<(u16, String), String>>,
    requests: usize,
}

impl Browser {
    fn new(blocks_cookies: bool) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            cookies: (!blocks_cookies).then(BTreeMap::new),
            requests: 0,
        }
    }

    /// Loads one address; gives status, where it sends on, and the text.
    async fn load(&mut self, url: &Url) -> (u16, Option<Url>, String) {
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
    async fn until_callback(&mut self, scene: &Scene, door: Url) -> Option<Url> {
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
    async fn follow(&mut self, url: &Url) -> (u16, String) {
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

fn query(url: &Url, name: &str) -> String {
    let mut query = url.query_pairs();
    query
        .find(|(found, _)| found == name)
        .unwrap()
        .1
        .into_owned()
}

/// `url` with a parameter replaced, or without it.
fn with(url: &Url, name: &str, value: Option<&str>) -> Url {
    let others: Vec<_> = url
        .query_pairs()
        .into_owned()
        .filter(|(found, _)| found != name)
        .collect();
    let mut changed = url.clone();
    let mut query = changed.query_pairs_mut();
    query.clear().extend_pairs(others);
    if let Some(value) = value {
        query.append_pair(name, value);
    }
    drop(query);
    changed
}

async fn cell(scene: &Scene, entry: Entry, person: Person, way: Way) {
    scene.sessions.0.lock().unwrap().clear();
    scene.sessions.1.lock().unwrap().clear();
    let mut browser = Browser::new(way == Way::CookiesBlocked);
    let door = scene.door(entry);
    let library = entry == Entry::Library;
    if library && matches!(person, Person::DistrictAdmin | Person::Contact) {
        // The Library is for teachers and their students: Clever sends nobody else.
        assert_eq!(browser.until_callback(scene, door).await, None);
        assert!(scene.signed_in().is_empty());
        return;
    }
    if way == Way::TamperedIdToken {
        tampered(entry, scene).await;
        return;
    }
    if way == Way::CookiesBlocked {
        // The restart needs no cookie, its callback does: an error page, after few requests, and no code spent.
        let callback = browser.until_callback(scene, door).await.unwrap();
        let (status, text) = browser.follow(&callback).await;
        assert_eq!(status, 400);
        assert!(text.contains("cookies"), "{text}");
        assert!(browser.requests < 10);
        assert!(scene.redeemable(&query(&callback, "code")).await);
        assert!(scene.signed_in().is_empty());
        return;
    }
    let callback = browser.until_callback(scene, door).await.unwrap();
    let code = query(&callback, "code");
    match way {
        Way::Ok | Way::CookiesBlocked | Way::TamperedIdToken => {
            assert_eq!(browser.follow(&callback).await, (200, scene.user.clone()));
            let home = scene.site.join("classes").unwrap();
            assert_eq!(browser.follow(&home).await, (200, scene.user.clone()));
        }
        Way::ReplayedCode => {
            browser.load(&callback).await;
            assert!(!scene.redeemable(&code).await);
            // The same browser is sent on; another one, even with a login of its own, is not let in.
            assert_eq!(browser.load(&callback).await.0, 303);
            let mut thief = Browser::new(false);
            assert_eq!(thief.follow(&callback).await.0, 400);
            let own = thief.until_callback(scene, scene.door(Entry::Button)).await;
            let planted = with(&own.unwrap(), "code", Some(&code));
            assert_eq!(thief.follow(&planted).await.0, 400);
        }
        Way::ForgedState => {
            let forged = with(
                &callback,
                "state",
                Some("VALI_CSRF_PROBE_NOT_A_REAL_SESSION"),
            );
            assert_eq!(browser.follow(&forged).await.0, 400);
            assert!(scene.signed_in().is_empty());
            // Refused without being redeemed; the real one still ends the login.
            assert_eq!(browser.load(&callback).await.0, 303);
        }
        Way::MissingState => {
            // A code without a state is dropped and the login begins again, once a minute.
            let stateless = with(&callback, "state", None);
            let (status, to, _) = browser.load(&stateless).await;
            if entry == Entry::Button {
                assert_eq!(status, 401);
                assert_eq!(to.unwrap().path(), "/login");
            } else {
                assert_eq!(status, 400, "it was begun again a moment ago");
            }
            assert!(scene.redeemable(&code).await);
            assert!(scene.signed_in().is_empty());
            return;
        }
        Way::ExpiredCode => {
            scene.clock.advance_seconds(90);
            let (status, text) = browser.follow(&callback).await;
            assert_eq!(status, 400, "{text}");
            assert!(text.contains("took too long"), "{text}");
            assert!(scene.signed_in().is_empty());
            return;
        }
        Way::OtherClientsToken => {
            let token = if library {
                scene.emulator.library_token(&scene.user)
            } else {
                scene.emulator.user_token(&scene.user)
            };
            let raw = || RawToken::new(token.clone()).unwrap();
            let ours = scene.service.confirm(&scene.app, raw()).await.unwrap();
            let holder = scene.service.holder(&scene.app, &ours).await.unwrap();
            assert_eq!(holder.user.as_str(), scene.user);
            assert_eq!(library, holder.authority == Authority::Teacher);
            let url = scene.emulator.base_url().clone();
            let other = App::new(
                "another-app",
                "secret".to_owned(),
                scene.app.redirect().clone(),
            );
            let other = other.unwrap().at(url.clone(), url).unwrap();
            let refused = scene.service.confirm(&other, raw()).await.unwrap_err();
            assert!(
                matches!(refused, SignInError::Kind(KindError::OtherApp)),
                "{refused:?}"
            );
            return;
        }
    }
    assert_eq!(scene.signed_in().join(" "), scene.user);
    let expected = if library {
        Authority::Teacher
    } else {
        Authority::District
    };
    assert_eq!(*scene.sessions.1.lock().unwrap(), [expected]);
}

/// Ends a login with the real answers of Clever, but another id token: none of the changed ones stands.
async fn tampered(entry: Entry, scene: &Scene) {
    let keys = SealingKeys::new(KeyId(2), &[8; 32]);
    let flow = LoginFlow::new(scene.app.clone(), keys).with_id_token();
    // One byte of the claims or of the signature; another key's name; no signature; no token.
    type Change = fn(&str) -> String;
    let changes: [(&str, Change); 6] = [
        ("nothing", str::to_owned),
        ("claims", |token| {
            parts(token, |part| {
                part[1] = encoded(&decoded(&part[1]).replace("\"iat\":", "\"iat\": "));
            })
        }),
        ("signature", |token| {
            parts(token, |part| {
                part[2].replace_range(0..1, if part[2].starts_with('A') { "B" } else { "A" });
            })
        }),
        ("key", |token| {
            parts(token, |part| {
                part[0] = encoded(&decoded(&part[0]).replace("emulated-1", "emulated-9"));
            })
        }),
        ("none", |token| {
            parts(token, |part| {
                part[0] = encoded(r#"{"alg":"none","typ":"JWT"}"#);
                part[2].clear();
            })
        }),
        ("missing", |_| String::new()),
    ];
    for (name, change) in changes {
        let now = SystemClock.now();
        let begun = flow
            .start(
                &Cookies::default(),
                &SafePath::root(),
                None,
                now,
                &SystemRandomness,
            )
            .unwrap();
        let mut browser = Browser::new(false);
        if entry != Entry::Button {
            // The person is known at Clever from the way in.
            browser
                .until_callback(scene, scene.door(entry))
                .await
                .unwrap();
        }
        let callback = browser
            .until_callback(scene, begun.authorize.clone())
            .await
            .unwrap();
        let arrival = flow.callback(
            &begun.cookies(),
            callback.query().unwrap(),
            None,
            now,
            &SystemRandomness,
        );
        let Ok(Arrival::Login(redeem, _)) = arrival else {
            unreachable!("the login is this browser's")
        };
        let mut tokens = send(&redeem.request()).await;
        let mut body: Value = serde_json::from_slice(&tokens.body).unwrap();
        if entry == Entry::Library {
            assert!(body.get("id_token").is_none(), "Library logins have none");
            assert_eq!(redeem.answered(&tokens).unwrap_err(), LoginError::NoIdToken);
            return;
        }
        body["id_token"] = change(body["id_token"].as_str().unwrap()).into();
        tokens.body = body.to_string().into_bytes();
        let ended = match redeem.answered(&tokens) {
            Err(error) => Err(error),
            Ok(identify) => {
                let me = send(&identify.me_request()).await;
                let info = send(&identify.user_info_request()).await;
                identify.finish(&me, Some(&info), OpenId::Checked(&scene.verifier), now)
            }
        };
        match ended {
            Ok(signed_in) => {
                assert_eq!(name, "nothing");
                assert_eq!(signed_in.login.user_id().as_str(), scene.user);
            }
            Err(LoginError::IdToken(_)) => {
                assert!(!matches!(name, "nothing" | "missing"), "{name}");
            }
            Err(error) => assert_eq!((name, error), ("missing", LoginError::NoIdToken)),
        }
    }
}

async fn send(request: &Request) -> Answer {
    let http = reqwest::Client::new();
    let url = request.url().clone();
    let mut prepared = match request.form_body() {
        Some(form) => http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
        None => http.get(url),
    };
    if let Some((user, password)) = request.basic_credentials() {
        prepared = prepared.basic_auth(user, Some(password));
    }
    if let Some(token) = request.bearer_token() {
        prepared = prepared.bearer_auth(token);
    }
    let answer = prepared.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        body: answer.bytes().await.unwrap().to_vec(),
    }
}

/// Changes the three parts of a token.
fn parts(token: &str, change: impl FnOnce(&mut [String])) -> String {
    let mut parts: Vec<String> = token.split('.').map(ToOwned::to_owned).collect();
    change(&mut parts);
    parts.join(".")
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decoded(part: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[expect(
    clippy::print_stdout,
    reason = "the last line names the cell that failed"
)]
async fn row(entry: Entry) {
    for person in PEOPLE {
        let scene = Scene::new(person).await;
        for way in WAYS {
            println!("{entry:?} × {person:?} × {way:?}");
            cell(&scene, entry, person, way).await;
        }
    }
}

#[tokio::test]
async fn logins_from_the_portal() {
    row(Entry::Portal).await;
}

#[tokio::test]
async fn logins_from_our_button() {
    row(Entry::Button).await;
}

#[tokio::test]
async fn logins_from_an_instant_login_link() {
    row(Entry::InstantLogin).await;
}

#[tokio::test]
async fn logins_from_the_library() {
    row(Entry::Library).await;
}

/// Where discovery offers PKCE, the first login has it: a code that somebody takes on its way is worth nothing.
#[tokio::test]
async fn a13_where_discovery_offers_pkce_a_code_alone_is_worth_nothing() {
    let scene = Scene::with(Person::Teacher, true, 0).await;
    let mut browser = Browser::new(false);
    let callback = browser
        .until_callback(&scene, scene.door(Entry::Button))
        .await
        .unwrap();
    let code = callback.query_pairs().find(|(name, _)| name == "code");
    let code = code.unwrap().1.into_owned();
    assert!(!scene.redeemable(&code).await);
    // The one who began it signs in, also from the portal.
    for entry in [Entry::Button, Entry::Portal] {
        let mut browser = Browser::new(false);
        let callback = browser.until_callback(&scene, scene.door(entry)).await;
        let (status, page) = browser.follow(&callback.unwrap()).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(scene.signed_in(), std::slice::from_ref(&scene.user));
        scene.sessions.0.lock().unwrap().clear();
    }
}
