//! The links of a page, read one by one.
//!
//! A list ends where no link leads on, so a link that can't be read must not pass for one that is not there. What can't be
//! read costs itself; whether it may have been the link that is asked for is said, and is an error of the walk.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A link of a page, as sent; the URI is relative to the API's origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What it leads to: `self`, `next`, `prev`, or anything else that Clever adds.
    #[serde(default)]
    pub rel: String,
    /// Where it leads.
    #[serde(default)]
    pub uri: String,
}

/// Why a page's links do not say whether another page follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkFault {
    /// There are links, and they are no list of links.
    #[error("its `links` are no list")]
    NotAList,
    /// The link is there, and has no address.
    #[error("the link has no address that can be used")]
    NoAddress,
    /// The link is there twice, with two addresses.
    #[error("there are two such links, and they differ")]
    Two,
    /// There is no such link, but one of which nobody can say what it leads to.
    #[error("a link can't be read, and may have been it")]
    Unreadable,
}

/// The links of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Those that say what they lead to. One without a usable address has an empty one.
    read: Vec<Link>,
    /// Whether there is one that does not.
    unreadable: bool,
    /// Whether there is a value that is no list.
    no_list: bool,
}

impl Links {
    /// Reads a value of `links`. `null` is absence, as everywhere at Clever.
    #[must_use]
    pub fn read(json: &str) -> Self {
        let mut links = Self::default();
        links.add(json);
        links
    }

    /// Adds the links of another value: a key that is repeated must not hide what the first one said.
    pub(crate) fn add(&mut self, json: &str) {
        if json.trim() == "null" {
            return;
        }
        let Ok(all) = serde_json::from_str::<Vec<&RawValue>>(json) else {
            self.no_list = true;
            return;
        };
        for one in all {
            match link(one.get()) {
                Some(link) => self.read.push(link),
                None => self.unreadable = true,
            }
        }
    }

    /// The address of the link called `rel`, in whatever case; `None` where there certainly is none.
    ///
    /// # Errors
    ///
    /// [`LinkFault`] where the links do not say.
    pub fn find(&self, rel: &str) -> Result<Option<&str>, LinkFault> {
        if self.no_list {
            return Err(LinkFault::NotAList);
        }
        let mut named = false;
        let mut found: Option<&str> = None;
        for link in self.read.iter().filter(|link| leads_to(&link.rel, rel)) {
            named = true;
            match found {
                _ if link.uri.is_empty() => {}
                Some(found) if found != link.uri => return Err(LinkFault::Two),
                _ => found = Some(&link.uri),
            }
        }
        match found {
            Some(uri) => Ok(Some(uri)),
            None if named => Err(LinkFault::NoAddress),
            None if self.unreadable => Err(LinkFault::Unreadable),
            None => Ok(None),
        }
    }
}

impl<'de> Deserialize<'de> for Links {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self::read(raw.get()))
    }
}

/// Says whether a `rel` names this relation: RFC 8288 allows several in one, in any case.
fn leads_to(of: &str, rel: &str) -> bool {
    of.split_whitespace()
        .any(|name| name.eq_ignore_ascii_case(rel))
}

/// Reads one link; `None` where it does not say what it leads to.
fn link(json: &str) -> Option<Link> {
    #[derive(Deserialize)]
    struct Keys<'a> {
        #[serde(borrow)]
        rel: Option<&'a RawValue>,
        #[serde(borrow)]
        uri: Option<&'a RawValue>,
    }
    // A list of two values would read as the keys' values.
    let object = json.trim_start().starts_with('{');
    let keys: Keys<'_> = object.then(|| serde_json::from_str(json).ok())??;
    let text = |raw: Option<&RawValue>| -> Option<String> {
        let text: String = serde_json::from_str(raw?.get()).ok()?;
        let text = text.trim();
        // What stands in for bytes that are no UTF-8 is no part of an address.
        let usable = !text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER);
        usable.then(|| text.to_owned())
    };
    Some(Link {
        rel: text(keys.rel)?,
        uri: text(keys.uri).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = r#"{"rel":"next","uri":"/n"}"#;

    fn next(json: &str) -> Result<Option<String>, LinkFault> {
        let found = Links::read(json).find("next")?.map(ToOwned::to_owned);
        Ok(found)
    }

    #[test]
    fn field_01_an_unreadable_link_costs_itself() {
        for odd in [
            r#"{"rel":"prev","uri":null}"#,
            r#"{"rel":"prev"}"#,
            r#"{"rel":"self","uri":7}"#,
            r#"{"rel":null,"uri":"/x"}"#,
            r#"{"rel":7,"uri":"/x"}"#,
            r#"{"uri":"/x"}"#,
            r#"{"rel":["self"],"uri":"/x"}"#,
            r#"{"rel":"next"}"#,
            "null",
            "7",
            r#""/v3.1/users""#,
            "[]",
            "{}",
            r#"["next","/x"]"#,
            r#"{"rel":"self","rel":"self","uri":"/x"}"#,
        ] {
            for all in [format!("[{odd},{NEXT}]"), format!("[{NEXT},{odd}]")] {
                assert_eq!(next(&all), Ok(Some("/n".to_owned())), "{all}");
            }
        }
        // What says that it is another one is none, whatever its address.
        for all in [
            r#"[{"rel":"prev","uri":null}]"#,
            r#"[{"rel":"self","uri":{}}]"#,
            r#"[{"rel":"nextish","uri":"/x"}]"#,
            "[]",
            "null",
        ] {
            assert_eq!(next(all), Ok(None), "{all}");
        }
    }

    #[test]
    fn field_01_a_link_that_may_have_been_next_is_no_end() {
        for (all, fault) in [
            ("{}", LinkFault::NotAList),
            (r#"{"next":"/n"}"#, LinkFault::NotAList),
            (r#"{"next":{"href":"/n"}}"#, LinkFault::NotAList),
            ("7", LinkFault::NotAList),
            ("true", LinkFault::NotAList),
            (r#""""#, LinkFault::NotAList),
            (r#""/n""#, LinkFault::NotAList),
            (r#"[{"rel":"next"}]"#, LinkFault::NoAddress),
            (r#"[{"rel":"next","uri":null}]"#, LinkFault::NoAddress),
            (r#"[{"rel":"next","uri":""}]"#, LinkFault::NoAddress),
            (r#"[{"rel":"next","uri":" "}]"#, LinkFault::NoAddress),
            (r#"[{"rel":"next","uri":7}]"#, LinkFault::NoAddress),
            (r#"[{"rel":"next","uri":["/n"]}]"#, LinkFault::NoAddress),
            (r#"[{"rel":"next","href":"/n"}]"#, LinkFault::NoAddress),
            ("[null]", LinkFault::Unreadable),
            (r#"["next"]"#, LinkFault::Unreadable),
            (r#"[{"uri":"/n"}]"#, LinkFault::Unreadable),
            (r#"[{"rel":"","uri":"/n"}]"#, LinkFault::Unreadable),
            (r#"[{"rel":["next"],"uri":"/n"}]"#, LinkFault::Unreadable),
            (r#"[{"Rel":"next","uri":"/n"}]"#, LinkFault::Unreadable),
            (
                r#"[{"rel":"next","uri":"/n"},{"rel":"next","uri":"/m"}]"#,
                LinkFault::Two,
            ),
        ] {
            assert_eq!(next(all), Err(fault), "{all}");
        }
    }

    #[test]
    fn field_01_next_is_known_in_any_case_and_beside_others() {
        for rel in ["next", "NEXT", "Next", " next ", "next last", "last\\tNEXT"] {
            let all = format!(r#"[{{"rel":"{rel}","uri":" /n "}}]"#);
            assert_eq!(next(&all), Ok(Some("/n".to_owned())), "{rel}");
        }
        // The same twice says the same.
        assert_eq!(next(&format!("[{NEXT},{NEXT}]")), Ok(Some("/n".to_owned())));
    }

    #[test]
    fn links_that_are_said_twice_hide_nothing() {
        let mut links = Links::read(&format!("[{NEXT}]"));
        links.add("[]");
        assert_eq!(links.find("next"), Ok(Some("/n")));
        links.add(r#"[{"rel":"next","uri":"/m"}]"#);
        assert_eq!(links.find("next"), Err(LinkFault::Two));
        links.add("7");
        assert_eq!(links.find("next"), Err(LinkFault::NotAList));
    }
}
