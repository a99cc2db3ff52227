//! The ids that people had before they were users: one for each role, and in v1 a contact's for each student.

use std::sync::Arc;

use clever_model::{RecordKind, Role};

use super::shape::old_ids;
use super::{Collection, Version};
use crate::world::World;
use crate::world::index::Index;

/// The index of a collection whose ids differ from the world's; `None` for the others.
pub(crate) fn index(world: &World, version: Version, collection: Collection) -> Option<Arc<Index>> {
    let role = collection.role().filter(|_| collection.has_old_ids())?;
    let by_student = role == Role::Contact && version.is_first();
    let users = world.list(RecordKind::Users);
    let index = world.indexes.of((role, by_student), users, |user| {
        old_ids(role, by_student, user)
    });
    Some(index)
}

/// The world's id of what `version` has in `collection` under `id`.
pub(crate) fn world_id(
    world: &World,
    version: Version,
    collection: Collection,
    id: &str,
) -> Option<String> {
    if let Some(index) = index(world, version, collection) {
        return index.user(id).map(ToOwned::to_owned);
    }
    let list = world.list(collection.kind());
    let list = match collection.role() {
        Some(role) => list.with_role(role),
        None => list,
    };
    list.contains_key(id).then(|| id.to_owned())
}
