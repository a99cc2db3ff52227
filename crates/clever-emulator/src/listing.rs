//! Lists as Clever pages them: what a query asks for, the page, and the links to its neighbours.

use std::fmt::Write as _;

use clever_model::Role;
use serde_json::json;

use crate::reply::Reply;
use crate::world::{List, Record};

/// Records a page when no `limit` is given.
const DEFAULT_LIMIT: usize = 100;
/// Largest `limit`; above it Clever answers 413.
const MAX_LIMIT: usize = 10_000;

/// A query, read as Clever reads it: what it does not know, it ignores.
#[derive(Debug, Default)]
struct Query {
    limit: Option<usize>,
    starting_after: Option<String>,
    ending_before: Option<String>,
    count: bool,
    role: Option<Role>,
}

/// What is wrong with a query.
enum BadQuery {
    TooLarge,
    Bad(&'static str),
}

impl Query {
    fn read(text: &str) -> Result<Self, BadQuery> {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "limit" => match value.parse::<usize>() {
                    Ok(limit) if limit > MAX_LIMIT => return Err(BadQuery::TooLarge),
                    Ok(limit) if limit > 0 => query.limit = Some(limit),
                    _ => return Err(BadQuery::Bad("limit must be a positive integer")),
                },
                "starting_after" => query.starting_after = Some(value.into_owned()),
                "ending_before" => query.ending_before = Some(value.into_owned()),
                "count" => query.count = value == "true",
                "role" => {
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

/// A list as it is asked for.
pub(crate) struct Listing<'a> {
    pub(crate) version: &'a str,
    /// The records' word in paths: a kind, or `events`.
    pub(crate) noun: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

/// What a page holds, and what lies beside it.
struct Page<'a> {
    records: Vec<Record<'a>>,
    more_before: bool,
    more_after: bool,
    count: Option<usize>,
}

/// Writes a record as it is kept.
fn whole(record: &Record<'_>, out: &mut String) {
    record.write(out);
}

impl Listing<'_> {
    /// Answers with the page of `list` that the query asks for.
    pub(crate) fn answer(&self, list: List<'_>) -> Reply {
        self.answer_as(list, None, whole)
    }

    /// Answers with the page that the query asks for, of the records that `matches` lets through.
    pub(crate) fn answer_where(
        &self,
        list: List<'_>,
        matches: impl Fn(&Record<'_>) -> bool,
    ) -> Reply {
        self.answer_as(list, Some(&matches), whole)
    }

    /// Answers with a page of records that `write` writes. Without `matches` all belong to the list, and nothing is
    /// walked to count them.
    pub(crate) fn answer_as(
        &self,
        list: List<'_>,
        matches: Option<&dyn Fn(&Record<'_>) -> bool>,
        write: impl Fn(&Record<'_>, &mut String),
    ) -> Reply {
        let query = match Query::read(self.query) {
            Ok(query) => query,
            Err(BadQuery::TooLarge) => return Reply::message(413, "limit must not exceed 10000"),
            Err(BadQuery::Bad(why)) => return Reply::message(400, why),
        };
        let fits = |record: &Record<'_>| matches.is_none_or(|matches| matches(record));
        if self.noun == "resources" && !list.values().any(|record| fits(&record)) {
            // Seen on the wire for a district without resources.
            return Reply::json(r#"{"resources":[]}"#.to_owned());
        }
        let list = match query.role.filter(|_| self.noun == "users") {
            Some(role) => list.with_role(role),
            None => list,
        };
        let mut page = self.page(list, &query, fits);
        page.count = query.count.then(|| match matches {
            Some(_) => list.values().filter(fits).count(),
            None => list.len(),
        });
        Reply::json(self.write(&page, write))
    }

    /// Finds the page of `list` that `query` asks for.
    fn page<'a>(
        &self,
        list: List<'a>,
        query: &Query,
        fits: impl Fn(&Record<'a>) -> bool,
    ) -> Page<'a> {
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if let Some(before) = query.ending_before.as_deref() {
            let end = (before != "last").then_some(before);
            let found = list.range(None, end).rev().filter(fits);
            let mut records: Vec<_> = found.take(limit + 1).collect();
            let more_before = records.len() > limit;
            records.truncate(limit);
            records.reverse();
            return Page {
                records,
                more_before,
                more_after: before != "last",
                count: None,
            };
        }
        let after = query.starting_after.as_deref();
        let unpaged = self.noun == "districts";
        let limit = if unpaged { usize::MAX - 1 } else { limit };
        let found = list.range(after, None).filter(fits);
        let mut records: Vec<_> = found.take(limit + 1).collect();
        let more_after = records.len() > limit;
        records.truncate(limit);
        Page {
            records,
            more_before: after.is_some(),
            more_after,
            count: None,
        }
    }

    /// Writes the page. The first page has its links before its data, as some of Clever's have.
    fn write(&self, page: &Page<'_>, write: impl Fn(&Record<'_>, &mut String)) -> String {
        let mut body = String::with_capacity(1024);
        let links = self.links(page);
        body.push('{');
        if !page.more_before {
            body.push_str(&links);
            body.push(',');
        }
        body.push_str(r#""data":["#);
        let start = body.len();
        for (at, record) in page.records.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            if at == 16 {
                // By now the records' size is known well enough to take the memory at once.
                body.reserve((body.len() - start) / 16 * (page.records.len() - at) * 17 / 16);
            }
            body.push_str(r#"{"data":"#);
            write(record, &mut body);
            body.push_str(r#","uri":"/"#);
            for part in [self.version, "/", self.noun, "/", &record.id(), "\"}"] {
                body.push_str(part);
            }
        }
        body.push(']');
        if page.more_before {
            body.push(',');
            body.push_str(&links);
        }
        if let Some(count) = page.count {
            // Writing to a String can't fail.
            let _ = write!(body, r#","count":{count}"#);
        }
        body.push('}');
        body
    }

    fn links(&self, page: &Page<'_>) -> String {
        let own = if self.query.is_empty() && self.noun != "events" {
            self.path.to_owned()
        } else {
            format!("{}?{}", self.path, self.query)
        };
        let mut links = vec![json!({ "rel": "self", "uri": own })];
        if let (true, Some(first)) = (page.more_before, page.records.first()) {
            links.push(json!({ "rel": "prev", "uri": self.at("ending_before", &first.id()) }));
        }
        if let (true, Some(last)) = (page.more_after, page.records.last()) {
            links.push(json!({ "rel": "next", "uri": self.at("starting_after", &last.id()) }));
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
