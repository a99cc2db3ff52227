//! `OneRoster` 1.2, CSV binding, all files in bulk, in one zip. Clever's ids are the sourced ids; the district's
//! own are identifiers. A school, course or term that is named and not in the roster has a row that says so; a class
//! without one leads to a row that stands for none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use clever_model::RecordKind;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::columns;
use crate::export::named::{Named, span};
use crate::export::{ExportError, Reader, Table, first, text};
use crate::store::sql::Backend;

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
const USERS: [&str; 23] = [
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
    "resourceSourcedIds",
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

pub(super) async fn write<B: Backend>(
    reader: &mut Reader<'_, B>,
    folder: &Path,
) -> Result<BTreeMap<String, u64>, ExportError> {
    let parts = folder.join("oneroster.parts");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::File { path, source }
    };
    fs::create_dir_all(&parts).map_err(failed(&parts))?;
    let mut files = BTreeMap::new();
    let district = reader.district_id.to_owned();
    let mut organisation = Organisation::create(reader, &parts, &district).await?;
    people(reader, &parts, &mut organisation, &mut files).await?;
    classes(reader, &parts, &mut organisation, &mut files).await?;
    organisation.finish(&mut files)?;
    manifest(&parts, &mut files)?;
    let path = folder.join("oneroster.zip");
    pack(&parts, &path, &files).map_err(failed(&path))?;
    fs::remove_dir_all(&parts).map_err(failed(&parts))?;
    Ok(files)
}

fn manifest(parts: &Path, files: &mut BTreeMap<String, u64>) -> Result<(), ExportError> {
    let mut table = Table::create(parts.join("manifest.csv"), &["propertyName", "value"])?;
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

fn pack(parts: &Path, path: &Path, files: &BTreeMap<String, u64>) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut zip = ZipWriter::new(options.open(path)?);
    let stored = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true);
    for name in files.keys() {
        zip.start_file(name.as_str(), stored)
            .map_err(io::Error::other)?;
        io::copy(&mut File::open(parts.join(name))?, &mut zip)?;
    }
    zip.finish().map_err(io::Error::other)?.flush()
}

/// Bulk files leave status and date empty.
fn row(id: &str, rest: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut row = vec![id.to_owned(), String::new(), String::new()];
    row.extend(rest);
    row
}

fn day(date: &str) -> String {
    date.get(..10).unwrap_or_default().to_owned()
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
    /// First and last day of the school year.
    span: (String, String),
}

impl Organisation {
    /// Writes what is in the roster.
    async fn create<B: Backend>(
        reader: &mut Reader<'_, B>,
        parts: &Path,
        district: &str,
    ) -> Result<Self, ExportError> {
        let districts = reader.all(RecordKind::Districts).await?;
        let schools = reader.all(RecordKind::Schools).await?;
        let courses = reader.all(RecordKind::Courses).await?;
        let terms: Vec<(String, [String; 3])> = reader
            .all(RecordKind::Terms)
            .await?
            .into_iter()
            .map(|(id, term)| {
                let dates = ["/start_date", "/end_date"].map(|place| day(&text(&term, place)));
                let [start, end] = dates;
                (id, [text(&term, "/name"), start, end])
            })
            .collect();
        let dates = terms
            .iter()
            .map(|(_, [_, start, end])| (start.as_str(), end.as_str()));
        let mut all = Self {
            district: district.to_owned(),
            orgs: Table::create(parts.join("orgs.csv"), &ORGS)?,
            courses: Table::create(parts.join("courses.csv"), &COURSES)?,
            sessions: Table::create(parts.join("academicSessions.csv"), &SESSIONS)?,
            school: Named::new(district, "school", schools.keys()),
            course: Named::new(district, "course", courses.keys()),
            term: Named::new(district, "term", terms.iter().map(|(id, _)| id)),
            span: span(dates, &reader.last_run().await?),
        };
        for (id, record) in &districts {
            let rest = [
                text(record, "/name"),
                "district".to_owned(),
                text(record, "/nces_id"),
                String::new(),
            ];
            all.orgs.row(&row(id, rest))?;
        }
        for (id, record) in &schools {
            let own = first([text(record, "/sis_id"), text(record, "/school_number")]);
            all.put_school(id, text(record, "/name"), own)?;
        }
        for (id, record) in &courses {
            all.put_course(id, text(record, "/name"), text(record, "/number"))?;
        }
        for (id, [name, start, end]) in terms {
            all.put_term(&id, name, start, end)?;
        }
        Ok(all)
    }

    fn put_school(&mut self, id: &str, name: String, own: String) -> Result<(), ExportError> {
        let rest = [name, "school".to_owned(), own, self.district.clone()];
        self.orgs.row(&row(id, rest))
    }

    fn put_course(&mut self, id: &str, title: String, code: String) -> Result<(), ExportError> {
        let rest = [
            String::new(),
            title,
            code,
            String::new(),
            self.district.clone(),
            String::new(),
            String::new(),
        ];
        self.courses.row(&row(id, rest))
    }

    /// A term without a first or last day has that of the school year.
    fn put_term(
        &mut self,
        id: &str,
        title: String,
        start: String,
        end: String,
    ) -> Result<(), ExportError> {
        let start = first([start, self.span.0.clone()]);
        let end = first([end, self.span.1.clone()]);
        let year = end.get(..4).unwrap_or_default().to_owned();
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
            self.put_term(&id, title, String::new(), String::new())?;
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

/// Given and family name. `OneRoster` requires both; most contacts have their whole name in the last one, of which
/// the first word is taken. One word stays where it is.
fn names(given: String, family: String) -> (String, String) {
    match family.trim().split_once(' ') {
        Some((word, rest)) if given.is_empty() => (word.to_owned(), rest.trim().to_owned()),
        _ => (given, family),
    }
}

async fn people<B: Backend>(
    reader: &mut Reader<'_, B>,
    parts: &Path,
    organisation: &mut Organisation,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), ExportError> {
    let mut users = Table::create(parts.join("users.csv"), &USERS)?;
    let mut roles = Table::create(parts.join("roles.csv"), &ROLES)?;
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
            let (given, family) = names(text(user, "/name/first"), text(user, "/name/last"));
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

async fn classes<B: Backend>(
    reader: &mut Reader<'_, B>,
    parts: &Path,
    organisation: &mut Organisation,
    files: &mut BTreeMap<String, u64>,
) -> Result<(), ExportError> {
    let mut classes = Table::create(parts.join("classes.csv"), &CLASSES)?;
    let mut enrollments = Table::create(parts.join("enrollments.csv"), &ENROLLMENTS)?;
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
            let rest = [
                text(section, "/name"),
                grade(&text(section, "/grade")),
                organisation.course.id(&text(section, "/course")),
                first([text(section, "/section_number"), text(section, "/sis_id")]),
                "scheduled".to_owned(),
                String::new(),
                school.clone(),
                organisation.term.id(&text(section, "/term_id")),
                text(section, "/subject"),
                String::new(),
                text(section, "/period"),
            ];
            classes.row(&row(id, rest))?;
            let primary = section["teacher"].as_str().filter(|id| !id.is_empty());
            let mut of_section = columns::ids(section, "/teachers");
            of_section.extend(primary.filter(|id| !of_section.contains(id)));
            let teaching = of_section
                .into_iter()
                .filter(|id| teachers.contains_key(*id))
                .map(|id| {
                    (
                        id,
                        "teacher",
                        if primary == Some(id) { "true" } else { "false" },
                    )
                });
            let learning = columns::ids(section, "/students")
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
            let (given, family) = names(given.to_owned(), family.to_owned());
            format!("{given}|{family}")
        };
        assert_eq!(of("", "Kim Lee Garcia"), "Kim|Lee Garcia");
        assert_eq!(of("Ana", "de la Cruz"), "Ana|de la Cruz");
        assert_eq!(of("", "Lee"), "|Lee");
        assert_eq!(of("Ana", ""), "Ana|");
    }
}
