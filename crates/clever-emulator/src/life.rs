//! Days of school life: who comes, goes, moves, is renamed, changes classes.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Role, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::resources;
use crate::world::dice::{Dice, Stream};
use crate::world::events::{self, Journal, Touched};
use crate::world::generate::school_year;
use crate::world::people::{Common, Family, GRADES, Student, stamp};
use crate::world::{List, World, object_id};

/// Seconds in a day.
const DAY: i64 = 86_400;

/// What some days of life did, in people and places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DaySummary {
    /// Days that passed.
    pub days: u32,
    /// Students who came.
    pub enrolled: u32,
    /// Students who left.
    pub withdrawn: u32,
    /// Students who moved to another school of the district.
    pub moved: u32,
    /// People whose name or address changed.
    pub renamed: u32,
    /// Students who changed from one section to another.
    pub rescheduled: u32,
    /// Contacts whose telephone number changed.
    pub rephoned: u32,
    /// Sections that got another teacher.
    pub reassigned: u32,
    /// The records that are other than before, by kind; for tests that look each of them up.
    #[serde(skip)]
    pub touched: BTreeMap<RecordKind, Touched>,
}

impl DaySummary {
    /// All that happened.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.enrolled
            + self.withdrawn
            + self.moved
            + self.renamed
            + self.rescheduled
            + self.rephoned
            + self.reassigned
    }
}

/// Lets `days` pass in `world`. What happens follows from the world and its seed alone.
pub(crate) fn pass(world: &mut World, days: u32) -> DaySummary {
    let mut summary = DaySummary {
        days,
        ..DaySummary::default()
    };
    let mut journal = world.publish();
    journal.clear();
    for _ in 0..days {
        world.day += 1;
        world.now = Timestamp::from_second(world.now.as_second() + DAY).unwrap_or(world.now);
        Day::of(world).live(&mut summary);
        resources::day(world);
        remember(&mut journal, world.publish());
    }
    summary.touched = events::touched(world, &journal);
    summary
}

/// Adds a day's journal to that of the days before: the earliest look at a record counts.
fn remember(journal: &mut Journal, day: Journal) {
    for (record, before) in day {
        journal.entry(record).or_insert(before);
    }
}

/// One day in the making.
struct Day<'a> {
    dice: Dice,
    number: u32,
    world: &'a mut World,
}

impl<'a> Day<'a> {
    fn of(world: &'a mut World) -> Self {
        Self {
            dice: Dice::of(world.seed, Stream::Day, world.day),
            number: 0,
            world,
        }
    }

    fn live(mut self, summary: &mut DaySummary) {
        // About 18 % of a roster turns over in a year of 180 days.
        let few = (self.world.with_role(Role::Student).len() / 1000).max(1);
        for _ in 0..few {
            summary.withdrawn += u32::from(self.withdraw());
            summary.enrolled += u32::from(self.enroll());
            summary.moved += u32::from(self.move_school());
            summary.renamed += u32::from(self.rename());
            summary.reassigned += u32::from(self.reassign());
        }
        for _ in 0..few * 3 {
            summary.rescheduled += u32::from(self.reschedule());
            summary.rephoned += u32::from(self.rephone());
        }
        let now = stamp(self.world.now);
        let district = self.world.district_id().to_owned();
        self.world.edit(RecordKind::Districts, &district, |record| {
            record["last_sync"] = json!(now);
        });
    }

    /// One id of a list, or none of an empty one. Drawn by lot, so that no list is walked for it.
    fn one(&mut self, of: impl Fn(&World) -> List<'_>) -> Option<String> {
        let list = of(self.world);
        if list.is_empty() {
            return None;
        }
        loop {
            let place = self.dice.place(list.places());
            if let Some(found) = list.at_place(place) {
                return Some(found.id().into_owned());
            }
        }
    }

    /// Changes a record and marks it as changed now.
    fn change(&mut self, kind: RecordKind, id: &str, change: impl FnOnce(&mut Value)) {
        let now = stamp(self.world.now);
        self.world.edit(kind, id, |record| {
            change(record);
            record["last_modified"] = json!(now);
        });
    }

    /// Takes a student out of a section; the last one takes the section along.
    fn leave(&mut self, section: &str, student: &str) {
        let mut empty = false;
        self.change(RecordKind::Sections, section, |record| {
            if let Some(students) = record["students"].as_array_mut() {
                students.retain(|id| id != student);
                empty = students.is_empty();
            }
        });
        if empty {
            self.world.remove(RecordKind::Sections, section);
        }
    }

    fn withdraw(&mut self) -> bool {
        let Some(student) = self.one(|world| world.with_role(Role::Student)) else {
            return false;
        };
        for section in self.world.sections_of(&student) {
            self.leave(&section, &student);
        }
        self.part_from_contacts(&student);
        self.world.remove(RecordKind::Users, &student)
    }

    /// Takes a student out of the contacts' lists; a contact of nobody else goes along.
    fn part_from_contacts(&mut self, student: &str) {
        for contact in self.world.contacts_of(student) {
            let mut alone = false;
            self.change(RecordKind::Users, &contact, |user| {
                let students = &mut user["roles"]["contact"]["student_relationships"];
                if let Some(students) = students.as_array_mut() {
                    students.retain(|one| one["student"] != student);
                    alone = students.is_empty();
                }
            });
            if alone {
                self.world.remove(RecordKind::Users, &contact);
            }
        }
    }

    fn enroll(&mut self) -> bool {
        let (Some(section), Some(school)) = (
            self.one(|world| world.list(RecordKind::Sections)),
            self.one(|world| world.list(RecordKind::Schools)),
        ) else {
            return false;
        };
        let Some(record) = self.world.value(RecordKind::Sections, &section) else {
            return false;
        };
        let school = record["school"].as_str().map_or(school, ToOwned::to_owned);
        let grade = GRADES
            .iter()
            .position(|grade| record["grade"] == *grade)
            .unwrap_or(0);
        self.number += 1;
        let now = self.world.now;
        let id = object_id(now, self.world.seed, self.number);
        let family = Family::of(&mut self.dice);
        let common = Common::at(self.world.district_id(), now);
        let student = Student {
            id: &id,
            // Above those of any district's first students.
            number: 50_000_000 + self.world.day * 1_000 + u64::from(self.number),
            family: &family,
            grade,
            school: &school,
            also: None,
            year: school_year(now),
            birthday: self.dice.clone(),
        };
        let mut record = String::new();
        student.write(&mut self.dice, &common, &mut record);
        self.world.put(RecordKind::Users, &id, record);
        self.join(&section, &id);
        // Who comes today does not leave or move today, so that the day's numbers are exact.
        true
    }

    fn join(&mut self, section: &str, student: &str) {
        self.change(RecordKind::Sections, section, |record| {
            if let Some(students) = record["students"].as_array_mut() {
                students.push(json!(student));
            }
        });
    }

    fn move_school(&mut self) -> bool {
        let (Some(student), Some(school)) = (
            self.one(|world| world.with_role(Role::Student)),
            self.one(|world| world.list(RecordKind::Schools)),
        ) else {
            return false;
        };
        let before = self
            .world
            .value(RecordKind::Users, &student)
            .unwrap_or_default();
        let from = before["roles"]["student"]["school"].clone();
        let band = |id: &str| {
            let school = self.world.value(RecordKind::Schools, id);
            school.map(|school| school["low_grade"].clone())
        };
        if from == *school || from.as_str().and_then(band) != band(&school) {
            return false;
        }
        // The classes stay behind; those at the new school follow by the days' changes of schedule.
        for section in self.world.sections_of(&student) {
            let at = self.world.value(RecordKind::Sections, &section);
            if at.is_some_and(|section| section["school"] == from) {
                self.leave(&section, &student);
            }
        }
        self.change(RecordKind::Users, &student, |user| {
            user["roles"]["student"]["school"] = json!(school);
            user["roles"]["student"]["schools"] = json!([school]);
        });
        true
    }

    fn rename(&mut self) -> bool {
        let student = self.dice.chance(500);
        let id = if student {
            self.one(|world| world.with_role(Role::Student))
        } else {
            self.one(|world| world.with_role(Role::Teacher))
        };
        let Some(id) = id else { return false };
        let last = Family::of(&mut self.dice).last.concat();
        self.change(RecordKind::Users, &id, |user| {
            user["name"]["last"] = json!(last);
        });
        true
    }

    fn reschedule(&mut self) -> bool {
        let (Some(student), Some(to)) = (
            self.one(|world| world.with_role(Role::Student)),
            self.one(|world| world.list(RecordKind::Sections)),
        ) else {
            return false;
        };
        let from = self.world.sections_of(&student);
        if from.is_empty() || from.contains(&to) {
            return false;
        }
        let from = from[self.dice.place(from.len())].clone();
        self.leave(&from, &student);
        self.join(&to, &student);
        true
    }

    fn rephone(&mut self) -> bool {
        let Some(contact) = self.one(|world| world.with_role(Role::Contact)) else {
            return false;
        };
        let phone = format!("(217) 555-{:04}", self.dice.below(10_000));
        self.change(RecordKind::Users, &contact, |user| {
            user["roles"]["contact"]["phone"] = json!(phone);
        });
        true
    }

    fn reassign(&mut self) -> bool {
        let (Some(section), Some(teacher)) = (
            self.one(|world| world.list(RecordKind::Sections)),
            self.one(|world| world.with_role(Role::Teacher)),
        ) else {
            return false;
        };
        self.change(RecordKind::Sections, &section, |record| {
            record["teacher"] = json!(teacher);
            record["teachers"] = json!([teacher]);
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::generate::generate;

    #[test]
    fn a_day_changes_what_it_says_and_the_same_day_is_the_same_again() {
        let start = "2026-09-14T12:00:00Z".parse().unwrap();
        let (mut a, mut b) = (generate(5, 300, start), generate(5, 300, start));
        let before = a.list(RecordKind::Users).len();
        let summary = pass(&mut a, 3);
        assert_eq!(summary, pass(&mut b, 3));
        let texts = |world: &World| {
            RecordKind::ALL.map(|kind| {
                world
                    .list(kind)
                    .values()
                    .map(|r| r.json().into_owned())
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(texts(&a), texts(&b));
        let users = &summary.touched[&RecordKind::Users];
        assert_eq!(
            a.list(RecordKind::Users).len() + users.deleted.len(),
            before + users.created.len()
        );
        assert_eq!(summary.enrolled, 3);
        assert!(users.deleted.len() >= summary.withdrawn as usize);
        let district = a.value(RecordKind::Districts, a.district_id()).unwrap();
        assert_eq!(district["last_sync"], "2026-09-17T12:00:00.000Z");
    }

    #[test]
    fn years_pass_without_an_empty_section() {
        let mut world = generate(2, 60, "2026-09-14T12:00:00Z".parse().unwrap());
        pass(&mut world, 200);
        for id in world.list(RecordKind::Sections).keys() {
            let section = world.value(RecordKind::Sections, &id).unwrap();
            assert!(!section["students"].as_array().unwrap().is_empty());
        }
        let users = world.list(RecordKind::Users);
        for id in users.keys() {
            let user = world.value(RecordKind::Users, &id).unwrap();
            let students = user.pointer("/roles/contact/student_relationships");
            for one in students.and_then(Value::as_array).into_iter().flatten() {
                assert!(users.contains_key(one["student"].as_str().unwrap()));
            }
        }
    }
}
