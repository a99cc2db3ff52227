//! Answers of the versions before v3.0: one collection for each type of person, by the ids of that time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use serde_json::{Value, json};

use super::listing::{Listing, Source};
use super::problem::{problem, unknown};
use super::related::{Members, TEACHERS, members, names};
use super::relations::Relation;
use crate::reply::Reply;
use crate::versions::ids::{index, world_id};
use crate::versions::shape::{Shaped, shaped, status};
use crate::versions::{Collection, Version};
use crate::world::index::Index;
use crate::world::{List, Record, World};

use Collection::{Contacts, DistrictAdmins, Districts, Sections, Students};

/// A request to an older version.
pub(super) struct Request<'a> {
    pub(super) world: &'a World,
    pub(super) version: Version,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

/// The record that a version before v3.0 has in a collection under `id`.
pub(super) fn record(
    world: &World,
    version: Version,
    collection: Collection,
    id: &str,
) -> Option<Value> {
    let own = world_id(world, version, collection, id)?;
    let record = world.value(collection.kind(), &own)?;
    let mut shaped = shaped(version, collection, &record, world).into_iter();
    Some(shaped.find(|shaped| shaped.id == id)?.record)
}

impl Request<'_> {
    fn shape(&self, collection: Collection, record: &Value) -> Vec<Shaped> {
        shaped(self.version, collection, record, self.world)
    }

    fn record(&self, collection: Collection, id: &str) -> Option<Value> {
        record(self.world, self.version, collection, id)
    }

    /// Answers with one record.
    pub(super) fn single(&self, collection: Collection, id: &str) -> Reply {
        let Some(found) = self.record(collection, id) else {
            return unknown(self.version);
        };
        let (version, noun) = (self.version.as_str(), collection.noun());
        let own = json!({ "rel": "self", "uri": format!("/{version}/{noun}/{id}") });
        Reply::json(json!({ "data": found, "links": [own] }).to_string())
    }

    /// Answers with a whole collection.
    pub(super) fn all(&self, collection: Collection) -> Reply {
        self.list(collection, Members::All, None)
    }

    /// Answers with the members of a collection, less what `where` leaves out.
    fn list<'m>(&'m self, collection: Collection, members: Members<'m>, of: Option<&str>) -> Reply {
        let wanted = match Where::read(self.version, self.query) {
            Ok(wanted) => wanted,
            Err(why) => return problem(self.version, 400, why),
        };
        let first = self.version.is_first();
        let listing = Listing {
            version: self.version,
            noun: collection.noun(),
            path: self.path,
            query: self.query,
            flat: first
                && (collection == DistrictAdmins || (collection == Contacts && of.is_some())),
        };
        // In v1 a contact is a student's own, and not those of the brothers and sisters.
        let own = of.filter(|_| first && collection == Contacts);
        let list = Older {
            request: self,
            collection,
            index: index(self.world, self.version, collection),
            members: self.by_old_ids(collection, members, own),
            wanted,
        };
        listing.answer(|_| list)
    }

    /// Gives a set of the world's ids as that of the version's. Of a v1 contact's records only those of `student`.
    fn by_old_ids<'m>(
        &self,
        collection: Collection,
        members: Members<'m>,
        student: Option<&str>,
    ) -> OldMembers<'m> {
        let ids = match members {
            Members::All => return OldMembers::Such(Box::new(|_| true)),
            Members::Such(such) => return OldMembers::Such(such),
            Members::Ids(ids) => ids,
        };
        let mut both = BTreeMap::new();
        for id in ids {
            let Some(record) = self.world.list(collection.kind()).get(&id) else {
                continue;
            };
            let shaped = self.shape(collection, &record.value()).into_iter();
            let wanted = shaped
                .filter(|one| student.is_none_or(|student| one.record["student"] == *student));
            both.extend(wanted.map(|one| (one.id, id.clone())));
        }
        OldMembers::Ids(both)
    }

    /// Answers with the records that the one with `id` leads to.
    pub(super) fn related(&self, collection: Collection, id: &str, relation: Relation) -> Reply {
        let Some((own, record)) = self.found(collection, id) else {
            return unknown(self.version);
        };
        // A contact of v1 has one student: the record says which.
        if (collection, relation.target) == (Contacts, Students) && relation.single {
            let contact = self.record(Contacts, id).unwrap_or_default();
            return match contact["student"].as_str() {
                Some(id) => self.single(Students, id),
                None => unknown(self.version),
            };
        }
        let target = relation.target;
        let found = members(self.world, relation.how, &own, &record, target.kind());
        if !relation.single {
            return self.list(target, found, Some(id));
        }
        let first = match found {
            Members::All => Some(self.world.district_id().to_owned()),
            Members::Ids(ids) => ids.into_iter().next(),
            Members::Such(_) => None,
        };
        let shaped = first
            .and_then(|id| self.world.value(target.kind(), &id))
            .and_then(|record| self.shape(target, &record).into_iter().next());
        // A sub-path to one record answers with that record's own address.
        match shaped {
            Some(one) => self.single(target, &one.id),
            None => unknown(self.version),
        }
    }

    /// The record of the world that the version has under `id`, with its own id.
    fn found(&self, collection: Collection, id: &str) -> Option<(String, Value)> {
        let own = world_id(self.world, self.version, collection, id)?;
        let record = self.world.value(collection.kind(), &own)?;
        Some((own, record))
    }

    /// What v1 has beside records: how a district's connection is doing, and the grades of a teacher's sections.
    pub(super) fn special(&self, collection: Collection, id: &str) -> Reply {
        let Some((own, record)) = self.found(collection, id) else {
            return unknown(self.version);
        };
        let data = if collection == Districts {
            json!([{ "data": status(self.version, &record) }])
        } else {
            let sections = self.world.sections_of(&own).into_iter();
            let sections = sections
                .filter_map(|section| self.record(Sections, &section))
                .filter(|section| names(section, TEACHERS, id));
            let grades = sections.filter_map(|section| {
                let grade = section["grade"].as_str()?;
                Some(grade.to_owned())
            });
            json!(grades.collect::<BTreeSet<_>>())
        };
        let links = json!([{ "rel": "self", "uri": self.path }]);
        Reply::json(json!({ "data": data, "links": links }).to_string())
    }
}

/// Which records of a collection belong to a list.
enum OldMembers<'a> {
    /// Those with these ids; beside each, the world's.
    Ids(BTreeMap<String, String>),
    /// Those whose record in the world is such.
    Such(Box<dyn Fn(&Record<'_>) -> bool + 'a>),
}

/// A list of an older version.
struct Older<'a> {
    request: &'a Request<'a>,
    collection: Collection,
    /// Where the collection has ids of its own.
    index: Option<Arc<Index>>,
    members: OldMembers<'a>,
    wanted: Where,
}

/// A record of the world, and the id under which the version has it or a part of it.
struct Old<'a> {
    id: CompactString,
    record: Record<'a>,
}

impl<'a> Older<'a> {
    /// The records of the world, of which some are none of the version.
    fn list(&self) -> List<'a> {
        let list = self.request.world.list(self.collection.kind());
        match self.collection.role() {
            Some(role) => list.with_role(role),
            None => list,
        }
    }

    /// The record under the version's id `id`, if it belongs to the list.
    fn found(&self, id: &str, record: Record<'a>) -> Option<Old<'a>> {
        if let OldMembers::Such(such) = &self.members
            && !such(&record)
        {
            return None;
        }
        // Those that are made have the role that they are listed under. Of kept ones the text says it.
        if !self.wanted.is_empty() || record.kept().is_some() {
            let shaped = self.request.shape(self.collection, &record.value());
            let found = shaped.into_iter().find(|one| one.id == id)?;
            if !self.wanted.has(&found.record) {
                return None;
            }
        }
        let id = id.into();
        Some(Old { id, record })
    }

    /// All between two ids, without these, from either end.
    fn between<'s>(
        &'s self,
        after: Option<&'s str>,
        before: Option<&'s str>,
    ) -> Box<dyn DoubleEndedIterator<Item = Old<'a>> + 's> {
        let list = self.list();
        let of_world = move |(old, own): (&'s str, &'s str)| {
            let record = list.get(own)?;
            self.found(old, record)
        };
        if let OldMembers::Ids(both) = &self.members {
            let inside = both.iter().filter(move |(id, _)| {
                after.is_none_or(|after| id.as_str() > after)
                    && before.is_none_or(|before| id.as_str() < before)
            });
            let inside = inside.map(|(old, own)| (old.as_str(), own.as_str()));
            return Box::new(inside.filter_map(of_world));
        }
        if let Some(index) = &self.index {
            return Box::new(index.range(after, before).filter_map(of_world));
        }
        let records = list.range(after, before);
        Box::new(records.filter_map(|record| self.found(&record.id(), record)))
    }
}

impl<'a> Source for Older<'a> {
    type Item = Old<'a>;

    fn up<'s>(&'s self, after: Option<&'s str>) -> impl Iterator<Item = Old<'a>> {
        self.between(after, None)
    }

    fn down<'s>(&'s self, before: Option<&'s str>) -> impl Iterator<Item = Old<'a>> {
        self.between(None, before).rev()
    }

    fn id<'i>(&self, item: &'i Old<'a>) -> Cow<'i, str> {
        Cow::Borrowed(&item.id)
    }

    fn write(&self, item: &Old<'a>, out: &mut Vec<u8>) {
        let record = item.record.value();
        let shaped = self.request.shape(self.collection, &record).into_iter();
        for one in shaped.filter(|one| one.id == item.id) {
            // Values can always be written, and so can memory.
            drop(serde_json::to_writer(&mut *out, &one.record));
        }
    }
}

/// The filter of v1: what fields must equal, by their names with dots between.
struct Where(Vec<(String, Value)>);

impl Where {
    /// Reads `where`, which only v1 has.
    fn read(version: Version, query: &str) -> Result<Self, &'static str> {
        let text = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "where")
            .map(|(_, value)| value.into_owned());
        let Some(text) = text.filter(|_| version.is_first()) else {
            return Ok(Self(Vec::new()));
        };
        let Ok(Value::Object(fields)) = serde_json::from_str(&text) else {
            return Err("where is not a JSON object");
        };
        let operator = |name: &str, value: &Value| {
            let inside = value.as_object().into_iter().flatten();
            name.starts_with('$') || inside.into_iter().any(|(name, _)| name.starts_with('$'))
        };
        if fields.iter().any(|(name, value)| operator(name, value)) {
            return Err("where knows no operators here, only values");
        }
        Ok(Self(fields.into_iter().collect()))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, record: &Value) -> bool {
        self.0.iter().all(|(field, wanted)| {
            let mut inside = Some(record);
            for part in field.split('.') {
                inside = inside.and_then(|value| value.get(part));
            }
            inside == Some(wanted)
        })
    }
}
