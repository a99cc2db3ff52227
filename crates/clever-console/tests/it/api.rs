//! The API: tokens, the document held against real answers, keys of requests, and what has moved.

use std::collections::BTreeSet;

use clever_console::{Role, new_token, openapi};
use clever_emulator::Happening;
use clever_model::{Clock as _, SystemClock, Timestamp};
use clever_sync::Outcome;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::accounts::{OTHER, ask, question};
use crate::ground::{Ground, Served};

/// An answer of the API.
struct Answer {
    status: u16,
    json: Value,
    kind: String,
}

/// A program with a token.
struct Program {
    place: String,
    token: String,
    http: reqwest::Client,
    keys: std::cell::Cell<u32>,
    name: String,
}

impl Program {
    async fn new(ground: &Ground, served: &Served, role: Role, district: Option<&str>) -> Self {
        Self::until(ground, served, role, district, None).await
    }

    async fn until(
        ground: &Ground,
        served: &Served,
        role: Role,
        district: Option<&str>,
        ends: Option<Timestamp>,
    ) -> Self {
        let name = format!("{role}-{}", district.unwrap_or("all"));
        let made = new_token(&name, role, district, SystemClock.now(), ends).unwrap();
        let mut store = ground.store().await;
        let _ = store.remove_token(&name).await.unwrap();
        assert!(store.add_token(&made.digest, &made.kept).await.unwrap());
        Self {
            place: format!("{}{}/api", served.origin, served.base),
            token: made.token,
            http: reqwest::Client::new(),
            keys: std::cell::Cell::new(0),
            name,
        }
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let answer = request.header(AUTHORIZATION, bearer).send().await.unwrap();
        let kind = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        Answer {
            status: answer.status().as_u16(),
            json: answer.json().await.unwrap(),
            kind,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.sent(self.http.get(format!("{}{path}", self.place)))
            .await
    }

    async fn post_as(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.place));
        let request = request.header("Idempotency-Key", key).json(body);
        self.sent(request).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.keys.set(self.keys.get() + 1);
        let key = format!("{}-key-{}", self.name, self.keys.get());
        self.post_as(path, &key, body).await
    }
}

/// The document, and which of its operations were held against an answer.
struct Document {
    json: Value,
    seen: BTreeSet<String>,
}

impl Document {
    /// Holds an answer against what the document says of it.
    fn holds(&mut self, method: &str, path: &str, answer: &Answer) {
        let place = format!("{method} {path}");
        let said = &self.json["paths"][path][method]["responses"][answer.status.to_string()];
        let kind = answer.kind.split(';').next().unwrap();
        let schema = &said["content"][kind]["schema"];
        assert!(
            schema.is_object(),
            "{place}: nothing is said of {} {kind}",
            answer.status
        );
        let mut whole = schema.clone();
        whole["components"] = self.json["components"].clone();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&answer.json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{place}: {errors:#?}\n{:#}", answer.json);
        if answer.status == 200 {
            self.seen.insert(place);
        }
    }
}

fn why() -> Value {
    json!({ "reason": "the district said so" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_what_the_document_says() {
    for ground in Ground::each("document").await {
        let held = ground.hold().await;
        question(&ground).await;
        let served = ground.console().await;
        let admin = Program::new(&ground, &served, Role::Admin, None).await;
        let answer = reqwest::get(format!("{}/openapi.json", admin.place))
            .await
            .unwrap();
        let json: Value = answer.json().await.unwrap();
        assert_eq!(json, openapi(&admin.place), "it is served as it is made");
        let mut document = Document {
            json,
            seen: BTreeSet::new(),
        };
        let d = ground.district.as_str();
        let sample = held
            .held_samples
            .iter()
            .find(|one| one.kind.as_str() == "users")
            .unwrap();
        let user = sample.id.as_str();
        let review = admin.get("/reviews").await.json["reviews"][0]["id"].to_string();
        ask(&ground, OTHER, "a2").await;
        let other = admin.get("/reviews").await.json["reviews"][1]["id"].to_string();
        let last = admin.get(&format!("/districts/{d}")).await.json["last_run"].to_string();
        let reads = [
            ("/me", vec![]),
            ("/districts", vec![]),
            ("/districts/{district}", vec![d]),
            ("/districts/{district}/runs", vec![d]),
            ("/districts/{district}/runs/{run}", vec![d, &last]),
            ("/districts/{district}/consumers", vec![d]),
            ("/districts/{district}/sizes", vec![d]),
            ("/districts/{district}/hold", vec![d]),
            ("/districts/{district}/changes", vec![d]),
            ("/districts/{district}/changes/{seq}", vec![d, "1"]),
            (
                "/districts/{district}/records/{kind}/{id}",
                vec![d, "users", user],
            ),
            ("/audit", vec![]),
            ("/reviews", vec![]),
            ("/reviews/{question}", vec![&review]),
            ("/accounts", vec![]),
            ("/accounts/{account}", vec!["a1"]),
        ];
        for (path, parts) in reads {
            let answer = admin.get(&filled(path, &parts)).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.json);
            document.holds("get", path, &answer);
        }
        let hold = admin.get(&format!("/districts/{d}/hold")).await.json["held"].clone();
        let approve =
            json!({ "hash": hold["hash"], "count": hold["count"], "reason": "they said so" });
        let writes = [
            ("/districts/{district}/hold/reveal", vec![d], why()),
            ("/districts/{district}/changes/reveal", vec![d], why()),
            ("/districts/{district}/hold/leave", vec![d], why()),
            ("/districts/{district}/hold/approve", vec![d], approve),
            ("/districts/{district}/hold/withdraw", vec![d], why()),
            (
                "/districts/{district}/records/{kind}/{id}/reveal",
                vec![d, "users", user],
                why(),
            ),
            (
                "/districts/{district}/runs/{run}/undo",
                vec![d, "1"],
                json!({ "dry_run": true }),
            ),
            ("/alerts/test", vec![], why()),
            ("/accounts/{account}/end", vec!["a1"], why()),
            ("/accounts/{account}/reveal", vec!["a1"], why()),
            ("/reviews/{question}/reveal", vec![&review], why()),
            (
                "/reviews/{question}/approve",
                vec![&review],
                json!({ "account": "a1" }),
            ),
            ("/reviews/{question}/decline", vec![&other], json!({})),
            (
                "/accounts/{account}/merge",
                vec!["a1"],
                json!({ "other": "a2", "dry_run": true }),
            ),
            (
                "/accounts/{account}/merge",
                vec!["a1"],
                json!({ "other": "a2", "reason": "one person" }),
            ),
        ];
        for (path, parts, body) in writes {
            let answer = admin.post(&filled(path, &parts), &body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.json);
            document.holds("post", path, &answer);
        }
        let a1 = admin.get("/accounts/a1").await.json;
        let survivor = if a1["merges"] == json!([]) {
            "a2"
        } else {
            "a1"
        };
        let known = admin.get(&format!("/accounts/{survivor}")).await.json;
        let merge = &known["merges"][0]["merge"];
        let path = "/accounts/{account}/unmerge";
        let body = json!({ "merge": merge, "reason": "they are two" });
        let answer = admin.post(&filled(path, &[survivor]), &body).await;
        document.holds("post", path, &answer);
        let known = admin.get("/accounts/a1").await.json;
        let linked = &known["account"]["links"][0]["id"];
        let path = "/accounts/{account}/unlink";
        let answer = admin
            .post(
                &filled(path, &["a1"]),
                &json!({ "user": linked, "reason": "it was a mistake" }),
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        document.holds("post", path, &answer);
        // Another console over the same stores may sync.
        let syncing = ground.served("", Some(ground.runner())).await;
        let operator = Program::new(&ground, &syncing, Role::Operator, None).await;
        let path = "/districts/{district}/sync";
        let answer = operator.post(&filled(path, &[d]), &json!({})).await;
        assert_eq!(answer.json, json!({ "started": true }));
        document.holds("post", path, &answer);
        for (path, body) in [
            ("/districts/{district}/look", json!({})),
            ("/districts/{district}/pause", why()),
            ("/districts/{district}/resume", why()),
        ] {
            let answer = operator.post(&filled(path, &[d]), &body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.json);
            document.holds("post", path, &answer);
        }
        let path = "/districts/{district}/look";
        let look = loop {
            let answer = operator.get(&filled(path, &[d])).await;
            document.holds("get", path, &answer);
            if answer.json["running"] == false {
                break answer.json;
            }
        };
        assert_eq!(look["report"]["outcome"], "planned", "{look}");
        // What is answered already is refused as the document says.
        let path = "/reviews/{question}/decline";
        let answer = admin.post(&filled(path, &[&review]), &json!({})).await;
        assert_eq!(answer.status, 409);
        document.holds("post", path, &answer);
        let path = "/districts/{district}/forget";
        let body = json!({ "dry_run": true });
        let answer = admin.post(&filled(path, &[d]), &body).await;
        document.holds("post", path, &answer);
        let path = "/districts/{district}/records/users/{id}/forget";
        let answer = admin
            .post(
                &filled(path, &[d, user]),
                &json!({ "reason": "asked for", "keep_out": true }),
            )
            .await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        assert_eq!(answer.json["done"], true);
        document.holds("post", path, &answer);
        assert_eq!(
            admin
                .get(&format!("/districts/{d}/records/users/{user}"))
                .await
                .status,
            404
        );
        let audit = admin.get("/audit").await.json.to_string();
        assert!(
            !audit.contains(user),
            "who was forgotten is not in the audit: {audit}"
        );
        // Nothing that the document has was left out.
        let all: BTreeSet<String> = document.json["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(move |method| format!("{method} {path}"))
            })
            .collect();
        // A file has no schema; `exporting` reads it.
        let left: Vec<&String> = all.difference(&document.seen).collect();
        assert_eq!(left, ["post /districts/{district}/export"]);
    }
}

/// A path with its parts filled in, in order.
fn filled(path: &str, parts: &[&str]) -> String {
    let mut parts = parts.iter();
    let filled = path.split('/').map(|part| {
        if part.starts_with('{') {
            (*parts.next().unwrap()).to_owned()
        } else {
            part.to_owned()
        }
    });
    filled.collect::<Vec<_>>().join("/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_moved_is_refused_with_how_it_is_now() {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    let served = ground.served("/console", None).await;
    let operator = Program::new(&ground, &served, Role::Operator, None).await;
    let d = ground.district.as_str();
    let place = format!("/districts/{d}/hold");
    let seen = operator.get(&place).await.json["held"].clone();
    // Clever changes its mind while somebody reads.
    ground.emulator.happen(Happening::UnshareSchool);
    let _ = ground.sync().await;
    let now = operator.get(&place).await.json["held"].clone();
    assert_ne!(seen["hash"], now["hash"]);
    let approve = |held: &Value| json!({ "hash": held["hash"], "count": held["count"], "reason": "they said so" });
    let refused = operator
        .post(&format!("{place}/approve"), &approve(&seen))
        .await;
    assert_eq!(
        (refused.status, refused.kind.as_str()),
        (409, "application/problem+json")
    );
    assert_eq!(refused.json["now"]["hash"], now["hash"]);
    assert_eq!(refused.json["now"]["count"], now["count"]);
    assert!(!refused.json["now"]["holds"].as_array().unwrap().is_empty());
    let done = operator
        .post(&format!("{place}/approve"), &approve(&now))
        .await;
    assert_eq!(done.status, 200, "{}", done.json);
    let again = operator
        .post(&format!("{place}/approve"), &approve(&now))
        .await;
    assert_eq!(again.status, 409);
    assert_eq!(again.json["now"]["approved_by"], "token operator-all");
    assert_eq!(ground.sync().await.outcome, Outcome::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_twice_is_done_once_and_has_one_answer() {
    for ground in Ground::each("twice").await {
        let _ = ground.hold().await;
        let served = ground.console().await;
        let operator = Program::new(&ground, &served, Role::Operator, None).await;
        let place = format!("/districts/{}/hold", ground.district);
        let held = operator.get(&place).await.json["held"].clone();
        let body =
            json!({ "hash": held["hash"], "count": held["count"], "reason": "they said so" });
        let path = format!("{place}/approve");
        let (one, other) = tokio::join!(
            operator.post_as(&path, "the-same-key", &body),
            operator.post_as(&path, "the-same-key", &body)
        );
        let done: Vec<&Answer> = [&one, &other]
            .into_iter()
            .filter(|one| one.status == 200)
            .collect();
        assert!(!done.is_empty(), "{} {}", one.json, other.json);
        let again = operator.post_as(&path, "the-same-key", &body).await;
        assert_eq!(again.status, 200, "the answer is kept");
        assert_eq!(again.json, done[0].json);
        let elsewhere = operator
            .post_as(&format!("{place}/leave"), "the-same-key", &why())
            .await;
        assert_eq!(elsewhere.status, 422, "a key is of one request");
        let audit = operator.get("/audit").await.json;
        let approvals = audit["deeds"].as_array().unwrap().iter();
        assert_eq!(
            approvals.filter(|deed| deed["deed"] == "approve").count(),
            1
        );
        // A refusal keeps no key: what was wrong may be mended.
        let leave = format!("{place}/leave");
        let short = operator
            .post_as(&leave, "a-second-key", &json!({ "reason": "" }))
            .await;
        assert_eq!(short.status, 422);
        let mended = operator.post_as(&leave, "a-second-key", &why()).await;
        assert_eq!(mended.status, 200, "{}", mended.json);
        let without = operator
            .http
            .post(format!("{}{leave}", operator.place))
            .json(&why());
        assert_eq!(
            operator.sent(without).await.status,
            422,
            "a write needs a key"
        );
        // A reveal is one row of the audit, and its answer is kept nowhere.
        let reveal = format!("{place}/reveal");
        for _ in 0..2 {
            assert_eq!(
                operator
                    .post_as(&reveal, "a-third-key", &why())
                    .await
                    .status,
                200
            );
        }
        let audit = operator.get("/audit").await.json;
        let reveals = audit["deeds"].as_array().unwrap().iter();
        assert_eq!(reveals.filter(|deed| deed["deed"] == "reveal").count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_what_its_role_and_district_allow_and_nothing_else() {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    let served = ground.console().await;
    let d = ground.district.as_str();
    let viewer = Program::new(&ground, &served, Role::Viewer, None).await;
    let hold = format!("/districts/{d}/hold");
    assert_eq!(viewer.get(&hold).await.status, 200);
    for deed in ["reveal", "approve", "leave", "withdraw"] {
        let answer = viewer.post(&format!("{hold}/{deed}"), &why()).await;
        assert_eq!(answer.status, 403, "{deed}");
    }
    let operator = Program::new(&ground, &served, Role::Operator, None).await;
    let forget = format!("/districts/{d}/forget");
    let look = json!({ "dry_run": true });
    assert_eq!(operator.post(&forget, &look).await.status, 403);
    // Of another district, nothing is there.
    let other = Program::new(
        &ground,
        &served,
        Role::Admin,
        Some("5a25ffb0c1bc2a0036000fff"),
    )
    .await;
    for path in [
        hold.clone(),
        format!("/districts/{d}"),
        format!("/districts/{d}/changes"),
    ] {
        assert_eq!(other.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(other.get("/districts").await.json["districts"], json!([]));
    assert_eq!(other.get("/audit").await.json["deeds"], json!([]));
    assert_eq!(other.post(&forget, &look).await.status, 404);
    // No token, a wrong one, one that is over, one that was taken away.
    let past = Timestamp::from_second(1_700_000_000).unwrap();
    let over = Program::until(&ground, &served, Role::Admin, Some(d), Some(past)).await;
    assert_eq!(over.get(&hold).await.status, 401);
    let mut store = ground.store().await;
    assert!(store.remove_token(&viewer.name).await.unwrap());
    assert_eq!(viewer.get(&hold).await.status, 401);
    let none = reqwest::get(format!("{}/districts", viewer.place))
        .await
        .unwrap();
    assert_eq!(none.status(), 401);
    assert_eq!(none.headers()["www-authenticate"], "Bearer");
    // A session of the pages opens no API, a page of another site sends nothing, another host is refused.
    let mut person = served.visitor(Role::Admin).await;
    assert_eq!(person.go("/api/districts").await.status, 401);
    let from_elsewhere = operator
        .http
        .get(format!("{}/districts", operator.place))
        .header("origin", "https://evil.example");
    assert_eq!(operator.sent(from_elsewhere).await.status, 403);
    let other_host = operator
        .http
        .get(format!("{}/districts", operator.place))
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(other_host.status(), 421);
    // The store has digests, and no token.
    let database = ground.folder.path().join("roster.db");
    let bytes = std::fs::read(database).unwrap();
    let token = operator.token.as_bytes();
    assert!(!bytes.windows(token.len()).any(|part| part == token));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_masked_until_they_are_revealed() {
    let ground = Ground::new().await;
    let report = ground.hold().await;
    let sample = report
        .held_samples
        .iter()
        .find(|one| one.kind.as_str() == "users")
        .unwrap();
    let mut store = ground.store().await;
    let record = store
        .record(&ground.district, sample.kind, &sample.id)
        .await
        .unwrap()
        .unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let last = record["name"]["last"].as_str().unwrap().to_owned();
    let served = ground.console().await;
    let operator = Program::new(&ground, &served, Role::Operator, None).await;
    let d = ground.district.as_str();
    let place = format!("/districts/{d}/records/users/{}", sample.id);
    for path in [
        place.clone(),
        format!("/districts/{d}/hold"),
        format!("/districts/{d}/changes/1"),
    ] {
        let masked = operator.get(&path).await;
        assert!(
            !masked.json.to_string().contains(&last),
            "{path}: {}",
            masked.json
        );
    }
    let open = operator.post(&format!("{place}/reveal"), &why()).await;
    assert_eq!(open.json["fields"]["name.last"], last);
    let shown = operator
        .post(&format!("/districts/{d}/hold/reveal"), &why())
        .await;
    assert!(shown.json.to_string().contains(&last));
}
