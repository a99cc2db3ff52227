//! The ways in: the pages where a district and a user are picked, and the way back to the app with a code. Logins
//! begin at the app (`/oauth/authorize`), at the portal, at an instant-login link or in the Library; only the first
//! sort brings a `state` back.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Role, Timestamp};

use super::app::{App, Code, Person};
use super::pages;
use super::parameters::parameters;
use crate::districts::{District, Districts};
use crate::reply::Reply;
use crate::world::World;

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
}

/// Whether a person may come into the app: anyone of the roster, or through the Library a teacher or a
/// student.
fn is_shared(world: &World, person: &Person) -> bool {
    let users = world.list(RecordKind::Users);
    users.get(person.user.as_str()).is_some_and(|user| {
        !person.library || user.has_role(Role::Teacher) || user.has_role(Role::Student)
    })
}
