//! Syncs of a made-up district against two yardsticks of the same run: reading and splitting its pages, and a
//! naive loader that decodes all of them into their models and upserts all of them. `cargo xtask bench sync -- --students 100000`.
//!
//! Pages lie in files, so that what is measured is the sync and not a network. CLEVER_TEST_POSTGRES, where it
//! is set, names a server whose figures are added.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints its report"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clever_model::RecordKind;
use clever_model::clock::ManualClock;
use clever_raw::page::RawPage;
use clever_raw::v3_1::types::{Section, User};
use clever_sync::{
    AnyStore, RosterSource, RunPath, SyncOptions, SyncPolicy, SyncReport, Way, sync,
};
use futures_core::Stream;
use futures_util::StreamExt;
use rusqlite::{Connection, params};
use tempfile::TempDir;

/// Records a page.
const PAGE: usize = 5000;
/// Students of a section.
const PLACES: usize = 30;

/// A district whose pages lie in a folder.
struct District {
    folder: PathBuf,
    newest: Option<String>,
}

fn id(kind: u8, number: usize) -> String {
    format!("5a25ffb0{kind:02x}{number:014x}")
}

fn user(number: usize, edition: u32) -> String {
    let id = id(1, number);
    format!(
        r#"{{"id":"{id}","district":"5a25ffb00000000000000000","email":"student{number}@example.org","created":"2026-08-01T00:00:00.000Z","last_modified":"2026-09-0{edition}T00:00:00.000Z","name":{{"first":"First{number}","middle":"M","last":"Last{number}v{edition}"}},"roles":{{"student":{{"dob":"2014-05-17T00:00:00.000Z","ell_status":"N","email":"student{number}@example.org","gender":"F","grade":"{grade}","graduation_year":"2032","hispanic_ethnicity":"N","home_language":"English","iep_status":"N","location":{{"address":"{number} Main Street","city":"Springfield","lat":"","lon":"","state":"NY","zip":"10001"}},"race":"Two or More Races","school":"{school}","schools":["{school}"],"sis_id":"{number}","state_id":"{number}9","student_number":"{number}","credentials":{{"district_username":"s{number}"}}}}}}}}"#,
        grade = number % 12 + 1,
        school = self::id(3, number % 50),
    )
}

fn section(number: usize, students: usize, edition: u32) -> String {
    let mut places = String::new();
    for at in 0..PLACES {
        let student = (number * PLACES + at) % students;
        let _ = write!(
            places,
            "{}\"{}\"",
            if at > 0 { "," } else { "" },
            id(1, student)
        );
    }
    let teacher = id(1, number % students);
    format!(
        r#"{{"id":"{}","district":"5a25ffb00000000000000000","name":"Section {number} v{edition}","school":"{}","subject":"math","grade":"7","period":"2","sis_id":"S{number}","teacher":"{teacher}","teachers":["{teacher}"],"students":[{places}]}}"#,
        id(2, number),
        id(3, number % 50)
    )
}

fn page(records: &[String]) -> String {
    let elements: Vec<String> = records
        .iter()
        .map(|record| format!(r#"{{"data":{record}}}"#))
        .collect();
    format!(r#"{{"data":[{}],"links":[]}}"#, elements.join(","))
}

/// Writes a list's pages.
fn put(folder: &Path, list: &str, records: &[String]) {
    for (at, records) in records.chunks(PAGE).enumerate() {
        fs::write(folder.join(format!("{list}-{at:06}.json")), page(records)).unwrap();
    }
}

/// Writes the district's pages; of each hundred records, `changed` have edition 2. Five sections a student of
/// thirty places each give five places a student.
fn write(folder: &Path, students: usize, changed: usize) -> usize {
    fs::create_dir_all(folder).unwrap();
    let edition = |number: usize| if number % 100 < changed { 2 } else { 1 };
    let sections = students * 5 / PLACES;
    let users: Vec<String> = (0..students)
        .map(|number| user(number, edition(number)))
        .collect();
    put(folder, "users", &users);
    drop(users);
    let sections: Vec<String> = (0..sections)
        .map(|number| section(number, students, edition(number)))
        .collect();
    put(folder, "sections", &sections);
    students + sections.len()
}

impl District {
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

    fn read(&self, list: &str) -> impl Stream<Item = Result<RawPage, std::io::Error>> {
        futures_util::stream::iter(self.files(list))
            .map(|path| Ok(RawPage::split(fs::read(path)?.into()).unwrap()))
    }
}

impl RosterSource for District {
    type Error = std::io::Error;

    async fn district(&self) -> Result<RawPage, std::io::Error> {
        let record =
            r#"{"id":"5a25ffb00000000000000000","name":"D","state":"running","last_sync":"1"}"#;
        Ok(RawPage::split(page(&[record.to_owned()]).into()).unwrap())
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, std::io::Error>> {
        self.read(kind.as_str())
    }

    fn events(&self, _: &str) -> impl Stream<Item = Result<RawPage, std::io::Error>> {
        self.read("events")
    }

    async fn newest_event(&self) -> Result<Option<String>, std::io::Error> {
        Ok(self.newest.clone())
    }

    async fn oldest_event(&self) -> Result<Option<String>, std::io::Error> {
        Ok(self.newest.clone())
    }
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// The largest memory of this process so far, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

/// Runs a step, prints its line, and gives its CPU seconds and its result.
async fn measure<T>(name: &str, records: usize, step: impl Future<Output = T>) -> (f64, T) {
    let (wall, before) = (Instant::now(), cpu());
    let result = step.await;
    let (wall, spent) = (wall.elapsed().as_secs_f64(), cpu() - before);
    println!(
        "| {name} | {wall:.2} | {spent:.2} | {:.2} | {} |",
        spent * 1e6 / records as f64,
        peak()
    );
    (spent, result)
}

async fn run(district: &District, store: &mut AnyStore, way: Way) -> SyncReport {
    let policy = SyncPolicy {
        max_updated_percent: 100,
        ..SyncPolicy::default()
    };
    let options = SyncOptions {
        way,
        ..SyncOptions::default()
    };
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    sync(district, store, &policy, &options, &clock, &())
        .await
        .unwrap()
}

async fn split(district: &District) -> usize {
    let mut records = 0;
    for list in ["users", "sections"] {
        let mut pages = std::pin::pin!(district.read(list));
        while let Some(page) = pages.next().await {
            records += page.unwrap().len();
        }
    }
    records
}

/// What most loaders do: decode every record into its model, and upsert all of it into the tables that an app
/// reads (users, roles, sections, places). No feed of changes, no state, no findings, no way back.
async fn naive(district: &District, path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
             CREATE TABLE IF NOT EXISTS users (key INTEGER PRIMARY KEY, id TEXT UNIQUE, first TEXT, middle TEXT, last TEXT,
                 email TEXT, record TEXT, seen_at TEXT);
             CREATE TABLE IF NOT EXISTS user_roles (user_id TEXT, role TEXT, school_id TEXT, sis_id TEXT, number TEXT,
                 state_id TEXT, username TEXT, PRIMARY KEY (user_id, role)) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS sections (key INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT, school_id TEXT,
                 course_id TEXT, teacher_id TEXT, sis_id TEXT, record TEXT, seen_at TEXT);
             CREATE TABLE IF NOT EXISTS places (section TEXT, student TEXT, PRIMARY KEY (section, student)) WITHOUT ROWID;",
        )
        .unwrap();
    let transaction = connection.transaction().unwrap();
    let now = "2026-09-14T12:00:00Z";
    let mut pages = std::pin::pin!(district.read("users"));
    while let Some(page) = pages.next().await {
        for record in page.unwrap().records() {
            let user: User = serde_json::from_str(record.json).unwrap();
            let name = user.name.unwrap();
            let mut upsert = transaction
                .prepare_cached(
                    "INSERT INTO users (id, first, middle, last, email, record, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (id) DO UPDATE SET first = excluded.first, middle = excluded.middle, last = excluded.last,
                     email = excluded.email, record = excluded.record, seen_at = excluded.seen_at",
                )
                .unwrap();
            upsert
                .execute(params![
                    record.id,
                    name.first,
                    name.middle,
                    name.last,
                    user.email,
                    record.json,
                    now
                ])
                .unwrap();
            let student = user.roles.unwrap().student.unwrap();
            let mut upsert = transaction
                .prepare_cached(
                    "INSERT INTO user_roles VALUES (?1, 'student', ?2, ?3, ?4, ?5, ?6) ON CONFLICT (user_id, role) DO UPDATE
                     SET school_id = excluded.school_id, sis_id = excluded.sis_id, number = excluded.number,
                     state_id = excluded.state_id, username = excluded.username",
                )
                .unwrap();
            let username = student.credentials.and_then(|all| all.district_username);
            upsert
                .execute(params![
                    record.id,
                    student.school,
                    student.sis_id,
                    student.student_number,
                    student.state_id,
                    username
                ])
                .unwrap();
        }
    }
    let mut pages = std::pin::pin!(district.read("sections"));
    while let Some(page) = pages.next().await {
        for record in page.unwrap().records() {
            let section: Section = serde_json::from_str(record.json).unwrap();
            let mut upsert = transaction
                .prepare_cached(
                    "INSERT INTO sections (id, name, school_id, course_id, teacher_id, sis_id, record, seen_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET name = excluded.name,
                     school_id = excluded.school_id, course_id = excluded.course_id, teacher_id = excluded.teacher_id,
                     sis_id = excluded.sis_id, record = excluded.record, seen_at = excluded.seen_at",
                )
                .unwrap();
            upsert
                .execute(params![
                    record.id,
                    section.name,
                    section.school,
                    section.course,
                    section.teacher,
                    section.sis_id,
                    record.json,
                    now
                ])
                .unwrap();
            let mut place = transaction
                .prepare_cached("INSERT INTO places VALUES (?1, ?2) ON CONFLICT DO NOTHING")
                .unwrap();
            for student in section.students.into_iter().flatten() {
                place.execute(params![record.id, student]).unwrap();
            }
        }
    }
    transaction.commit().unwrap();
}

fn write_events(folder: &Path, count: usize) {
    let records: Vec<String> = (0..count)
        .map(|number| {
            let record = user(number, 5);
            format!(
                r#"{{"type":"users.updated","id":"{}","created":"2026-09-14T12:00:00.000Z","data":{{"object":{record}}}}}"#,
                id(9, number + 1)
            )
        })
        .collect();
    put(folder, "events", &records);
}

async fn store_figures(
    name: &str,
    url: &str,
    folder: &Path,
    students: usize,
    split: f64,
) -> [f64; 3] {
    let records = students + students * 5 / PLACES;
    let district = |edition: &str| District {
        folder: folder.join(edition),
        newest: Some(id(9, 0)),
    };
    let mut store = AnyStore::open_url(url, true).await.unwrap();
    let (first, _) = measure(
        &format!("{name}: first load"),
        records,
        run(&district("old"), &mut store, Way::Snapshot),
    )
    .await;
    let (same, report) = measure(
        &format!("{name}: nothing changed"),
        records,
        run(&district("old"), &mut store, Way::Snapshot),
    )
    .await;
    assert!(report.is_unchanged());
    let (few, report) = measure(
        &format!("{name}: 1 % changed"),
        records,
        run(&district("new"), &mut store, Way::Snapshot),
    )
    .await;
    assert!(report.kinds[&RecordKind::Users].updated >= students as u64 / 100);
    let events = 10_000.min(students);
    write_events(&folder.join("new"), events);
    let (_, report) = measure(
        &format!("{name}: {events} events"),
        events,
        run(&district("new"), &mut store, Way::Events),
    )
    .await;
    assert_eq!(report.path, RunPath::Events);
    assert_eq!(report.kinds[&RecordKind::Users].updated, events as u64);
    println!(
        "| {name}, ratios | nothing changed : split {:.1} | 1 % : nothing changed {:.1} | | |",
        same / split,
        few / same
    );
    [first, same, few]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let students = args
        .windows(2)
        .find(|two| two[0] == "--students")
        .map_or(100_000, |two| two[1].parse().unwrap());
    let folder = TempDir::new().unwrap();
    write(&folder.path().join("old"), students, 0);
    let records = write(&folder.path().join("new"), students, 1);
    let old = District {
        folder: folder.path().join("old"),
        newest: None,
    };
    println!(
        "{students} students, {records} records, {} places",
        records.saturating_sub(students) * PLACES
    );
    println!("| Step | s | CPU s | CPU µs a record | peak MiB |\n| --- | --: | --: | --: | --: |");
    let (split, read) = measure("read and split", records, split(&old)).await;
    assert_eq!(read, records);
    let url = format!("sqlite:{}", folder.path().join("a.db").display());
    let [first, same, _] = store_figures("SQLite", &url, folder.path(), students, split).await;
    if let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") {
        let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let name = format!("bench_{}", std::process::id());
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        // The server's own CPU is not counted.
        store_figures("PostgreSQL", &url, folder.path(), students, split).await;
        client
            .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await
            .unwrap();
    }
    let path = folder.path().join("naive.db");
    let (naive_first, ()) = measure("SQLite, naive: first load", records, naive(&old, &path)).await;
    let (naive_same, ()) = measure(
        "SQLite, naive: nothing changed",
        records,
        naive(&old, &path),
    )
    .await;
    println!(
        "| SQLite against naive | first load {:.1} | nothing changed 1 : {:.1} | | |",
        first / naive_first,
        naive_same / same
    );
}
