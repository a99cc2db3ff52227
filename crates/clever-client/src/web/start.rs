//! The beginning of a sign-in: `/login`, and account links.

use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use clever_auth::SafePath;
use clever_auth::login::{Departure, LinkRequest, SessionDigest};
use clever_auth::seal::NoRandomness;
use clever_model::{DistrictId, UserId};

use super::asker::Asker;
use super::place::LOGIN;
use super::{Notice, Sessions, WebLogin, cookies, reply};

impl<S: Sessions> WebLogin<S> {
    /// Sends the holder of `account` to Clever for the proof of also being a Clever user. It ends in
    /// [`Sessions::link`], in the same session only.
    ///
    /// The application has made sure that its holder is there, by a password just now for example. `user`
    /// is the holder at Clever, where the session tells: then nobody else can end the link. With `None`
    /// whoever is signed in at Clever in this browser ends it, perhaps without a click; show in
    /// [`Sessions::link`]'s place who that is before anything is linked. `account` is at most a few hundred
    /// bytes long, and `return_to` a path as browsers see it.
    pub async fn link(
        &self,
        headers: &HeaderMap,
        account: &str,
        user: Option<&UserId>,
        return_to: &SafePath,
    ) -> Response {
        let this = &self.0;
        let cookies = cookies(headers);
        // Only a live session begins a link: the cookie of one that has ended proves nothing.
        let session = match self.is_open(&cookies).await {
            Ok(true) => cookies.get(&this.session),
            Ok(false) => None,
            Err(_) => return self.notice(Notice::Ours),
        };
        let Some(session) = session else {
            return self.notice(Notice::SignInFirst);
        };
        let request = LinkRequest {
            account,
            session: SessionDigest::of(session),
            user,
            return_to,
        };
        let departure = this
            .flow
            .start_link(&cookies, &request, this.clock.now(), &*this.random);
        self.depart(departure)
    }

    fn depart(&self, departure: Result<Departure, NoRandomness>) -> Response {
        match departure {
            Ok(departure) => reply::redirect(departure.authorize.as_str(), departure.set_cookies()),
            Err(error) => self.trouble(&error),
        }
    }
}

/// Begins a sign-in, for a person who goes to Clever.
pub(super) async fn start<S: Sessions>(
    State(login): State<WebLogin<S>>,
    OriginalUri(seen): OriginalUri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let this = &login.0;
    let query = query.unwrap_or_default();
    let stripped = this.place.stripped(&seen, LOGIN);
    let wanted = one(&query, "return_to")
        .and_then(|text| SafePath::new(&text).ok())
        .and_then(|path| this.place.public(stripped, path));
    match Asker::of(&headers) {
        Asker::Person => {}
        Asker::Prefetch => return reply::empty(StatusCode::NO_CONTENT),
        Asker::Script => return login.notice(Notice::SignInFirst),
        Asker::Frame => return login.framed(wanted.as_ref()),
    }
    let district: Option<DistrictId> = one(&query, "district").and_then(|text| text.parse().ok());
    this.service.prepare(&this.flow, &this.openid).await;
    let departure = this.flow.start(
        &cookies(&headers),
        &wanted.unwrap_or_else(|| this.home(stripped)),
        district.as_ref(),
        this.clock.now(),
        &*this.random,
    );
    login.depart(departure)
}

/// The value of a parameter that stands in a query once.
fn one(query: &str, name: &str) -> Option<String> {
    let mut found =
        url::form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| *found == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value.into_owned()),
        _ => None,
    }
}
