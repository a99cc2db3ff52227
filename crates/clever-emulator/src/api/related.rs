//! How one record leads to others, by what records name: the sub-paths of every version come down to this.

use std::collections::BTreeSet;

use clever_model::RecordKind;
use serde_json::Value;

use crate::world::{Record, World};

/// Places in a record, as JSON pointers.
pub(crate) type Places = &'static [&'static str];

/// How a record leads to others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// All there are: a world has one district.
    All,
    /// The record names the others, at these places.
    Names(Places),
    /// The others name the record, at these places.
    NamedBy(Places),
    /// Sections that name the person, at these places.
    Sections(Places),
    /// Sections that name the person at `by` name the others at `to`; the person may at `own`.
    Classes { by: Places, to: Places, own: Places },
    /// Sections that name the record at `by` name the others at `to`.
    Through { by: Places, to: Places },
    /// The contacts of a student.
    Contacts,
    /// Resources that are mapped to the course, or to those of the sections.
    Resources,
    /// What a resource is mapped to.
    Mapped,
}

/// The records that another leads to.
pub(crate) enum Members<'a> {
    All,
    /// Those with these ids, as far as they are there.
    Ids(BTreeSet<String>),
    /// Those that are such.
    Such(Box<dyn Fn(&Record<'_>) -> bool + 'a>),
}

/// Where sections name students.
pub(crate) const STUDENTS: Places = &["/students"];
/// Where sections name teachers.
pub(crate) const TEACHERS: Places = &["/teachers"];

/// Says whether `record` names `id` at one of `places`: as text, in a list, or in a list of objects.
pub(crate) fn names(record: &Value, places: &[&str], id: &str) -> bool {
    places
        .iter()
        .filter_map(|place| record.pointer(place))
        .any(|named| match named {
            Value::Array(all) => all.iter().any(|one| one == id || one["student"] == id),
            one => one == id,
        })
}

/// Adds the ids that `record` names at `places`: the counterpart of [`names`].
fn add_named(record: &Value, places: &[&str], ids: &mut BTreeSet<String>) {
    for named in places.iter().filter_map(|place| record.pointer(place)) {
        let all = named
            .as_array()
            .map_or(std::slice::from_ref(named), Vec::as_slice);
        let texts = all.iter().filter_map(|one| {
            let one = one.get("student").unwrap_or(one);
            one.as_str()
        });
        ids.extend(texts.map(ToOwned::to_owned));
    }
}

/// Sections that name a person at `by`, as values.
fn sections_of<'a>(
    world: &'a World,
    person: &'a str,
    by: Places,
) -> impl Iterator<Item = (String, Value)> + 'a {
    let sections = world.sections_of(person).into_iter();
    sections.filter_map(move |id| {
        let section = world.value(RecordKind::Sections, &id)?;
        names(&section, by, person).then_some((id, section))
    })
}

fn is_school(world: &World, id: &str) -> bool {
    world.list(RecordKind::Schools).contains_key(id)
}

/// Sections that name `id` at `by`, as values. A school's are known; for others every section is looked at.
fn sections_naming(world: &World, id: &str, by: Places, mut found: impl FnMut(&Value)) {
    let mut look = |section: Value| {
        if names(&section, by, id) {
            found(&section);
        }
    };
    if is_school(world, id) {
        let known = world.at_school(RecordKind::Sections, id);
        let known = known.iter();
        known
            .filter_map(|section| world.value(RecordKind::Sections, section))
            .for_each(look);
        return;
    }
    for section in world.list(RecordKind::Sections).values() {
        let json = section.json();
        // Cheaper than reading every section of the district.
        if json.contains(id) {
            look(serde_json::from_str(&json).unwrap_or_default());
        }
    }
}

/// The records to which the one with `id` leads.
pub(crate) fn members<'a>(
    world: &'a World,
    how: How,
    id: &'a str,
    record: &Value,
    target: RecordKind,
) -> Members<'a> {
    let mut ids = BTreeSet::new();
    match how {
        How::All => return Members::All,
        How::Names(places) => add_named(record, places, &mut ids),
        How::NamedBy(places) if is_school(world, id) => {
            let named = world.at_school(target, id).into_iter();
            ids.extend(named.filter(|other| {
                let other = world.value(target, other);
                other.is_some_and(|other| names(&other, places, id))
            }));
        }
        How::NamedBy(places) => {
            return Members::Such(Box::new(move |other| {
                other.json().contains(id) && names(&other.value(), places, id)
            }));
        }
        How::Sections(by) => ids.extend(sections_of(world, id, by).map(|(id, _)| id)),
        How::Classes { by, to, own } => {
            add_named(record, own, &mut ids);
            for (_, section) in sections_of(world, id, by) {
                add_named(&section, to, &mut ids);
            }
        }
        How::Through { by, to } => {
            sections_naming(world, id, by, |section| add_named(section, to, &mut ids));
        }
        How::Contacts => ids.extend(world.contacts_of(id)),
        How::Resources => ids = resources_of(world, id, record),
        How::Mapped => return mapped(world, id, record, target),
    }
    Members::Ids(ids)
}

/// The resources of a course, of a section's course, or of a person's sections as far as they are for the
/// person's part in them.
fn resources_of(world: &World, id: &str, record: &Value) -> BTreeSet<String> {
    let of = |course: &Value| {
        world
            .mapped
            .resources_of(course.as_str().unwrap_or_default())
    };
    if record.get("course").is_some() {
        return of(&record["course"]).clone();
    }
    if !record["roles"].is_object() {
        return of(&record["id"]).clone();
    }
    let mut found = BTreeSet::new();
    for (audience, by) in [("student", STUDENTS), ("teacher", TEACHERS)] {
        for (_, section) in sections_of(world, id, by) {
            let is_for = |resource: &&String| {
                let resource = world.value(RecordKind::Resources, resource);
                resource.is_some_and(|resource| names(&resource, &["/roles"], audience))
            };
            found.extend(of(&section["course"]).iter().filter(is_for).cloned());
        }
    }
    found
}

/// What a resource is mapped to: courses, their sections, and the people in those whom it is for.
fn mapped<'a>(world: &'a World, id: &str, record: &Value, target: RecordKind) -> Members<'a> {
    let courses = world.mapped.courses_of(id);
    let in_courses = move |section: &Value, courses: &BTreeSet<String>| {
        section["course"]
            .as_str()
            .is_some_and(|course| courses.contains(course))
    };
    match target {
        RecordKind::Courses => Members::Ids(courses),
        RecordKind::Sections => Members::Such(Box::new(move |section| {
            in_courses(&section.value(), &courses)
        })),
        _ => {
            let mut people = BTreeSet::new();
            let sections = world.list(RecordKind::Sections).values();
            for section in sections.map(|section| section.value()) {
                if in_courses(&section, &courses) {
                    for (audience, at) in [("student", STUDENTS), ("teacher", TEACHERS)] {
                        if names(record, &["/roles"], audience) {
                            add_named(&section, at, &mut people);
                        }
                    }
                }
            }
            Members::Ids(people)
        }
    }
}
