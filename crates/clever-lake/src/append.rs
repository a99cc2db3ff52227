//! From a store's feed to the table: in order, each change once.
//!
//! A commit has some thousands of changes and the number of the last one. Whoever is killed before it has left files that nothing
//! names; whoever is killed after it is seen to have done it. Of two who append the same, one's commit is refused, and it looks again.
//!
//! Decision: the lake is a reader of the feed like any other, so that `prune` keeps what it has not read; but only the table says
//! how far it is. What the store notes may lag behind.

use clever_model::{Clock, RecordKind};
use clever_sync::store::Op;
use clever_sync::{Change, ChangeFilter, ChangeLog, DatabaseError, StoreError};
use deltalake::kernel::{Action, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};

use crate::columns::{DISTRICT, Row, batch, signed};
use crate::table::{Lake, TableError, checked, cursor};

/// Changes read from the store at once.
const READ: u32 = 200;

/// So many changes in a commit are few commits, and little memory.
pub const PER_COMMIT: u64 = 50_000;

/// A commit ends when its changes have so many bytes of text, too.
const BYTES: usize = 64 << 20;

/// What is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendRequest {
    /// The district.
    pub district_id: String,
    /// The name under which the store knows the lake as a reader. Two lakes of one store have two names.
    pub consumer: String,
    /// Whether to begin with what the feed has left if its beginning was pruned, and not to refuse.
    pub pruned_is_fine: bool,
    /// After so many changes, or a few more, they are committed: usually [`PER_COMMIT`].
    pub per_commit: u64,
}

/// What was appended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// So many changes.
    pub changes: u64,
    /// The number of the last change that the table has.
    pub position: u64,
}

/// Why nothing more was appended. What was committed before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The feed lacks changes that the table has not.
    #[error(
        "the store no longer has changes {from} to {to} of district {district}, and the lake has not got them"
    )]
    Pruned {
        /// The district.
        district: String,
        /// The first one that is missing.
        from: u64,
        /// The last one that is missing.
        to: u64,
    },
    /// The table has changes that the store has not.
    #[error(
        "the lake has changes of district {district} up to {position}, and the store's feed ends before that"
    )]
    Ahead {
        /// The district.
        district: String,
        /// The last change that the table has.
        position: u64,
    },
    /// The change at which the table is, is another one in the store.
    #[error(
        "change {position} of district {district} is another one in the lake than in the store"
    )]
    OtherStore {
        /// The district.
        district: String,
        /// The last change that the table has.
        position: u64,
    },
    /// Others committed whenever this one was about to.
    #[error("others append to the lake all the time")]
    Raced,
    /// The table failed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The store failed.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
}

/// Appends what the table has not got of a district's feed. `goes_on` hears after each commit how many changes came in, and says
/// whether to continue.
///
/// # Errors
///
/// [`AppendError`]; each commit that was made before it stays.
pub async fn append<S: ChangeLog>(
    lake: &mut Lake,
    store: &mut S,
    request: &AppendRequest,
    clock: &dyn Clock,
    goes_on: &mut (dyn FnMut(u64) -> bool + Send),
) -> Result<Appended, AppendError> {
    let district = request.district_id.as_str();
    checked(district)?;
    lake.look().await?;
    let mut appended = Appended {
        changes: 0,
        position: lake.position(district).await?,
    };
    same_store(lake, store, district).await?;
    acknowledge(store, request, appended.position, clock).await?;
    let mut lost = 0;
    loop {
        match next(lake, store, request, appended.position).await? {
            Next::End => return Ok(appended),
            Next::Raced if lost == 20 => return Err(AppendError::Raced),
            // The other one may have appended the same, or something of another district.
            Next::Raced => lost += 1,
            Next::Committed(changes) => {
                lost = 0;
                appended.changes += changes;
                if !goes_on(changes) {
                    appended.position = lake.position(district).await?;
                    acknowledge(store, request, appended.position, clock).await?;
                    return Ok(appended);
                }
            }
        }
        appended.position = lake.position(district).await?;
        acknowledge(store, request, appended.position, clock).await?;
    }
}

/// What became of one commit.
enum Next {
    Committed(u64),
    Raced,
    End,
}

/// Reads some changes after `position` and commits them.
async fn next<S: ChangeLog>(
    lake: &mut Lake,
    store: &mut S,
    request: &AppendRequest,
    position: u64,
) -> Result<Next, AppendError> {
    let district = request.district_id.as_str();
    let mut writer = RecordBatchWriter::for_table(lake.table()).map_err(TableError::from)?;
    let schema = lake.schema()?;
    let (mut last, mut at, mut count, mut bytes) = (position, 0, 0, 0);
    while count < request.per_commit.max(1) && bytes < BYTES {
        let some = READ
            .min(u32::try_from(request.per_commit).unwrap_or(READ))
            .max(1);
        let changes = after(store, district, last, some).await?;
        let Some(first) = changes.first() else { break };
        let refused = !request.pruned_is_fine && !is_forgotten(first);
        if let Some((from, to)) = gap(last, &changes).filter(|_| refused) {
            let district = district.to_owned();
            return Err(AppendError::Pruned { district, from, to });
        }
        let rows: Vec<Row> = changes.iter().map(Row::of).collect();
        bytes += rows.iter().map(Row::size).sum::<usize>();
        count += rows.len() as u64;
        (last, at) = changes
            .last()
            .map_or((last, at), |one| (one.seq, one.at.as_microsecond()));
        let batch = batch(&schema, district, &rows, None).map_err(TableError::from)?;
        writer.write(batch).await.map_err(TableError::from)?;
    }
    if count == 0 {
        return Ok(Next::End);
    }
    let files = writer.flush().await.map_err(TableError::from)?;
    let files: Vec<Action> = files.into_iter().map(Action::Add).collect();
    let notes = vec![
        Transaction::new(cursor(district), signed(last)),
        Transaction::new(instant(district), at),
    ];
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: Some(vec![DISTRICT.to_owned()]),
        predicate: None,
    };
    Ok(match lake.commit(files, notes, operation).await? {
        true => Next::Committed(count),
        false => Next::Raced,
    })
}

/// Checks that the store's feed is the one of which the table has the beginning.
pub(crate) async fn same_store<S: ChangeLog>(
    lake: &Lake,
    store: &mut S,
    district: &str,
) -> Result<(), AppendError> {
    let position = lake.position(district).await?;
    if position == 0 {
        return Ok(());
    }
    let found = after(store, district, position - 1, 1).await?;
    let district_id = district.to_owned();
    match found.first() {
        None => Err(AppendError::Ahead {
            district: district_id,
            position,
        }),
        // The time at which a run applied its changes is no other store's.
        Some(one) if one.seq == position => match lake.noted(&instant(district)).await? {
            Some(at) if at != one.at.as_microsecond() => Err(AppendError::OtherStore {
                district: district_id,
                position,
            }),
            _ => Ok(()),
        },
        Some(_) => Ok(()),
    }
}

/// The name under which the log has when the last change was applied that the table has.
fn instant(district: &str) -> String {
    format!("clever/{district}/at")
}

/// Some changes of a district after a number.
pub(crate) async fn after<S: ChangeLog>(
    store: &mut S,
    district: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<Change>, StoreError> {
    let filter = ChangeFilter {
        after,
        limit,
        ..ChangeFilter::default()
    };
    store.changes(district, &filter).await
}

/// The numbers that are missing between `last` and changes that should follow it.
fn gap(last: u64, changes: &[Change]) -> Option<(u64, u64)> {
    let mut last = last;
    for change in changes {
        if change.seq != last + 1 {
            return Some((last + 1, change.seq - 1));
        }
        last = change.seq;
    }
    None
}

/// Whether a change says that the whole district was forgotten: nothing before it is to be had any more.
pub(crate) fn is_forgotten(change: &Change) -> bool {
    change.op == Op::Forget && change.kind == RecordKind::Districts
}

/// Tells the store how far the table is. If somebody else writes there for long, the next one does.
async fn acknowledge<S: ChangeLog>(
    store: &mut S,
    request: &AppendRequest,
    position: u64,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let (district, consumer) = (request.district_id.as_str(), request.consumer.as_str());
    // At 0 it may be unknown still, and is to be waited for from now on.
    if position > 0 && store.position(district, consumer).await? >= position {
        return Ok(());
    }
    match store
        .acknowledge(district, consumer, position, clock.now())
        .await
    {
        Err(StoreError::Database(DatabaseError::Locked)) => Ok(()),
        done => done,
    }
}
