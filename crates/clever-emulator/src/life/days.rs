//! Days of school life: who comes, goes, moves, is renamed, changes classes.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Role, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::resources;
use super::roster::{
    change, come_back, draw, join_section, leave_section, move_to, newcomer, withdraw,
};
use crate::world::dice::{Dice, Stream};
use crate::world::events;
use crate::world::journal::Journal;
use crate::world::people::{Family, GRADES};
use crate::world::stamp::{object_id, stamp};
use crate::world::{List, Touched, World};

/// Seconds in a day.
const DAY: i64 = 86_400;

/// What some days of life did, in people and places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct DaySummary {
    /// Days that passed.
    pub days: u32,
    /// Students who came.
    pub enrolled: u32,
    /// Students who came back.
    pub returned: u32,
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
            + self.returned
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
        // While Clever has the district paused, nothing that happens there comes through.
        if !is_paused(world) {
            Day::of(world).live(&mut summary);
            resources::day(world);
        }
        remember(&mut journal, world.publish());
    }
    summary.touched = events::touched(world, &journal);
    summary
}

fn is_paused(world: &World) -> bool {
    let district = world.value(RecordKind::Districts, world.district_id());
    district.is_some_and(|district| district["state"] == "paused")
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
            summary.returned += u32::from(self.come_back());
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

    fn one(&mut self, of: impl Fn(&World) -> List<'_>) -> Option<String> {
        draw(&mut self.dice, of(self.world))
    }

    /// The next id of the day.
    fn id(&mut self) -> String {
        self.number += 1;
        object_id(self.world.now, self.world.seed, self.number)
    }

    fn withdraw(&mut self) -> bool {
        // Who came today does not leave today, so that the day's numbers are exact.
        let today = object_id(self.world.now, self.world.seed, 0);
        let student = self.one(|world| world.with_role(Role::Student));
        let student = student.filter(|student| !student.starts_with(&today[..16]));
        student.is_some_and(|student| withdraw(self.world, &student))
    }

    /// One in four times, somebody who left is here again.
    fn come_back(&mut self) -> bool {
        let new = self.id();
        self.dice.chance(250) && come_back(self.world, &mut self.dice, &new)
    }

    fn enroll(&mut self) -> bool {
        let Some(section) = self.one(|world| world.list(RecordKind::Sections)) else {
            return false;
        };
        let record = self.world.value(RecordKind::Sections, &section);
        let record = record.unwrap_or_default();
        let Some(school) = record["school"].as_str() else {
            return false;
        };
        let grade = GRADES.iter().position(|grade| record["grade"] == *grade);
        let id = self.id();
        // Above those of any district's first students.
        let number = 10_000_000_000 + self.world.day * 1_000_000 + u64::from(self.number);
        let place = (school, grade.unwrap_or(0));
        newcomer(self.world, &mut self.dice, (&id, number), place);
        join_section(self.world, &section, &id);
        true
    }

    fn move_school(&mut self) -> bool {
        let Some(student) = self.one(|world| world.with_role(Role::Student)) else {
            return false;
        };
        let user = self.world.value(RecordKind::Users, &student);
        let user = user.unwrap_or_default();
        let from = &user["roles"]["student"]["school"];
        let grade = |school: &str| {
            let school = self.world.value(RecordKind::Schools, school);
            school.map(|school| school["low_grade"].clone())
        };
        let own = from.as_str().and_then(grade);
        // Schools of the same kind are found by trying a few.
        for _ in 0..12 {
            let school = draw(&mut self.dice, self.world.list(RecordKind::Schools));
            let fits = |school: &String| *from != **school && grade(school) == own;
            if let Some(school) = school.filter(fits) {
                // Classes at the new school follow by the days' changes of schedule.
                move_to(self.world, &student, &school);
                return true;
            }
        }
        false
    }

    fn rename(&mut self) -> bool {
        let student = self.dice.chance(500);
        let id = if student {
            self.one(|world| world.with_role(Role::Student))
        } else {
            self.one(|world| world.with_role(Role::Teacher))
        };
        let Some(id) = id else { return false };
        let last = Family::of(&mut self.dice).name();
        change(self.world, RecordKind::Users, &id, |user| {
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
        leave_section(self.world, &from, &student);
        join_section(self.world, &to, &student);
        true
    }

    fn rephone(&mut self) -> bool {
        let Some(contact) = self.one(|world| world.with_role(Role::Contact)) else {
            return false;
        };
        let phone = format!("(217) 555-{:04}", self.dice.below(10_000));
        change(self.world, RecordKind::Users, &contact, |user| {
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
        change(self.world, RecordKind::Sections, &section, |record| {
            record["teacher"] = json!(teacher);
            record["teachers"] = json!([teacher]);
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
