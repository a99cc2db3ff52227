//! A world made up from a seed: the same seed and size give the same bytes on any machine.

use clever_model::{RecordKind, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::names::{SCHOOLS, SUBJECTS};
use super::people::{self, GRADES, Place, pick, stamp};
use super::{World, object_id};

/// Students of one school, about.
const SCHOOL_SIZE: usize = 480;
/// Students of one section, about.
const SECTION_SIZE: usize = 24;

/// A school while the world is being made.
struct School {
    id: String,
    /// Indices into [`GRADES`], first and last.
    grades: (usize, usize),
    teachers: Vec<String>,
    /// Students by grade, less the first grade.
    students: Vec<Vec<String>>,
}

/// Makes records one after the other.
struct Maker {
    rng: ChaCha8Rng,
    world: World,
    seed: u64,
    district: String,
    made: Timestamp,
    number: u32,
    year: i16,
}

/// Makes a district of `students` students as it is at `now`.
#[must_use]
pub fn generate(seed: u64, students: u32, now: Timestamp) -> World {
    // Ids carry their time: the district's records were made on the summer's day before the school year.
    let year = i16::try_from(1970 + now.as_second() / 31_556_952).unwrap_or(2026);
    let summer = |year| format!("{year}-08-03T06:00:00Z").parse().unwrap_or(now);
    // A spring belongs to the school year that began the summer before.
    let year = if summer(year) > now { year - 1 } else { year };
    let made: Timestamp = summer(year);
    let mut maker = Maker {
        rng: ChaCha8Rng::seed_from_u64(seed),
        world: World::empty(now, seed),
        seed,
        district: object_id(made, seed, 0),
        made,
        number: 0,
        year,
    };
    let mut schools = maker.schools(students as usize);
    let terms = maker.terms();
    maker.students(students as usize, &mut schools);
    maker.employees(&mut schools);
    maker.sections(&schools, &terms);
    maker.district(now);
    // Nothing of how it came about is news.
    drop(maker.world.publish());
    maker.world
}

impl Maker {
    /// The next id; ids ascend in the order in which records are made.
    fn id(&mut self) -> String {
        self.number += 1;
        object_id(self.made, self.seed, self.number)
    }

    fn put(&mut self, kind: RecordKind, id: &str, value: &Value) {
        self.world.put(kind, id, value.to_string());
    }

    fn district(&mut self, now: Timestamp) {
        let district = json!({
            "id": self.district, "name": format!("Springfield Unified District {}", self.seed),
            "state": "running", "error": "", "sis_type": "sftp", "last_sync": stamp(now),
            "launch_date": format!("{}-08-01", self.year),
            "login_methods": ["Clever Badges", "Clever Passwords"],
            "portal_url": format!("https://clever.com/in/springfield-{}", self.seed),
            "mdr_number": format!("{:08}", self.seed % 100_000_000), "nces_id": "",
            "lms_state": "", "lms_type": "",
            "district_contact": {
                "id": object_id(self.made, self.seed, u32::MAX), "district": self.district,
                "email": "data.office@schools.example.org", "title": "",
                "name": { "first": "Data", "last": "Office" },
            },
        });
        let id = self.district.clone();
        self.put(RecordKind::Districts, &id, &district);
    }

    /// Makes schools for three bands of grades: elementary, middle, high.
    fn schools(&mut self, students: usize) -> Vec<School> {
        let bands = [(0, 5, "Elementary"), (6, 8, "Middle"), (9, 12, "High")];
        let mut schools: Vec<School> = Vec::new();
        for (low, high, word) in bands {
            let in_band = students * (high - low + 1) / GRADES.len();
            for _ in 0..in_band.div_ceil(SCHOOL_SIZE * (1 + low / 6)).max(1) {
                let id = self.id();
                let number = schools.len() + 1;
                let name = match SCHOOLS.get(schools.len()) {
                    Some(name) => format!("{name} {word} School"),
                    None => format!("{word} School {number}"),
                };
                let mut school = json!({
                    "id": id, "district": self.district, "name": name,
                    "school_number": number.to_string(), "sis_id": format!("{}", 9000 + number),
                    "low_grade": GRADES[low], "high_grade": GRADES[high],
                    "created": stamp(self.made), "last_modified": stamp(self.made),
                    "location": { "address": format!("{} School Rd", 10 * number), "city": "Springfield", "state": "IL", "zip": "60001" },
                    "ext": { "charter_school": "" },
                });
                if !number.is_multiple_of(3) {
                    school["phone"] = json!(format!("(217) 555-{number:04}"));
                    school["principal"] = json!({ "name": "", "email": "" });
                }
                self.put(RecordKind::Schools, &id, &school);
                schools.push(School {
                    id,
                    grades: (low, high),
                    teachers: Vec::new(),
                    students: vec![Vec::new(); high - low + 1],
                });
            }
        }
        schools
    }

    /// Makes the terms; their dates have no time of day, as `/terms` writes them.
    fn terms(&mut self) -> Vec<String> {
        let next = self.year + 1;
        let terms = [
            (
                format!("Full Year {}-{next}", self.year),
                format!("{}-08-17", self.year),
                format!("{next}-06-04"),
            ),
            (
                format!("Fall {}", self.year),
                format!("{}-08-17", self.year),
                format!("{next}-01-15"),
            ),
            (
                format!("Spring {next}"),
                format!("{next}-01-18"),
                format!("{next}-06-04"),
            ),
        ];
        terms
            .into_iter()
            .map(|(name, start, end)| {
                let id = self.id();
                let term = json!({ "id": id, "district": self.district, "name": name, "start_date": start, "end_date": end });
                self.put(RecordKind::Terms, &id, &term);
                id
            })
            .collect()
    }

    /// Makes students in families of one to three, each in the school of its grade, and their adults.
    fn students(&mut self, count: usize, schools: &mut [School]) {
        let mut made = 0;
        // Adults come after the students, so that a roster read in id order names known students.
        let mut adults = Vec::new();
        while made < count {
            let family = people::family(&mut self.rng);
            let size = (*pick(&mut self.rng, &[1_usize, 1, 1, 2, 2, 3])).min(count - made);
            let twins = size == 2 && self.rng.random_bool(0.1);
            let mut children = Vec::new();
            let mut last_grade = 0;
            for child in 0..size {
                let grade = if twins && child == 1 {
                    last_grade
                } else {
                    self.rng.random_range(0..GRADES.len())
                };
                last_grade = grade;
                let fitting: Vec<usize> = (0..schools.len())
                    .filter(|at| (schools[*at].grades.0..=schools[*at].grades.1).contains(&grade))
                    .collect();
                let at = *pick(&mut self.rng, &fitting);
                let also = self
                    .rng
                    .random_bool(0.01)
                    .then(|| pick(&mut self.rng, schools).id.clone());
                let also = also.filter(|also| *also != schools[at].id);
                let id = self.id();
                let place = Place {
                    grade,
                    school: schools[at].id.clone(),
                    also,
                    year: self.year,
                };
                let student = people::student(
                    &mut self.rng,
                    &id,
                    &self.district,
                    self.number,
                    &family,
                    &place,
                    self.made,
                );
                self.put(RecordKind::Users, &id, &student);
                let first_grade = schools[at].grades.0;
                schools[at].students[grade - first_grade].push(id.clone());
                children.push(id);
                made += 1;
            }
            for _ in 0..*pick(&mut self.rng, &[0_usize, 1, 1, 2]) {
                adults.push((family.clone(), children.clone()));
            }
        }
        for (family, children) in adults {
            let id = self.id();
            let contact = people::contact(
                &mut self.rng,
                &id,
                &self.district,
                self.number,
                &family,
                &children,
                self.made,
            );
            self.put(RecordKind::Users, &id, &contact);
        }
    }

    /// Makes teachers, staff and district admins; some teachers are staff too, some work at two schools.
    fn employees(&mut self, schools: &mut [School]) {
        let ids: Vec<String> = schools.iter().map(|school| school.id.clone()).collect();
        for (at, school) in schools.iter_mut().enumerate() {
            let students: usize = school.students.iter().map(Vec::len).sum();
            for number in 0..students.div_ceil(18).max(2) {
                let mut at_schools = vec![school.id.clone()];
                if number % 20 == 7 && ids.len() > 1 {
                    at_schools.push(ids[(at + 1) % ids.len()].clone());
                }
                let roles = (true, number % 25 == 3, number % 90 == 50);
                let id = self.employee(&at_schools, roles);
                school.teachers.push(id);
            }
            for _ in 0..2 {
                self.employee(std::slice::from_ref(&school.id), (false, true, false));
            }
        }
        for _ in 0..2 {
            self.employee(&[], (false, false, true));
        }
    }

    fn employee(&mut self, schools: &[String], roles: (bool, bool, bool)) -> String {
        let id = self.id();
        let user = people::employee(
            &mut self.rng,
            &id,
            &self.district,
            self.number,
            schools,
            roles,
            self.made,
        );
        self.put(RecordKind::Users, &id, &user);
        id
    }

    /// Makes sections: one homeroom a day for the young, one section a subject for the others.
    fn sections(&mut self, schools: &[School], terms: &[String]) {
        for (grade, grade_name) in GRADES.into_iter().enumerate() {
            let subjects: Vec<(String, &str)> = if grade <= 5 {
                vec![("Homeroom".to_owned(), "homeroom/advisory")]
            } else {
                SUBJECTS
                    .iter()
                    .map(|(name, subject)| ((*name).to_owned(), *subject))
                    .collect()
            };
            for (number, (name, subject)) in subjects.into_iter().enumerate() {
                let course = self.id();
                let title = format!("{name} {grade_name}");
                let record = json!({
                    "id": course, "district": self.district, "name": title,
                    "number": if grade % 4 == 1 { String::new() } else { format!("{}{number:02}", 100 + grade) },
                });
                self.put(RecordKind::Courses, &course, &record);
                for school in schools
                    .iter()
                    .filter(|school| (school.grades.0..=school.grades.1).contains(&grade))
                {
                    let students = &school.students[grade - school.grades.0];
                    let term = if grade <= 5 {
                        &terms[0]
                    } else {
                        pick(&mut self.rng, terms)
                    }
                    .clone();
                    for (period, chunk) in students.chunks(SECTION_SIZE).enumerate() {
                        self.section(
                            school,
                            chunk,
                            (&course, &title, subject, grade_name),
                            period + 1,
                            &term,
                        );
                    }
                }
            }
        }
    }

    fn section(
        &mut self,
        school: &School,
        students: &[String],
        course: (&str, &str, &str, &str),
        period: usize,
        term: &str,
    ) {
        let (course, title, subject, grade) = course;
        let id = self.id();
        let teacher = pick(&mut self.rng, &school.teachers).clone();
        let mut teachers = vec![teacher.clone()];
        if self.rng.random_bool(0.15) {
            let other = pick(&mut self.rng, &school.teachers);
            if *other != teacher {
                teachers.push(other.clone());
            }
        }
        let section = json!({
            "id": id, "district": self.district, "school": school.id, "course": course, "term_id": term,
            "name": format!("{title} - {period}"), "period": period.to_string(),
            "grade": grade, "subject": if self.rng.random_bool(0.05) { "" } else { subject },
            "section_number": "", "sis_id": format!("SEC{}", self.number),
            "students": students, "teacher": teacher, "teachers": teachers,
            "created": stamp(self.made), "last_modified": stamp(self.made),
            "ext": { "classroom": format!("{}", 100 + period) },
        });
        self.put(RecordKind::Sections, &id, &section);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clever_model::Role;

    use super::*;

    fn world(seed: u64, students: u32) -> World {
        generate(seed, students, "2026-09-14T12:00:00Z".parse().unwrap())
    }

    fn bytes(world: &World) -> String {
        RecordKind::ALL
            .into_iter()
            .flat_map(|kind| {
                world
                    .list(kind)
                    .values()
                    .map(|record| record.json().into_owned() + "\n")
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_others() {
        assert_eq!(bytes(&world(3, 120)), bytes(&world(3, 120)));
        assert_ne!(bytes(&world(3, 120)), bytes(&world(4, 120)));
    }

    #[test]
    fn a_district_has_everything_and_every_reference_resolves() {
        let world = world(1, 600);
        let ids = |kind| -> BTreeSet<String> { world.list(kind).keys().collect() };
        let with = |role| {
            let users = world.with_role(role);
            assert_eq!(users.values().count(), users.len());
            users.len()
        };
        assert_eq!(with(Role::Student), 600);
        for role in Role::ALL {
            assert!(with(role) > 0, "{role}");
        }
        let both = |user: &super::super::Record<'_>| {
            user.has_role(Role::Teacher) && user.has_role(Role::Staff)
        };
        assert!(
            world.list(RecordKind::Users).values().filter(both).count() > 0,
            "someone has two roles"
        );
        let (users, schools, courses, terms) = (
            ids(RecordKind::Users),
            ids(RecordKind::Schools),
            ids(RecordKind::Courses),
            ids(RecordKind::Terms),
        );
        for id in world.list(RecordKind::Sections).keys() {
            let section = world.value(RecordKind::Sections, &id).unwrap();
            assert!(schools.contains(section["school"].as_str().unwrap()));
            assert!(courses.contains(section["course"].as_str().unwrap()));
            assert!(terms.contains(section["term_id"].as_str().unwrap()));
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
    fn even_one_student_makes_a_district() {
        let world = world(9, 1);
        assert_eq!(world.list(RecordKind::Schools).len(), 3);
        assert!(!world.list(RecordKind::Sections).is_empty());
    }
}
