//! Whatever is asked, in any version: odd paths, odd parameters, huge limits, cursors of nothing.

use clever_model::RecordKind;
use proptest::prelude::*;
use serde_json::Value;

use super::roster::answer;
use super::target::Target;
use crate::life::{days, resources};
use crate::world::World;
use crate::world::generate::generate;

/// Words that paths and queries are made of here, good and bad ones.
fn word() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "users",
        "students",
        "teachers",
        "school_admins",
        "district_admins",
        "contacts",
        "schools",
        "sections",
        "courses",
        "terms",
        "resources",
        "districts",
        "events",
        "district",
        "school",
        "teacher",
        "term",
        "course",
        "status",
        "grade_levels",
        "admins",
        "mystudents",
        "myContacts",
        "",
        "..",
        "%00",
        "ffffffffffffffffffffffff",
        "ID",
        "CURSOR",
    ];
    prop_oneof![
        4 => prop::sample::select(KNOWN).prop_map(ToOwned::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn parameter() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "limit",
        "starting_after",
        "ending_before",
        "count",
        "role",
        "primary",
        "school",
        "record_type",
        "where",
        "include",
        "show_links",
        "x",
    ];
    const VALUES: &[&str] = &[
        "0",
        "-1",
        "1",
        "2",
        "10000",
        "10001",
        "99999999999999999999999",
        "true",
        "last",
        "student",
        "teacher",
        "nobody",
        "ffffffffffffffffffffffff",
        "000000000000000000000000",
        "{}",
        "%7B%22a%22%3A1%7D",
        "%5B",
        "",
        "&",
        "%FF",
        "a=b",
        "CURSOR",
    ];
    let value = prop_oneof![
        4 => prop::sample::select(VALUES).prop_map(ToOwned::to_owned),
        1 => "\\PC{0,30}",
    ];
    (prop::sample::select(NAMES), value).prop_map(|(name, value)| format!("{name}={value}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn whatever_is_asked_is_answered_with_a_documented_status_and_never_a_panic(
        version in prop::sample::select(&["v1.1", "v1.2", "v2.0", "v2.1", "v3.0", "v3.1", "v9"][..]),
        parts in prop::collection::vec(word(), 0..4),
        parameters in prop::collection::vec(parameter(), 0..4),
        pick in any::<prop::sample::Index>(),
    ) {
        static WORLD: std::sync::OnceLock<World> = std::sync::OnceLock::new();
        let world = WORLD.get_or_init(|| {
            let mut world = generate(3, 60, "2026-09-14T12:00:00Z".parse().unwrap());
            resources::attach(&mut world);
            world.set_events(true);
            days::pass(&mut world, 2);
            world
        });
        let ids: Vec<String> = RecordKind::ALL.into_iter().flat_map(|kind| world.list(kind).keys()).collect();
        let events: Vec<String> = world.events().keys().collect();
        let filled = |text: String| text
            .replace("ID", &ids[pick.index(ids.len())])
            .replace("CURSOR", &events[pick.index(events.len())]);
        let path = filled(format!("/{version}/{}", parts.join("/")));
        let query = filled(parameters.join("&"));
        let reply = answer(world, &path, &query);
        prop_assert!([200, 400, 404, 413].contains(&reply.status), "{} {}", path, reply.status);
        let is_json = serde_json::from_str::<Value>(&reply.body).is_ok();
        prop_assert_eq!(is_json, reply.content_type.starts_with("application/json"), "{}", path);
        prop_assert!(is_json || reply.status == 404);
        if Target::of(&path, &query).is_none() {
            prop_assert_eq!(reply.status, 404);
        }
    }
}
