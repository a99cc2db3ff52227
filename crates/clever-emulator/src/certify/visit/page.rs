//! What a page says and where it leads, read without a browser.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use url::Url;

/// A page as a person without a browser's screen would read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// The words on it.
    pub(crate) text: String,
    /// Where it goes on by itself.
    pub(crate) refresh: Option<Url>,
    /// Its links: where each leads, and its words.
    pub(crate) links: Vec<(Url, String)>,
    /// Whether it has a form.
    pub(crate) has_form: bool,
    /// What its `<meta name="referrer">` says.
    pub(crate) referrer: Option<String>,
}

/// Reads the HTML of the page at `at`.
pub(crate) fn read(html: &str, at: &Url) -> Page {
    let mut emitter = DefaultEmitter::<()>::default();
    emitter.naively_switch_states(true);
    let mut page = Page::default();
    let (mut unseen, mut link) = (0_usize, None::<(Url, String)>);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => {
                let attribute = |name: &[u8]| {
                    let value = tag.attributes.get(name)?;
                    Some(String::from_utf8_lossy(value).into_owned())
                };
                page.text.push(' ');
                match tag.name.as_slice() {
                    b"script" | b"style" | b"template" if !tag.self_closing => unseen += 1,
                    b"a" => {
                        page.links.extend(link.take());
                        let to = attribute(b"href").and_then(|href| at.join(&href).ok());
                        link = to.map(|to| (to, String::new()));
                    }
                    b"form" => page.has_form = true,
                    b"img" => {
                        if let (Some((_, words)), Some(alt)) = (&mut link, attribute(b"alt")) {
                            words.push_str(&alt);
                        }
                    }
                    b"meta" => {
                        let content = attribute(b"content").unwrap_or_default();
                        let is = |name: &[u8], value: &str| {
                            attribute(name).is_some_and(|one| one.eq_ignore_ascii_case(value))
                        };
                        if is(b"http-equiv", "refresh") {
                            page.refresh = refresh(&content, at);
                        }
                        if is(b"name", "referrer") {
                            page.referrer = Some(content);
                        }
                    }
                    _ => {}
                }
            }
            Token::EndTag(tag) => match tag.name.as_slice() {
                b"script" | b"style" | b"template" => unseen = unseen.saturating_sub(1),
                b"a" => page.links.extend(link.take()),
                _ => page.text.push(' '),
            },
            Token::String(text) if unseen == 0 => {
                let text = String::from_utf8_lossy(&text);
                page.text.push_str(&text);
                if let Some((_, words)) = &mut link {
                    words.push_str(&text);
                }
            }
            _ => {}
        }
    }
    page.links.extend(link);
    page.text = page.text.split_whitespace().collect::<Vec<_>>().join(" ");
    page
}

/// The address in `0;url=/login`.
fn refresh(content: &str, at: &Url) -> Option<Url> {
    let (_, rest) = content.split_once([';', ','])?;
    let (name, to) = rest.split_once('=')?;
    let to = to.trim().trim_matches(['"', '\'']);
    name.trim()
        .eq_ignore_ascii_case("url")
        .then(|| at.join(to).ok())?
}

/// Words by which a page says that something is wrong, as Clever's reviewers look for them.
const WRONG: [&str; 7] = [
    "error",
    "invalid",
    "unauthorized",
    "not found",
    "something went wrong",
    "access denied",
    "forbidden",
];

/// Words that a program says to programmers.
const RAW: [&str; 14] = [
    "traceback (most recent call last)",
    "stack trace",
    "internal server error",
    "undefined",
    "unhandled",
    "exception",
    "panicked at",
    "nullpointer",
    "[object object]",
    "invalid_grant",
    "at object.<anonymous>",
    "econnrefused",
    "syntaxerror",
    "typeerror",
];

/// The words of a text by which it says that something is wrong.
pub(crate) fn wrong_words(text: &str) -> Vec<&'static str> {
    found(text, &WRONG)
}

/// The words of a text that a program says to programmers.
pub(crate) fn raw_words(text: &str) -> Vec<&'static str> {
    found(text, &RAW)
}

fn found(text: &str, words: &[&'static str]) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let stands = |word: &&&str| {
        text.match_indices(**word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            !is_letter(before.chars().next_back()) && !is_letter(after.chars().next())
        })
    };
    words.iter().filter(stands).copied().collect()
}

/// Whether a text shows somebody's name: given name and surname, in any order and case.
pub(crate) fn shows(text: &str, (first, last): (&str, &str)) -> bool {
    let text = text.to_lowercase();
    let last_parts = last.to_lowercase();
    text.contains(&first.to_lowercase()) && text.contains(&last_parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        read(html, &"https://app.example/login?x=1".parse().unwrap())
    }

    #[test]
    fn a_page_gives_its_words_links_and_what_it_goes_on_to() {
        let page = page(
            "<!doctype html><title>Sign in</title><meta http-equiv=refresh content='0;url=/login'>\
             <meta name=Referrer content=no-referrer><style>p{}</style><script>let undefined_ = '<a>'</script>\
             <p>Hello,&nbsp;<b>O&#39;Connor</b><a href='/go?a=1&amp;b=2'><img alt='Log in with Clever'></a>\
             <form><a href=https://clever.com/oauth/authorize>Here",
        );
        assert_eq!(page.text, "Sign in Hello, O'Connor Here");
        assert_eq!(page.refresh.unwrap().as_str(), "https://app.example/login");
        let links: Vec<_> = page
            .links
            .iter()
            .map(|(to, words)| (to.as_str(), words.as_str()))
            .collect();
        assert_eq!(
            links,
            [
                ("https://app.example/go?a=1&b=2", "Log in with Clever"),
                ("https://clever.com/oauth/authorize", "Here")
            ]
        );
        assert!(page.has_form && page.referrer.as_deref() == Some("no-referrer"));
    }

    #[test]
    fn words_are_whole_ones() {
        assert!(wrong_words("Terrors and validation").is_empty());
        assert_eq!(
            wrong_words("Error: access denied."),
            ["error", "access denied"]
        );
        assert!(raw_words("Nothing is exceptional here").is_empty());
        assert_eq!(raw_words("Hello undefined!"), ["undefined"]);
        assert!(shows("NÚÑEZ-ÅNGSTRÖM, zoë", ("Zoë", "Núñez-Ångström")));
        assert!(!shows("O&#39;Connor Siobhán", ("Siobhán", "O'Connor")));
    }
}
