//! The data API over a world: paths, envelopes, and what each version makes of a record. A pure function from a
//! request to an answer.

use clever_model::RecordKind;
use serde_json::json;

use crate::feed;
use crate::listing::{Listing, Query, Records};
use crate::outlet::Outlet;
use crate::related::{Members, Relation, links, members, primary, relation};
use crate::reply::Reply;
use crate::versions::older::{self, Request};
use crate::versions::{Version, shape};
use crate::world::{Record, World};

/// The version that a path asks for, if it is served, and the rest of the path.
fn split_version(path: &str) -> Option<(Version, Vec<&str>)> {
    let mut parts = path.strip_prefix('/')?.split('/');
    let version = Version::of(parts.next()?)?;
    Some((version, parts.collect()))
}

/// The answer to a token that opens nothing, in the words of the path's version.
pub(crate) fn unauthorized(path: &str) -> Reply {
    let version = split_version(path).map_or(Version::V3_1, |(version, _)| version);
    Reply::problem(version, 401, "Unauthorized: the bearer token is not valid")
}

/// Says whether a path is one of the API's: others get a page, whatever the token.
pub(crate) fn is_api(path: &str) -> bool {
    split_version(path).is_some_and(|(version, parts)| {
        if !version.has_users() {
            return older::is_api(version, &parts);
        }
        match parts.as_slice() {
            ["events"] | ["events", _] => true,
            [kind] | [kind, _] => kind.parse::<RecordKind>().is_ok(),
            [kind, _, sub] => kind
                .parse()
                .is_ok_and(|kind| relation(kind, sub, false).is_some()),
            _ => false,
        }
    })
}

/// Answers a request for `path` with the query `query`.
pub(crate) fn answer(world: &World, path: &str, query: &str) -> Reply {
    answer_to(world, path, query, &Outlet::WHOLE)
}

/// The same, less what `outlet` takes while it is written.
pub(crate) fn answer_to(world: &World, path: &str, query: &str, outlet: &Outlet) -> Reply {
    let Some((version, parts)) = split_version(path) else {
        return Reply::no_such_path(path);
    };
    let feed = feed::Request {
        world,
        version,
        path,
        query,
        outlet,
    };
    match parts.as_slice() {
        ["events"] => return feed.list(None),
        ["events", id] => return feed.single(id),
        [noun, id, "events"] if older::is_api(version, &parts) && version.is_first() => {
            return feed.list(Some((noun, id)));
        }
        _ => {}
    }
    if !version.has_users() {
        let request = Request {
            world,
            version,
            path,
            query,
            outlet,
        };
        return request.answer(&parts);
    }
    let request = Users {
        world,
        version,
        path,
        query,
        outlet,
    };
    match parts.as_slice() {
        [kind] => match kind.parse() {
            Ok(kind) => request.list(kind, Members::All, false),
            Err(_) => Reply::no_such_path(path),
        },
        [kind, id] => match kind.parse() {
            Ok(kind) => request.single(kind, id),
            Err(_) => Reply::no_such_path(path),
        },
        [kind, id, sub] => match kind
            .parse()
            .ok()
            .and_then(|kind| Some((kind, relation(kind, sub, primary(query))?)))
        {
            Some((kind, relation)) => request.related(kind, id, relation),
            None => Reply::no_such_path(path),
        },
        _ => Reply::no_such_path(path),
    }
}

/// A request to a version that has users.
struct Users<'a> {
    world: &'a World,
    version: Version,
    path: &'a str,
    query: &'a str,
    outlet: &'a Outlet,
}

impl Users<'_> {
    fn unknown(&self) -> Reply {
        Reply::problem(self.version, 404, "Resource not found")
    }

    /// Appends what the version has of a record.
    fn write(&self, kind: RecordKind, record: &Record<'_>, out: &mut Vec<u8>) {
        if self.version == Version::V3_1 {
            record.write(out);
        } else {
            shape::v3_0(kind, &record.json(), out);
        }
    }

    /// One record: `{"data":{…},"links":[…]}`.
    fn single(&self, kind: RecordKind, id: &str) -> Reply {
        let Some(record) = self.world.list(kind).get(id) else {
            return self.unknown();
        };
        let own = format!("/{}/{kind}/{id}", self.version.as_str());
        let others = links(kind, &record.value()).into_iter();
        let others = others.map(|rel| json!({ "rel": rel, "uri": format!("{own}/{rel}") }));
        let links: Vec<_> = [json!({ "rel": "self", "uri": own })]
            .into_iter()
            .chain(others)
            .collect();
        let mut body = br#"{"data":"#.to_vec();
        self.write(kind, &record, &mut body);
        body.extend_from_slice(br#","links":"#);
        body.extend_from_slice(json!(links).to_string().as_bytes());
        body.push(b'}');
        // It is made of texts.
        Reply::json(String::from_utf8(body).unwrap_or_default())
    }

    /// Answers with the members of a kind; with times in the dates of terms where those are a school's.
    fn list(&self, kind: RecordKind, members: Members<'_>, with_times: bool) -> Reply {
        if kind == RecordKind::Resources && self.world.list(kind).is_empty() {
            // Seen on the wire for a district without resources.
            return Reply::json(r#"{"resources":[]}"#.to_owned());
        }
        let listing = Listing {
            version: self.version,
            noun: kind.as_str(),
            path: self.path,
            query: self.query,
            flat: false,
            outlet: self.outlet,
        };
        listing.answer(|query: &Query| {
            let list = self.world.list(kind);
            Records {
                list: match query.role {
                    Some(role) => list.with_role(role),
                    None => list,
                },
                members,
                write: move |record: &Record<'_>, out: &mut Vec<u8>| {
                    if with_times {
                        out.extend_from_slice(term_with_times(record).as_bytes());
                    } else {
                        self.write(kind, record, out);
                    }
                },
            }
        })
    }

    /// Answers with the records that the one with `id` leads to.
    fn related(&self, kind: RecordKind, id: &str, relation: Relation) -> Reply {
        let Some(record) = self.world.value(kind, id) else {
            return self.unknown();
        };
        let target = relation.target;
        let found = members(self.world, relation.how, id, &record, target);
        if relation.single {
            let list = self.world.list(target);
            let first = match &found {
                Members::All => Some(self.world.district_id()),
                Members::Ids(ids) => ids.first().map(String::as_str),
                Members::Such(_) => None,
            };
            // A sub-path to one record answers with that record's own address.
            return match first.filter(|id| list.contains_key(id)) {
                Some(id) => self.single(target, id),
                None => self.unknown(),
            };
        }
        let terms_of_school = (kind, target) == (RecordKind::Schools, RecordKind::Terms);
        self.list(target, found, terms_of_school)
    }
}

/// A school's terms write their dates with a time of day, unlike the same terms elsewhere (seen on the wire).
fn term_with_times(record: &Record<'_>) -> String {
    let mut term = record.value();
    for key in ["start_date", "end_date"] {
        if let Some(date) = term[key].as_str().filter(|date| date.len() == 10) {
            term[key] = json!(format!("{date}T00:00:00.000Z"));
        }
    }
    term.to_string()
}

#[cfg(test)]
mod tests {
    use clever_model::Timestamp;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::world::generate::generate;

    fn world() -> World {
        generate(1, 90, "2026-09-14T12:00:00Z".parse::<Timestamp>().unwrap())
    }

    fn get(world: &World, target: &str) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let reply = answer(world, path, query);
        (
            reply.status,
            serde_json::from_str(&reply.body).unwrap_or_default(),
        )
    }

    fn ids(page: &Value) -> Vec<String> {
        let ids = page["data"].as_array().unwrap().iter();
        ids.map(|element| element["data"]["id"].as_str().unwrap().to_owned())
            .collect()
    }

    fn link(page: &Value, rel: &str) -> Option<String> {
        let link = page["links"]
            .as_array()?
            .iter()
            .find(|link| link["rel"] == rel)?;
        link["uri"].as_str().map(ToOwned::to_owned)
    }

    #[test]
    fn a_list_without_a_limit_has_a_hundred_records_and_a_next() {
        let world = world();
        let (status, page) = get(&world, "/v3.1/users");
        assert_eq!((status, ids(&page).len()), (200, 100));
        assert!(link(&page, "next").is_some() && link(&page, "prev").is_none());
    }

    #[test]
    fn the_end_is_found_from_behind() {
        let world = world();
        let (_, page) = get(&world, "/v3.0/users?ending_before=last&limit=1");
        assert_eq!(
            ids(&page)[0],
            world.list(RecordKind::Users).keys().last().unwrap()
        );
        assert!(link(&page, "next").is_none() && link(&page, "prev").is_some());
    }

    #[test]
    fn refusals() {
        let world = world();
        assert_eq!(get(&world, "/v3.0/users?limit=10001").0, 413);
        assert_eq!(get(&world, "/v3.0/users?limit=none").0, 400);
        assert_eq!(get(&world, "/v3.0/users/ffffffffffffffffffffffff").0, 404);
        assert_eq!(
            answer(&world, "/v3.0/classes", "").content_type,
            "text/html; charset=utf-8"
        );
        assert!(!is_api("/v3.0/classes") && !is_api("/v9/users") && is_api("/v3.1/users"));
    }

    #[test]
    fn count_is_of_the_whole_list_and_sub_paths_follow_names() {
        let world = world();
        let (_, page) = get(&world, "/v3.1/users?role=student&count=true&limit=3");
        assert_eq!(page["count"], 90);
        let (_, sections) = get(&world, "/v3.1/sections?limit=1");
        let section = &sections["data"][0]["data"];
        let id = section["id"].as_str().unwrap();
        let (_, people) = get(
            &world,
            &format!("/v3.1/sections/{id}/users?role=student&limit=1000"),
        );
        assert_eq!(
            ids(&people).len(),
            section["students"].as_array().unwrap().len()
        );
        let (_, school) = get(&world, &format!("/v3.1/sections/{id}/school"));
        assert_eq!(school["data"]["id"], section["school"]);
        assert_eq!(get(&world, "/v3.1/resources").1, json!({ "resources": [] }));
    }

    #[test]
    fn people_and_places_are_reached_through_sections() {
        let world = world();
        let (_, sections) = get(&world, "/v3.1/sections?limit=1000");
        let section = &sections["data"][0]["data"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let teacher = text(&section["teacher"]);
        let student = text(&section["students"][0]);
        let reaches = |path: String, id: &str| {
            let (status, page) = get(&world, &path);
            assert_eq!(status, 200, "{path}");
            assert!(ids(&page).iter().any(|one| one == id), "{path}");
            page
        };
        reaches(
            format!("/v3.1/users/{teacher}/mystudents?limit=1000"),
            &student,
        );
        reaches(format!("/v3.1/users/{student}/myteachers"), &teacher);
        let (school, course, term) = (
            text(&section["school"]),
            text(&section["course"]),
            text(&section["term_id"]),
        );
        reaches(format!("/v3.1/schools/{school}/courses"), &course);
        let terms = reaches(format!("/v3.1/schools/{school}/terms"), &term);
        let date = text(&terms["data"][0]["data"]["start_date"]);
        assert!(date.ends_with("T00:00:00.000Z"));
        reaches(format!("/v3.1/courses/{course}/schools"), &school);
        reaches(format!("/v3.1/terms/{term}/schools"), &school);
        for (path, field) in [("users", "/roles/student/school")] {
            let at = format!("/v3.1/schools/{school}/{path}?primary=true&role=student&limit=1000");
            for element in reaches(at, &student)["data"].as_array().unwrap() {
                assert_eq!(element["data"].pointer(field).unwrap(), &json!(school));
            }
        }
        let resources = get(
            &world,
            &format!("/v3.1/sections/{}/resources", text(&section["id"])),
        );
        assert_eq!(resources, (200, json!({ "resources": [] })));
    }

    #[test]
    fn a_role_filters_users_only_and_events_by_what_they_are_of() {
        let mut world = world();
        let (_, all) = get(&world, "/v3.1/sections?role=student&limit=1000");
        assert_eq!(ids(&all).len(), world.list(RecordKind::Sections).len());
        world.set_events(true);
        assert_eq!(get(&world, "/v3.1/events").1["data"], json!([]));
        crate::life::pass(&mut world, 2);
        let (_, page) = get(&world, "/v3.1/events");
        assert_eq!(link(&page, "self").unwrap(), "/v3.1/events?");
        assert_eq!(page["data"][0]["data"]["type"], "districts.updated");
        let (_, page) = get(
            &world,
            "/v3.1/events?record_type=users&record_type=districts",
        );
        for event in page["data"].as_array().unwrap() {
            let kind = event["data"]["type"].as_str().unwrap();
            assert!(kind.starts_with("users.") || kind.starts_with("districts."));
        }
        let (_, newest) = get(&world, "/v3.1/events?ending_before=last&limit=1");
        let id = &ids(&newest)[0];
        assert_eq!(get(&world, &format!("/v3.1/events/{id}")).0, 200);
        let (_, after) = get(&world, &format!("/v3.1/events?starting_after={id}"));
        assert!(ids(&after).is_empty() && link(&after, "next").is_none());
        let school = world.list(RecordKind::Schools).keys().next().unwrap();
        let (_, page) = get(&world, &format!("/v3.1/events?school={school}&limit=1000"));
        assert!(
            page["data"]
                .to_string()
                .matches("districts.updated")
                .count()
                == 0
        );
        assert!(!ids(&page).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn walks_forward_and_backward_give_every_record_once(limit in 1_usize..70) {
            let world = world();
            let all: Vec<String> = world.list(RecordKind::Users).keys().collect();
            for (start, rel) in [("", "next"), ("&ending_before=last", "prev")] {
                let mut walked = Vec::new();
                let mut target = Some(format!("/v3.1/users?limit={limit}{start}"));
                while let Some(at) = target {
                    let (_, page) = get(&world, &at);
                    let found = ids(&page);
                    prop_assert!(found.is_sorted());
                    walked.extend(found);
                    target = link(&page, rel);
                }
                walked.sort();
                prop_assert_eq!(&walked, &all);
            }
        }
    }
}
