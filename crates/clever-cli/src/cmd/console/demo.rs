//! The ground of `console --demo`: made-up districts in which something is held, something failed and somebody must say
//! whose account it is. Everything is real but the people: the same syncs, over HTTP on loopback.

use std::io::Write as _;

use anyhow::{Context, Result};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness, random_text};
use clever_emulator::{Emulator, EmulatorConfig, Happening, WorldSource};
use clever_model::{Clock, DistrictId, RecordKind, SystemClock, Timestamp};
use clever_provision::person::RecordSource;
use clever_provision::roster::{follow, random_id};
use clever_provision::store::{AccountStore, Facts};
use clever_provision::{
    Account, AccountId, AccountState, Class, Custody, LoginMethod, Person, Policy,
};
use clever_sync::erase::NotesKey;
use clever_sync::{ChangeFilter, Open};
use tempfile::TempDir;

use crate::cmd::console::Syncs;
use crate::cmd::sync;
use crate::settings::{Places, StoreUrl};
use crate::ui::Ui;

/// Seeds of the districts: the one that turned its year over, the one that took a school away, the one that disconnected
/// the app, and the quiet one.
const SEEDS: [u64; 4] = [7, 11, 13, 17];
/// Students of each.
const STUDENTS: u32 = 240;
/// So many accounts are from before Clever.
const BEFORE: usize = 3;
/// So many tries of the district that disconnected fail.
const FAILED: usize = 3;

/// What the demo stands on.
pub(super) struct Ground {
    pub(super) store: StoreUrl,
    pub(super) accounts: String,
    pub(super) keys: SealingKeys,
    pub(super) notes_key: NotesKey,
    /// How to sync, as options of `cleverctl sync`.
    pub(super) sync: Vec<String>,
    _emulator: Emulator,
    _folder: TempDir,
}

impl Ground {
    /// Makes the districts, syncs them, and lets the trouble happen.
    pub(super) async fn make(ui: &Ui) -> Result<Self> {
        if ui.is_talkative() {
            ui.note("making four made-up districts, and some trouble in three of them …");
        }
        let folder = TempDir::with_prefix("clever-console-")?;
        let place = |file: &str| folder.path().join(file).display().to_string();
        let [first, more @ ..] = SEEDS.map(|seed| WorldSource::Generated {
            seed,
            students: STUDENTS,
        });
        let config = EmulatorConfig {
            world: first,
            more_districts: more.into(),
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config)
            .await
            .context("could not start the emulator")?;
        let secret = place("secret");
        clever_files::write_whole(secret.as_ref(), |file| {
            file.write_all(emulator.client_secret().as_bytes())
        })?;
        let options = [
            "--api-url",
            emulator.base_url().as_str(),
            "--client-id",
            emulator.client_id(),
            "--client-secret-file",
            &secret,
        ];
        let ground = Self {
            store: format!("sqlite:{}", place("roster.db")).parse()?,
            accounts: format!("sqlite:{}", place("accounts.db")),
            keys: SealingKeys::from_text(KeyId(1), &random_text(&SystemRandomness)?)?,
            notes_key: NotesKey::from_secret(random_text(&SystemRandomness)?.as_bytes()),
            sync: options.map(str::to_owned).into(),
            _emulator: emulator,
            _folder: folder,
        };
        ground.live(ui).await?;
        Ok(ground)
    }

    async fn live(&self, ui: &Ui) -> Result<()> {
        let emulator = &self._emulator;
        let districts: Vec<String> = emulator.districts().into_iter().map(|one| one.id).collect();
        for district in &districts {
            self.sync(district, ui).await?;
        }
        if let Some(quiet) = districts.last() {
            self.questions(quiet).await?;
        }
        emulator.advance_days(1);
        let trouble = [
            Happening::Rollover,
            Happening::UnshareSchool,
            Happening::Disconnect,
        ];
        for (district, happening) in districts.iter().zip(trouble) {
            emulator.happen_to(district, happening);
        }
        for district in &districts {
            let disconnected = emulator
                .districts()
                .iter()
                .any(|one| one.id == *district && one.token.is_none());
            for _ in 0..if disconnected { FAILED } else { 1 } {
                // What fails is what the demo shows.
                let ended = self.sync(district, ui).await;
                if !disconnected {
                    ended?;
                }
            }
        }
        Ok(())
    }

    async fn sync(&self, district: &str, ui: &Ui) -> Result<()> {
        let args = Syncs::new(Places::One(self.store.clone()), self.sync.clone(), ui)?
            .args(Some(district))?;
        let ui = ui.in_the_background();
        let runtime = tokio::runtime::Handle::current();
        let ran = tokio::task::spawn_blocking(move || runtime.block_on(sync::run(args, &ui)));
        ran.await?.map(drop)
    }

    /// Takes over some accounts from before, whose people the roster has: somebody must say whose they are.
    async fn questions(&self, district: &str) -> Result<()> {
        let now = SystemClock.now();
        let district = DistrictId::new(district)?;
        let mut roster = clever_sync::AnyStore::open(self.store.address(), Open::Existing).await?;
        let mut accounts = AccountStore::open(&self.accounts, self.keys.clone()).await?;
        let filter = ChangeFilter {
            kind: Some(RecordKind::Users),
            limit: 200,
            ..ChangeFilter::default()
        };
        let mut before = Vec::new();
        for change in roster.changes(district.as_str(), &filter).await? {
            let record = change
                .after
                .and_then(|json| serde_json::from_str(json.get()).ok());
            let Some(read) = record.and_then(|record: serde_json::Value| {
                Person::from_record(&record, &RecordSource::default()).ok()
            }) else {
                continue;
            };
            let is_student = read.person.roles.contains(&clever_model::Role::Student);
            if is_student && before.len() < BEFORE {
                let id = format!("before-{}", before.len() + 1);
                before.push((account(&id, &district, now), Facts::from(&read.person)));
            }
        }
        accounts.import_known(&before, now).await?;
        let policy = Policy {
            create_at_sync: true,
            ..Policy::default()
        };
        follow(
            &mut roster,
            &mut accounts,
            &district,
            &policy,
            &mut random_id,
            now,
        )
        .await?;
        Ok(())
    }
}

fn account(id: &str, district: &DistrictId, now: Timestamp) -> Account {
    Account {
        id: AccountId::new(id),
        version: 1,
        custody: Custody::Managed {
            by: district.clone(),
        },
        class: Class::Student,
        state: AccountState::Active,
        links: Vec::new(),
        methods: vec![LoginMethod {
            id: "password".into(),
            proven_at: None,
        }],
        last_used: Some(now),
    }
}
