//! Records as the emulator serves them, in every version and for every role, and as Clever once served them: each gives
//! the person that the world knows.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it skips"
)]

use std::collections::BTreeSet;
use std::path::Path;

use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{RecordKind, Role, UserId};
use clever_provision::person::{PersonRead, RecordSource};

use clever_provision::Person;
use proptest::prelude::*;
use serde_json::Value;

const OLDER: [&str; 4] = ["v1.1", "v1.2", "v2.0", "v2.1"];

fn collection(role: Role) -> &'static str {
    match role {
        Role::Student => "students",
        Role::Teacher => "teachers",
        Role::Staff => "school_admins",
        Role::DistrictAdmin => "district_admins",
        Role::Contact => "contacts",
    }
}

fn read(record: &Value) -> PersonRead {
    Person::from_record(record, &RecordSource::default()).unwrap()
}

/// What one request answers, if the version has such a path.
fn answer(emulator: &Emulator, path: &str) -> Option<Value> {
    let (status, body) = emulator.answer(path, "");
    (status == 200).then(|| serde_json::from_str(&body).unwrap())
}

/// The ids that the record's roles had, read by another way than the one that is tried.
fn older_ids(truth: &Value) -> BTreeSet<UserId> {
    let roles = truth["roles"].as_object().into_iter().flatten();
    let ids = roles.filter_map(|(_, role)| role["legacy_id"].as_str());
    let ids = ids.filter(|id| *id != truth["id"]);
    ids.map(|id| id.parse().unwrap()).collect()
}

fn birth(truth: &Value) -> Option<(i16, u8, u8)> {
    let mut parts = truth["roles"]["student"]["dob"].as_str()?.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

/// Holds a person against the world's own record.
fn is_whole(person: &Person, truth: &Value) -> Result<(), TestCaseError> {
    prop_assert_eq!(person.id.as_str(), truth["id"].as_str().unwrap());
    prop_assert_eq!(
        person
            .district
            .as_ref()
            .map(clever_model::DistrictId::as_str),
        truth["district"].as_str()
    );
    let roles: BTreeSet<String> = person.roles.iter().map(ToString::to_string).collect();
    let told = truth["roles"].as_object().unwrap().keys().cloned();
    prop_assert_eq!(roles, told.collect());
    prop_assert_eq!(&person.legacy_ids, &older_ids(truth));
    prop_assert_eq!(person.birth, birth(truth));
    prop_assert_eq!(
        person.name.last.as_deref().unwrap_or_default(),
        truth["name"]["last"].as_str().unwrap_or_default().trim()
    );
    let of_role = |role: &str, key: &str| truth["roles"][role][key].as_str().unwrap_or_default();
    let ids: BTreeSet<&str> = [
        of_role("student", "sis_id"),
        of_role("teacher", "sis_id"),
        of_role("staff", "staff_id"),
        of_role("contact", "sis_id"),
    ]
    .into();
    // `11111` and `123456789` are what somebody types who has no id.
    let typed =
        |id: &str| "1234567890".starts_with(id) || id.bytes().all(|b| b == id.as_bytes()[0]);
    let ids = ids.into_iter().filter(|id| !id.is_empty());
    let (odd, real): (Vec<&str>, Vec<&str>) = ids.partition(|id| typed(id));
    let found = person.sis_ids.len();
    prop_assert!(
        (real.len()..=real.len() + odd.len()).contains(&found),
        "{odd:?} {real:?} {found}"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn every_version_and_role_of_the_emulators_people_is_the_same_person(seed in 0..10_000_u64) {
        let config = EmulatorConfig {
            world: WorldSource::Generated { seed, students: 60 },
            ..EmulatorConfig::default()
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let emulator = runtime.block_on(clever_emulator::start(config)).unwrap();
        let people: Vec<Value> = emulator.with_world(|world| {
            let users = world.list(RecordKind::Users).values();
            users.map(|user| user.value()).collect()
        });
        let mut seen = BTreeSet::new();
        for truth in people {
            let id = truth["id"].as_str().unwrap();
            for version in ["v3.0", "v3.1"] {
                let PersonRead { person, unread } =
                    read(&answer(&emulator, &format!("/{version}/users/{id}")).unwrap());
                prop_assert!(unread.is_empty(), "{:?}", unread);
                is_whole(&person, &truth)?;
            }
            let whole = read(&truth).person;
            for role in &whole.roles {
                let older = truth["roles"][role.as_str()]["legacy_id"].as_str();
                let older = older.filter(|_| *role != Role::Student).unwrap_or(id);
                for version in OLDER {
                    // A contact of v1 has an id of its own for each student.
                    let path = format!("/{version}/{}/{older}", collection(*role));
                    let Some(answered) = answer(&emulator, &path) else {
                        prop_assert!(*role == Role::Contact && version.starts_with("v1"), "{path}");
                        continue;
                    };
                    let PersonRead { person, unread } = read(&answered);
                    prop_assert!(unread.is_empty(), "{path} {:?}", unread);
                    prop_assert_eq!(&person.roles, &[*role].into());
                    prop_assert_eq!(&person.district, &whole.district);
                    prop_assert_eq!(person.birth, whole.birth);
                    prop_assert_eq!(&person.student_number, &whole.student_number);
                    // The newer record knows the id that this one has.
                    prop_assert!(person.id == whole.id || whole.legacy_ids.contains(&person.id));
                    prop_assert!(person.sis_ids.iter().all(|id| whole.sis_ids.contains(id)));
                    seen.insert((version, *role));
                }
            }
        }
        // Contacts of v1 aside, each was met.
        prop_assert_eq!(seen.len(), OLDER.len() * Role::ALL.len() - 2);
    }
}

#[test]
fn the_recorded_district_is_read_whole() {
    let shared = std::env::var_os("CLEVER_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        Into::into,
    );
    let Ok(text) = std::fs::read_to_string(shared.join("recorded/demo-district/users.json")) else {
        eprintln!(
            "skipped: no recorded district in {} (set CLEVER_SHARED)",
            shared.display()
        );
        return;
    };
    let page: Value = serde_json::from_str(&text).unwrap();
    let all = page["data"].as_array().unwrap();
    assert!(all.len() > 2_000);
    for record in all {
        let PersonRead { person, unread } = read(record);
        assert!(unread.is_empty(), "{unread:?}");
        is_whole(&person, &record["data"]).unwrap();
    }
}
