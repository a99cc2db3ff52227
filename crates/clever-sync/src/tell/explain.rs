//! Why a record is as it is: which run, and which event or snapshot, gave each field its value.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};
use clever_raw::tree::Tree;
use serde::Serialize;

use crate::learn::canonical::{canonical, changed_paths};
use crate::learn::reading;
use crate::report::RunPath;
use crate::store::changes::{Change, ChangeFilter};
use crate::store::sql::{RosterDb, SqlStore};
use crate::store::{Op, StoreError};

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldOrigin {
    /// The change in the feed.
    pub seq: u64,
    /// Its run.
    pub run: u64,
    /// How the run learnt it; none where the run itself is gone.
    pub path: Option<RunPath>,
    /// The event that told it, if one did.
    pub event: Option<String>,
    /// When it was written.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub at: Timestamp,
}

/// What a record is, and since when it says what it says.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explanation {
    /// The kind of record.
    pub kind: RecordKind,
    /// The record.
    pub id: String,
    /// When it was first seen.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub first_seen_at: Timestamp,
    /// When it was archived; none while it is active.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub archived_at: Option<Timestamp>,
    /// The last change of each field, by its path; fields that went are named too.
    pub fields: BTreeMap<String, FieldOrigin>,
    /// Every change, oldest first, without its values.
    pub history: Vec<(Op, FieldOrigin)>,
}

/// Explains the records of a district that have this id: of several kinds, at most one each.
///
/// # Errors
///
/// [`StoreError`] when the store can't be read.
pub async fn explain<B: RosterDb>(
    store: &mut SqlStore<B>,
    district_id: &str,
    id: &str,
) -> Result<Vec<Explanation>, StoreError> {
    let mut all = Vec::new();
    // Most changes of a record are of few runs.
    let mut paths = BTreeMap::new();
    for kind in RecordKind::ALL {
        let Some((first_seen_at, archived_at)) = store.seen(district_id, kind, id).await? else {
            continue;
        };
        let mut explanation = Explanation {
            kind,
            id: id.to_owned(),
            first_seen_at,
            archived_at,
            fields: BTreeMap::new(),
            history: Vec::new(),
        };
        let mut filter = ChangeFilter {
            kind: Some(kind),
            id: Some(id.to_owned()),
            limit: 200,
            ..ChangeFilter::default()
        };
        loop {
            let changes = store.changes(district_id, &filter).await?;
            let Some(last) = changes.last() else { break };
            filter.after = last.seq;
            for change in &changes {
                let path = match paths.get(&change.run) {
                    Some(path) => *path,
                    None => store.run_path(district_id, change.run).await?,
                };
                paths.insert(change.run, path);
                explanation.take(change, path);
            }
        }
        all.push(explanation);
    }
    Ok(all)
}

impl Explanation {
    fn take(&mut self, change: &Change, path: Option<RunPath>) {
        let origin = FieldOrigin {
            seq: change.seq,
            run: change.run,
            path,
            event: change.event.clone(),
            at: change.at,
        };
        for field in fields(change) {
            self.fields.insert(field, origin.clone());
        }
        self.history.push((change.op, origin));
    }
}

/// The fields that a change set: all of a new record, those that differ of another.
fn fields(change: &Change) -> Vec<String> {
    let Some(after) = &change.after else {
        return Vec::new();
    };
    let before = change.before.as_ref().map(|before| before.get());
    let [before, after] = [before, Some(after.get())].map(|json| {
        let record = json.and_then(reading::tree);
        record.map_or(Tree::Null, |record| canonical(change.kind, record))
    });
    changed_paths(&before, &after)
}
