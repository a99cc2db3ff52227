//! The ways in, from each door to what an app gets for its code.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use clever_model::{RecordKind, Role, Timestamp};
use serde_json::{Value, json};

use super::app::{App, AppOptions};
use super::parameters::parameters;
use super::{pages, role};
use crate::districts::{District, Districts};
use crate::life::happenings::Happening;
use crate::reply::Reply;
use crate::world::generate::generate;

const BACK: &str = "http://127.0.0.1:9/callback";

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_789_387_200 + second).unwrap()
}

fn app(openid: bool) -> App {
    let options = AppOptions {
        redirect_uris: vec![BACK.to_owned()],
        openid,
        pkce: true,
        secure_sync: true,
        ..AppOptions::default()
    };
    App::new(1, options, "http://127.0.0.1:9".to_owned())
}

fn district(seed: u64) -> Arc<District> {
    Arc::new(District::new(generate(seed, 60, time(0)), None, true))
}

/// An app, one district, and one of its students.
fn scene() -> (App, Districts, String) {
    let districts = Districts {
        first: district(1),
        more: Vec::new(),
    };
    let student = user(&districts.first, Role::Student);
    (app(true), districts, student)
}

fn user(district: &District, role: Role) -> String {
    let world = district.world();
    world.with_role(role).keys().next().unwrap()
}

/// A way in as it is asked for, with the client's id.
fn ask(app: &App, districts: &Districts, target: &str, cookies: &str) -> Reply {
    let separator = if target.contains('?') { "&" } else { "?" };
    let target = format!("{target}{separator}client_id={}", app.client_id);
    app.authorize(districts, &target, cookies, time(0))
}

/// Follows a way in; returns the query that the app gets, and the cookie.
fn follow(
    app: &App,
    districts: &Districts,
    target: &str,
    cookies: &str,
) -> (BTreeMap<String, String>, String) {
    let reply = ask(app, districts, target, cookies);
    assert_eq!(reply.status, 302, "{target}: {}", reply.body);
    let back: url::Url = reply.location.unwrap().parse().unwrap();
    let cookie = reply.cookie.unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    (parameters(back.query().unwrap()), cookie)
}

const BUTTON: &str =
    "/oauth/authorize?response_type=code&state=s%201&redirect_uri=http://127.0.0.1:9/callback";

fn code(app: &App, districts: &Districts, user: &str) -> String {
    let (came, _) = follow(app, districts, &format!("{BUTTON}&user={user}"), "");
    assert_eq!(came["state"], "s 1");
    came["code"].clone()
}

fn exchange(app: &App, districts: &Districts, code: &str, second: i64) -> (u16, Value) {
    let body = json!({"code": code, "grant_type": "authorization_code", "redirect_uri": BACK});
    let body = body.to_string();
    let reply = app.exchange(districts, "application/json", &body, time(second));
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

#[test]
fn a_code_is_good_once_and_for_a_minute() {
    let (app, districts, user) = scene();
    let first = code(&app, &districts, &user);
    let (status, answer) = exchange(&app, &districts, &first, 59);
    assert_eq!((status, &answer["token_type"]), (200, &json!("bearer")));
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.starts_with("il"));
    assert_eq!(app.person_of(token).unwrap().user, user);
    let again = exchange(&app, &districts, &first, 59);
    assert_eq!(
        (again.0, &again.1["error_description"]),
        (400, &json!("invalid grant: invalid code"))
    );
    let late = code(&app, &districts, &user);
    assert_eq!(exchange(&app, &districts, &late, 61).0, 400);
}

#[test]
fn a_code_is_redeemed_as_json_or_as_a_form_and_as_nothing_else() {
    let (app, districts, user) = scene();
    for (content_type, status) in [
        ("application/x-www-form-urlencoded", 200),
        ("application/x-www-form-urlencoded; charset=utf-8", 200),
        ("text/plain", 400),
        ("", 400),
        ("application/json", 400),
    ] {
        let form = format!(
            "grant_type=authorization_code&redirect_uri={BACK}&code={}",
            code(&app, &districts, &user)
        );
        let reply = app.exchange(&districts, content_type, &form, time(1));
        assert_eq!(reply.status, status, "{content_type}: {}", reply.body);
        if status == 400 {
            assert!(reply.body.contains("invalid_request"), "{}", reply.body);
        }
    }
    let other = json!({ "grant_type": "password", "code": "x", "redirect_uri": BACK });
    let reply = app.exchange(&districts, "application/json", &other.to_string(), time(1));
    assert!(reply.body.contains("unsupported_grant_type"));
}

#[test]
fn a_token_goes_back_to_the_address_of_its_code_only() {
    let (app, districts, user) = scene();
    let code = code(&app, &districts, &user);
    let body = format!("grant_type=authorization_code&redirect_uri={BACK}/&code={code}");
    let form = "application/x-www-form-urlencoded";
    let reply = app.exchange(&districts, form, &body, time(1));
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("redirect_uri_mismatch"));
}

#[test]
fn the_implicit_grant_is_refused() {
    let (app, districts, user) = scene();
    let target = format!("/oauth/authorize?response_type=token&redirect_uri={BACK}&user={user}");
    let reply = ask(&app, &districts, &target, "");
    assert_eq!((reply.status, reply.location), (400, None));
    assert!(reply.body.contains("implicit grant"));
}

#[test]
fn from_the_portal_comes_no_state_and_to_strangers_goes_no_code() {
    let (app, districts, user) = scene();
    let target = format!("/oauth/instant-login?state=x&user={user}");
    let (came, _) = follow(&app, &districts, &target, "");
    assert!(came.contains_key("code") && !came.contains_key("state"));
    let elsewhere = format!("/oauth/authorize?response_type=code&redirect_uri={BACK}/&user={user}");
    assert_eq!(ask(&app, &districts, &elsewhere, "").status, 400);
    let page = ask(&app, &districts, "/oauth/instant-login?x=<b>", "");
    assert!(page.body.contains(&user) && !page.body.contains("<b>"));
}

#[test]
fn a_session_at_clever_answers_the_restart_at_once_and_stays_what_it_was() {
    let (app, districts, _) = scene();
    let teacher = user(&districts.first, Role::Teacher);
    let restart =
        format!("/oauth/authorize?response_type=code&redirect_uri={BACK}&state=s&nonce=n");
    for (path, library) in [("/portal/launch", false), ("/library/install", true)] {
        let target = format!("{path}?user={teacher}&state=x");
        let (came, cookie) = follow(&app, &districts, &target, "");
        assert!(
            came.contains_key("code") && !came.contains_key("state"),
            "{path}"
        );
        let (came, _) = follow(&app, &districts, &restart, &format!("theirs=1; {cookie}"));
        assert_eq!(came["state"], "s");
        let (status, answer) = exchange(&app, &districts, &came["code"], 0);
        assert_eq!(status, 200);
        assert_eq!(answer["id_token"].is_string(), !library, "{path}");
        let token = answer["access_token"].as_str().unwrap();
        let person = app.person_of(token).unwrap();
        assert_eq!((&*person.user, person.library), (&*teacher, library));
        let instant = ask(&app, &districts, "/oauth/instant-login", &cookie);
        assert_eq!(instant.status, if library { 400 } else { 302 });
    }
    let portal = app.portal(&districts, &format!("/in/springfield?user={teacher}"), "");
    assert!(
        portal.cookie.is_some()
            && portal.body.contains("/portal/launch")
            && portal.body.contains("/library/install")
    );
    let stranger = app.portal(&districts, "/in/springfield", "");
    assert!(stranger.body.contains("?user="));
}

#[test]
fn on_a_shared_device_clever_asks_whether_it_is_you() {
    let (app, districts, student) = scene();
    let (_, cookie) = follow(&app, &districts, &format!("{BUTTON}&user={student}"), "");
    let page = ask(
        &app,
        &districts,
        &format!("{BUTTON}&confirmed=false"),
        &cookie,
    );
    assert_eq!((page.status, page.location.is_none()), (200, true));
    let link = |id: &str| {
        let link = page.body.split(&format!("id=\"{id}\" href=\"")).nth(1);
        let link = link.unwrap().split('"').next().unwrap();
        link.replace("&amp;", "&")
    };
    let yes = app.authorize(&districts, &link("yes"), &cookie, time(0));
    assert_eq!(yes.status, 302, "the session goes on");
    let no = app.authorize(&districts, &link("no"), &cookie, time(0));
    assert_eq!(no.status, 200);
    assert!(no.body.contains("user="), "somebody else is picked");
    // Without a session, there is nobody to ask about.
    let fresh = ask(&app, &districts, &format!("{BUTTON}&confirmed=false"), "");
    assert!(fresh.body.contains("user="));
}

#[test]
fn who_is_not_shared_gets_a_page_or_goes_back_with_an_error() {
    let (app, districts, student) = scene();
    let contact = user(&districts.first, Role::Contact);
    let install = format!("/library/install?user={contact}");
    assert_eq!(ask(&app, &districts, &install, "").status, 404);
    let somebody = "ffffffffffffffffffffffff";
    for target in [
        format!("{BUTTON}&user={student}&district_id=other"),
        format!("{BUTTON}&user={somebody}"),
        format!("{BUTTON}&district_id=none"),
    ] {
        let page = ask(&app, &districts, &target, "");
        assert_eq!(page.status, 404, "{target}");
        assert!(page.body.contains("Not shared"));
        let target = format!("{target}&return_unshared=true");
        let (came, _) = follow(&app, &districts, &target, "");
        assert_eq!(
            (came["error"].as_str(), came["state"].as_str()),
            ("unauthorized-user", "s 1")
        );
    }
}

#[test]
fn with_several_districts_one_is_picked_first_unless_it_is_named() {
    let districts = Districts {
        first: district(1),
        more: vec![district(2), district(3)],
    };
    let app = app(true);
    let page = ask(&app, &districts, BUTTON, "");
    for district in districts.iter() {
        assert!(page.body.contains(&format!("district_id={}", district.id)));
    }
    assert!(page.body.contains("My district is not listed") && !page.body.contains("user="));
    for district in districts.iter() {
        let target = format!("{BUTTON}&district_id={}", district.id);
        let page = ask(&app, &districts, &target, "");
        let theirs = user(district, Role::Student);
        assert!(page.body.contains(&format!("user={theirs}")));
        let (came, cookie) = follow(&app, &districts, &format!("{target}&user={theirs}"), "");
        let (_, answer) = exchange(&app, &districts, &came["code"], 0);
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(app.person_of(token).unwrap().district, district.id);
        let portal = app.portal(
            &districts,
            &format!("/in/{}", pages::shortname(&district.world()).unwrap()),
            &cookie,
        );
        assert!(portal.body.contains("/portal/launch"), "the own portal");
    }
}

#[test]
fn an_identity_is_signed_with_the_nonce_where_openid_is_on() {
    let (on, districts, student) = scene();
    let teacher = user(&districts.first, Role::Teacher);
    for user in [student, teacher] {
        let target = format!("{BUTTON}&nonce=n1&user={user}");
        let (came, _) = follow(&on, &districts, &target, "");
        let (_, answer) = exchange(&on, &districts, &came["code"], 1);
        let token = answer["id_token"].as_str().unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let record = districts.first.world().value(RecordKind::Users, &user);
        let record = record.unwrap();
        let role = role::login_role(&record).unwrap();
        let mut wanted = json!({
            "iss": "http://127.0.0.1:9", "sub": user, "aud": on.client_id, "nonce": "n1",
            "iat": time(1).as_second(), "exp": time(1).as_second() + 3600,
            "user_id": record["roles"][role]["legacy_id"].as_str().unwrap_or(&user),
            "multi_role_user_id": user, "user_type": role, "district": districts.first.id,
            "email_verified": false,
            "given_name": record["name"]["first"], "family_name": record["name"]["last"],
        });
        if record["email"].is_string() {
            wanted["email"] = record["email"].clone();
        }
        assert_eq!(claims, wanted);
    }
    let discovery: Value =
        serde_json::from_str(&on.openid("/.well-known/openid-configuration").body).unwrap();
    assert_eq!(discovery["issuer"], "http://127.0.0.1:9");
    let off = app(false);
    assert_eq!(off.openid("/oauth/certs").status, 404);
    let student = user(&districts.first, Role::Student);
    let code = code(&off, &districts, &student);
    let (_, answer) = exchange(&off, &districts, &code, 1);
    assert!(answer.get("id_token").is_none());
}

#[test]
fn a_district_that_took_the_app_away_lets_its_users_in_no_more_but_the_librarys() {
    let (app, districts, student) = scene();
    let teacher = user(&districts.first, Role::Teacher);
    districts.first.befall(Happening::Disconnect);
    let own = ask(&app, &districts, &format!("{BUTTON}&user={student}"), "");
    assert_eq!(own.status, 404);
    let portal = app.portal(&districts, &format!("/in/x?user={teacher}"), "");
    assert!(!portal.body.contains("/portal/launch"));
    follow(
        &app,
        &districts,
        &format!("/library/install?user={teacher}"),
        "",
    );
}
