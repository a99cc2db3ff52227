//! What comings, goings and moves do to a roster: who changes one person changes the records that name the person.

use clever_model::RecordKind;
use serde_json::{Value, json};

use crate::world::dice::Dice;
use crate::world::generate::school_year;
use crate::world::past::Gone;
use crate::world::people::{Common, Family};
use crate::world::stamp::stamp;
use crate::world::students::Student;
use crate::world::{List, World};

/// Days after which somebody who comes back is somebody new to Clever.
const FORGOTTEN_DAYS: u64 = 300;

/// One id of a list, or none of an empty one. Drawn by lot, so that no list is walked for it.
pub(crate) fn draw(dice: &mut Dice, list: List<'_>) -> Option<String> {
    if list.is_empty() {
        return None;
    }
    loop {
        let place = dice.place(list.places());
        if let Some(found) = list.at_place(place) {
            return Some(found.id().into_owned());
        }
    }
}

/// Changes a record and marks it as changed now.
pub(crate) fn change(
    world: &mut World,
    kind: RecordKind,
    id: &str,
    change: impl FnOnce(&mut Value),
) {
    let now = stamp(world.now());
    world.edit(kind, id, |record| {
        change(record);
        record["last_modified"] = json!(now);
    });
}

fn without(list: &mut Value, id: &str) {
    if let Some(ids) = list.as_array_mut() {
        ids.retain(|one| one != id && one["student"] != id);
    }
}

/// Takes a person out of a section; the last student takes the section along.
pub(crate) fn leave_section(world: &mut World, section: &str, person: &str) {
    let mut empty = false;
    change(world, RecordKind::Sections, section, |record| {
        without(&mut record["students"], person);
        without(&mut record["teachers"], person);
        if record["teacher"] == person {
            record["teacher"] = record["teachers"].get(0).cloned().unwrap_or_default();
        }
        empty = record["students"].as_array().is_none_or(Vec::is_empty);
    });
    if empty {
        world.remove(RecordKind::Sections, section);
    }
}

pub(crate) fn join_section(world: &mut World, section: &str, student: &str) {
    change(world, RecordKind::Sections, section, |record| {
        if let Some(students) = record["students"].as_array_mut() {
            students.push(json!(student));
        }
    });
}

/// Takes a student out of the contacts' lists; a contact of nobody else goes along, and is given back.
pub(crate) fn part_from_contacts(world: &mut World, student: &str) -> Vec<(String, String)> {
    let mut adults = Vec::new();
    for contact in world.contacts_of(student) {
        let list = world.list(RecordKind::Users).get(&contact);
        let before = list.map(|record| record.json().into_owned());
        let mut alone = false;
        change(world, RecordKind::Users, &contact, |user| {
            let students = &mut user["roles"]["contact"]["student_relationships"];
            without(students, student);
            alone = students.as_array().is_none_or(Vec::is_empty);
        });
        if alone {
            world.remove(RecordKind::Users, &contact);
            adults.extend(before.map(|before| (contact, before)));
        }
    }
    adults
}

/// Takes a person out of the district, and out of all that names the person.
pub(crate) fn depart(world: &mut World, person: &str) {
    for section in world.sections_of(person) {
        leave_section(world, &section, person);
    }
    part_from_contacts(world, person);
    world.remove(RecordKind::Users, person);
}

/// Lets a student leave who may come back; says whether there was one.
pub(crate) fn withdraw(world: &mut World, student: &str) -> bool {
    let record = world.list(RecordKind::Users).get(student);
    let Some(record) = record.map(|record| record.json().into_owned()) else {
        return false;
    };
    let sections = world.sections_of(student);
    for section in &sections {
        leave_section(world, section, student);
    }
    let adults = part_from_contacts(world, student);
    world.past.gone.push(Gone {
        day: world.day,
        id: student.to_owned(),
        record,
        sections,
        adults,
    });
    world.remove(RecordKind::Users, student)
}

/// Lets one of those who left come back, under the same id or, after too long, under `new`; says whether one did.
pub(crate) fn come_back(world: &mut World, dice: &mut Dice, new: &str) -> bool {
    if world.past.gone.is_empty() {
        return false;
    }
    let at = dice.place(world.past.gone.len());
    // Nobody comes back on the day of leaving.
    if world.past.gone[at].day == world.day {
        return false;
    }
    let gone = world.past.gone.swap_remove(at);
    let mut user: Value = serde_json::from_str(&gone.record).unwrap_or_default();
    let school = &user["roles"]["student"]["school"];
    let schools = world.list(RecordKind::Schools);
    if school
        .as_str()
        .is_none_or(|school| !schools.contains_key(school))
    {
        return false;
    }
    let same = world.day - gone.day <= FORGOTTEN_DAYS;
    let id = if same { gone.id.as_str() } else { new };
    let now = stamp(world.now());
    user["id"] = json!(id);
    user["last_modified"] = json!(now);
    if !same {
        user["created"] = json!(now);
    }
    world.put(RecordKind::Users, id, user.to_string());
    for section in &gone.sections {
        if world.list(RecordKind::Sections).contains_key(section) {
            join_section(world, section, id);
        }
    }
    for (adult, record) in gone.adults {
        let mut user: Value = serde_json::from_str(&record).unwrap_or_default();
        let students = user.pointer_mut("/roles/contact/student_relationships");
        let students = students.and_then(Value::as_array_mut);
        for one in students.into_iter().flatten() {
            one["student"] = json!(id);
        }
        user["last_modified"] = json!(now);
        world.put(RecordKind::Users, &adult, user.to_string());
    }
    true
}

/// Puts a new student into a school; `number` is nobody else's.
pub(crate) fn newcomer(
    world: &mut World,
    dice: &mut Dice,
    (id, number): (&str, u64),
    (school, grade): (&str, usize),
) {
    let now = world.now();
    let family = Family::of(dice);
    let common = Common::at(world.district_id(), now);
    let student = Student {
        id,
        number,
        family: &family,
        grade,
        school,
        also: None,
        year: school_year(now),
        birthday: dice.clone(),
    };
    let mut record = Vec::new();
    student.write(dice, &common, &mut record);
    // It is made of texts.
    let record = String::from_utf8(record).unwrap_or_default();
    world.put(RecordKind::Users, id, record);
}

/// Brings a student to another school; the classes at the first stay behind. Tells in how many sections that was.
pub(crate) fn move_to(world: &mut World, student: &str, school: &str) -> usize {
    let mut left = 0;
    for section in world.sections_of(student) {
        let at = world.value(RecordKind::Sections, &section);
        if at.is_some_and(|section| section["school"] != school) {
            leave_section(world, &section, student);
            left += 1;
        }
    }
    change(world, RecordKind::Users, student, |user| {
        user["roles"]["student"]["school"] = json!(school);
        user["roles"]["student"]["schools"] = json!([school]);
    });
    left
}

#[cfg(test)]
mod tests {
    use clever_model::Role;

    use super::*;
    use crate::world::dice::Stream;
    use crate::world::generate::generate;

    #[test]
    fn who_comes_back_is_the_same_and_after_three_hundred_days_another() {
        for (days, same) in [(300, true), (301, false)] {
            let mut world = generate(4, 90, "2026-09-14T12:00:00Z".parse().unwrap());
            let mut dice = Dice::of(4, Stream::Day, 0);
            let student = draw(&mut dice, world.with_role(Role::Student)).unwrap();
            let (sections, contacts) = (world.sections_of(&student), world.contacts_of(&student));
            let before = world.value(RecordKind::Users, &student).unwrap();
            assert!(withdraw(&mut world, &student));
            assert!(
                world.sections_of(&student).is_empty() && world.contacts_of(&student).is_empty()
            );
            world.day += days;
            assert!(come_back(&mut world, &mut dice, "ffffffffffffffffffffffff"));
            let id = if same {
                student.as_str()
            } else {
                "ffffffffffffffffffffffff"
            };
            let mut now = world.value(RecordKind::Users, id).unwrap();
            assert_eq!(world.with_role(Role::Student).len(), 90);
            assert_eq!(now["roles"], before["roles"]);
            assert_eq!(world.sections_of(id), sections);
            // Adults of other children stayed, and are that child's no more.
            let returned = world.contacts_of(id);
            assert!(returned.iter().all(|contact| contacts.contains(contact)));
            now["id"] = before["id"].clone();
            assert_eq!(now["name"], before["name"]);
            assert!(!come_back(&mut world, &mut dice, "0"), "nobody else left");
        }
    }
}
