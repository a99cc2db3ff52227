//! Answers of the versions that have users: v3.0 and v3.1.

use clever_model::RecordKind;
use serde_json::{Value, json};

use super::listing::{Listing, Query, Records};
use super::problem::unknown;
use super::related::{Members, members};
use super::relations::Relation;
use crate::reply::Reply;
use crate::versions::Version;
use crate::versions::v3_0::v3_0;
use crate::world::{Record, World};

/// A request to a version that has users.
pub(super) struct Request<'a> {
    pub(super) world: &'a World,
    pub(super) version: Version,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

impl Request<'_> {
    /// Appends what the version has of a record.
    fn write(&self, kind: RecordKind, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        record.write(out);
        if self.version == Version::V3_0 {
            v3_0(kind, out, start);
        }
    }

    /// One record: `{"data":{…},"links":[…]}`.
    pub(super) fn single(&self, kind: RecordKind, id: &str) -> Reply {
        let Some(record) = self.world.list(kind).get(id) else {
            return unknown(self.version);
        };
        let own = format!("/{}/{kind}/{id}", self.version.as_str());
        let others = links(kind, &record.value()).into_iter();
        let others = others.map(|rel| json!({ "rel": rel, "uri": format!("{own}/{rel}") }));
        let links: Vec<_> = [json!({ "rel": "self", "uri": own })]
            .into_iter()
            .chain(others)
            .collect();
        let mut body = br#"{"data":"#.to_vec();
        self.write(kind, &record, &mut body);
        body.extend_from_slice(br#","links":"#);
        body.extend_from_slice(json!(links).to_string().as_bytes());
        body.push(b'}');
        // It is made of texts.
        Reply::json(String::from_utf8(body).unwrap_or_default())
    }

    /// Answers with all records of a kind.
    pub(super) fn all(&self, kind: RecordKind) -> Reply {
        self.list(kind, Members::All, false)
    }

    /// Answers with the members of a kind; with times in the dates of terms where those are a school's.
    fn list(&self, kind: RecordKind, members: Members<'_>, with_times: bool) -> Reply {
        if kind == RecordKind::Resources && self.world.list(kind).is_empty() {
            // Seen on the wire for a district without resources.
            return Reply::json(r#"{"resources":[]}"#.to_owned());
        }
        let listing = Listing {
            version: self.version,
            noun: kind.as_str(),
            path: self.path,
            query: self.query,
            flat: false,
        };
        listing.answer(|query: &Query| {
            let list = self.world.list(kind);
            Records {
                list: match query.role {
                    Some(role) => list.with_role(role),
                    None => list,
                },
                members,
                write: move |record: &Record<'_>, out: &mut Vec<u8>| {
                    if with_times {
                        out.extend_from_slice(term_with_times(record).as_bytes());
                    } else {
                        self.write(kind, record, out);
                    }
                },
            }
        })
    }

    /// Answers with the records that the one with `id` leads to.
    pub(super) fn related(&self, kind: RecordKind, id: &str, relation: Relation) -> Reply {
        let Some(record) = self.world.value(kind, id) else {
            return unknown(self.version);
        };
        let target = relation.target.kind();
        let found = members(self.world, relation.how, id, &record, target);
        if relation.single {
            let list = self.world.list(target);
            let first = match &found {
                Members::All => Some(self.world.district_id()),
                Members::Ids(ids) => ids.first().map(String::as_str),
                Members::Such(_) => None,
            };
            // A sub-path to one record answers with that record's own address.
            return match first.filter(|id| list.contains_key(id)) {
                Some(id) => self.single(target, id),
                None => unknown(self.version),
            };
        }
        let terms_of_school = (kind, target) == (RecordKind::Schools, RecordKind::Terms);
        self.list(target, found, terms_of_school)
    }
}

/// A school's terms write their dates with a time of day, unlike the same terms elsewhere (seen on the wire).
fn term_with_times(record: &Record<'_>) -> String {
    let mut term = record.value();
    for key in ["start_date", "end_date"] {
        if let Some(date) = term[key].as_str().filter(|date| date.len() == 10) {
            term[key] = json!(format!("{date}T00:00:00.000Z"));
        }
    }
    term.to_string()
}

/// The sub-paths that a v3 record's own links name. Those of a user follow the roles.
fn links(kind: RecordKind, record: &Value) -> Vec<&'static str> {
    let is = |role: &str| record["roles"][role].is_object();
    match kind {
        RecordKind::Districts | RecordKind::Resources => Vec::new(),
        RecordKind::Schools => vec!["district", "sections", "users", "courses", "terms"],
        RecordKind::Terms => vec!["district", "schools", "sections"],
        RecordKind::Courses => vec!["district", "schools", "sections"],
        RecordKind::Sections => {
            let named = |place: &str| record[place].as_str().is_some_and(|id| !id.is_empty());
            let mut links = vec!["district", "school", "users"];
            links.extend(named("course").then_some("course"));
            links.extend(named("term_id").then_some("term"));
            links
        }
        RecordKind::Users => {
            let mut links = vec!["district"];
            if is("student") || is("teacher") || is("staff") {
                links.push("schools");
            }
            if is("student") || is("teacher") {
                links.push("sections");
            }
            if is("student") {
                links.extend(["myContacts", "myTeachers"]);
            }
            if is("teacher") || is("contact") {
                links.push("myStudents");
            }
            links
        }
    }
}
