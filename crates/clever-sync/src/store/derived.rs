//! The rows of the tables beside a record's own, as the record says: a user's roles and relations, a section's places.
//!
//! Pure: the writer writes them, and an audit looks whether they are still so.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use clever_raw::tree::{Json, Tree};

use crate::columns::{self, ROLE_COLUMNS};

/// A text, or nothing.
pub(crate) type Cell<'t> = Option<Cow<'t, str>>;

/// The roles of a user. Of a role that is told twice, the last counts.
pub(crate) fn roles<J: Json>(user: &J) -> BTreeMap<&str, &J> {
    let told = user.key("roles").and_then(Json::entries);
    told.into_iter()
        .flatten()
        .filter(|(role, held)| held.entries().is_some() && columns::is_key(role))
        .collect()
}

/// The schools of a user's roles, or of a section, once each.
pub(crate) fn schools<J: Json>(kind: RecordKind, record: &J) -> BTreeSet<Cow<'_, str>> {
    let school = |part| columns::cell(part, "/school");
    match kind {
        RecordKind::Users => roles(record).into_values().filter_map(school).collect(),
        RecordKind::Sections => school(record).into_iter().collect(),
        _ => BTreeSet::new(),
    }
}

/// What a role says, in the order of [`ROLE_COLUMNS`].
pub(crate) fn role<'t>(held: &'t Tree<'_>) -> impl Iterator<Item = Cell<'t>> {
    let places = ROLE_COLUMNS.iter().map(|(_, places)| places);
    places.map(|places| places.iter().find_map(|place| columns::cell(held, place)))
}

/// The columns of `contacts` that [`relations`] fills.
pub(crate) const RELATION_COLUMNS: [&str; 4] = ["relationship", "type", "phone", "phone_type"];

/// The students of a contact, with what is said of each.
pub(crate) fn relations<'t>(contact: &'t Tree<'_>) -> BTreeMap<Cow<'t, str>, [Cell<'t>; 4]> {
    let told = contact
        .key("student_relationships")
        .and_then(Json::elements);
    told.into_iter()
        .flatten()
        .filter_map(|relation| Some((columns::cell(relation, "/student")?, relation)))
        .filter(|(student, _)| columns::is_key(student))
        .map(|(student, relation)| {
            let said = [
                columns::cell(relation, "/relationship"),
                columns::cell(relation, "/type"),
                columns::cell(contact, "/phone"),
                columns::cell(contact, "/phone_type"),
            ];
            (student, said)
        })
        .collect()
}

/// The places of a section: 0 for a student and 1 for a teacher, the person, whether she is the primary teacher.
pub(crate) fn places<'t>(section: &'t Tree<'_>) -> Vec<(i64, &'t str, bool)> {
    let primary = section.key("teacher").and_then(Json::text);
    let primary = primary.filter(|id| columns::is_key(id));
    let students = columns::ids(section, "/students").into_iter();
    let mut places: Vec<_> = students.map(|id| (0, id, false)).collect();
    let mut teachers = columns::ids(section, "/teachers");
    // The primary teacher belongs to the list, and is named alone in some records.
    teachers.extend(primary.filter(|primary| !teachers.contains(primary)));
    let teachers = teachers.into_iter();
    places.extend(teachers.map(|id| (1, id, primary == Some(id))));
    places
}
