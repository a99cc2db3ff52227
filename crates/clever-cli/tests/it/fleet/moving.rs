//! Two stores and a fleet: a district moves while workers go on, and ends as in a store that nobody disturbed.

use std::time::Duration;

use serde_json::Value;

use super::ground::Fleet;
use crate::ground::{errors, held};
use crate::killed::Store;

const MINUTE: Duration = Duration::from_secs(60);

fn is_done(line: &Value) -> bool {
    line["outcome"] == "done" && line["running_since"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_district_moves_while_the_fleet_goes_on() {
    let Some(mut fleet) = Fleet::start(3).await else {
        return;
    };
    let folder = fleet.many.folder.path().to_owned();
    let path = |name: &str| folder.join(name);
    let (main, west) = (
        Store::Sqlite(path("main.db")),
        Store::Sqlite(path("west.db")),
    );
    fleet.over(&main, &west, &[]);
    fleet.apply(&[]);
    let workers = [fleet.worker(&[]), fleet.worker(&[])];
    fleet.until(MINUTE, "the first load of all", is_done).await;
    let district = fleet.many.ids().remove(1);
    // A run and the move at once: whichever is first, the district ends whole in the other store.
    fleet.asked(&["run", &district], 0);
    let output = fleet.fleet(&["move", &district, "--to", "west", "--by", "kim", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let moved = held("move", &output.stdout);
    assert_eq!(
        (&moved["said"], &moved["store"]),
        (&"moved".into(), &"west".into())
    );
    fleet
        .until(MINUTE, "the run in the other store", is_done)
        .await;
    let again = fleet.asked(&["run", &district, "--wait"], 0);
    assert_eq!(
        (&again["said"], &again["changed"]),
        (&"done".into(), &0.into())
    );
    let gone = fleet.fleet(&["move", &district, "--forget-old", "main", "--by", "kim"]);
    assert_eq!(gone.status.code(), Some(0), "{}", errors(&gone));
    drop(workers);
    // Each row is in one of the two, and all together are those of a store that nobody disturbed.
    for rows in Fleet::everything(&west).await {
        assert!(
            rows.iter().all(|row| row.starts_with(&district)),
            "{rows:?}"
        );
    }
    let control = Store::Sqlite(path("control.db"));
    fleet.equal(&[&main, &west], &control).await;
}
