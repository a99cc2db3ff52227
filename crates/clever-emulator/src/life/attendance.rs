//! What a day does to a district that shares attendance.

use clever_model::RecordKind;

use crate::world::World;
use crate::world::stamp::stamp;

/// Says on the district's record how fresh attendance is; a paused district sends none.
pub(crate) fn freshen(world: &mut World) {
    let now = stamp(world.now());
    let district = world.district_id().to_owned();
    world.edit(RecordKind::Districts, &district, |record| {
        if record["state"] != "paused" {
            record["last_attendance_sync"] = now.into();
        }
    });
}
