//! The rows beside a user's own: roles, schools and relations. Most changes of a user leave them as they are, so they are
//! compared with what stands, and only those of users of whom something differs are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::learn::columns::ROLE_COLUMNS;
use crate::learn::derived::RELATION_COLUMNS;
use crate::store::StoreError;
use crate::store::odd_row;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Sql, Type, texts};

/// A table of rows beside a user's own. Its first columns are the district, the user, and what tells the user's rows
/// apart.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    columns: Vec<(&'static str, Type)>,
    /// How many columns there are before those that only say something.
    keys: usize,
}

impl Table {
    fn new(
        name: &'static str,
        keys: &[&'static str],
        others: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let keys = std::iter::once("district_id").chain(keys.iter().copied());
        let keys: Vec<&str> = keys.collect();
        Self {
            name,
            keys: keys.len(),
            columns: keys
                .into_iter()
                .chain(others)
                .map(|name| (name, Type::Text))
                .collect(),
        }
    }

    /// A user's roles.
    pub(crate) fn roles() -> Self {
        let others = ROLE_COLUMNS.iter().map(|(name, _)| *name);
        Self::new("user_roles", &["user_id", "role"], others)
    }

    /// The schools of a user's roles besides the roles' own.
    pub(crate) fn schools() -> Self {
        Self::new("_user_schools", &["user_id", "role", "school_id"], [])
    }

    /// A contact's students.
    pub(crate) fn contacts() -> Self {
        Self::new("_contacts", &["contact_id", "student_id"], RELATION_COLUMNS)
    }

    /// The column that names the user.
    pub(crate) fn user(&self) -> &'static str {
        self.columns.get(1).map_or("", |(name, _)| *name)
    }

    /// The user of a row, and what tells it apart from her others; `None` for a key that no sync wrote.
    fn key(&self, row: &[Sql<'_>]) -> Option<(String, Vec<String>)> {
        let mut parts = row.get(1..self.keys)?.iter().map(|part| match part {
            Sql::Text(text) => Some(text.to_string()),
            _ => None,
        });
        Some((parts.next()??, parts.collect::<Option<_>>()?))
    }
}

/// What was found in a table, before it was put right.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many rows stood, by the first thing that tells a user's rows apart.
    pub(crate) stood: BTreeMap<String, i64>,
    /// How many rows of a user were not as they should be.
    pub(crate) wrong: BTreeMap<String, u64>,
}

/// Puts `rows` in the place of all that a table has of the users in `old`.
pub(crate) async fn replace<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    table: &Table,
    old: &[&str],
    rows: &[Sql<'_>],
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let Table { name, columns, .. } = table;
    let name = &format!("main.{name}");
    if old.is_empty() {
        store.db.insert(name, columns, rows, "").await?;
        return Ok(found);
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let (names, user, among) = (names.join(", "), table.user(), store.db.kind().among(2));
    let sql = format!("SELECT {names} FROM {name} WHERE district_id = ?1 AND {user} {among}");
    let district = store.district_id();
    let params = [district.as_str().into(), texts(old.iter().copied())];
    let mut standing = BTreeMap::new();
    for row in store.db.query(&sql, &params).await? {
        match (table.key(&row.0), row.0.get(1)) {
            (Some(key), _) => {
                let part = key.1.first().cloned().unwrap_or_default();
                *found.stood.entry(part).or_default() += 1;
                standing.insert(key, row.0);
            }
            // A key of another type was not written by a sync.
            (None, Some(Sql::Text(user))) => {
                *found.wrong.entry(user.to_string()).or_default() += 1;
            }
            _ => return Err(odd_row(1)),
        }
    }
    let here = standing.keys().map(|(user, _)| user);
    let here: BTreeSet<String> = here.chain(found.wrong.keys()).cloned().collect();
    let all = || rows.chunks(columns.len());
    for row in all() {
        let Some(key) = table.key(row) else { continue };
        if standing.remove(&key).is_none_or(|stood| stood != row) {
            *found.wrong.entry(key.0).or_default() += 1;
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
        let sql = format!("DELETE FROM {name} WHERE district_id = ?1 AND {user} {among}");
        let params = [district.as_str().into(), texts(leaving)];
        store.db.execute(&sql, &params).await?;
    }
    let anew =
        all().filter(|row| matches!(row, [_, Sql::Text(user), ..] if wrong.contains_key(&**user)));
    let anew: Vec<Sql<'_>> = anew.flatten().cloned().collect();
    store.db.insert(name, columns, &anew, "").await?;
    Ok(found)
}
