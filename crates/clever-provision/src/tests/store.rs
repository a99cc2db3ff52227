//! One suite for both databases: decisions, merges and undos with an app's rows, reviews, erasure, failures.
//!
//! PostgreSQL takes part where `CLEVER_TEST_POSTGRES` names a server, as `cargo xtask test` does.

mod kept;

use std::collections::{BTreeMap, BTreeSet};

use clever_auth::seal::{KeyId, SealingKeys};
use clever_model::{Role, Timestamp, UserId};
use clever_sql::{Address, Backend, Connected, Database, Open, Value};
use tempfile::TempDir;

use super::memory::MemoryAccounts;
use super::world::{account, account_id, ago, district, login, now, user};
use crate::directory::{
    Account, AccountId, AccountState, Candidate, Custody, LiveLink, LoginMethod,
};
use crate::evidence::Evidence;
use crate::ledger::{Actor, Draft, Event, Impossible, ProofClass};
use crate::merge::{Ground, Side, Undo, plan};
use crate::policy::Policy;
use crate::proof::{AccountProof, Proof};
use crate::store::{
    AccountStore, AccountsError, Answer, Applied, CandidateMaterial, Material, OwnedTable, Refusal,
};
use crate::subject::{Class, Person, SharedBy, Subject};
use crate::{Decision, decide};

const WORKS: &str = "CREATE TABLE works (id TEXT PRIMARY KEY, owner TEXT NOT NULL, origin TEXT NOT NULL, actor TEXT,
                     written_at TEXT NOT NULL, title TEXT)";

/// A store, and a way to look into its database beside it.
pub(super) struct Kept {
    pub(super) store: AccountStore,
    _folder: TempDir,
    file: Option<std::path::PathBuf>,
}

fn keys() -> SealingKeys {
    SealingKeys::new(KeyId(1), &[7; 32])
}

/// The address of an empty database in the server that the environment names; it may be one over TLS.
pub(super) async fn database(name: &str) -> Option<String> {
    let server = std::env::var("CLEVER_TEST_POSTGRES").ok()?;
    let mut admin = Database::open(&Address::parse(&server).unwrap(), Open::Existing)
        .await
        .unwrap();
    let database = format!("provision_{name}_{}", std::process::id());
    for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        admin.batch(&format!("{sql} {database}")).await.unwrap();
    }
    let (place, query) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = place.rsplit_once('/').unwrap();
    Some(format!("{host}/{database}?{query}"))
}

/// A value of a row, which its `Debug` does not show.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

/// An empty store in each database, with the app's table of works.
pub(super) async fn stores(name: &str) -> Vec<Kept> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("accounts.db");
    let mut addresses = vec![(format!("sqlite:{}", file.display()), Some(file))];
    if let Some(address) = database(name).await {
        addresses.push((address, None));
    }
    let mut all = Vec::new();
    for (address, file) in addresses {
        let mut store = AccountStore::open(&address, keys()).await.unwrap();
        store.db().batch(WORKS).await.unwrap();
        let _folder = TempDir::new().unwrap();
        all.push(Kept {
            store,
            _folder,
            file,
        });
    }
    // The file lives as long as its store.
    all[0]._folder = folder;
    all
}

fn later(seconds: i64) -> Timestamp {
    ago(-seconds)
}

/// An account that was used, opened by an identity of district 1.
pub(super) fn used(number: usize) -> Account {
    Account {
        custody: Custody::Managed { by: district(1) },
        links: vec![LiveLink {
            id: user(number),
            district: Some(district(1)),
            in_roster: true,
            by_admin: false,
        }],
        methods: vec![
            LoginMethod {
                id: "old".into(),
                proven_at: None,
            },
            LoginMethod {
                id: "password".into(),
                proven_at: Some(ago(50)),
            },
        ],
        last_used: Some(ago(100)),
        ..account(number, Class::Employee, Custody::Personal)
    }
}

/// A login of an employee of a district.
fn employee(id: usize, of: usize) -> Subject {
    Subject {
        id: user(id),
        authority: SharedBy::District(district(of)),
        ..login(Class::Employee, of)
    }
}

fn evidence(all: &[Evidence], number: usize) -> Vec<Candidate> {
    vec![Candidate {
        account: account_id(number),
        evidence: all.iter().copied().collect(),
    }]
}

impl Kept {
    /// Decides and applies, as an app does.
    async fn enter(
        &mut self,
        subject: &Subject,
        candidates: Vec<Candidate>,
        policy: &Policy,
        new: usize,
    ) -> (Decision, Applied) {
        let material = Material {
            person: BTreeMap::from([("name".to_owned(), "Ximena Zapata".to_owned())]),
            candidates: candidates
                .iter()
                .map(|one| {
                    let material = CandidateMaterial::default().with_evidence(&one.evidence);
                    (one.account.clone(), material)
                })
                .collect(),
        };
        let directory = self
            .store
            .directory(subject, &[], candidates)
            .await
            .unwrap();
        let decided = decide(subject, &[], &directory, policy, now());
        let applied = self
            .store
            .apply(
                subject,
                &decided,
                &[],
                Some(&account_id(new)),
                Some(&material),
                now(),
            )
            .await
            .unwrap();
        (decided.decision, applied)
    }

    async fn write(
        &mut self,
        key: &str,
        who: Option<usize>,
        owner: usize,
        title: &str,
        at: Timestamp,
    ) {
        let sql = "INSERT INTO works (id, owner, origin, actor, written_at, title) VALUES (?1, ?2, ?2, ?3, ?4, ?5)";
        let who = who.map(|who| user(who).to_string());
        let values = [
            key.into(),
            account_id(owner).as_str().to_owned().into(),
            who.into(),
            at.to_string().into(),
            title.into(),
        ];
        self.store.db().execute(sql, &values).await.unwrap();
    }

    async fn owners(&mut self) -> Vec<(String, String)> {
        let rows = self
            .store
            .db()
            .query("SELECT id, owner FROM works ORDER BY id", &[])
            .await
            .unwrap();
        rows.into_iter()
            .map(|mut row| (row.text(0).unwrap(), row.text(1).unwrap()))
            .collect()
    }

    /// All that the database holds, but for the way in which it is sealed.
    async fn dump(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for (table, columns) in [
            ("provision_ledger", "seq, entry, hash"),
            (
                "provision_accounts",
                "id, standing, version, last_used, district",
            ),
            ("provision_links", "user_id, account, alias, in_roster"),
            ("provision_methods", "account, id, proven_at"),
            ("provision_merges", "id, record, survivor, proof"),
            (
                "provision_reviews",
                "id, record, is_open, district, user_id, subject, expires, sealed",
            ),
            ("provision_declined", "pair, evidence"),
            ("provision_sharing", "user_id, shared_by"),
            ("provision_keys", "district, wrapped"),
            ("provision_fields", "merge_id, district, sealed"),
            ("provision_touched", "thing, seq"),
            ("works", "id, owner, origin, actor, written_at, title"),
        ] {
            let place = if table == "works" { "" } else { "main." };
            let sql = format!("SELECT {columns} FROM {place}{table} ORDER BY 1, 2");
            let rows = self.store.db().query(&sql, &[]).await.unwrap();
            let row = |row: &clever_sql::Row| row.0.iter().map(shown).collect::<Vec<_>>();
            all.extend(
                rows.iter()
                    .map(|one| format!("{table}: {}", row(one).join(", "))),
            );
        }
        all
    }
}

fn works() -> Vec<OwnedTable> {
    vec![OwnedTable::new("works").unique(&["title"])]
}

fn by_staff(at: Timestamp) -> Undo {
    Undo {
        actor: Actor::Staff("support".into()),
        proof: ProofClass::Staff,
        at,
    }
}

pub(super) fn lax() -> Policy {
    Policy {
        managed_auto: true,
        id_change_auto: true,
        ask_before_create: false,
        ..Policy::default()
    }
}

#[tokio::test]
async fn both_databases_decide_and_keep_what_the_accounts_in_memory_do() {
    for mut ground in stores("memory").await {
        let mut memory = MemoryAccounts::new([used(0), used(1)]);
        ground
            .store
            .import(&[used(0), used(1)], ago(10))
            .await
            .unwrap();
        let sis = [Evidence::ScopedSis, Evidence::NamesAgree];
        let arrivals = [
            (employee(0, 1), Vec::new()),
            (employee(5, 2), Vec::new()),
            (employee(5, 2), Vec::new()),
            (employee(6, 1), evidence(&sis, 1)),
            (employee(7, 1), evidence(&[Evidence::NamesAgree], 0)),
            (
                Subject {
                    id: user(8),
                    legacy_ids: [user(1)].into(),
                    ..employee(8, 1)
                },
                Vec::new(),
            ),
            (employee(8, 1), Vec::new()),
            (employee(0, 1), evidence(&sis, 1)),
        ];
        for (at, (subject, candidates)) in arrivals.into_iter().enumerate() {
            let directory = memory.directory(&subject, candidates.clone());
            let expected = decide(&subject, &[], &directory, &lax(), now());
            let new = account_id(20 + at);
            let into = memory.apply(&subject, &expected, &new, now());
            let (decision, applied) = ground.enter(&subject, candidates, &lax(), 20 + at).await;
            assert_eq!(decision, expected.decision, "{at}");
            if let Ok(into) = into {
                assert_eq!(applied, Applied::Account(into), "{at}");
            }
        }
        for (id, account) in memory.accounts() {
            let kept = ground.store.account(id).await.unwrap().unwrap();
            let links = |account: &Account| -> BTreeSet<UserId> {
                account.links.iter().map(|link| link.id.clone()).collect()
            };
            assert_eq!(
                (links(&kept), &kept.custody, &kept.methods),
                (links(account), &account.custody, &account.methods),
                "{id}"
            );
        }
        assert!(ground.store.verify().await.unwrap() > 8);
    }
}

#[tokio::test]
async fn a28_of_two_decisions_on_one_reading_the_second_is_stale_and_enters_when_made_again() {
    for mut ground in stores("race").await {
        let subject = employee(5, 2);
        let directory = ground
            .store
            .directory(&subject, &[], Vec::new())
            .await
            .unwrap();
        let decided = decide(&subject, &[], &directory, &lax(), now());
        let mut apply = async |new: usize| {
            ground
                .store
                .apply(&subject, &decided, &[], Some(&account_id(new)), None, now())
                .await
        };
        assert_eq!(apply(20).await.unwrap(), Applied::Account(account_id(20)));
        assert!(matches!(
            apply(21).await,
            Err(AccountsError::Refused(Refusal::Stale { .. }))
        ));
        let (decision, _) = ground.enter(&subject, Vec::new(), &lax(), 21).await;
        assert_eq!(
            decision,
            Decision::LogIn {
                account: account_id(20)
            }
        );
        // Somebody else's arrival in between makes nothing stale.
        let other = employee(9, 2);
        let directory = ground
            .store
            .directory(&other, &[], Vec::new())
            .await
            .unwrap();
        ground.enter(&employee(10, 2), Vec::new(), &lax(), 22).await;
        let decided = decide(&other, &[], &directory, &lax(), now());
        ground
            .store
            .apply(&other, &decided, &[], Some(&account_id(23)), None, now())
            .await
            .unwrap();
    }
}

/// Merges accounts 0 and 1 with the works of both.
async fn merge(ground: &mut Kept, at: Timestamp) -> Result<crate::ledger::MergeId, AccountsError> {
    let a = ground.store.account(&account_id(0)).await?.unwrap();
    let b = ground.store.account(&account_id(1)).await?.unwrap();
    let conflicts = ground.store.conflicts(&works(), &a.id, &b.id).await?;
    let proofs =
        [&a, &b].map(|one| Proof::Holder(AccountProof::after_reauthentication(one.id.clone(), at)));
    let side = |account, name: &str| Side {
        account,
        fields: BTreeMap::from([("display name".to_owned(), name.to_owned())]),
        rows: BTreeMap::new(),
    };
    let planned = plan(
        &side(&a, "Ms Zapata"),
        &side(&b, "X. Zapata"),
        Ground::Proofs(&proofs),
        &BTreeMap::new(),
        conflicts,
        at,
    )?;
    ground.store.merge(&planned, &works(), None, at).await
}

/// Two accounts of two districts, with works; two of them have one title.
async fn two_teachers(ground: &mut Kept) {
    let mut other = used(1);
    other.links[0].district = Some(district(2));
    other.custody = Custody::Managed { by: district(2) };
    other.last_used = Some(ago(500));
    ground
        .store
        .import(&[used(0), other], ago(1000))
        .await
        .unwrap();
    for (key, who, title) in [
        ("a", 0, "algebra"),
        ("b", 1, "biology"),
        ("c", 1, "algebra"),
    ] {
        ground.write(key, Some(who), who, title, ago(900)).await;
    }
}

#[tokio::test]
async fn a_merge_moves_the_apps_rows_and_an_undo_sends_them_home() {
    for mut ground in stores("merge").await {
        two_teachers(&mut ground).await;
        let before = ground.owners().await;
        let id = merge(&mut ground, now()).await.unwrap();
        let own = |all: &[(&str, usize)]| -> Vec<(String, String)> {
            all.iter()
                .map(|(key, of)| ((*key).to_owned(), account_id(*of).to_string()))
                .collect()
        };
        // What can't stand beside another stays until a person has decided.
        assert_eq!(ground.owners().await, own(&[("a", 0), ("b", 0), ("c", 1)]));
        assert_eq!(
            ground.store.opened_by(&user(1)).await.unwrap(),
            Some(account_id(0))
        );
        assert!(
            !ground
                .store
                .session_is_good(&account_id(0), ago(5))
                .await
                .unwrap()
        );
        let account = ground.store.account(&account_id(0)).await.unwrap().unwrap();
        assert!(account.methods.iter().all(|method| &*method.id != "old"));
        let fields = ground.store.merged_fields(id).await.unwrap().unwrap();
        assert!(fields["display name"].is_conflict());
        // Written since, by either and by nobody known.
        ground.write("d", Some(1), 0, "drama", later(60)).await;
        ground.write("e", Some(0), 0, "english", later(60)).await;
        ground.write("f", None, 0, "french", later(60)).await;
        let undone = ground
            .store
            .undo(id, &by_staff(later(3600)), &works())
            .await
            .unwrap();
        assert_eq!(
            undone
                .unattributed
                .iter()
                .map(|row| row.key.as_str())
                .collect::<Vec<_>>(),
            ["f"]
        );
        let mut expected = before;
        expected.extend(own(&[("d", 1), ("e", 0), ("f", 0)]));
        assert_eq!(ground.owners().await, expected);
        assert_eq!(
            ground.store.opened_by(&user(1)).await.unwrap(),
            Some(account_id(1))
        );
        let again = ground
            .store
            .undo(id, &by_staff(later(3700)), &works())
            .await
            .err();
        assert!(
            matches!(again, Some(AccountsError::Refused(Refusal::Undo(_)))),
            "{again:?}"
        );
        let redone = ground
            .store
            .redo(id, &by_staff(later(3800)), &works())
            .await
            .unwrap();
        assert_ne!(redone, id);
        assert_eq!(
            ground.store.opened_by(&user(1)).await.unwrap(),
            Some(account_id(0))
        );
        ground.store.verify().await.unwrap();
    }
}

#[tokio::test]
async fn whatever_table_fails_all_is_as_it_was() {
    let mut ground = stores("failing").await.remove(0);
    two_teachers(&mut ground).await;
    let tables = [
        "provision_ledger",
        "provision_accounts",
        "provision_links",
        "provision_merges",
        "provision_touched",
        "provision_fields",
        "provision_keys",
        "works",
    ];
    let mut failed = 0;
    for table in tables {
        for when in ["INSERT", "UPDATE"] {
            let before = ground.dump().await;
            let trigger = format!(
                "CREATE TRIGGER fail BEFORE {when} ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
            );
            ground.store.db().batch(&trigger).await.unwrap();
            let result = merge(&mut ground, now()).await;
            ground.store.db().batch("DROP TRIGGER fail").await.unwrap();
            match result {
                Err(_) => {
                    failed += 1;
                    assert_eq!(ground.dump().await, before, "{when} {table}");
                }
                // This statement is none of a merge's; take it back for the next.
                Ok(id) => drop(
                    ground
                        .store
                        .undo(id, &by_staff(later(10)), &works())
                        .await
                        .unwrap(),
                ),
            }
            ground.store.verify().await.unwrap();
        }
    }
    assert!(failed >= 6, "{failed}");
}

#[tokio::test]
async fn a_review_is_answered_remembered_and_forgotten() {
    for mut ground in stores("review").await {
        ground.store.import(&[used(0)], ago(1000)).await.unwrap();
        let student = |id: usize| Subject {
            id: user(id),
            ..login(Class::Student, 1)
        };
        let pupil = Account {
            class: Class::Student,
            ..used(3)
        };
        ground.store.import(&[pupil], ago(1000)).await.unwrap();
        let weak = [Evidence::NamesAgree];
        // Let in at once, and the candidate kept for who may decide.
        let (decision, applied) = ground
            .enter(&student(5), evidence(&weak, 3), &lax(), 30)
            .await;
        assert!(matches!(decision, Decision::Create { .. }));
        assert_eq!(applied, Applied::Account(account_id(30)));
        let open = ground.store.reviews().await.unwrap();
        assert_eq!(open.len(), 1);
        let review = &open[0];
        assert_eq!(
            (review.meanwhile.clone(), review.user.clone()),
            (Some(account_id(30)), user(5))
        );
        assert_eq!(
            review.material.as_ref().unwrap().person["name"],
            "Ximena Zapata"
        );
        assert!(review.candidates[&account_id(3)].cancel_pending);
        assert!(!format!("{review:?}").contains("Ximena"));
        // Two identities that one roster has are two people: no admin merges them by mistake.
        let refused = ground
            .store
            .approve(review.id, &account_id(3), "principal", &works(), now())
            .await
            .err();
        assert!(
            matches!(refused, Some(AccountsError::Refused(Refusal::Merge(_)))),
            "{refused:?}"
        );
        let nobody = ground
            .store
            .approve(review.id, &account_id(0), "principal", &works(), now())
            .await
            .err();
        assert!(matches!(
            nobody,
            Some(AccountsError::Refused(Refusal::Impossible(
                Impossible::NoCandidate { .. }
            )))
        ));
        // The old id has left the roster: now it is one person.
        ground
            .store
            .set_in_roster(&user(3), false, now())
            .await
            .unwrap();
        let answer = ground
            .store
            .approve(review.id, &account_id(3), "principal", &works(), now())
            .await
            .unwrap();
        assert!(matches!(answer, Answer::Merged(_)));
        let stands = ground.store.opened_by(&user(5)).await.unwrap().unwrap();
        assert_eq!(ground.store.opened_by(&user(3)).await.unwrap(), None);
        assert!([account_id(3), account_id(30)].contains(&stands));
        assert!(ground.store.reviews().await.unwrap().is_empty());
        // Declined: not asked again, until something else speaks for it.
        let pupil = Account {
            class: Class::Student,
            ..used(4)
        };
        ground.store.import(&[pupil], ago(1000)).await.unwrap();
        ground
            .enter(&student(6), evidence(&weak, 4), &lax(), 31)
            .await;
        let id = ground.store.reviews().await.unwrap()[0].id;
        ground.store.decline(id, "principal", now()).await.unwrap();
        let directory = ground
            .store
            .directory(&student(6), &[], evidence(&weak, 4))
            .await
            .unwrap();
        assert!(directory.candidates.is_empty());
        let more = ground
            .store
            .directory(
                &student(6),
                &[],
                evidence(&[Evidence::NamesAgree, Evidence::BirthAgrees], 4),
            )
            .await
            .unwrap();
        assert_eq!(more.candidates.len(), 1);
        let other = ground
            .store
            .directory(&student(7), &[], evidence(&weak, 4))
            .await
            .unwrap();
        assert_eq!(other.candidates.len(), 1);
        // Nobody answers: it ends by itself, and its records are gone.
        ground
            .enter(&student(7), evidence(&weak, 4), &lax(), 32)
            .await;
        assert_eq!(ground.store.expire(later(29 * 86_400)).await.unwrap(), 0);
        assert_eq!(ground.store.expire(later(31 * 86_400)).await.unwrap(), 1);
        assert!(ground.store.reviews().await.unwrap().is_empty());
        assert!(
            ground
                .dump()
                .await
                .iter()
                .filter(|row| row.starts_with("provision_reviews"))
                .all(|row| row.ends_with("Null"))
        );
        let closed = ground.store.decline(id, "principal", now()).await.err();
        assert!(matches!(
            closed,
            Some(AccountsError::Refused(Refusal::Impossible(
                Impossible::NoReview(_)
            )))
        ));
        ground.store.verify().await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_goes_to_the_account_that_the_named_one_was_merged_into() {
    for mut ground in stores("answer_merged").await {
        let one = Account {
            last_used: Some(ago(900)),
            ..used(0)
        };
        let mut other = used(1);
        other.links[0].district = Some(district(2));
        other.custody = Custody::Managed { by: district(2) };
        other.last_used = Some(ago(500));
        let all = [one, other];
        ground.store.import(&all, ago(1000)).await.unwrap();
        let newcomer = Subject {
            id: user(5),
            ..login(Class::Employee, 1).says_new()
        };
        let weak = [Evidence::NamesAgree];
        let (_, applied) = ground
            .enter(&newcomer, evidence(&weak, 0), &lax(), 30)
            .await;
        assert_eq!(applied, Applied::Account(account_id(30)));
        let review = ground.store.reviews().await.unwrap().remove(0);
        let (old, now) = (user(0), now());
        let left = ground.store.set_in_roster(&old, false, now);
        left.await.unwrap();
        merge(&mut ground, now).await.unwrap();
        let merged = ground.store.account(&account_id(0)).await.unwrap().unwrap();
        let into = account_id(1);
        assert_eq!(merged.state, AccountState::Merged { into: into.clone() });
        let answer = ground
            .store
            .approve(review.id, &account_id(0), "principal", &works(), now)
            .await;
        assert!(matches!(answer, Ok(Answer::Merged(_))), "{answer:?}");
        let opened = ground.store.opened_by(&user(5)).await.unwrap();
        let holder = ground.store.opened_by(&user(1)).await.unwrap();
        assert_eq!(opened, holder);
        ground.store.verify().await.unwrap();
    }
}
