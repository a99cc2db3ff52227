//! Sign-ins while the issuer of identities changes its keys, is slow or is down: a web application against the
//! emulator, over HTTP, with the time of both in the test's hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::routing::get;
use axum::{BoxError, Router};
use clever_auth::login::LoginFlow;
use clever_auth::seal::{KeyId, SealingKeys};
use clever_auth::{App, IdTokenVerifier, LoginToken, OpenId, READ_FLOOR_S, VerifiedLogin};
use clever_client::web::{Admission, CurrentUser, Sessions, WebLogin};
use clever_client::{ClientOptions, LoginService, RetryPolicy};
use clever_emulator::{Emulator, EmulatorConfig, Fault, FaultRule, Happening, WorldSource};
use clever_model::ManualClock;
use clever_model::{Clock, RecordKind, Role, SystemClock};
use futures_util::future::join_all;
use serde_json::{Value, json};
use url::Url;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const CERTS: &str = "/oauth/certs";
const FLOOR: Duration = Duration::from_secs(READ_FLOOR_S as u64);
const DAY: Duration = Duration::from_secs(25 * 3600);

/// Who is signed in, by session; each was checked by an id token.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, String>>>);

impl Sessions for Memory {
    type User = String;

    async fn begin(
        &self,
        id: &str,
        login: VerifiedLogin,
        _: LoginToken,
    ) -> Result<Admission, BoxError> {
        assert!(login.had_id_token(), "nobody is let in unchecked");
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

/// What a sign-in came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    SignedIn,
    /// Ours: 503, with a word when to try again.
    Later,
    /// Another status.
    Failed(u16),
}

struct Scene {
    emulator: Emulator,
    clock: Arc<ManualClock>,
    site: Url,
    sessions: Memory,
    user: String,
    http: reqwest::Client,
}

impl Scene {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let config = EmulatorConfig {
            world: WorldSource::Generated {
                seed: 3,
                students: 40,
            },
            openid: true,
            pkce: true,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let user = emulator.with_world(|world| {
            let mut users = world.list(RecordKind::Users).iter();
            let teacher = users.find(|(_, user)| user.has_role(Role::Teacher));
            teacher.unwrap().0.to_string()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site: Url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let redirect = format!("{site}callback").parse().unwrap();
        let url = emulator.base_url().clone();
        let secret = emulator.client_secret().to_owned();
        let app = App::new(emulator.client_id(), secret, redirect).unwrap();
        let app = app.at(url.clone(), url.clone()).unwrap();
        let options = ClientOptions {
            api_url: url,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            retry: RetryPolicy {
                base_delay: Duration::from_millis(1),
                ..RetryPolicy::default()
            },
            ..ClientOptions::default()
        };
        let sessions = Memory::default();
        let login = WebLogin::new(
            LoginFlow::new(app.clone(), SealingKeys::new(KeyId(1), &[7; 32])),
            LoginService::new(options).unwrap(),
            sessions.clone(),
            OpenId::Checked(IdTokenVerifier::new(&app)),
        );
        let router: Router = Router::new()
            .route("/", get(home))
            .merge(login.router())
            .with_state(login);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            emulator,
            clock,
            site,
            sessions,
            user,
            http: http.build().unwrap(),
        }
    }

    fn pass(&self, time: Duration) {
        self.clock
            .advance_seconds(time.as_secs().try_into().unwrap());
    }

    fn fault(&self, rule: &str) {
        self.emulator.faults().add(rule.parse().unwrap());
    }

    /// How often the issuer was asked for this path, of the last hundred requests.
    async fn asked(&self, path: &str) -> usize {
        let url = self
            .emulator
            .base_url()
            .join("/_emulator/requests")
            .unwrap();
        let text = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        all.iter().filter(|one| one["path"] == path).count()
    }

    /// Presses the button: where it leads, and the cookies.
    async fn begin(&self) -> (Url, String) {
        let login = self.site.join("login").unwrap();
        let answer = self.http.get(login).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookies: Vec<&str> = answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
            .collect();
        let to = answer.headers()["location"].to_str().unwrap();
        (to.parse().unwrap(), cookies.join("; "))
    }

    /// Goes from Clever's page to the end of the login.
    async fn end(&self, mut authorize: Url, cookies: &str) -> End {
        authorize.query_pairs_mut().append_pair("user", &self.user);
        let answer = self.http.get(authorize).send().await.unwrap();
        let callback = answer.headers()["location"].to_str().unwrap();
        let before = self.sessions.0.lock().unwrap().len();
        let request = self.http.get(callback).header("cookie", cookies);
        let answer = request.send().await.unwrap();
        let (status, later) = (
            answer.status().as_u16(),
            answer.headers().contains_key("retry-after"),
        );
        let after = self.sessions.0.lock().unwrap().len();
        match status {
            303 => {
                assert!(after > before);
                End::SignedIn
            }
            503 if later => End::Later,
            _ => End::Failed(status),
        }
    }

    async fn sign_in(&self) -> End {
        let (authorize, cookies) = self.begin().await;
        self.end(authorize, &cookies).await
    }

    fn nobody_is_in(&self) -> bool {
        self.sessions.0.lock().unwrap().is_empty()
    }
}

#[tokio::test]
async fn field_f1_a_changed_key_keeps_nobody_out() {
    let scene = Scene::new().await;
    assert_eq!(scene.sign_in().await, End::SignedIn);
    assert_eq!(scene.asked(CERTS).await, 1);
    for (number, happening) in [
        Happening::KeyRotate,
        Happening::KeyReplace,
        Happening::KeyReuse,
        Happening::KeyRotate,
    ]
    .into_iter()
    .enumerate()
    {
        scene.emulator.happen(happening);
        // The first one already, and all at once: one reading does for all.
        let all = join_all((0..3).map(|_| scene.sign_in())).await;
        assert_eq!(all, vec![End::SignedIn; 3], "{happening:?}");
        assert_eq!(scene.sign_in().await, End::SignedIn, "{happening:?}");
        assert_eq!(scene.asked(CERTS).await, 2 + number, "{happening:?}");
        scene.pass(FLOOR);
    }
}

/// As it was found: one login fails for another reason, the issuer changes its key 20 s later.
#[tokio::test]
async fn field_f1_one_login_fails_a_key_changes_20_s_later_and_sign_ins_go_on() {
    let scene = Scene::new().await;
    assert_eq!(scene.sign_in().await, End::SignedIn);
    for (fault, status, happening) in [
        ("code-replay@/oauth/tokens*1", 400, Happening::KeyRotate),
        ("token-rotated@/me*1", 502, Happening::KeyReplace),
        ("code-replay@/oauth/tokens*1", 400, Happening::KeyReuse),
    ] {
        scene.fault(fault);
        assert_eq!(scene.sign_in().await, End::Failed(status), "{fault}");
        scene.pass(Duration::from_secs(20));
        scene.emulator.happen(happening);
        for _ in 0..3 {
            assert_eq!(scene.sign_in().await, End::SignedIn, "{happening:?}");
        }
        // And a second change, 20 s after that.
        scene.pass(Duration::from_secs(20));
        scene.emulator.happen(happening);
        assert_eq!(scene.sign_in().await, End::SignedIn, "{happening:?}");
    }
}

#[tokio::test]
async fn field_f1_a_flood_of_unknown_keys_is_no_flood_of_readings() {
    let scene = Scene::new().await;
    assert_eq!(scene.sign_in().await, End::SignedIn);
    // Each token has a key of its own, which is published for a moment.
    scene.fault("rotate-key@/oauth/tokens");
    let mut ends = Vec::new();
    for _ in 0..8 {
        ends.push(scene.sign_in().await);
    }
    assert_eq!(ends[0], End::SignedIn);
    assert!(ends[1..].iter().all(|end| *end == End::Later), "{ends:?}");
    assert_eq!(scene.asked(CERTS).await, 2);
    scene.emulator.faults().clear();
    scene.pass(FLOOR);
    assert_eq!(scene.sign_in().await, End::SignedIn);
    // Keys that come, and are never those of the token: it is not the issuer's.
    scene.pass(FLOOR);
    scene.emulator.happen(Happening::KeyReplace);
    scene.fault("rotate-key@/oauth/certs");
    assert_eq!(scene.sign_in().await, End::Failed(502));
}

#[tokio::test]
async fn field_f1_an_empty_or_cut_set_of_keys_leaves_those_in_hand() {
    for fault in [
        "empty-keys",
        "truncated",
        "cut",
        "reset",
        "html-page",
        "server-error",
    ] {
        let scene = Scene::new().await;
        assert_eq!(scene.sign_in().await, End::SignedIn);
        // Keys of a day are read again beside the login.
        scene.pass(DAY);
        scene.fault(&format!("{fault}@{CERTS}"));
        assert_eq!(scene.sign_in().await, End::SignedIn, "{fault}");
        // A new key, and no set to find it in: ours, and it passes.
        scene.emulator.happen(Happening::KeyReplace);
        assert_eq!(scene.sign_in().await, End::Later, "{fault}");
        scene.emulator.faults().clear();
        scene.pass(FLOOR);
        assert_eq!(scene.sign_in().await, End::SignedIn, "{fault}");
    }
}

/// As it was found: four people press the button while discovery answers 503.
#[tokio::test]
async fn field_f2_f3_an_issuer_that_is_down_at_the_start_costs_one_try_and_lets_nobody_in_unchecked()
 {
    let scene = Scene::new().await;
    scene.emulator.happen(Happening::IssuerDown);
    let begun = join_all((0..4).map(|_| scene.begin())).await;
    assert_eq!(scene.asked(DISCOVERY).await, 1, "one try for all");
    scene.begin().await;
    assert_eq!(scene.asked(DISCOVERY).await, 1, "and none for the next");
    for (authorize, cookies) in begun {
        assert_eq!(scene.end(authorize, &cookies).await, End::Later);
    }
    assert!(scene.nobody_is_in());
    assert_eq!(
        scene.asked(DISCOVERY).await,
        2,
        "one more for the person who has a token"
    );
    assert_eq!(scene.sign_in().await, End::Later);
    scene.emulator.happen(Happening::IssuerUp);
    scene.pass(FLOOR);
    assert_eq!(scene.sign_in().await, End::SignedIn);
    // The check is on: a token with another nonce does not stand.
    let (authorize, cookies) = scene.begin().await;
    let (nonce, mut other) = ("nonce", authorize.clone());
    let pairs = authorize.query_pairs().into_owned();
    other
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.filter(|(name, _)| name != nonce))
        .append_pair(nonce, "another");
    assert_eq!(scene.end(other, &cookies).await, End::Failed(502));
}

/// Everything that may be wrong with discovery or keys, with keys of yesterday in hand and with none.
#[tokio::test]
async fn field_f2_whatever_is_wrong_with_discovery_sign_ins_go_on_with_the_keys_in_hand() {
    for (fault, path) in [
        ("server-error", DISCOVERY),
        ("html-page", DISCOVERY),
        ("html404", DISCOVERY),
        ("other-issuer", DISCOVERY),
        ("redirect", DISCOVERY),
        ("endless", DISCOVERY),
        ("truncated", DISCOVERY),
        ("empty-body", DISCOVERY),
        ("html403", DISCOVERY),
        ("cut", DISCOVERY),
        ("reset", DISCOVERY),
        ("rate-limited", DISCOVERY),
        ("redirect", CERTS),
        ("endless", CERTS),
        ("html404", CERTS),
    ] {
        let rule = format!("{fault}@{path}");
        let scene = Scene::new().await;
        assert_eq!(scene.sign_in().await, End::SignedIn);
        scene.pass(DAY);
        scene.fault(&rule);
        for _ in 0..3 {
            assert_eq!(scene.sign_in().await, End::SignedIn, "{rule}");
        }
        assert_eq!(scene.asked(DISCOVERY).await, 2, "{rule}: one try");
        let fresh = Scene::new().await;
        fresh.fault(&rule);
        assert_eq!(fresh.sign_in().await, End::Later, "{rule}");
        assert_eq!(fresh.sign_in().await, End::Later, "{rule}");
        assert!(fresh.nobody_is_in(), "{rule}");
        assert_eq!(fresh.asked(DISCOVERY).await, 2, "{rule}");
        fresh.emulator.faults().clear();
        fresh.pass(FLOOR);
        assert_eq!(fresh.sign_in().await, End::SignedIn, "{rule}");
    }
}

/// What only looks odd is read.
#[tokio::test]
async fn a_mark_of_byte_order_before_discovery_and_keys_is_skipped() {
    let scene = Scene::new().await;
    scene.fault("byte-order-mark@/.well-known");
    scene.fault("byte-order-mark@/oauth/certs");
    assert_eq!(scene.sign_in().await, End::SignedIn);
}

/// An issuer that never answers holds nobody up who does not need it.
#[tokio::test]
async fn field_f2_a_hanging_discovery_holds_up_nobody_who_can_be_checked() {
    let scene = Scene::new().await;
    assert_eq!(scene.sign_in().await, End::SignedIn);
    scene.pass(DAY);
    // Ten minutes, which no sign-in of this test may wait.
    let rule: FaultRule = Fault::Hang.on(DISCOVERY);
    scene.emulator.faults().add(rule);
    let all = join_all((0..5).map(|_| scene.sign_in())).await;
    assert_eq!(all, vec![End::SignedIn; 5]);
    let fresh = Scene::new().await;
    fresh.emulator.faults().add(Fault::Hang.on(DISCOVERY));
    // All begin; who comes back has a token that nobody can check.
    let all = join_all((0..5).map(|_| fresh.sign_in())).await;
    assert_eq!(all, vec![End::Later; 5]);
    assert_eq!(fresh.asked(DISCOVERY).await, 1, "all waited for one");
    assert!(fresh.nobody_is_in());
}

#[tokio::test]
async fn field_f2_a_slow_issuer_is_waited_for_by_who_needs_it_alone() {
    let scene = Scene::new().await;
    scene.emulator.happen(Happening::IssuerSlow);
    // Four seconds until the keys are there, begun with the button; the token waits for them.
    let all = join_all((0..3).map(|_| scene.sign_in())).await;
    assert_eq!(all, vec![End::SignedIn; 3]);
    assert_eq!(scene.asked(DISCOVERY).await, 1);
    scene.emulator.happen(Happening::KeyReplace);
    assert_eq!(scene.sign_in().await, End::SignedIn);
    assert_eq!(scene.asked(DISCOVERY).await, 2);
}

/// What the issuer does is had from the control API too, by programs in any language.
#[tokio::test]
async fn the_issuers_trouble_comes_by_the_control_api() {
    let scene = Scene::new().await;
    assert_eq!(scene.sign_in().await, End::SignedIn);
    let happen = async |name: &str| {
        let url = scene.emulator.base_url().join("/_emulator/happenings");
        let request = scene.http.post(url.unwrap()).json(&json!({ "name": name }));
        assert_eq!(request.send().await.unwrap().status(), 200, "{name}");
    };
    let get = async |path: &str| {
        let url = scene.emulator.base_url().join(path).unwrap();
        let answer = scene.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for name in ["key-rotate", "key-replace", "key-reuse"] {
        let before = get(CERTS).await;
        happen(name).await;
        assert_ne!(get(CERTS).await, before, "{name}");
    }
    happen("issuer-down").await;
    assert_eq!(get(DISCOVERY).await.0, 503);
    assert_eq!(get(CERTS).await.0, 503);
    happen("issuer-up").await;
    assert_eq!(get(DISCOVERY).await.0, 200);
    for rule in [
        json!({"fault": "other-issuer", "times": 1}),
        json!({"fault": "empty-keys", "times": 1}),
        json!({"fault": "redirect", "path": CERTS, "times": 1}),
    ] {
        let url = scene.emulator.base_url().join("/_emulator/faults");
        let request = scene.http.post(url.unwrap()).json(&rule);
        assert_eq!(request.send().await.unwrap().status(), 200, "{rule}");
    }
    assert!(get(DISCOVERY).await.1.contains("https://issuer.example"));
    assert_eq!(get(CERTS).await.1, r#"{"keys":[]}"#);
    assert_eq!(get(CERTS).await.0, 302);
    assert!(scene.emulator.faults().rules().is_empty());
}
