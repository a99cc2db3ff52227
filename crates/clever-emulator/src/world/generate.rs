//! A world made up from a seed: the same seed and size give the same bytes on any machine.
//!
//! Records are not kept. Each is written when it is read, from the district's layout and the record's own dice.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use clever_model::{RecordKind, Role, Timestamp};

use super::base::{Base, search};
use super::dice::{Dice, Stream};
use super::json::{self, Object, Text, key};
use super::layout::{GRADE_COUNT, Layout};
use super::list::Roles as RoleSet;
use super::names::{ELEMENTARY, SCHOOLS, SECONDARY};
use super::people::{
    Common, Contact, Employee, Family, GRADE_WORDS, GRADES, LMS_STATUS, Roles, Student, stamp,
    write_employee,
};
use super::words::{Digits, Id, Word};
use super::{World, object_id};

/// Where the numbers of each kind's ids begin; none reaches the next.
const SCHOOL_IDS: u32 = 0x0100_0000;
const TERM_IDS: u32 = 0x0200_0000;
const COURSE_IDS: u32 = 0x0300_0000;
const USER_IDS: u32 = 0x1000_0000;
const SECTION_IDS: u32 = 0x4000_0000;
/// The same for the ids of before API v3, of each role.
const TEACHER_IDS: u32 = 0x5000_0000;
const STAFF_IDS: u32 = 0x6000_0000;
const ADMIN_IDS: u32 = 0x7000_0000;
const CONTACT_IDS: u32 = 0x8000_0000;

/// Staff of each school who do not teach.
const STAFF: u32 = 2;
/// Room for a record, in bytes, and for each person of a section.
const ROOM: usize = 1024;
const ROOM_OF_PERSON: usize = 27;
/// Terms: the whole year and its halves.
const TERMS: u32 = 3;
/// Every so many teachers, one is of the staff as well, and of these some administer the district.
const TEACHERS_WITH_STAFF: u32 = 25;
const TEACHERS_WITH_ADMIN: u32 = 100;

/// A made-up district as it was when its world began.
#[derive(Debug)]
struct Generated {
    seed: u64,
    /// The year in which the school year began.
    year: i16,
    /// The first sixteen digits of every id, and of every id of before API v3.
    prefix: [u8; 16],
    legacy: [u8; 16],
    /// When it began.
    started: Box<str>,
    common: Common,
    layout: Layout,
    /// The first course of each grade.
    courses: Vec<u32>,
}

/// Makes a district of `students` students as it is at `now`.
#[must_use]
pub fn generate(seed: u64, students: u32, now: Timestamp) -> World {
    let base = Generated::new(seed, students, now);
    let mut world = World::empty(now, seed);
    world.district = base.common.district.clone();
    world.base = Some(Arc::new(base));
    world
}

fn prefix(time: Timestamp, seed: u64) -> [u8; 16] {
    let mut prefix = [b'0'; 16];
    let id = object_id(time, seed, 0);
    for (to, from) in prefix.iter_mut().zip(id.bytes()) {
        *to = from;
    }
    prefix
}

impl Generated {
    fn new(seed: u64, students: u32, now: Timestamp) -> Self {
        // Ids carry their time: the district's records were made on the summer's day before the school year.
        let summer = |year: i16| format!("{year}-08-03T06:00:00Z").parse().unwrap_or(now);
        // A spring belongs to the school year that began the summer before.
        let year = school_year(now);
        let made: Timestamp = summer(year);
        let district = object_id(made, seed, 0);
        let layout = Layout::new(seed, students);
        let mut courses = vec![0];
        for grade in 0..GRADE_COUNT {
            courses.push(courses[grade as usize] + layout.subjects(grade));
        }
        Self {
            seed,
            year,
            prefix: prefix(made, seed),
            legacy: prefix(summer(year - 8), seed),
            started: stamp(now).into(),
            common: Common::at(&district, made),
            layout,
            courses,
        }
    }

    fn dice(&self, stream: Stream, number: u32) -> Dice {
        Dice::of(self.seed, stream, u64::from(number))
    }

    fn made(&self, first: u32, at: u32) -> Id {
        Id::new(self.prefix, first + at)
    }

    fn before_v3(&self, first: u32, at: u32) -> Id {
        Id::new(self.legacy, first + at)
    }

    /// Where the numbers of a kind's ids begin.
    fn first(kind: RecordKind) -> u32 {
        match kind {
            RecordKind::Districts | RecordKind::Resources => 0,
            RecordKind::Schools => SCHOOL_IDS,
            RecordKind::Terms => TERM_IDS,
            RecordKind::Courses => COURSE_IDS,
            RecordKind::Users => USER_IDS,
            RecordKind::Sections => SECTION_IDS,
        }
    }

    /// Positions of users: students, contacts, teachers, staff, district admins.
    fn contacts(&self) -> Range<u32> {
        let first = self.layout.student_count();
        first..first + self.layout.contact_count()
    }

    fn employees(&self) -> Range<u32> {
        let first = self.contacts().end;
        first..first + self.layout.teacher_count() + self.staff_count() + self.admin_count()
    }

    fn staff_count(&self) -> u32 {
        STAFF * self.layout.school_count()
    }

    fn admin_count(&self) -> u32 {
        2 + self.layout.school_count() / 100
    }

    fn employee(&self, number: u32) -> Employee {
        Employee::of(&mut self.dice(Stream::Employee, number), u64::from(number))
    }

    /// The roles of the employee with this number.
    fn employee_roles(&self, number: u32) -> (bool, bool, bool) {
        let teachers = self.layout.teacher_count();
        let teacher = number < teachers;
        let staff = if teacher {
            number % TEACHERS_WITH_STAFF == 3
        } else {
            number < teachers + self.staff_count()
        };
        let admin = if teacher {
            number % TEACHERS_WITH_ADMIN == 53
        } else {
            !staff
        };
        (teacher, staff, admin)
    }

    fn write_district(&self, out: &mut Vec<u8>) {
        let seed = Digits::new(self.seed);
        let year = self.year.to_string();
        json::write(out, ROOM, |mut pen| {
            let mut district = Object::new(&mut pen);
            let mut contact = district.object(key!("district_contact"));
            contact.text(key!("district"), &*self.common.district);
            contact.text(key!("email"), "data.office@schools.example.org");
            contact.text(key!("id"), self.made(u32::MAX, 0));
            let mut name = contact.object(key!("name"));
            name.text(key!("first"), "Data");
            name.text(key!("last"), "Office");
            name.end();
            contact.text(key!("title"), "");
            contact.end();
            district.text(key!("error"), "");
            district.text(key!("id"), &*self.common.district);
            district.text(key!("last_sync"), &*self.started);
            district.text(key!("launch_date"), (&*year, "-08-01"));
            district.text(key!("lms_state"), "success");
            district.text(key!("lms_type"), "canvas");
            district.list(key!("login_methods"), ["Clever Badges", "Clever Passwords"]);
            let mdr = Digits::padded(self.seed % 100_000_000, 8);
            district.text(key!("mdr_number"), mdr);
            district.text(key!("name"), ("Springfield Unified District ", seed));
            district.text(key!("nces_id"), "");
            district.text(
                key!("portal_url"),
                ("https://clever.com/in/springfield-", seed),
            );
            district.text(key!("sis_type"), "sftp");
            district.text(key!("state"), "running");
            district.end();
            pen
        });
    }

    fn write_school(&self, at: u32, out: &mut Vec<u8>) {
        let mut dice = self.dice(Stream::School, at);
        let (low, high, band) = self.layout.grades_of(at);
        let number = at + 1;
        let (digits, sis_id) = (
            Digits::new(number.into()),
            Digits::new(u64::from(9_000 + number)),
        );
        json::write(out, ROOM, |mut pen| {
            let mut school = Object::new(&mut pen);
            school.ready(&self.common.head);
            let mut ext = school.object(key!("ext"));
            ext.text(
                key!("charter_school"),
                if dice.chance(50) { "Y" } else { "" },
            );
            ext.end();
            school.text(key!("high_grade"), GRADES[high as usize]);
            school.text(key!("id"), self.made(SCHOOL_IDS, at));
            school.text(key!("last_modified"), self.common.made);
            let mut location = school.object(key!("location"));
            location.text(key!("address"), (digits, "0 School Rd"));
            location.text(key!("city"), "Springfield");
            location.text(key!("state"), "IL");
            location.text(key!("zip"), "60001");
            location.end();
            school.text(key!("low_grade"), GRADES[low as usize]);
            let word = ["Elementary", "Middle", "High"][band];
            match SCHOOLS.get(at as usize) {
                Some(name) => school.text(key!("name"), (*name, " ", word, " School")),
                None => school.text(key!("name"), (word, " School ", digits)),
            }
            // Absent is written in two ways.
            if !number.is_multiple_of(3) {
                school.text(
                    key!("phone"),
                    ("(217) 555-", Digits::padded(number.into(), 4)),
                );
                let mut principal = school.object(key!("principal"));
                principal.text(key!("email"), "");
                principal.text(key!("name"), "");
                principal.end();
            }
            school.text(key!("school_number"), digits);
            school.text(key!("sis_id"), sis_id);
            school.end();
            pen
        });
    }

    /// Terms' dates have no time of day, as `/terms` writes them.
    fn write_term(&self, at: u32, out: &mut Vec<u8>) {
        let (year, next) = (self.year.to_string(), (self.year + 1).to_string());
        let (year, next) = (&*year, &*next);
        let (name, start, end) = match at {
            0 => (
                ("Full Year ", year, "-", next),
                (year, "-08-17"),
                (next, "-06-04"),
            ),
            1 => (("Fall ", year, "", ""), (year, "-08-17"), (next, "-01-15")),
            _ => (
                ("Spring ", next, "", ""),
                (next, "-01-18"),
                (next, "-06-04"),
            ),
        };
        json::write(out, ROOM, |mut pen| {
            let mut term = Object::new(&mut pen);
            term.text(key!("district"), &*self.common.district);
            term.text(key!("end_date"), end);
            term.text(key!("id"), self.made(TERM_IDS, at));
            term.text(key!("name"), name);
            term.text(key!("start_date"), start);
            term.end();
            pen
        });
    }

    /// A course's name and Clever's word for its subject.
    fn subject(grade: u32, number: u32) -> (&'static str, &'static str) {
        let all = if grade <= 5 { ELEMENTARY } else { SECONDARY };
        all[number as usize % all.len()]
    }

    fn write_course(&self, at: u32, out: &mut Vec<u8>) {
        let grade = self.courses.partition_point(|first| *first <= at) as u32 - 1;
        let number = at - self.courses[grade as usize];
        let (name, _) = Self::subject(grade, number);
        let digits = Digits::new(u64::from((100 + grade) * 100 + number));
        json::write(out, ROOM, |mut pen| {
            let mut course = Object::new(&mut pen);
            course.text(key!("district"), &*self.common.district);
            course.text(key!("id"), self.made(COURSE_IDS, at));
            course.text(key!("name"), (name, " ", GRADES[grade as usize]));
            match grade % 4 {
                1 => course.text(key!("number"), ""),
                _ if at % 23 == 7 => {}
                _ => course.text(key!("number"), digits),
            }
            course.end();
            pen
        });
    }

    fn write_student(&self, at: u32, out: &mut Vec<u8>) {
        let child = self.layout.child(at);
        let student = Student {
            id: self.made(USER_IDS, at),
            number: u64::from(at),
            family: &self.family(child.family),
            grade: child.grade as usize,
            school: self.made(SCHOOL_IDS, child.school),
            also: child.second.map(|also| self.made(SCHOOL_IDS, also)),
            year: self.year,
            birthday: self.dice(Stream::Birthday, child.birthday),
            room: 0,
        };
        student.write(&mut self.dice(Stream::Student, at), &self.common, out);
    }

    fn family(&self, number: u32) -> Family {
        Family::of(&mut self.dice(Stream::FamilyName, number))
    }

    /// The first contact of a few families teaches in the district.
    fn teacher_in(&self, family: u32) -> Option<u32> {
        let mut dice = self.dice(Stream::Parent, family);
        dice.chance(8)
            .then(|| dice.below(self.layout.teacher_count()))
    }

    fn write_contact(&self, number: u32, out: &mut Vec<u8>) {
        let (family, nth) = self.layout.family_of(number);
        let teacher = self.teacher_in(family).filter(|_| nth == 0);
        let contact = Contact {
            id: self.made(USER_IDS, self.contacts().start + number),
            legacy: self.before_v3(CONTACT_IDS, number),
            number: u64::from(number),
            family: &self.family(family),
            teacher: teacher.map(|number| self.employee(number)),
            nth,
        };
        let children = self.layout.children(family);
        let children = children.map(|at| self.made(USER_IDS, at));
        let dice = self.dice(Stream::Contact, number);
        contact.write(children, dice, &self.common, out);
    }

    fn write_employee(&self, number: u32, out: &mut Vec<u8>) {
        let (teacher, staff, admin) = self.employee_roles(number);
        let legacy = |first, has: bool| has.then(|| self.before_v3(first, number));
        let own = number.saturating_sub(self.layout.teacher_count());
        let (school, next) = match (teacher, staff) {
            (true, _) => {
                let (school, next) = self.layout.schools_of_teacher(number);
                (Some(school), next)
            }
            (false, true) => (Some(own / STAFF), None),
            _ => (None, None),
        };
        let schools = [school, next].map(|school| Some(self.made(SCHOOL_IDS, school?)));
        let roles = Roles {
            teacher: legacy(TEACHER_IDS, teacher),
            staff: legacy(STAFF_IDS, staff),
            admin: legacy(ADMIN_IDS, admin),
            technician: !teacher && own.is_multiple_of(2 * STAFF),
        };
        let id = self.made(USER_IDS, self.employees().start + number);
        write_employee(
            &self.employee(number),
            (id, schools),
            roles,
            self.dice(Stream::EmployeeRecord, number),
            &self.common,
            out,
        );
    }

    fn write_section(&self, at: u32, out: &mut Vec<u8>) {
        let class = self.layout.class(at);
        let mut dice = self.dice(Stream::Section, at);
        let (course, subject) = Self::subject(class.grade, class.subject);
        let has_course = !dice.chance(5);
        let halves = class.grade > 5 && dice.chance(400);
        let term = (!dice.chance(5)).then(|| if halves { 1 + dice.below(2) } else { 0 });
        let first = self.employees().start;
        let teachers = self.layout.teachers_in(at, class.school);
        let last = teachers.first().map(|teacher| self.employee(*teacher).last);
        let period = Digits::new(u64::from(class.part + 1));
        let number = Digits::new(u64::from(at));
        let (count, mut students) = self.layout.students_in(at, &class);
        let room = ROOM + ROOM_OF_PERSON * (count + teachers.len());
        json::write(out, room, |mut pen| {
            let mut section = Object::new(&mut pen);
            if has_course {
                let number = self.courses[class.grade as usize] + class.subject;
                section.text(key!("course"), self.made(COURSE_IDS, number));
            }
            section.ready(&self.common.head);
            let mut ext = section.object(key!("ext"));
            let room = Digits::new(u64::from(101 + class.part));
            let known = dice.chance(900);
            ext.text(key!("classroom"), if known { room } else { Word::NONE });
            ext.end();
            let grade = &GRADE_WORDS[class.grade as usize];
            section.text(key!("grade"), grade);
            section.text(key!("id"), self.made(SECTION_IDS, at));
            section.text(key!("last_modified"), self.common.made);
            section.member(&LMS_STATUS[if dice.chance(200) { 0 } else { 2 }]);
            // Clever makes the name of the course, the teacher and the period.
            match (has_course, last) {
                (true, Some(last)) => section.text(
                    key!("name"),
                    (course, " ", grade, (" - ", last.name, " - "), period),
                ),
                (true, None) => {
                    section.text(key!("name"), (course, " ", grade, " - ", period));
                }
                (false, _) => section.text(key!("name"), ("Class ", number)),
            }
            section.maybe(key!("period"), (!dice.chance(50)).then_some(period));
            section.text(key!("school"), self.made(SCHOOL_IDS, class.school));
            let numbered = dice.chance(500);
            section.text(
                key!("section_number"),
                if numbered { period } else { Word::NONE },
            );
            section.text(key!("sis_id"), ("SEC", number));
            let list = section.key(key!("students"));
            list.put("[");
            if let Some(student) = students.next() {
                ("\"", self.made(USER_IDS, student)).write(list);
            }
            students.for_each(|student| {
                ("\",\"", self.made(USER_IDS, student)).write(list);
            });
            // A section has a student.
            list.put("\"]");
            section.text(key!("subject"), if dice.chance(50) { "" } else { subject });
            let teachers = teachers.iter();
            let teachers = teachers.map(|teacher| self.made(USER_IDS, first + teacher));
            match teachers.clone().next() {
                Some(teacher) => section.text(key!("teacher"), teacher),
                None if dice.chance(500) => section.ready(r#","teacher":null"#),
                None => {}
            }
            section.list(key!("teachers"), teachers);
            section.maybe(key!("term_id"), term.map(|term| self.made(TERM_IDS, term)));
            section.end();
            pen
        });
    }
}

/// The year in which the school year of an instant began.
pub(crate) fn school_year(now: Timestamp) -> i16 {
    let year = i16::try_from(1970 + now.as_second() / 31_556_952).unwrap_or(2026);
    let summer: Timestamp = format!("{year}-08-03T06:00:00Z").parse().unwrap_or(now);
    if summer > now { year - 1 } else { year }
}

impl Base for Generated {
    fn len(&self, kind: RecordKind) -> u32 {
        match kind {
            RecordKind::Districts => 1,
            RecordKind::Schools => self.layout.school_count(),
            RecordKind::Terms => TERMS,
            RecordKind::Courses => self.courses.last().copied().unwrap_or(0),
            RecordKind::Users => self.employees().end,
            RecordKind::Sections => self.layout.section_count(),
            RecordKind::Resources => 0,
        }
    }

    fn count(&self, role: Role) -> u32 {
        let teachers = self.layout.teacher_count();
        // How many of the teachers' numbers leave `rest` when divided by `each`.
        let every = |each: u32, rest: u32| (teachers + each - 1 - rest) / each;
        match role {
            Role::Student => self.layout.student_count(),
            Role::Contact => self.layout.contact_count(),
            Role::Teacher => teachers,
            Role::Staff => self.staff_count() + every(TEACHERS_WITH_STAFF, 3),
            Role::DistrictAdmin => self.admin_count() + every(TEACHERS_WITH_ADMIN, 53),
        }
    }

    fn range(&self, role: Role) -> Range<u32> {
        match role {
            Role::Student => 0..self.layout.student_count(),
            Role::Contact => self.contacts(),
            Role::Teacher => {
                let first = self.employees().start;
                first..first + self.layout.teacher_count()
            }
            Role::Staff | Role::DistrictAdmin => self.employees(),
        }
    }

    fn id(&self, kind: RecordKind, at: u32) -> Id {
        self.made(Self::first(kind), at)
    }

    fn position(&self, kind: RecordKind, id: &str) -> Result<u32, u32> {
        let length = self.len(kind);
        let order = id.as_bytes()[..id.len().min(16)].cmp(&self.prefix);
        let digits = id.get(16..).filter(|digits| digits.len() == 8);
        let exact = digits.filter(|digits| {
            digits
                .bytes()
                .all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f'))
        });
        match (
            order,
            exact.and_then(|digits| u32::from_str_radix(digits, 16).ok()),
        ) {
            (Ordering::Less, _) => Err(0),
            (Ordering::Greater, _) => Err(length),
            (_, Some(number)) => match number.checked_sub(Self::first(kind)) {
                Some(at) if at < length => Ok(at),
                Some(_) => Err(length),
                None => Err(0),
            },
            _ => search(self, kind, id),
        }
    }

    fn roles(&self, at: u32) -> RoleSet {
        if at < self.contacts().start {
            return [Role::Student].into_iter().collect();
        }
        let Some(number) = at.checked_sub(self.employees().start) else {
            return [Role::Contact].into_iter().collect();
        };
        let (teacher, staff, admin) = self.employee_roles(number);
        let all = [
            (teacher, Role::Teacher),
            (staff, Role::Staff),
            (admin, Role::DistrictAdmin),
        ];
        all.into_iter()
            .filter(|(has, _)| *has)
            .map(|(_, role)| role)
            .collect()
    }

    fn old_id(&self, at: u32, role: Role) -> Id {
        let (contacts, employees) = (self.contacts(), self.employees());
        let first = match role {
            _ if !self.roles(at).has(role) => None,
            Role::Student => None,
            Role::Contact => Some((CONTACT_IDS, contacts.start)),
            Role::Teacher => Some((TEACHER_IDS, employees.start)),
            Role::Staff => Some((STAFF_IDS, employees.start)),
            Role::DistrictAdmin => Some((ADMIN_IDS, employees.start)),
        };
        match first {
            Some((ids, start)) => self.before_v3(ids, at - start),
            None => self.made(USER_IDS, at),
        }
    }

    fn write(&self, kind: RecordKind, at: u32, out: &mut Vec<u8>) {
        match kind {
            RecordKind::Districts => self.write_district(out),
            RecordKind::Schools => self.write_school(at, out),
            RecordKind::Terms => self.write_term(at, out),
            RecordKind::Courses => self.write_course(at, out),
            RecordKind::Sections => self.write_section(at, out),
            RecordKind::Users => {
                let (contacts, employees) = (self.contacts(), self.employees());
                if at < contacts.start {
                    self.write_student(at, out);
                } else if at < contacts.end {
                    self.write_contact(at - contacts.start, out);
                } else {
                    self.write_employee(at - employees.start, out);
                }
            }
            RecordKind::Resources => out.extend_from_slice(b"{}"),
        }
    }

    fn sections_of(&self, user: u32) -> Vec<u32> {
        if user < self.contacts().start {
            return self.layout.sections_of_student(user);
        }
        match user.checked_sub(self.employees().start) {
            Some(number) if number < self.layout.teacher_count() => {
                self.layout.sections_of_teacher(number)
            }
            _ => Vec::new(),
        }
    }

    fn at_school(&self, kind: RecordKind, school: u32) -> Vec<u32> {
        match kind {
            RecordKind::Sections => self.layout.sections_at(school).collect(),
            RecordKind::Users => {
                let students = 0..self.layout.student_count();
                let mut all: Vec<u32> = students
                    .filter(|at| self.layout.is_at(*at, school))
                    .collect();
                let first = self.employees().start;
                let teaches = |number: &u32| {
                    let (own, next) = self.layout.schools_of_teacher(*number);
                    own == school || next == Some(school)
                };
                let teachers = (0..self.layout.teacher_count()).filter(teaches);
                all.extend(teachers.map(|number| first + number));
                let staff = first + self.layout.teacher_count() + STAFF * school;
                all.extend(staff..staff + STAFF);
                all
            }
            _ => Vec::new(),
        }
    }

    fn contacts_of(&self, user: u32) -> Vec<u32> {
        let contacts = self.contacts();
        if user >= contacts.start {
            return Vec::new();
        }
        let family = self.layout.child(user).family;
        let of_family = self.layout.contacts(family);
        of_family.map(|number| contacts.start + number).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn world(seed: u64, students: u32) -> World {
        generate(seed, students, "2026-09-14T12:00:00Z".parse().unwrap())
    }

    fn bytes(world: &World) -> String {
        RecordKind::ALL
            .into_iter()
            .flat_map(|kind| world.list(kind).values())
            .map(|record| record.json().into_owned() + "\n")
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_others() {
        assert_eq!(bytes(&world(3, 120)), bytes(&world(3, 120)));
        assert_ne!(bytes(&world(3, 120)), bytes(&world(4, 120)));
    }

    #[test]
    fn records_are_written_as_an_edit_would_write_them() {
        let world = world(5, 400);
        for kind in RecordKind::ALL {
            for record in world.list(kind).values() {
                let value: Value = serde_json::from_str(&record.json()).unwrap();
                assert_eq!(value.to_string(), record.json());
                assert_eq!(value["id"], *record.id());
                assert!(world.list(kind).contains_key(&record.id()));
                let roles = Role::ALL.into_iter().filter(|role| record.has_role(*role));
                let known = value["roles"].as_object().map(serde_json::Map::len);
                assert_eq!(roles.count(), known.unwrap_or(0), "{}", record.id());
            }
            assert!(world.list(kind).keys().is_sorted());
        }
    }

    #[test]
    fn an_id_is_found_or_its_neighbour_is() {
        let world = world(1, 60);
        let base = world.base().unwrap();
        let (first, last) = (base.id(RecordKind::Users, 3), base.id(RecordKind::Users, 4));
        assert_eq!(base.position(RecordKind::Users, first.as_str()), Ok(3));
        for odd in [
            "",
            "zz",
            "0",
            &first.as_str()[..20],
            &format!("{}x", first.as_str()),
        ] {
            let found = base.position(RecordKind::Users, odd);
            assert_eq!(found, search(base, RecordKind::Users, odd), "{odd}");
        }
        assert_eq!(
            base.position(RecordKind::Users, &format!("{}x", first.as_str())),
            Err(4)
        );
        assert!(first.as_str() < last.as_str());
    }

    #[test]
    fn a_district_has_everything_and_every_reference_resolves() {
        let world = world(1, 600);
        let ids = |kind| -> BTreeSet<String> { world.list(kind).keys().collect() };
        for role in Role::ALL {
            let users = world.with_role(role);
            assert_eq!(users.values().count(), users.len());
            assert!(!users.is_empty(), "{role}");
        }
        assert_eq!(world.with_role(Role::Student).len(), 600);
        let users = ids(RecordKind::Users);
        let (schools, courses, terms) = (
            ids(RecordKind::Schools),
            ids(RecordKind::Courses),
            ids(RecordKind::Terms),
        );
        let known = |all: &BTreeSet<String>, value: &Value| {
            value.as_str().is_none_or(|id| all.contains(id))
        };
        for section in world.list(RecordKind::Sections).values() {
            let section = section.value();
            assert!(known(&schools, &section["school"]));
            assert!(known(&courses, &section["course"]));
            assert!(known(&terms, &section["term_id"]));
            assert!(!section["students"].as_array().unwrap().is_empty());
            for person in ["students", "teachers"]
                .iter()
                .flat_map(|key| section[key].as_array().unwrap())
            {
                assert!(users.contains(person.as_str().unwrap()));
            }
        }
    }

    #[test]
    fn who_names_whom_is_known_in_both_directions() {
        let world = world(2, 200);
        for section in world.list(RecordKind::Sections).values() {
            let record = section.value();
            for person in ["students", "teachers"]
                .iter()
                .flat_map(|key| record[key].as_array().unwrap())
            {
                let all = world.sections_of(person.as_str().unwrap());
                assert!(all.iter().any(|id| *id == section.id()));
            }
        }
        for contact in world.with_role(Role::Contact).values() {
            let record = contact.value();
            for one in record["roles"]["contact"]["student_relationships"]
                .as_array()
                .unwrap()
            {
                let all = world.contacts_of(one["student"].as_str().unwrap());
                assert!(all.iter().any(|id| *id == contact.id()));
            }
        }
    }

    #[test]
    fn who_is_at_a_school_is_known_as_the_records_say_it() {
        let world = world(6, 500);
        let mut edited = world.clone();
        for kind in [RecordKind::Users, RecordKind::Sections] {
            for id in world.list(kind).keys() {
                edited.edit(kind, &id, |_| ());
            }
            for school in world.list(RecordKind::Schools).keys() {
                let found = world.at_school(kind, &school);
                assert!(found.len() > 20);
                assert_eq!(found, edited.at_school(kind, &school));
            }
        }
    }

    #[test]
    fn even_one_student_makes_a_district() {
        let world = world(9, 1);
        assert_eq!(world.list(RecordKind::Schools).len(), 3);
        assert!(!world.list(RecordKind::Sections).is_empty());
    }
}
