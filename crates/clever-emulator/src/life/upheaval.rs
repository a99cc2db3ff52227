//! How a whole district changes at once: a new school year, a school or a role that is shared no longer, new numbers
//! for everyone, one person who becomes two.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Role};
use serde_json::{Value, json};

use super::roster::{change, depart, draw, move_to, newcomer, part_from_contacts};
use crate::world::World;
use crate::world::dice::{Dice, Stream};
use crate::world::people::GRADES;
use crate::world::stamp::{object_id, stamp};

/// Tell the ids of what is made here from those of others of the same second.
const SECTION_IDS: u64 = 0x5EC7;
const TERM_IDS: u64 = 0x7E42;
const NEWCOMER_IDS: u64 = 0x2E3C;
const REKEYED_IDS: u64 = 0x5157;
const SPLIT_IDS: u64 = 0x5E10;
const MERGED_IDS: u64 = 0x3E20;

/// A school with the places of its first and last grades in [`GRADES`].
struct School {
    id: String,
    low: usize,
    high: usize,
}

fn dice(world: &World, nth: u64) -> Dice {
    Dice::nth(world.seed, Stream::Upheaval, nth, world.day)
}

fn place(grade: &Value) -> Option<usize> {
    GRADES.iter().position(|known| grade == known)
}

fn schools(world: &World) -> Vec<School> {
    let all = world.list(RecordKind::Schools).values();
    all.map(|school| {
        let value = school.value();
        School {
            id: school.id().into_owned(),
            low: place(&value["low_grade"]).unwrap_or(0),
            high: place(&value["high_grade"]).unwrap_or(GRADES.len() - 1),
        }
    })
    .collect()
}

/// One of the schools that have a grade.
fn school_for<'a>(dice: &mut Dice, schools: &'a [School], grade: usize) -> Option<&'a str> {
    let fitting: Vec<&School> = schools
        .iter()
        .filter(|school| (school.low..=school.high).contains(&grade))
        .collect();
    (!fitting.is_empty()).then(|| fitting[dice.place(fitting.len())].id.as_str())
}

/// The grade of the next year; `None` for those who are done.
fn next_grade(grade: &str) -> Option<String> {
    match grade {
        "12" | "PostGraduate" => None,
        "Kindergarten" => Some("1".to_owned()),
        "PreKindergarten" | "TransitionalKindergarten" => Some("Kindergarten".to_owned()),
        other => Some(
            other
                .parse::<u32>()
                .map_or_else(|_| other.to_owned(), |year| (year + 1).to_string()),
        ),
    }
}

/// Everybody moves up a grade, some to another school; the oldest leave and as many begin; terms and sections are new.
pub(crate) fn rollover(world: &mut World) -> usize {
    let mut dice = dice(world, 0);
    let schools = schools(world);
    let bounds: BTreeMap<&str, usize> = schools
        .iter()
        .map(|school| (school.id.as_str(), school.high))
        .collect();
    let students: Vec<String> = world.with_role(Role::Student).keys().collect();
    let mut changed = students.len();
    let (mut cohorts, mut done) = (Cohorts::new(), 0);
    for id in students {
        let user = world.value(RecordKind::Users, &id).unwrap_or_default();
        let role = &user["roles"]["student"];
        let Some(next) = next_grade(role["grade"].as_str().unwrap_or_default()) else {
            part_from_contacts(world, &id);
            world.remove(RecordKind::Users, &id);
            done += 1;
            continue;
        };
        let now = role["school"].as_str().unwrap_or_default();
        let grade = GRADES.iter().position(|grade| *grade == next);
        let outgrown = grade.filter(|grade| bounds.get(now).is_some_and(|high| grade > high));
        let to = outgrown.and_then(|grade| school_for(&mut dice, &schools, grade));
        let cohort = (to.unwrap_or(now).to_owned(), next.clone());
        change(world, RecordKind::Users, &id, |user| {
            let role = &mut user["roles"]["student"];
            role["grade"] = json!(next);
            if let Some(to) = to {
                role["school"] = json!(to);
                role["schools"] = json!([to]);
            }
        });
        cohorts.entry(cohort).or_default().push(id);
    }
    changed += begin(world, &mut dice, &schools, done, &mut cohorts);
    let terms = renew_terms(world);
    changed + 2 * terms.len() + renew_sections(world, &terms, &cohorts)
}

/// Students by school and grade.
type Cohorts = BTreeMap<(String, String), Vec<String>>;

/// Lets so many begin in kindergarten, or in the lowest grade that there is.
fn begin(
    world: &mut World,
    dice: &mut Dice,
    schools: &[School],
    count: u32,
    cohorts: &mut Cohorts,
) -> usize {
    let Some(grade) = schools.iter().map(|school| school.low).min() else {
        return 0;
    };
    for number in 1..=count {
        let Some(school) = school_for(dice, schools, grade) else {
            continue;
        };
        let id = object_id(world.now(), world.seed ^ NEWCOMER_IDS, number);
        let number = 20_000_000_000 + world.day * 1_000_000 + u64::from(number);
        newcomer(world, dice, (&id, number), (school, grade));
        let cohort = (school.to_owned(), GRADES[grade].to_owned());
        cohorts.entry(cohort).or_default().push(id);
    }
    count as usize
}

/// A text with each number of four digits one higher: the years of a term.
fn a_year_later(text: &str) -> String {
    let parts = text.split_inclusive(|c: char| !c.is_ascii_digit());
    parts
        .map(|part| {
            let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
            match digits.parse::<u32>() {
                Ok(year) if digits.len() == 4 => format!("{}{}", year + 1, &part[4..]),
                _ => part.to_owned(),
            }
        })
        .collect()
}

/// Puts next year's terms in the place of this year's; the ids of both.
fn renew_terms(world: &mut World) -> BTreeMap<String, String> {
    let mut renewed = BTreeMap::new();
    let all: Vec<String> = world.list(RecordKind::Terms).keys().collect();
    for (number, id) in (0..).zip(all) {
        let mut term = world.value(RecordKind::Terms, &id).unwrap_or_default();
        let new = object_id(world.now(), world.seed ^ TERM_IDS, number);
        term["id"] = json!(new);
        for key in ["name", "start_date", "end_date"] {
            if let Some(later) = term[key].as_str().map(a_year_later) {
                term[key] = json!(later);
            }
        }
        world.remove(RecordKind::Terms, &id);
        world.put(RecordKind::Terms, &new, term.to_string());
        renewed.insert(id, new);
    }
    renewed
}

/// Puts new sections in the place of all: of the same courses and teachers, with the students who are in that grade
/// of that school now. Those that nobody would be in are gone. Tells how many records are other than before.
fn renew_sections(world: &mut World, terms: &BTreeMap<String, String>, cohorts: &Cohorts) -> usize {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut groups: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
    for section in world.list(RecordKind::Sections).values() {
        let value = section.value();
        let group = (
            text(&value["school"]),
            text(&value["grade"]),
            text(&value["course"]),
        );
        groups
            .entry(group)
            .or_default()
            .push(section.id().into_owned());
    }
    let (now, mut number, mut changed) = (stamp(world.now()), 0, 0);
    for (turn, ((school, grade, _), sections)) in groups.into_iter().enumerate() {
        let mut students = cohorts.get(&(school, grade)).cloned().unwrap_or_default();
        let (count, parts) = (students.len(), sections.len().min(students.len()));
        if count > 0 {
            // Classmates differ from course to course.
            students.rotate_left(turn * 7 % count);
        }
        for (part, id) in sections.into_iter().enumerate() {
            let mut section = world.value(RecordKind::Sections, &id).unwrap_or_default();
            world.remove(RecordKind::Sections, &id);
            changed += 1;
            if part >= parts {
                continue;
            }
            let new = object_id(world.now(), world.seed ^ SECTION_IDS, number);
            number += 1;
            section["id"] = json!(new);
            section["students"] = json!(students[count * part / parts..count * (part + 1) / parts]);
            section["created"] = json!(now);
            section["last_modified"] = json!(now);
            if let Some(term) = section["term_id"].as_str().and_then(|term| terms.get(term)) {
                section["term_id"] = json!(term);
            }
            world.put(RecordKind::Sections, &new, section.to_string());
            changed += 1;
        }
    }
    changed
}

/// Takes the last school out of the sharing: its sections go, and its people unless another school has them.
pub(crate) fn unshare_school(world: &mut World) -> usize {
    let Some(school) = world.list(RecordKind::Schools).keys().next_back() else {
        return 0;
    };
    let sections = world.at_school(RecordKind::Sections, &school);
    let people = world.at_school(RecordKind::Users, &school);
    let changed = 1 + sections.len() + people.len();
    for section in sections {
        world.remove(RecordKind::Sections, &section);
    }
    for person in people {
        let mut elsewhere = false;
        change(world, RecordKind::Users, &person, |user| {
            // Who administers the district is of no school.
            elsewhere |= user["roles"].get("district_admin").is_some();
            for role in ["student", "teacher", "staff"] {
                let Some(role) = user.pointer_mut(&format!("/roles/{role}")) else {
                    continue;
                };
                let mut others = role["schools"].as_array().cloned().unwrap_or_default();
                others.retain(|other| *other != school);
                if role["school"] == school {
                    role["school"] = others.first().cloned().unwrap_or_default();
                }
                elsewhere |= !others.is_empty();
                role["schools"] = json!(others);
            }
        });
        if !elsewhere {
            depart(world, &person);
        }
    }
    world.remove(RecordKind::Schools, &school);
    changed
}

pub(crate) fn role_off(world: &mut World) -> usize {
    let contacts: Vec<String> = world.with_role(Role::Contact).keys().collect();
    for id in &contacts {
        world.remove(RecordKind::Users, id);
    }
    contacts.len()
}

/// Gives every student another number and another id.
pub(crate) fn sis_rekey(world: &mut World) -> usize {
    let students: Vec<String> = world.with_role(Role::Student).keys().collect();
    let (now, day) = (world.now(), world.day);
    let mut new_ids: BTreeMap<String, String> = BTreeMap::new();
    for (number, id) in (0..).zip(students) {
        let mut user = world.value(RecordKind::Users, &id).unwrap_or_default();
        let new = object_id(now, world.seed ^ REKEYED_IDS, number);
        user["id"] = json!(new);
        user["roles"]["student"]["sis_id"] = format!("R{day}-{number:06}").into();
        world.remove(RecordKind::Users, &id);
        world.put(RecordKind::Users, &new, user.to_string());
        new_ids.insert(id, new);
    }
    let rename = |id: &mut Value| {
        if let Some(new) = id.as_str().and_then(|id| new_ids.get(id)) {
            *id = json!(new);
        }
    };
    let sections: Vec<String> = world.list(RecordKind::Sections).keys().collect();
    for section in &sections {
        change(world, RecordKind::Sections, section, |section| {
            section["students"]
                .as_array_mut()
                .into_iter()
                .flatten()
                .for_each(rename);
        });
    }
    let contacts: Vec<String> = world.with_role(Role::Contact).keys().collect();
    for contact in &contacts {
        change(world, RecordKind::Users, contact, |user| {
            let relations = user["roles"]["contact"]["student_relationships"].as_array_mut();
            for relation in relations.into_iter().flatten() {
                rename(&mut relation["student"]);
            }
        });
    }
    2 * new_ids.len() + sections.len() + contacts.len()
}

/// Brings a student to another school, rather to one that has the grade.
pub(crate) fn transfer(world: &mut World) -> usize {
    let mut dice = dice(world, 1);
    let Some(student) = draw(&mut dice, world.with_role(Role::Student)) else {
        return 0;
    };
    let user = world.value(RecordKind::Users, &student).unwrap_or_default();
    let role = &user["roles"]["student"];
    let mut others = schools(world);
    others.retain(|school| role["school"] != school.id);
    let fitting = place(&role["grade"]).and_then(|grade| school_for(&mut dice, &others, grade));
    let Some(to) = fitting.or(others.first().map(|school| school.id.as_str())) else {
        return 0;
    };
    1 + move_to(world, &student, to)
}

/// Gives roles new ids of before v3.0: each is of one person's one part, and never of another's.
fn renew_older_ids(world: &World, roles: &mut Value, ids: u64, number: u32) {
    let roles = roles.as_object_mut().into_iter().flatten();
    for (part, (_, role)) in (1..).zip(roles) {
        if role["legacy_id"].is_string() {
            role["legacy_id"] = json!(object_id(world.now(), world.seed ^ (ids + part), number));
        }
    }
}

/// An employee's other address makes Clever see two: one of the roles, or where there is one only a copy of it, goes
/// to a new record.
pub(crate) fn user_split(world: &mut World) -> usize {
    let several = world
        .with_role(Role::Staff)
        .values()
        .find(|user| user.has_role(Role::Teacher));
    let Some(first) = several.or_else(|| world.with_role(Role::Teacher).values().next()) else {
        return 0;
    };
    let (first, mut user) = (first.id().into_owned(), first.value());
    let number = u32::try_from(world.past.splits.len()).unwrap_or(u32::MAX);
    let second = object_id(world.now(), world.seed ^ SPLIT_IDS, number);
    user["id"] = json!(second);
    user["email"] = json!(format!("second.{number}@schools.example.org"));
    let staff = user["roles"]["staff"].take();
    let mut changed = 1;
    if !staff.is_null() {
        user["roles"] = json!({ "staff": staff });
        change(world, RecordKind::Users, &first, |user| {
            if let Some(roles) = user["roles"].as_object_mut() {
                roles.remove("staff");
            }
        });
        changed += 1;
    } else if let Some(roles) = user["roles"].as_object_mut() {
        roles.remove("staff");
    }
    renew_older_ids(world, &mut user["roles"], SPLIT_IDS, number);
    world.put(RecordKind::Users, &second, user.to_string());
    world.past.splits.push((first, second));
    changed
}

/// Makes one of the last two that were made of one: the first has the second's roles and sections.
pub(crate) fn user_merge(world: &mut World) -> usize {
    while let Some((first, second)) = world.past.splits.pop() {
        let Some(mut twin) = world.value(RecordKind::Users, &second) else {
            continue;
        };
        if !world.list(RecordKind::Users).contains_key(&first) {
            continue;
        }
        let number = u32::try_from(world.past.splits.len()).unwrap_or(u32::MAX);
        renew_older_ids(world, &mut twin["roles"], MERGED_IDS, number);
        change(world, RecordKind::Users, &first, |user| {
            for (name, role) in twin["roles"].as_object().into_iter().flatten() {
                if user["roles"].get(name).is_none() {
                    user["roles"][name] = role.clone();
                }
            }
        });
        let sections = world.sections_of(&second);
        for section in &sections {
            change(world, RecordKind::Sections, section, |section| {
                for id in section["teachers"].as_array_mut().into_iter().flatten() {
                    if *id == second {
                        *id = json!(first);
                    }
                }
                if section["teacher"] == second {
                    section["teacher"] = json!(first);
                }
            });
        }
        world.remove(RecordKind::Users, &second);
        return 2 + sections.len();
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_in_a_text_are_counted_up_and_days_are_not() {
        assert_eq!(a_year_later("2026-08-17"), "2027-08-17");
        assert_eq!(a_year_later("Full Year 2026-2027"), "Full Year 2027-2028");
        assert_eq!(a_year_later("Trimester 1"), "Trimester 1");
    }
}
