//! The admin area: the toolkit's console, for the administrators of a district and about their district alone.

use anyhow::Result;
use axum::Router;
use axum::extract::{FromRequestParts as _, Request};
use axum::http::HeaderMap;
use clever_auth::seal::SealingKeys;
use clever_console::{Console, Gate, Options, Person, Role, Stores};
use clever_sql::Address;
use futures_util::future::BoxFuture;

use crate::pages::admin::{self, CONSOLE};
use crate::site::{Me, Site};

/// The app's own sessions open it.
struct Door(Site);

impl Gate for Door {
    fn who<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Option<Person>> {
        Box::pin(async move {
            let mut request = Request::new(());
            headers.clone_into(request.headers_mut());
            let (mut parts, ()) = request.into_parts();
            let me = Me::from_request_parts(&mut parts, &self.0).await.ok()?.0;
            let district = me.profile.district.clone().filter(|_| admin::may(&me))?;
            Some(Person {
                name: me.account.to_string(),
                role: Role::Operator,
                district: Some(district.to_string()),
            })
        })
    }
}

/// The console over the app's stores. The background sync honours what is approved in it.
pub(crate) fn router(
    site: &Site,
    url: &str,
    roster: Address,
    accounts: &str,
    keys: SealingKeys,
) -> Result<Router> {
    let owned = site.members.owned().to_vec();
    let stores = Stores::new(roster).with_accounts(accounts, keys, owned);
    let origin: url::Url = url.parse()?;
    let options = Options {
        gate: Some(std::sync::Arc::new(Door(site.clone()))),
        ..Options::at(&origin.origin().ascii_serialization(), CONSOLE)
    };
    Ok(Console::new(stores, options)?.router())
}
