//! Which districts the credentials open.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clever_auth::credential::Secret;
use clever_client::{District, LoginService};

use crate::access::{AppArgs, ServiceArgs, Way, no_redirect};
use crate::diagnostics::Usage;

/// A district, and how it is opened.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) credential: String,
    pub(crate) way: Way,
}

/// The credentials that are meant: those named, else all that are kept.
pub(crate) fn credentials(app: &AppArgs) -> Result<Vec<(String, Secret)>> {
    let kept = app.vault.read()?;
    let names = app.names();
    let mut all = Vec::new();
    if names.is_empty() {
        all.extend(
            kept.iter()
                .map(|(name, one)| (name.to_owned(), one.secret.clone())),
        );
    }
    for name in names {
        all.push((name.clone(), crate::access::kept(&app.vault, name)?.secret));
    }
    if all.is_empty() {
        return Err(Usage::new("no credential is kept")
            .hint("keep one with `cleverctl credential add NAME`")
            .into());
    }
    Ok(all)
}

/// The way into a district through the credential of this name, with what is kept of it now: whoever replaces a secret
/// mends the next run.
#[cfg(feature = "fleet")]
pub(crate) fn target(
    service: &ServiceArgs,
    app: &AppArgs,
    credential: &str,
    district: &str,
) -> Result<Target> {
    let way = match crate::access::kept(&app.vault, credential)?.secret {
        Secret::App {
            client_id,
            client_secret,
        } => {
            let app = app.made(service, &no_redirect()?, &client_id, client_secret)?;
            let login = LoginService::new(service.options())?;
            Way::App(Box::new((app, login)), district.parse()?)
        }
        Secret::DistrictApp { token, .. } => Way::Token(token),
    };
    Ok(Target {
        credential: credential.to_owned(),
        way,
    })
}

/// The districts that a credential opens.
pub(crate) async fn districts(
    service: &ServiceArgs,
    app: &AppArgs,
    name: &str,
    secret: Secret,
) -> Result<Vec<(String, Target)>> {
    let target = |way| Target {
        credential: name.to_owned(),
        way,
    };
    match secret {
        Secret::App {
            client_id,
            client_secret,
        } => {
            let app = app.made(service, &no_redirect()?, &client_id, client_secret)?;
            let login = LoginService::new(service.options())?;
            let grants = login
                .district_grants(&app, None)
                .await
                .context("could not list the districts")?;
            let mut found = BTreeMap::new();
            for grant in grants {
                let way = Way::App(
                    Box::new((app.clone(), login.clone())),
                    grant.district.clone(),
                );
                found.insert(grant.district.to_string(), target(way));
            }
            Ok(found.into_iter().collect())
        }
        Secret::DistrictApp { token, .. } => {
            let opened = District::new(service.options(), token.clone())?;
            let page = opened
                .district()
                .await
                .context("could not read the district")?;
            let records = page.records();
            Ok(records
                .map(|record| (record.id.to_owned(), target(Way::Token(token.clone()))))
                .collect())
        }
    }
}
