//! A made-up district of any size, in the shape of a large one: for each 100 students 8 teachers, 100 contacts and
//! 30 sections of 33 places. Its pages lie in files; the same numbers give the same bytes.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clever_model::RecordKind;
use clever_raw::page::RawPage;
use clever_sync::{End, RosterSource};
use futures_core::Stream;
use futures_util::StreamExt;

/// Records a page.
const PAGE: usize = 10_000;
/// Students of a section.
const PLACES: usize = 33;
/// Users come in blocks of so many students, teachers and contacts.
const BLOCK: [usize; 3] = [25, 2, 25];

const ID: &str = "5a25ffb00000000000000000";

/// Which edition of the district is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edition {
    Old,
    /// Of each hundred records about one differs: nine of ten of those are updated, the others gone or new.
    New,
}

/// How many there are of each.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) students: usize,
    schools: usize,
    courses: usize,
    pub(crate) sections: usize,
    users: usize,
}

impl Sizes {
    pub(crate) fn of(students: usize) -> Self {
        // Whole blocks.
        let blocks = students.div_ceil(BLOCK[0]);
        Self {
            students: blocks * BLOCK[0],
            schools: (students * 18 / 10_000).max(1),
            courses: (students / 1000).max(5),
            sections: students * 3 / 10,
            users: blocks * BLOCK.iter().sum::<usize>(),
        }
    }

    /// All records of the old edition.
    pub(crate) fn records(&self) -> usize {
        1 + self.schools + 2 + self.courses + self.users + self.sections
    }

    /// Places of students in sections.
    pub(crate) fn places(&self) -> usize {
        self.sections * PLACES.min(self.students)
    }
}

/// A fixed scattering of numbers.
fn mix(number: usize) -> u64 {
    let mut x = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Ids look like Clever's: a time, then what nobody can guess; they ascend with the number.
fn id(kind: u8, number: usize) -> String {
    format!(
        "{:08x}{:02x}{:014x}",
        0x5a00_0000 + (usize::from(kind) << 20) + number / 7,
        number % 7,
        mix(number) & 0x00ff_ffff_ffff_ffff
    )
}

fn user_id(number: usize) -> String {
    id(4, number)
}

/// The number among users of the student with this number among students.
fn student(number: usize) -> usize {
    number / BLOCK[0] * BLOCK.iter().sum::<usize>() + number % BLOCK[0]
}

fn teacher(number: usize) -> usize {
    number / BLOCK[1] * BLOCK.iter().sum::<usize>() + BLOCK[0] + number % BLOCK[1]
}

fn user(sizes: Sizes, number: usize, edition: u32) -> String {
    let whole: usize = BLOCK.iter().sum();
    let (block, at) = (number / whole, number % whole);
    let id = user_id(number);
    let school = self::id(1, mix(block) as usize % sizes.schools);
    let head = format!(
        r#"{{"created":"2026-08-01T00:00:00.000Z","district":"{ID}","email":"person{number}@example.org","last_modified":"2026-09-0{edition}T00:00:00.000Z","name":{{"first":"First{number}","last":"Last{number}v{edition}","middle":"M"}},"id":"{id}","roles":"#
    );
    let role = if at < BLOCK[0] {
        let student = block * BLOCK[0] + at;
        format!(
            r#"{{"student":{{"created":"2026-08-01T00:00:00.000Z","credentials":{{"district_username":"s{student}"}},"dob":"2014-05-17T00:00:00.000Z","ell_status":"N","email":"person{number}@example.org","enrollments":[{{"end_date":"2027-06-30","school":"{school}","start_date":"2026-08-31"}}],"frl_status":"Free","gender":"F","gifted_status":"N","grade":"{grade}","graduation_year":"2032","hispanic_ethnicity":"N","home_language":"English","home_language_code":"eng","iep_status":"N","last_modified":"2026-09-01T00:00:00.000Z","legacy_id":"{legacy}","location":{{"address":"{student} Main Street","city":"Springfield","lat":"40.7{at:02}","lon":"-73.9{at:02}","state":"NY","zip":"10001"}},"preferred_name":{{"first":"","last":"","middle":""}},"race":"Two or More Races","school":"{school}","schools":["{school}"],"section_504_status":"N","sis_id":"{student:09}","state_id":"{student}9","student_number":"{student}","unweighted_gpa":"","weighted_gpa":""}}}}"#,
            grade = student % 12 + 1,
            legacy = self::id(9, number),
        )
    } else if at < BLOCK[0] + BLOCK[1] {
        format!(
            r#"{{"teacher":{{"credentials":{{"district_username":"t{number}"}},"legacy_id":"{legacy}","school":"{school}","schools":["{school}"],"sis_id":"T{number}","state_id":"{number}7","teacher_number":"{number}","title":"Teacher of Grade {grade}"}}}}"#,
            grade = at % 12 + 1,
            legacy = self::id(9, number),
        )
    } else {
        let child = student(block * BLOCK[0] + at - BLOCK[0] - BLOCK[1]);
        format!(
            r#"{{"contact":{{"legacy_id":"{legacy}","phone":"555-{number:07}","phone_type":"Cell","sis_id":"C{number}","student_relationships":[{{"relationship":"Mother","student":"{child}","type":"Parent/Guardian"}}]}}}}"#,
            child = user_id(child),
            legacy = self::id(9, number),
        )
    };
    head + &role + "}"
}

fn section(sizes: Sizes, number: usize, edition: u32) -> String {
    let mut places = String::new();
    let stride = (sizes.students / PLACES).max(1);
    let start = mix(number) as usize % sizes.students;
    for at in 0..PLACES.min(sizes.students) {
        // A new edition has one other student.
        let moved = usize::from(edition > 1 && at == 0);
        let student = student((start + at * stride + moved) % sizes.students);
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(places, "{comma}\"{}\"", user_id(student));
    }
    let teachers = (sizes.students / BLOCK[0] * BLOCK[1]).max(1);
    let teacher = user_id(teacher(mix(number + 1) as usize % teachers));
    format!(
        r#"{{"course":"{course}","created":"2026-08-01T00:00:00.000Z","district":"{ID}","ext":{{}},"grade":"7","last_modified":"2026-09-0{edition}T00:00:00.000Z","name":"Section {number}","period":"2","school":"{school}","section_number":"{number}","sis_id":"S{number}","students":[{places}],"subject":"math","teacher":"{teacher}","teachers":["{teacher}"],"term_id":"{term}","id":"{id}"}}"#,
        id = id(6, number),
        course = id(3, number % sizes.courses),
        term = id(2, number % 2),
        school = id(1, number % sizes.schools),
    )
}

/// A list's pages, written one after the other.
struct Pages {
    folder: PathBuf,
    list: &'static str,
    elements: Vec<String>,
    number: usize,
}

impl Pages {
    fn push(&mut self, record: &str) {
        let uri = format!(
            "/v3.1/{}/{}",
            self.list,
            record.rsplit('"').nth(1).unwrap_or_default()
        );
        self.elements
            .push(format!(r#"{{"data":{record},"uri":"{uri}"}}"#));
        if self.elements.len() == PAGE {
            self.write();
        }
    }

    fn write(&mut self) {
        let path = self
            .folder
            .join(format!("{}-{:06}.json", self.list, self.number));
        let mut file = BufWriter::new(File::create(path).unwrap());
        let elements = std::mem::take(&mut self.elements).join(",");
        write!(file, r#"{{"data":[{elements}],"links":[]}}"#).unwrap();
        file.flush().unwrap();
        self.number += 1;
    }
}

fn list(folder: &Path, list: &'static str, records: impl Iterator<Item = String>) {
    let mut pages = Pages {
        folder: folder.to_owned(),
        list,
        elements: Vec::new(),
        number: 0,
    };
    records.for_each(|record| pages.push(&record));
    if !pages.elements.is_empty() {
        pages.write();
    }
}

/// The editions of the records with these numbers: none is gone, two are a new one beside it.
fn editions(edition: Edition, count: usize) -> impl Iterator<Item = (usize, u32)> {
    (0..count).filter_map(
        move |number| match (edition, mix(number.wrapping_mul(31) + 7) % 2000) {
            (Edition::New, 0..18) => Some((number, 2)),
            (Edition::New, 18) => None,
            _ => Some((number, 1)),
        },
    )
}

/// Writes the district's pages.
pub(crate) fn write(folder: &Path, students: usize, edition: Edition) {
    let sizes = Sizes::of(students);
    fs::create_dir_all(folder).unwrap();
    list(
        folder,
        "schools",
        (0..sizes.schools).map(|number| {
            format!(
                r#"{{"district":"{ID}","name":"School {number}","school_number":"{number}","sis_id":"{number}","low_grade":"1","high_grade":"12","location":{{"city":"Springfield","state":"NY","zip":"10001"}},"id":"{}"}}"#,
                id(1, number)
            )
        }),
    );
    list(
        folder,
        "terms",
        (0..2).map(|number| {
            format!(
                r#"{{"district":"{ID}","name":"Term {number}","start_date":"2026-08-31","end_date":"2027-06-30","id":"{}"}}"#,
                id(2, number)
            )
        }),
    );
    list(
        folder,
        "courses",
        (0..sizes.courses).map(|number| {
            format!(
                r#"{{"district":"{ID}","name":"Course {number}","number":"{number}","id":"{}"}}"#,
                id(3, number)
            )
        }),
    );
    list(
        folder,
        "users",
        editions(edition, sizes.users).map(|(number, edition)| user(sizes, number, edition)),
    );
    // Some that were not there: after all others, as new records are.
    let more = match edition {
        Edition::Old => 0,
        Edition::New => sizes.sections / 2000,
    };
    list(
        folder,
        "sections",
        editions(edition, sizes.sections)
            .map(|(number, edition)| section(sizes, number, edition))
            .chain((sizes.sections..sizes.sections + more).map(|number| section(sizes, number, 1))),
    );
}

/// Writes a feed of events: `count` users say something else.
pub(crate) fn write_events(folder: &Path, students: usize, count: usize) {
    fs::create_dir_all(folder).unwrap();
    let sizes = Sizes::of(students);
    let stride = (sizes.users / count).max(1);
    list(
        folder,
        "events",
        (0..count).map(|number| {
            let record = user(sizes, number * stride, 5);
            format!(
                r#"{{"type":"users.updated","created":"2026-09-14T12:00:00.000Z","data":{{"object":{record}}},"id":"{}"}}"#,
                id(10, number + 1)
            )
        }),
    );
}

/// A district whose pages lie in a folder.
pub(crate) struct District {
    folder: PathBuf,
}

impl District {
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn files(&self, list: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with(&format!("{list}-"))
            })
            .collect();
        files.sort();
        files
    }

    pub(crate) fn read(&self, list: &str) -> impl Stream<Item = Result<RawPage, std::io::Error>> {
        futures_util::stream::iter(self.files(list))
            .map(|path| Ok(RawPage::split(fs::read(path)?.into()).unwrap()))
    }
}

impl RosterSource for District {
    type Error = std::io::Error;

    async fn district(&self) -> Result<RawPage, std::io::Error> {
        let record = format!(
            r#"{{"data":[{{"data":{{"id":"{ID}","name":"D","state":"running","last_sync":"1"}}}}]}}"#
        );
        Ok(RawPage::split(record.into()).unwrap())
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, std::io::Error>> {
        self.read(kind.as_str())
    }

    async fn end(&self, kind: RecordKind) -> Result<End, std::io::Error> {
        let Some(path) = self.files(kind.as_str()).pop() else {
            return Ok(End::Empty);
        };
        // What Clever answers to this is a page of one record.
        let bytes = fs::read(path)?;
        let begin = br#"{"data":{"#;
        let at = bytes.windows(begin.len()).rposition(|part| part == begin);
        let page = [br#"{"data":["#, &bytes[at.unwrap()..]].concat();
        let page = RawPage::split(page.into()).unwrap();
        let last = page.records().last().map(|record| record.id.to_owned());
        Ok(last.map_or(End::Empty, End::At))
    }

    fn events(&self, _: &str) -> impl Stream<Item = Result<RawPage, std::io::Error>> {
        self.read("events")
    }

    async fn newest_event(&self) -> Result<Option<String>, std::io::Error> {
        Ok(Some(id(10, 0)))
    }

    async fn oldest_event(&self) -> Result<Option<String>, std::io::Error> {
        Ok(Some(id(10, 0)))
    }
}
