//! How the districts are connected, as a checklist: what `cleverctl doctor` asks, as far as the store knows it.

use axum::Extension;
use axum::extract::State;
use clever_model::{RecordKind, Timestamp};
use clever_sync::report::Doubt;
use clever_sync::words::{Standing, active, since};
use maud::{Markup, html};

use crate::acts::districts::stand_all;
use crate::door::Visitor;
use crate::html::{badge, empty};
use crate::pages::home::name;
use crate::site::Shared;
use crate::trouble::Trouble;

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

/// Shows each district's checklist.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    let (all, _) = stand_all(&site, visitor.person.district.as_deref()).await?;
    let content = html! {
        @if all.is_empty() {
            (empty("No district is connected yet. Three commands begin:", [
                "cleverctl credential add NAME --client-id ID", "cleverctl doctor", "cleverctl sync --all",
            ]))
        }
        ul.cards { @for one in &all { li.card {
            p { (badge(one.verdict)) " " a href=(site.at(&format!("/districts/{}", one.status.district_id))) { (name(&one.status)) } }
            ul { @for check in checks(one, now) { li { @if check.ok { span.ok { "✓ " } } @else { span.failing { "✗ " } } (check.says) } } }
        } } }
        p.quiet { "This is what the store knows. " code { "cleverctl doctor" } " asks Clever itself." }
        h2 { "Invite a district" }
        label for="invitation" { "To copy into a mail to the district's administrator" }
        textarea #invitation readonly rows="10" { (INVITATION) }
    };
    Ok(visitor.page(&site, "Setup", None, &content))
}
