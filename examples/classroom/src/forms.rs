//! What forms and addresses bring, and whether they may.

use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use clever_auth::SafePath;
use clever_client::web::CurrentUser;
use clever_model::UserId;
use clever_provision::AccountId;
use clever_web::{Asked, FormToken, SignedIn};
use serde::Deserialize;

use crate::pages;
use crate::site::{Me, Site, Wrong};

/// The fields of the app's forms; each form has some of them.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Fields {
    form: String,
    return_to: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) session: String,
    pub(crate) merge: u64,
    pub(crate) title: String,
    pub(crate) name: String,
    pub(crate) school: String,
    pub(crate) district: String,
}

impl Fields {
    /// The page that greets somebody new.
    pub(crate) fn hello(&self) -> SafePath {
        SafePath::new("/hello").unwrap_or_default()
    }

    /// The page of one's own account.
    pub(crate) fn account(&self) -> SafePath {
        SafePath::new("/account").unwrap_or_default()
    }

    /// The account whose address and password the form brings, counted against guessing.
    pub(crate) async fn proves(
        &self,
        site: &Site,
        user: &UserId,
    ) -> Result<Result<AccountId, Wrong>, Response> {
        let keys = [self.email.as_str(), user.as_str()];
        let may = site.accounts.may_try(&keys).await;
        if !may.map_err(|error| site.login.failed(&error))? {
            return Ok(Err(Wrong::TooOften));
        }
        let found = site.members.check(&self.email, &self.password).await;
        let Some(account) = found.map_err(|error| site.login.failed(&error))? else {
            return Ok(Err(Wrong::Password));
        };
        let forgotten = site.accounts.forget_tries(&keys).await;
        forgotten.map_err(|error| site.login.failed(&error))?;
        Ok(Ok(account))
    }

    /// Refuses a form that another site, or a page of an older session, has sent.
    #[expect(clippy::result_large_err, reason = "the error is the answer to send")]
    fn check(&self, token: &FormToken) -> Result<(), Response> {
        if token.matches(&self.form) {
            return Ok(());
        }
        let text = "This page is out of date. Nothing was changed: open it again.";
        let page = pages::said(text, "/", "Go on");
        Err((StatusCode::FORBIDDEN, page).into_response())
    }
}

/// A form that somebody who is signed in has sent from one of our pages.
pub(crate) struct Sent {
    pub(crate) me: SignedIn,
    pub(crate) form: Fields,
    pub(crate) headers: HeaderMap,
}

impl FromRequest<Site> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let CurrentUser(me) = Me::from_request_parts(&mut parts, site).await?;
        let headers = parts.headers.clone();
        let request = Request::from_parts(parts, body);
        let form = Form::<Fields>::from_request(request, site).await;
        let Form(form) = form.map_err(IntoResponse::into_response)?;
        form.check(&me.form)?;
        Ok(Self { me, form, headers })
    }
}

/// Somebody who is asked which account is theirs, with what the page or its forms brought.
pub(crate) struct Asking {
    pub(crate) asked: Asked,
    /// The page that the person wanted.
    pub(crate) to: SafePath,
    pub(crate) form: Fields,
    pub(crate) headers: HeaderMap,
}

impl Asking {
    /// Lets a form pass that one of our pages has sent.
    #[expect(clippy::result_large_err, reason = "the error is the answer to send")]
    pub(crate) fn checked(self) -> Result<Self, Response> {
        self.form.check(&self.asked.form)?;
        Ok(self)
    }
}

impl FromRequest<Site> for Asking {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let form = if request.method() == Method::POST {
            let form = Form::<Fields>::from_request(request, site).await;
            form.map_err(IntoResponse::into_response)?.0
        } else {
            let query = Query::<Fields>::try_from_uri(request.uri());
            query.map_err(IntoResponse::into_response)?.0
        };
        let to = SafePath::new(&form.return_to).unwrap_or_default();
        let asked = site.accounts.asked(&site.login, &headers, &to).await?;
        Ok(Self {
            asked,
            to,
            form,
            headers,
        })
    }
}
