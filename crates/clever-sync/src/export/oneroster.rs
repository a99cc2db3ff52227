//! `OneRoster` 1.2 by its CSV binding 1.2.1, in bulk, in one zip. Clever's ids are the sourced ids; the district's
//! own are identifiers. A school, course or term that is named and not in the roster has a row that says so; a class
//! without one leads to a row that stands for none. A file without rows is not there, and the manifest says so.
//!
//! Where the binding requires a value and the roster has none:
//!
//! | file | column | is |
//! | --- | --- | --- |
//! | `orgs` | `name` | the district's own id or number of the school, else Clever's id |
//! | `courses` | `title` | the course's number, else its id |
//! | `classes` | `title` | the course's name, else the section's number, its own id or Clever's |
//! | `academicSessions` | `title` | its days, `2026-08-17 to 2026-12-18` |
//! | `academicSessions` | `startDate`, `endDate` | those of its school year |
//! | `users` | `username` | the address, else Clever's id |
//! | `users` | `givenName`, `familyName` | the first word of the other one if it has several, else `-` |
//!
//! Clever has one word for a section's subject and no code: `subjectCodes` has that word too, as the binding wants as
//! many codes as subjects.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use clever_files::FileSet;
use clever_model::{RecordKind, read_date};
use jiff::civil::Date;

use crate::export::named::Named;
use crate::export::packed::{ONEROSTER as ZIP, pack};
use crate::export::school_year::SchoolYears;
use crate::export::{Cells, ExportError, Reader, Table, distinct, first, text};
use crate::learn::columns;
use crate::store::sql::RosterDb;

const SESSIONS: [&str; 9] = [
    "sourcedId",
    "status",
    "dateLastModified",
    "title",
    "type",
    "startDate",
    "endDate",
    "parentSourcedId",
    "schoolYear",
];
const ORGS: [&str; 7] = [
    "sourcedId",
    "status",
    "dateLastModified",
    "name",
    "type",
    "identifier",
    "parentSourcedId",
];
const COURSES: [&str; 10] = [
    "sourcedId",
    "status",
    "dateLastModified",
    "schoolYearSourcedId",
    "title",
    "courseCode",
    "grades",
    "orgSourcedId",
    "subjects",
    "subjectCodes",
];
const CLASSES: [&str; 14] = [
    "sourcedId",
    "status",
    "dateLastModified",
    "title",
    "grades",
    "courseSourcedId",
    "classCode",
    "classType",
    "location",
    "schoolSourcedId",
    "termSourcedIds",
    "subjects",
    "subjectCodes",
    "periods",
];
const USERS: [&str; 22] = [
    "sourcedId",
    "status",
    "dateLastModified",
    "enabledUser",
    "username",
    "userIds",
    "givenName",
    "familyName",
    "middleName",
    "identifier",
    "email",
    "sms",
    "phone",
    "agentSourcedIds",
    "grades",
    "password",
    "userMasterIdentifier",
    "preferredGivenName",
    "preferredMiddleName",
    "preferredFamilyName",
    "primaryOrgSourcedId",
    "pronouns",
];
const ROLES: [&str; 10] = [
    "sourcedId",
    "status",
    "dateLastModified",
    "userSourcedId",
    "roleType",
    "role",
    "beginDate",
    "endDate",
    "orgSourcedId",
    "userProfileSourcedId",
];
const ENROLLMENTS: [&str; 10] = [
    "sourcedId",
    "status",
    "dateLastModified",
    "classSourcedId",
    "schoolSourcedId",
    "userSourcedId",
    "role",
    "primary",
    "beginDate",
    "endDate",
];
/// Every file that the manifest speaks of.
const FILES: [&str; 21] = [
    "academicSessions",
    "categories",
    "classes",
    "classResources",
    "courses",
    "courseResources",
    "demographics",
    "enrollments",
    "lineItemLearningObjectiveIds",
    "lineItems",
    "lineItemScoreScales",
    "orgs",
    "resources",
    "resultLearningObjectiveIds",
    "results",
    "resultScoreScales",
    "roles",
    "scoreScales",
    "userProfiles",
    "userResources",
    "users",
];

pub(super) async fn write<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
) -> Result<BTreeMap<String, u64>, ExportError> {
    let mut files = BTreeMap::new();
    let district = reader.district_id.to_owned();
    let mut organisation = Organisation::create(reader, set, &district).await?;
    people(reader, set, &mut organisation, &mut files).await?;
    classes(reader, set, &mut organisation, &mut files).await?;
    organisation.finish(&mut files)?;
    files.retain(|_, rows| *rows > 0);
    manifest(set, &mut files)?;
    packed(set, &files).map_err(|source| ExportError::File {
        path: set.target().join(ZIP),
        source,
    })?;
    Ok(files)
}

/// Begins a file of the zip.
fn table(set: &mut FileSet, name: &'static str, columns: &[&str]) -> Result<Table, ExportError> {
    let file = set.create_aside(name);
    let path = set.target().join(ZIP);
    Table::over(file, name, path, Cells::AsTheyAre, columns)
}

fn manifest(set: &mut FileSet, files: &mut BTreeMap<String, u64>) -> Result<(), ExportError> {
    let mut table = table(set, "manifest.csv", &["propertyName", "value"])?;
    table.row(&["manifest.version", "1.0"])?;
    table.row(&["oneroster.version", "1.2"])?;
    for file in FILES {
        let there = files.contains_key(&format!("{file}.csv"));
        table.row(&[
            format!("file.{file}").as_str(),
            if there { "bulk" } else { "absent" },
        ])?;
    }
    table.row(&["source.systemName", "Clever"])?;
    table.row(&["source.systemCode", "clever"])?;
    table.finish(files)
}

fn packed(set: &mut FileSet, files: &BTreeMap<String, u64>) -> io::Result<()> {
    let zip = set.create(ZIP)?;
    pack(zip, files.keys(), |name| set.open(name))
}

/// Bulk files leave status and date empty.
fn row(id: &str, rest: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut row = vec![id.to_owned(), String::new(), String::new()];
    row.extend(rest);
    row
}

/// A list in one value: the parts of a text that has commas.
fn list(text: &str) -> String {
    let parts: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(",")
}

/// A grade in the words of CEDS, which `OneRoster` uses.
fn grade(grade: &str) -> String {
    match grade {
        "InfantToddler" => "IT".to_owned(),
        "Preschool" => "PR".to_owned(),
        "PreKindergarten" => "PK".to_owned(),
        "TransitionalKindergarten" => "TK".to_owned(),
        "Kindergarten" => "KG".to_owned(),
        "PostGraduate" => "PS".to_owned(),
        "Ungraded" => "UG".to_owned(),
        "Other" => "Other".to_owned(),
        number if number.len() == 1 && number.bytes().all(|digit| digit.is_ascii_digit()) => {
            format!("0{number}")
        }
        other => other.to_owned(),
    }
}

/// Schools, courses and terms, with what is still to be written of them.
struct Organisation {
    district: String,
    orgs: Table,
    courses: Table,
    sessions: Table,
    school: Named,
    course: Named,
    term: Named,
    /// The names of the courses, for classes that have none.
    course_names: BTreeMap<String, String>,
    years: SchoolYears,
}

impl Organisation {
    /// Writes what is in the roster.
    async fn create<B: RosterDb>(
        reader: &mut Reader<'_, B>,
        set: &mut FileSet,
        district: &str,
    ) -> Result<Self, ExportError> {
        let districts = reader.all(RecordKind::Districts).await?;
        let schools = reader.all(RecordKind::Schools).await?;
        let courses = reader.all(RecordKind::Courses).await?;
        let mut terms = Vec::new();
        for (id, term) in reader.all(RecordKind::Terms).await? {
            let unreadable = &mut reader.unreadable;
            let start = unreadable.read("terms.start_date", &text(&term, "/start_date"));
            let mut end = unreadable.read("terms.end_date", &text(&term, "/end_date"));
            if start.zip(end).is_some_and(|(start, end)| end < start) {
                unreadable.count("terms.end_date");
                end = None;
            }
            terms.push((id, text(&term, "/name"), (start, end)));
        }
        let days: Vec<_> = terms.iter().map(|(.., days)| *days).collect();
        let today = read_date(&reader.last_run().await?);
        let mut all = Self {
            district: district.to_owned(),
            orgs: table(set, "orgs.csv", &ORGS)?,
            courses: table(set, "courses.csv", &COURSES)?,
            sessions: table(set, "academicSessions.csv", &SESSIONS)?,
            school: Named::new(district, "school", schools.keys()),
            course: Named::new(district, "course", courses.keys()),
            term: Named::new(district, "term", terms.iter().map(|(id, ..)| id)),
            course_names: courses
                .iter()
                .map(|(id, record)| (id.clone(), text(record, "/name")))
                .collect(),
            years: SchoolYears::of(&days, today),
        };
        if districts.is_empty() {
            all.put_district(district, String::new(), String::new())?;
        }
        for (id, record) in &districts {
            all.put_district(id, text(record, "/name"), text(record, "/nces_id"))?;
        }
        for (id, record) in &schools {
            let own = first([text(record, "/sis_id"), text(record, "/school_number")]);
            all.put_school(id, text(record, "/name"), own)?;
        }
        for (id, record) in &courses {
            all.put_course(id, text(record, "/name"), text(record, "/number"))?;
        }
        for (id, name, days) in terms {
            all.put_term(&id, name, days)?;
        }
        Ok(all)
    }

    fn put_district(&mut self, id: &str, name: String, own: String) -> Result<(), ExportError> {
        let name = first([name, id.to_owned()]);
        let rest = [name, "district".to_owned(), own, String::new()];
        self.orgs.row(&row(id, rest))
    }

    fn put_school(&mut self, id: &str, name: String, own: String) -> Result<(), ExportError> {
        let name = first([name, own.clone(), id.to_owned()]);
        let rest = [name, "school".to_owned(), own, self.district.clone()];
        self.orgs.row(&row(id, rest))
    }

    fn put_course(&mut self, id: &str, title: String, code: String) -> Result<(), ExportError> {
        let rest = [
            String::new(),
            first([title, code.clone(), id.to_owned()]),
            code,
            String::new(),
            self.district.clone(),
            String::new(),
            String::new(),
        ];
        self.courses.row(&row(id, rest))
    }

    fn put_term(
        &mut self,
        id: &str,
        title: String,
        (start, end): (Option<Date>, Option<Date>),
    ) -> Result<(), ExportError> {
        let term = self.years.term(start, end);
        let [start, end] = [term.start, term.end].map(|day| day.to_string());
        let title = first([title, format!("{start} to {end}")]);
        let year = format!("{:04}", term.year);
        let rest = [title, "term".to_owned(), start, end, String::new(), year];
        self.sessions.row(&row(id, rest))
    }

    /// Writes what was named and is not in the roster.
    fn finish(mut self, files: &mut BTreeMap<String, u64>) -> Result<(), ExportError> {
        let missing = |named: &Named| -> Vec<(String, String)> {
            let missing = named.missing();
            missing.map(|(id, title)| (id.to_owned(), title)).collect()
        };
        for (id, title) in missing(&self.school) {
            self.put_school(&id, title, String::new())?;
        }
        for (id, title) in missing(&self.course) {
            self.put_course(&id, title, String::new())?;
        }
        for (id, title) in missing(&self.term) {
            self.put_term(&id, title, (None, None))?;
        }
        self.orgs.finish(files)?;
        self.courses.finish(files)?;
        self.sessions.finish(files)
    }
}

/// Clever's role in `OneRoster`'s words.
fn role_of(role: &str) -> &'static str {
    match role {
        "student" => "student",
        "teacher" => "teacher",
        "contact" => "guardian",
        "district_admin" => "districtAdministrator",
        _ => "aide",
    }
}

/// What stands for a name that there is not.
const NO_NAME: &str = "-";

/// Given and family name, of which `OneRoster` requires both. Most contacts have their whole name in the family name: its
/// first word is taken. One word stays where it is.
fn names(given: &str, family: &str) -> (String, String) {
    let (given, family) = (given.trim(), family.trim());
    let (given, family) = match (given, family, family.split_once(' ')) {
        ("", _, Some((word, rest))) => (word, rest.trim()),
        _ => (given, family),
    };
    let or_none = |name: &str| first([name.to_owned(), NO_NAME.to_owned()]);
    (or_none(given), or_none(family))
}

async fn people<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
    organisation: &mut Organisation,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), ExportError> {
    let mut users = table(set, "users.csv", &USERS)?;
    let mut roles = table(set, "roles.csv", &ROLES)?;
    let mut after = String::new();
    loop {
        let some = reader.some(RecordKind::Users, &after).await?;
        let Some((last, _)) = some.last() else { break };
        after.clone_from(last);
        let ids: Vec<&str> = some.iter().map(|(id, _)| id.as_str()).collect();
        let contacts = reader.contacts(&ids).await?;
        for (id, user) in &some {
            let empty = serde_json::Map::new();
            let held = user["roles"].as_object().unwrap_or(&empty);
            let any = |place: &str| {
                held.values()
                    .map(|role| text(role, place))
                    .find(|text| !text.is_empty())
                    .unwrap_or_default()
            };
            let agents: Vec<&str> = contacts
                .get(id)
                .into_iter()
                .flatten()
                .map(|contact| contact.id.as_str())
                .collect();
            let (given, family) = names(&text(user, "/name/first"), &text(user, "/name/last"));
            let username = first([
                any("/credentials/district_username"),
                text(user, "/email"),
                id.clone(),
            ]);
            let rest = [
                "true".to_owned(),
                username,
                format!("{{Clever:{id}}}"),
                given,
                family,
                text(user, "/name/middle"),
                first([any("/sis_id"), any("/staff_id")]),
                text(user, "/email"),
                String::new(),
                any("/phone"),
                agents.join(","),
                grade(&any("/grade")),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                match any("/school").as_str() {
                    "" => String::new(),
                    school => organisation.school.id(school),
                },
                String::new(),
            ];
            users.row(&row(id, rest))?;
            let mut first_role = true;
            for (name, role) in held.iter().filter(|(_, role)| role.is_object()) {
                let mut orgs = columns::ids(role, "/schools");
                if let Some(school) = role["school"]
                    .as_str()
                    .filter(|school| !orgs.contains(school))
                {
                    orgs.insert(0, school);
                }
                let mut orgs: Vec<String> = orgs
                    .into_iter()
                    .map(|school| organisation.school.id(school))
                    .collect();
                if orgs.is_empty() {
                    orgs.push(organisation.district.clone());
                }
                let mut written = BTreeSet::new();
                for org in orgs {
                    if !written.insert(org.clone()) {
                        continue;
                    }
                    let kind = if first_role { "primary" } else { "secondary" };
                    first_role = false;
                    let rest = [
                        id.clone(),
                        kind.to_owned(),
                        role_of(name).to_owned(),
                        String::new(),
                        String::new(),
                        org.clone(),
                        String::new(),
                    ];
                    roles.row(&row(&format!("{id}-{name}-{org}"), rest))?;
                }
            }
        }
    }
    users.finish(files)?;
    roles.finish(files)
}

async fn classes<B: RosterDb>(
    reader: &mut Reader<'_, B>,
    set: &mut FileSet,
    organisation: &mut Organisation,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), ExportError> {
    let mut classes = table(set, "classes.csv", &CLASSES)?;
    let mut enrollments = table(set, "enrollments.csv", &ENROLLMENTS)?;
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
        let teachers = reader.own_ids("teacher", &teaching).await?;
        let students = reader.own_ids("student", &named("/students")).await?;
        for (id, section) in &some {
            let school = organisation.school.id(&text(section, "/school"));
            let course = text(section, "/course");
            let code = first([text(section, "/section_number"), text(section, "/sis_id")]);
            let of_course = organisation.course_names.get(&course).cloned();
            let subjects = list(&text(section, "/subject"));
            let rest = [
                first([
                    text(section, "/name"),
                    of_course.unwrap_or_default(),
                    code.clone(),
                    id.clone(),
                ]),
                grade(&text(section, "/grade")),
                organisation.course.id(&course),
                code,
                "scheduled".to_owned(),
                String::new(),
                school.clone(),
                organisation.term.id(&text(section, "/term_id")),
                subjects.clone(),
                subjects,
                list(&text(section, "/period")),
            ];
            classes.row(&row(id, rest))?;
            let primary = section["teacher"].as_str().filter(|id| !id.is_empty());
            let mut of_section = columns::ids(section, "/teachers");
            of_section.extend(primary);
            let teaching = distinct(of_section)
                .into_iter()
                .filter(|id| teachers.contains_key(*id))
                .map(|id| {
                    (
                        id,
                        "teacher",
                        if primary == Some(id) { "true" } else { "false" },
                    )
                });
            let learning = distinct(columns::ids(section, "/students"))
                .into_iter()
                .filter(|id| students.contains_key(*id))
                .map(|id| (id, "student", "false"));
            for (person, role, primary) in teaching.chain(learning) {
                let rest = [
                    id.clone(),
                    school.clone(),
                    person.to_owned(),
                    role.to_owned(),
                    primary.to_owned(),
                    String::new(),
                    String::new(),
                ];
                enrollments.row(&row(&format!("{id}-{person}-{role}"), rest))?;
            }
        }
    }
    classes.finish(files)?;
    enrollments.finish(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_are_written_in_the_words_of_ceds() {
        let words = ["Kindergarten", "1", "12", "PostGraduate", "Mars"].map(grade);
        assert_eq!(words, ["KG", "01", "12", "PS", "Mars"]);
        assert_eq!(role_of("contact"), "guardian");
    }

    #[test]
    fn a_whole_name_is_taken_apart_and_nothing_else() {
        let of = |given: &str, family: &str| {
            let (given, family) = names(given, family);
            format!("{given}|{family}")
        };
        assert_eq!(of("", "Kim Lee Garcia"), "Kim|Lee Garcia");
        assert_eq!(of("Ana", "de la Cruz"), "Ana|de la Cruz");
        assert_eq!(of("", "Lee"), "-|Lee");
        assert_eq!(of("Ana", ""), "Ana|-");
        assert_eq!(of(" ", "  "), "-|-");
    }

    #[test]
    fn field_08_lists_have_no_empty_parts() {
        assert_eq!(list("1, 2,,"), "1,2");
        assert_eq!(list(""), "");
    }
}
