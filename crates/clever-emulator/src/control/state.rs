//! The state of the emulator, as the control API and the page show it.

use clever_model::{RecordKind, Role};
use serde_json::{Map, Value, json};

use crate::districts::District;
use crate::serve::shared::Shared;
use crate::sign_in::pages;

/// One district as the state tells it.
fn district_state(district: &District) -> Value {
    let token = district.connection().token;
    let world = district.world();
    let record = world
        .value(RecordKind::Districts, &district.id)
        .unwrap_or_default();
    let kinds = RecordKind::ALL
        .into_iter()
        .map(|kind| (kind.to_string(), json!(world.list(kind).len())));
    let roles = Role::ALL
        .into_iter()
        .map(|role| (role.to_string(), json!(world.with_role(role).len())));
    let samples = Role::ALL.into_iter().filter_map(|role| {
        let user = world.with_role(role).keys().next()?;
        Some((role.to_string(), json!(user)))
    });
    json!({
        "id": district.id, "name": record["name"], "state": record["state"],
        "connected": token.is_some(), "district_token": token,
        "records": kinds.collect::<Map<_, _>>(), "roles": roles.collect::<Map<_, _>>(),
        "sample_users": samples.collect::<Map<_, _>>(),
        "portal": format!("/in/{}", pages::shortname(&world).unwrap_or_default()),
        "now": world.now().to_string(), "day": world.day,
        "events": world.events().len(), "events_on": world.has_events(),
    })
}

/// The state: the first district's also at the top, for readers who have only one.
pub(crate) fn state(shared: &Shared) -> Value {
    let districts: Vec<Value> = shared
        .districts
        .iter()
        .map(|district| district_state(district))
        .collect();
    let first = &districts[0];
    let mut state = json!({
        "district": { "id": first["id"], "name": first["name"], "state": first["state"] },
        "day_every_seconds": shared.ticker.every().map(|every| every.as_secs()),
        "client_id": shared.app.client_id, "client_secret": shared.app.client_secret,
        "faults": shared.faults.rules(),
    });
    for name in [
        "now",
        "day",
        "records",
        "events",
        "events_on",
        "district_token",
    ] {
        state[name] = first[name].clone();
    }
    state["districts"] = districts.into();
    state
}
