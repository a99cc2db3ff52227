//! Every fault by name, what it does, and which requests can meet it.

use serde::{Deserialize, Serialize};

/// Declares the faults once: variant, name and what it does; those that are over with the answer, those that change
/// more, those of what is read before and beside the API.
macro_rules! faults {
    ($($fault:ident $name:literal $says:literal,)* ; $($lasting:ident $long:literal $tells:literal,)* ;
     $($site:ident $word:literal $means:literal,)*) => {
        /// A way in which an answer goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Fault {
            $(#[doc = $says] #[serde(rename = $name)] $fault,)*
            $(#[doc = $tells] #[serde(rename = $long)] $lasting,)*
            $(#[doc = $means] #[serde(rename = $word)] $site,)*
        }

        impl Fault {
            /// Every fault that is over with the answer that it befalls, for tests that try each.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$fault),*];

            /// The faults that change more than an answer.
            pub const LASTING: [Self; [$($long),*].len()] = [$(Self::$lasting),*];

            /// The faults for discovery, keys and sign-in.
            pub const OF_SIGN_IN: [Self; [$($word),*].len()] = [$(Self::$site),*];

            /// Its name, as on command lines and in the control API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$fault => $name,)*
                    $(Self::$lasting => $long,)*
                    $(Self::$site => $word,)*
                }
            }

            /// What it does, in a sentence.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$fault => $says,)*
                    $(Self::$lasting => $tells,)*
                    $(Self::$site => $means,)*
                }
            }
        }
    };
}

faults! {
    Cut "cut" "The connection breaks in the middle of the body.",
    Truncated "truncated" "The body ends early, and says that it is whole.",
    Reset "reset" "The connection breaks before the body.",
    Hang "hang" "No answer for a very long time.",
    RateLimited "rate-limited" "429 with the text that Clever sends.",
    RateLimitedJson "rate-limited-json" "429 with a JSON message.",
    ServerError "server-error" "500 with a JSON message.",
    Html404 "html404" "404 with an HTML page.",
    TokenRotated "token-rotated" "401, as a token gets that was rotated; the token is good again after it.",
    DistrictPaused "district-paused" "The district's record says that it is paused.",
    EmptyList "empty-list" "A list without records.",
    DuplicatedRecords "duplicated-records" "Every record of the page twice.",
    DuplicatedPage "duplicated-page" "The page before once more, and `next` leads to the right one.",
    RepeatedPage "repeated-page" "`next` leads to the page itself.",
    EarlyEnd "early-end" "`next` is missing although there is more.",
    Unordered "unordered" "The page's records in descending order.",
    ExpiredCursor "expired-cursor" "The cursor is too old: events begin again from the oldest, and a page of submissions is refused.",
    ReorderedKeys "reordered-keys" "Keys in another order; the same content.",
    ShuffledMembers "shuffled-members" "Students, teachers, schools and relationships in another order at each answer, one of them twice; the same members.",
    UnknownEnum "unknown-enum" "A value that no description has: `gender` `Nonbinary`, `subject` `astronomy`.",
    UnknownField "unknown-field" "A field that no description has.",
    Nulls "nulls" "`null` in optional fields.",
    WrongType "wrong-type" "An object where an optional text belongs.",
    BrokenGzip "broken-gzip" "A compressed body with a wrong byte; without compression, the body as it is.",
    OddLinks "odd-links" "Beside the right links stand some that can't be read.",
    LinksObject "links-object" "`links` is an object and no list.",
    NextNowhere "next-nowhere" "`next` is there and has no address.",
    NoCount "no-count" "The answer does not say how many records there are, though it was asked.",
    OddCount "odd-count" "The answer says in words how many records there are.",
    NeverEnds "never-ends" "The last page leads on, to empty pages without end.",
    SamePage "same-page" "`next` leads to the same records again, at an address that is new each time.",
    Trickle "trickle" "A byte now and then, and no end.",
    EmptyBody "empty-body" "200 with nothing.",
    HtmlPage "html-page" "200 with an HTML page.",
    Html403 "html403" "403 with an HTML page, as what stands before an API answers.",
    Redirect "redirect" "302 to a page to sign in at, on another host.",
    FailedPage "failed-page" "200 with no records and an error.",
    NotUtf8 "not-utf8" "A byte in one name that is no UTF-8.",
    ByteOrderMark "byte-order-mark" "A mark of byte order before the body.",
    CodeReplay "code-replay" "The code of a sign-in was redeemed before.",
    MissingState "missing-state" "The way back from Clever's page brings no `state`.",
    ;
    RotateToken "rotate-token" "The district's token is rotated as the request comes: 401 from now on, and `/oauth/tokens` has the new one.",
    RotateKey "rotate-key" "A new key signs identities as the request comes, and the last one is no longer published.",
    ;
    Slow "slow" "The answer comes two seconds late.",
    Endless "endless" "A body of blanks that does not end.",
    OtherIssuer "other-issuer" "Discovery names another issuer.",
    EmptyKeys "empty-keys" "The set of keys is empty.",
}

/// A request as a rule looks at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

impl Asked<'_> {
    fn cursor(&self) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(name, _)| name == "starting_after" || name == "cursor")
            .map(|(_, value)| value.into_owned())
    }

    /// The query with other parameters in the cursor's place.
    fn with_cursor(&self, cursor: Option<(&str, &str)>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            if name != "starting_after" {
                query.append_pair(&name, &value);
            }
        }
        if let Some((name, value)) = cursor {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

impl Fault {
    /// Every fault there is.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .chain(Self::LASTING)
            .chain(Self::OF_SIGN_IN)
    }

    /// Says whether a request can meet it: a code is replayed nowhere but where codes are redeemed.
    pub(super) fn concerns(self, asked: &Asked<'_>) -> bool {
        match self {
            Self::CodeReplay => asked.method == "POST" && asked.path == "/oauth/tokens",
            Self::MissingState => asked.path == "/oauth/authorize",
            Self::DistrictPaused => asked.path.contains("/districts"),
            Self::ExpiredCursor => {
                (asked.path.ends_with("/events") || asked.path.ends_with("/submissions"))
                    && asked.cursor().is_some()
            }
            Self::DuplicatedPage => {
                asked.cursor().is_some() && !asked.path.ends_with("/submissions")
            }
            Self::RotateToken => !asked.path.starts_with("/oauth"),
            // A list that is not paged would never lead on.
            Self::NeverEnds => !asked.path.contains("/districts"),
            Self::OtherIssuer => asked.path.starts_with("/.well-known/"),
            Self::EmptyKeys => asked.path == "/oauth/certs",
            _ => true,
        }
    }

    /// The query as which a request is misread, if that is the fault.
    pub(crate) fn misread(self, asked: &Asked<'_>) -> Option<String> {
        match self {
            Self::ExpiredCursor if asked.path.ends_with("/events") => Some(asked.with_cursor(None)),
            Self::DuplicatedPage => {
                // The least text above the cursor: the page that ends with it.
                let above = format!("{}0", asked.cursor()?);
                Some(asked.with_cursor(Some(("ending_before", &above))))
            }
            _ => None,
        }
    }
}
