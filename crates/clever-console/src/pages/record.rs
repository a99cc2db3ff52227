//! One record: what it says, since when and why; of a person also the sections and the app's account.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use clever_model::{RecordKind, Timestamp, UserId};
use clever_provision::AccountId;
use clever_sync::details::{Explanation, FieldOrigin};
use clever_sync::look::PlaceLine;
use clever_sync::{AnyStore, explain};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::door::Visitor;
use crate::html::{Sent, form, kind_of, shown, time, why};
use crate::site::{On, Shared, Site, may_see, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// The most steps of a history that are shown, the newest.
const STEPS: usize = 100;

/// All that the page shows.
struct Found {
    kind: RecordKind,
    id: String,
    value: Value,
    explained: Explanation,
    places: Vec<PlaceLine>,
    account: Option<AccountId>,
}

/// The values of a record by their paths, as `roles.student.grade`.
pub(super) fn fields(value: &Value) -> BTreeMap<String, String> {
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
pub(super) fn is_open(kind: RecordKind, path: &str) -> bool {
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

async fn find(
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

/// Shows the record, masked.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path((district, kind, id)): Path<(String, String, String)>,
) -> Result<Markup, Trouble> {
    may_see(&visitor, &district)?;
    let mut store = site.stores.roster().await?;
    let found = find(&site, &mut store, &district, &kind, &id).await?;
    store.back();
    Ok(page(&site, &visitor, &district, &found, false))
}

/// Why somebody wants to see the values.
#[derive(Deserialize)]
pub(crate) struct Why {
    #[serde(default)]
    reason: String,
}

/// Shows the record with its values. The answer is to the form: no address has them.
pub(crate) async fn reveal(
    State(site): Shared,
    Path((district, kind, id)): Path<(String, String, String)>,
    sent: Sent<Why>,
) -> Result<Markup, Trouble> {
    needs(&sent.visitor, Role::Operator)?;
    may_see(&sent.visitor, &district)?;
    let why = reason(&sent.fields.reason)?;
    let mut store = site.stores.roster().await?;
    let found = find(&site, &mut store, &district, &kind, &id).await?;
    let subject = format!("{} {}", found.kind, found.id);
    let on = On {
        district: &district,
        subject: &subject,
        reason: why,
    };
    site.judge(&mut store, &sent.visitor, "reveal", on).await?;
    store.back();
    Ok(page(&site, &sent.visitor, &district, &found, true))
}

fn page(site: &Site, visitor: &Visitor, district: &str, found: &Found, open: bool) -> Markup {
    let now = site.now();
    let place = format!("/districts/{district}");
    let here = format!("{place}/records/{}/{}", found.kind, found.id);
    let is_person = found.kind == RecordKind::Users;
    let is_masked = is_person || found.kind == RecordKind::Sections;
    let content = html! {
        p { a href=(site.at(&place)) { "To the district" } }
        @if let Some(at) = found.explained.archived_at {
            p.box.warn role="status" { "It left the roster " (time(Some(at), now)) ". Nothing of it is deleted." }
        }
        @if is_masked && !open && visitor.person.role >= Role::Operator {
            (form(site, visitor, &format!("{here}/reveal"), &html! {
                (why("why-reveal"))
                button #reveal type="submit" { "Reveal" }
                span.quiet { "The audit keeps who did and why." }
            }))
        }
        (values(site, &place, found, open, now))
        @if is_person {
            h2 { "Sections" }
            @if found.places.is_empty() { p { "In no section." } }
            ul { @for at in &found.places { li {
                a href=(site.at(&format!("{place}/records/sections/{}", at.section))) { (at.name.as_deref().map_or(at.section.as_str().into(), |name| shown(name, open))) } ", as " (at.role)
            } } }
            h2 { "The app's account" }
            @match &found.account {
                Some(account) => p { "Opens account " a href=(site.at(&format!("/accounts/{account}"))) { (account) } "." },
                None => p { "Opens no account that this console knows." },
            }
        }
        h2 { "How it came to this" }
        p { "First seen " (time(Some(found.explained.first_seen_at), now)) "." }
        ol reversed {
            @for (op, origin) in found.explained.history.iter().rev().take(STEPS) { li {
                (time(Some(origin.at), now)) ": " (op) " by "
                a href=(site.at(&format!("{place}/runs/{}", origin.run))) { "run " (origin.run) } " (" (by(origin)) "), "
                a href=(site.at(&format!("{place}/changes/{}", origin.seq))) { "change " (origin.seq) }
            } }
        }
    };
    visitor.page(
        site,
        &format!("{} {}", one(found.kind), found.id),
        None,
        &content,
    )
}

fn one(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Users => "Person",
        RecordKind::Schools => "School",
        RecordKind::Sections => "Section",
        RecordKind::Courses => "Course",
        RecordKind::Terms => "Term",
        RecordKind::Districts => "District",
        _ => "Record",
    }
}

fn by(origin: &FieldOrigin) -> String {
    match (&origin.event, origin.path) {
        (Some(event), _) => format!("event {event}"),
        (None, Some(path)) => path.to_string(),
        (None, None) => "not known".to_owned(),
    }
}

fn values(site: &Site, place: &str, found: &Found, open: bool, now: Timestamp) -> Markup {
    let origin = |path: &str| {
        let mut path = path;
        loop {
            if let Some(origin) = found.explained.fields.get(path) {
                return Some(origin);
            }
            path = path.rsplit_once('.')?.0;
        }
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="What it says" {
            table #values {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Value" } th scope="col" { "Since" } } }
                tbody { @for (path, value) in fields(&found.value) { tr {
                    td { (path) }
                    td { (shown(&value, open || is_open(found.kind, &path))) }
                    td { @if let Some(origin) = origin(&path) {
                        (time(Some(origin.at), now)) ", "
                        a href=(site.at(&format!("{place}/runs/{}", origin.run))) { "run " (origin.run) }
                    } }
                } } }
            }
        }
    }
}
