//! Content mapping: pieces of the app's content that a district attached to its courses.
//!
//! A resource is a record like others; which courses it is mapped to is kept beside them. Sections and people have
//! resources through courses.

use clever_model::RecordKind;
use serde_json::json;

use crate::world::World;
use crate::world::stamp::{object_id, stamp};

/// One course in so many has a resource of its own.
const EVERY: usize = 3;
/// Tells the ids of resources from those of records made in the same second.
const RESOURCE_IDS: u64 = 0x0C0_47E4;

/// Attaches a resource to every third course, and one to all of them. Each attachment makes events if
/// those are switched on.
pub(crate) fn attach(world: &mut World) {
    let courses: Vec<String> = world.list(RecordKind::Courses).keys().collect();
    let shelf = make(world, 0, "Library", &["student", "teacher"]);
    for (at, course) in courses.iter().enumerate() {
        world.mapped.map(course, &shelf);
        if at % EVERY == 0 {
            let number = u32::try_from(1 + at / EVERY).unwrap_or(u32::MAX);
            // Some are for teachers alone.
            let (title, roles): (_, &[&str]) = if number.is_multiple_of(4) {
                ("Answers", &["teacher"])
            } else {
                ("Exercises", &["student", "teacher"])
            };
            let title = format!("{title} {number}");
            let resource = make(world, number, &title, roles);
            world.mapped.map(course, &resource);
        }
    }
}

fn make(world: &mut World, number: u32, title: &str, roles: &[&str]) -> String {
    let (now, seed) = (world.now(), world.seed);
    let id = object_id(now, seed ^ RESOURCE_IDS, number);
    let record = json!({
        "id": id, "district": world.district_id(), "resource_id": format!("content-{number}"),
        "title": title, "roles": roles, "created": stamp(now), "updated": stamp(now),
    });
    world.put(RecordKind::Resources, &id, record.to_string());
    id
}

/// What a day brings where there are resources: the district renames one, each day another.
pub(crate) fn day(world: &mut World) {
    let list = world.list(RecordKind::Resources);
    let Some(at) = usize::try_from(world.day)
        .unwrap_or(0)
        .checked_rem(list.len())
    else {
        return;
    };
    let Some(id) = list.keys().nth(at) else {
        return;
    };
    let (day, now) = (world.day, stamp(world.now()));
    world.edit(RecordKind::Resources, &id, |resource| {
        let title = resource["title"].as_str().unwrap_or_default();
        let title = title.split(", edition").next().unwrap_or_default();
        resource["title"] = json!(format!("{title}, edition {day}"));
        resource["updated"] = json!(now);
    });
}
