//! A district of the emulator, its roster in a store, and accounts that follow it.

use clever_auth::seal::{KeyId, SealingKeys};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::ManualClock;
use clever_model::{DistrictId, RecordKind, Timestamp, UserId};
use clever_raw::page::RawPage;
use clever_sql::Address;
use clever_sync::{
    AnyStore, Change, ChangeFilter, ChangeLog, End, Open, RosterSource, SyncOptions, SyncPolicy,
    SyncReport, sync,
};
use futures_core::Stream;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::directory::AccountId;
use crate::policy::Policy;
use crate::record::RecordSource;
use crate::roster::{FollowError, Followed, follow};
use crate::store::{AccountStore, Refusal};
use crate::subject::Person;
use crate::tests::store::database;

/// The emulator's world as a roster, read without a socket.
struct Served<'a>(&'a Emulator);

#[derive(Debug, thiserror::Error)]
#[error("the world does not answer")]
struct Silent;

impl Served<'_> {
    fn page(&self, path: &str) -> Result<RawPage, Silent> {
        let path = format!("/v3.1/{path}");
        let (status, body) = self.0.answer(&path, "limit=10000&count=true");
        if status != 200 {
            return Err(Silent);
        }
        RawPage::split(body.into()).map_err(|_| Silent)
    }
}

impl RosterSource for Served<'_> {
    type Error = Silent;

    async fn district(&self) -> Result<RawPage, Silent> {
        self.page("districts")
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Silent>> {
        futures_util::stream::iter([self.page(kind.as_str())])
    }

    async fn end(&self, kind: RecordKind) -> Result<End, Silent> {
        let last = self
            .0
            .with_world(|world| world.list(kind).keys().next_back());
        Ok(last.map_or(End::Empty, End::At))
    }
}

/// A feed that breaks off after so many readings.
struct Breaking<'a> {
    log: &'a mut AnyStore,
    left: u32,
}

impl ChangeLog for Breaking<'_> {
    async fn changes(
        &mut self,
        district: &str,
        filter: &ChangeFilter,
    ) -> Result<Vec<Change>, clever_sync::StoreError> {
        if self.left == 0 {
            return Err(clever_sync::StoreError::from(
                clever_sql::DatabaseError::OddRow { column: 0 },
            ));
        }
        self.left -= 1;
        self.log.changes(district, filter).await
    }

    async fn position(&mut self, _: &str, _: &str) -> Result<u64, clever_sync::StoreError> {
        Ok(0)
    }

    async fn acknowledge(
        &mut self,
        _: &str,
        _: &str,
        _: u64,
        _: Timestamp,
    ) -> Result<(), clever_sync::StoreError> {
        Ok(())
    }
}

/// A district and its accounts.
pub(super) struct Ground {
    pub(super) emulator: Emulator,
    pub(super) accounts: AccountStore,
    pub(super) district: DistrictId,
    pub(super) policy: Policy,
    roster: AnyStore,
    made: u32,
    _folder: TempDir,
}

/// One ground for each database.
pub(super) async fn grounds(name: &str, seed: u64, students: u32) -> Vec<Ground> {
    let mut all = Vec::new();
    let folder = TempDir::new().unwrap();
    let path = |file: &str| format!("sqlite:{}", folder.path().join(file).display());
    let mut addresses = vec![(path("roster.db"), path("accounts.db"))];
    match database(name).await {
        Some(address) => addresses.push((address.clone(), address)),
        None => eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server"),
    }
    for (roster, accounts) in addresses {
        let config = EmulatorConfig {
            world: WorldSource::Generated { seed, students },
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let district = emulator.with_world(|world| world.district_id().to_owned());
        let roster = Address::parse(&roster).unwrap();
        let keys = SealingKeys::new(KeyId(1), &[7; 32]);
        all.push(Ground {
            emulator,
            accounts: AccountStore::open(&accounts, keys).await.unwrap(),
            district: DistrictId::new(district).unwrap(),
            policy: Policy {
                create_at_sync: true,
                id_change_auto: true,
                ..Policy::default()
            },
            roster: AnyStore::open(&roster, Open::Create).await.unwrap(),
            made: 0,
            _folder: TempDir::new().unwrap(),
        });
    }
    all[0]._folder = folder;
    all
}

impl Ground {
    pub(super) fn now(&self) -> Timestamp {
        self.emulator.with_world(|world| world.now())
    }

    /// Syncs the roster; what is held stays held, unless it is approved.
    pub(super) async fn sync(&mut self, approve: bool) -> SyncReport {
        let clock = ManualClock::at(self.now());
        let mut options = SyncOptions::default();
        let report = self.sync_with(&options, &clock).await;
        if report.holds.is_empty() || !approve {
            return report;
        }
        options.approve = Some(report.plan_hash);
        self.sync_with(&options, &clock).await
    }

    async fn sync_with(&mut self, options: &SyncOptions, clock: &ManualClock) -> SyncReport {
        let (served, policy) = (Served(&self.emulator), SyncPolicy::default());
        let done = sync(&served, &mut self.roster, &policy, options, clock, &());
        done.await.unwrap()
    }

    /// Follows the roster to its end.
    pub(super) async fn follow(&mut self) -> Followed {
        self.follow_until(u32::MAX, u32::MAX).await.unwrap()
    }

    /// Follows the roster until so many readings of the feed, or so many new accounts: then the program dies.
    pub(super) async fn follow_until(
        &mut self,
        readings: u32,
        accounts: u32,
    ) -> Result<Followed, FollowError> {
        let now = self.now();
        let mut log = Breaking {
            log: &mut self.roster,
            left: readings,
        };
        let (made, mut left) = (&mut self.made, accounts);
        let mut new_id = || {
            left = left.checked_sub(1).ok_or(Refusal::NoNewId)?;
            *made += 1;
            Ok(AccountId::new(format!("account {made}")))
        };
        let accounts = &mut self.accounts;
        follow(
            &mut log,
            accounts,
            &self.district,
            &self.policy,
            &mut new_id,
            now,
        )
        .await
    }

    pub(super) async fn sync_and_follow(&mut self) -> Followed {
        drop(self.sync(true).await);
        self.follow().await
    }

    pub(super) fn record(&self, id: &UserId) -> Option<Value> {
        self.emulator
            .with_world(|world| world.value(RecordKind::Users, id.as_str()))
    }

    pub(super) fn person(&self, id: &UserId) -> Person {
        let record = self.record(id).unwrap();
        Person::from_record(&record, &RecordSource::default())
            .unwrap()
            .person
    }

    pub(super) fn put(&self, id: &str, record: &Value) {
        self.emulator
            .with_world(|world| world.put(RecordKind::Users, id, record.to_string()));
    }

    pub(super) fn remove(&self, id: &str) {
        self.emulator
            .with_world(|world| world.remove(RecordKind::Users, id));
    }

    /// Puts a student into the world who is in no section.
    pub(super) fn student(&self, id: &str, name: (&str, &str), born: &str, sis: &str) -> UserId {
        let record = json!({
            "id": id, "district": self.district, "name": { "first": name.0, "last": name.1 },
            "roles": { "student": { "sis_id": sis, "student_number": sis, "dob": born, "grade": "4" } },
        });
        self.put(id, &record);
        UserId::new(id).unwrap()
    }

    pub(super) async fn account_of(&mut self, id: &UserId) -> Option<AccountId> {
        self.accounts.opened_by(id).await.unwrap()
    }
}
