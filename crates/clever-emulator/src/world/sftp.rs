//! A world read from the CSV set that districts send to Clever by SFTP.
//!
//! `schools.csv`, `students.csv`, `teachers.csv`, `sections.csv` and `enrollments.csv` must be there; `staff.csv`
//! and the older `admins.csv` may be. A student's further rows are further contacts (five at most) or schools, an
//! employee's are further schools. Courses and terms are what the sections say of theirs. Each id follows from the
//! district's own id, so that a changed set keeps the ids of whoever stayed.
//!
//! The API has no place for passwords, grade point averages and descriptions of courses: those are not read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use clever_model::{RecordKind, Timestamp};
use serde_json::{Map, Value, json};

use super::World;
use super::names::LANGUAGES;
use super::people::stamp;
pub use super::sheet::CsvError;
use super::sheet::{Row, each};

/// Contacts of a student that are read.
const MAX_CONTACTS: usize = 5;

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

/// Reads the set in `folder`; the world's clock starts at `now`.
///
/// # Errors
///
/// [`CsvError`] names the file, the line and the column.
pub fn read(folder: &Path, now: Timestamp) -> Result<World, CsvError> {
    let mut set = Set::new(now);
    set.put_district(folder);
    set.schools(&folder.join("schools.csv"))?;
    set.students(&folder.join("students.csv"))?;
    set.teachers(&folder.join("teachers.csv"))?;
    for (file, email, title) in [
        ("staff.csv", "Staff_email", "Title"),
        ("admins.csv", "Admin_email", "Admin_title"),
    ] {
        match set.staff(&folder.join(file), email, title) {
            Err(CsvError::MissingFile { .. }) => {}
            read => read?,
        }
    }
    set.sections(&folder.join("sections.csv"))?;
    set.enrollments(&folder.join("enrollments.csv"))?;
    Ok(set.world())
}

/// What was read so far, by kind and id.
struct Set {
    now: Timestamp,
    district: String,
    made: BTreeMap<RecordKind, BTreeMap<String, Value>>,
    /// The teacher with an address, as long as it is only one's and no staff member has it.
    teacher_at: BTreeMap<String, Option<String>>,
    /// The users of staff members.
    staff_ids: BTreeMap<String, String>,
    /// The contacts of each student.
    contacts: BTreeMap<String, BTreeSet<String>>,
    enrolled: BTreeSet<(String, String)>,
}

impl Set {
    fn new(now: Timestamp) -> Self {
        Self {
            now,
            district: made_id(now, "district", ""),
            made: BTreeMap::new(),
            teacher_at: BTreeMap::new(),
            staff_ids: BTreeMap::new(),
            contacts: BTreeMap::new(),
            enrolled: BTreeSet::new(),
        }
    }

    fn world(self) -> World {
        let mut world = World::empty(self.now, 0);
        for (kind, records) in self.made {
            for (id, record) in records {
                world.put(kind, &id, record.to_string());
            }
        }
        drop(world.publish());
        world
    }

    fn id(&self, kind: &str, own: &str) -> String {
        made_id(self.now, kind, own)
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
    fn put_district(&mut self, folder: &Path) {
        let name = folder
            .file_name()
            .map_or("District".into(), |name| name.to_string_lossy());
        let district = json!({
            "id": self.district, "name": name, "sis_type": "sftp", "state": "running", "error": "",
            "last_sync": stamp(self.now), "login_methods": [], "launch_date": "",
        });
        let id = self.district.clone();
        self.of(RecordKind::Districts).insert(id, district);
    }

    fn schools(&mut self, path: &Path) -> Result<(), CsvError> {
        let needed = ["School_id", "School_name", "School_number"];
        each(path, &needed, |row| {
            let id = self.id("school", row.needed("School_id")?);
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
            match self.of(RecordKind::Schools).insert(id, school.into()) {
                Some(_) => Err(row.twice("School_id")),
                None => Ok(()),
            }
        })
    }

    /// The id of the school that a row names; nothing stands for none.
    fn school(&mut self, row: &Row<'_>) -> Result<Option<String>, CsvError> {
        let id = match row.text("School_id") {
            "" => return Ok(None),
            own => self.id("school", own),
        };
        if self.of(RecordKind::Schools).contains_key(&id) {
            Ok(Some(id))
        } else {
            Err(row.unknown("School_id", "schools.csv"))
        }
    }

    fn students(&mut self, path: &Path) -> Result<(), CsvError> {
        let needed = ["School_id", "Student_id", "Last_name", "First_name"];
        each(path, &needed, |row| {
            let id = self.id("student", row.needed("Student_id")?);
            let school = self.school(row)?;
            if !self.of(RecordKind::Users).contains_key(&id) {
                let user = self.user(row, &id, "Student_email", ("student", student(row)));
                self.of(RecordKind::Users).insert(id.clone(), user);
            }
            self.is_at(&id, "student", school);
            self.contact(row, &id);
            Ok(())
        })
    }

    fn teachers(&mut self, path: &Path) -> Result<(), CsvError> {
        let needed = ["School_id", "Teacher_id", "First_name", "Last_name"];
        each(path, &needed, |row| {
            let own = row.needed("Teacher_id")?;
            let id = self.id("teacher", own);
            let school = self.school(row)?;
            if !self.of(RecordKind::Users).contains_key(&id) {
                let mut role = row.fields(&[
                    ("sis_id", "Teacher_id"),
                    ("teacher_number", "Teacher_number"),
                    ("state_id", "State_teacher_id"),
                    ("title", "Title"),
                ]);
                nest(&mut role, "credentials", credentials(row));
                role.insert("legacy_id".to_owned(), self.id("as teacher", own).into());
                let user = self.user(row, &id, "Teacher_email", ("teacher", role));
                self.of(RecordKind::Users).insert(id.clone(), user);
                let address = row.text("Teacher_email").to_lowercase();
                let only = self.teacher_at.entry(address);
                only.and_modify(|only| *only = None)
                    .or_insert_with(|| Some(id.clone()));
            }
            self.is_at(&id, "teacher", school);
            Ok(())
        })
    }

    /// Reads staff; who has a teacher's address is that teacher.
    fn staff(
        &mut self,
        path: &Path,
        email: &'static str,
        title: &'static str,
    ) -> Result<(), CsvError> {
        let needed = ["School_id", "Staff_id", email, "First_name", "Last_name"];
        each(path, &needed, |row| {
            let own = row.needed("Staff_id")?;
            let school = self.school(row)?;
            if !self.staff_ids.contains_key(own) {
                let mut role = row.fields(&[
                    ("staff_id", "Staff_id"),
                    ("department", "Department"),
                    ("title", title),
                ]);
                nest(&mut role, "credentials", credentials(row));
                let special: Vec<&str> = row.text("Role").split_whitespace().collect();
                role.insert("roles".to_owned(), special.into());
                role.insert("legacy_id".to_owned(), self.id("as staff", own).into());
                let address = row.text(email).to_lowercase();
                let teacher = self.teacher_at.remove(&address).flatten();
                let teacher = teacher.filter(|_| !address.is_empty());
                let id = teacher.unwrap_or_else(|| self.id("staff", own));
                let fresh = self.user(row, &id, email, ("staff", role.clone()));
                let user = self
                    .of(RecordKind::Users)
                    .entry(id.clone())
                    .or_insert(fresh);
                user["roles"]["staff"] = role.into();
                user["roles"]["staff"]["schools"] = json!([]);
                self.staff_ids.insert(own.to_owned(), id);
            }
            let id = self.staff_ids.get(own).cloned().unwrap_or_default();
            self.is_at(&id, "staff", school);
            Ok(())
        })
    }

    /// A user with one role, as the first row with its id has it.
    fn user(
        &self,
        row: &Row<'_>,
        id: &str,
        email: &str,
        (role, content): (&str, Map<String, Value>),
    ) -> Value {
        let mut user = self.record(id);
        user.append(&mut row.fields(&[("email", email)]));
        let name = json!({
            "first": row.text("First_name"), "middle": row.text("Middle_name"), "last": row.text("Last_name"),
        });
        user.insert("name".to_owned(), name);
        user.insert("roles".to_owned(), json!({ role: content }));
        let mut user = Value::from(user);
        user["roles"][role]["schools"] = json!([]);
        user
    }

    /// Adds a school to a role; the first one is the primary one.
    fn is_at(&mut self, id: &str, role: &str, school: Option<String>) {
        let user = self.of(RecordKind::Users).get_mut(id);
        let (Some(user), Some(school)) = (user, school) else {
            return;
        };
        let role_of = &mut user["roles"][role];
        if role_of["school"].is_null() && role != "staff" {
            role_of["school"] = school.as_str().into();
        }
        if let Some(schools) = role_of["schools"].as_array_mut()
            && !schools.iter().any(|one| *one == school)
        {
            schools.push(school.into());
        }
    }

    /// Reads the contact in a student's row. Without an id of its own, a contact is known by all that is said of it,
    /// as at Clever: siblings share it, and a new number makes a new contact.
    fn contact(&mut self, row: &Row<'_>, student: &str) {
        let said = [
            "Contact_name",
            "Contact_phone",
            "Contact_phone_type",
            "Contact_email",
        ]
        .map(|column| row.text(column));
        let own = row.text("Contact_sis_id");
        let [name, phone, phone_type, email] = said;
        let related = row.fields(&[
            ("relationship", "Contact_relationship"),
            ("type", "Contact_type"),
        ]);
        if own.is_empty() && said.iter().all(|text| text.is_empty()) && related.is_empty() {
            return;
        }
        let key = if own.is_empty() {
            said.join("\0")
        } else {
            own.to_owned()
        };
        let id = self.id("contact", &key);
        let of_student = self.contacts.entry(student.to_owned()).or_default();
        if of_student.len() == MAX_CONTACTS && !of_student.contains(&id) {
            return;
        }
        of_student.insert(id.clone());
        let mut fresh = Value::from(self.record(&id));
        if !email.is_empty() {
            fresh["email"] = email.into();
        }
        fresh["name"] = json!({ "last": name });
        fresh["roles"] = json!({ "contact": {
            "legacy_id": self.id("as contact", &key), "phone": phone, "phone_type": phone_type,
            "student_relationships": [],
        } });
        if !own.is_empty() {
            fresh["roles"]["contact"]["sis_id"] = own.into();
        }
        let mut related = Value::from(related);
        related["student"] = student.into();
        let contact = self.of(RecordKind::Users).entry(id).or_insert(fresh);
        let all = contact["roles"]["contact"]["student_relationships"].as_array_mut();
        if let Some(all) = all
            && !all.contains(&related)
        {
            all.push(related);
        }
    }

    fn sections(&mut self, path: &Path) -> Result<(), CsvError> {
        each(path, &["School_id", "Section_id", "Teacher_id"], |row| {
            let id = self.id("section", row.needed("Section_id")?);
            let mut section = self.record(&id);
            section.append(&mut row.fields(&[
                ("sis_id", "Section_id"),
                ("section_number", "Section_number"),
                ("grade", "Grade"),
                ("period", "Period"),
                ("subject", "Subject"),
            ]));
            if let Some(school) = self.school(row)? {
                section.insert("school".to_owned(), school.into());
            }
            let subject = row.text("Subject");
            if let Some(known) = SUBJECTS
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(subject))
            {
                section.insert("subject".to_owned(), known.into());
            }
            let teachers = self.teachers_of(row)?;
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
            match self.of(RecordKind::Sections).insert(id, section.into()) {
                Some(_) => Err(row.twice("Section_id")),
                None => Ok(()),
            }
        })
    }

    fn teachers_of(&mut self, row: &Row<'_>) -> Result<Vec<String>, CsvError> {
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
            if !self.of(RecordKind::Users).contains_key(&id) {
                return Err(row.unknown(&column, "teachers.csv"));
            }
            if !teachers.contains(&id) {
                teachers.push(id);
            }
        }
        Ok(teachers)
    }

    /// The section's name; where it has none, Clever makes one of course, teacher and period.
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

    fn enrollments(&mut self, path: &Path) -> Result<(), CsvError> {
        each(path, &["School_id", "Section_id", "Student_id"], |row| {
            self.school(row)?;
            let section = self.id("section", row.needed("Section_id")?);
            let student = self.id("student", row.needed("Student_id")?);
            if !self.of(RecordKind::Users).contains_key(&student) {
                return Err(row.unknown("Student_id", "students.csv"));
            }
            let is_new = self.enrolled.insert((section.clone(), student.clone()));
            let Some(record) = self.of(RecordKind::Sections).get_mut(&section) else {
                return Err(row.unknown("Section_id", "sections.csv"));
            };
            let all = record["students"].as_array_mut();
            if is_new && let Some(all) = all {
                all.push(student.into());
            }
            Ok(())
        })
    }
}

/// An id as ObjectIDs are: the instant, then what follows from the kind and the district's own id.
fn made_id(now: Timestamp, kind: &str, own: &str) -> String {
    let seconds = u32::try_from(now.as_second()).unwrap_or(u32::MAX);
    let hash = digest(&SHA256, format!("{kind}\0{own}").as_bytes());
    let eight = hash.as_ref().iter().take(8);
    let number = eight.fold(0, |number, byte| number << 8 | u64::from(*byte));
    format!("{seconds:08x}{number:016x}")
}

/// Puts an object into another one, if it says something.
fn nest(record: &mut Map<String, Value>, field: &str, content: Map<String, Value>) {
    if !content.is_empty() {
        record.insert(field.to_owned(), content.into());
    }
}

fn credentials(row: &Row<'_>) -> Map<String, Value> {
    row.fields(&[("district_username", "Username")])
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

fn student(row: &Row<'_>) -> Map<String, Value> {
    let mut role = row.fields(&[
        ("sis_id", "Student_id"),
        ("student_number", "Student_number"),
        ("state_id", "State_id"),
        ("email", "Student_email"),
        ("grade", "Grade"),
        ("gender", "Gender"),
        ("graduation_year", "Graduation_year"),
        ("dob", "DOB"),
        ("race", "Race"),
        ("hispanic_ethnicity", "Hispanic_Latino"),
        ("home_language", "Home_language"),
        ("ell_status", "Ell_status"),
        ("frl_status", "Frl_status"),
        ("iep_status", "IEP_status"),
    ]);
    // The API writes dates of birth without zeros in front.
    if let Some((month, day, year)) = american(row.text("DOB")) {
        role.insert("dob".to_owned(), format!("{month}/{day}/{year}").into());
    }
    let spoken = row.text("Home_language");
    if let Some((name, code)) = LANGUAGES.iter().find(|(_, code)| *code == spoken) {
        role.insert("home_language".to_owned(), (*name).into());
        role.insert("home_language_code".to_owned(), (*code).into());
    }
    nest(&mut role, "location", location(row, "Student", "street"));
    nest(&mut role, "credentials", credentials(row));
    role.insert("enrollments".to_owned(), json!([]));
    role
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
mod tests {
    use std::fs;

    use clever_model::Role;
    use tempfile::TempDir;

    use super::*;

    const FILES: [(&str, &str); 6] = [
        (
            "schools.csv",
            "School_name,School id,School_number,School_state\nNorth,1,01,IL\nSouth,2,02,IL\n",
        ),
        (
            "students.csv",
            "School_id,Student_id,Last_name,First_name,DOB,Home_language,Contact_name,Contact_relationship,Contact_sis_id,Password\n\
             1,s1,\"Lee, Jr\",Ann,02/09/2014,spa,Kim Lee,Parent,,secret\n\
             1,s1,\"Lee, Jr\",Ann,02/09/2014,spa,Pat Lee,Parent,c9,secret\n\
             2,s1,\"Lee, Jr\",Ann,02/09/2014,spa,,,,secret\n\
             1,s2,Lee,Bo,2/9/2014,Elvish,Kim Lee,Parent,,secret\n",
        ),
        (
            "teachers.csv",
            "School id,Teacher id,First name,Last name,Teacher email\n\
             1,t1,Tia,One,tia@schools.example.org\n2,t1,Tia,One,tia@schools.example.org\n1,t2,Tom,Two,\n",
        ),
        (
            "sections.csv",
            "School_id,Section_id,Teacher_id,Teacher_2_id,Name,Course_name,Course_number,Period,Subject,Term_name,Term_start,Term_end\n\
             1,x1,t2,t1,,Math,M1,3,Math,Fall,08/17/2026,01/15/2027\n\
             1,x2,t1,,Own name,Math,M1,4,arts and Music,Fall,8/17/2026,01/15/2027\n\
             1,x3,t1,,Bare,,,,Basket weaving,,,\n",
        ),
        (
            "enrollments.csv",
            "Student_id,School_id,Section_id\ns1,1,x1\ns2,1,x1\ns1,1,x1\n",
        ),
        (
            "staff.csv",
            "School_id,Staff_id,Staff_email,First_name,Last_name,Role\n1,f1,TIA@schools.example.org,Tia,One,SchoolTechLead\n2,f2,,Stu,Three,\n",
        ),
    ];

    const NOW: &str = "2026-09-14T12:00:00Z";

    /// A set with some files in another text; an empty text is no file.
    fn folder(changed: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, text) in FILES.iter().chain(changed) {
            match *text {
                "" => fs::remove_file(folder.path().join(name)).unwrap(),
                text => fs::write(folder.path().join(name), text).unwrap(),
            }
        }
        folder
    }

    fn world(changed: &[(&str, &str)]) -> World {
        read(folder(changed).path(), NOW.parse().unwrap()).unwrap()
    }

    fn wrong(changed: &[(&str, &str)]) -> String {
        let folder = folder(changed);
        let error = read(folder.path(), NOW.parse().unwrap()).unwrap_err();
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    }

    fn one(world: &World, kind: RecordKind, word: &str, own: &str) -> Value {
        world
            .value(kind, &made_id(NOW.parse().unwrap(), word, own))
            .unwrap()
    }

    #[test]
    fn rows_of_a_student_are_contacts_and_schools() {
        let world = world(&[]);
        let (north, south) = (
            one(&world, RecordKind::Schools, "school", "1"),
            one(&world, RecordKind::Schools, "school", "2"),
        );
        assert_eq!(north["location"], json!({ "state": "IL" }));
        let ann = one(&world, RecordKind::Users, "student", "s1");
        let role = &ann["roles"]["student"];
        assert_eq!(ann["name"]["last"], "Lee, Jr");
        assert_eq!(role["dob"], "2/9/2014");
        assert_eq!(role["home_language_code"], "spa");
        assert_eq!(role["home_language"], "Spanish");
        assert_eq!(role["school"], north["id"]);
        assert_eq!(role["schools"], json!([north["id"], south["id"]]));
        let bo = one(&world, RecordKind::Users, "student", "s2");
        assert_eq!(bo["roles"]["student"]["home_language"], "Elvish");
        // The siblings share the contact that has no id of its own.
        assert_eq!(world.with_role(Role::Contact).len(), 2);
        let kim = "Kim Lee\0\0\0";
        let kim = one(&world, RecordKind::Users, "contact", kim);
        let related = &kim["roles"]["contact"]["student_relationships"];
        assert_eq!(
            *related,
            json!([
                { "relationship": "Parent", "student": ann["id"] },
                { "relationship": "Parent", "student": bo["id"] },
            ])
        );
        let all = world.list(RecordKind::Users);
        assert!(all.iter().all(|(_, user)| !user.json().contains("secret")));
    }

    #[test]
    fn a_sixth_contact_is_not_read() {
        let rows: String = (0..7)
            .map(|at| format!("1,s1,Lee,Ann,Contact {at}\n1,s2,Lee,Bo,\n"))
            .collect();
        let header = "School_id,Student_id,Last_name,First_name,Contact_name\n";
        let world = world(&[("students.csv", &format!("{header}{rows}"))]);
        assert_eq!(world.with_role(Role::Contact).len(), 5);
    }

    #[test]
    fn sections_have_teachers_courses_and_terms() {
        let world = world(&[]);
        let x1 = one(&world, RecordKind::Sections, "section", "x1");
        let [t1, t2] = ["t1", "t2"].map(|own| one(&world, RecordKind::Users, "teacher", own));
        assert_eq!(x1["teacher"], t2["id"]);
        assert_eq!(x1["teachers"], json!([t2["id"], t1["id"]]));
        assert_eq!(x1["students"].as_array().map(Vec::len), Some(2));
        assert_eq!(x1["name"], "Math - Two - 3");
        assert_eq!(x1["subject"], "math");
        let x2 = one(&world, RecordKind::Sections, "section", "x2");
        assert_eq!(
            (&x2["course"], &x2["term_id"]),
            (&x1["course"], &x1["term_id"])
        );
        assert_eq!(x2["name"], "Own name");
        assert_eq!(x2["subject"], "arts and music");
        let x3 = one(&world, RecordKind::Sections, "section", "x3");
        assert!(x3["course"].is_null() && x3["term_id"].is_null());
        assert_eq!(x3["subject"], "Basket weaving");
        let term = world
            .value(RecordKind::Terms, x1["term_id"].as_str().unwrap())
            .unwrap();
        assert_eq!(term["start_date"], "2026-08-17");
        assert_eq!(world.list(RecordKind::Courses).len(), 1);
        assert_eq!(world.sections_of(t1["id"].as_str().unwrap()).len(), 3);
    }

    #[test]
    fn a_teacher_and_a_staff_member_with_one_address_are_one_user() {
        let world = world(&[]);
        let tia = one(&world, RecordKind::Users, "teacher", "t1");
        assert_eq!(tia["roles"]["staff"]["staff_id"], "f1");
        assert_eq!(tia["roles"]["staff"]["roles"], json!(["SchoolTechLead"]));
        let schools = |role: &str| tia["roles"][role]["schools"].as_array().map(Vec::len);
        assert_eq!((schools("teacher"), schools("staff")), (Some(2), Some(1)));
        // No address is nobody's.
        let tom = one(&world, RecordKind::Users, "teacher", "t2");
        assert!(tom["roles"]["staff"].is_null());
        assert_eq!(world.with_role(Role::Staff).len(), 2);
    }

    #[test]
    fn older_files_of_staff_are_read_and_none_is_needed() {
        let admins = "School_id,Staff_id,Admin_email,First_name,Last_name,Admin_title\n1,f9,,Ada,Four,Principal\n";
        let world = world(&[("staff.csv", ""), ("admins.csv", admins)]);
        let ada = one(&world, RecordKind::Users, "staff", "f9");
        assert_eq!(ada["roles"]["staff"]["title"], "Principal");
        assert_eq!(world.with_role(Role::Staff).len(), 1);
    }

    #[test]
    fn ids_stay_when_the_set_changes() {
        let ids =
            |world: &World| -> BTreeSet<String> { world.list(RecordKind::Users).keys().collect() };
        let more = format!("{}3,t0,New,Teacher,\n", FILES[2].1).replace("\n3,", "\n1,");
        let (before, after) = (ids(&world(&[])), ids(&world(&[("teachers.csv", &more)])));
        assert!(before.is_subset(&after) && after.len() == before.len() + 1);
        assert!(before.iter().all(|id| id.len() == 24));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_no_value() {
        let cases = [
            (
                "sections.csv",
                "",
                "sections.csv is missing: the set needs it, if only with its header",
            ),
            (
                "teachers.csv",
                "School_id,First_name,Last_name\n",
                "teachers.csv, line 1: no column Teacher_id; add it to the header and the rows",
            ),
            (
                "students.csv",
                "School_id,Student_id,Last_name,First_name\n1,s1,Lee,\"A\nB\"\n1,,Lee,Bo\n",
                "students.csv, line 4, column Student_id: empty; fill it or remove the row",
            ),
            (
                "students.csv",
                "School_id,Student_id,Last_name,First_name\n7,s1,Lee,Ann\n",
                "students.csv, line 2, column School_id: schools.csv has no such row; add it there or correct this one",
            ),
            (
                "sections.csv",
                "School_id,Section_id,Teacher_id,Teacher_3_id\n1,x1,t1,t7\n",
                "sections.csv, line 2, column Teacher_3_id: teachers.csv has no such row; add it there or correct this one",
            ),
            (
                "sections.csv",
                "School_id,Section_id,Teacher_id\n1,x1,t1\n1,x1,t2\n",
                "sections.csv, line 3, column Section_id: an earlier row has the same id; remove one of them",
            ),
            (
                "enrollments.csv",
                "School_id,Section_id,Student_id\n1,x1,s7\n",
                "enrollments.csv, line 2, column Student_id: students.csv has no such row; add it there or correct this one",
            ),
            (
                "enrollments.csv",
                "School_id,Section_id,Student_id\n1,x7,s1\n",
                "enrollments.csv, line 2, column Section_id: sections.csv has no such row; add it there or correct this one",
            ),
            (
                "enrollments.csv",
                "School_id,Section_id,Student_id\n1,x1\n",
                "enrollments.csv, line 2: could not be read as CSV in UTF-8 with as many values as the header has",
            ),
        ];
        for (file, text, message) in cases {
            assert_eq!(wrong(&[(file, text)]), message);
        }
    }
}
