//! When each district is synced, by which policy, and whom alerts go to.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use clever_model::Timestamp;
use clever_sync::SyncPolicy;
use clever_sync::words::{for_people, pause, since};
use maud::{Markup, html};

use crate::acts::districts::{self, stand};
use crate::door::Visitor;
use crate::html::{Sent, Why, asks_why, empty, time};
use crate::pages::home::name;
use crate::site::{Shared, Site};
use crate::trouble::Trouble;
use crate::who::Role;

/// So many runs show the usual time between two.
const RUNS: u32 = 8;

/// The usual time between two runs, in seconds.
fn usual(times: &[Timestamp]) -> Option<i64> {
    let mut gaps: Vec<i64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(later, earlier)| later.as_second() - earlier.as_second())
        .collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

/// When the next run is to be expected, in words.
fn next(last: Timestamp, usual: Option<i64>, now: Timestamp) -> String {
    let Some(usual) = usual else {
        return "not known yet".to_owned();
    };
    let left = last.as_second() + usual - now.as_second();
    if left >= 0 {
        format!("in {}", for_people(left))
    } else {
        let due = Timestamp::from_second(last.as_second() + usual).ok();
        format!("was due {}", since(due, now))
    }
}

/// Shows schedules, policies and alerts.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    let mut told = BTreeMap::new();
    let mut rows = Vec::new();
    for mut store in site.stores.all().await? {
        let (all, _) = stand(&mut store, visitor.person.district.as_deref(), now).await?;
        let mut of_store = store.told_states().await?;
        for one in all {
            let id = &one.status.district_id;
            told.extend(of_store.remove_entry(id));
            let runs = store.runs(id, None, RUNS).await?;
            let times: Vec<Timestamp> = runs.iter().map(|run| run.started_at).collect();
            rows.push((one, usual(&times)));
        }
        store.back();
    }
    rows.sort_by(|(a, _), (b, _)| a.status.district_id.cmp(&b.status.district_id));
    let content = html! {
        @if rows.is_empty() {
            (empty("No district is synced yet. Three commands begin:", [
                "cleverctl sync --every 6h", "cleverctl sync --all", "cleverctl alerts test",
            ]))
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Schedule" {
                table {
                    thead { tr { th scope="col" { "District" } th scope="col" { "Last run" } th scope="col" { "Usually every" } th scope="col" { "Next run" } th scope="col" { "Alerts said last" } } }
                    tbody { @for (one, usual) in &rows { tr {
                        td { a href=(site.at(&format!("/districts/{}", one.status.district_id))) { (name(&one.status)) } }
                        td { (time(Some(one.status.last_run_at), now)) }
                        td { @match usual { Some(seconds) => (for_people(*seconds)), None => "not known yet" } }
                        td { @match &one.status.paused { Some(paused) => (pause(paused, now)), None => (next(one.status.last_run_at, *usual, now)) } }
                        td { (told.get(&one.status.district_id).map_or("nothing", String::as_str)) }
                    } } }
                }
            }
            p.quiet { "What syncs is a program of yours; this is what its runs show. " code { "cleverctl sync --every 6h" } " is one." }
        }
        h2 { "Alerts" }
        (alerts(&site, &visitor))
        h2 { "Policies" }
        p.quiet { "What a run may do without a person's word. What differs from the default is in the file of --policy." }
        @for (one, _) in &rows {
            details {
                summary { (name(&one.status)) }
                (policy(site.options.policies.of(&one.status.district_id)))
            }
        }
    };
    Ok(visitor.page(&site, "Schedule and alerts", None, &content))
}

fn alerts(site: &Site, visitor: &Visitor) -> Markup {
    html! {
        @match &site.options.alerts {
            Some(alerts) => {
                p { "Alerts go to: " (alerts.places().join(", ")) "." }
                @if visitor.person.role >= Role::Operator {
                    (asks_why(site, visitor, "/schedule/test", "test", "Send a test to all of them"))
                }
            },
            None => p { "This console knows of nobody: start it with options of alerts after --, as in "
                code { "cleverctl console -- --alert-webhook URL" } "." },
        }
    }
}

fn policy(policy: &SyncPolicy) -> Markup {
    let default = SyncPolicy::default();
    let row = |says: &str, now: String, default: String| {
        html! { tr { td { (says) } td { (now) } td { @if now == default { "default" } @else { strong { "the policy's file" } } } } }
    };
    let percent = |share: u64| format!("{share} %");
    let days = |policy: &SyncPolicy| {
        for_people(i64::try_from(policy.snapshot_every.as_secs()).unwrap_or(i64::MAX))
    };
    let own = |policy: &SyncPolicy| {
        let all = policy.sticky.iter();
        let all = all.flat_map(|(kind, columns)| {
            columns.iter().map(move |column| format!("{kind}.{column}"))
        });
        let all: Vec<String> = all.collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Policy" {
            table {
                thead { tr { th scope="col" { "Rule" } th scope="col" { "Value" } th scope="col" { "From" } } }
                tbody {
                    (row("Of a kind, archived at most", percent(policy.max_archived_percent), percent(default.max_archived_percent)))
                    (row("Of one school, archived at most", percent(policy.max_school_archived_percent), percent(default.max_school_archived_percent)))
                    (row("Updated at most", percent(policy.max_updated_percent), percent(default.max_updated_percent)))
                    (row("Places taken away at most", percent(policy.max_unenrolled_percent), percent(default.max_unenrolled_percent)))
                    (row("Shares count from so many records", policy.floor.to_string(), default.floor.to_string()))
                    (row("All lists are read at least every", days(policy), days(&default)))
                    (row("The app's content is synced too", policy.resources.to_string(), default.resources.to_string()))
                    (row("Columns of the app's own", own(policy), own(&default)))
                }
            }
        }
    }
}

/// Sends a test to everybody whom alerts go to.
pub(crate) async fn test(State(site): Shared, sent: Sent<Why>) -> Result<Markup, Trouble> {
    let told = districts::test_alerts(&site, &sent.visitor, &sent.fields.reason).await?;
    let content = html! {
        p role="status" #told { "A test was sent to " (told) @if told == 1 { " place" } @else { " places" } ", and taken." }
        p { a href=(site.at("/schedule")) { "To the schedule" } }
    };
    Ok(sent.visitor.page(&site, "A test was sent", None, &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_789_000_000 + hour * 3600).unwrap()
    }

    #[test]
    fn the_usual_time_is_the_one_in_the_middle() {
        assert_eq!(usual(&[at(50), at(26), at(20), at(14)]), Some(6 * 3600));
        assert_eq!(usual(&[at(1)]), None);
    }

    #[test]
    fn the_next_run_is_expected_or_overdue() {
        assert_eq!(next(at(0), None, at(1)), "not known yet");
        assert!(next(at(0), Some(6 * 3600), at(1)).starts_with("in 5 h"));
        assert!(next(at(0), Some(6 * 3600), at(8)).starts_with("was due"));
    }
}
