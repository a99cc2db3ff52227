//! The CSV set that districts send to Clever by SFTP. Only active records; several contacts of a student are
//! several rows with the same student, and so are further schools of anybody. There is no password to write.
//!
//! What the set has no column for is not written: who is a district administrator alone, the sixth contact of a
//! student, the eleventh teacher of a section, preferred names, disabilities, fields of `ext`.

use std::collections::BTreeMap;

use clever_files::FileSet;
use clever_model::RecordKind;
use serde_json::Value;

use crate::export::dates::Unreadable;
use crate::export::{Cells, ExportError, Reader, Table, distinct, first, text};
use crate::learn::columns;
use crate::store::sql::RosterDb;

const SCHOOLS: [&str; 13] = [
    "School_id",
    "School_name",
    "School_number",
    "State_id",
    "Low_grade",
    "High_grade",
    "Principal",
    "Principal_email",
    "School_address",
    "School_city",
    "School_state",
    "School_zip",
    "School_phone",
];
const STUDENTS: [&str; 32] = [
    "School_id",
    "Student_id",
    "Student_number",
    "State_id",
    "Last_name",
    "Middle_name",
    "First_name",
    "Grade",
    "Gender",
    "Graduation_year",
    "DOB",
    "Race",
    "Hispanic_Latino",
    "Home_language",
    "Ell_status",
    "Frl_status",
    "IEP_status",
    "Student_street",
    "Student_city",
    "Student_state",
    "Student_zip",
    "Student_email",
    "Contact_relationship",
    "Contact_type",
    "Contact_name",
    "Contact_phone",
    "Contact_phone_type",
    "Contact_email",
    "Contact_sis_id",
    "Username",
    "Unweighted_gpa",
    "Weighted_gpa",
];
const TEACHERS: [&str; 10] = [
    "School_id",
    "Teacher_id",
    "Teacher_number",
    "State_teacher_id",
    "Teacher_email",
    "First_name",
    "Middle_name",
    "Last_name",
    "Title",
    "Username",
];
const STAFF: [&str; 9] = [
    "School_id",
    "Staff_id",
    "Staff_email",
    "First_name",
    "Last_name",
    "Department",
    "Title",
    "Username",
    "Role",
];
const ENROLLMENTS: [&str; 3] = ["School_id", "Section_id", "Student_id"];
/// Columns of a section before and after those of its further teachers.
const SECTION: [&str; 3] = ["School_id", "Section_id", "Teacher_id"];
const SECTION_REST: [&str; 11] = [
    "Name",
    "Section_number",
    "Grade",
    "Course_name",
    "Course_number",
    "Course_description",
    "Period",
    "Subject",
    "Term_name",
    "Term_start",
    "Term_end",
];
/// The primary teacher and nine others have columns.
const MAX_TEACHERS: usize = 10;
/// Clever reads at most so many contacts of a student.
const MAX_CONTACTS: usize = 5;
/// What a row has where it tells of no contact.
const NO_CONTACT: [String; 7] = [const { String::new() }; 7];

pub(super) async fn write<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
    cells: Cells,
) -> Result<BTreeMap<String, u64>, ExportError> {
    let mut files = BTreeMap::new();
    let schools = reader.all(RecordKind::Schools).await?;
    let own: BTreeMap<String, String> = schools
        .iter()
        .map(|(id, school)| (id.clone(), first([text(school, "/sis_id"), id.clone()])))
        .collect();
    let mut table = Table::create(set, "schools.csv", cells, &SCHOOLS)?;
    for (id, school) in &schools {
        let mut row = vec![own.get(id).cloned().unwrap_or_default()];
        row.extend(
            [
                "/name",
                "/school_number",
                "/state_id",
                "/low_grade",
                "/high_grade",
                "/principal/name",
                "/principal/email",
                "/location/address",
                "/location/city",
                "/location/state",
                "/location/zip",
                "/phone",
            ]
            .map(|place| text(school, place)),
        );
        table.row(&row)?;
    }
    table.finish(&mut files)?;
    people(reader, set, cells, &own, &mut files).await?;
    sections(reader, set, cells, &own, &mut files).await?;
    Ok(files)
}

/// The district's ids of the schools of a role: one row each.
fn schools_of(role: &Value, own: &BTreeMap<String, String>) -> Vec<String> {
    let mut ids = columns::ids(role, "/schools");
    if let Some(primary) = role["school"].as_str() {
        ids.retain(|id| *id != primary);
        ids.insert(0, primary);
    }
    let found = ids.iter().filter_map(|id| own.get(*id).map(String::as_str));
    let found: Vec<String> = distinct(found.collect())
        .into_iter()
        .map(ToOwned::to_owned)
        .collect();
    if found.is_empty() {
        vec![String::new()]
    } else {
        found
    }
}

async fn people<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
    cells: Cells,
    own: &BTreeMap<String, String>,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), ExportError> {
    let mut students = Table::create(set, "students.csv", cells, &STUDENTS)?;
    let mut teachers = Table::create(set, "teachers.csv", cells, &TEACHERS)?;
    let mut staff = Table::create(set, "staff.csv", cells, &STAFF)?;
    let mut after = String::new();
    loop {
        let some = reader.some(RecordKind::Users, &after).await?;
        let Some((last, _)) = some.last() else { break };
        after.clone_from(last);
        let ids: Vec<&str> = some
            .iter()
            .filter(|(_, user)| user["roles"]["student"].is_object())
            .map(|(id, _)| id.as_str())
            .collect();
        let contacts = reader.contacts(&ids).await?;
        for (id, user) in &some {
            let roles = &user["roles"];
            if roles["student"].is_object() {
                let dob = text(&roles["student"], "/dob");
                let born = american(&mut reader.unreadable, "users.dob", dob);
                let mut told: Vec<Vec<String>> = Vec::new();
                for row in contacts.get(id).into_iter().flatten().map(contact) {
                    if told.len() < MAX_CONTACTS && !told.contains(&row) {
                        told.push(row);
                    }
                }
                if told.is_empty() {
                    told.push(NO_CONTACT.to_vec());
                }
                let at = schools_of(&roles["student"], own);
                let (first, further) = at.split_at(1);
                for contact in told {
                    students.row(&student(id, user, &born, &first[0], &contact))?;
                }
                for school in further {
                    students.row(&student(id, user, &born, school, &NO_CONTACT))?;
                }
            }
            let role = &roles["teacher"];
            if role.is_object() {
                for school in schools_of(role, own) {
                    teachers.row(&[
                        school,
                        first([text(role, "/sis_id"), id.clone()]),
                        text(role, "/teacher_number"),
                        text(role, "/state_id"),
                        text(user, "/email"),
                        text(user, "/name/first"),
                        text(user, "/name/middle"),
                        text(user, "/name/last"),
                        text(role, "/title"),
                        text(role, "/credentials/district_username"),
                    ])?;
                }
            }
            let role = &roles["staff"];
            if role.is_object() {
                for school in schools_of(role, own) {
                    staff.row(&[
                        school,
                        first([text(role, "/staff_id"), id.clone()]),
                        text(user, "/email"),
                        text(user, "/name/first"),
                        text(user, "/name/last"),
                        text(role, "/department"),
                        text(role, "/title"),
                        text(role, "/credentials/district_username"),
                        columns::ids(role, "/roles").join(" "),
                    ])?;
                }
            }
        }
    }
    students.finish(files)?;
    teachers.finish(files)?;
    staff.finish(files)
}

/// Relationship, type, name, phone, phone type, address and own id of a contact.
fn contact(contact: &crate::export::Contact) -> Vec<String> {
    let (user, role) = (&contact.record, &contact.record["roles"]["contact"]);
    let name: Vec<String> = ["/name/first", "/name/middle", "/name/last"]
        .iter()
        .map(|place| text(user, place))
        .filter(|part| !part.is_empty())
        .collect();
    vec![
        contact.relationship.clone(),
        contact.sort.clone(),
        name.join(" "),
        text(role, "/phone"),
        text(role, "/phone_type"),
        text(user, "/email"),
        text(role, "/sis_id"),
    ]
}

fn student(id: &str, user: &Value, born: &str, school: &str, contact: &[String]) -> Vec<String> {
    let role = &user["roles"]["student"];
    let mut row = vec![
        school.to_owned(),
        first([text(role, "/sis_id"), id.to_owned()]),
        text(role, "/student_number"),
        text(role, "/state_id"),
        text(user, "/name/last"),
        text(user, "/name/middle"),
        text(user, "/name/first"),
        text(role, "/grade"),
        text(role, "/gender"),
        text(role, "/graduation_year"),
        born.to_owned(),
        text(role, "/race"),
        text(role, "/hispanic_ethnicity"),
        first([
            text(role, "/home_language_code"),
            text(role, "/home_language"),
        ]),
        text(role, "/ell_status"),
        text(role, "/frl_status"),
        text(role, "/iep_status"),
        text(role, "/location/address"),
        text(role, "/location/city"),
        text(role, "/location/state"),
        text(role, "/location/zip"),
        text(user, "/email"),
    ];
    row.extend(contact.iter().cloned());
    row.extend(
        [
            "/credentials/district_username",
            "/unweighted_gpa",
            "/weighted_gpa",
        ]
        .map(|place| text(role, place)),
    );
    row
}

/// Writes a date as districts write it, `05/17/2014`. One that can't be read stays as it is and is counted.
fn american(unreadable: &mut Unreadable, field: &'static str, text: String) -> String {
    match unreadable.read(field, &text) {
        Some(day) => day.strftime("%m/%d/%Y").to_string(),
        None => text,
    }
}

async fn sections<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
    cells: Cells,
    own: &BTreeMap<String, String>,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), ExportError> {
    let courses = reader.all(RecordKind::Courses).await?;
    let terms = reader.all(RecordKind::Terms).await?;
    let terms: BTreeMap<String, [String; 3]> = terms
        .into_iter()
        .map(|(id, term)| {
            let [start, end] = [
                ("terms.start_date", "/start_date"),
                ("terms.end_date", "/end_date"),
            ]
            .map(|(field, place)| american(&mut reader.unreadable, field, text(&term, place)));
            (id, [text(&term, "/name"), start, end])
        })
        .collect();
    let further: Vec<String> = (2..=MAX_TEACHERS)
        .map(|at| format!("Teacher_{at}_id"))
        .collect();
    let mut header: Vec<&str> = SECTION.to_vec();
    header.extend(further.iter().map(String::as_str));
    header.extend(SECTION_REST);
    let mut table = Table::create(set, "sections.csv", cells, &header)?;
    let mut enrollments = Table::create(set, "enrollments.csv", cells, &ENROLLMENTS)?;
    let mut after = String::new();
    loop {
        let some = reader.some(RecordKind::Sections, &after).await?;
        let Some((last, _)) = some.last() else { break };
        after.clone_from(last);
        let named = |place: &'static str| -> Vec<&str> {
            some.iter()
                .flat_map(|(_, section)| columns::ids(section, place))
                .collect()
        };
        let mut teaching = named("/teachers");
        teaching.extend(
            some.iter()
                .filter_map(|(_, section)| section["teacher"].as_str()),
        );
        let learning = named("/students");
        let teachers = reader.own_ids("teacher", &teaching).await?;
        let students = reader.own_ids("student", &learning).await?;
        for (id, section) in &some {
            let school = own
                .get(&text(section, "/school"))
                .cloned()
                .unwrap_or_default();
            let section_id = first([text(section, "/sis_id"), id.clone()]);
            let primary = text(section, "/teacher");
            let mut of_section = distinct(columns::ids(section, "/teachers"));
            of_section.retain(|id| *id != primary);
            if !primary.is_empty() {
                of_section.insert(0, &primary);
            }
            let mut row = vec![school.clone(), section_id.clone()];
            let mut ids = of_section
                .iter()
                .filter_map(|id| teachers.get(*id))
                .cloned();
            row.extend((0..MAX_TEACHERS).map(|_| ids.next().unwrap_or_default()));
            let empty = Value::Null;
            let course = courses.get(&text(section, "/course")).unwrap_or(&empty);
            let term = terms.get(&text(section, "/term_id")).cloned();
            row.extend([
                text(section, "/name"),
                text(section, "/section_number"),
                text(section, "/grade"),
                text(course, "/name"),
                text(course, "/number"),
                String::new(),
                text(section, "/period"),
                text(section, "/subject"),
            ]);
            row.extend(term.unwrap_or_default());
            table.row(&row)?;
            // A place of someone whom the roster lacks is a finding, and no row.
            let places = columns::ids(section, "/students").into_iter();
            let places = places.filter_map(|id| students.get(id).map(String::as_str));
            for student in distinct(places.collect()) {
                enrollments.row(&[&school, &section_id, student])?;
            }
        }
    }
    table.finish(files)?;
    enrollments.finish(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_08_dates_are_written_as_districts_write_them_and_none_is_cut() {
        let mut unreadable = Unreadable::default();
        for (date, written) in [
            ("2014-05-17", "05/17/2014"),
            ("2014-05-17T00:00:00.000Z", "05/17/2014"),
            ("2014-05-17 00:00:00.000000", "05/17/2014"),
            ("5/7/2014", "05/07/2014"),
            ("05/17/2014", "05/17/2014"),
            ("5/17/14", "5/17/14"),
            ("May 17, 2014", "May 17, 2014"),
            ("2014-May-17", "2014-May-17"),
            ("", ""),
        ] {
            let is = american(&mut unreadable, "users.dob", date.to_owned());
            assert_eq!(is, written, "{date}");
        }
        assert_eq!(unreadable.0["users.dob"], 3);
    }
}
