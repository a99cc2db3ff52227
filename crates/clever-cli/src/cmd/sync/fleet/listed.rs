//! Which districts the credentials open.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clever_auth::credential::Secret;
use clever_client::{District, LoginService};

use crate::access::{Way, no_redirect};
use crate::cmd::sync::args::SyncArgs;
use crate::diagnostics::Usage;

/// A district, and how it is opened.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) credential: String,
    pub(super) way: Way,
}

/// The credentials that are meant: those named, else all that are kept.
pub(super) fn credentials(args: &SyncArgs) -> Result<Vec<(String, Secret)>> {
    let kept = args.app.vault.read()?;
    let names = args.app.names();
    let mut all = Vec::new();
    if names.is_empty() {
        all.extend(
            kept.iter()
                .map(|(name, one)| (name.to_owned(), one.secret.clone())),
        );
    }
    for name in names {
        all.push((
            name.clone(),
            crate::access::kept(&args.app.vault, name)?.secret,
        ));
    }
    if all.is_empty() {
        return Err(Usage::new("--all needs a credential, and none is kept")
            .hint("keep one with `cleverctl credential add NAME`")
            .into());
    }
    Ok(all)
}

/// The districts that a credential opens.
pub(super) async fn districts(
    args: &SyncArgs,
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
            let app = args
                .app
                .made(&args.service, &no_redirect()?, &client_id, client_secret)?;
            let login = LoginService::new(args.service.options())?;
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
            let opened = District::new(args.service.options(), token.clone())?;
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
