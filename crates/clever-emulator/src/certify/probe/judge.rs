//! What an answer is worth, by Clever's rules. Nothing here asks anybody.

use crate::certify::finding::Outcome;
use crate::certify::visit::page;
use crate::certify::visit::visitor::{Answer, bare, start};

/// A callback that has to be refused; `redeemed` codes were redeemed by it.
pub(crate) fn refused(answer: &Answer, redeemed: usize) -> Outcome {
    let told = answer.told();
    if redeemed > 0 {
        return Outcome::failed(format!("the code was redeemed; {told}"));
    }
    match answer.status {
        400 | 401 | 403 => Outcome::passed(told),
        429 => Outcome::needs_work(format!("{told}, three times")),
        _ => Outcome::failed(told),
    }
}

/// A callback with a made-up code.
pub(crate) fn made_up_code(answer: &Answer) -> Outcome {
    let told = answer.told();
    match answer.status {
        302 | 303 | 400 | 401 => Outcome::passed(told),
        500..=599 => Outcome::failed(told),
        _ => Outcome::needs_work(told),
    }
}

/// A callback that came again in the same browser, and in another one.
pub(crate) fn replayed(
    again: &[Answer],
    redeemed: usize,
    elsewhere: &[Answer],
    got_in_elsewhere: bool,
) -> Outcome {
    if let Some(crash) = again.iter().chain(elsewhere).find(|one| one.status >= 500) {
        return Outcome::failed(format!("the second time: {}", crash.told()));
    }
    if got_in_elsewhere {
        return Outcome::failed("another browser was signed in by the same address");
    }
    let told = again.last().map(Answer::told).unwrap_or_default();
    if redeemed > 0 {
        return Outcome::needs_work(format!("the code was sent to Clever once more; {told}"));
    }
    Outcome::passed(format!("the second time: {told}"))
}

/// The answer to a callback whose exchange Clever refused.
pub(crate) fn exchange_refused(answer: &Answer) -> Outcome {
    match answer.status {
        500.. => Outcome::failed(answer.told()),
        _ => Outcome::passed(answer.told()),
    }
}

/// A login during which Clever was in trouble.
pub(crate) fn trouble(answers: &[Answer], got_in: bool, has_to_fail: bool) -> Outcome {
    if let Some(crash) = answers.iter().find(|one| one.status == 500) {
        return Outcome::failed(crash.told());
    }
    if got_in && has_to_fail {
        return Outcome::failed("somebody was signed in without a token of Clever's");
    }
    Outcome::passed(answers.last().map(Answer::told).unwrap_or_default())
}

/// A login at a Clever that answers late; `got_in` is none where the app's pages don't say.
pub(crate) fn slow(answers: &[Answer], got_in: Option<bool>) -> Outcome {
    let Some(last) = answers.last() else {
        return Outcome::failed("no answer");
    };
    let is_fine = got_in.unwrap_or(last.status < 400);
    if is_fine {
        Outcome::passed(last.told())
    } else if answers.iter().any(|one| one.status == 500) {
        Outcome::failed(last.told())
    } else {
        Outcome::needs_work(format!("nobody was signed in: {}", last.told()))
    }
}

/// Policies under which a page passes on no more of its address than the host.
const DISCREET: [&str; 4] = ["no-referrer", "origin", "same-origin", "strict-origin"];

/// What a page at the callback's address passes on: that has a code in it.
pub(crate) fn page_at_callback(answer: &Answer) -> Option<String> {
    if answer.status < 400 && answer.leads_to().is_some() {
        return None;
    }
    let policies = answer
        .header("referrer-policy")
        .or(answer.page.referrer.as_deref());
    // Of several, the last one that a browser knows is in force.
    let policy = policies
        .and_then(|all| all.split(',').next_back())
        .map(str::trim);
    let mut missing = Vec::new();
    if !policy.is_some_and(|policy| DISCREET.contains(&policy)) {
        missing.push("`Referrer-Policy: no-referrer`");
    }
    let kept = answer.header("cache-control").unwrap_or_default();
    if !kept.contains("no-store") {
        missing.push("`Cache-Control: no-store`");
    }
    (!missing.is_empty()).then(|| {
        let at = bare(&answer.url);
        format!(
            "the page at {at} (status {}) comes without {}",
            answer.status,
            missing.join(" and ")
        )
    })
}

/// The pages of what went wrong.
pub(crate) fn friendly(pages: &[&Answer]) -> Outcome {
    let mut asks = Vec::new();
    for one in pages {
        let at = format!("{} (status {})", bare(&one.url), one.status);
        let text = &one.page.text;
        let raw = page::raw_words(text);
        if !raw.is_empty() {
            return Outcome::failed(format!(
                "the page at {at} says “{}”: “{}”",
                raw.join("”, “"),
                start(text)
            ));
        }
        if one.leads_to().is_some() {
            continue;
        }
        let is_html = one
            .header("content-type")
            .is_some_and(|kind| kind.contains("html"));
        if !is_html || text.is_empty() {
            asks.push(format!(
                "the answer at {at} is no page for people: “{}”",
                start(text)
            ));
        } else if one.page.links.is_empty() && !one.page.has_form {
            asks.push(format!("the page at {at} has no way on: “{}”", start(text)));
        }
    }
    match asks.first() {
        Some(first) => Outcome::needs_work(first.clone()),
        None => Outcome::passed("each is a page with a way on, or leads on by itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::finding::Verdict;
    use crate::certify::visit::page::read;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = "http://127.0.0.1:1/callback?code=secret".parse().unwrap();
        Answer {
            page: read(body, &url),
            url,
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    #[test]
    fn the_statuses_of_the_table() {
        for (status, wanted) in [
            (200, Verdict::Failed),
            (302, Verdict::Failed),
            (400, Verdict::Passed),
            (401, Verdict::Passed),
            (403, Verdict::Passed),
            (429, Verdict::NeedsWork),
            (500, Verdict::Failed),
        ] {
            assert_eq!(
                refused(&answer(status, &[], ""), 0).verdict,
                wanted,
                "{status}"
            );
        }
        assert_eq!(refused(&answer(401, &[], ""), 1).verdict, Verdict::Failed);
        for (status, wanted) in [
            (200, Verdict::NeedsWork),
            (302, Verdict::Passed),
            (400, Verdict::Passed),
            (404, Verdict::NeedsWork),
            (500, Verdict::Failed),
        ] {
            assert_eq!(
                made_up_code(&answer(status, &[], "")).verdict,
                wanted,
                "{status}"
            );
        }
    }

    #[test]
    fn what_is_told_has_no_code() {
        let told = refused(&answer(302, &[("location", "/next?code=secret")], ""), 0);
        assert!(!told.came_back.contains("secret"), "{}", told.came_back);
        let told = friendly(&[&answer(500, &[], "TypeError: x")]);
        assert_eq!(told.verdict, Verdict::Failed);
        assert!(!told.came_back.contains("secret"), "{}", told.came_back);
    }

    #[test]
    fn a_page_at_the_callback_keeps_its_address_to_itself() {
        let html = ("content-type", "text/html");
        let kept = ("cache-control", "no-store");
        let quiet = ("referrer-policy", "no-referrer");
        assert!(page_at_callback(&answer(401, &[html, kept, quiet], "")).is_none());
        assert!(page_at_callback(&answer(401, &[html, kept], "")).is_some());
        assert!(page_at_callback(&answer(401, &[html, quiet], "")).is_some());
        let by_page = "<meta name=referrer content=no-referrer>";
        assert!(page_at_callback(&answer(401, &[kept], by_page)).is_none());
        assert!(page_at_callback(&answer(303, &[("location", "/")], "")).is_none());
    }

    #[test]
    fn friendly_is_a_page_with_a_way_on() {
        let html = ("content-type", "text/html; charset=utf-8");
        let good = answer(
            400,
            &[html],
            "<p>That did not work. <a href=/login>Again</a>",
        );
        assert_eq!(friendly(&[&good]).verdict, Verdict::Passed);
        let dead_end = answer(400, &[html], "<p>That did not work.");
        assert_eq!(friendly(&[&good, &dead_end]).verdict, Verdict::NeedsWork);
        let json = answer(
            400,
            &[("content-type", "application/json")],
            "{\"message\":\"no\"}",
        );
        assert_eq!(friendly(&[&json]).verdict, Verdict::NeedsWork);
        let trace = answer(
            400,
            &[html],
            "<pre>Traceback (most recent call last)</pre><a href=/>x</a>",
        );
        assert_eq!(friendly(&[&trace, &good]).verdict, Verdict::Failed);
    }
}
