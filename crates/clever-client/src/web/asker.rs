//! Who asks for a page: a person, or something that only looks like one.

use axum::http::HeaderMap;

/// Who asks, as the browser tells by itself; a page's script can't set these headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A person who goes somewhere; also a browser too old to tell.
    Person,
    /// A person, but inside another page's frame, which Clever's pages don't allow.
    Frame,
    /// A page's script, or an image, for which a sign-in page is no answer.
    Script,
    /// A browser that loads ahead what its person may want, or not.
    Prefetch,
}

impl Asker {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let says = |name: &str, words: &[&str]| {
            let values = headers.get_all(name).into_iter();
            let mut values = values.filter_map(|value| value.to_str().ok());
            values.any(|value| {
                let mut parts = value.split([';', ',']);
                parts.any(|part| {
                    words
                        .iter()
                        .any(|word| part.trim().eq_ignore_ascii_case(word))
                })
            })
        };
        // `Sec-Purpose` is the standard's; the others are what browsers sent before it.
        let ahead = ["prefetch", "prerender", "preview", "instant"];
        let purposes = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
        if purposes.into_iter().any(|name| says(name, &ahead)) {
            return Self::Prefetch;
        }
        let going = ["navigate", "nested-navigate"];
        if says("x-requested-with", &["xmlhttprequest"])
            || headers.contains_key("sec-fetch-mode") && !says("sec-fetch-mode", &going)
        {
            return Self::Script;
        }
        let frames = ["iframe", "frame", "fencedframe", "embed", "object"];
        if says("sec-fetch-dest", &frames) || says("sec-fetch-mode", &["nested-navigate"]) {
            return Self::Frame;
        }
        Self::Person
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn who_asks_is_told_by_headers() {
        for (headers, asker) in [
            (&[][..], Asker::Person),
            (
                &[
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "document"),
                ],
                Asker::Person,
            ),
            (&[("sec-purpose", "prefetch;prerender")], Asker::Prefetch),
            (
                &[("sec-purpose", "prefetch;anonymous-client-ip")],
                Asker::Prefetch,
            ),
            (
                &[("purpose", "prefetch"), ("sec-fetch-mode", "navigate")],
                Asker::Prefetch,
            ),
            (&[("x-moz", "prefetch")], Asker::Prefetch),
            (&[("sec-fetch-mode", "cors")], Asker::Script),
            (
                &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
                Asker::Script,
            ),
            (&[("sec-fetch-mode", "websocket")], Asker::Script),
            (&[("x-requested-with", "XMLHttpRequest")], Asker::Script),
            (
                &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
                Asker::Frame,
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(Asker::of(&map), asker, "{headers:?}");
        }
    }
}
