//! Sign-in: the page where a user is picked, one-minute codes, tokens of users, and who they are.
//!
//! Codes and tokens are counted, not drawn by lot: runs repeat, and nothing here guards real data.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clever_model::{RecordKind, Role, Timestamp};
use serde_json::{Value, json};

use crate::reply::{Reply, escaped, unauthorized};
use crate::routes;
use crate::world::World;

/// How long a code can be redeemed.
const CODE_SECONDS: i64 = 60;
/// Users of one role that the page offers.
const OFFERED: usize = 25;
/// Scopes of the emulated app.
const SCOPES: [&str; 8] = [
    "read:district_admins",
    "read:districts",
    "read:school_admins",
    "read:schools",
    "read:sections",
    "read:students",
    "read:teachers",
    "read:user_id",
];

/// The app that users sign in to.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// The first is primary. Without any, every address on loopback will do.
    pub(crate) redirect_uris: Vec<String>,
    issued: Mutex<Issued>,
}

/// What was handed out.
#[derive(Debug, Default)]
struct Issued {
    made: u64,
    codes: BTreeMap<String, Code>,
    /// User ids by token.
    tokens: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Code {
    user: String,
    redirect_uri: String,
    made: Timestamp,
}

/// The parameters of a query or a form, by name; the first of a name counts.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        found.entry(name.into_owned()).or_insert(value.into_owned());
    }
    found
}

impl App {
    pub(crate) fn new(seed: u64, redirect_uris: Vec<String>) -> Self {
        Self {
            client_id: format!("{:020x}", u128::from(seed) + 0xc11e_0000_0001),
            client_secret: format!("{:040x}", u128::from(seed) + 0x5ec2_e700_0000_0001),
            redirect_uris,
            issued: Mutex::default(),
        }
    }

    /// Hands out a token of `user`, as a code exchange would.
    pub(crate) fn user_token(&self, user: &str) -> String {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.made += 1;
        let token = format!("il{:038x}", issued.made);
        issued.tokens.insert(token.clone(), user.to_owned());
        token
    }

    /// Whose token it is.
    pub(crate) fn user_of(&self, token: &str) -> Option<String> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.tokens.get(token).cloned()
    }

    /// `/oauth/authorize` and `/oauth/instant-login`: the page, or with a user picked the way back.
    pub(crate) fn authorize(&self, world: &World, target: &str, now: Timestamp) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = parameters(query);
        if asked.get("client_id") != Some(&self.client_id) {
            return Reply::page(400, "Unknown app", "<p>No app has this client id.</p>");
        }
        let portal = path == "/oauth/instant-login";
        let redirect = if portal {
            self.redirect_uris.first()
        } else {
            asked.get("redirect_uri")
        };
        let Some(redirect) = redirect.filter(|uri| self.registered(uri)) else {
            return Reply::page(400, "Unknown redirect URI", "<p>It is not registered.</p>");
        };
        if !portal
            && asked
                .get("response_type")
                .is_none_or(|asked| asked != "code")
        {
            return Reply::page(400, "Bad request", "<p>response_type must be code.</p>");
        }
        let Some(user) = asked.get("user") else {
            return picker(world, target);
        };
        if !world.list(RecordKind::Users).contains_key(user.as_str()) {
            return Reply::page(
                404,
                "Not shared",
                "<p>This user is not shared with the app.</p>",
            );
        }
        let Ok(mut back) = url::Url::parse(redirect) else {
            return Reply::page(400, "Unknown redirect URI", "<p>It is no address.</p>");
        };
        let code = {
            let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
            issued.made += 1;
            let code = format!("code{:016x}", issued.made);
            let made = Code {
                user: user.clone(),
                redirect_uri: redirect.clone(),
                made: now,
            };
            issued.codes.insert(code.clone(), made);
            code
        };
        back.query_pairs_mut().append_pair("code", &code);
        // Who comes from the portal brings no state.
        if let Some(state) = asked.get("state").filter(|_| !portal) {
            back.query_pairs_mut().append_pair("state", state);
        }
        Reply::redirect(back.into())
    }

    fn registered(&self, uri: &str) -> bool {
        if !self.redirect_uris.is_empty() {
            return self.redirect_uris.iter().any(|one| one == uri);
        }
        url::Url::parse(uri)
            .is_ok_and(|uri| matches!(uri.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")))
    }

    /// Says whether a request's `Authorization` is the app's id and secret.
    pub(crate) fn is_client(&self, authorization: Option<&str>) -> bool {
        let expected = STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret));
        authorization
            .and_then(|value| value.split_once(' '))
            .is_some_and(|(scheme, value)| {
                scheme.eq_ignore_ascii_case("basic") && value.trim() == expected
            })
    }

    /// `POST /oauth/tokens`: a code for a token, once, from a JSON object or a form.
    pub(crate) fn exchange(&self, content_type: &str, body: &str, now: Timestamp) -> Reply {
        let given = if content_type.starts_with("application/json") {
            serde_json::from_str(body).unwrap_or_default()
        } else {
            parameters(body)
        };
        if given.get("grant_type").map(String::as_str) != Some("authorization_code") {
            return refused(400, "unsupported_grant_type", "grant_type is not supported");
        }
        let code = given.get("code").and_then(|code| {
            let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
            issued.codes.remove(code)
        });
        let fresh = code.filter(|code| now.as_second() - code.made.as_second() <= CODE_SECONDS);
        let Some(code) = fresh else {
            return refused(400, "invalid_grant", "invalid grant: invalid code");
        };
        if given.get("redirect_uri") != Some(&code.redirect_uri) {
            return refused(400, "redirect_uri_mismatch", "redirect_uri is another one");
        }
        let token = self.user_token(&code.user);
        Reply::json(json!({ "access_token": token, "token_type": "bearer" }).to_string())
    }

    /// `GET /oauth/tokens`: the district's token.
    pub(crate) fn tokens(&self, world: &World, query: &str, token: &str) -> Reply {
        let asked = parameters(query);
        let district = world.district_id();
        let here = asked.get("district").is_none_or(|asked| asked == district);
        let data: Vec<Value> = here
            .then(|| {
                json!({
                    "id": district, "created": "2026-08-03T06:00:00.000Z", "access_token": token,
                    "owner": { "type": "district", "id": district }, "scopes": SCOPES,
                })
            })
            .into_iter()
            .collect();
        let own = format!("/oauth/tokens?{query}");
        Reply::json(json!({ "data": data, "links": [{ "rel": "self", "uri": own }] }).to_string())
    }

    /// `/oauth/tokeninfo`.
    pub(crate) fn token_info(&self) -> Reply {
        Reply::json(json!({ "client_id": self.client_id, "scopes": SCOPES }).to_string())
    }
}

/// An error as OAuth words it.
pub(crate) fn refused(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({ "error": error, "error_description": description });
    Reply {
        status,
        ..Reply::json(body.to_string())
    }
}

/// What a user's token opens: the user, and the user's district. Anything else is a page for people.
pub(crate) fn answer_user(world: &World, user: &str, path: &str) -> Reply {
    let Some(record) = world.value(RecordKind::Users, user) else {
        return unauthorized();
    };
    let district = world.district_id();
    if path == "/userinfo" {
        return user_info(&record, user, district);
    }
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        [version @ ("v3.0" | "v3.1"), "me"] => Reply::json(
            json!({
                "type": "user",
                "data": { "id": user, "district": district, "type": "user", "authorized_by": "district" },
                "links": [
                    { "rel": "self", "uri": "/me" },
                    { "rel": "canonical", "uri": format!("/{version}/users/{user}") },
                    { "rel": "district", "uri": format!("/{version}/districts/{district}") },
                ],
            })
            .to_string(),
        ),
        [_, "users", id] if *id == user => routes::answer(world, path, ""),
        [_, "districts", id] if *id == district => routes::answer(world, path, ""),
        _ => Reply::no_such_path(path),
    }
}

fn user_info(record: &Value, user: &str, district: &str) -> Reply {
    let roles = record["roles"].as_object();
    let role = roles.and_then(|roles| roles.keys().next_back());
    let legacy = role.and_then(|role| record["roles"][role]["legacy_id"].as_str());
    let mut info = json!({
        "sub": user, "user_id": legacy.unwrap_or(user), "multi_role_user_id": user,
        "user_type": role, "district_id": district, "district": district, "schools": [],
        "name": record["name"], "email_verified": false, "authorized_by": "district",
        "given_name": record["name"]["first"], "family_name": record["name"]["last"],
    });
    if record["email"].is_string() {
        info["email"] = record["email"].clone();
    }
    Reply::json(info.to_string())
}

/// The page on which someone picks whom to sign in as.
fn picker(world: &World, target: &str) -> Reply {
    let mut body = String::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Contact) {
        let users = world.list(RecordKind::Users).iter();
        let _ = write!(body, "<h2>{role}</h2>\n<ul>\n");
        for (id, user) in users.filter(|(_, user)| user.has_role(role)).take(OFFERED) {
            let user: Value = serde_json::from_str(user.json()).unwrap_or_default();
            let part = |part: &str| escaped(user["name"][part].as_str().unwrap_or_default());
            let _ = writeln!(
                body,
                "<li><a href=\"{}&amp;user={id}\">{} {}</a></li>",
                escaped(target),
                part("first"),
                part("last")
            );
        }
        body.push_str("</ul>\n");
    }
    Reply::page(200, "Log in with Clever (emulated)", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::generate::generate;

    const BACK: &str = "http://127.0.0.1:9/callback";

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(1_789_387_200 + second).unwrap()
    }

    fn scene() -> (App, World, String) {
        let world = generate(1, 60, time(0));
        let users = world.list(RecordKind::Users).iter();
        let mut students = users.filter(|(_, user)| user.has_role(Role::Student));
        let student = students.next().unwrap().0.to_string();
        (App::new(1, vec![BACK.to_owned()]), world, student)
    }

    fn code(app: &App, world: &World, user: &str, path: &str) -> url::Url {
        let query = format!("client_id={}&user={user}", app.client_id);
        let reply = app.authorize(world, &format!("{path}{query}"), time(0));
        assert_eq!(reply.status, 302, "{}", reply.body);
        reply.location.unwrap().parse().unwrap()
    }

    fn authorize(app: &App, world: &World, user: &str) -> String {
        let path = format!("/oauth/authorize?response_type=code&state=s%201&redirect_uri={BACK}&");
        let back = parameters(code(app, world, user, &path).query().unwrap());
        assert_eq!(back["state"], "s 1");
        back["code"].clone()
    }

    fn exchange(app: &App, code: &str, second: i64) -> (u16, Value) {
        let body = json!({"code": code, "grant_type": "authorization_code", "redirect_uri": BACK});
        let reply = app.exchange("application/json", &body.to_string(), time(second));
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let (app, world, user) = scene();
        let code = authorize(&app, &world, &user);
        let (status, answer) = exchange(&app, &code, 59);
        assert_eq!((status, &answer["token_type"]), (200, &json!("bearer")));
        let token = answer["access_token"].as_str().unwrap();
        assert!(token.starts_with("il"));
        assert_eq!(app.user_of(token), Some(user.clone()));
        assert_eq!(
            exchange(&app, &code, 59).1["error_description"],
            "invalid grant: invalid code"
        );
        let late = authorize(&app, &world, &user);
        assert_eq!(exchange(&app, &late, 61).0, 400);
        let form = format!(
            "grant_type=authorization_code&redirect_uri={BACK}&code={}",
            authorize(&app, &world, &user)
        );
        assert_eq!(
            app.exchange("application/x-www-form-urlencoded", &form, time(1))
                .status,
            200
        );
    }

    #[test]
    fn from_the_portal_comes_no_state_and_to_strangers_goes_no_code() {
        let (app, world, user) = scene();
        let back = code(&app, &world, &user, "/oauth/instant-login?state=x&");
        assert!(
            back.query().unwrap().starts_with("code=") && !back.query().unwrap().contains("state")
        );
        let elsewhere = format!(
            "/oauth/authorize?response_type=code&redirect_uri={BACK}/&client_id={}&user={user}",
            app.client_id
        );
        assert_eq!(app.authorize(&world, &elsewhere, time(0)).status, 400);
        let page = app.authorize(
            &world,
            &format!("/oauth/instant-login?client_id={}&x=<b>", app.client_id),
            time(0),
        );
        assert!(page.body.contains(&user) && !page.body.contains("<b>"));
    }

    #[test]
    fn a_users_token_opens_the_user_and_the_district_only() {
        let (_, world, user) = scene();
        let status = |path: &str| answer_user(&world, &user, path).status;
        let district = world.district_id();
        assert_eq!(status(&format!("/v3.1/users/{user}")), 200);
        assert_eq!(status(&format!("/v3.0/districts/{district}")), 200);
        assert_eq!(status("/userinfo"), 200);
        let me: Value = serde_json::from_str(&answer_user(&world, &user, "/v3.1/me").body).unwrap();
        assert_eq!(
            (&me["type"], &me["data"]["id"]),
            (&json!("user"), &json!(user))
        );
        let refused = answer_user(&world, &user, "/v3.1/users");
        assert!(refused.status == 404 && refused.content_type.starts_with("text/html"));
    }
}
