//! Trouble that changes more than an answer, and what happens to a district's connection: over HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use clever_emulator::{Emulator, EmulatorConfig, Fault, Happening, LmsType, WorldSource};
use clever_model::Role;
use reqwest::{Client, Response};
use serde_json::{Value, json};

const BACK: &str = "http://127.0.0.1:9/callback";

async fn start(change: impl FnOnce(&mut EmulatorConfig)) -> Emulator {
    let mut config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 8,
            students: 60,
        },
        events: true,
        redirect_uris: vec![BACK.to_owned()],
        ..EmulatorConfig::default()
    };
    change(&mut config);
    clever_emulator::start(config).await.unwrap()
}

fn client() -> Client {
    let policy = reqwest::redirect::Policy::none();
    Client::builder().redirect(policy).build().unwrap()
}

async fn ask(emulator: &Emulator, token: &str, path: &str) -> Response {
    let url = emulator.base_url().join(path).unwrap();
    client().get(url).bearer_auth(token).send().await.unwrap()
}

async fn json_of(emulator: &Emulator, token: &str, path: &str) -> Value {
    let answer = ask(emulator, token, path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

/// The tokens that the app's list has.
async fn listed(emulator: &Emulator) -> Vec<String> {
    let url = emulator.base_url().join("/oauth/tokens").unwrap();
    let request = client()
        .get(url)
        .basic_auth(emulator.client_id(), Some(emulator.client_secret()));
    let page: Value = request.send().await.unwrap().json().await.unwrap();
    let data = page["data"].as_array().unwrap().iter();
    data.map(|one| one["access_token"].as_str().unwrap().to_owned())
        .collect()
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|one| one["data"]["id"].as_str().unwrap().to_owned())
        .collect()
}

fn next(page: &Value) -> Option<String> {
    let links = page["links"].as_array().unwrap();
    let next = links.iter().find(|link| link["rel"] == "next")?;
    next["uri"].as_str().map(str::to_owned)
}

fn user(emulator: &Emulator, role: Role) -> String {
    emulator.with_world(|world| world.with_role(role).keys().next().unwrap())
}

/// Signs a user in on a way; gives where it leads, or nothing where a page stands.
async fn way_in(emulator: &Emulator, path: &str, user: &str) -> Option<url::Url> {
    let id = emulator.client_id();
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}client_id={id}&user={user}");
    let answer = ask(emulator, "", &path).await;
    let location = answer.headers().get("location")?;
    Some(location.to_str().unwrap().parse().unwrap())
}

fn parameter(url: &url::Url, wanted: &str) -> Option<String> {
    let mut query = url.query_pairs();
    query
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value.into_owned())
}

async fn redeem(emulator: &Emulator, code: &str) -> (u16, Value) {
    let url = emulator.base_url().join("/oauth/tokens").unwrap();
    let body = json!({ "code": code, "grant_type": "authorization_code", "redirect_uri": BACK });
    let request = client()
        .post(url)
        .basic_auth(emulator.client_id(), Some(emulator.client_secret()))
        .json(&body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Signs in through the Library; gives the token.
async fn library_login(emulator: &Emulator, user: &str) -> String {
    let back = way_in(emulator, "/library/install", user).await.unwrap();
    let (status, answer) = redeem(emulator, &parameter(&back, "code").unwrap()).await;
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn disconnect_takes_the_token_from_the_list_and_401_is_what_it_opens() {
    let emulator = start(|_| {}).await;
    let (token, student) = (
        emulator.district_token().to_owned(),
        user(&emulator, Role::Student),
    );
    let users = emulator.user_token(&student);
    assert_eq!(listed(&emulator).await, std::slice::from_ref(&token));
    emulator.happen(Happening::Disconnect);
    assert!(listed(&emulator).await.is_empty());
    for (token, path) in [
        (&token, "/v3.1/users"),
        (&token, "/v3.1/events"),
        (&users, "/v3.1/me"),
    ] {
        assert_eq!(ask(&emulator, token, path).await.status(), 401, "{path}");
    }
    assert_eq!(
        ask(&emulator, "TEST_TOKEN", "/v3.1/users").await.status(),
        401
    );
    assert!(
        way_in(&emulator, "/portal/launch", &student)
            .await
            .is_none()
    );
    // What a teacher shares by herself goes on.
    let teacher = user(&emulator, Role::Teacher);
    let library = library_login(&emulator, &teacher).await;
    assert_eq!(ask(&emulator, &library, "/v3.1/me").await.status(), 200);
}

#[tokio::test]
async fn reconnect_gives_a_new_token_and_begins_the_events_anew() {
    let emulator = start(|_| {}).await;
    let old = emulator.district_token().to_owned();
    emulator.advance_days(2);
    let told = ids(&json_of(&emulator, &old, "/v3.1/events?limit=10000").await);
    assert!(!told.is_empty());
    emulator.happen(Happening::Disconnect);
    emulator.advance_days(1);
    emulator.happen(Happening::Reconnect);
    let tokens = listed(&emulator).await;
    assert_eq!(tokens.len(), 1);
    assert_ne!(tokens[0], old);
    assert_eq!(ask(&emulator, &old, "/v3.1/users").await.status(), 401);
    let page = json_of(&emulator, &tokens[0], "/v3.1/events").await;
    assert!(ids(&page).is_empty(), "nothing of the time before");
    emulator.advance_days(1);
    let page = json_of(&emulator, &tokens[0], "/v3.1/events?limit=10000").await;
    let fresh: BTreeSet<String> = ids(&page).into_iter().collect();
    assert!(!fresh.is_empty() && told.iter().all(|old| !fresh.contains(old)));
    // Users who signed in before are the same people.
    let student = user(&emulator, Role::Student);
    let me = json_of(&emulator, &emulator.user_token(&student), "/v3.1/me").await;
    assert_eq!(me["data"]["id"], json!(student));
}

#[tokio::test]
async fn token_rotate_ends_the_old_token_at_once_and_lists_the_new_one() {
    let emulator = start(|_| {}).await;
    emulator.advance_days(1);
    let old = emulator.district_token().to_owned();
    let told = json_of(&emulator, &old, "/v3.1/events").await;
    let student = emulator.user_token(&user(&emulator, Role::Student));
    emulator.happen(Happening::TokenRotate);
    assert_eq!(ask(&emulator, &old, "/v3.1/users").await.status(), 401);
    let tokens = listed(&emulator).await;
    assert_eq!(tokens, [emulator.districts()[0].token.clone().unwrap()]);
    assert_eq!(
        json_of(&emulator, &tokens[0], "/v3.1/events").await,
        told,
        "no event is lost"
    );
    assert_eq!(ask(&emulator, &student, "/v3.1/me").await.status(), 200);
}

#[tokio::test]
async fn rotate_token_comes_in_the_middle_of_a_walk() {
    let emulator = start(|_| {}).await;
    emulator
        .faults()
        .add("rotate-token@/users#2".parse().unwrap());
    let old = emulator.district_token().to_owned();
    let page = json_of(&emulator, &old, "/v3.1/users?limit=10").await;
    let rest = next(&page).unwrap();
    assert_eq!(ask(&emulator, &old, &rest).await.status(), 401);
    assert_eq!(
        ask(&emulator, &old, &rest).await.status(),
        401,
        "and stays so"
    );
    let fresh = listed(&emulator).await.remove(0);
    let second = json_of(&emulator, &fresh, &rest).await;
    assert!(
        ids(&second)[0] > *ids(&page).last().unwrap(),
        "the walk goes on"
    );
}

#[tokio::test]
async fn pause_is_told_as_an_event_and_resume_ends_it() {
    let emulator = start(|_| {}).await;
    let token = emulator.district_token().to_owned();
    let state = || async {
        let page = json_of(&emulator, &token, "/v3.1/districts").await;
        page["data"][0]["data"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(emulator.happen(Happening::Pause), 1);
    assert_eq!(state().await, "paused");
    let events = json_of(&emulator, &token, "/v3.1/events").await;
    assert_eq!(events["data"][0]["data"]["type"], "districts.updated");
    assert_eq!(
        events["data"][0]["data"]["data"]["previous_attributes"]["state"],
        "running"
    );
    let student = user(&emulator, Role::Student);
    assert_eq!(
        ask(&emulator, &emulator.user_token(&student), "/v3.1/me")
            .await
            .status(),
        200
    );
    assert_eq!(emulator.happen(Happening::Resume), 1);
    assert_eq!(state().await, "running");
    assert_eq!(emulator.happen(Happening::Resume), 0);
}

#[tokio::test]
async fn library_to_district_keeps_the_teachers_id_and_changes_who_shares_her() {
    let emulator = start(|config| config.connected = false).await;
    assert_eq!(emulator.district_token(), "");
    assert!(listed(&emulator).await.is_empty());
    let teacher = user(&emulator, Role::Teacher);
    assert!(
        way_in(&emulator, "/portal/launch", &teacher)
            .await
            .is_none()
    );
    let before = library_login(&emulator, &teacher).await;
    let me = json_of(&emulator, &before, "/v3.1/me").await;
    assert_eq!(
        me["data"],
        json!({ "id": teacher, "type": "user", "authorized_by": "teacher" })
    );
    emulator.happen(Happening::LibraryToDistrict);
    // The district is connected now, and its history begins here.
    let token = listed(&emulator).await.remove(0);
    assert!(ids(&json_of(&emulator, &token, "/v3.1/events").await).is_empty());
    let record = json_of(&emulator, &token, &format!("/v3.1/users/{teacher}")).await;
    assert_eq!(
        record["data"]["id"],
        json!(teacher),
        "the same id in the roster"
    );
    // The token of the sign-in before is what it was; the next one is the district's.
    let me = json_of(&emulator, &before, "/v3.1/me").await;
    assert_eq!(me["data"]["authorized_by"], "teacher");
    let after = library_login(&emulator, &teacher).await;
    let me = json_of(&emulator, &after, "/v3.1/me").await;
    let district = emulator.districts()[0].id.clone();
    assert_eq!(
        me["data"],
        json!({ "id": teacher, "type": "user", "authorized_by": "district", "district": district })
    );
    assert_eq!(ask(&emulator, &after, "/v3.1/sections").await.status(), 404);
    assert!(
        way_in(&emulator, "/portal/launch", &teacher)
            .await
            .is_some()
    );
}

#[tokio::test]
async fn an_expired_cursor_begins_the_feed_anew_without_a_word() {
    let emulator = start(|_| {}).await;
    emulator.advance_days(2);
    let token = emulator.district_token().to_owned();
    let all = ids(&json_of(&emulator, &token, "/v3.1/events?limit=10000").await);
    let path = format!("/v3.1/events?limit=10000&starting_after={}", all[3]);
    emulator
        .faults()
        .add(Fault::ExpiredCursor.everywhere().times(1));
    assert_eq!(ids(&json_of(&emulator, &token, &path).await), all);
    assert_eq!(ids(&json_of(&emulator, &token, &path).await), all[4..]);
}

#[tokio::test]
async fn a_duplicated_page_comes_once_more_and_leads_to_the_right_one() {
    let emulator = start(|_| {}).await;
    let token = emulator.district_token().to_owned();
    let first = json_of(&emulator, &token, "/v3.1/users?limit=10").await;
    let path = next(&first).unwrap();
    emulator
        .faults()
        .add(Fault::DuplicatedPage.on("/users").times(1));
    let twice = json_of(&emulator, &token, &path).await;
    assert_eq!(ids(&twice), ids(&first));
    assert_eq!(next(&twice), Some(path.clone()));
    let second = json_of(&emulator, &token, &path).await;
    assert!(ids(&second)[0] > *ids(&first).last().unwrap());
}

#[tokio::test]
async fn a_district_is_paused_for_as_long_as_the_rule_says() {
    let emulator = start(|_| {}).await;
    let token = emulator.district_token().to_owned();
    let district = emulator.districts()[0].id.clone();
    emulator
        .faults()
        .add(Fault::DistrictPaused.everywhere().times(2));
    let page = json_of(&emulator, &token, "/v3.1/districts").await;
    assert_eq!(page["data"][0]["data"]["state"], "paused");
    let path = format!("/v3.1/districts/{district}");
    assert_eq!(
        json_of(&emulator, &token, &path).await["data"]["state"],
        "paused"
    );
    assert_eq!(
        json_of(&emulator, &token, &path).await["data"]["state"],
        "running"
    );
}

#[tokio::test]
async fn a_replayed_code_is_refused_and_a_state_is_lost_on_the_way() {
    let emulator = start(|_| {}).await;
    let student = user(&emulator, Role::Student);
    let authorize = format!("/oauth/authorize?response_type=code&state=s&redirect_uri={BACK}");
    let faults = emulator.faults();
    faults.add(Fault::MissingState.everywhere().times(1));
    faults.add(Fault::CodeReplay.everywhere().times(1));
    let back = way_in(&emulator, &authorize, &student).await.unwrap();
    assert_eq!(parameter(&back, "state"), None);
    let code = parameter(&back, "code").unwrap();
    let (status, answer) = redeem(&emulator, &code).await;
    assert_eq!(
        (status, &answer["error_description"]),
        (400, &json!("invalid grant: invalid code"))
    );
    let back = way_in(&emulator, &authorize, &student).await.unwrap();
    assert_eq!(parameter(&back, "state").as_deref(), Some("s"));
    let code = parameter(&back, "code").unwrap();
    assert_eq!(redeem(&emulator, &code).await.0, 200);
    assert!(faults.rules().is_empty());
}

/// An answer as it is sent: whether it is compressed, and its bytes.
async fn raw(emulator: &Emulator, accepts: Option<&str>) -> (bool, Vec<u8>) {
    // A client that unpacks nothing by itself.
    let plain = Client::builder().no_gzip().build().unwrap();
    let url = emulator.base_url().join("/v3.1/users?limit=100").unwrap();
    let mut request = plain.get(url).bearer_auth(emulator.district_token());
    if let Some(accepts) = accepts {
        request = request.header("accept-encoding", accepts);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["vary"], "Accept-Encoding");
    let packed = answer.headers().get("content-encoding").is_some();
    (packed, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn answers_are_compressed_for_who_asks_and_a_broken_one_does_not_unpack() {
    let emulator = start(|_| {}).await;
    let (packed, plain) = raw(&emulator, None).await;
    assert!(!packed && serde_json::from_slice::<Value>(&plain).is_ok());
    assert!(!raw(&emulator, Some("br, gzip;q=0")).await.0);
    let (packed, small) = raw(&emulator, Some("deflate, gzip")).await;
    assert!(packed && small.len() < plain.len() / 3, "{}", small.len());
    let unpacking = || {
        ask(
            &emulator,
            emulator.district_token(),
            "/v3.1/users?limit=100",
        )
    };
    assert_eq!(unpacking().await.bytes().await.unwrap(), plain);
    emulator.faults().add(Fault::BrokenGzip.everywhere());
    assert!(unpacking().await.bytes().await.is_err());
    assert_eq!(raw(&emulator, None).await.1, plain, "nothing to break");
    let off = start(|config| config.gzip = false).await;
    assert!(!raw(&off, Some("gzip")).await.0);
}

#[tokio::test]
async fn library_to_district_is_told_by_the_next_sign_in_where_the_district_was_connected_too() {
    let emulator = start(|_| {}).await;
    let token = emulator.district_token().to_owned();
    let teacher = user(&emulator, Role::Teacher);
    let by = async |token: String| {
        let me = json_of(&emulator, &token, "/v3.1/me").await;
        me["data"]["authorized_by"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        by(library_login(&emulator, &teacher).await).await,
        "teacher"
    );
    emulator.happen(Happening::LibraryToDistrict);
    assert_eq!(
        by(library_login(&emulator, &teacher).await).await,
        "district"
    );
    assert_eq!(listed(&emulator).await, [token], "the token is the same");
}

#[tokio::test]
async fn an_expired_cursor_of_submissions_is_refused() {
    let emulator = start(|config| {
        config.lms = Some(LmsType::Canvas);
        config.world = WorldSource::Generated {
            seed: 6,
            students: 200,
        };
    })
    .await;
    let token = emulator.district_token().to_owned();
    let page = json_of(&emulator, &token, "/v3.1/sections?limit=1000").await;
    let sections = page["data"].as_array().unwrap().iter();
    let section = sections.map(|one| &one["data"]).find(|section| {
        section["lms_status"]["synced_in_lms"] == true
            && section["students"].as_array().unwrap().len() > 3
    });
    let id = section.unwrap()["id"].as_str().unwrap();
    let path = format!("/v3.1/sections/{id}/assignments");
    let work = json!({ "title": "t", "description": "d", "due_date": "2026-10-01T00:00:00Z" });
    let url = emulator.base_url().join(&path).unwrap();
    let made = client().post(url).bearer_auth(&token).json(&work);
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    let list = format!(
        "{path}/{}/submissions?limit=2",
        made["data"]["id"].as_str().unwrap()
    );
    let first = json_of(&emulator, &token, &list).await;
    let rest = next(&first).unwrap();
    emulator
        .faults()
        .add(Fault::ExpiredCursor.on("/submissions").times(1));
    let refused = ask(&emulator, &token, &rest).await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("expired"));
    assert_eq!(ask(&emulator, &token, &rest).await.status(), 200);
}

#[tokio::test]
async fn the_page_works_by_forms_where_no_script_runs() {
    let emulator = start(|_| {}).await;
    let page = ask(&emulator, "", "/").await.text().await.unwrap();
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\""));
    let still = ask(&emulator, "", "/?still").await.text().await.unwrap();
    assert!(!still.contains("<script>") && !still.contains("http-equiv"));
    // Nothing comes from elsewhere.
    assert!(!page.contains("src=") && page.matches("<link").count() == 1);
    assert!(page.contains("<link rel=\"icon\" href=\"data:,\">"));
    let press = async |action: &str, form: &str| {
        let url = emulator.base_url().join(action).unwrap();
        let form = client()
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        let answer = form.send().await.unwrap();
        assert_eq!(answer.status(), 303, "{action}");
        assert_eq!(answer.headers()["location"], "/");
    };
    for (action, form) in [
        ("/_emulator/days", "days=1"),
        ("/_emulator/clock", "day_every_seconds=3600"),
        ("/_emulator/happenings", "name=transfer"),
        ("/_emulator/events", "on=false"),
        (
            "/_emulator/faults",
            "fault=hang&path=%2Fterms&nth=&times=3&seconds=&percent=",
        ),
    ] {
        assert!(page.contains(&format!("action=\"{action}\"")), "{action}");
        press(action, form).await;
    }
    let rules = emulator.faults().rules();
    assert_eq!(rules[0].rule.to_string(), "hang@/terms*3");
    let page = ask(&emulator, "", "/").await.text().await.unwrap();
    assert!(page.contains("action=\"/_emulator/faults/remove\""));
    assert!(page.contains("a day every 3600 s") && page.contains("events (off)"));
    press("/_emulator/faults/remove", "id=1").await;
    assert!(emulator.faults().rules().is_empty());
}
