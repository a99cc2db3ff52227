//! One record: what it says, since when and why; of a person also the sections and the app's account.

use std::collections::BTreeMap;

use clever_model::{RecordKind, UserId};
use clever_provision::AccountId;
use clever_sync::details::Explanation;
use clever_sync::look::PlaceLine;
use clever_sync::{AnyStore, explain};
use serde_json::Value;

use crate::door::Visitor;
use crate::html::kind_of;
use crate::site::{On, Site, may_see, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// A record with what is known about it.
pub(crate) struct Found {
    pub(crate) kind: RecordKind,
    pub(crate) id: String,
    pub(crate) value: Value,
    pub(crate) explained: Explanation,
    pub(crate) places: Vec<PlaceLine>,
    pub(crate) account: Option<AccountId>,
}

/// The values of a record by their paths, as `roles.student.grade`.
pub(crate) fn fields(value: &Value) -> BTreeMap<String, String> {
    fn walk(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
        let under = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        match value {
            Value::Object(all) => all
                .iter()
                .for_each(|(name, value)| walk(&under(name), value, into)),
            Value::Array(all) => all
                .iter()
                .enumerate()
                .for_each(|(at, value)| walk(&under(&at.to_string()), value, into)),
            Value::Null => {}
            Value::String(text) => drop(into.insert(path.to_owned(), text.clone())),
            other => drop(into.insert(path.to_owned(), other.to_string())),
        }
    }
    let mut all = BTreeMap::new();
    walk("", value, &mut all);
    all
}

/// Says whether a field is shown unmasked: of people what names nobody, of sections all but the name, which often has a
/// teacher's, and all of everything else.
pub(crate) fn is_open(kind: RecordKind, path: &str) -> bool {
    let last = path
        .rsplit('.')
        .find(|part| part.parse::<u32>().is_err())
        .unwrap_or(path);
    match kind {
        RecordKind::Users => NAMES_NOBODY.contains(&last),
        RecordKind::Sections => last != "name",
        _ => true,
    }
}

/// The fields of a person's record that name nobody.
const NAMES_NOBODY: [&str; 8] = [
    "id",
    "district",
    "created",
    "last_modified",
    "school",
    "schools",
    "grade",
    "graduation_year",
];

async fn found(
    site: &Site,
    store: &mut AnyStore,
    district: &str,
    kind: &str,
    id: &str,
) -> Result<Found, Trouble> {
    let kind = kind_of(kind).ok_or(Trouble::Missing)?;
    let json = store
        .record(district, kind, id)
        .await?
        .ok_or(Trouble::Missing)?;
    let all = explain(store, district, id).await?;
    let explained = all
        .into_iter()
        .find(|one| one.kind == kind)
        .ok_or(Trouble::Missing)?;
    let mut places = Vec::new();
    let mut account = None;
    if kind == RecordKind::Users {
        places = store.places_of(district, id).await?;
        if let (true, Ok(user)) = (site.stores.has_accounts(), UserId::new(id)) {
            let mut accounts = site.stores.accounts().await?;
            account = accounts.opened_by(&user).await?;
            accounts.back();
        }
    }
    Ok(Found {
        kind,
        id: id.to_owned(),
        value: serde_json::from_str(&json).unwrap_or_default(),
        explained,
        places,
        account,
    })
}

/// The record.
pub(crate) async fn find(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    kind: &str,
    id: &str,
) -> Result<Found, Trouble> {
    may_see(visitor, district)?;
    let mut store = site.stores.of(district).await?;
    let found = found(site, &mut store, district, kind, id).await?;
    store.back();
    Ok(found)
}

/// The record for somebody who sees its values.
pub(crate) async fn reveal(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    kind: &str,
    id: &str,
    why: &str,
) -> Result<Found, Trouble> {
    needs(visitor, Role::Operator)?;
    may_see(visitor, district)?;
    let why = reason(why)?;
    let mut store = site.stores.of(district).await?;
    let found = found(site, &mut store, district, kind, id).await?;
    let subject = format!("{} {}", found.kind, found.id);
    let on = On {
        district,
        subject: &subject,
        reason: why,
    };
    site.judge(&mut store, visitor, "reveal", on).await?;
    store.back();
    Ok(found)
}
