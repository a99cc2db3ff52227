//! A world made up from a seed: the same seed and size give the same bytes on any machine.
//!
//! Records are not kept. Each is written when it is read, from the district's layout and the record's own dice.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use clever_model::{RecordKind, Role, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::base::{Base, search};
use super::contacts::Contact;
use super::dice::{Dice, Stream};
use super::employees::{Employee, Parts, write_employee};
use super::layout::{GRADE_COUNT, Layout};
use super::names::{ELEMENTARY, SCHOOLS, SECONDARY};
use super::people::{Common, Family, GRADES, LmsStatus, write};
use super::roles::Roles;
use super::stamp::{Id, object_id, stamp};
use super::state::World;
use super::students::Student;

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
pub(crate) fn generate(seed: u64, students: u32, now: Timestamp) -> World {
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
        let (district, seed) = (&self.common.district, self.seed);
        let record = json!({
            "district_contact": {
                "district": district, "email": "data.office@schools.example.org",
                "id": self.made(u32::MAX, 0), "name": { "first": "Data", "last": "Office" }, "title": "",
            },
            "error": "", "id": district, "last_sync": self.started,
            "launch_date": format!("{}-08-01", self.year),
            "lms_state": "success", "lms_type": "canvas",
            "login_methods": ["Clever Badges", "Clever Passwords"],
            "mdr_number": format!("{:08}", seed % 100_000_000),
            "name": format!("Springfield Unified District {seed}"), "nces_id": "",
            "portal_url": format!("https://clever.com/in/springfield-{seed}"),
            "sis_type": "sftp", "state": "running",
        });
        write(&record, out);
    }

    fn write_school(&self, at: u32, out: &mut Vec<u8>) {
        let mut dice = self.dice(Stream::School, at);
        let (low, high, band) = self.layout.grades_of(at);
        let number = at + 1;
        let word = ["Elementary", "Middle", "High"][band];
        let name = match SCHOOLS.get(at as usize) {
            Some(name) => format!("{name} {word} School"),
            None => format!("{word} School {number}"),
        };
        let mut record = json!({
            "created": self.common.made, "district": self.common.district,
            "ext": { "charter_school": if dice.chance(50) { "Y" } else { "" } },
            "high_grade": GRADES[high as usize], "id": self.made(SCHOOL_IDS, at),
            "last_modified": self.common.made,
            "location": {
                "address": format!("{number}0 School Rd"), "city": "Springfield", "state": "IL", "zip": "60001",
            },
            "low_grade": GRADES[low as usize], "name": name,
            "school_number": number.to_string(), "sis_id": (9_000 + number).to_string(),
        });
        // Absent is written in two ways.
        if !number.is_multiple_of(3) {
            record["phone"] = format!("(217) 555-{number:04}").into();
            record["principal"] = json!({ "email": "", "name": "" });
        }
        write(&record, out);
    }

    /// Terms' dates have no time of day, as `/terms` writes them.
    fn write_term(&self, at: u32, out: &mut Vec<u8>) {
        let (year, next) = (self.year, self.year + 1);
        let (fall, spring) = (format!("{year}-08-17"), format!("{next}-01-18"));
        let (name, start, end) = match at {
            0 => (format!("Full Year {year}-{next}"), fall, "06-04"),
            1 => (format!("Fall {year}"), fall, "01-15"),
            _ => (format!("Spring {next}"), spring, "06-04"),
        };
        let record = json!({
            "district": self.common.district, "end_date": format!("{next}-{end}"),
            "id": self.made(TERM_IDS, at), "name": name, "start_date": start,
        });
        write(&record, out);
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
        let mut record = json!({
            "district": self.common.district, "id": self.made(COURSE_IDS, at),
            "name": format!("{name} {}", GRADES[grade as usize]),
        });
        // Absent is written in two ways.
        if grade % 4 == 1 {
            record["number"] = "".into();
        } else if at % 23 != 7 {
            record["number"] = ((100 + grade) * 100 + number).to_string().into();
        }
        write(&record, out);
    }

    fn write_student(&self, at: u32, out: &mut Vec<u8>) {
        let child = self.layout.child(at);
        let (id, school) = (self.made(USER_IDS, at), self.made(SCHOOL_IDS, child.school));
        let also = child.second.map(|also| self.made(SCHOOL_IDS, also));
        let student = Student {
            id: id.as_str(),
            number: u64::from(at),
            family: &self.family(child.family),
            grade: child.grade as usize,
            school: school.as_str(),
            also: also.as_ref().map(Id::as_str),
            year: self.year,
            birthday: self.dice(Stream::Birthday, child.birthday),
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
        let schools = [school, next].into_iter().flatten();
        let schools: Vec<Id> = schools
            .map(|school| self.made(SCHOOL_IDS, school))
            .collect();
        let parts = Parts {
            teacher: legacy(TEACHER_IDS, teacher),
            staff: legacy(STAFF_IDS, staff),
            admin: legacy(ADMIN_IDS, admin),
            technician: !teacher && own.is_multiple_of(2 * STAFF),
        };
        let id = self.made(USER_IDS, self.employees().start + number);
        write_employee(
            &self.employee(number),
            (id, &schools),
            parts,
            self.dice(Stream::EmployeeRecord, number),
            &self.common,
            out,
        );
    }

    /// The throws are made in the order of the record's keys, but for what its course and term need first.
    fn write_section(&self, at: u32, out: &mut Vec<u8>) {
        let class = self.layout.class(at);
        let mut dice = self.dice(Stream::Section, at);
        let (course, subject) = Self::subject(class.grade, class.subject);
        let has_course = !dice.chance(5);
        let halves = class.grade > 5 && dice.chance(400);
        let term = (!dice.chance(5)).then(|| if halves { 1 + dice.below(2) } else { 0 });
        let teachers = self.layout.teachers_in(at, class.school);
        let first = self.employees().start;
        let teacher_ids: Vec<Id> = teachers
            .iter()
            .map(|teacher| self.made(USER_IDS, first + teacher))
            .collect();
        let students = self.layout.students_in(at, &class);
        let period = (class.part + 1).to_string();
        let grade = GRADES[class.grade as usize];
        let primary = teachers.first().map(|teacher| self.employee(*teacher));
        let section = Section {
            course: has_course.then(|| {
                let number = self.courses[class.grade as usize] + class.subject;
                self.made(COURSE_IDS, number)
            }),
            created: &self.common.made,
            district: &self.common.district,
            ext: SectionExt {
                classroom: if dice.chance(900) {
                    (101 + class.part).to_string()
                } else {
                    String::new()
                },
            },
            grade,
            id: self.made(SECTION_IDS, at),
            last_modified: &self.common.made,
            lms_status: dice.chance(200).then_some(LmsStatus {
                synced_in_lms: true,
            }),
            // Clever makes the name of the course, the teacher and the period.
            name: match (has_course, primary) {
                (true, Some(teacher)) => format!("{course} {grade} - {} - {period}", teacher.last),
                (true, None) => format!("{course} {grade} - {period}"),
                (false, _) => format!("Class {at}"),
            },
            period: (!dice.chance(50)).then_some(&period),
            school: self.made(SCHOOL_IDS, class.school),
            section_number: if dice.chance(500) { &period } else { "" },
            sis_id: format!("SEC{at}"),
            students: students
                .map(|student| self.made(USER_IDS, student))
                .collect(),
            subject: if dice.chance(50) { "" } else { subject },
            // Absent is written in two ways.
            teacher: match teacher_ids.first() {
                Some(teacher) => Some(Some(*teacher)),
                None => dice.chance(500).then_some(None),
            },
            teachers: teacher_ids,
            term_id: term.map(|term| self.made(TERM_IDS, term)),
        };
        write(&section, out);
    }
}

/// A section's record.
#[derive(Serialize)]
struct Section<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    course: Option<Id>,
    created: &'a str,
    district: &'a str,
    ext: SectionExt,
    grade: &'a str,
    id: Id,
    last_modified: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lms_status: Option<LmsStatus>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<&'a String>,
    school: Id,
    section_number: &'a str,
    sis_id: String,
    students: Vec<Id>,
    subject: &'a str,
    /// Absent, or `null`, or the primary teacher.
    #[serde(skip_serializing_if = "Option::is_none")]
    teacher: Option<Option<Id>>,
    teachers: Vec<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    term_id: Option<Id>,
}

#[derive(Serialize)]
struct SectionExt {
    classroom: String,
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

    fn roles(&self, at: u32) -> Roles {
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
mod tests;
