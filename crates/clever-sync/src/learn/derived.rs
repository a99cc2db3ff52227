//! The rows of the tables beside a record's own, as the record says: a user's roles and relations, a section's places.
//!
//! Pure: the writer writes them, and an audit looks whether they are still so.
//!
//! Decision: both go by the functions of this file, so that they can't drift apart. A role's own school is in the role's
//! row; the other schools, which few people have, are in `_user_schools`; the view `user_schools` shows both.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use clever_raw::tree::{Json, Tree};

use crate::learn::columns::{self, ROLE_COLUMNS};

/// A text, or nothing.
pub(crate) type Cell<'t> = Option<Cow<'t, str>>;

/// The roles of a user. If a role is given twice, the last one counts.
pub(crate) fn roles<J: Json>(user: &J) -> BTreeMap<&str, &J> {
    let told = user.key("roles").and_then(Json::entries);
    told.into_iter()
        .flatten()
        .filter(|(role, held)| held.entries().is_some() && columns::is_key(role))
        .collect()
}

/// A role's own school, or a section's.
pub(crate) fn school<J: Json>(part: &J) -> Cell<'_> {
    columns::cell(part, "/school")
}

/// The schools of a role besides its own, once each. Staff have no school that is their own.
pub(crate) fn other_schools<J: Json>(role: &J) -> BTreeSet<&str> {
    let own = school(role);
    let all = columns::ids(role, "/schools").into_iter();
    all.filter(|school| own.as_deref() != Some(school))
        .collect()
}

/// All schools of a user's roles, or of a section, once each.
pub(crate) fn schools<J: Json>(kind: RecordKind, record: &J) -> BTreeSet<Cow<'_, str>> {
    match kind {
        RecordKind::Users => {
            let roles = roles(record).into_values();
            roles
                .flat_map(|role| {
                    let others = other_schools(role).into_iter().map(Cow::Borrowed);
                    others.chain(school(role))
                })
                .collect()
        }
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

/// The students of a contact, with what is said of each. Of a student who is named twice counts what is greater as text, in
/// whatever order it comes: relationships are a set.
pub(crate) fn relations<'t>(contact: &'t Tree<'_>) -> BTreeMap<Cow<'t, str>, [Cell<'t>; 4]> {
    let told = contact
        .key("student_relationships")
        .and_then(Json::elements);
    let mut relations = BTreeMap::new();
    for relation in told.into_iter().flatten() {
        let student = columns::cell(relation, "/student");
        let Some(student) = student.filter(|student| columns::is_key(student)) else {
            continue;
        };
        let said = [
            columns::cell(relation, "/relationship"),
            columns::cell(relation, "/type"),
            columns::cell(contact, "/phone"),
            columns::cell(contact, "/phone_type"),
        ];
        let known = relations.entry(student).or_insert_with(|| said.clone());
        if *known < said {
            *known = said;
        }
    }
    relations
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Tree<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn field_16_a_role_is_at_its_own_school_and_at_those_that_it_lists() {
        let others = |json: &str| {
            let tree = read(json);
            other_schools(&tree)
                .into_iter()
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            others(r#"{"school":"a","schools":["b","a","b",7,""]}"#),
            ["b"]
        );
        assert_eq!(others(r#"{"schools":["b","a"]}"#), ["a", "b"], "staff");
        assert!(others(r#"{"school":"a"}"#).is_empty());
        assert!(others(r#"{"school":"a","schools":"a"}"#).is_empty());
        let user = r#"{"roles":{"staff":{"schools":["b","c"]},"teacher":{"school":"a","schools":["b"]},"contact":{}}}"#;
        let tree = read(user);
        let all: Vec<_> = schools(RecordKind::Users, &tree).into_iter().collect();
        assert_eq!(all, ["a", "b", "c"]);
    }

    #[test]
    fn field_02_of_two_relations_to_one_student_the_same_counts_in_any_order() {
        let contact = |list: &str| format!(r#"{{"phone":"5","student_relationships":[{list}]}}"#);
        let (a, b) = (
            r#"{"student":"s","relationship":"Mother"}"#,
            r#"{"student":"s","type":"Guardian"}"#,
        );
        let (one, other) = (contact(&format!("{a},{b}")), contact(&format!("{b},{a}")));
        let (one, other) = (read(&one), read(&other));
        assert_eq!(relations(&one), relations(&other));
        assert_eq!(relations(&one)["s"][0].as_deref(), Some("Mother"));
    }
}
