//! Several stores in a directory, and a district that moves from one to another: killed on the way, read by a reader who goes on, and written
//! of in no other store.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use clever_emulator::EmulatorConfig;
use clever_model::RecordKind;
use serde_json::Value;

use crate::all_districts::{Many, of};
use crate::ground::{errors, held};
use crate::killed::Store;

/// Districts of an emulator, two stores, and the file that names them.
struct Stores {
    many: Many,
    main: Store,
    west: Store,
    file: PathBuf,
}

/// Writes the file that names two stores, of which the first is the usual one; gives its path.
pub(crate) fn directory(many: &Many, main: &Store, west: &Store, more: &str) -> PathBuf {
    let file = many.folder.path().join("clever.toml");
    let text = format!(
        "[stores]\ndefault = \"main\"\n[stores.named]\nmain = \"{}\"\nwest = \"{}\"\n{more}",
        main.url(),
        west.url()
    );
    fs::write(&file, text).unwrap();
    file
}

impl Stores {
    async fn of(many: Many, main: Store, west: Store, more: &str) -> Self {
        let file = directory(&many, &main, &west, more);
        Self {
            many,
            main,
            west,
            file,
        }
    }

    async fn in_files(districts: u64, more: &str) -> Self {
        let many = Many::of(districts, EmulatorConfig::default()).await;
        let path = |name: &str| many.folder.path().join(name);
        let (main, west) = (
            Store::Sqlite(path("main.db")),
            Store::Sqlite(path("west.db")),
        );
        Self::of(many, main, west, more).await
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.many.command(args);
        command
            .env("CLEVER_SETTINGS", &self.file)
            .env("CLEVER_API_URL", self.many.emulator.base_url().as_str())
            .env("USER", "kim");
        command
    }

    /// Runs a command to its end, which must be this one.
    fn ask(&self, args: &[&str], exit: i32) -> Output {
        let output = self.command(args).output().unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
        output
    }

    /// Syncs every district; gives their lines.
    fn sync(&self) -> Vec<Value> {
        let output = self.ask(&["sync", "--all", "--page-size", "5", "--json"], 0);
        let told = held("sync-all", &output.stdout);
        told["districts"].as_array().cloned().unwrap()
    }

    fn moved(&self, args: &[&str]) -> Value {
        held(
            "move",
            self.ask(&[&["move"], args, &["--json"]].concat(), 0).stdout,
        )
    }

    /// The store of each district, by id.
    fn status(&self) -> Value {
        held("status", self.ask(&["status", "--json"], 0).stdout)["stores"].clone()
    }

    /// What a reader of a district has not seen: the numbers of the changes.
    fn read(&self, district: &str) -> Vec<u64> {
        let args = [
            "changes",
            "--consumer",
            "app",
            "--district",
            district,
            "--json",
        ];
        let output = self.ask(&args, 0);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| held("change", line)["seq"].as_u64().unwrap())
            .collect()
    }

    /// Changes the name of a section, so that the next sync has something to do.
    fn edit(&self, district: &str, name: &str) {
        self.many.emulator.with_world_of(district, |world| {
            let first = world.list(RecordKind::Sections).keys().next().unwrap();
            world.edit(RecordKind::Sections, &first, |section| {
                section["name"] = name.into();
            });
        });
    }

    async fn number(store: &Store, sql: &str) -> String {
        let rows = store.rows(&[sql.to_owned()]).await;
        rows[0].first().cloned().unwrap_or_default()
    }
}

fn updated(line: &Value) -> u64 {
    line["report"]["kinds"]["sections"]["updated"]
        .as_u64()
        .unwrap()
}

/// A night in one store, a move, and a night in the other.
async fn a_district_moves(stores: Stores) {
    let lines = stores.sync();
    assert_eq!(lines.len(), 3);
    let id = stores.many.ids().remove(1);
    let all = stores.status();
    assert!(
        all.as_object().unwrap().values().all(|name| name == "main"),
        "{all}"
    );
    let first = stores.read(&id);
    assert_eq!(first.first(), Some(&1));

    // Bad input is refused with what is wrong, and nothing is paused for it.
    let nowhere = stores.ask(&["move", &id, "--to", "east"], 2);
    assert!(
        errors(&nowhere).contains("main, west"),
        "{}",
        errors(&nowhere)
    );
    let nobody = stores.ask(&["move", "5a25ffb0c1bc2a0036000fff", "--to", "west"], 1);
    assert!(
        errors(&nobody).contains("no district"),
        "{}",
        errors(&nobody)
    );
    stores.ask(&["move", &id, "--call-off"], 1);
    let kept = stores.ask(&["move", &id, "--forget-old", "main"], 1);
    assert!(errors(&kept).contains("copy_needed"), "{}", errors(&kept));

    let moved = stores.moved(&[&id, "--to", "west", "--reason", "main is full"]);
    assert_eq!(
        (&moved["said"], &moved["from"]),
        (&"moved".into(), &"main".into())
    );
    let tables = moved["tables"].as_array().unwrap();
    assert!(
        tables
            .iter()
            .any(|one| one["table"] == "_changes" && one["rows"] != 0)
    );
    let again = stores.moved(&[&id, "--to", "west"]);
    assert_eq!(
        (&again["said"], &again["store"]),
        (&"there".into(), &"west".into())
    );
    let all = stores.status();
    assert_eq!(
        (&all[&id], all.as_object().unwrap().len()),
        (&"west".into(), 3),
        "{all}"
    );
    let shown = stores.ask(&["status"], 0).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("west") && shown.contains("3 ok"), "{shown}");

    // The old store refuses whoever names it, and says where the district is.
    let api = stores.many.emulator.base_url().to_string();
    let main = stores.main.url();
    let there = ["--store", &main, "--district", &id];
    let sync = ["sync", "--credential", "app", "--api-url", &api];
    let refused = errors(&stores.ask(&[&sync[..], &there].concat(), 1));
    assert!(
        refused.contains("store `west`") && refused.contains("#elsewhere"),
        "{refused}"
    );
    let read = ["changes", "--consumer", "app"];
    let refused = errors(&stores.ask(&[&read[..], &there].concat(), 1));
    assert!(refused.contains("store `west`"), "{refused}");
    let pause = ["pause", &id, "--reason", "a new SIS", "--store", &main];
    assert!(errors(&stores.ask(&pause, 1)).contains("store `west`"));

    // Its nights and its readers go on in the new one, from where they stood.
    assert_eq!(stores.read(&id), Vec::<u64>::new());
    stores.edit(&id, "Another");
    let lines = stores.sync();
    assert_eq!(updated(of(&lines, &id)), 1, "no second first load");
    assert_eq!(stores.read(&id), [first.last().unwrap() + 1]);
    stores.ask(
        &["sync", "--credential", "app", "--district", &id, "--verify"],
        0,
    );
    stores.ask(&["explain", &id, "--district", &id], 0);

    // The old copy goes; what leads from it stays.
    let gone = stores.moved(&[&id, "--forget-old", "main"]);
    assert_eq!(gone["said"], "forgotten");
    let left = format!("SELECT CAST(count(*) AS TEXT) FROM users WHERE district_id = '{id}'");
    assert_eq!(Stores::number(&stores.main, &left).await, "0");
    assert_eq!(updated(of(&stores.sync(), &id)), 0);
    // And it comes home.
    stores.moved(&[&id, "--to", "main"]);
    assert_eq!(stores.status()[&id], "main");
    stores.edit(&id, "Home again");
    assert_eq!(updated(of(&stores.sync(), &id)), 1);
    assert_eq!(stores.read(&id), [first.last().unwrap() + 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_district_moves_between_two_files() {
    a_district_moves(Stores::in_files(3, "").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_district_moves_between_two_databases() {
    let main = Store::postgres("move_main").await;
    let west = Store::postgres("move_west").await;
    if let (Some(main), Some(west)) = (main, west) {
        let many = Many::of(3, EmulatorConfig::default()).await;
        a_district_moves(Stores::of(many, main, west, "").await).await;
    }
}

/// Kills a move again and again, each time a little later, until it has ended.
async fn killed_again_and_again(stores: &Stores, id: &str) {
    for wait in (20..).step_by(15) {
        let mut process = stores
            .command(&["move", id, "--to", "west", "--quiet"])
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if process
            .try_wait()
            .unwrap()
            .is_some_and(|status| status.success())
        {
            return;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        // Whatever was cut off, a night does no harm: the district is in one store, or waits.
        let sync = ["sync", "--all", "--page-size", "5", "--quiet"];
        let night = stores.command(&sync).output().unwrap();
        assert!(
            matches!(night.status.code(), Some(0 | 1)),
            "{}",
            errors(&night)
        );
        assert!(wait < 5000, "it never ends");
    }
}

async fn a_move_is_killed(stores: Stores) {
    stores.sync();
    let id = stores.many.ids().remove(0);
    stores.edit(&id, "Changed before");
    killed_again_and_again(&stores, &id).await;
    assert_eq!(stores.status()[&id], "west");
    let lines = stores.sync();
    let totals = &of(&lines, &id)["report"]["kinds"];
    for (kind, counts) in totals.as_object().unwrap() {
        assert_eq!(counts["created"], 0, "{kind}: {counts}");
    }
    let question = |sql: &str| sql.replace("ID", &id);
    let gaps =
        question("SELECT CAST(count(*) - max(seq) AS TEXT) FROM changes WHERE district_id = 'ID'");
    assert_eq!(
        Stores::number(&stores.west, &gaps).await,
        "0",
        "the feed has a gap"
    );
    let creates =
        "SELECT CAST(count(*) AS TEXT) FROM changes WHERE district_id = 'ID' AND op = 'create'
         AND kind = 'users'";
    let users = "SELECT CAST(count(*) AS TEXT) FROM users WHERE district_id = 'ID'";
    let creates = Stores::number(&stores.west, &question(creates)).await;
    assert_eq!(
        creates,
        Stores::number(&stores.west, &question(users)).await
    );
    let pauses = Stores::number(&stores.west, "SELECT CAST(count(*) AS TEXT) FROM _pauses").await;
    assert_eq!(pauses, "0", "nobody is left paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_killed_again_and_again_ends_in_files() {
    a_move_is_killed(Stores::in_files(2, "").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_killed_again_and_again_ends_in_databases() {
    let main = Store::postgres("killed_move_main").await;
    let west = Store::postgres("killed_move_west").await;
    if let (Some(main), Some(west)) = (main, west) {
        let many = Many::of(2, EmulatorConfig::default()).await;
        a_move_is_killed(Stores::of(many, main, west, "").await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_or_a_district_says_which_store_and_an_option_stands_over_both() {
    let mut stores = Stores::in_files(2, "[stores.credentials]\napp = \"west\"\n").await;
    let ids = stores.many.ids();
    stores.sync();
    let all = stores.status();
    assert!(
        all.as_object().unwrap().values().all(|name| name == "west"),
        "{all}"
    );
    // A token does not say whose it is: Clever is asked before the store is opened.
    let text = fs::read_to_string(&stores.file).unwrap();
    fs::write(
        &stores.file,
        format!("{text}[stores.districts]\n{} = \"main\"\n", ids[0]),
    )
    .unwrap();
    let shown = String::from_utf8(stores.ask(&["config", "show"], 0).stdout).unwrap();
    assert!(
        shown.contains("stores.districts") && shown.contains("main = sqlite:"),
        "{shown}"
    );
    let token = stores.many.emulator.district_token().to_owned();
    let mut command = stores.command(&["sync", "--json", "--new-district"]);
    let output = command.env("CLEVER_TOKEN", token).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let of_main = "SELECT district_id FROM districts";
    assert_eq!(Stores::number(&stores.main, of_main).await, ids[0]);
    // Nobody moved it: now it is in two stores, and `status` says so.
    let status = errors(&stores.ask(&["status"], 0));
    assert!(status.contains("in the stores main and west"), "{status}");
    let other = stores.many.folder.path().join("other.db");
    let other = format!("sqlite:{}", other.display());
    stores.ask(&["sync", "--all", "--store", &other, "--quiet"], 0);
    let one = held(
        "status",
        stores
            .ask(&["status", "--store", &other, "--json"], 0)
            .stdout,
    );
    assert!(one["stores"].is_null(), "{one}");
    // A file that says two things is refused with its name.
    let text = format!(
        "store = \"x.db\"\n{}",
        fs::read_to_string(&stores.file).unwrap()
    );
    stores.file = stores.many.folder.path().join("both.toml");
    fs::write(&stores.file, text).unwrap();
    let both = errors(&stores.ask(&["status"], 2));
    assert!(
        both.contains("both.toml: `store` and `stores.named`"),
        "{both}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_district_that_two_stores_have_is_read_from_neither_until_somebody_says_which() {
    let stores = Stores::in_files(1, "").await;
    for store in [&stores.main, &stores.west] {
        stores.ask(&["sync", "--all", "--quiet", "--store", &store.url()], 0);
    }
    let district = stores.many.ids().remove(0);
    let asked = ["changes", "--district", &district];
    let said = errors(&stores.ask(&asked, 2));
    let both = format!("the stores `main` and `west` both have district {district}");
    assert!(said.contains(&both), "{said}");
    assert!(said.contains("[stores.districts]"), "{said}");
    let west = stores.west.url();
    stores.ask(&[&asked[..], &["--store", &west]].concat(), 0);
}
