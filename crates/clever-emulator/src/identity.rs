//! Sign-in: the pages where a district and a user are picked, one-minute codes, and what is given for a code.
//! Logins begin at the app (`/oauth/authorize`), at the portal, at an instant-login link or in the Library;
//! only the first sort brings a `state` back.
//!
//! Codes and tokens are counted, not drawn by lot: runs repeat, and nothing here guards real data.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clever_model::{RecordKind, Role, Timestamp};
use serde_json::{Value, json};

use crate::districts::{District, Districts};
use crate::happenings::Happening;
use crate::openid::{Change, Keys};
use crate::reply::Reply;
use crate::world::World;
use crate::{openid, pages};

/// Where the issuer tells of itself, and of its keys.
pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const CERTS: &str = "/oauth/certs";

/// How long a code can be redeemed.
const CODE_SECONDS: i64 = 60;

/// How the app is set up at Clever.
#[derive(Debug, Clone, Default)]
pub(crate) struct AppOptions {
    /// The first is primary. Without any, every address on loopback will do.
    pub(crate) redirect_uris: Vec<String>,
    /// Whether support has switched OpenID Connect on for the app.
    pub(crate) openid: bool,
    /// Whether discovery offers PKCE.
    pub(crate) pkce: bool,
    /// Whether support vouches for the users' addresses.
    pub(crate) email_verified: bool,
    /// Whether the app may read rosters, or is for signing in alone.
    pub(crate) secure_sync: bool,
}

/// The app that users sign in to.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) secure_sync: bool,
    pub(crate) email_verified: bool,
    redirect_uris: Vec<String>,
    openid: bool,
    pkce: bool,
    /// The address of this Clever, as the issuer of identities.
    pub(crate) issuer: String,
    pub(crate) keys: Keys,
    issuing: RwLock<Issuing>,
    issued: Mutex<Issued>,
}

/// How discovery and keys are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Issuing {
    #[default]
    Well,
    /// Late, as by the fault `slow`.
    Slowly,
    /// Not at all: 503.
    Down,
}

/// Somebody who signed in at Clever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) district: String,
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
pub(crate) fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        found.entry(name.into_owned()).or_insert(value.into_owned());
    }
    found
}

/// Says whether a query or a form has a parameter more than once, which OAuth forbids (RFC 6749, 3.1 and 3.2).
pub(crate) fn repeats(text: &str) -> bool {
    parameters(text).len() < url::form_urlencoded::parse(text.as_bytes()).count()
}

/// A way in: what was asked for, and where it leads back to.
struct WayIn<'a> {
    target: &'a str,
    asked: BTreeMap<String, String>,
    back: url::Url,
    redirect: String,
    state: Option<String>,
    /// It begins at the Library.
    library: bool,
    instant: bool,
}

impl WayIn<'_> {
    fn is(&self, name: &str, value: &str) -> bool {
        self.asked.get(name).is_some_and(|asked| asked == value)
    }

    /// The way back to the app.
    fn back_with(&self, name: &str, value: &str) -> Reply {
        let mut back = self.back.clone();
        back.query_pairs_mut().append_pair(name, value);
        if let Some(state) = &self.state {
            back.query_pairs_mut().append_pair("state", state);
        }
        Reply::redirect(back.into())
    }

    /// For somebody whom nobody shares with the app: a page, or the way back where the app asked for it.
    fn not_shared(&self) -> Reply {
        if self.is("return_unshared", "true") {
            return self.back_with("error", "unauthorized-user");
        }
        pages::not_shared()
    }
}

impl App {
    pub(crate) fn new(seed: u64, options: AppOptions, issuer: String) -> Self {
        Self {
            client_id: format!("{:020x}", u128::from(seed) + 0xc11e_0000_0001),
            client_secret: format!("{:040x}", u128::from(seed) + 0x5ec2_e700_0000_0001),
            secure_sync: options.secure_sync,
            email_verified: options.email_verified,
            redirect_uris: options.redirect_uris,
            openid: options.openid,
            pkce: options.pkce,
            issuer,
            keys: Keys::default(),
            issuing: RwLock::default(),
            issued: Mutex::default(),
        }
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets something happen to the issuer of identities; what concerns districts alone does nothing.
    pub(crate) fn befall(&self, happening: Happening) {
        let issuing = match happening {
            Happening::KeyRotate => return self.keys.change(Change::Rotate),
            Happening::KeyReplace => return self.keys.change(Change::Replace),
            Happening::KeyReuse => return self.keys.change(Change::Reuse),
            Happening::IssuerSlow => Issuing::Slowly,
            Happening::IssuerDown => Issuing::Down,
            Happening::IssuerUp => Issuing::Well,
            _ => return,
        };
        *self.issuing.write().unwrap_or_else(PoisonError::into_inner) = issuing;
    }

    /// How discovery and keys are served at the moment.
    pub(crate) fn issuing(&self) -> Issuing {
        *self.issuing.read().unwrap_or_else(PoisonError::into_inner)
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

    /// The ways in: the pages where someone is picked, or with somebody signed in the way back.
    ///
    /// `/oauth/authorize` comes from the app. `/oauth/instant-login`, `/portal/launch` and `/library/install`
    /// come from Clever: they lead to the primary redirect URI, without a `state`.
    pub(crate) fn authorize(
        &self,
        districts: &Districts,
        target: &str,
        cookies: &str,
        now: Timestamp,
    ) -> Reply {
        let way = match self.way_in(target) {
            Ok(way) => way,
            Err(page) => return page,
        };
        if let Some(user) = way.asked.get("user") {
            let Some(district) = districts.of_user(user) else {
                return way.not_shared();
            };
            let person = Person {
                district: district.id.clone(),
                user: user.clone(),
                library: way.library,
            };
            let cookie = self.begin_session(&person);
            return Reply {
                cookie: Some(cookie),
                ..self.let_in(&way, district, person, now)
            };
        }
        let wanted = way.asked.get("district_id");
        let session = self
            .session(cookies)
            .filter(|session| session.library || !way.library)
            .filter(|session| wanted.is_none_or(|wanted| *wanted == session.district))
            .filter(|_| !way.asked.contains_key("someone_else"));
        if let Some(person) = session
            && let Some(district) = districts.get(&person.district)
        {
            if way.is("confirmed", "false") {
                let record = district.world().value(RecordKind::Users, &person.user);
                return pages::is_this_you(&record.unwrap_or_default(), way.target);
            }
            return self.let_in(&way, district, person, now);
        }
        let district = match wanted {
            Some(wanted) => districts.get(wanted),
            None if districts.more.is_empty() => Some(&districts.first),
            None => return pages::district_picker(districts, way.target),
        };
        match district {
            Some(district) => pages::picker(&district.world(), way.target, way.library),
            None => way.not_shared(),
        }
    }

    /// Reads a way in; the page says what is wrong with it. Nothing goes to an address that is not the app's.
    fn way_in<'a>(&self, target: &'a str) -> Result<WayIn<'a>, Reply> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = parameters(query);
        let bad = |title, text: &str| Err(Reply::page(400, title, &format!("<p>{text}</p>")));
        if asked.get("client_id") != Some(&self.client_id) {
            return bad("Unknown app", "No app has this client id.");
        }
        let from_clever = path != "/oauth/authorize";
        let redirect = if from_clever {
            self.redirect_uris.first()
        } else {
            asked.get("redirect_uri")
        };
        let Some(redirect) = redirect.filter(|uri| self.registered(uri)).cloned() else {
            return bad("Unknown redirect URI", "It is not registered.");
        };
        let Ok(back) = url::Url::parse(&redirect) else {
            return bad("Unknown redirect URI", "It is no address.");
        };
        match asked.get("response_type").map(String::as_str) {
            Some("code") => {}
            _ if from_clever => {}
            Some("token") => {
                return bad(
                    "Not for this app",
                    "The implicit grant needs a special permission: response_type must be code.",
                );
            }
            _ => return bad("Bad request", "response_type must be code."),
        }
        Ok(WayIn {
            state: asked.get("state").filter(|_| !from_clever).cloned(),
            library: path == "/library/install",
            instant: path == "/oauth/instant-login",
            target,
            asked,
            back,
            redirect,
        })
    }

    /// Sends somebody who is signed in at Clever on to the app, with a code.
    fn let_in(
        &self,
        way: &WayIn<'_>,
        district: &District,
        mut person: Person,
        now: Timestamp,
    ) -> Reply {
        let connection = district.connection();
        // What the district shares goes before what a teacher shared.
        if connection.covers_library && connection.token.is_some() {
            person.library = false;
        }
        if way.instant && person.library {
            return Reply::page(
                400,
                "Not for the Library",
                "<p>Instant-login links do not open Library apps.</p>",
            );
        }
        let elsewhere = way
            .asked
            .get("district_id")
            .is_some_and(|wanted| *wanted != district.id);
        let closed = connection.token.is_none() && !person.library;
        if elsewhere || closed || !is_shared(&district.world(), &person) {
            return way.not_shared();
        }
        let code = {
            let mut issued = self.issued();
            issued.made += 1;
            let code = format!("code{:016x}", issued.made);
            let made = Code {
                person,
                redirect_uri: way.redirect.clone(),
                nonce: way.asked.get("nonce").cloned(),
                challenge: way.asked.get("code_challenge").cloned(),
                made: now,
            };
            issued.codes.insert(code.clone(), made);
            code
        };
        way.back_with("code", &code)
    }

    /// `/in/{shortname}`: the portal, where a person finds the district's apps.
    pub(crate) fn portal(&self, districts: &Districts, target: &str, cookies: &str) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let shortname = path.trim_start_matches("/in/");
        let here = districts
            .more
            .iter()
            .find(|district| pages::shortname(&district.world()).as_deref() == Some(shortname))
            .unwrap_or(&districts.first);
        let (person, cookie) = match (parameters(query).remove("user"), self.session(cookies)) {
            (Some(user), _) => {
                let person = Person {
                    district: here.id.clone(),
                    user,
                    library: false,
                };
                let cookie = self.begin_session(&person);
                (person, Some(cookie))
            }
            (None, Some(session)) if session.district == here.id => (session, None),
            (None, _) => return pages::picker(&here.world(), target, false),
        };
        let Some(record) = here.world().value(RecordKind::Users, &person.user) else {
            return Reply::page(
                404,
                "Not here",
                "<p>Nobody in this district has this id.</p>",
            );
        };
        let has_app = here.is_connected() || person.library;
        Reply {
            cookie,
            ..pages::portal(&record, &self.client_id, has_app)
        }
    }

    fn registered(&self, uri: &str) -> bool {
        if !self.redirect_uris.is_empty() {
            return self.redirect_uris.iter().any(|one| one == uri);
        }
        url::Url::parse(uri)
            .is_ok_and(|uri| matches!(uri.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")))
    }

    /// Whether logins that begin at Clever lead somewhere.
    pub(crate) fn has_primary(&self) -> bool {
        !self.redirect_uris.is_empty()
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
        districts: &Districts,
        content_type: &str,
        body: &str,
        now: Timestamp,
    ) -> Reply {
        let Some(given) = read_body(content_type, body) else {
            return refused(
                400,
                "invalid_request",
                "the body must be a JSON object or a form, and its Content-Type must say which",
            );
        };
        if given.get("grant_type").map(String::as_str) != Some("authorization_code") {
            return refused(400, "unsupported_grant_type", "grant_type is not supported");
        }
        let code = given
            .get("code")
            .and_then(|code| self.issued().codes.remove(code));
        let fresh = code.filter(|code| now.as_second() - code.made.as_second() <= CODE_SECONDS);
        let Some(code) = fresh else {
            return invalid_code();
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
            let district = districts.get(&code.person.district);
            let record = district
                .and_then(|district| district.world().value(RecordKind::Users, &code.person.user))
                .unwrap_or_default();
            let claims = openid::claims(self, &code.person, &record, code.nonce.as_deref(), now);
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
        if self.issuing() == Issuing::Down {
            return Reply::message(503, "Service Unavailable");
        }
        if path == CERTS {
            return match self.keys.published() {
                Ok(keys) => Reply::json(keys.to_string()),
                Err(_) => Reply::message(500, "could not make a key"),
            };
        }
        Reply::json(openid::discovery(&self.issuer, self.pkce).to_string())
    }
}

/// Reads a body as its content type says; `None` where that is neither JSON nor a form.
fn read_body(content_type: &str, body: &str) -> Option<BTreeMap<String, String>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        let Value::Object(given) = serde_json::from_str(body).ok()? else {
            return None;
        };
        let texts = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        return Some(texts.collect());
    }
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        .then(|| parameters(body))
}

/// Whether a person may come into the app: anyone of the roster, or through the Library a teacher or a
/// student.
fn is_shared(world: &World, person: &Person) -> bool {
    let users = world.list(RecordKind::Users);
    users.get(person.user.as_str()).is_some_and(|user| {
        !person.library || user.has_role(Role::Teacher) || user.has_role(Role::Student)
    })
}

/// The answer to a code that was redeemed before, is too old, or never was.
pub(crate) fn invalid_code() -> Reply {
    refused(400, "invalid_grant", "invalid grant: invalid code")
}

/// An error as OAuth words it.
pub(crate) fn refused(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({ "error": error, "error_description": description });
    Reply {
        status,
        ..Reply::json(body.to_string())
    }
}

#[cfg(test)]
mod tests;
