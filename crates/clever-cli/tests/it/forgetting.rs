//! A person who was forgotten is nowhere: not in a table, not in a file of a database, not in the feed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::ground::{Emulator, cleverctl, errors};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// What Zebediah and his mother are known by, besides Clever's ids.
pub(crate) const MARKS: [&str; 6] = [
    "Zebediah",
    "Quillfeather",
    "zeb@quill.example.org",
    "sis-zq-77",
    "Wilhelmina",
    "mina@quill.example.org",
];

/// A CSV set as a district sends it, with Zebediah or without.
pub(crate) fn set(with: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut students =
        "School_id,Student_id,Last_name,First_name,Student_email,Contact_name,Contact_relationship,Contact_sis_id,Contact_email\n"
            .to_owned();
    let mut enrollments = "Student_id,School_id,Section_id\n".to_owned();
    for number in 1..=40 {
        writeln!(
            students,
            "1,s{number},Last{number},First{number},s{number}@x.example.org,Parent Of{number},Parent,c{number},c{number}@x.example.org"
        )
        .unwrap();
        writeln!(enrollments, "s{number},1,x{}", number % 2).unwrap();
    }
    if with {
        students += "1,sis-zq-77,Quillfeather,Zebediah,zeb@quill.example.org,Wilhelmina Quillfeather,Mother,cm,mina@quill.example.org\n";
        enrollments += "sis-zq-77,1,x0\nsis-zq-77,1,x1\n";
    }
    for (name, text) in [
        (
            "schools.csv",
            "School_name,School_id,School_number\nNorth,1,01\n".to_owned(),
        ),
        ("students.csv", students),
        (
            "teachers.csv",
            "School_id,Teacher_id,First_name,Last_name,Teacher_email\n1,t1,Tia,One,tia@x.example.org\n".to_owned(),
        ),
        (
            "sections.csv",
            "School_id,Section_id,Teacher_id,Name\n1,x0,t1,Even\n1,x1,t1,Odd\n".to_owned(),
        ),
        ("enrollments.csv", enrollments),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A Clever that serves a set.
pub(crate) fn serve(set: &TempDir) -> Emulator {
    Emulator::start(&["--csv", set.path().to_str().unwrap()])
}

/// The databases of one story.
pub(crate) struct Scene {
    folder: TempDir,
    store: String,
    accounts: String,
    postgres: Option<String>,
}

impl Scene {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        Self {
            store: at("roster.db"),
            accounts: at("accounts.db"),
            postgres: None,
            folder,
        }
    }

    /// An empty database; none where no server is named.
    pub(crate) async fn postgres(name: &str) -> Option<Self> {
        let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") else {
            eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server");
            return None;
        };
        let name = format!("{name}_{}", std::process::id());
        let (client, connection) = tokio_postgres::connect(&server, NoTls).await.unwrap();
        tokio::spawn(connection);
        for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            client
                .batch_execute(&format!("{sql} {name}"))
                .await
                .unwrap();
        }
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        Some(Self {
            folder: TempDir::new().unwrap(),
            store: url.clone(),
            accounts: url.clone(),
            postgres: Some(url),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, args: &[&str], token: &str) -> Output {
        cleverctl()
            .args(args)
            .env("CLEVER_STORE", &self.store)
            .env("CLEVER_KEY", KEY)
            .env("CLEVER_TOKEN", token)
            .output()
            .unwrap()
    }

    /// Runs a command with `--json`, checks its exit code, and reads its document.
    pub(crate) fn document(&self, args: &[&str], exit: i32) -> Value {
        let output = self.run(&[args, &["--json"]].concat(), "none");
        assert_eq!(
            output.status.code(),
            Some(exit),
            "{args:?} {}",
            errors(&output)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn sync(&self, emulator: &Emulator, exit: i32) -> Value {
        let args = ["sync", "--full", "--json", "--api-url", &emulator.url];
        let output = self.run(&args, &emulator.token);
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Everything that lies in the databases: the bytes of the files, or each row of each table as text.
    async fn everything(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        files(self.folder.path(), &mut all);
        if let Some(url) = &self.postgres {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            let sql =
                "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
                 WHERE table_schema NOT IN ('pg_catalog', 'information_schema')";
            let tables = client.query(sql, &[]).await.unwrap();
            assert!(tables.len() > 20);
            for table in tables {
                let table: String = table.get(0);
                let rows = client
                    .query(&format!("SELECT t::text FROM {table} t"), &[])
                    .await
                    .unwrap();
                let rows = rows.iter().map(|row| row.get::<_, String>(0));
                all.push((table, rows.collect::<Vec<_>>().join("\n").into_bytes()));
            }
        }
        all
    }

    /// Where one of these marks is.
    pub(crate) async fn places(&self, marks: &[&str]) -> Vec<String> {
        let mut places = Vec::new();
        for (place, bytes) in self.everything().await {
            for mark in marks {
                if bytes
                    .windows(mark.len())
                    .any(|some| some.eq_ignore_ascii_case(mark.as_bytes()))
                {
                    places.push(format!("{mark} in {place}"));
                }
            }
        }
        places
    }
}

pub(crate) fn files(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

async fn story(scene: &Scene) {
    let (with, without) = (set(true), set(false));
    let (first, second) = (serve(&with), serve(&without));
    let accounts = ["--accounts", scene.accounts.as_str()];
    scene.sync(&first, 0);
    let url = scene.store.as_str();
    let make = [
        &["accounts"],
        &accounts[..],
        &["sync", "--create", "--store", url],
    ]
    .concat();
    scene.document(&make, 0);
    let out = scene.path("out");
    let out = out.to_str().unwrap();
    scene.document(&["export", "--format", "csv", out], 0);
    scene.run(&["changes", "--consumer", "app", "--json"], "none");

    let users = scene.document(
        &["changes", "--kind", "users", "--limit", "200", "--values"],
        0,
    );
    let of = |name: &str| {
        let all = users["changes"].as_array().unwrap();
        let found = all
            .iter()
            .find(|one| one["after"].to_string().contains(name));
        found.expect(name)["id"].as_str().unwrap().to_owned()
    };
    let (id, mother) = (of("Zebediah"), of("Wilhelmina"));
    let marks = [&MARKS[..], &[&id, &mother]].concat();
    assert!(scene.places(&marks).await.len() >= 8);

    // An error may have named the person.
    scene
        .execute(&format!("UPDATE attempts SET says = 'ended at {id}.'"))
        .await;
    // Somebody in the roster would come back with the next run.
    let asked = ["forget", "--person", &id, "--yes", "--by", "Ada Admin"];
    let refused = scene.document(&asked, 1);
    assert_eq!(refused["error"]["code"], "in_the_roster", "{refused}");
    scene.sync(&second, 0);
    let by = ["--by", "Ada Admin"];
    let all = [
        &["forget", "--person", &id, "--exports", out],
        &accounts[..],
        &by,
    ]
    .concat();
    let looked = scene.document(&[&all[..], &["--dry-run"]].concat(), 0);
    assert_eq!(looked["roster"]["run"], Value::Null);
    assert!(scene.places(&marks).await.len() >= 8, "a look does nothing");
    let nobody_to_ask = scene.document(&all, 2);
    assert_eq!(nobody_to_ask["error"]["code"], "usage");
    let holding = looked["files"]["holding"].as_array().unwrap();
    assert_eq!(holding.len(), 2, "{holding:?}");
    for (file, end) in holding.iter().zip(["enrollments.csv", "students.csv"]) {
        assert!(file.as_str().unwrap().ends_with(end), "{file}");
    }
    let all = [&all[..], &["--delete-files", "--yes"]].concat();
    let done = scene.document(&all, 0);
    assert_eq!(done["roster"]["counts"]["records"], 2, "{done}");
    assert_eq!(done["roster"]["waits_for"], json!(["accounts", "app"]));
    assert_eq!(done["accounts"]["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(done["accounts_swept"], true);
    assert_eq!(done["files"]["holding"], json!([]));
    assert_eq!(done["files"]["deleted"], looked["files"]["holding"]);
    let left = fs::read_dir(out).unwrap().count();
    assert!(left > 3, "the other files of the export stay: {left}");
    fs::remove_dir_all(out).unwrap();

    // The reader hears of it once, with ids; later readers see digests.
    assert_eq!(scene.places(&MARKS).await, [""; 0]);
    let read = scene.run(
        &["changes", "--consumer", "app", "--json", "--values"],
        "none",
    );
    let told: Vec<Value> = String::from_utf8(read.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let forgotten: Vec<&Value> = told.iter().filter(|one| one["op"] == "forget").collect();
    let ids: Vec<&str> = forgotten
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&id.as_str()) && ids.contains(&mother.as_str()),
        "{ids:?}"
    );
    assert!(
        forgotten
            .iter()
            .all(|one| one["after"].is_null() && one["before"].is_null())
    );
    let follow = [&["accounts"], &accounts[..], &["sync", "--store", url]].concat();
    scene.document(&follow, 0);
    scene.document(&["forget", "--sweep"], 0);
    assert_eq!(scene.places(&marks).await, [""; 0]);

    // The rest is whole.
    let feed = scene.document(&["changes", "--limit", "1000"], 0);
    let seqs = feed["changes"].as_array().unwrap().iter();
    let seqs: Vec<u64> = seqs.map(|one| one["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64));
    let audit = ["sync", "--verify", "--json", "--api-url", &second.url];
    let audited = scene.run(&audit, &second.token);
    let said = String::from_utf8(audited.stdout.clone()).unwrap() + &errors(&audited);
    assert_eq!(audited.status.code(), Some(0), "{said}");
    let changed: Value = serde_json::from_slice(&audited.stdout).unwrap();
    for kind in ["users", "sections"] {
        assert_eq!(changed["kinds"][kind]["updated"], 0, "{changed}");
        assert_eq!(changed["kinds"][kind]["created"], 0, "{changed}");
    }
    assert!(said.contains("0 rows were edited by hand"), "{said}");
    scene.document(&[&["review"], &accounts[..], &["verify"]].concat(), 0);
    let undo = scene.document(&["undo", "1", "--record", &id, "--yes"], 1);
    assert_eq!(undo["error"]["code"], "forgotten", "{undo}");
    let run = done["roster"]["run"].to_string();
    let undo = scene.document(&["undo", &run, "--yes"], 1);
    assert_eq!(undo["error"]["code"], "forgotten", "{undo}");
    assert_eq!(scene.places(&marks).await, [""; 0]);

    // Somebody who comes again is new; somebody who is kept out is not taken in.
    let again = scene.sync(&first, 0);
    assert_eq!(again["kinds"]["users"]["created"], 2, "{again}");
    let out = [
        "forget",
        "--person",
        &id,
        "--keep-out",
        "--at-once",
        "--yes",
    ];
    let out = scene.document(&[&out[..], &by].concat(), 0);
    assert_eq!(out["roster"]["waits_for"], json!([]));
    // The mother is shared still, and kept out with her son.
    for _ in 0..2 {
        let kept_out = scene.sync(&first, 0);
        for kind in ["users", "sections"] {
            for what in ["created", "updated", "archived", "restored"] {
                assert_eq!(
                    kept_out["kinds"][kind][what], 0,
                    "{kind} {what}: {kept_out}"
                );
            }
        }
        assert_eq!(scene.places(&marks).await, [""; 0]);
    }

    let list = scene.document(&["forget", "--list"], 0);
    assert_eq!(list["checked"], true);
    let notes = list["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 4);
    assert!(
        notes
            .iter()
            .all(|note| note["actor"] == "Ada Admin" && note["is_named"] == false)
    );
    scene
        .execute("UPDATE forgotten SET actor = 'Nobody' WHERE note = 2")
        .await;
    let broken = scene.document(&["forget", "--list"], 1);
    assert_eq!(broken["error"]["code"], "note_changed", "{broken}");

    let back = scene.document(&["forget", "--readmit", "--person", &id], 0);
    assert_eq!(back["readmitted"], 2);
    assert_eq!(scene.sync(&first, 0)["kinds"]["users"]["created"], 2);

    // The district goes as a whole, and does not come back by itself.
    let district = feed["changes"][0]["id"].as_str().unwrap();
    let exports = scene.path("exports");
    let at = |name: &str| exports.join(name).to_str().unwrap().to_owned();
    scene.document(&["export", "--format", "csv", &at("csv")], 0);
    scene.document(&["export", "--format", "oneroster", &at("oneroster")], 0);
    let other = exports.join("other");
    fs::create_dir(&other).unwrap();
    let students =
        "Student_id,Contact_email\ns1,c1@x.example.org\nz2,z2@y.example.org\nz3,z3@y.example.org\n";
    fs::write(other.join("students.csv"), students).unwrap();
    fs::write(other.join("notes.txt"), "nothing of theirs\n").unwrap();
    let all = [
        &["forget", "--district", district, "--yes"][..],
        &["--exports", exports.to_str().unwrap(), "--delete-files"],
        &accounts[..],
        &by,
    ]
    .concat();
    // What another district may have as well is named, and stays.
    let gone = scene.document(&all, 3);
    let deleted = gone["files"]["deleted"].as_array().unwrap();
    assert_eq!(deleted.len(), 6, "{deleted:?}");
    assert_eq!(fs::read_dir(at("oneroster")).unwrap().count(), 0);
    // The district has no staff: of the set, a header is left.
    let mut left = Vec::new();
    files(Path::new(&at("csv")), &mut left);
    let [(name, text)] = &left[..] else {
        panic!("{left:?}")
    };
    assert!(name.ends_with("staff.csv") && text.trim_ascii().iter().all(|byte| *byte != b'\n'));
    let doubtful = other.join("students.csv");
    assert_eq!(gone["files"]["doubtful"], json!([doubtful]));
    assert_eq!(gone["files"]["holding"], json!([]));
    assert_eq!(fs::read_to_string(&doubtful).unwrap(), students);
    fs::remove_dir_all(&exports).unwrap();
    assert!(
        gone["roster"]["counts"]["users"].as_u64().unwrap() > 80,
        "{gone}"
    );
    let anybody = ["First7", "Last7", "tia@x.example.org", "Parent Of7", &id];
    assert_eq!(scene.places(&anybody).await, [""; 0]);
    assert_eq!(scene.sync(&first, 2)["error"]["code"], "forgotten");
    scene.document(&[&["review"], &accounts[..], &["verify"]].concat(), 0);
    assert_eq!(scene.places(&anybody).await, [""; 0]);
    scene.document(&["forget", "--readmit", "--district", district], 0);
    scene.sync(&first, 0);
}

impl Scene {
    /// The first column of an answer, which is text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        if let Some(url) = &self.postgres {
            let url = format!("{url}?options=-csearch_path%3Dclever");
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
            tokio::spawn(connection);
            let rows = client.query(sql, &[]).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        } else {
            let db = rusqlite::Connection::open(self.path("roster.db")).unwrap();
            let mut all = db.prepare(sql).unwrap();
            let rows = all.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        }
    }

    pub(crate) async fn execute(&self, sql: &str) {
        if let Some(url) = &self.postgres {
            let url = format!("{url}?options=-csearch_path%3Dclever");
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
        } else {
            let db = rusqlite::Connection::open(self.path("roster.db")).unwrap();
            db.execute_batch(sql).unwrap();
        }
    }
}

#[tokio::test]
async fn who_was_forgotten_is_nowhere_in_sqlite() {
    story(&Scene::sqlite()).await;
}

#[tokio::test]
async fn who_was_forgotten_is_nowhere_in_postgresql() {
    if let Some(scene) = Scene::postgres("forgetting").await {
        story(&scene).await;
    }
}
