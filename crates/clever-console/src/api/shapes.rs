//! What the API gives, where the types of the other crates are not it. Values of people are masked here.

use std::collections::BTreeMap;

use clever_model::schema::Instant;
use clever_model::{RecordKind, Timestamp};
use clever_provision::merge::MergePlan;
use clever_provision::roster::ForgottenAccounts;
use clever_provision::store::Review;
use clever_provision::{Account, AccountId, AccountState, Custody, LiveLink};
use clever_sync::details::FieldOrigin;
use clever_sync::erase::Forgotten;
use clever_sync::look::{
    Approval, ChangeLine, ChangePage, Consumer, Judged, Paused, PlaceLine, RunLine, Size,
};
use clever_sync::store::Op;
use clever_sync::words::{NeverSynced, Standing, noticed};
use clever_sync::{Change, SyncReport};
use clever_web::Erased;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::acts::accounts::Known;
use crate::acts::holds::Held;
use crate::acts::records::{Found, fields, is_open};
use crate::acts::reviews::Waiting;
use crate::html::{names, shown};
use crate::looks::{Look, Seen};

/// The most steps of a record's history that are given, the newest.
const STEPS: usize = 100;

/// Why nothing was shown or done (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// The status in words.
    pub(super) title: String,
    /// The status.
    pub(super) status: u16,
    /// What is wrong, for a person.
    pub(super) detail: String,
    /// How it is now, if it has moved since it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) now: Option<Value>,
}

/// It is done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Done {
    /// Always true: what was not done is an error.
    pub(super) done: bool,
}

/// Whether a sync was started.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SyncStarted {
    /// False if one of this district runs already.
    pub(super) started: bool,
}

/// A dry run.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LookShown {
    /// When it began.
    #[schemars(with = "Instant")]
    began: Timestamp,
    /// Whether it goes on still.
    running: bool,
    /// What a sync would do; none while it goes on, and if it failed.
    report: Option<SyncReport>,
    /// Why it failed.
    failed: Option<String>,
}

impl LookShown {
    pub(super) fn of(look: &Look) -> Self {
        let (report, failed) = match &look.ended {
            None => (None, None),
            Some(Seen::Report(report)) => (Some(SyncReport::clone(report)), None),
            Some(Seen::Failed(says)) => (None, Some(says.clone())),
        };
        Self {
            began: look.began,
            running: look.ended.is_none(),
            report,
            failed,
        }
    }
}

/// The pause of a district.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PauseShown {
    /// Who paused it, when and why; none if somebody has let it go on meanwhile.
    pub(super) paused: Option<Paused>,
}

/// How the districts stand.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Districts {
    /// Those of which the store has a run.
    pub(super) districts: Vec<Standing>,
    /// Those that were tried and never synced.
    pub(super) never_synced: Vec<NeverSynced>,
}

/// A page of runs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Runs {
    /// The runs, newest first.
    pub(super) runs: Vec<RunLine>,
    /// The run before which the next page begins; none for the last page.
    pub(super) next: Option<u64>,
}

/// The readers of a feed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Consumers {
    /// The readers, by name.
    pub(super) consumers: Vec<Consumer>,
    /// The number of the last change.
    pub(super) changes: u64,
}

/// How large a district was.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sizes {
    /// Each day of the last ninety that had a run, oldest first.
    pub(super) sizes: Vec<Size>,
}

/// What is held.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HoldShown {
    /// What is held; none if nothing is.
    pub(super) held: Option<HeldShown>,
    /// What people did in the district lately.
    pub(super) deeds: Vec<Judged>,
}

/// What a district's last run held.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HeldShown {
    /// What approves it.
    hash: String,
    /// How many records and places that is.
    count: u64,
    /// What each hold would do.
    holds: Vec<HoldLine>,
    /// Some of its records.
    samples: Vec<SampleShown>,
    /// Who approved it already.
    approval: Option<Approval>,
}

/// One hold.
#[derive(Debug, Serialize, JsonSchema)]
struct HoldLine {
    /// What it would do, with the names of schools.
    what: String,
    /// What the app's users would notice.
    noticed: String,
    /// Why it is held.
    cause: String,
    /// Since when.
    #[schemars(with = "Instant")]
    since: Timestamp,
}

/// One of the records that are held.
#[derive(Debug, Serialize, JsonSchema)]
struct SampleShown {
    /// The kind of record.
    kind: RecordKind,
    /// Its id.
    id: String,
    /// What would be done to it.
    op: String,
    /// What it is called; masked until it is revealed.
    name: String,
}

impl HoldShown {
    pub(super) fn of(held: Option<&Held>, deeds: Vec<Judged>, open: bool) -> Self {
        Self {
            held: held.map(|held| HeldShown::of(held, open)),
            deeds,
        }
    }
}

impl HeldShown {
    fn of(held: &Held, open: bool) -> Self {
        let all = held.standing.status.holds.iter().zip(held.lines());
        let samples = held.samples.iter().map(|(sample, record)| {
            let name = record.as_ref().map(names).unwrap_or_default();
            let is_open = open || is_open(sample.kind, "name");
            SampleShown {
                kind: sample.kind,
                id: sample.id.clone(),
                op: sample.op.clone(),
                name: shown(&name, is_open).into_owned(),
            }
        });
        Self {
            hash: held.hash.clone(),
            count: held.count,
            holds: all
                .map(|(one, what)| HoldLine {
                    what,
                    noticed: noticed(&one.hold),
                    cause: held.schools.named(&one.hold.cause.to_string()),
                    since: one.since,
                })
                .collect(),
            samples: samples.collect(),
            approval: held.approval.clone(),
        }
    }
}

/// One change, with its values masked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChangeShown {
    /// Its number.
    seq: u64,
    /// The run that made it.
    run: u64,
    /// The kind of record.
    kind: RecordKind,
    /// The record.
    id: String,
    /// What was done.
    op: Op,
    /// When it was written.
    #[schemars(with = "Instant")]
    at: Timestamp,
    /// The event that told it.
    event: Option<String>,
    /// The fields before, by their paths.
    before: BTreeMap<String, String>,
    /// The fields after.
    after: BTreeMap<String, String>,
}

impl ChangeShown {
    pub(super) fn of(change: Change) -> Self {
        let read = |json: Option<&str>| {
            let value: Option<Value> = json.and_then(|json| serde_json::from_str(json).ok());
            value
                .map(|value| masked(change.kind, &value, false))
                .unwrap_or_default()
        };
        Self {
            before: read(change.before.as_ref().map(|json| json.get())),
            after: read(change.after.as_ref().map(|json| json.get())),
            seq: change.seq,
            run: change.run,
            kind: change.kind,
            id: change.id,
            op: change.op,
            at: change.at,
            event: change.event,
        }
    }
}

/// A page of changes with what their records are called.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NamedChanges {
    /// The changes, newest first.
    changes: Vec<NamedChange>,
    /// The number before which the next page begins; none at the feed's beginning.
    next: Option<u64>,
}

/// One of them.
#[derive(Debug, Serialize, JsonSchema)]
struct NamedChange {
    /// What the record is called now; empty if it is not there any more.
    name: String,
    /// The change.
    #[serde(flatten)]
    change: ChangeLine,
}

impl NamedChanges {
    pub(super) fn of(page: ChangePage, names: Vec<String>) -> Self {
        let named = page.changes.into_iter().zip(names);
        Self {
            changes: named
                .map(|(change, name)| NamedChange {
                    name: shown(&name, true).into_owned(),
                    change,
                })
                .collect(),
            next: page.next,
        }
    }
}

fn masked(kind: RecordKind, value: &Value, open: bool) -> BTreeMap<String, String> {
    let fields = fields(value).into_iter();
    fields
        .map(|(path, value)| {
            let value = shown(&value, open || is_open(kind, &path)).into_owned();
            (path, value)
        })
        .collect()
}

/// A record.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RecordShown {
    /// The kind of record.
    kind: RecordKind,
    /// Its id.
    id: String,
    /// Its values by their paths, masked until they are revealed.
    fields: BTreeMap<String, String>,
    /// When it was first seen.
    #[schemars(with = "Instant")]
    first_seen_at: Timestamp,
    /// When it left the roster; none while it is there.
    #[schemars(with = "Option<Instant>")]
    archived_at: Option<Timestamp>,
    /// Its last changes, oldest first, without their values.
    history: Vec<(Op, FieldOrigin)>,
    /// Of a person: the sections.
    sections: Vec<PlaceLine>,
    /// Of a person: the app's account.
    account: Option<AccountId>,
}

impl RecordShown {
    pub(super) fn of(found: Found, open: bool) -> Self {
        let history = found.explained.history;
        let before = history.len().saturating_sub(STEPS);
        let sections = found.places.into_iter().map(|at| PlaceLine {
            name: at.name.map(|name| shown(&name, open).into_owned()),
            ..at
        });
        Self {
            fields: masked(found.kind, &found.value, open),
            kind: found.kind,
            id: found.id,
            first_seen_at: found.explained.first_seen_at,
            archived_at: found.explained.archived_at,
            history: history.into_iter().skip(before).collect(),
            sections: sections.collect(),
            account: found.account,
        }
    }
}

/// A page of questions.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Reviews {
    /// The questions, oldest first, with their records masked.
    reviews: Vec<Review>,
    /// How many wait, counted to a thousand.
    count: u64,
    /// The question behind which the next page begins; none for the last page.
    next: Option<u64>,
}

impl Reviews {
    pub(super) fn of(waiting: Waiting) -> Self {
        Self {
            reviews: waiting.reviews.into_iter().map(masked_review).collect(),
            count: waiting.count,
            next: waiting.next,
        }
    }
}

/// The same question with its records masked.
pub(super) fn masked_review(mut review: Review) -> Review {
    let mask = |values: &mut BTreeMap<String, String>| {
        for value in values.values_mut() {
            *value = shown(value, false).into_owned();
        }
    };
    if let Some(material) = &mut review.material {
        mask(&mut material.person);
        for beside in material.candidates.values_mut() {
            mask(&mut beside.account);
        }
    }
    review
}

/// An account.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AccountShown {
    /// Its id.
    id: AccountId,
    /// Raised at every change.
    version: u64,
    /// Who governs it.
    custody: Custody,
    /// Whether it may be entered.
    state: AccountState,
    /// Who opens it.
    links: Vec<LiveLink>,
    /// How many other ways in it has.
    other_ways_in: u64,
    /// When somebody last entered it.
    #[schemars(with = "Option<Instant>")]
    last_used: Option<Timestamp>,
}

impl From<Account> for AccountShown {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            version: account.version,
            custody: account.custody,
            state: account.state,
            links: account.links,
            other_ways_in: account.methods.len() as u64,
            last_used: account.last_used,
        }
    }
}

/// A page of accounts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Accounts {
    /// The accounts, by their ids.
    pub(super) accounts: Vec<AccountShown>,
    /// The account behind which the next page begins; none for the last page.
    pub(super) next: Option<String>,
}

/// An account with what is known about it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AccountKnown {
    /// The account.
    account: AccountShown,
    /// What is known of its holder, by field, masked until it is revealed.
    known: Vec<BTreeMap<String, String>>,
    /// What happened to it lately, oldest first.
    history: Vec<EventLine>,
    /// Whether more happened before that.
    is_more: bool,
    /// Its open sessions in the app, newest first.
    sessions: Vec<SessionLine>,
    /// The merges into it that are in force.
    merges: Vec<MergeLine>,
}

/// An event of the ledger.
#[derive(Debug, Serialize, JsonSchema)]
struct EventLine {
    /// Its place in the ledger.
    entry: u64,
    /// When it was written.
    #[schemars(with = "Instant")]
    at: Timestamp,
    /// Who did it.
    actor: String,
    /// What, in a sentence.
    event: String,
}

/// A session.
#[derive(Debug, Serialize, JsonSchema)]
struct SessionLine {
    /// When it began.
    #[schemars(with = "Instant")]
    began: Timestamp,
    /// When it is over by itself.
    #[schemars(with = "Instant")]
    expires: Timestamp,
}

/// How many there were.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Count {
    /// How many.
    pub(super) count: u64,
}

/// A merge that is in force.
#[derive(Debug, Serialize, JsonSchema)]
struct MergeLine {
    /// The merge.
    merge: u64,
    /// The account that is entered no longer.
    absorbed: AccountId,
}

impl AccountKnown {
    pub(super) fn of(all: Known, open: bool) -> Self {
        let facts = all.facts.iter().map(|facts| {
            let fields = facts.fields().into_iter();
            fields
                .map(|(name, value)| (name.to_string(), shown(&value, open).into_owned()))
                .collect()
        });
        let history = all.history.iter().map(|(entry, draft)| EventLine {
            entry: *entry,
            at: draft.at,
            actor: draft.actor.to_string(),
            event: draft.event.to_string(),
        });
        let merges = all.merges.iter().map(|(merge, absorbed)| MergeLine {
            merge: merge.0,
            absorbed: absorbed.clone(),
        });
        Self {
            known: facts.collect(),
            history: history.collect(),
            is_more: all.is_more,
            sessions: all
                .sessions
                .iter()
                .map(|one| SessionLine {
                    began: one.began,
                    expires: one.expires,
                })
                .collect(),
            merges: merges.collect(),
            account: all.account.into(),
        }
    }
}

/// What a merge does.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PlanShown {
    /// Whether it was done, or only looked at.
    done: bool,
    /// Which account stays.
    survivor: AccountId,
    /// Which is entered no longer.
    absorbed: AccountId,
    /// How many rows can't stand side by side.
    conflicts: u64,
    /// How many ways in nobody proved, and are closed until their holder proves them.
    quarantined: u64,
}

impl PlanShown {
    pub(super) fn of(plan: MergePlan, done: bool) -> Self {
        let quarantined = plan.quarantines.values().map(|all| all.len() as u64);
        Self {
            done,
            quarantined: quarantined.sum(),
            conflicts: plan.conflicts.len() as u64,
            survivor: plan.survivor,
            absorbed: plan.absorbed,
        }
    }
}

/// What was forgotten, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Forgot {
    /// Whether it was done, or only looked at.
    done: bool,
    /// In the store of rosters.
    roster: Option<Forgotten>,
    /// In the database of accounts.
    accounts: Option<ForgottenAccounts>,
    /// Sessions and what else sign-ins left.
    sessions: u64,
}

impl Forgot {
    pub(super) fn of(erased: Erased, done: bool) -> Self {
        Self {
            done,
            roster: erased.roster,
            accounts: erased.accounts,
            sessions: erased.sessions,
        }
    }
}

/// A page of deeds.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deeds {
    /// The deeds, newest first.
    pub(super) deeds: Vec<Judged>,
    /// The deed before which the next page begins; none for the last page.
    pub(super) next: Option<i64>,
}

/// Who asks.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Me {
    /// The name, as the audit keeps it.
    pub(super) name: String,
    /// The role.
    pub(super) role: String,
    /// The one district that may be seen; all of them, if there is none.
    pub(super) district: Option<String>,
}
