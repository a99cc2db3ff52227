//! What it means that a district is in another store, or on its way, and what to do.

use clever_sync::carry::{Away, CarryError, Whereabouts};

use super::cause::{Cause, failed};

/// Where to go with a district that this store has no more, or not yet.
pub(super) fn elsewhere(away: &Away) -> Cause {
    let Away {
        store, district_id, ..
    } = away;
    let hint = match away.whereabouts {
        Whereabouts::Moved => format!(
            "leave --store and CLEVER_STORE out, and name `{store}` in `[stores.named]` of clever.toml: the stores themselves say \
             where a district is"
        ),
        Whereabouts::Leaving => format!(
            "end the move with `cleverctl move {district_id} --to {store}`, or call it off with --call-off"
        ),
        Whereabouts::Arriving => format!(
            "end the move: run the `cleverctl move {district_id}` again that brings it from `{store}`"
        ),
    };
    failed("elsewhere", hint)
}

/// Says what a move that was not made means.
pub(super) fn carry(error: &CarryError) -> Option<Cause> {
    Some(match error {
        CarryError::Other(away) => elsewhere(away),
        CarryError::Unknown { .. } => failed(
            "not_found",
            "`cleverctl status` lists the districts of all stores",
        ),
        CarryError::Taken { .. } => failed(
            "move_taken",
            "nothing was written there: see with `cleverctl status` which of the two is in step with Clever, and forget the \
             other with `cleverctl forget --store`",
        ),
        CarryError::CalledOff { .. } => {
            failed("move_called_off", "begin again, if it is still to move")
        }
        CarryError::Differs { .. } => failed(
            "move_differs",
            "run it again: all is carried once more; if it stays so, call it off with --call-off and tell us",
        ),
        CarryError::Needed { .. } => failed(
            "copy_needed",
            "end the move first, and take the copy away when runs and readers have gone on in the other store",
        ),
        // Its cause says more.
        _ => return None,
    })
}
