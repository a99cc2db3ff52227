//! Answers of the versions before v3.0: one collection for each type of person, by the ids of that time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use serde_json::{Value, json};

use super::index::Index;
use super::shape::{Shaped, shaped, status};
use super::{Collection, Version};
use crate::listing::{Listing, Source};
use crate::outlet::Outlet;
use crate::related::{How, Members, Places, RELATIONS, STUDENTS, TEACHERS, members, names};
use crate::reply::Reply;
use crate::world::{List, Record, World};

use Collection::{
    Contacts, Courses, DistrictAdmins, Districts, SchoolAdmins, Schools, Sections, Students,
    Teachers, Terms,
};

/// How a record leads to others before v3.0.
struct Way {
    target: Collection,
    /// One record is answered, not a list.
    single: bool,
    how: How,
}

/// The sub-paths of versions before v3.0.
fn way(version: Version, collection: Collection, sub: &str) -> Option<Way> {
    const SCHOOL: Places = &["/school"];
    const COURSE: Places = &["/course"];
    const TERM: Places = &["/term_id"];
    let list = |target, how| (target, false, how);
    let one = |target, how| (target, true, how);
    let later = !version.is_first();
    let (target, single, how) = match (collection, sub) {
        (Districts, "schools") if !later => list(Schools, How::All),
        (Districts, "sections") if !later => list(Sections, How::All),
        (Districts, "students") if !later => list(Students, How::All),
        (Districts, "teachers") if !later => list(Teachers, How::All),
        (Districts, "admins") if !later => list(DistrictAdmins, How::All),
        (Districts, _) => return None,
        // v1 names no such path for admins.
        (SchoolAdmins | DistrictAdmins, "district") if !later => return None,
        (_, "district") => one(Districts, How::All),
        (Students, "contacts") => list(Contacts, How::Contacts),
        (Students, "school") => one(Schools, How::Names(&["/roles/student/school"])),
        (Students, "schools") if later => list(Schools, How::Names(&["/roles/student/schools"])),
        (Students, "sections") => list(Sections, How::Sections(STUDENTS)),
        (Students, "teachers") => list(
            Teachers,
            How::Classes {
                by: STUDENTS,
                to: TEACHERS,
                own: &[],
            },
        ),
        (Teachers, "school") => one(Schools, How::Names(&["/roles/teacher/school"])),
        (Teachers, "schools") if later => list(Schools, How::Names(&["/roles/teacher/schools"])),
        (Teachers, "sections") => list(Sections, How::Sections(TEACHERS)),
        (Teachers, "students") => list(
            Students,
            How::Classes {
                by: TEACHERS,
                to: STUDENTS,
                own: &[],
            },
        ),
        (SchoolAdmins, "schools") => list(Schools, How::Names(&["/roles/staff/schools"])),
        (Contacts, "students") if later => list(Students, How::Names(RELATIONS)),
        (Contacts, "student") if !later => one(Students, How::Names(RELATIONS)),
        (Sections, "school") => one(Schools, How::Names(SCHOOL)),
        (Sections, "course") if later => one(Courses, How::Names(COURSE)),
        (Sections, "term") if later => one(Terms, How::Names(TERM)),
        (Sections, "teacher") => one(Teachers, How::Names(&["/teacher"])),
        (Sections, "teachers") => list(Teachers, How::Names(TEACHERS)),
        (Sections, "students") => list(Students, How::Names(STUDENTS)),
        (Schools, "sections") => list(Sections, How::NamedBy(SCHOOL)),
        (Schools, "students") => list(Students, How::NamedBy(&["/roles/student/schools"])),
        (Schools, "teachers") => list(Teachers, How::NamedBy(&["/roles/teacher/schools"])),
        (Courses, "sections") => list(Sections, How::NamedBy(COURSE)),
        (Terms, "sections") => list(Sections, How::NamedBy(TERM)),
        _ => return None,
    };
    Some(Way {
        target,
        single,
        how,
    })
}

/// Sub-paths of v1 that answer with something else than records.
fn is_special(version: Version, collection: Collection, sub: &str) -> bool {
    version.is_first()
        && matches!(
            (collection, sub),
            (Districts, "status")
                | (Teachers, "grade_levels")
                | (
                    Schools | Sections | Students | Teachers | SchoolAdmins,
                    "events"
                )
        )
}

/// Says whether a path of an older version is one of the API's.
pub(crate) fn is_api(version: Version, parts: &[&str]) -> bool {
    match parts {
        ["events"] | ["events", _] => true,
        [noun] | [noun, _] => Collection::of(version, noun).is_some(),
        [noun, _, sub] => Collection::of(version, noun).is_some_and(|collection| {
            way(version, collection, sub).is_some() || is_special(version, collection, sub)
        }),
        _ => false,
    }
}

/// The world's id of what `version` has in `collection` under `id`.
pub(crate) fn world_id(
    world: &World,
    version: Version,
    collection: Collection,
    id: &str,
) -> Option<String> {
    if collection.has_old_ids() {
        let index = world.indexes.of(version, collection, world);
        return index.user(id).map(ToOwned::to_owned);
    }
    let list = world.list(collection.kind());
    let list = match collection.role() {
        Some(role) => list.with_role(role),
        None => list,
    };
    list.contains_key(id).then(|| id.to_owned())
}

/// A request to an older version.
pub(crate) struct Request<'a> {
    pub(crate) world: &'a World,
    pub(crate) version: Version,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) outlet: &'a Outlet,
}

impl Request<'_> {
    /// Answers everything but events.
    pub(crate) fn answer(&self, parts: &[&str]) -> Reply {
        let collection = |noun: &str| Collection::of(self.version, noun);
        match parts {
            [noun] => match collection(noun) {
                Some(collection) => self.list(collection, Members::All, None),
                None => Reply::no_such_path(self.path),
            },
            [noun, id] => match collection(noun) {
                Some(collection) => self.single(collection, id),
                None => Reply::no_such_path(self.path),
            },
            [noun, id, sub] => match collection(noun) {
                Some(collection) => self.related(collection, id, sub),
                None => Reply::no_such_path(self.path),
            },
            _ => Reply::no_such_path(self.path),
        }
    }

    fn unknown(&self) -> Reply {
        Reply::problem(self.version, 404, "Resource not found")
    }

    fn world_id(&self, collection: Collection, id: &str) -> Option<String> {
        world_id(self.world, self.version, collection, id)
    }

    fn index(&self, collection: Collection) -> Arc<Index> {
        let world = self.world;
        world.indexes.of(self.version, collection, world)
    }

    /// The record that the version has under `id`.
    /// The JSON of the record with this id.
    fn json(&self, collection: Collection, id: &str) -> Option<String> {
        let own = self.world_id(collection, id)?;
        let record = self.world.list(collection.kind()).get(&own)?;
        let text = record.json();
        let shaped = self.shape(collection, &text).into_iter();
        let mut shaped = shaped.filter(|shaped| shaped.id == id);
        Some(shaped.next()?.json())
    }

    fn shape<'t>(&self, collection: Collection, text: &'t str) -> Vec<Shaped<'t>> {
        shaped(self.version, collection, text, self.world)
    }

    fn single(&self, collection: Collection, id: &str) -> Reply {
        let Some(found) = self.json(collection, id) else {
            return self.unknown();
        };
        let (version, noun) = (self.version.as_str(), collection.noun());
        let own = json!({ "rel": "self", "uri": format!("/{version}/{noun}/{id}") });
        Reply::json(format!(r#"{{"data":{found},"links":[{own}]}}"#))
    }

    /// Answers with the members of a collection, less what `where` leaves out.
    fn list<'m>(&'m self, collection: Collection, members: Members<'m>, of: Option<&str>) -> Reply {
        let wanted = match Where::read(self.version, self.query) {
            Ok(wanted) => wanted,
            Err(why) => return Reply::problem(self.version, 400, why),
        };
        let first = self.version.is_first();
        let listing = Listing {
            version: self.version,
            noun: collection.noun(),
            path: self.path,
            query: self.query,
            flat: first
                && (collection == DistrictAdmins || (collection == Contacts && of.is_some())),
            outlet: self.outlet,
        };
        // In v1 a contact is a student's own, and not those of the brothers and sisters.
        let own = of.filter(|_| first && collection == Contacts);
        let list = Older {
            request: self,
            collection,
            index: collection.has_old_ids().then(|| self.index(collection)),
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
            let text = record.json();
            let shaped = self.shape(collection, &text).into_iter();
            let wanted = shaped
                .filter(|one| student.is_none_or(|student| one.value()["student"] == *student));
            both.extend(wanted.map(|one| (one.id.into_owned(), id.clone())));
        }
        OldMembers::Ids(both)
    }

    fn related(&self, collection: Collection, id: &str, sub: &str) -> Reply {
        let own = self.world_id(collection, id);
        let record = own
            .as_ref()
            .and_then(|own| self.world.value(collection.kind(), own));
        let (Some(own), Some(record)) = (own, record) else {
            return self.unknown();
        };
        if is_special(self.version, collection, sub) {
            return self.special(collection, id, &own, &record);
        }
        let Some(way) = way(self.version, collection, sub) else {
            return Reply::no_such_path(self.path);
        };
        // A contact of v1 has one student: the record says which.
        if (collection, sub) == (Contacts, "student") {
            let contact = self.json(Contacts, id).unwrap_or_default();
            let contact: Value = serde_json::from_str(&contact).unwrap_or_default();
            let student = contact["student"].as_str();
            return student.map_or_else(|| self.unknown(), |id| self.single(Students, id));
        }
        let found = members(self.world, way.how, &own, &record, way.target.kind());
        if !way.single {
            return self.list(way.target, found, Some(id));
        }
        let first = match found {
            Members::All => Some(self.world.district_id().to_owned()),
            Members::Ids(ids) => ids.into_iter().next(),
            Members::Such(_) => None,
        };
        let old = first.and_then(|id| {
            let record = self.world.list(way.target.kind()).get(&id)?;
            let text = record.json();
            let shaped = self.shape(way.target, &text).into_iter().next()?;
            Some(shaped.id.into_owned())
        });
        // A sub-path to one record answers with that record's own address.
        old.map_or_else(|| self.unknown(), |old| self.single(way.target, &old))
    }

    /// What v1 has beside records: how a district's connection is doing, and the grades of a teacher's sections.
    fn special(&self, collection: Collection, id: &str, own: &str, record: &Value) -> Reply {
        let data = if collection == Districts {
            json!([{ "data": status(self.version, &record.to_string()) }])
        } else {
            let sections = self.world.sections_of(own).into_iter();
            let sections = sections
                .filter_map(|section| self.json(Sections, &section))
                .filter_map(|section| serde_json::from_str(&section).ok())
                .filter(|section| names(section, TEACHERS, id));
            let grades = sections.filter_map(|section: Value| {
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

    /// The record under the version's id `id`, where it belongs to the list.
    fn found(&self, id: &str, record: Record<'a>) -> Option<Old<'a>> {
        if let OldMembers::Such(such) = &self.members
            && !such(&record)
        {
            return None;
        }
        // Those that are made have the role that they are listed under. Of kept ones the text says it.
        if !self.wanted.is_empty() || record.kept().is_some() {
            let text = record.json();
            let shaped = self.request.shape(self.collection, &text);
            let found = shaped.into_iter().find(|one| one.id == id)?;
            if !self.wanted.has(&found) {
                return None;
            }
        }
        let id = id.into();
        Some(Old { id, record })
    }

    /// All between two ids, both left out, from either end.
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
        let text = item.record.json();
        let shaped = self.request.shape(self.collection, &text).into_iter();
        for one in shaped.filter(|one| one.id == item.id) {
            one.write(out);
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

    fn has(&self, shaped: &Shaped<'_>) -> bool {
        if self.is_empty() {
            return true;
        }
        let record = shaped.value();
        self.0.iter().all(|(field, wanted)| {
            let mut inside = Some(&record);
            for part in field.split('.') {
                inside = inside.and_then(|value| value.get(part));
            }
            inside == Some(wanted)
        })
    }
}
