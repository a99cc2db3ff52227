//! A page of a list, split into its records without decoding them.
//!
//! Clever nests a list's elements twice: `{"data":[{"data":{…},"uri":…}],"links":[…]}`. Most of a
//! sync's records are unchanged, so the split finds where each record lies and what its id is, and
//! leaves the rest alone. An element that has no usable id costs that element, not its page.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::scan;
use super::strict::{self, Parts};
use super::text::Text;

pub use super::count::Count;
pub use super::fault::PageError;
pub use super::links::{Link, LinkFault, Links};

/// One page of a list. Owns the response's body; records are spans of it, in the order they came.
#[derive(Clone, Default)]
pub struct RawPage {
    body: Arc<String>,
    records: Vec<Span>,
    refused: Vec<RefusedRecord>,
    links: Links,
    count: Count,
}

/// Where one record and its id lie in the body.
#[derive(Clone)]
struct Span {
    id: Range<usize>,
    json: Range<usize>,
}

/// One record of a page, not decoded. Its `Debug` shows the id only: the rest is personal data.
#[derive(Clone, Copy)]
pub struct RawRecord<'a> {
    /// The record's id, as sent.
    pub id: &'a str,
    /// The record's JSON object, as sent: the inner `data` of its element.
    pub json: &'a str,
}

/// An element of a page that could not be taken as a record. Holds no data of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Its place on the page, from 0.
    pub index: usize,
    /// Its id, if it has one that can be used.
    pub id: Option<String>,
    /// What was wrong with it.
    pub reason: &'static str,
    /// Where in the body it was wrong, in bytes from 0, if that is known.
    pub at: Option<usize>,
}

/// A page's records as models, and what could not be read as one.
#[derive(Debug, Clone)]
pub struct Decoded<T> {
    /// The records, in the order they came.
    pub records: Vec<T>,
    /// The others, in order of their places.
    pub refused: Vec<RefusedRecord>,
}

impl RawPage {
    /// Splits `body` into records.
    ///
    /// Takes a list (`data` an array), a single record (`data` an object: a page of one), `data: null`
    /// and `{"resources":[…]}` (what Clever answers for a district without resources).
    ///
    /// # Errors
    ///
    /// [`PageError`] when the body is cut, is not JSON, or is no list; never for one odd element.
    pub fn split(body: Bytes) -> Result<Self, PageError> {
        // The vector behind the bytes is taken over where nobody else has it.
        let text = Text::of(body)?;
        let mut page = match strict::split(&text.text) {
            Some(parts) => one_pass(&text.text, parts),
            None => parsed(&text.text).map_err(|error| text.fault(error))?,
        };
        if !text.wrong.is_empty() {
            page.leave_out_wrong(&text);
        }
        Ok(Self {
            body: Arc::new(text.text),
            ..page
        })
    }

    /// Refuses the records in which something is no UTF-8: what stands in for it is not what was sent.
    fn leave_out_wrong(&mut self, text: &Text) {
        let mut places = self.places();
        let mut wrong = Vec::new();
        self.records.retain(|span| {
            let index = places.next().unwrap_or_default();
            let Some(first) = text.wrong_in(&span.json) else {
                return true;
            };
            let id = text.wrong_in(&span.id).is_none();
            wrong.push(RefusedRecord {
                index,
                id: id.then(|| text.text[span.id.clone()].to_owned()),
                reason: "the record is not UTF-8",
                at: Some(first.sent),
            });
            false
        });
        self.refused.append(&mut wrong);
        self.refused.sort_by_key(|refused| refused.index);
    }

    /// The places of the records in the list, which refused elements take part in.
    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let refused: Vec<usize> = self.refused.iter().map(|refused| refused.index).collect();
        let mut refused = refused.into_iter().peekable();
        (0..).filter(move |index| refused.next_if_eq(index).is_none())
    }

    /// The page's records, in the order they came.
    pub fn records(&self) -> impl ExactSizeIterator<Item = RawRecord<'_>> + DoubleEndedIterator {
        self.records.iter().map(|span| RawRecord {
            id: self.text(&span.id),
            json: self.text(&span.json),
        })
    }

    /// Decodes every record with the model `T`. One that does not fit costs itself: it is named by its
    /// place and id, and the others arrive.
    #[must_use]
    pub fn decode<T: serde::de::DeserializeOwned>(&self) -> Decoded<T> {
        let mut records = Vec::with_capacity(self.records.len());
        let mut refused = self.refused.clone();
        for (record, index) in self.records().zip(self.places()) {
            // The parser's message may quote what it read, which may be personal.
            match serde_json::from_str(record.json) {
                Ok(model) => records.push(model),
                Err(_) => refused.push(RefusedRecord {
                    index,
                    id: Some(record.id.to_owned()),
                    reason: "the record does not fit its model",
                    at: None,
                }),
            }
        }
        refused.sort_by_key(|refused| refused.index);
        Decoded { records, refused }
    }

    /// Takes what was found at a place of the list.
    fn take(&mut self, index: usize, found: Result<Span, &'static str>) {
        match found {
            Ok(span) => self.records.push(span),
            Err(reason) => self.refused.push(RefusedRecord {
                index,
                id: None,
                reason,
                at: None,
            }),
        }
    }

    /// A part of the body; spans were made from it as text, so they lie on its boundaries.
    fn text(&self, range: &Range<usize>) -> &str {
        self.body.get(range.clone()).unwrap_or_default()
    }

    /// Elements that could not be taken as records.
    #[must_use]
    pub fn refused(&self) -> &[RefusedRecord] {
        &self.refused
    }

    /// The URI of the link called `rel`, as sent; `None` where there certainly is none.
    ///
    /// # Errors
    ///
    /// [`LinkFault`] where the links do not say: that is no end of a list.
    pub fn link(&self, rel: &str) -> Result<Option<&str>, LinkFault> {
        self.links.find(rel)
    }

    /// The URI of the following page; the last page has none.
    ///
    /// # Errors
    ///
    /// As [`RawPage::link`].
    pub fn next(&self) -> Result<Option<&str>, LinkFault> {
        self.link("next")
    }

    /// How many records the whole list has, by the answer's own word.
    #[must_use]
    pub fn count(&self) -> Count {
        self.count
    }

    /// How many records the page has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Says whether the page has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The body's size, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len()
    }
}

impl fmt::Debug for RawPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPage")
            .field("records", &self.records.len())
            .field("refused", &self.refused.len())
            .field("next", &self.next())
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RawRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRecord")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The page that one pass found; without its body.
fn one_pass(text: &str, parts: Parts) -> RawPage {
    let mut page = RawPage::default();
    page.records.reserve_exact(parts.elements.len());
    for (index, element) in parts.elements.into_iter().enumerate() {
        // The same choice as for a parsed page, below.
        let found = match (element.object, element.id, element.data) {
            (false, ..) => Err("the element is not an object"),
            (true, None, Some(inner)) if !inner.object => Err("the record is not an object"),
            (true, None, Some(inner)) => Ok((inner.id, inner.whole)),
            (true, id, _) => Ok((id, element.whole)),
        };
        let found = found.and_then(|(id, json)| {
            let id = id.ok_or("the record has no id")?;
            usable(text.get(id.clone()).unwrap_or_default())?;
            Ok(Span {
                id: id.start + 1..id.end - 1,
                json,
            })
        });
        page.take(index, found);
    }
    for links in parts.links {
        page.links.add(text.get(links).unwrap_or_default());
    }
    for count in parts.count {
        let count = Count::read(text.get(count).unwrap_or_default());
        page.count = page.count.and(count);
    }
    page
}

/// The page that the parser finds; without its body.
fn parsed(text: &str) -> Result<RawPage, PageError> {
    let not_json = |error: serde_json::Error| PageError::NotJson {
        line: error.line(),
        column: error.column(),
    };
    // A list is read in one pass; what is no list is small, and read again.
    let list: Result<Answer<Vec<&RawValue>>, _> = serde_json::from_str(text);
    let (elements, links, count) = match list {
        Ok(list) => {
            let data = list.records(Vec::is_empty)?;
            (data, list.links, list.count)
        }
        Err(_) => {
            let answer: Answer<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
            let data = answer.records(|raw| matches!(raw.get(), "null" | "[]"))?;
            let elements = match data.get().as_bytes().first() {
                Some(b'[') => serde_json::from_str(data.get()).map_err(not_json)?,
                Some(b'{') => vec![data],
                Some(b'n') => Vec::new(),
                _ => return Err(PageError::NoData),
            };
            (elements, answer.links, answer.count)
        }
    };
    let mut page = RawPage {
        links,
        count,
        ..RawPage::default()
    };
    for (index, element) in elements.into_iter().enumerate() {
        let found = record(element.get()).map(|(id, json)| Span {
            id: span(text, id),
            json: span(text, json),
        });
        page.take(index, found);
    }
    Ok(page)
}

/// Finds the record in a list's element, and its id: `{"data":{"id":…}}`, or the bare `{"id":…}` of
/// LMS Connect and of a few v1.2 lists.
fn record(element: &str) -> Result<(&str, &str), &'static str> {
    let outer = scan::keys(element).ok_or("the element is not an object")?;
    let (id, json) = match outer.data {
        // An event is bare in a list element's `data` and has a `data` of its own: its id is outside.
        Some(inner) if outer.id.is_none() => {
            let keys = scan::keys(inner).ok_or("the record is not an object")?;
            (keys.id, inner)
        }
        _ => (outer.id, element),
    };
    let id = usable(id.ok_or("the record has no id")?)?;
    Ok((id, json))
}

/// The text of an id, if it can be used as it is written.
fn usable(json: &str) -> Result<&str, &'static str> {
    let id = json
        .strip_prefix('"')
        .and_then(|id| id.strip_suffix('"'))
        .ok_or("the record's id is not text")?;
    if id.is_empty() || id.contains('\\') {
        return Err("the record's id is empty or escaped");
    }
    Ok(id)
}

/// Where `part`, a slice of `whole`, lies in it.
fn span(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Result<RawPage, PageError> {
        RawPage::split(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn ids(page: &RawPage) -> Vec<&str> {
        page.records().map(|record| record.id).collect()
    }

    #[test]
    fn a_list_gives_its_records_as_they_were_sent() {
        let page = split(
            r#"{"links":[{"rel":"self","uri":"/v3.0/users"},{"rel":"next","uri":"/v3.0/users?starting_after=b"}],
                "data":[{"data":{"name":{"id":"no"},"id":"a"},"uri":"/v3.0/users/a"},{"data":{"id":"b"}}],"count":2}"#,
        )
        .unwrap();
        assert_eq!(ids(&page), ["a", "b"]);
        assert_eq!(
            page.records().next().unwrap().json,
            r#"{"name":{"id":"no"},"id":"a"}"#
        );
        assert_eq!(page.next(), Ok(Some("/v3.0/users?starting_after=b")));
        assert_eq!(page.count(), Count::Said(2));
    }

    #[test]
    fn every_envelope_that_clever_sends_is_a_page() {
        for (text, expected) in [
            (r#"{"data":[]}"#, 0),
            (r#"{"data":null,"links":null}"#, 0),
            (r#"{"resources":[]}"#, 0),
            (r#"{"data":{"id":"a"},"links":[]}"#, 1),
            (r#"{"data":[{"id":"a"}],"links":"odd","count":"many"}"#, 1),
            (
                r#"{"data":[{"data":{"id":"e","type":"users.created","data":{"object":{"id":"u"}}}}]}"#,
                1,
            ),
        ] {
            assert_eq!(split(text).unwrap().len(), expected, "{text}");
        }
        let event =
            split(r#"{"data":[{"data":{"id":"e","data":{"object":{"id":"u"}}}}]}"#).unwrap();
        assert_eq!(ids(&event), ["e"]);
    }

    #[test]
    fn an_odd_element_costs_itself_and_is_named_by_place_only() {
        let page = split(
            r#"{"data":[{"data":{"id":"a"}},{"data":{"name":"Ada"}},7,{"data":{"id":"c"}}]}"#,
        )
        .unwrap();
        assert_eq!(ids(&page), ["a", "c"]);
        let places: Vec<usize> = page.refused().iter().map(|refused| refused.index).collect();
        assert_eq!(places, [1, 2]);
        assert!(!format!("{page:?} {:?}", page.refused()).contains("Ada"));
    }

    #[test]
    fn a_record_that_does_not_fit_its_model_is_named_and_the_others_arrive() {
        #[derive(Debug, serde::Deserialize)]
        struct Model {
            id: String,
            #[serde(rename = "grade")]
            _grade: u8,
        }
        let page = split(
            r#"{"data":[7,{"data":{"id":"a","grade":1}},{"data":{"id":"b","grade":"Ada"}},{"data":{}},{"data":{"id":"c","grade":2}}]}"#,
        )
        .unwrap();
        let decoded = page.decode::<Model>();
        let ids: Vec<&str> = decoded.records.iter().map(|model| &*model.id).collect();
        assert_eq!(ids, ["a", "c"]);
        let refused: Vec<_> = decoded
            .refused
            .iter()
            .map(|one| (one.index, one.id.as_deref()))
            .collect();
        assert_eq!(refused, [(0, None), (2, Some("b")), (3, None)]);
        assert!(!format!("{:?}", decoded.refused).contains("Ada"));
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        assert_eq!(split(r#"{"message":"no"}"#).unwrap_err(), PageError::NoData);
        assert_eq!(split(r#"{"data":7}"#).unwrap_err(), PageError::NoData);
        assert!(matches!(
            split("<html>").unwrap_err(),
            PageError::NotJson { .. }
        ));
        assert!(matches!(
            split("[]").unwrap_err(),
            PageError::NotJson { .. }
        ));
        for body in [&b"{\"data\":\xff[]}"[..], b"\xff\xfe{\0"] {
            let error = RawPage::split(Bytes::from_static(body)).unwrap_err();
            assert!(matches!(error, PageError::NotUtf8 { .. }), "{error}");
        }
        for text in [
            r#"{"data":[{"id":"a"}],"data":[{"id":"b"}]}"#,
            r#"{"data":[{"id":"a"}],"resources":[{"id":"b"}]}"#,
            r#"{"data":{"id":"a"},"resources":[{"id":"b"}]}"#,
        ] {
            assert_eq!(split(text).unwrap_err(), PageError::TwoLists, "{text}");
        }
        for text in [
            r#"{"data":[],"error":{"message":"time-out"}}"#,
            r#"{"data":[{"id":"a"}],"errors":["time-out"]}"#,
        ] {
            assert_eq!(split(text).unwrap_err(), PageError::Failed, "{text}");
        }
    }

    #[test]
    fn an_empty_list_hides_no_other() {
        for text in [
            r#"{"data":null,"resources":[{"id":"a"}]}"#,
            r#"{"data":[],"resources":[{"id":"a"}]}"#,
            r#"{"data":[{"id":"a"}],"data":[]}"#,
            r#"{"data":[{"id":"a"}],"error":null}"#,
        ] {
            assert_eq!(ids(&split(text).unwrap()), ["a"], "{text}");
        }
    }

    #[test]
    fn field_01_links_that_are_said_twice_or_oddly_are_no_end() {
        for (links, next) in [
            (
                r#""links":[{"rel":"next","uri":"/n"}],"links":[]"#,
                Ok(Some("/n")),
            ),
            (
                r#""l\u0069nks":[{"rel":"next","uri":"/n"}]"#,
                Ok(Some("/n")),
            ),
            (r#""links":{"next":"/n"}"#, Err(LinkFault::NotAList)),
            (r#""links":null"#, Ok(None)),
        ] {
            for text in [
                format!(r#"{{"data":[{{"id":"a"}}],{links}}}"#),
                format!(r#"{{{links},"data":[{{"id":"a"}}]}}"#),
                // What the parser reads, and not the one pass.
                format!(r#"{{{links},"resources":[{{"id":"a"}}]}}"#),
            ] {
                assert_eq!(split(&text).unwrap().next(), next, "{text}");
            }
        }
    }

    #[test]
    fn field_24_a_wrong_byte_costs_its_record_and_a_mark_costs_nothing() {
        let body = b"\xef\xbb\xbf{\"data\":[{\"data\":{\"id\":\"a\"}},{\"data\":{\"id\":\"b\",\"n\":\"Jos\xe9\"}},7,\
            {\"data\":{\"id\":\"c\"},\"uri\":\"\xe9\"},{\"data\":{\"id\":\"\xe9\"}}],\
            \"links\":[{\"rel\":\"next\",\"uri\":\"/n\"},{\"rel\":\"prev\",\"uri\":\"/\xe9\"}]}";
        let page = RawPage::split(Bytes::from_static(body)).unwrap();
        assert_eq!(ids(&page), ["a", "c"]);
        let refused: Vec<_> = page
            .refused()
            .iter()
            .map(|one| (one.index, one.id.as_deref(), one.at.is_some()))
            .collect();
        assert_eq!(
            refused,
            [(1, Some("b"), true), (2, None, false), (4, None, true)]
        );
        let at = page.refused()[0].at.unwrap();
        assert_eq!(body[at], 0xe9);
        assert_eq!(page.next(), Ok(Some("/n")));
        assert_eq!(page.link("prev"), Err(LinkFault::NoAddress));
    }

    /// What can be seen of a page.
    fn seen(page: &RawPage, text: &str) -> String {
        let records: Vec<_> = page
            .records
            .iter()
            .map(|span| (text.get(span.id.clone()), text.get(span.json.clone())))
            .collect();
        format!(
            "{records:?} {:?} {:?} {:?}",
            page.refused, page.links, page.count
        )
    }

    /// One pass says nothing, or just what the parser says.
    fn as_the_parser(text: &str) -> bool {
        let Some(parts) = strict::split(text) else {
            return false;
        };
        let parsed = parsed(text);
        let parsed = parsed.as_ref().map(|page| seen(page, text));
        assert_eq!(
            Ok(seen(&one_pass(text, parts), text)),
            parsed.map_err(Clone::clone)
        );
        true
    }

    #[test]
    fn pages_as_clever_writes_them_are_split_in_one_pass() {
        for text in [
            r#"{"data":[{"data":{"id":"a","n":[1,-2.5e+3,{"x":[]}],"t":"\u00e9\n é"},"uri":"/a"}],"links":[{"rel":"self","uri":"/"}],"count":1}"#,
            "{ \"data\" : [ ] }",
            r#"{"data":[7,{"data":{"id":"e","data":{"object":{"id":"u"}}}},{"id":"x","data":{}},{"data":{"id":""}},{"data":[]}]}"#,
        ] {
            assert!(as_the_parser(text), "{text}");
        }
        let recorded = std::env::var("CLEVER_SHARED").map(|shared| {
            std::fs::read_to_string(format!("{shared}/recorded/demo-district/users.json"))
        });
        match recorded {
            Ok(Ok(text)) => assert!(as_the_parser(&text)),
            _ => println!("skipped: no recorded pages (CLEVER_SHARED)"),
        }
        for text in [
            r#"{"data":[01]}"#,
            r#"{"data":["\x"]}"#,
            r#"{"data":["\u12g4"]}"#,
            "{\"data\":[\"\t\"]}",
            r#"{"data":[1,]}"#,
            r#"{"data":[{"a":1,}]}"#,
            r#"{"data":[{"a"}]}"#,
            r#"{"data":[[}]}"#,
            r#"{"data":[]} x"#,
            r#"{"data":[1.]}"#,
            r#"{"data":[-]}"#,
            r#"{"data":[tru]}"#,
        ] {
            assert_eq!(strict::split(text), None, "{text}");
            assert!(split(text).is_err(), "{text}");
        }
    }

    /// Values that pages are made of, with text of all sorts.
    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            "[ -~]{0,20}|[\"\\\\{}\\[\\]:,é\u{1F600}\u{1}\n]{0,12}"
                .prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
                prop::collection::btree_map("id|data|links|count|[a-z]{1,3}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn one_pass_finds_what_the_parser_finds(
            data in prop::collection::vec(values(), 0..5),
            more in values(),
            pretty in any::<bool>(),
            at in any::<prop::sample::Index>(),
            byte in "[\"\\\\{}\\[\\]:,0-9eE.+u tfn\u{1}-]",
            how in 0..4_u8,
        ) {
            let page = serde_json::json!({ "data": data, "links": more, "count": more });
            let mut text = if pretty { serde_json::to_string_pretty(&page) } else { serde_json::to_string(&page) }.unwrap();
            if how == 0 {
                prop_assert!(as_the_parser(&text), "whole and well written: {text}");
            } else {
                // A byte more, another, or one less, anywhere: mostly no JSON any longer.
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                let at = *at.get(&places);
                match how {
                    1 => text.insert_str(at, &byte),
                    2 => { text.remove(at); }
                    _ => { text.remove(at); text.insert_str(at, &byte); }
                }
                as_the_parser(&text);
            }
        }

        #[test]
        fn a_cut_page_is_never_a_short_one(at in 0_usize..90) {
            let whole = r#"{"data":[{"data":{"id":"a"},"uri":"/a"},{"data":{"id":"b"},"uri":"/b"}],"links":[]}"#;
            prop_assume!(at < whole.len());
            prop_assert!(split(&whole[..at]).is_err());
        }

        #[test]
        fn any_body_splits_or_is_refused_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = RawPage::split(Bytes::from(body)).map(|page| page.records().count());
        }
    }
}
