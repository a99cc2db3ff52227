//! The plain pages that say it, and what an application's own pages are made of.

use std::fmt::Write;

use super::Notice;

/// Somebody who is still signed in to the application in this browser.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// How the application names them ([`super::Sessions::name`]).
    pub name: Option<String>,
}

/// What a page says, and the addresses that it offers.
#[non_exhaustive]
pub struct Message<'a> {
    /// What has happened.
    pub notice: Notice,
    /// Whose session is still open in this browser, where a sign-in or a link did not end well. The page
    /// should say so and offer to sign out.
    pub still_open: Option<&'a OpenSession>,
    /// Begins a sign-in.
    pub sign_in: &'a str,
    /// Ends the session; to be posted to, by a form.
    pub sign_out: &'a str,
    /// Where the person signs out of Clever.
    pub sign_out_of_clever: &'a str,
    /// The application's front page.
    pub home: &'a str,
}

/// A page as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The whole HTML document.
    pub html: String,
    /// Its content security policy. An application whose page has a stylesheet or a picture allows them
    /// here, such as `default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'`.
    pub csp: String,
}

/// What our own pages may do: a style in the page, a form back to us, and no frame around them, so that
/// nobody is made to click what he can't see.
const CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; \
                   frame-ancestors 'none'";
/// The same for the page that is made to be seen in a frame: it has nothing but a link out of it.
const FRAMED_CSP: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

impl From<String> for Page {
    /// A page under the policy of our own ones: styles within the page, no scripts, nothing loaded.
    fn from(html: String) -> Self {
        Self {
            html,
            csp: CSP.to_owned(),
        }
    }
}

impl Message<'_> {
    /// A small page that says it and offers the way on. Nothing of the request is in it.
    #[must_use]
    pub fn page(&self) -> Page {
        let (what, then) = self.notice.text();
        let mut ways = String::new();
        if let Some(open) = self.still_open {
            let who = open.name.as_deref().map_or("Somebody".into(), escaped);
            let _ = write!(
                ways,
                "<p>{who} is still signed in to this app in this browser.</p>"
            );
        }
        if self.still_open.is_some() || self.notice == Notice::SignOut {
            let _ = write!(
                ways,
                "<form method=\"post\" action=\"{}\"><p><button style=\"font:inherit\">Sign out</button></p></form>",
                escaped(self.sign_out)
            );
        }
        let mut link = |to: &str, text: &str| {
            // Out of a frame, if the page is in one.
            let to = escaped(to);
            let _ = write!(ways, "<p><a href=\"{to}\" target=\"_top\">{text}</a></p>");
        };
        if matches!(self.notice, Notice::SignedOut | Notice::LinkOtherPerson) {
            link(self.sign_out_of_clever, "Go to Clever to sign out there");
        }
        if self.notice.is_of_link() || self.notice == Notice::SignOut {
            link(self.home, "Go back to the app");
        } else {
            link(self.sign_in, "Sign in with Clever");
        }
        let csp = if self.notice == Notice::Framed {
            FRAMED_CSP
        } else {
            CSP
        };
        Page {
            html: document("", what, then, &ways),
            csp: csp.to_owned(),
        }
    }
}

/// The page that begins a sign-in by itself, after Clever has sent somebody without a `state`.
pub(super) fn restart(sign_in: &str) -> Page {
    let to = escaped(sign_in);
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"0;url={to}\">");
    let ways = format!("<p><a href=\"{to}\">Sign in with Clever</a></p>");
    let then = "If this page stays, use the link.";
    document(&refresh, "You are being signed in.", then, &ways).into()
}

/// What an application's page falls back to where its own policy is no header's value.
pub(super) fn default_csp() -> &'static str {
    CSP
}

fn document(head: &str, what: &str, then: &str, ways: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">{head}\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Sign in</title>\
         <body style=\"font:18px/1.5 sans-serif;max-width:32em;margin:15vh auto;padding:0 1em\">\
         <main><h1 style=\"font-size:1.3em\">{what}</h1><p>{then}</p>{ways}</main></body></html>"
    )
}

/// A text as it may stand in HTML, between tags or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A name can't turn the text around it.
            letter if letter.is_control() => {}
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Reason;
    use super::*;

    const ALL: [Notice; 22] = [
        Notice::Cookies,
        Notice::Again,
        Notice::ByClever,
        Notice::Failed,
        Notice::Later,
        Notice::Ours,
        Notice::Refused(Reason::NoPlace),
        Notice::Refused(Reason::NotForRole),
        Notice::Refused(Reason::NotForLibrary),
        Notice::Refused(Reason::TeacherFirst),
        Notice::Refused(Reason::OnlyWayIn),
        Notice::Refused(Reason::Closed),
        Notice::Refused(Reason::Undecided),
        Notice::Refused(Reason::Unclear),
        Notice::LinkRefused(Some(Reason::OfSomebodyElse)),
        Notice::SignInFirst,
        Notice::SignedOut,
        Notice::SignOut,
        Notice::Framed,
        Notice::LinkOtherPerson,
        Notice::LinkOtherSession,
        Notice::LinkRefused(None),
    ];

    fn page(notice: Notice, still_open: Option<&OpenSession>) -> Page {
        let message = Message {
            notice,
            still_open,
            sign_in: "/auth/login",
            sign_out: "/auth/logout",
            sign_out_of_clever: "https://clever.com/",
            home: "/",
        };
        message.page()
    }

    /// Clever's own checks look for these words on a page; none of them helps a pupil either.
    #[test]
    fn no_page_has_a_word_that_reads_as_a_broken_program() {
        let mut pages: Vec<_> = ALL.iter().map(|notice| page(*notice, None)).collect();
        pages.push(restart("/login"));
        for page in pages {
            let text = page.html.to_lowercase();
            for word in [
                "error",
                "invalid",
                "unauthorized",
                "not found",
                "something went wrong",
                "undefined",
                "access denied",
                "forbidden",
                "500",
                "internal server",
            ] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    }

    #[test]
    fn every_page_leads_on_and_names_whose_session_is_open() {
        for notice in ALL {
            let alone = page(notice, None);
            assert!(alone.html.contains("<a href=\""), "{notice:?}");
            assert_eq!(
                alone.csp.contains("frame-ancestors 'none'"),
                notice != Notice::Framed
            );
            let ana = OpenSession {
                name: Some("Ana <b>\u{202e}\"R\"</b>".to_owned()),
            };
            let open = page(notice, Some(&ana)).html;
            assert!(
                open.contains("Ana &lt;b&gt;&quot;R&quot;&lt;/b&gt; is still signed in"),
                "{open}"
            );
            assert!(
                open.contains("<form method=\"post\" action=\"/auth/logout\">"),
                "{open}"
            );
        }
        let nameless = page(Notice::Again, Some(&OpenSession { name: None }));
        assert!(nameless.html.contains("Somebody is still signed in"));
    }
}
