//! Sign-in: the page where a user is picked, one-minute codes, tokens of users, and who they are. Logins
//! begin at the app (`/oauth/authorize`), at the portal, at an instant-login link or in the Library; only the
//! first sort brings a `state` back.
//!
//! Codes and tokens are counted, not drawn by lot: runs repeat, and nothing here guards real data.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clever_model::{RecordKind, Role, Timestamp};
use serde_json::{Value, json};

use crate::openid::Keys;
use crate::reply::{Reply, unauthorized};
use crate::world::World;
use crate::{library, openid, pages, routes};

/// How long a code can be redeemed.
const CODE_SECONDS: i64 = 60;
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
    /// Whether support has switched OpenID Connect on for the app.
    pub(crate) openid: bool,
    /// Whether discovery offers PKCE.
    pkce: bool,
    /// The address of this Clever, as the issuer of identities.
    pub(crate) issuer: String,
    pub(crate) keys: Keys,
    issued: Mutex<Issued>,
}

/// Somebody who signed in at Clever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) user: String,
    /// Shared by a teacher through the Library, not by the district.
    pub(crate) library: bool,
}

/// The cookie of a session at Clever.
const SESSION: &str = "clever_session";

/// What was handed out.
#[derive(Debug, Default)]
struct Issued {
    made: u64,
    codes: BTreeMap<String, Code>,
    /// Whose a token is.
    tokens: BTreeMap<String, Person>,
    /// Who is signed in at Clever, by the session's cookie.
    sessions: BTreeMap<String, Person>,
}

#[derive(Debug)]
struct Code {
    person: Person,
    redirect_uri: String,
    nonce: Option<String>,
    /// The PKCE challenge that it was asked for with.
    challenge: Option<String>,
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
    pub(crate) fn new(
        seed: u64,
        redirect_uris: Vec<String>,
        (openid, pkce): (bool, bool),
        issuer: String,
    ) -> Self {
        Self {
            client_id: format!("{:020x}", u128::from(seed) + 0xc11e_0000_0001),
            client_secret: format!("{:040x}", u128::from(seed) + 0x5ec2_e700_0000_0001),
            redirect_uris,
            openid,
            pkce,
            issuer,
            keys: Keys::default(),
            issued: Mutex::default(),
        }
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out a token of a person, as a code exchange would.
    pub(crate) fn token_of(&self, person: Person) -> String {
        let mut issued = self.issued();
        issued.made += 1;
        let token = format!("il{:038x}", issued.made);
        issued.tokens.insert(token.clone(), person);
        token
    }

    /// Whose token it is.
    pub(crate) fn person_of(&self, token: &str) -> Option<Person> {
        self.issued().tokens.get(token).cloned()
    }

    /// Who is signed in at Clever in the browser that sent these cookies.
    fn session(&self, cookies: &str) -> Option<Person> {
        let id = cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == SESSION)?
            .1;
        self.issued().sessions.get(id).cloned()
    }

    /// Signs a person in at Clever; returns the cookie to set.
    fn begin_session(&self, person: &Person) -> String {
        let mut issued = self.issued();
        issued.made += 1;
        let id = format!("session{:016x}", issued.made);
        issued.sessions.insert(id.clone(), person.clone());
        format!("{SESSION}={id}; Path=/; HttpOnly; SameSite=Lax")
    }

    /// The ways in: the page where someone is picked, or with somebody signed in the way back.
    ///
    /// `/oauth/authorize` comes from the app. `/oauth/instant-login`, `/portal/launch` and `/library/install`
    /// come from Clever: they lead to the primary redirect URI, without a `state`.
    pub(crate) fn authorize(
        &self,
        world: &World,
        target: &str,
        cookies: &str,
        now: Timestamp,
    ) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = parameters(query);
        if asked.get("client_id") != Some(&self.client_id) {
            return Reply::page(400, "Unknown app", "<p>No app has this client id.</p>");
        }
        let from_clever = path != "/oauth/authorize";
        let redirect = if from_clever {
            self.redirect_uris.first()
        } else {
            asked.get("redirect_uri")
        };
        let Some(redirect) = redirect.filter(|uri| self.registered(uri)) else {
            return Reply::page(400, "Unknown redirect URI", "<p>It is not registered.</p>");
        };
        let code_wanted = asked
            .get("response_type")
            .is_some_and(|asked| asked == "code");
        if !from_clever && !code_wanted {
            return Reply::page(400, "Bad request", "<p>response_type must be code.</p>");
        }
        let Ok(back) = url::Url::parse(redirect) else {
            return Reply::page(400, "Unknown redirect URI", "<p>It is no address.</p>");
        };
        let state = asked.get("state").filter(|_| !from_clever);
        let library = path == "/library/install";
        let session = self
            .session(cookies)
            .filter(|session| session.library || !library)
            .filter(|_| asked.get("confirmed").is_none_or(|asked| asked != "false"));
        let (person, cookie) = match (asked.get("user"), session) {
            (Some(user), _) => {
                let person = Person {
                    user: user.clone(),
                    library,
                };
                let cookie = self.begin_session(&person);
                (person, Some(cookie))
            }
            (None, Some(session)) => (session, None),
            (None, None) => return pages::picker(world, target, library),
        };
        if path == "/oauth/instant-login" && person.library {
            return Reply::page(
                400,
                "Not for the Library",
                "<p>Instant-login links do not open Library apps.</p>",
            );
        }
        let elsewhere = asked
            .get("district_id")
            .is_some_and(|district| district != world.district_id());
        if elsewhere || !shared(world, &person) {
            if asked
                .get("return_unshared")
                .is_some_and(|asked| asked == "true")
            {
                return way_back(back, &[("error", "unauthorized-user")], state);
            }
            return Reply::page(
                404,
                "Not shared",
                "<p>This user is not shared with the app.</p>",
            );
        }
        let code = {
            let mut issued = self.issued();
            issued.made += 1;
            let code = format!("code{:016x}", issued.made);
            let made = Code {
                person,
                redirect_uri: redirect.clone(),
                nonce: asked.get("nonce").cloned(),
                challenge: asked.get("code_challenge").cloned(),
                made: now,
            };
            issued.codes.insert(code.clone(), made);
            code
        };
        Reply {
            cookie,
            ..way_back(back, &[("code", &code)], state)
        }
    }

    /// `/in/{shortname}`: the portal, where a person finds the district's apps.
    pub(crate) fn portal(&self, world: &World, target: &str, cookies: &str) -> Reply {
        let (_, query) = target.split_once('?').unwrap_or((target, ""));
        let (person, cookie) = match (parameters(query).remove("user"), self.session(cookies)) {
            (Some(user), _) => {
                let person = Person {
                    user,
                    library: false,
                };
                let cookie = self.begin_session(&person);
                (person, Some(cookie))
            }
            (None, Some(session)) => (session, None),
            (None, None) => return pages::picker(world, target, false),
        };
        let Some(record) = world.value(RecordKind::Users, &person.user) else {
            return Reply::page(
                404,
                "Not here",
                "<p>Nobody in this district has this id.</p>",
            );
        };
        Reply {
            cookie,
            ..pages::portal(&record, &self.client_id)
        }
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
    pub(crate) fn exchange(
        &self,
        world: &World,
        content_type: &str,
        body: &str,
        now: Timestamp,
    ) -> Reply {
        let given = if content_type.starts_with("application/json") {
            serde_json::from_str(body).unwrap_or_default()
        } else {
            parameters(body)
        };
        if given.get("grant_type").map(String::as_str) != Some("authorization_code") {
            return refused(400, "unsupported_grant_type", "grant_type is not supported");
        }
        let code = given
            .get("code")
            .and_then(|code| self.issued().codes.remove(code));
        let fresh = code.filter(|code| now.as_second() - code.made.as_second() <= CODE_SECONDS);
        let Some(code) = fresh else {
            return refused(400, "invalid_grant", "invalid grant: invalid code");
        };
        if given.get("redirect_uri") != Some(&code.redirect_uri) {
            return refused(400, "redirect_uri_mismatch", "redirect_uri is another one");
        }
        if let Some(challenge) = &code.challenge {
            let verifier = given
                .get("code_verifier")
                .map(|verifier| openid::challenge(verifier));
            if verifier.as_ref() != Some(challenge) {
                return refused(
                    400,
                    "invalid_grant",
                    "invalid grant: code_verifier is another one",
                );
            }
        }
        let mut answer = json!({ "token_type": "bearer" });
        // Not for the Library, whatever support switched on.
        if self.openid && !code.person.library {
            let user = &code.person.user;
            let record = world.value(RecordKind::Users, user).unwrap_or_default();
            let app = (self.issuer.as_str(), self.client_id.as_str());
            let claims = openid::claims(world, user, &record, app, code.nonce.as_deref(), now);
            match self.keys.sign(&claims) {
                Ok(token) => answer["id_token"] = token.into(),
                Err(_) => return Reply::message(500, "could not sign"),
            }
        }
        answer["access_token"] = self.token_of(code.person).into();
        Reply::json(answer.to_string())
    }

    /// `/.well-known/openid-configuration` and `/oauth/certs`, where OpenID Connect is on.
    pub(crate) fn openid(&self, path: &str) -> Reply {
        if !self.openid {
            return Reply::no_such_path(path);
        }
        if path == "/oauth/certs" {
            return match self.keys.published() {
                Ok(keys) => Reply::json(keys.to_string()),
                Err(_) => Reply::message(500, "could not make a key"),
            };
        }
        Reply::json(openid::discovery(&self.issuer, self.pkce).to_string())
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

/// The way back to the app.
fn way_back(mut back: url::Url, with: &[(&str, &str)], state: Option<&String>) -> Reply {
    back.query_pairs_mut().extend_pairs(with);
    if let Some(state) = state {
        back.query_pairs_mut().append_pair("state", state);
    }
    Reply::redirect(back.into())
}

/// Whether a person may come into the app: anyone of the roster, or through the Library a teacher or a
/// student.
fn shared(world: &World, person: &Person) -> bool {
    let users = world.list(RecordKind::Users);
    users.get(person.user.as_str()).is_some_and(|user| {
        !person.library || user.has_role(Role::Teacher) || user.has_role(Role::Student)
    })
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
pub(crate) fn answer_user(world: &World, person: &Person, path: &str, query: &str) -> Reply {
    let user = person.user.as_str();
    let Some(record) = world.value(RecordKind::Users, user) else {
        return unauthorized();
    };
    let district = world.district_id();
    if path == "/userinfo" {
        return user_info(&record, person, district);
    }
    if person.library {
        return library::answer(world, user, path, query)
            .unwrap_or_else(|| Reply::no_such_path(path));
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

fn user_info(record: &Value, person: &Person, district: &str) -> Reply {
    let user = person.user.as_str();
    let roles = record["roles"].as_object();
    let role = roles.and_then(|roles| roles.keys().next_back());
    let legacy = role.and_then(|role| record["roles"][role]["legacy_id"].as_str());
    let trimmed;
    let record = if person.library {
        trimmed = library::trimmed_user(record);
        &trimmed
    } else {
        record
    };
    let by = if person.library {
        "teacher"
    } else {
        "district"
    };
    let mut info = json!({
        "sub": user, "user_id": legacy.unwrap_or(user), "multi_role_user_id": user,
        "user_type": role, "schools": [], "name": record["name"], "email_verified": false, "authorized_by": by,
        "given_name": record["name"]["first"], "family_name": record["name"]["last"],
    });
    if !person.library {
        info["district_id"] = district.into();
        info["district"] = district.into();
    }
    if record["email"].is_string() {
        info["email"] = record["email"].clone();
    }
    Reply::json(info.to_string())
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
        let app = App::new(
            1,
            vec![BACK.to_owned()],
            (true, true),
            "http://127.0.0.1:9".to_owned(),
        );
        drop(students);
        (app, world, student)
    }

    fn code(app: &App, world: &World, user: &str, path: &str) -> url::Url {
        let query = format!("client_id={}&user={user}", app.client_id);
        let reply = app.authorize(world, &format!("{path}{query}"), "", time(0));
        assert_eq!(reply.status, 302, "{}", reply.body);
        reply.location.unwrap().parse().unwrap()
    }

    fn authorize(app: &App, world: &World, user: &str) -> String {
        let path = format!("/oauth/authorize?response_type=code&state=s%201&redirect_uri={BACK}&");
        let back = parameters(code(app, world, user, &path).query().unwrap());
        assert_eq!(back["state"], "s 1");
        back["code"].clone()
    }

    fn exchange(app: &App, world: &World, code: &str, second: i64) -> (u16, Value) {
        let body = json!({"code": code, "grant_type": "authorization_code", "redirect_uri": BACK});
        let reply = app.exchange(world, "application/json", &body.to_string(), time(second));
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let (app, world, user) = scene();
        let code = authorize(&app, &world, &user);
        let (status, answer) = exchange(&app, &world, &code, 59);
        assert_eq!((status, &answer["token_type"]), (200, &json!("bearer")));
        let token = answer["access_token"].as_str().unwrap();
        assert!(token.starts_with("il"));
        assert_eq!(app.person_of(token).unwrap().user, user);
        assert_eq!(
            exchange(&app, &world, &code, 59).1["error_description"],
            "invalid grant: invalid code"
        );
        let late = authorize(&app, &world, &user);
        assert_eq!(exchange(&app, &world, &late, 61).0, 400);
        let form = format!(
            "grant_type=authorization_code&redirect_uri={BACK}&code={}",
            authorize(&app, &world, &user)
        );
        assert_eq!(
            app.exchange(&world, "application/x-www-form-urlencoded", &form, time(1))
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
        assert_eq!(app.authorize(&world, &elsewhere, "", time(0)).status, 400);
        let page = app.authorize(
            &world,
            &format!("/oauth/instant-login?client_id={}&x=<b>", app.client_id),
            "",
            time(0),
        );
        assert!(page.body.contains(&user) && !page.body.contains("<b>"));
    }

    #[test]
    fn a_users_token_opens_the_user_and_the_district_only() {
        let (_, world, user) = scene();
        let person = Person {
            user: user.clone(),
            library: false,
        };
        let answer_user = |path: &str| answer_user(&world, &person, path, "");
        let status = |path: &str| answer_user(path).status;
        let district = world.district_id();
        assert_eq!(status(&format!("/v3.1/users/{user}")), 200);
        assert_eq!(status(&format!("/v3.0/districts/{district}")), 200);
        assert_eq!(status("/userinfo"), 200);
        let me: Value = serde_json::from_str(&answer_user("/v3.1/me").body).unwrap();
        assert_eq!(
            (&me["type"], &me["data"]["id"]),
            (&json!("user"), &json!(user))
        );
        let refused = answer_user("/v3.1/users");
        assert!(refused.status == 404 && refused.content_type.starts_with("text/html"));
    }

    /// Follows a way in; returns the query that the app gets, and the cookie.
    fn follow(
        app: &App,
        world: &World,
        target: &str,
        cookies: &str,
    ) -> (BTreeMap<String, String>, String) {
        let reply = app.authorize(world, target, cookies, time(0));
        assert_eq!(reply.status, 302, "{target}: {}", reply.body);
        let back: url::Url = reply.location.unwrap().parse().unwrap();
        let cookie = reply.cookie.unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        (parameters(back.query().unwrap()), cookie)
    }

    #[test]
    fn a_session_at_clever_answers_the_restart_at_once_and_stays_what_it_was() {
        let (app, world, _) = scene();
        let users = world.list(RecordKind::Users).iter();
        let teacher = users
            .clone()
            .find(|(_, user)| user.has_role(Role::Teacher))
            .unwrap()
            .0;
        let id = &app.client_id;
        let restart = format!(
            "/oauth/authorize?response_type=code&client_id={id}&redirect_uri={BACK}&state=s&nonce=n"
        );
        for (path, library) in [("/portal/launch", false), ("/library/install", true)] {
            let (came, cookie) = follow(
                &app,
                &world,
                &format!("{path}?client_id={id}&user={teacher}&state=x"),
                "",
            );
            assert!(
                came.contains_key("code") && !came.contains_key("state"),
                "{path}"
            );
            let (came, _) = follow(&app, &world, &restart, &format!("theirs=1; {cookie}"));
            assert_eq!(came["state"], "s");
            let (status, answer) = exchange(&app, &world, &came["code"], 0);
            assert_eq!(status, 200);
            assert_eq!(answer["id_token"].is_string(), !library, "{path}");
            let person = app
                .person_of(answer["access_token"].as_str().unwrap())
                .unwrap();
            assert_eq!((&*person.user, person.library), (&*teacher, library));
            // Someone else wants to come in on this device.
            let page = app.authorize(
                &world,
                &format!("{restart}&confirmed=false"),
                &cookie,
                time(0),
            );
            assert_eq!(page.status, 200);
            let instant = format!("/oauth/instant-login?client_id={id}");
            assert_eq!(
                app.authorize(&world, &instant, &cookie, time(0)).status,
                if library { 400 } else { 302 }
            );
        }
        let portal = app.portal(&world, &format!("/in/springfield?user={teacher}"), "");
        assert!(
            portal.cookie.is_some()
                && portal.body.contains("/portal/launch")
                && portal.body.contains("/library/install")
        );
        assert!(
            app.portal(&world, "/in/springfield", "")
                .body
                .contains("?user=")
        );
    }

    #[test]
    fn who_is_not_shared_gets_a_page_or_goes_back_with_an_error() {
        let (app, world, student) = scene();
        let users = world.list(RecordKind::Users).iter();
        let contact = users
            .clone()
            .find(|(_, user)| user.has_role(Role::Contact))
            .unwrap()
            .0;
        let id = &app.client_id;
        let install = format!("/library/install?client_id={id}&user={contact}");
        assert_eq!(app.authorize(&world, &install, "", time(0)).status, 404);
        let other = format!(
            "/oauth/authorize?response_type=code&client_id={id}&redirect_uri={BACK}&state=s&user={student}&district_id=other"
        );
        assert_eq!(app.authorize(&world, &other, "", time(0)).status, 404);
        let (came, _) = follow(&app, &world, &format!("{other}&return_unshared=true"), "");
        assert_eq!(
            (came["error"].as_str(), came["state"].as_str()),
            ("unauthorized-user", "s")
        );
    }

    #[test]
    fn an_identity_is_signed_with_the_nonce_where_openid_is_on() {
        let (mut app, world, user) = scene();
        let path = format!("/oauth/authorize?response_type=code&nonce=n1&redirect_uri={BACK}&");
        let came = parameters(code(&app, &world, &user, &path).query().unwrap());
        let (_, answer) = exchange(&app, &world, &came["code"], 1);
        let token = answer["id_token"].as_str().unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            (&claims["sub"], &claims["nonce"], &claims["aud"]),
            (&json!(user), &json!("n1"), &json!(app.client_id))
        );
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            3600
        );
        let discovery: Value =
            serde_json::from_str(&app.openid("/.well-known/openid-configuration").body).unwrap();
        assert_eq!(
            (&discovery["issuer"], &claims["iss"]),
            (&claims["iss"], &json!("http://127.0.0.1:9"))
        );
        app.openid = false;
        assert_eq!(app.openid("/oauth/certs").status, 404);
        let came = parameters(code(&app, &world, &user, &path).query().unwrap());
        assert!(
            exchange(&app, &world, &came["code"], 1)
                .1
                .get("id_token")
                .is_none()
        );
    }

    #[test]
    fn a_library_token_opens_its_own_class_with_initials_and_no_district() {
        let (_, world, _) = scene();
        let section = world.list(RecordKind::Sections).values().next().unwrap();
        let section = section.value();
        let teacher = Person {
            user: section["teacher"].as_str().unwrap().to_owned(),
            library: true,
        };
        let get = |path: &str, query: &str| {
            let reply = answer_user(&world, &teacher, path, query);
            (
                reply.status,
                serde_json::from_str::<Value>(&reply.body).unwrap_or_default(),
            )
        };
        let (_, me) = get("/v3.1/me", "");
        assert_eq!(
            (&me["data"]["authorized_by"], me["data"].get("district")),
            (&json!("teacher"), None)
        );
        assert!(get("/userinfo", "").1.get("district").is_none());
        let own = format!("/v3.1/users/{}", teacher.user);
        assert!(get(&own, "").1["data"].get("district").is_none());
        let (_, sections) = get(&format!("{own}/sections"), "");
        let ids: Vec<&Value> = sections["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["data"]["id"])
            .collect();
        assert!(ids.contains(&&section["id"]));
        let path = format!("/v3.1/sections/{}/users", section["id"].as_str().unwrap());
        let (_, students) = get(&path, "role=student");
        let students = students["data"].as_array().unwrap();
        assert_eq!(
            students.len(),
            section["students"].as_array().unwrap().len()
        );
        for student in students {
            assert_eq!(
                student["data"]["name"]["last"]
                    .as_str()
                    .unwrap()
                    .chars()
                    .count(),
                1
            );
            assert!(student["data"].get("email").is_none());
        }
        assert_eq!(get(&path, "role=student&limit=5").0, 400);
        let other = world
            .list(RecordKind::Sections)
            .values()
            .map(|one| one.value())
            .find(|one| {
                !one["teachers"]
                    .as_array()
                    .unwrap()
                    .contains(&json!(teacher.user))
            })
            .unwrap();
        for path in [
            format!("/v3.1/sections/{}/users", other["id"].as_str().unwrap()),
            "/v3.1/users".to_owned(),
            format!("/v3.1/districts/{}", world.district_id()),
        ] {
            assert_eq!(get(&path, "").0, 404, "{path}");
        }
    }
}
