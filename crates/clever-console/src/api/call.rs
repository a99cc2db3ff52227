//! One endpoint: its route, and what the document says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, http::header::CONTENT_TYPE};
use clever_sync::look::Before;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::door::Visitor;
use crate::site::{Site, needs};
use crate::trouble::Trouble;
use crate::who::Role;

/// The header that a program sends with each write.
pub(super) const KEY: &str = "idempotency-key";

/// A request that has passed the guard.
pub(crate) struct Call<T> {
    pub(crate) site: Arc<Site>,
    pub(crate) visitor: Visitor,
    path: BTreeMap<String, String>,
    /// Its query or its body.
    pub(crate) asked: T,
}

impl<T> Call<T> {
    /// A part of the path.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A part of the path that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<u64, Trouble> {
        self.text(name).parse().map_err(|_| Trouble::Missing)
    }
}

/// How the schema of a type is made.
type Shape = fn(&mut SchemaGenerator) -> Schema;

/// One endpoint.
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    /// What it is called by programs that are made of the document.
    pub(crate) name: &'static str,
    /// What it does, in a sentence.
    pub(crate) does: &'static str,
    /// Who may call it.
    pub(crate) role: Role,
    pub(crate) is_write: bool,
    pub(crate) takes: Shape,
    /// What it gives; none for a file.
    pub(crate) gives: Option<Shape>,
    pub(crate) route: MethodRouter<Arc<Site>>,
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An endpoint that reads. `Q` is its query, `A` its answer.
pub(crate) fn read<Q, A, F, R>(
    path: &'static str,
    name: &'static str,
    does: &'static str,
    answer: F,
) -> Endpoint
where
    Q: DeserializeOwned + JsonSchema + Send + 'static,
    A: Serialize + JsonSchema + Send,
    F: Fn(Call<Q>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<A, Trouble>> + Send,
{
    let route = get(
        move |State(site): State<Arc<Site>>,
              Extension(visitor): Extension<Visitor>,
              Path(path): Path<BTreeMap<String, String>>,
              uri: Uri| {
            let answer = answer.clone();
            async move {
                let asked = Query::<Q>::try_from_uri(&uri);
                let Query(asked) = asked.map_err(|error| Trouble::Wrong(error.body_text()))?;
                let call = Call {
                    site,
                    visitor,
                    path,
                    asked,
                };
                Ok::<_, Trouble>(Json(answer(call).await?))
            }
        },
    );
    Endpoint {
        path,
        name,
        does,
        role: Role::Viewer,
        is_write: false,
        takes: shape::<Q>,
        gives: Some(shape::<A>),
        route,
    }
}

/// An endpoint that writes. `B` is its body, `A` its answer, which is kept for a day under the key of the request.
pub(crate) fn write<B, A, F, R>(
    role: Role,
    path: &'static str,
    name: &'static str,
    does: &'static str,
    answer: F,
) -> Endpoint
where
    B: DeserializeOwned + JsonSchema + Send + 'static,
    A: Serialize + JsonSchema + Send,
    F: Fn(Call<B>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<A, Trouble>> + Send,
{
    let route = post(
        move |State(site): State<Arc<Site>>,
              Extension(visitor): Extension<Visitor>,
              Path(path): Path<BTreeMap<String, String>>,
              uri: Uri,
              headers: HeaderMap,
              body: Bytes| {
            let answer = answer.clone();
            async move {
                needs(&visitor, role)?;
                let token = visitor.person.name.clone();
                let (key, call) = keyed(&site, visitor, path, &headers, &body)?;
                let digest = digest(&uri, &body);
                if let Some(before) = taken(&site, &token, &key, &digest).await? {
                    return Ok(before);
                }
                let done = answer(call).await;
                let mut store = site.stores.first().await?;
                let done = match done {
                    Ok(done) => done,
                    Err(trouble) => {
                        store.give_key_back(&token, &key).await?;
                        store.back();
                        return Err(trouble);
                    }
                };
                let text = serde_json::to_string(&done)
                    .map_err(|error| Trouble::Store(error.to_string()))?;
                store.keep_answer(&token, &key, 200, &text).await?;
                store.back();
                Ok::<_, Trouble>(json(StatusCode::OK, text))
            }
        },
    );
    Endpoint {
        path,
        name,
        does,
        role,
        is_write: true,
        takes: shape::<B>,
        gives: Some(shape::<A>),
        route,
    }
}

/// The same for an answer with names, which is kept nowhere: sent again, it is read again, and is one row of the audit.
pub(crate) fn reveal<B, A, F, R>(
    role: Role,
    path: &'static str,
    name: &'static str,
    does: &'static str,
    answer: F,
) -> Endpoint
where
    B: DeserializeOwned + JsonSchema + Send + 'static,
    A: Serialize + JsonSchema + Send,
    F: Fn(Call<B>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<A, Trouble>> + Send,
{
    let sent = move |call| {
        let answer = answer.clone();
        async move { Ok(Json(answer(call).await?).into_response()) }
    };
    Endpoint {
        gives: Some(shape::<A>),
        ..file(role, path, name, does, sent)
    }
}

/// An endpoint that sends a file, which is kept nowhere: asked for again, it is made again, and is one row of the audit.
pub(crate) fn file<B, F, R>(
    role: Role,
    path: &'static str,
    name: &'static str,
    does: &'static str,
    answer: F,
) -> Endpoint
where
    B: DeserializeOwned + JsonSchema + Send + 'static,
    F: Fn(Call<B>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Response, Trouble>> + Send,
{
    let route = post(
        move |State(site): State<Arc<Site>>,
              Extension(visitor): Extension<Visitor>,
              Path(path): Path<BTreeMap<String, String>>,
              headers: HeaderMap,
              body: Bytes| {
            let answer = answer.clone();
            async move {
                needs(&visitor, role)?;
                let (_, call) = keyed(&site, visitor, path, &headers, &body)?;
                answer(call).await
            }
        },
    );
    Endpoint {
        path,
        name,
        does,
        role,
        is_write: true,
        takes: shape::<B>,
        gives: None,
        route,
    }
}

/// The key of a write and what it asks for, by a visitor whose deed has that key.
fn keyed<B: DeserializeOwned>(
    site: &Arc<Site>,
    mut visitor: Visitor,
    path: BTreeMap<String, String>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(String, Call<B>), Trouble> {
    let key = key(headers)?.to_owned();
    let asked = serde_json::from_slice(body)
        .map_err(|error| Trouble::Wrong(format!("The body can't be read: {error}.")))?;
    let token = &visitor.person.name;
    visitor.key = Some(blake3::hash(format!("{token}\n{key}").as_bytes()).to_string());
    let call = Call {
        site: Arc::clone(site),
        visitor,
        path,
        asked,
    };
    Ok((key, call))
}

/// The key of a request.
fn key(headers: &HeaderMap) -> Result<&str, Trouble> {
    let key = headers.get(KEY).and_then(|key| key.to_str().ok());
    key.map(|key| key.trim_matches('"'))
        .filter(|key| (8..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(|| {
            Trouble::Wrong(
                "Send an Idempotency-Key with each write: 8 to 128 characters that you use once."
                    .to_owned(),
            )
        })
}

/// What was asked, as a digest: the place and the body.
fn digest(uri: &Uri, body: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(uri.path().as_bytes());
    hasher.update(b"\n");
    hasher.update(body);
    hasher.finalize().to_string()
}

/// Takes the key of a request, or says what was answered to it before.
async fn taken(
    site: &Site,
    token: &str,
    key: &str,
    digest: &str,
) -> Result<Option<Response>, Trouble> {
    let mut store = site.stores.first().await?;
    let before = store.take_key(token, key, digest, site.now()).await?;
    store.back();
    match before {
        Before::New => Ok(None),
        Before::Answered(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            Ok(Some(json(status, body)))
        }
        Before::UnderWay => Err(Trouble::Again),
        Before::Other => Err(Trouble::Wrong(
            "This Idempotency-Key was used for something else.".to_owned(),
        )),
    }
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
