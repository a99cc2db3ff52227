//! Lists as Clever pages them: what a query asks for, the page, and the links to its neighbours.

use std::borrow::Cow;

use clever_model::Role;
use serde_json::json;

use super::problem::problem;
use super::related::Members;
use crate::reply::Reply;
use crate::versions::Version;
use crate::world::{List, Record};

/// Records a page when no `limit` is given.
const DEFAULT_LIMIT: usize = 100;
/// Largest `limit`; above it Clever answers 413.
const MAX_LIMIT: usize = 10_000;

/// A query, read as Clever reads it: what it does not know, it ignores.
#[derive(Debug, Default)]
pub(crate) struct Query {
    limit: Option<usize>,
    starting_after: Option<String>,
    ending_before: Option<String>,
    count: bool,
    pub(crate) role: Option<Role>,
}

/// What is wrong with a query.
enum BadQuery {
    TooLarge,
    Bad(&'static str),
}

impl Query {
    fn read(listing: &Listing<'_>) -> Result<Self, BadQuery> {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(listing.query.as_bytes()) {
            match &*name {
                // A token has one district: that list knows no pages.
                _ if listing.noun == "districts" && name != "count" => {}
                "limit" => match value.parse::<usize>() {
                    Ok(limit) if limit > MAX_LIMIT => return Err(BadQuery::TooLarge),
                    Ok(limit) if limit > 0 => query.limit = Some(limit),
                    _ => return Err(BadQuery::Bad("limit must be a positive integer")),
                },
                "starting_after" => query.starting_after = Some(value.into_owned()),
                "ending_before" => query.ending_before = Some(value.into_owned()),
                // v2.0 has no count; anything but `true` is none, and no mistake either.
                "count" => query.count = value == "true" && listing.version != Version::V2_0,
                "role" if listing.noun == "users" => {
                    let role = value
                        .parse()
                        .map_err(|_| BadQuery::Bad("role is not one of the allowed values"))?;
                    query.role = Some(role);
                }
                _ => {}
            }
        }
        Ok(query)
    }
}

/// What a list is of: items by ascending id, found but not yet written.
pub(crate) trait Source {
    /// One of them.
    type Item;
    /// Those after an id, from there on.
    fn up<'s>(&'s self, after: Option<&'s str>) -> impl Iterator<Item = Self::Item>;
    /// Those before an id, from there backwards.
    fn down<'s>(&'s self, before: Option<&'s str>) -> impl Iterator<Item = Self::Item>;
    /// How many there are.
    fn count(&self) -> usize {
        self.up(None).count()
    }
    /// An item's id.
    fn id<'i>(&self, item: &'i Self::Item) -> Cow<'i, str>;
    /// Appends an item's id to `out`.
    fn write_id(&self, item: &Self::Item, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id(item).as_bytes());
    }
    /// Appends an item's JSON object to `out`.
    fn write(&self, item: &Self::Item, out: &mut Vec<u8>);
}

/// Records of the world under their own ids.
pub(crate) struct Records<'a, W> {
    pub(crate) list: List<'a>,
    pub(crate) members: Members<'a>,
    /// Writes a record.
    pub(crate) write: W,
}

impl<'a, W> Records<'a, W> {
    fn fits(&self, record: &Record<'_>) -> bool {
        match &self.members {
            Members::All => true,
            Members::Ids(ids) => ids.contains(&*record.id()),
            Members::Such(such) => such(record),
        }
    }

    /// Those of a set of ids that are between two, without these.
    fn named(&self, after: Option<&str>, before: Option<&str>) -> Option<Vec<Record<'a>>> {
        let Members::Ids(ids) = &self.members else {
            return None;
        };
        let between = ids.iter().filter(|id| {
            after.is_none_or(|after| id.as_str() > after)
                && before.is_none_or(|before| id.as_str() < before)
        });
        Some(between.filter_map(|id| self.list.get(id)).collect())
    }
}

impl<'a, W: Fn(&Record<'_>, &mut Vec<u8>)> Source for Records<'a, W> {
    type Item = Record<'a>;

    fn up<'s>(&'s self, after: Option<&'s str>) -> impl Iterator<Item = Record<'a>> {
        let named = self.named(after, None);
        let walked = named.is_none().then(|| self.list.range(after, None));
        let walked = walked.into_iter().flatten();
        let walked = walked.filter(|record| self.fits(record));
        named.into_iter().flatten().chain(walked)
    }

    fn down<'s>(&'s self, before: Option<&'s str>) -> impl Iterator<Item = Record<'a>> {
        let named = self.named(None, before);
        let walked = named.is_none().then(|| self.list.range(None, before).rev());
        let walked = walked.into_iter().flatten();
        let walked = walked.filter(|record| self.fits(record));
        named
            .into_iter()
            .flat_map(|named| named.into_iter().rev())
            .chain(walked)
    }

    fn count(&self) -> usize {
        match &self.members {
            // Nothing is walked to count a whole list.
            Members::All => self.list.len(),
            _ => self.up(None).count(),
        }
    }

    fn id<'i>(&self, record: &'i Record<'a>) -> Cow<'i, str> {
        record.id()
    }

    fn write_id(&self, record: &Record<'a>, out: &mut Vec<u8>) {
        record.write_id(out);
    }

    fn write(&self, record: &Record<'a>, out: &mut Vec<u8>) {
        (self.write)(record, out);
    }
}

/// A list as it is asked for.
pub(crate) struct Listing<'a> {
    pub(crate) version: Version,
    /// The records' word in paths.
    pub(crate) noun: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// Whether records stand in the list without an envelope of their own, as a few lists of v1 have them.
    pub(crate) flat: bool,
}

/// What a page holds, and what lies beside it.
struct Page<T> {
    items: Vec<T>,
    more_before: bool,
    more_after: bool,
    count: Option<usize>,
}

impl Listing<'_> {
    /// Answers with the page that the query asks for, of what `source` gives for the query.
    pub(crate) fn answer<S: Source>(&self, source: impl FnOnce(&Query) -> S) -> Reply {
        let query = match Query::read(self) {
            Ok(query) => query,
            Err(BadQuery::TooLarge) => {
                return problem(self.version, 413, "limit must not exceed 10000");
            }
            Err(BadQuery::Bad(why)) => return problem(self.version, 400, why),
        };
        let source = source(&query);
        let mut page = self.page(&source, &query);
        page.count = query.count.then(|| source.count());
        // It is made of texts.
        let body = String::from_utf8(self.write(&source, &page));
        Reply::json(body.unwrap_or_default())
    }

    /// Finds the page that `query` asks for.
    fn page<S: Source>(&self, source: &S, query: &Query) -> Page<S::Item> {
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if let Some(before) = query.ending_before.as_deref() {
            let end = (before != "last").then_some(before);
            let mut items: Vec<_> = source.down(end).take(limit + 1).collect();
            let more_before = items.len() > limit;
            items.truncate(limit);
            items.reverse();
            return Page {
                items,
                more_before,
                more_after: before != "last",
                count: None,
            };
        }
        let after = query.starting_after.as_deref();
        let mut items: Vec<_> = source.up(after).take(limit + 1).collect();
        let more_after = items.len() > limit;
        items.truncate(limit);
        Page {
            items,
            more_before: after.is_some(),
            more_after,
            count: None,
        }
    }

    /// Writes the page. The first page has its links before its data, as some of
    /// Clever's have.
    fn write<S: Source>(&self, source: &S, page: &Page<S::Item>) -> Vec<u8> {
        let mut body = Vec::with_capacity(1024);
        let links = self.links(source, page);
        let uri = format!(r#","uri":"/{}/{}/"#, self.version.as_str(), self.noun);
        body.push(b'{');
        if !page.more_before {
            body.extend_from_slice(links.as_bytes());
            body.push(b',');
        }
        body.extend_from_slice(br#""data":["#);
        let start = body.len();
        for (at, item) in page.items.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            if at == 16 {
                // By now the records' size is known well enough to take the memory at once.
                body.reserve((body.len() - start) / 16 * (page.items.len() - at) * 17 / 16);
            }
            if self.flat {
                source.write(item, &mut body);
                continue;
            }
            body.extend_from_slice(br#"{"data":"#);
            source.write(item, &mut body);
            body.extend_from_slice(uri.as_bytes());
            source.write_id(item, &mut body);
            body.extend_from_slice(b"\"}");
        }
        body.push(b']');
        if page.more_before {
            body.push(b',');
            body.extend_from_slice(links.as_bytes());
        }
        if let Some(count) = page.count {
            body.extend_from_slice(format!(r#","count":{count}"#).as_bytes());
        }
        body.push(b'}');
        body
    }

    fn links<S: Source>(&self, source: &S, page: &Page<S::Item>) -> String {
        // Seen on the wire: the feed's own link has a question mark with nothing behind.
        let own = if self.query.is_empty() && self.noun != "events" {
            self.path.to_owned()
        } else {
            format!("{}?{}", self.path, self.query)
        };
        let mut links = vec![json!({ "rel": "self", "uri": own })];
        if let (true, Some(first)) = (page.more_before, page.items.first()) {
            links
                .push(json!({ "rel": "prev", "uri": self.at("ending_before", &source.id(first)) }));
        }
        if let (true, Some(last)) = (page.more_after, page.items.last()) {
            links
                .push(json!({ "rel": "next", "uri": self.at("starting_after", &source.id(last)) }));
        }
        format!(r#""links":{}"#, serde_json::Value::from(links))
    }

    /// The address of a neighbouring page: everything else of the query is carried over.
    fn at(&self, cursor: &str, id: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            if name != "starting_after" && name != "ending_before" && name != "count" {
                query.append_pair(&name, &value);
            }
        }
        query.append_pair(cursor, id);
        format!("{}?{}", self.path, query.finish())
    }
}
