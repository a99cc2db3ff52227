//! The people of a CSV set: students with their contacts, teachers, staff.

use clever_model::RecordKind;
use serde_json::{Map, Value, json};

use super::super::names::LANGUAGES;
use super::super::sheet::{Faults, Row, each};
use super::{Set, american, location, nest};

/// Contacts of a student that are read.
const MAX_CONTACTS: usize = 5;

impl Set {
    pub(super) fn students(&mut self, faults: &mut Faults) {
        let path = self.folder.join("students.csv");
        let needed = ["School_id", "Student_id", "Last_name", "First_name"];
        each(&path, &needed, faults, |row, faults| {
            let id = self.id("student", row.needed("Student_id")?);
            self.refused.insert(id.clone());
            let school = self.school(row, faults)?;
            self.refused.remove(&id);
            if !self.of(RecordKind::Users).contains_key(&id) {
                let user = self.user(row, &id, "Student_email", ("student", student(row)));
                self.of(RecordKind::Users).insert(id.clone(), user);
            }
            self.is_at(&id, "student", school);
            self.contact(row, &id);
            Ok(())
        });
    }

    pub(super) fn teachers(&mut self, faults: &mut Faults) {
        let path = self.folder.join("teachers.csv");
        let needed = ["School_id", "Teacher_id", "First_name", "Last_name"];
        each(&path, &needed, faults, |row, faults| {
            let own = row.needed("Teacher_id")?;
            let id = self.id("teacher", own);
            self.refused.insert(id.clone());
            let school = self.school(row, faults)?;
            self.refused.remove(&id);
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
        });
    }

    /// Reads staff; who has a teacher's address is that teacher.
    pub(super) fn staff(
        &mut self,
        file: &str,
        email: &'static str,
        title: &'static str,
        faults: &mut Faults,
    ) {
        let path = self.folder.join(file);
        let needed = ["School_id", "Staff_id", email, "First_name", "Last_name"];
        each(&path, &needed, faults, |row, faults| {
            let own = row.needed("Staff_id")?;
            let school = self.school(row, faults)?;
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
        });
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
}

fn credentials(row: &Row<'_>) -> Map<String, Value> {
    row.fields(&[("district_username", "Username")])
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
