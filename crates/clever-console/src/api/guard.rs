//! What each request to the API must have, and what its troubles look like.
//!
//! Decision: the API knows tokens alone, and no cookie. So no page of another site can send a request in somebody's name, and a token
//! never opens a page.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::shapes::Problem;
use super::tokens::digest;
use crate::door::{Visitor, dress, in_time, other_host, other_origin};
use crate::site::Site;
use crate::trouble::Trouble;
use crate::who::Person;

/// Lets a request through, and says what went wrong as a document (RFC 9457).
pub(super) async fn guard(
    State(site): State<Arc<Site>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(refused) = other_host(&site, request.headers()) {
        return refused;
    }
    let path = request.uri().path().to_owned();
    let is_document = path.ends_with("/openapi.json");
    let visitor = if other_origin(&site, request.headers()) {
        Err(Trouble::Form)
    } else if is_document {
        Ok(None)
    } else {
        visitor(&site, request.headers()).await.map(Some)
    };
    let mut response = match visitor {
        Ok(visitor) => {
            if let Some(visitor) = visitor {
                request.extensions_mut().insert(visitor);
            }
            in_time(&path, next.run(request)).await
        }
        Err(trouble) => trouble.into_response(),
    };
    if let Some(trouble) = response.extensions().get::<Trouble>() {
        response = problem(trouble);
    }
    dress(&mut response);
    response
}

fn problem(trouble: &Trouble) -> Response {
    let status = trouble.status();
    let now = match trouble {
        Trouble::Moved { now, .. } => Some(now.clone()).filter(|now| !now.is_null()),
        _ => None,
    };
    let body = Problem {
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail: trouble.to_string(),
        now,
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if matches!(trouble, Trouble::Token) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Whose token the headers have.
async fn visitor(site: &Site, headers: &HeaderMap) -> Result<Visitor, Trouble> {
    let value = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(Trouble::Token)?;
    let mut store = site.stores.first().await?;
    // What is looked up is a digest: how long that takes says nothing of a token.
    let found = store.token(&digest(token)).await?;
    store.back();
    let is_good = |ends| site.now() < ends;
    let found = found
        .filter(|token| token.ends_at.is_none_or(is_good))
        .ok_or(Trouble::Token)?;
    let role = found.role.parse().map_err(|_| Trouble::Token)?;
    Ok(Visitor::of_token(Person {
        name: format!("token {}", found.name),
        role,
        district: Some(found.district_id).filter(|id| !id.is_empty()),
    }))
}
