//! Answers of a version's roster: a pure function from a request to an answer.

use super::target::{Roster, Target};
use super::{feed, older, users};
use crate::reply::Reply;
use crate::versions::Version;
use crate::world::World;

/// Answers a request for `path` with the query `query`, as the district's token gets it.
pub(crate) fn answer(world: &World, path: &str, query: &str) -> Reply {
    match Target::of(path, query) {
        Some(Target::Roster(version, roster)) => answer_to(world, (version, &roster), path, query),
        _ => Reply::no_such_path(path),
    }
}

/// The same for a path that was read already.
pub(crate) fn answer_to(
    world: &World,
    (version, roster): (Version, &Roster),
    path: &str,
    query: &str,
) -> Reply {
    let feed = feed::Request {
        world,
        version,
        path,
        query,
    };
    match roster {
        Roster::Feed => feed.list(None),
        Roster::Event(id) => feed.single(id),
        Roster::FeedOf(collection, id) => feed.list(Some((*collection, id))),
        roster if version.has_users() => {
            let request = users::Request {
                world,
                version,
                path,
                query,
            };
            match roster {
                Roster::Record(collection, id) => request.single(collection.kind(), id),
                Roster::Related(collection, id, _, relation) => {
                    request.related(collection.kind(), id, *relation)
                }
                Roster::List(collection) => request.all(collection.kind()),
                _ => Reply::no_such_path(path),
            }
        }
        roster => {
            let request = older::Request {
                world,
                version,
                path,
                query,
            };
            match roster {
                Roster::Record(collection, id) => request.single(*collection, id),
                Roster::Related(collection, id, _, relation) => {
                    request.related(*collection, id, *relation)
                }
                Roster::Special(collection, id) => request.special(*collection, id),
                Roster::List(collection) => request.all(*collection),
                _ => Reply::no_such_path(path),
            }
        }
    }
}
