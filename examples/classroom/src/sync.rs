//! The background sync: rosters of all connected districts, at the start and every few minutes, and accounts that
//! follow them.

use std::thread;
use std::time::Duration;

use clever_auth::{App, DistrictAppToken};
use clever_client::{ClientOptions, District, LoginService};
use clever_model::{Clock as _, DistrictId, SystemClock};
use clever_provision::Policy;
use clever_provision::roster::{follow, random_id};
use clever_sql::Address;
use clever_sync::{AnyStore, Open, SyncOptions, SyncPolicy, sync};
use clever_web::AccountPool;
use tracing::{info, warn};

/// What sign-ins and the roster may decide alike. A student whom Clever gave another id keeps the account.
pub(crate) fn policy() -> Policy {
    Policy {
        id_change_auto: true,
        ..Policy::default()
    }
}

/// Where districts' tokens come from.
#[derive(Clone)]
pub(crate) enum Tokens {
    /// The emulator's own district.
    Own(DistrictAppToken),
    /// The districts that have connected the app.
    App(Box<LoginService>, Box<App>),
}

impl Tokens {
    /// One of the districts, to be read with its token of now.
    pub(crate) async fn district(
        &self,
        options: &ClientOptions,
        district: &DistrictId,
    ) -> anyhow::Result<District> {
        let options = options.clone();
        Ok(match self {
            Self::Own(token) => District::new(options, token.clone())?,
            Self::App(service, app) => {
                let (service, app) = (service.as_ref().clone(), app.as_ref().clone());
                District::connect(options, service, app, district.clone()).await?
            }
        })
    }

    async fn now(&self) -> anyhow::Result<Vec<DistrictAppToken>> {
        match self {
            Self::Own(token) => Ok(vec![token.clone()]),
            Self::App(service, app) => {
                let grants = service.district_grants(app, None).await?;
                Ok(grants.into_iter().map(|grant| grant.token).collect())
            }
        }
    }
}

/// Syncs for as long as the process lives, on a thread of its own: reading a large roster holds up no page.
///
/// The tables of the roster are made before it returns, so that pages find them.
pub(crate) async fn run(
    roster: Address,
    options: ClientOptions,
    tokens: Tokens,
    accounts: AccountPool,
    pause: Duration,
) -> anyhow::Result<()> {
    drop(AnyStore::open(&roster, Open::Create).await?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let name = thread::Builder::new().name("sync".to_owned());
    name.spawn(move || {
        runtime.block_on(async {
            loop {
                if let Err(error) = once(&roster, &options, &tokens, &accounts).await {
                    let error = format!("{error:#}");
                    warn!(error, "the roster could not be synced");
                }
                tokio::time::sleep(pause).await;
            }
        });
    })?;
    Ok(())
}

async fn once(
    roster: &Address,
    options: &ClientOptions,
    tokens: &Tokens,
    accounts: &AccountPool,
) -> anyhow::Result<()> {
    let mut store = AnyStore::open(roster, Open::Create).await?;
    for token in tokens.now().await? {
        let district = District::new(options.clone(), token)?;
        let (policy, how) = (SyncPolicy::default(), SyncOptions::default());
        let report = sync(&district, &mut store, &policy, &how, &SystemClock, &()).await?;
        let held = report.holds.len();
        info!(held, "the roster is in step");
        follow_district(&mut store, accounts, &report.district_id.parse()?).await?;
    }
    Ok(())
}

/// Archives the accounts of leavers, restores those of people who are back. Accounts are made at the first sign-in.
async fn follow_district(
    roster: &mut AnyStore,
    accounts: &AccountPool,
    district: &DistrictId,
) -> anyhow::Result<()> {
    let (policy, now) = (policy(), SystemClock.now());
    let mut accounts = accounts.get().await?;
    let done = follow(
        roster,
        &mut accounts,
        district,
        &policy,
        &mut random_id,
        now,
    )
    .await?;
    info!(
        done.archived,
        done.restored, done.reviews, "the accounts follow the roster"
    );
    Ok(())
}
