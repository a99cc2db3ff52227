//! The rows beside a user's own: roles and relations. Most changes of a user leave them as they are, so they are
//! compared with what stands, and only those of users of whom something differs are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::StoreError;
use crate::store::sql::{Backend, Sql, SqlStore, Type, texts};

/// Puts `rows` in the place of all that a table has of the users in `old`. Its first columns are the district, the
/// user and what tells the user's rows apart. Returns how many rows stood, by the latter.
pub(crate) async fn replace<B: Backend>(
    store: &mut SqlStore<B>,
    table: &str,
    columns: &[(&str, Type)],
    old: &[&str],
    rows: &[Sql<'_>],
) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut counts = BTreeMap::new();
    if old.is_empty() {
        store.db.insert(table, columns, rows, "").await?;
        return Ok(counts);
    }
    let standing = standing(store, table, columns, old).await?;
    let mut unmatched: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (user, part) in standing.keys() {
        *counts.entry(part.clone()).or_default() += 1;
        unmatched.insert((user, part));
    }
    let mut other: BTreeSet<&str> = BTreeSet::new();
    let all = || rows.chunks(columns.len());
    for row in all() {
        let [_, Sql::Text(user), Sql::Text(part), ..] = row else {
            continue;
        };
        let stands = standing.get(&(user.to_string(), part.to_string()));
        if stands.is_some_and(|stands| stands == row) {
            unmatched.remove(&(&**user, &**part));
        } else {
            other.insert(user);
        }
    }
    other.extend(unmatched.into_iter().map(|(user, _)| user));
    if other.is_empty() {
        return Ok(counts);
    }
    let leaving: BTreeSet<&str> = standing.keys().map(|(user, _)| user.as_str()).collect();
    let leaving: Vec<&str> = leaving.intersection(&other).copied().collect();
    if let ([_, (user, _), ..], false) = (columns, leaving.is_empty()) {
        let among = store.among(2);
        let sql = format!("DELETE FROM {table} WHERE district_id = ?1 AND {user} {among}");
        let params = [store.district_id().into(), texts(leaving)];
        store.db.execute(&sql, &params).await?;
    }
    let written =
        all().filter(|row| matches!(row, [_, Sql::Text(user), ..] if other.contains(&**user)));
    let written: Vec<Sql<'_>> = written.flatten().cloned().collect();
    store.db.insert(table, columns, &written, "").await?;
    Ok(counts)
}

/// What a table has of these users, by the user and the part.
async fn standing<B: Backend>(
    store: &mut SqlStore<B>,
    table: &str,
    columns: &[(&str, Type)],
    users: &[&str],
) -> Result<BTreeMap<(String, String), Vec<Sql<'static>>>, StoreError> {
    let mut found = BTreeMap::new();
    let [_, (user, _), ..] = columns else {
        return Ok(found);
    };
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let sql = format!(
        "SELECT {} FROM {table} WHERE district_id = ?1 AND {user} {}",
        names.join(", "),
        store.among(2)
    );
    let params = [store.district_id().into(), texts(users.iter().copied())];
    for row in store.db.query(&sql, &params).await? {
        let [_, Sql::Text(user), Sql::Text(part), ..] = row.0.as_slice() else {
            return Err(StoreError::OddRow { column: 1 });
        };
        found.insert((user.to_string(), part.to_string()), row.0);
    }
    Ok(found)
}
