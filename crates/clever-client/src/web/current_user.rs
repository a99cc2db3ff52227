//! Who is signed in, for the application's own pages.

use axum::extract::{FromRef, FromRequestParts, OriginalUri};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;

use super::asker::Asker;
use super::place::with_wish;
use super::{Notice, Sessions, WebLogin, cookies, reply};

/// Who is signed in. A page that asks for it sends others to the sign-in and back, and somebody who has
/// something to answer first to the page where it is asked.
///
/// Only a person who goes to the page is sent there. A script's request, a form or a picture gets a 401,
/// since it could not follow to Clever; a store of sessions that fails gives a 503.
pub struct CurrentUser<S: Sessions>(pub S::User);

impl<S: Sessions, T: Send + Sync> FromRequestParts<T> for CurrentUser<S>
where
    WebLogin<S>: FromRef<T>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Response> {
        let login = WebLogin::<S>::from_ref(state);
        let cookies = cookies(&parts.headers);
        match login.live(&cookies).await {
            Ok(Some(user)) => return Ok(Self(user)),
            Ok(None) => {}
            Err(_) => return Err(login.notice(Notice::Ours)),
        }
        let waiting = match cookies.get(&login.0.session) {
            Some(session) => login.0.sessions.waiting(session).await,
            None => Ok(None),
        };
        let waiting = waiting.map_err(|error| login.trouble(&*error))?;
        let goes = matches!(parts.method, Method::GET | Method::HEAD);
        if !goes || Asker::of(&parts.headers) == Asker::Script {
            return Err(login.notice(Notice::SignInFirst));
        }
        // A nested router hands on less than the whole path.
        let seen = parts.extensions.get::<OriginalUri>();
        let seen = seen.map_or(&parts.uri, |OriginalUri(uri)| uri);
        let here = seen.path_and_query().map_or("/", |here| here.as_str());
        let to = match waiting {
            Some(page) => with_wish(&page, here),
            None => login.0.place.login(Some(here)),
        };
        Err(reply::redirect(&to, []))
    }
}
