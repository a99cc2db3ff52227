//! The changes of a district, newest first, with filters; and one of them, before and after.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, Query, State};
use clever_model::RecordKind;
use clever_sync::ChangeFilter;
use clever_sync::look::{ChangePage, Looked};
use clever_sync::store::Op;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::acts::{changes, records};
use crate::door::Visitor;
use crate::html::{Sent, empty, form, kind_of, shown, time, why};
use crate::site::{Shared, Site, may_see};
use crate::trouble::Trouble;
use crate::who::Role;

/// So many changes are on a page.
const PAGE: u32 = 50;

/// The filters of the list. What is empty asks for nothing.
#[derive(Clone, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Asked {
    kind: String,
    op: String,
    field: String,
    run: String,
    before: String,
}

impl Asked {
    fn looked(&self) -> Result<Looked, Trouble> {
        let wrong = |what: &str| Trouble::Wrong(format!("There is no such {what}."));
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Looked {
            kind: match given(&self.kind) {
                Some(word) => Some(kind_of(&word).ok_or_else(|| wrong("kind of record"))?),
                None => None,
            },
            op: match given(&self.op) {
                Some(word) => {
                    let op = Op::ALL.into_iter().find(|op| op.as_str() == word);
                    Some(op.ok_or_else(|| wrong("operation"))?)
                }
                None => None,
            },
            field: given(&self.field),
            run: match given(&self.run) {
                Some(run) => Some(run.parse().map_err(|_| wrong("run"))?),
                None => None,
            },
            before: match given(&self.before) {
                Some(before) => Some(before.parse().map_err(|_| wrong("change"))?),
                None => None,
            },
            limit: PAGE,
        })
    }

    /// The filters and the place, by name.
    fn fields(&self) -> [(&'static str, &str); 5] {
        [
            ("kind", &self.kind),
            ("op", &self.op),
            ("field", &self.field),
            ("run", &self.run),
            ("before", &self.before),
        ]
    }

    /// The same filters, from another place on.
    fn next(&self, before: u64) -> String {
        let there = Self {
            before: before.to_string(),
            ..self.clone()
        };
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(there.fields())
            .finish()
    }
}

/// Shows a page of the list.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path(district): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let page = changes::list(&site, &visitor, &district, &asked.looked()?).await?;
    Ok(listed(&site, &visitor, &district, &asked, &page, None))
}

/// The filters of a page, and why its names are to be seen.
#[derive(Deserialize)]
pub(crate) struct Revealing {
    #[serde(flatten)]
    asked: Asked,
    #[serde(default)]
    reason: String,
}

/// Shows the same page with the names of its records. The answer is to the form: no address has them.
pub(crate) async fn reveal(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Revealing>,
) -> Result<Markup, Trouble> {
    let Revealing { asked, reason } = &sent.fields;
    let looked = asked.looked()?;
    let revealed = changes::reveal(&site, &sent.visitor, &district, &looked, reason).await?;
    let (page, names) = revealed;
    let names = Some(names.as_slice());
    Ok(listed(&site, &sent.visitor, &district, asked, &page, names))
}

fn listed(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    asked: &Asked,
    page: &ChangePage,
    names: Option<&[String]>,
) -> Markup {
    let now = site.now();
    let place = format!("/districts/{district}");
    let ops = Op::ALL.into_iter().filter(|op| op.is_told());
    let content = html! {
        p { a href=(site.at(&place)) { "To the district" } }
        form method="get" action=(site.at(&format!("{place}/changes"))) {
            label for="kind" { "Kind" }
            select #kind name="kind" { option value="" { "all" }
                @for kind in RecordKind::ALL { option value=(kind) selected[kind.as_str() == asked.kind] { (kind) } } }
            label for="op" { "Done" }
            select #op name="op" { option value="" { "all" }
                @for op in ops { option value=(op) selected[op.as_str() == asked.op] { (op) } } }
            label for="field" { "Field" }
            input #field name="field" value=(asked.field) placeholder="name.last" autocomplete="off";
            label for="run" { "Run" }
            input #run name="run" value=(asked.run) inputmode="numeric" size="6" autocomplete="off";
            button type="submit" { "Filter" }
        }
        @if page.changes.is_empty() && page.next.is_none() {
            (empty("No change fits. Three commands help:", ["cleverctl sync", "cleverctl changes --after 0", "cleverctl status"]))
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Changes" {
                table {
                    thead { tr {
                        th scope="col" { "Change" } th scope="col" { "When" } th scope="col" { "Done" } th scope="col" { "Record" }
                        @if names.is_some() { th scope="col" { "Name" } }
                        th scope="col" { "Fields" } th scope="col" { "Run" }
                    } }
                    tbody { @for (at, change) in page.changes.iter().enumerate() { tr {
                        td { a href=(site.at(&format!("{place}/changes/{}", change.seq))) { (change.seq) } }
                        td { (time(Some(change.at), now)) }
                        td { (change.op) }
                        td { (change.kind) " " a.id href=(site.at(&format!("{place}/records/{}/{}", change.kind, change.id))) { (change.id) } }
                        @if let Some(names) = names { td { (names.get(at).map_or_else(Default::default, |name| shown(name, true))) } }
                        td { (change.fields.join(", ")) }
                        td { a href=(site.at(&format!("{place}/runs/{}", change.run))) { (change.run) } }
                    } } }
                }
            }
            @if let Some(next) = page.next {
                p { a #older href=(site.at(&format!("{place}/changes?{}", asked.next(next)))) { "Older changes" } }
            }
            @if names.is_none() && !page.changes.is_empty() && visitor.person.role >= Role::Admin {
                (form(site, visitor, &format!("{place}/changes/reveal"), &html! {
                    @for (name, value) in asked.fields() { input type="hidden" name=(name) value=(value); }
                    (why("why-reveal"))
                    button #reveal type="submit" { "Reveal the names on this page" }
                    span.quiet { "The audit keeps who did and why." }
                }))
            }
        }
    };
    visitor.page(site, "Changes", None, &content)
}

/// Shows one change, before and after, masked.
pub(crate) async fn one(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path((district, seq)): Path<(String, u64)>,
) -> Result<Markup, Trouble> {
    may_see(&visitor, &district)?;
    let now = site.now();
    let filter = ChangeFilter {
        after: seq.checked_sub(1).ok_or(Trouble::Missing)?,
        limit: 1,
        ..ChangeFilter::default()
    };
    let mut store = site.stores.of(&district).await?;
    let found = store.changes(&district, &filter).await?;
    store.back();
    let change = found
        .into_iter()
        .find(|change| change.seq == seq)
        .ok_or(Trouble::Missing)?;
    let read = |json: Option<&str>| -> BTreeMap<String, String> {
        let value = json.and_then(|json| serde_json::from_str(json).ok());
        value
            .map(|value: Value| records::fields(&value))
            .unwrap_or_default()
    };
    let before = read(change.before.as_ref().map(|json| json.get()));
    let after = read(change.after.as_ref().map(|json| json.get()));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let is_open = |name: &str| records::is_open(change.kind, name);
    let cell = |of: &BTreeMap<String, String>, name: &str| {
        of.get(name)
            .map(|value| shown(value, is_open(name)).into_owned())
            .unwrap_or_default()
    };
    let differs = |name: &String| before.get(name) != after.get(name);
    let place = format!("/districts/{district}");
    let content = html! {
        p { a href=(site.at(&format!("{place}/changes"))) { "All changes" } }
        p { (change.op) " of " (change.kind) " "
            a.id href=(site.at(&format!("{place}/records/{}/{}", change.kind, change.id))) { (change.id) } ", "
            (time(Some(change.at), now)) ", by run " a href=(site.at(&format!("{place}/runs/{}", change.run))) { (change.run) }
            @if let Some(event) = &change.event { " (event " span.id { (event) } ")" } "." }
        div.scroll tabindex="0" role="region" aria-label="Before and after" {
            table {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Before" } th scope="col" { "After" } } }
                tbody { @for name in names.into_iter().filter(|name| differs(name)) { tr {
                    td { (name) } td { (cell(&before, name)) } td { (cell(&after, name)) }
                } } }
            }
        }
        p.quiet { "Values of people are masked here; the page of the record reveals them." }
    };
    Ok(visitor.page(&site, &format!("Change {seq}"), None, &content))
}
