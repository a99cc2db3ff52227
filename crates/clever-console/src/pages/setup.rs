//! How the districts are connected, as a checklist: what `cleverctl doctor` asks, as far as the store knows it; when each
//! syncs, and what alerts said last.

use axum::Extension;
use axum::extract::State;
use clever_model::{RecordKind, Timestamp};
use clever_sync::report::Doubt;
use clever_sync::words::{Standing, active, for_people, since};
use maud::{Markup, html};

use crate::door::Visitor;
use crate::html::{badge, empty, time};
use crate::pages::home::{name, stand};
use crate::site::Shared;
use crate::trouble::Trouble;

/// So many runs show the usual time between two.
const RUNS: u32 = 8;

/// What a mail to a district's administrator says, to be copied.
const INVITATION: &str = "Hello,\n\nour app would like to read your roster from Clever. Please open the Clever dashboard, find our app in the \
Library or the app gallery, choose \"Request app\" or \"Accept\", and share the schools and people who will use it. Nothing \
is read before you do. If you have questions, answer this mail.\n\nThank you!";

/// One thing to have, and whether it is there.
struct Check {
    ok: bool,
    says: String,
}

fn checks(one: &Standing, now: Timestamp) -> Vec<Check> {
    let status = &one.status;
    let check = |ok, says: String| Check { ok, says };
    let shared = |kind| active(status, kind);
    let closed = status
        .doubts
        .iter()
        .filter(|(_, doubts)| doubts.contains(&Doubt::Closed));
    let closed: Vec<&str> = closed.map(|(kind, _)| kind.as_str()).collect();
    vec![
        check(
            one.attempts.failed_in_a_row == 0,
            match one.attempts.failed_in_a_row {
                0 => "Clever takes the credential".to_owned(),
                many => format!("the last {many} tries failed"),
            },
        ),
        check(
            status.last_done_at.is_some(),
            format!("a sync was whole: {}", since(status.last_done_at, now)),
        ),
        check(
            shared(RecordKind::Schools) > 0,
            format!("schools are shared: {}", shared(RecordKind::Schools)),
        ),
        check(
            shared(RecordKind::Users) > 0,
            format!("people are shared: {}", shared(RecordKind::Users)),
        ),
        check(
            shared(RecordKind::Sections) > 0,
            format!("sections are shared: {}", shared(RecordKind::Sections)),
        ),
        check(
            closed.is_empty(),
            if closed.is_empty() {
                "the app may read every list".to_owned()
            } else {
                format!("the app may not read {}", closed.join(", "))
            },
        ),
        check(
            status.event_cursor.is_some(),
            match status.event_cursor {
                Some(_) => "events are followed".to_owned(),
                None => "no events are followed: each run reads every list".to_owned(),
            },
        ),
    ]
}

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

/// Shows each district's checklist and schedule.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    let mut store = site.stores.roster().await?;
    let (all, _) = stand(&mut store, visitor.person.district.as_deref(), now).await?;
    let told = store.told_states().await?;
    let mut rows = Vec::new();
    for one in &all {
        let runs = store.runs(&one.status.district_id, None, RUNS).await?;
        let times: Vec<Timestamp> = runs.iter().map(|run| run.started_at).collect();
        rows.push((one, checks(one, now), usual(&times)));
    }
    store.back();
    let content = html! {
        @if rows.is_empty() {
            (empty("No district is connected yet. Three commands begin:", [
                "cleverctl credential add NAME --client-id ID", "cleverctl doctor", "cleverctl sync --all",
            ]))
        }
        ul.cards { @for (one, checks, _) in &rows { li.card {
            p { (badge(one.verdict)) " " a href=(site.at(&format!("/districts/{}", one.status.district_id))) { (name(&one.status)) } }
            ul { @for check in checks { li { @if check.ok { span.ok { "✓ " } } @else { span.failing { "✗ " } } (check.says) } } }
        } } }
        p.quiet { "This is what the store knows. " code { "cleverctl doctor" } " asks Clever itself." }
        h2 { "Schedule and alerts" }
        div.scroll tabindex="0" role="region" aria-label="Schedule and alerts" {
            table {
                thead { tr { th scope="col" { "District" } th scope="col" { "Last run" } th scope="col" { "Usually every" } th scope="col" { "Alerts said last" } } }
                tbody { @for (one, _, usual) in &rows { tr {
                    td { (name(&one.status)) }
                    td { (time(Some(one.status.last_run_at), now)) }
                    td { @match usual { Some(seconds) => (for_people(*seconds)), None => "not known yet" } }
                    td { (told.get(&one.status.district_id).map_or("nothing", String::as_str)) }
                } } }
            }
        }
        p.quiet { "Who syncs says when and whom it tells: " code { "cleverctl sync --every 6h --alert-webhook URL" } ". " code { "cleverctl alerts test" } " sends a test." }
        h2 { "Invite a district" }
        label for="invitation" { "To copy into a mail to the district's administrator" }
        textarea #invitation readonly rows="10" { (INVITATION) }
    };
    Ok(visitor.page(&site, "Setup", None, &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_time_is_the_one_in_the_middle() {
        let at = |hour: i64| Timestamp::from_second(1_789_000_000 + hour * 3600).unwrap();
        assert_eq!(usual(&[at(50), at(26), at(20), at(14)]), Some(6 * 3600));
        assert_eq!(usual(&[at(1)]), None);
    }
}
