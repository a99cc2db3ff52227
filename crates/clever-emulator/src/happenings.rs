//! What happens to districts, by name: things that integrations meet once a year and are not ready for.

use clever_model::{RecordKind, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{World, object_id};

/// Something that happens to a district at once. Who it befalls follows from the world alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Happening {
    /// A new school year: everybody moves up a grade, the oldest leave, every section has a new id.
    Rollover,
    /// The district takes a school out of the sharing: its sections go, and its students unless another school
    /// has them.
    UnshareSchool,
    /// The district shares contacts no longer.
    RoleOff,
    /// The district's system gives every student another number, and Clever every student another id.
    SisRekey,
    /// A student moves to another school of the district.
    Transfer,
    /// One teacher becomes two people: a second record with the same name.
    UserSplit,
    /// The second record of such a teacher goes, and the first has its sections.
    UserMerge,
    /// Clever pauses the district.
    Pause,
    /// Clever goes on with a paused district.
    Resume,
    /// The district takes the app away: its token is gone from the list and opens nothing.
    Disconnect,
    /// The district connects the app again: a new token, and events from here on only. It is no longer paused.
    Reconnect,
    /// The district's token is changed for another.
    TokenRotate,
    /// The district connects the app, and shares those who came through the Library: they keep their ids, and
    /// from their next sign-in they are the district's users.
    LibraryToDistrict,
}

impl Happening {
    /// Every happening.
    pub const ALL: [Self; 13] = [
        Self::Rollover,
        Self::UnshareSchool,
        Self::RoleOff,
        Self::SisRekey,
        Self::Transfer,
        Self::UserSplit,
        Self::UserMerge,
        Self::Pause,
        Self::Resume,
        Self::Disconnect,
        Self::Reconnect,
        Self::TokenRotate,
        Self::LibraryToDistrict,
    ];

    /// Its name, as on command lines and in the control API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rollover => "rollover",
            Self::UnshareSchool => "unshare-school",
            Self::RoleOff => "role-off",
            Self::SisRekey => "sis-rekey",
            Self::Transfer => "transfer",
            Self::UserSplit => "user-split",
            Self::UserMerge => "user-merge",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Disconnect => "disconnect",
            Self::Reconnect => "reconnect",
            Self::TokenRotate => "token-rotate",
            Self::LibraryToDistrict => "library-to-district",
        }
    }

    /// What it is, in a sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Rollover => {
                "A new school year: everybody moves up, the oldest leave, sections are new."
            }
            Self::UnshareSchool => {
                "A school is taken out of the sharing, with its sections and students."
            }
            Self::RoleOff => "Contacts are shared no longer.",
            Self::SisRekey => "Every student has another number, and another Clever id.",
            Self::Transfer => "A student moves to another school.",
            Self::UserSplit => "One teacher becomes two people.",
            Self::UserMerge => "The two are one again.",
            Self::Pause => "Clever pauses the district.",
            Self::Resume => "Clever goes on with a paused district.",
            Self::Disconnect => "The district takes the app away: its token opens nothing.",
            Self::Reconnect => {
                "The district connects the app again: a new token, and events from here on."
            }
            Self::TokenRotate => "The district's token is changed for another.",
            Self::LibraryToDistrict => {
                "The district connects the app and shares those who came through the Library."
            }
        }
    }

    /// Lets it happen to a world; what it does to the connection is the district's affair. Tells how many records are other than before.
    pub(crate) fn befall(self, world: &mut World) -> usize {
        match self {
            Self::Rollover => rollover(world),
            Self::UnshareSchool => unshare_school(world),
            Self::RoleOff => role_off(world),
            Self::SisRekey => sis_rekey(world),
            Self::Transfer => transfer(world),
            Self::UserSplit => user_split(world),
            Self::UserMerge => user_merge(world),
            Self::Pause => pause(world),
            Self::Resume => resume(world),
            Self::Reconnect => {
                let changed = resume(world);
                world.forget_events();
                changed
            }
            Self::Disconnect | Self::TokenRotate | Self::LibraryToDistrict => 0,
        }
    }
}

/// The ids of a kind whose records are such.
fn such(world: &World, kind: RecordKind, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let records = world.list(kind).values();
    records
        .filter(|record| wanted(&record.value()))
        .map(|record| record.id().into_owned())
        .collect()
}

fn with_role(world: &World, role: Role) -> Vec<String> {
    world.with_role(role).keys().collect()
}

/// Puts one id in another's place in a section's list of people, or takes it out.
fn replace(section: &mut Value, list: &str, from: &str, to: Option<&str>) {
    let Some(ids) = section[list].as_array_mut() else {
        return;
    };
    match (ids.iter().position(|id| id == from), to) {
        (Some(at), Some(to)) => ids[at] = to.into(),
        (Some(at), None) => drop(ids.remove(at)),
        (None, _) => {}
    }
}

/// Clever's pause: what the district sends meanwhile is not processed.
fn pause(world: &mut World) -> usize {
    let id = world.district_id().to_owned();
    let today = world.now().to_string().chars().take(10).collect::<String>();
    world.edit(RecordKind::Districts, &id, |district| {
        district["state"] = "paused".into();
        district["pause_start"] = today.into();
    });
    1
}

fn resume(world: &mut World) -> usize {
    let id = world.district_id().to_owned();
    let paused = world
        .value(RecordKind::Districts, &id)
        .is_some_and(|district| district["state"] == "paused");
    if paused {
        world.edit(RecordKind::Districts, &id, |district| {
            district["state"] = "running".into();
            if let Some(fields) = district.as_object_mut() {
                fields.remove("pause_start");
            }
        });
    }
    usize::from(paused)
}

fn rollover(world: &mut World) -> usize {
    let mut changed = 0;
    for id in with_role(world, Role::Student) {
        let grade = world.value(RecordKind::Users, &id).unwrap_or_default();
        let grade = grade["roles"]["student"]["grade"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let next = match grade.as_str() {
            "12" | "PostGraduate" => None,
            "Kindergarten" => Some("1".to_owned()),
            "PreKindergarten" | "TransitionalKindergarten" => Some("Kindergarten".to_owned()),
            other => Some(
                other
                    .parse::<u32>()
                    .map_or_else(|_| other.to_owned(), |year| (year + 1).to_string()),
            ),
        };
        match next {
            Some(next) => world.edit(RecordKind::Users, &id, |user| {
                user["roles"]["student"]["grade"] = next.into();
            }),
            None => leave(world, &id),
        }
        changed += 1;
    }
    let now = world.now();
    for (number, id) in such(world, RecordKind::Sections, |_| true)
        .into_iter()
        .enumerate()
    {
        if let Some(mut section) = world.value(RecordKind::Sections, &id) {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let new = object_id(now, world.seed ^ 0x5ec7, number);
            section["id"] = new.as_str().into();
            world.remove(RecordKind::Sections, &id);
            world.put(RecordKind::Sections, &new, section.to_string());
            changed += 2;
        }
    }
    changed
}

/// Takes a person out of the district, and out of every section.
fn leave(world: &mut World, id: &str) {
    for section in world.sections_of(id) {
        world.edit(RecordKind::Sections, &section, |section| {
            replace(section, "students", id, None);
            replace(section, "teachers", id, None);
            if section["teacher"] == id {
                section["teacher"] = section["teachers"].get(0).cloned().unwrap_or_default();
            }
        });
    }
    world.remove(RecordKind::Users, id);
}

fn unshare_school(world: &mut World) -> usize {
    let Some(school) = such(world, RecordKind::Schools, |_| true).pop() else {
        return 0;
    };
    let sections = such(world, RecordKind::Sections, |section| {
        section["school"] == school.as_str()
    });
    let students = such(world, RecordKind::Users, |user| {
        user["roles"]["student"]["school"] == school.as_str()
    });
    let mut changed = 1 + sections.len() + students.len();
    for section in sections {
        world.remove(RecordKind::Sections, &section);
    }
    for student in students {
        let elsewhere = world.value(RecordKind::Users, &student).and_then(|user| {
            let schools = user["roles"]["student"]["schools"].as_array()?.clone();
            schools.into_iter().find(|other| *other != school.as_str())
        });
        match elsewhere {
            Some(other) => world.edit(RecordKind::Users, &student, |user| {
                let role = &mut user["roles"]["student"];
                role["schools"] = json!([other]);
                role["school"] = other;
            }),
            None => {
                leave(world, &student);
                changed += 1;
            }
        }
    }
    world.remove(RecordKind::Schools, &school);
    changed
}

fn role_off(world: &mut World) -> usize {
    let contacts = with_role(world, Role::Contact);
    for id in &contacts {
        world.remove(RecordKind::Users, id);
    }
    contacts.len()
}

fn sis_rekey(world: &mut World) -> usize {
    let students = with_role(world, Role::Student);
    let now = world.now();
    let mut new_ids = std::collections::BTreeMap::new();
    for (number, id) in students.iter().enumerate() {
        if let Some(mut user) = world.value(RecordKind::Users, id) {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let new = object_id(now, world.seed ^ 0x5157, number);
            user["id"] = new.as_str().into();
            user["roles"]["student"]["sis_id"] = format!("R{number:06}").into();
            world.remove(RecordKind::Users, id);
            world.put(RecordKind::Users, &new, user.to_string());
            new_ids.insert(id.as_str(), new);
        }
    }
    for section in such(world, RecordKind::Sections, |_| true) {
        world.edit(RecordKind::Sections, &section, |section| {
            for id in section["students"].as_array_mut().into_iter().flatten() {
                if let Some(new) = id.as_str().and_then(|id| new_ids.get(id)) {
                    *id = new.as_str().into();
                }
            }
        });
    }
    for contact in with_role(world, Role::Contact) {
        world.edit(RecordKind::Users, &contact, |user| {
            let relations = user["roles"]["contact"]["student_relationships"].as_array_mut();
            for relation in relations.into_iter().flatten() {
                if let Some(new) = relation["student"].as_str().and_then(|id| new_ids.get(id)) {
                    relation["student"] = new.as_str().into();
                }
            }
        });
    }
    2 * new_ids.len()
}

fn transfer(world: &mut World) -> usize {
    let schools = such(world, RecordKind::Schools, |_| true);
    let Some(student) = with_role(world, Role::Student).into_iter().next() else {
        return 0;
    };
    let user = world.value(RecordKind::Users, &student).unwrap_or_default();
    let from = user["roles"]["student"]["school"].clone();
    let Some(to) = schools.into_iter().find(|school| from != school.as_str()) else {
        return 0;
    };
    let sections = world.sections_of(&student);
    for section in &sections {
        world.edit(RecordKind::Sections, section, |section| {
            replace(section, "students", &student, None);
        });
    }
    world.edit(RecordKind::Users, &student, |user| {
        let role = &mut user["roles"]["student"];
        role["schools"] = json!([to]);
        role["school"] = to.into();
    });
    1 + sections.len()
}

/// An id of a split teacher's second record: the user's own, or that of the `part`-th role before v3.0.
fn second(world: &World, first: &str, part: u64) -> String {
    let number = u32::try_from(first.bytes().map(u64::from).sum::<u64>()).unwrap_or(0);
    object_id(world.now(), world.seed ^ (0x5e11 + part), number)
}

fn user_split(world: &mut World) -> usize {
    let Some(first) = with_role(world, Role::Teacher).into_iter().next() else {
        return 0;
    };
    let mut user = world.value(RecordKind::Users, &first).unwrap_or_default();
    let id = second(world, &first, 0);
    user["id"] = id.as_str().into();
    // What tells later that it is a second record: the same number in the district's own system.
    let roles = user["roles"].as_object_mut().into_iter().flatten();
    for (part, (_, role)) in (1..).zip(roles) {
        if role["legacy_id"].is_string() {
            role["legacy_id"] = second(world, &first, part).into();
        }
    }
    world.put(RecordKind::Users, &id, user.to_string());
    1
}

fn user_merge(world: &mut World) -> usize {
    let teachers = with_role(world, Role::Teacher);
    let number = |world: &World, id: &str| {
        let user = world.value(RecordKind::Users, id).unwrap_or_default();
        let number = user["roles"]["teacher"]["sis_id"].as_str();
        number.map(str::to_owned)
    };
    for (at, first) in teachers.iter().enumerate() {
        let of_first = number(world, first);
        let twin = teachers[at + 1..]
            .iter()
            .find(|other| of_first.is_some() && number(world, other) == of_first);
        if let Some(twin) = twin {
            let sections = such(world, RecordKind::Sections, |section| {
                section["teacher"] == twin.as_str()
            });
            for section in &sections {
                world.edit(RecordKind::Sections, section, |section| {
                    replace(section, "teachers", twin, Some(first));
                    section["teacher"] = first.as_str().into();
                });
            }
            world.remove(RecordKind::Users, twin);
            return 1 + sections.len();
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::generate::generate;
    use clever_model::Timestamp;

    fn world() -> World {
        let mut world = generate(3, 120, Timestamp::from_second(1_789_387_200).unwrap());
        world.set_events(true);
        drop(world.publish());
        world
    }

    /// The types of the events that a happening yields.
    fn told(world: &mut World, happening: Happening) -> std::collections::BTreeMap<String, usize> {
        let before = world.events().len();
        assert!(happening.befall(world) > 0, "{happening:?}");
        drop(world.publish());
        let mut types = std::collections::BTreeMap::new();
        for (_, event) in world.events().iter().skip(before) {
            let event = event.value();
            *types
                .entry(event["type"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        types
    }

    #[test]
    fn names_are_those_of_the_control_api() {
        for happening in Happening::ALL {
            assert_eq!(json!(happening), happening.name());
        }
    }

    #[test]
    fn each_happening_is_told_as_its_events() {
        for (happening, wanted) in [
            (
                Happening::Rollover,
                &[
                    "sections.created",
                    "sections.deleted",
                    "users.deleted",
                    "users.updated",
                ][..],
            ),
            (
                Happening::UnshareSchool,
                &["schools.deleted", "sections.deleted"],
            ),
            (Happening::RoleOff, &["users.deleted"]),
            (
                Happening::SisRekey,
                &[
                    "sections.updated",
                    "users.created",
                    "users.deleted",
                    "users.updated",
                ],
            ),
            (Happening::Transfer, &["sections.updated", "users.updated"]),
            (Happening::UserSplit, &["users.created"]),
            (Happening::Pause, &["districts.updated"]),
        ] {
            let mut world = world();
            let types = told(&mut world, happening);
            for kind in wanted {
                assert!(
                    types.contains_key(*kind),
                    "{happening:?}: {kind} in {types:?}"
                );
            }
        }
        let mut world = world();
        told(&mut world, Happening::UserSplit);
        assert_eq!(told(&mut world, Happening::UserMerge)["users.deleted"], 1);
        // No two are alike any more.
        assert_eq!(Happening::UserMerge.befall(&mut world), 0);
    }

    #[test]
    fn no_section_names_somebody_who_left() {
        for happening in Happening::ALL {
            let mut world = world();
            happening.befall(&mut world);
            for section in such(&world, RecordKind::Sections, |_| true) {
                let section = world.value(RecordKind::Sections, &section).unwrap();
                for id in section["students"].as_array().unwrap() {
                    let id = id.as_str().unwrap();
                    assert!(
                        world.value(RecordKind::Users, id).is_some(),
                        "{happening:?}: {id}"
                    );
                }
            }
        }
    }
}
