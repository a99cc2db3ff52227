//! Sub-paths of the API: how one record leads to others, by what records name.

use std::collections::BTreeSet;

use clever_model::RecordKind;
use serde_json::json;

use crate::listing::Listing;
use crate::reply::Reply;
use crate::routes::single;
use crate::world::{Kept, List, Overlay, Record, World};

/// How a record leads to others.
#[derive(Clone, Copy)]
pub(crate) struct Relation {
    pub(crate) target: RecordKind,
    /// One record is answered, not a list.
    single: bool,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    /// The record names the others, at these places.
    Names(&'static [&'static str]),
    /// The others name the record, at these places.
    NamedBy(&'static [&'static str]),
    /// Sections that name the record at `by` name the others at `to`; the record itself may at `own`.
    Through {
        by: &'static [&'static str],
        to: &'static [&'static str],
        own: &'static [&'static str],
    },
    /// There is only one district.
    District,
    /// No record says: what a district maps to its courses is known to Clever alone.
    Unknown,
}

/// Places where a user names schools.
pub(crate) const USER_SCHOOLS: &[&str] = &[
    "/roles/student/schools",
    "/roles/teacher/schools",
    "/roles/staff/schools",
];

/// Places where a user names the primary school. Staff have none.
const PRIMARY_SCHOOL: &[&str] = &["/roles/student/school", "/roles/teacher/school"];

/// Whether a query asks for primary schools only.
pub(crate) fn primary(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "primary" && value == "true")
}

/// The sub-paths of the API that follow from what records name.
pub(crate) fn relation(kind: RecordKind, sub: &str, primary: bool) -> Option<Relation> {
    use RecordKind::{Courses, Districts, Resources, Schools, Sections, Terms, Users};
    let schools = if primary {
        PRIMARY_SCHOOL
    } else {
        USER_SCHOOLS
    };
    let through = |by, to, own| How::Through { by, to, own };
    let list = |target, how| {
        Some(Relation {
            target,
            single: false,
            how,
        })
    };
    let one = |target, how| {
        Some(Relation {
            target,
            single: true,
            how,
        })
    };
    match (kind, sub) {
        (Schools | Sections | Users | Courses | Terms, "district") => one(Districts, How::District),
        (Schools, "users") => list(Users, How::NamedBy(schools)),
        (Schools, "courses") => list(Courses, through(&["/school"], &["/course"], &[])),
        (Schools, "terms") => list(Terms, through(&["/school"], &["/term_id"], &[])),
        (Courses, "schools") => list(Schools, through(&["/course"], &["/school"], &[])),
        (Terms, "schools") => list(Schools, through(&["/term_id"], &["/school"], &[])),
        (Users, "myteachers") => list(Users, through(&["/students"], &["/teachers"], &[])),
        (Users, "mystudents") => list(
            Users,
            through(
                &["/teachers"],
                &["/students"],
                &["/roles/contact/student_relationships"],
            ),
        ),
        (Courses | Sections | Users, "resources") => list(Resources, How::Unknown),
        (Resources, "courses") => list(Courses, How::Unknown),
        (Resources, "sections") => list(Sections, How::Unknown),
        (Resources, "users") => list(Users, How::Unknown),
        (Schools, "sections") => list(Sections, How::NamedBy(&["/school"])),
        (Courses, "sections") => list(Sections, How::NamedBy(&["/course"])),
        (Terms, "sections") => list(Sections, How::NamedBy(&["/term_id"])),
        (Users, "sections") => list(Sections, How::NamedBy(&["/students", "/teachers"])),
        (Users, "schools") => list(Schools, How::Names(schools)),
        (Users, "mycontacts") => list(
            Users,
            How::NamedBy(&["/roles/contact/student_relationships"]),
        ),
        (Sections, "users") => list(Users, How::Names(&["/students", "/teachers"])),
        (Sections, "school") => one(Schools, How::Names(&["/school"])),
        (Sections, "course") => one(Courses, How::Names(&["/course"])),
        (Sections, "term") => one(Terms, How::Names(&["/term_id"])),
        _ => None,
    }
}

/// Says whether `record` names `id` at one of `places`: as text, in a list, or in a list of objects.
pub(crate) fn names(record: &serde_json::Value, places: &[&str], id: &str) -> bool {
    places
        .iter()
        .filter_map(|place| record.pointer(place))
        .any(|named| match named {
            serde_json::Value::Array(all) => {
                all.iter().any(|one| one == id || one["student"] == id)
            }
            one => one == id,
        })
}

/// Adds the ids that `record` names at `places`: the counterpart of [`names`].
fn add_named(record: &serde_json::Value, places: &[&str], ids: &mut BTreeSet<String>) {
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

/// A school's terms write their dates with a time of day, unlike the same terms elsewhere (seen on the wire).
fn with_times(terms: List<'_>, wanted: &BTreeSet<String>) -> Overlay {
    wanted
        .iter()
        .filter_map(|id| Some((id.as_str(), terms.get(id)?)))
        .map(|(id, term)| {
            let mut term = term.value();
            for key in ["start_date", "end_date"] {
                if let Some(date) = term[key].as_str().filter(|date| date.len() == 10) {
                    term[key] = json!(format!("{date}T00:00:00.000Z"));
                }
            }
            (id, Kept::new(term.to_string()))
        })
        .collect()
}

/// Answers with the records that the one with `id` leads to.
pub(crate) fn related(
    world: &World,
    listing: &Listing<'_>,
    kind: RecordKind,
    id: &str,
    relation: Relation,
) -> Reply {
    let Some(record) = world.value(kind, id) else {
        return Reply::message(404, "Resource not found");
    };
    let others = world.list(relation.target);
    let through = match relation.how {
        How::Through { by, to, own } => {
            let mut reached = BTreeSet::new();
            add_named(&record, own, &mut reached);
            for section in world.list(RecordKind::Sections).values() {
                if !section.json().contains(id) {
                    continue;
                }
                let section = section.value();
                if names(&section, by, id) {
                    add_named(&section, to, &mut reached);
                }
            }
            reached
        }
        _ => BTreeSet::new(),
    };
    if (kind, relation.target) == (RecordKind::Schools, RecordKind::Terms) {
        return listing.answer(List::of(&with_times(others, &through)));
    }
    let matches = |other: &Record<'_>| match relation.how {
        How::District => true,
        How::Unknown => false,
        How::Through { .. } => through.contains(&*other.id()),
        How::Names(places) => names(&record, places, &other.id()),
        How::NamedBy(places) => {
            let json = other.json();
            json.contains(id)
                && serde_json::from_str(&json).is_ok_and(|other| names(&other, places, id))
        }
    };
    if relation.single {
        return match others.values().find(matches) {
            // A sub-path to one record answers with that record's own address.
            Some(found) => single(world, listing.version, relation.target, &found.id()),
            None => Reply::message(404, "Resource not found"),
        };
    }
    listing.answer_where(others, matches)
}
