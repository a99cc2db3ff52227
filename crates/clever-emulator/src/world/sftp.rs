//! A world read from the CSV set that districts send to Clever by SFTP.
//!
//! `schools.csv`, `students.csv`, `teachers.csv`, `sections.csv` and `enrollments.csv` must be there; `staff.csv`
//! and the older `admins.csv` may be. A student's further rows are further contacts (five at most) or schools, an
//! employee's are further schools. Courses and terms are what the sections say of theirs. Each id follows from the
//! district's own id, so that a changed set keeps the ids of whoever stayed; and from the school with the lowest id and
//! that school's name, which stand for the district, so that two districts have no id in common.
//!
//! The API has no place for passwords, grade point averages and descriptions of courses: those are not read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use clever_model::{RecordKind, Timestamp};
use serde_json::{Map, Value, json};

use super::sheet::{CsvError, CsvFault, Faults, Flaw, Row, RowFault, each};
use super::stamp::stamp;
use super::state::World;

mod people;

/// A section's subjects as the API writes them; files differ in case.
const SUBJECTS: [&str; 11] = [
    "english/language arts",
    "math",
    "science",
    "social studies",
    "language",
    "homeroom/advisory",
    "interventions/online learning",
    "technology and engineering",
    "PE and health",
    "arts and music",
    "other",
];

const NEEDED_OF_SCHOOLS: [&str; 3] = ["School_id", "School_name", "School_number"];

/// Reads the set in `folder`; the world's clock starts at `now`. Gives the world and the faults whose rows it omits: with
/// `lenient`, rows that have a fault and rows that name one of those; else a set with a fault is not read.
///
/// # Errors
///
/// [`CsvError`] names each fault by the file, the column and the lines.
pub(crate) fn read(
    folder: &Path,
    now: Timestamp,
    lenient: bool,
) -> Result<(World, Vec<CsvFault>), CsvError> {
    let mut faults = Faults::default();
    let mut set = Set::new(folder, now);
    set.put_district();
    set.schools(&mut faults);
    set.students(&mut faults);
    set.teachers(&mut faults);
    for (file, email, title) in [
        ("staff.csv", "Staff_email", "Title"),
        ("admins.csv", "Admin_email", "Admin_title"),
    ] {
        if folder.join(file).exists() {
            set.staff(file, email, title, &mut faults);
        }
    }
    set.sections(&mut faults);
    set.enrollments(&mut faults);
    let left_out = faults.settle(lenient)?;
    Ok((set.world(), left_out))
}

/// The school with the lowest id: that and its name. A set says nothing of the district that would tell it from
/// others.
fn lowest_school(path: &Path) -> [String; 2] {
    let mut lowest = None;
    // What is wrong with the file is found when it is read as a whole.
    each(
        path,
        &NEEDED_OF_SCHOOLS,
        &mut Faults::default(),
        |row, _| {
            let school = ["School_id", "School_name"].map(|column| row.text(column).to_owned());
            if lowest.as_ref().is_none_or(|lowest| school < *lowest) {
                lowest = Some(school);
            }
            Ok(())
        },
    );
    lowest.unwrap_or_default()
}

/// What was read so far, by kind and id.
struct Set {
    folder: PathBuf,
    now: Timestamp,
    /// What stands for the district.
    school: [String; 2],
    district: String,
    made: BTreeMap<RecordKind, BTreeMap<String, Value>>,
    /// The teacher with an address, as long as it is only one's and no staff member has it.
    teacher_at: BTreeMap<String, Option<String>>,
    /// The users of staff members.
    staff_ids: BTreeMap<String, String>,
    /// The contacts of each student.
    contacts: BTreeMap<String, BTreeSet<String>>,
    enrolled: BTreeSet<(String, String)>,
    /// Whom rows with a fault are about: who names them has no fault of their own.
    refused: BTreeSet<String>,
}

impl Set {
    fn new(folder: &Path, now: Timestamp) -> Self {
        let school = lowest_school(&folder.join("schools.csv"));
        Self {
            folder: folder.to_owned(),
            now,
            district: made_id(now, &school, "district", ""),
            school,
            made: BTreeMap::new(),
            teacher_at: BTreeMap::new(),
            staff_ids: BTreeMap::new(),
            contacts: BTreeMap::new(),
            enrolled: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    fn world(self) -> World {
        let mut world = World::empty(self.now, number(&self.school, "seed", ""));
        for (kind, records) in self.made {
            for (id, record) in records {
                world.put(kind, &id, record.to_string());
            }
        }
        drop(world.publish());
        world
    }

    fn id(&self, kind: &str, own: &str) -> String {
        made_id(self.now, &self.school, kind, own)
    }

    fn of(&mut self, kind: RecordKind) -> &mut BTreeMap<String, Value> {
        self.made.entry(kind).or_default()
    }

    /// What a record of each kind has.
    fn record(&self, id: &str) -> Map<String, Value> {
        let made = stamp(self.now);
        let mut record = Map::new();
        record.insert("id".to_owned(), id.into());
        record.insert("district".to_owned(), self.district.as_str().into());
        record.insert("created".to_owned(), made.as_str().into());
        record.insert("last_modified".to_owned(), made.into());
        record
    }

    /// The files are one district's, and have nothing about it but the folder's name.
    fn put_district(&mut self) {
        let name = self.folder.file_name();
        let name = name.map_or("District".into(), |name| name.to_string_lossy());
        let district = json!({
            "id": self.district, "name": name, "sis_type": "sftp", "state": "running", "error": "",
            "last_sync": stamp(self.now), "login_methods": [], "launch_date": "",
        });
        let id = self.district.clone();
        self.of(RecordKind::Districts).insert(id, district);
    }

    fn schools(&mut self, faults: &mut Faults) {
        let path = self.folder.join("schools.csv");
        each(&path, &NEEDED_OF_SCHOOLS, faults, |row, _| {
            let id = self.id("school", row.needed("School_id")?);
            self.once(RecordKind::Schools, &id, "School_id")?;
            let mut school = self.record(&id);
            school.append(&mut row.fields(&[
                ("sis_id", "School_id"),
                ("name", "School_name"),
                ("school_number", "School_number"),
                ("state_id", "State_id"),
                ("low_grade", "Low_grade"),
                ("high_grade", "High_grade"),
                ("phone", "School_phone"),
            ]));
            let principal = row.fields(&[("name", "Principal"), ("email", "Principal_email")]);
            nest(&mut school, "principal", principal);
            nest(&mut school, "location", location(row, "School", "address"));
            self.of(RecordKind::Schools).insert(id, school.into());
            Ok(())
        });
    }

    /// Refuses a second row about one thing.
    fn once(&mut self, kind: RecordKind, id: &str, column: &str) -> Result<(), RowFault> {
        if self.of(kind).contains_key(id) {
            return Err(RowFault::of(column, Flaw::Twice));
        }
        Ok(())
    }

    /// Refuses a row that names what is not there.
    fn known(
        &mut self,
        kind: RecordKind,
        id: &str,
        column: &str,
        file: &'static str,
        faults: &Faults,
    ) -> Result<(), RowFault> {
        if self.of(kind).contains_key(id) {
            return Ok(());
        }
        let sure = !self.refused.contains(id) && faults.is_sure_of(&self.folder.join(file));
        Err(RowFault::of(
            column,
            if sure {
                Flaw::Unknown(file)
            } else {
                Flaw::LeftOut(file)
            },
        ))
    }

    /// The id of the school that a row names; nothing stands for none.
    fn school(&mut self, row: &Row<'_>, faults: &Faults) -> Result<Option<String>, RowFault> {
        let id = match row.text("School_id") {
            "" => return Ok(None),
            own => self.id("school", own),
        };
        self.known(RecordKind::Schools, &id, "School_id", "schools.csv", faults)?;
        Ok(Some(id))
    }

    fn sections(&mut self, faults: &mut Faults) {
        let path = self.folder.join("sections.csv");
        let needed = ["School_id", "Section_id", "Teacher_id"];
        each(&path, &needed, faults, |row, faults| {
            let id = self.id("section", row.needed("Section_id")?);
            self.once(RecordKind::Sections, &id, "Section_id")?;
            self.refused.insert(id.clone());
            let mut section = self.record(&id);
            section.append(&mut row.fields(&[
                ("sis_id", "Section_id"),
                ("section_number", "Section_number"),
                ("grade", "Grade"),
                ("period", "Period"),
                ("subject", "Subject"),
            ]));
            if let Some(school) = self.school(row, faults)? {
                section.insert("school".to_owned(), school.into());
            }
            let subject = row.text("Subject");
            if let Some(known) = SUBJECTS
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(subject))
            {
                section.insert("subject".to_owned(), known.into());
            }
            let teachers = self.teachers_of(row, faults)?;
            section.insert("name".to_owned(), self.section_name(row, &teachers).into());
            if let Some(first) = teachers.first() {
                section.insert("teacher".to_owned(), first.as_str().into());
            }
            section.insert("teachers".to_owned(), teachers.into());
            section.insert("students".to_owned(), json!([]));
            if let Some(course) = self.course(row) {
                section.insert("course".to_owned(), course.into());
            }
            if let Some(term) = self.term(row) {
                section.insert("term_id".to_owned(), term.into());
            }
            self.refused.remove(&id);
            self.of(RecordKind::Sections).insert(id, section.into());
            Ok(())
        });
    }

    fn teachers_of(&mut self, row: &Row<'_>, faults: &Faults) -> Result<Vec<String>, RowFault> {
        let mut teachers = Vec::new();
        for number in 1..=10 {
            let column = match number {
                1 => "Teacher_id".to_owned(),
                _ => format!("Teacher_{number}_id"),
            };
            let own = row.text(&column);
            if own.is_empty() {
                continue;
            }
            let id = self.id("teacher", own);
            self.known(RecordKind::Users, &id, &column, "teachers.csv", faults)?;
            if !teachers.contains(&id) {
                teachers.push(id);
            }
        }
        Ok(teachers)
    }

    /// The section's name; if it has none, Clever makes one of course, teacher and period.
    fn section_name(&mut self, row: &Row<'_>, teachers: &[String]) -> String {
        let name = row.text("Name");
        if !name.is_empty() {
            return name.to_owned();
        }
        let users = self.of(RecordKind::Users);
        let teacher = teachers.first().and_then(|id| users.get(id));
        let last = teacher.and_then(|user| user["name"]["last"].as_str());
        let parts = [
            row.text("Course_name"),
            last.unwrap_or_default(),
            row.text("Period"),
        ];
        let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join(" - ")
    }

    /// A course for each number and name that sections say.
    fn course(&mut self, row: &Row<'_>) -> Option<String> {
        let own = row.fields(&[("number", "Course_number"), ("name", "Course_name")]);
        self.part(RecordKind::Courses, "course", own)
    }

    /// A term for each name, start and end that sections say.
    fn term(&mut self, row: &Row<'_>) -> Option<String> {
        let mut own = row.fields(&[
            ("name", "Term_name"),
            ("start_date", "Term_start"),
            ("end_date", "Term_end"),
        ]);
        for date in ["start_date", "end_date"] {
            if let Some(text) = own.get_mut(date)
                && let Some((month, day, year)) = text.as_str().and_then(american)
            {
                *text = format!("{year:04}-{month:02}-{day:02}").into();
            }
        }
        self.part(RecordKind::Terms, "term", own)
    }

    /// A record of which there is one for all sections that say the same of it.
    fn part(
        &mut self,
        kind: RecordKind,
        word: &str,
        mut own: Map<String, Value>,
    ) -> Option<String> {
        if own.is_empty() {
            return None;
        }
        let id = self.id(word, &Value::from(own.clone()).to_string());
        own.insert("id".to_owned(), id.as_str().into());
        own.insert("district".to_owned(), self.district.as_str().into());
        self.of(kind).insert(id.clone(), own.into());
        Some(id)
    }

    fn enrollments(&mut self, faults: &mut Faults) {
        let path = self.folder.join("enrollments.csv");
        let needed = ["School_id", "Section_id", "Student_id"];
        each(&path, &needed, faults, |row, faults| {
            self.school(row, faults)?;
            let section = self.id("section", row.needed("Section_id")?);
            let student = self.id("student", row.needed("Student_id")?);
            self.known(
                RecordKind::Users,
                &student,
                "Student_id",
                "students.csv",
                faults,
            )?;
            self.known(
                RecordKind::Sections,
                &section,
                "Section_id",
                "sections.csv",
                faults,
            )?;
            let is_new = self.enrolled.insert((section.clone(), student.clone()));
            let record = self.of(RecordKind::Sections).get_mut(&section);
            let all = record.and_then(|record| record["students"].as_array_mut());
            if is_new && let Some(all) = all {
                all.push(student.into());
            }
            Ok(())
        });
    }
}

/// An id as ObjectIDs are: the instant, then what follows from the district, the kind and the district's own id.
fn made_id(now: Timestamp, school: &[String; 2], kind: &str, own: &str) -> String {
    let seconds = u32::try_from(now.as_second()).unwrap_or(u32::MAX);
    format!("{seconds:08x}{:016x}", number(school, kind, own))
}

fn number([school, name]: &[String; 2], kind: &str, own: &str) -> u64 {
    let hash = digest(&SHA256, [school, name, kind, own].join("\0").as_bytes());
    let eight = hash.as_ref().iter().take(8);
    eight.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Puts an object into another one, if it says something.
fn nest(record: &mut Map<String, Value>, field: &str, content: Map<String, Value>) {
    if !content.is_empty() {
        record.insert(field.to_owned(), content.into());
    }
}

/// The address of whoever the columns' names begin with; its first line has another name for each.
fn location(row: &Row<'_>, whose: &str, line: &str) -> Map<String, Value> {
    let [line, city, state, zip] =
        [line, "city", "state", "zip"].map(|part| format!("{whose}_{part}"));
    row.fields(&[
        ("address", &line),
        ("city", &city),
        ("state", &state),
        ("zip", &zip),
    ])
}

/// Reads `MM/DD/YYYY`, padded or not: month, day, year. Another form is kept as it is.
fn american(date: &str) -> Option<(u8, u8, u16)> {
    let mut parts = date.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let date = (month.parse().ok()?, day.parse().ok()?, year.parse().ok()?);
    let good = (1..=12).contains(&date.0) && (1..=31).contains(&date.1) && year.len() == 4;
    (good && parts.next().is_none()).then_some(date)
}

#[cfg(test)]
mod tests;
