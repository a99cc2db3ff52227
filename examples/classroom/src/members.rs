//! The app's own rows: who its members are, their passwords from before Clever, and their worksheets.

use std::fmt::Write as _;
use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use clever_auth::seal::{SystemRandomness, random_text};
use clever_model::{Clock, Role, SystemClock, Timestamp};
use clever_provision::person::{Prefill, Question};
use clever_provision::store::OwnedTable;
use clever_provision::{Account, AccountId, AccountState, Class, Custody, LoginMethod, SharedBy};
use clever_sql::{Backend, Connected, Open, Tables, Version, migrate};
use clever_web::{AccountPool, SignedIn, Visit, WebError};
use serde::{Deserialize, Serialize};

use crate::fresh::Fresh;

const TABLES: Tables = Tables {
    store: "classroom",
    versions: &[Version::both(include_str!("schema.sql"))],
};

/// The way into an account from before, as the account store names it.
const PASSWORD: &str = "password";

/// The members. Clones share everything.
#[derive(Clone)]
pub(crate) struct Members {
    pool: AccountPool,
    owned: Arc<[OwnedTable]>,
    /// Checked where there is no account, so that the time tells nobody which addresses have one.
    nobody: Arc<str>,
    fresh: Fresh,
}

/// A field of a profile, and where it came from.
#[derive(Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) editable: bool,
}

/// What the app knows of a member.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Profile {
    /// From Clever; written again at each sign-in.
    pub(crate) fields: Vec<Field>,
    /// What may be asked, in the names of the forms' fields.
    pub(crate) questions: Vec<String>,
    /// What the member has answered.
    pub(crate) name: String,
    pub(crate) school: String,
    pub(crate) district: String,
    pub(crate) email: String,
}

/// A member, and whether the member was greeted.
pub(crate) struct Member {
    pub(crate) profile: Profile,
    pub(crate) greeted: bool,
}

fn read(text: &str) -> Result<Profile, WebError> {
    serde_json::from_str(text).map_err(|_| WebError::Content("a profile"))
}

fn write(profile: &Profile) -> Result<String, WebError> {
    serde_json::to_string(profile).map_err(|_| WebError::Content("a profile"))
}

impl Members {
    /// Makes the tables if there are none.
    pub(crate) async fn open(pool: AccountPool, fresh: Fresh) -> anyhow::Result<Self> {
        migrate(pool.get().await?.db(), &TABLES, Open::Create).await?;
        Ok(Self {
            pool,
            owned: Arc::new([OwnedTable::new("works")]),
            nobody: hashed(&random_text(&SystemRandomness)?)?.into(),
            fresh,
        })
    }

    /// The tables whose rows follow a merge.
    pub(crate) fn owned(&self) -> &[OwnedTable] {
        &self.owned
    }

    /// Writes what Clever says of somebody who has just entered.
    pub(crate) async fn fill(&self, visit: &Visit<'_>) -> Result<(), WebError> {
        let mut profile = match self.member(visit.account).await? {
            Some(member) => member.profile,
            None => Profile::default(),
        };
        profile.fields = visit.prefill().iter().map(field).collect();
        profile.questions = visit.questions().into_iter().map(question).collect();
        let sql = "INSERT INTO main.members (account, profile, greeted) VALUES (?1, ?2, 0)
                   ON CONFLICT (account) DO UPDATE SET profile = excluded.profile";
        let values = [visit.account.as_str().into(), write(&profile)?.into()];
        self.pool.get().await?.db().execute(sql, &values).await?;
        let user = &visit.person.id;
        match (visit.classes, visit.authority) {
            (Some(classes), _) => self.fresh.keep(user, classes, SystemClock.now()).await,
            (None, SharedBy::District(district)) if visit.person.roles.contains(&Role::Teacher) => {
                self.fresh.bring(district, user).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What reads a teacher's classes.
    pub(crate) fn fresh(&self) -> &Fresh {
        &self.fresh
    }

    /// What is known of a member.
    pub(crate) async fn member(&self, account: &AccountId) -> Result<Option<Member>, WebError> {
        let sql = "SELECT profile, greeted FROM main.members WHERE account = ?1";
        let mut store = self.pool.get().await?;
        let row = store.db().maybe(sql, &[account.as_str().into()]).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some(Member {
            profile: read(&row.text(0)?)?,
            greeted: row.int(1)? != 0,
        }))
    }

    /// Keeps what a member has answered at the first visit.
    pub(crate) async fn greet(
        &self,
        account: &AccountId,
        answers: impl FnOnce(&mut Profile),
    ) -> Result<(), WebError> {
        let Some(mut member) = self.member(account).await? else {
            return Ok(());
        };
        answers(&mut member.profile);
        let sql = "UPDATE main.members SET profile = ?2, greeted = 1 WHERE account = ?1";
        let values = [account.as_str().into(), write(&member.profile)?.into()];
        self.pool.get().await?.db().execute(sql, &values).await?;
        Ok(())
    }

    /// Makes an account from before Clever, if there is none with this address.
    pub(crate) async fn sign_up_once(&self, email: &str, password: &str) -> anyhow::Result<()> {
        let sql = "SELECT count(*) FROM main.members WHERE email = ?1";
        let there = self
            .pool
            .get()
            .await?
            .db()
            .one(sql, &[email.into()])
            .await?
            .int(0)?;
        if there > 0 {
            return Ok(());
        }
        let id = AccountId::new(random_text(&SystemRandomness)?);
        self.sign_up(&id, email, password, SystemClock.now()).await
    }

    /// Makes an account from before Clever: with a password, and two worksheets.
    async fn sign_up(
        &self,
        id: &AccountId,
        email: &str,
        password: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let account = Account {
            id: id.clone(),
            version: 0,
            custody: Custody::Personal,
            class: Class::Employee,
            state: AccountState::Active,
            links: Vec::new(),
            methods: vec![LoginMethod {
                id: PASSWORD.into(),
                // The holder has signed in with it: a link leaves it open.
                proven_at: Some(now),
            }],
            last_used: Some(now),
        };
        let mut store = self.pool.get().await?;
        store.import(&[account], now).await?;
        let sql = "INSERT INTO main.members (account, email, password, profile, greeted)
                   VALUES (?1, ?2, ?3, '{}', 1)";
        let values = [id.as_str().into(), email.into(), hashed(password)?.into()];
        store.db().execute(sql, &values).await?;
        drop(store);
        for title in ["Fractions with pizza", "The water cycle"] {
            self.add_work(id, None, title, now).await?;
        }
        Ok(())
    }

    /// The account that has this address and password, if its password is a way in still.
    pub(crate) async fn check(
        &self,
        email: &str,
        password: &str,
    ) -> Result<Option<AccountId>, WebError> {
        let sql = "SELECT account, password FROM main.members
                   WHERE email = ?1 AND password IS NOT NULL";
        let mut store = self.pool.get().await?;
        let email = email.trim().to_lowercase();
        let mut row = store.db().maybe(sql, &[email.into()]).await?;
        let (account, kept) = match &mut row {
            Some(row) => (Some(AccountId::new(row.text(0)?)), row.text(1)?),
            None => (None, self.nobody.to_string()),
        };
        let given = password.to_owned();
        // It takes a while, on purpose.
        let fits = tokio::task::spawn_blocking(move || verified(&kept, &given)).await;
        let Some(account) = account.filter(|_| fits.unwrap_or(false)) else {
            return Ok(None);
        };
        let known = store.account(&account).await?;
        let open = known.is_some_and(|one| {
            one.state != AccountState::Suspended
                && one.methods.iter().any(|method| &*method.id == PASSWORD)
        });
        Ok(open.then_some(account))
    }

    /// How accounts are shown to somebody who may not be their holder: `a…@school.example`.
    pub(crate) async fn masked(&self, accounts: &[AccountId]) -> Vec<String> {
        let mut shown = Vec::new();
        for account in accounts {
            let sql = "SELECT email FROM main.members WHERE account = ?1 AND email IS NOT NULL";
            let Ok(mut store) = self.pool.get().await else {
                continue;
            };
            let row = store.db().maybe(sql, &[account.as_str().into()]).await;
            let email = row.ok().flatten().and_then(|mut row| row.text(0).ok());
            if let Some((name, host)) = email.as_deref().and_then(|email| email.split_once('@')) {
                let start = name.chars().next().unwrap_or('…');
                shown.push(format!("{start}…@{host}"));
            }
        }
        shown
    }

    /// The titles of a member's worksheets.
    pub(crate) async fn works(&self, account: &AccountId) -> Result<Vec<String>, WebError> {
        let sql = "SELECT title FROM main.works WHERE owner = ?1 ORDER BY written_at, id";
        let mut store = self.pool.get().await?;
        let rows = store.db().query(sql, &[account.as_str().into()]).await?;
        let titles = rows.into_iter().map(|mut row| row.text(0));
        Ok(titles.collect::<Result<_, _>>()?)
    }

    /// Adds a worksheet, and notes which Clever identity wrote it: an undo of a merge sends it home by that.
    pub(crate) async fn add_work(
        &self,
        account: &AccountId,
        me: Option<&SignedIn>,
        title: &str,
        now: Timestamp,
    ) -> Result<(), WebError> {
        let sql = "INSERT INTO main.works (id, owner, origin, actor, written_at, title)
                   VALUES (?1, ?2, ?2, ?3, ?4, ?5)";
        let values = [
            random_text(&SystemRandomness)?.into(),
            account.as_str().into(),
            me.map(|me| me.user.as_str()).into(),
            now.to_string().into(),
            title.into(),
        ];
        self.pool.get().await?.db().execute(sql, &values).await?;
        Ok(())
    }
}

fn field(prefill: &Prefill) -> Field {
    Field {
        name: prefill.field.replace('_', " "),
        value: prefill.value.replace('_', " "),
        editable: prefill.editable,
    }
}

fn question(question: Question) -> String {
    let name = match question {
        Question::Email => "email",
        Question::School => "school",
        Question::District => "district",
        Question::DisplayName => "name",
    };
    name.to_owned()
}

fn hashed(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|_| anyhow::anyhow!("a password could not be hashed"))?;
    let mut text = String::new();
    write!(text, "{hash}")?;
    Ok(text)
}

fn verified(kept: &str, given: &str) -> bool {
    let kept = PasswordHash::new(kept);
    kept.is_ok_and(|kept| {
        Argon2::default()
            .verify_password(given.as_bytes(), &kept)
            .is_ok()
    })
}
