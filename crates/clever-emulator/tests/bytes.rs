//! The same seed gives the same bytes: every list, record and sub-path of every version, of worlds fresh and old, by
//! their digests. A change here is a change for whoever pinned the emulator's answers: say it in CHANGELOG.md.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::fs;

use clever_emulator::{Emulator, EmulatorConfig, Happening, LmsType, WorldSource};
use reqwest::Client;
use serde_json::Value;
use sha2::{Digest, Sha256};

const VERSIONS: [&str; 6] = ["v1.1", "v1.2", "v2.0", "v2.1", "v3.0", "v3.1"];
const NOUNS: [&str; 13] = [
    "districts",
    "schools",
    "users",
    "students",
    "teachers",
    "school_admins",
    "district_admins",
    "contacts",
    "terms",
    "courses",
    "sections",
    "resources",
    "events",
];
/// Every sub-path that any version has below any list; most answer 404 below most lists, which counts as well.
const SUBS: [&str; 23] = [
    "admins",
    "contacts",
    "course",
    "courses",
    "district",
    "events",
    "grade_levels",
    "mycontacts",
    "myStudents",
    "myteachers",
    "resources",
    "school",
    "schools",
    "schools?primary=true",
    "sections",
    "status",
    "student",
    "students",
    "teacher",
    "teachers",
    "term",
    "terms",
    "users?role=student&count=true",
];

struct Reader<'a> {
    emulator: &'a Emulator,
    client: Client,
    hash: Sha256,
    bytes: usize,
}

impl<'a> Reader<'a> {
    fn new(emulator: &'a Emulator) -> Self {
        Self {
            emulator,
            client: Client::new(),
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    /// Adds an answer to the digest with its status.
    fn add(&mut self, status: &str, body: &str) -> Value {
        self.hash.update(status);
        self.hash.update(body);
        self.bytes += body.len();
        serde_json::from_str(body).unwrap_or_default()
    }

    /// Reads what the district's token opens.
    fn get(&mut self, target: &str) -> Value {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (status, body) = self.emulator.answer(path, query);
        self.add(&status.to_string(), &body)
    }

    /// Reads what a token opens, over HTTP.
    async fn ask(&mut self, token: &str, target: &str) -> Value {
        let url = self.emulator.base_url().join(target).unwrap();
        let request = self.client.get(url).bearer_auth(token);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_str().to_owned();
        let body = answer.text().await.unwrap();
        self.add(&status, &body)
    }

    /// Reads a list page by page, up or down; the ids in it.
    fn walk(&mut self, start: String, rel: &str) -> Vec<String> {
        let (mut ids, mut target) = (Vec::new(), Some(start));
        while let Some(at) = target {
            let page = self.get(&at);
            let elements = page["data"].as_array().into_iter().flatten();
            ids.extend(elements.filter_map(|one| {
                let id = one["data"]["id"].as_str().or(one["id"].as_str())?;
                Some(id.to_owned())
            }));
            let links = page["links"].as_array().into_iter().flatten();
            let next = links.into_iter().find(|link| link["rel"] == rel);
            target = next.map(|link| link["uri"].as_str().unwrap().to_owned());
        }
        ids
    }

    /// Ends a line of the report.
    fn line(&mut self, name: &str) -> String {
        let digest = std::mem::take(&mut self.hash).finalize();
        let digest = digest.iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let bytes = std::mem::take(&mut self.bytes);
        format!("{name:<22} {bytes:>9} {digest}\n")
    }
}

fn config(world: WorldSource) -> EmulatorConfig {
    EmulatorConfig {
        world,
        events: true,
        rate_limit: u64::MAX,
        gzip: false,
        ..EmulatorConfig::default()
    }
}

/// Reads all that a district's token opens, and what some users' tokens do: a line for each list of each version.
async fn report(emulator: &Emulator) -> String {
    let mut reader = Reader::new(emulator);
    let mut report = String::new();
    let mut people = Vec::new();
    for version in VERSIONS {
        for noun in NOUNS {
            let list = format!("/{version}/{noun}");
            let ids = reader.walk(format!("{list}?limit=1000"), "next");
            // Counting an older version's events shapes them all, for each page.
            let ask = if noun == "events" {
                "limit=1000"
            } else {
                "limit=70&count=true"
            };
            reader.walk(format!("{list}?ending_before=last&{ask}"), "prev");
            let some = [0, ids.len() / 2].map(|at| ids.get(at));
            for id in some.into_iter().flatten() {
                reader.get(&format!("{list}/{id}"));
                for sub in SUBS {
                    reader.get(&format!("{list}/{id}/{sub}"));
                }
                if list == "/v3.1/users" {
                    people.push(id.clone());
                }
            }
            report += &reader.line(&format!("{version} {noun}"));
        }
        reader.get(&format!("/{version}/users?limit=10001"));
        reader.get(&format!("/{version}/nothing"));
        reader.get(&format!(
            "/{version}/students?where=%7B%22name.first%22%3A%22Ana%22%7D"
        ));
        let wanted = "events?record_type=users,students&record_type=sections&limit=20";
        reader.walk(format!("/{version}/{wanted}"), "next");
        report += &reader.line(&format!("{version} otherwise"));
    }
    for at in ["schools", "sections"] {
        let place = reader.get(&format!("/v3.1/{at}?limit=1"));
        let id = place["data"][0]["data"]["id"].as_str().unwrap();
        let mut target = Some(format!("/v3.1/attendance/{at}/{id}?limit=1000"));
        while let Some(at) = target {
            let page = reader.ask(emulator.district_token(), &at).await;
            let links = page["links"].as_array().into_iter().flatten();
            let next = links.into_iter().find(|link| link["rel"] == "next");
            target = next.map(|link| link["uri"].as_str().unwrap().to_owned());
        }
    }
    report += &reader.line("attendance");
    for id in people {
        for (kind, token) in [
            ("user", emulator.user_token(&id)),
            ("library", emulator.library_token(&id)),
        ] {
            reader.ask(&token, "/userinfo").await;
            for version in VERSIONS {
                reader.ask(&token, &format!("/{version}/me")).await;
                for noun in NOUNS {
                    let own = format!("/{version}/{noun}/{id}");
                    reader.ask(&token, &own).await;
                }
            }
            report += &reader.line(&format!("{kind} {}", &id[16..]));
        }
    }
    report
}

#[tokio::test]
async fn a_fresh_district() {
    let world = WorldSource::Generated {
        seed: 5,
        students: 120,
    };
    let emulator = clever_emulator::start(config(world)).await.unwrap();
    insta::assert_snapshot!(report(&emulator).await);
}

#[tokio::test]
async fn a_district_that_has_lived() {
    let world = WorldSource::Generated {
        seed: 7,
        students: 60,
    };
    let config = EmulatorConfig {
        resources: true,
        attendance: true,
        lms: Some(LmsType::Canvas),
        ..config(world)
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    for happening in [
        Happening::UserSplit,
        Happening::Transfer,
        Happening::UnshareSchool,
        Happening::UserMerge,
        Happening::SisRekey,
        Happening::Pause,
        Happening::Resume,
        Happening::RoleOff,
    ] {
        emulator.advance_days(3);
        emulator.happen(happening);
    }
    emulator.advance_days(2);
    insta::assert_snapshot!(report(&emulator).await);
}

#[tokio::test]
async fn a_district_from_csv() {
    // The district is called after its folder.
    let parent = tempfile::TempDir::new().unwrap();
    let folder = parent.path().join("north-and-south");
    fs::create_dir(&folder).unwrap();
    for (name, text) in [
        (
            "schools.csv",
            "School_name,School id,School_number,School_state\nNorth,1,01,IL\nSouth,2,02,IL\n",
        ),
        (
            "students.csv",
            "School_id,Student_id,Last_name,First_name,DOB,Home_language,Contact_name,Contact_relationship,Contact_sis_id\n\
             1,s1,\"Lee, Jr\",Ann,02/09/2014,spa,Kim Lee,Parent,\n\
             1,s1,\"Lee, Jr\",Ann,02/09/2014,spa,Pat \"\"Lee,Parent,c9\n\
             2,s1,\"Lee, Jr\",Ann,02/09/2014,spa,,,\n\
             1,s2,Ñandú,\"Bo \\ \"\"B\"\"\",2/9/2014,Elvish,Kim Lee,Parent,\n",
        ),
        ("teachers.csv", include_str!("set/teachers.csv")),
        ("sections.csv", include_str!("set/sections.csv")),
        ("enrollments.csv", include_str!("set/enrollments.csv")),
        ("staff.csv", include_str!("set/staff.csv")),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    let csv = WorldSource::Csv {
        folder,
        lenient: false,
    };
    let emulator = clever_emulator::start(config(csv)).await.unwrap();
    emulator.advance_days(2);
    insta::assert_snapshot!(report(&emulator).await);
}
