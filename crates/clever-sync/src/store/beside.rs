//! The rows beside a user's own: roles and relations. Most changes of a user leave them as they are, so they are
//! compared with what stands, and only those of users of whom something differs are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::StoreError;
use crate::store::sql::{Backend, Sql, SqlStore, Type, texts};

/// What was found in a table, before it was put right.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many rows stood, by what tells a user's rows apart.
    pub(crate) stood: BTreeMap<String, i64>,
    /// How many rows of a user were not as they should be.
    pub(crate) wrong: BTreeMap<String, u64>,
}

/// Puts `rows` in the place of all that a table has of the users in `old`. Its first columns are the district, the
/// user and what tells the user's rows apart.
pub(crate) async fn replace<B: Backend>(
    store: &mut SqlStore<B>,
    table: &str,
    columns: &[(&str, Type)],
    old: &[&str],
    rows: &[Sql<'_>],
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let [_, (user, _), ..] = columns else {
        return Ok(found);
    };
    if old.is_empty() {
        store.db.insert(table, columns, rows, "").await?;
        return Ok(found);
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let (names, among) = (names.join(", "), store.among(2));
    let sql = format!("SELECT {names} FROM {table} WHERE district_id = ?1 AND {user} {among}");
    let district = store.district_id();
    let params = [district.as_str().into(), texts(old.iter().copied())];
    let mut standing = BTreeMap::new();
    for row in store.db.query(&sql, &params).await? {
        match row.0.as_slice() {
            [_, Sql::Text(user), Sql::Text(part), ..] => {
                *found.stood.entry(part.to_string()).or_default() += 1;
                standing.insert((user.to_string(), part.to_string()), row.0);
            }
            // A key of another type was not written by a sync.
            [_, Sql::Text(user), ..] => *found.wrong.entry(user.to_string()).or_default() += 1,
            _ => return Err(StoreError::OddRow { column: 1 }),
        }
    }
    let here = standing.keys().map(|(user, _)| user);
    let here: BTreeSet<String> = here.chain(found.wrong.keys()).cloned().collect();
    let all = || rows.chunks(columns.len());
    for row in all() {
        let [_, Sql::Text(user), Sql::Text(part), ..] = row else {
            continue;
        };
        let stood = standing.remove(&(user.to_string(), part.to_string()));
        if stood.is_none_or(|stood| stood != row) {
            *found.wrong.entry(user.to_string()).or_default() += 1;
        }
    }
    for (user, _) in standing.into_keys() {
        *found.wrong.entry(user).or_default() += 1;
    }
    let wrong = &found.wrong;
    let leaving: Vec<&str> = here
        .iter()
        .filter(|user| wrong.contains_key(*user))
        .map(String::as_str)
        .collect();
    if !leaving.is_empty() {
        let sql = format!("DELETE FROM {table} WHERE district_id = ?1 AND {user} {among}");
        let params = [district.as_str().into(), texts(leaving)];
        store.db.execute(&sql, &params).await?;
    }
    let anew =
        all().filter(|row| matches!(row, [_, Sql::Text(user), ..] if wrong.contains_key(&**user)));
    let anew: Vec<Sql<'_>> = anew.flatten().cloned().collect();
    store.db.insert(table, columns, &anew, "").await?;
    Ok(found)
}
