//! `cleverctl accounts`: from a roster and from a file of an app's accounts to accounts.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::ground::{Emulator, Store, cleverctl, errors};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// Runs `cleverctl accounts` with the accounts beside the roster's store.
fn accounts(store: &Store, args: &[&str]) -> Output {
    let address = format!(
        "sqlite:{}",
        store.path().with_file_name("accounts.db").display()
    );
    let output = cleverctl()
        .args(["accounts", "--accounts", &address])
        .args(args)
        .env("CLEVER_KEY", KEY)
        .output()
        .unwrap();
    assert!(
        !errors(&output).contains("broke off"),
        "{}",
        errors(&output)
    );
    output
}

fn document(output: &Output, exit: i32) -> Value {
    assert_eq!(output.status.code(), Some(exit), "{}", errors(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", errors(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    // Tables fit a terminal; here there is none, and no line of words is cut.
    assert!(!text.contains('\u{1b}'));
    text
}

#[test]
fn a_roster_becomes_accounts_which_are_listed_shown_and_explained() {
    let emulator = Emulator::start(&["--students", "30", "--seed", "4"]);
    let store = Store::new();
    store.report(&emulator, 0);
    let url = store.url();
    let sync = |args: &[&str]| {
        let all = [&["sync", "--store", &url, "--json"], args].concat();
        document(&accounts(&store, &all), 0)["districts"].clone()
    };
    // By default each account is made at its person's first sign-in.
    let lazy = sync(&[]);
    let (district, lazy) = lazy.as_object().unwrap().iter().next().unwrap();
    assert_eq!(lazy["created"], 0);
    let later = lazy["later"].as_u64().unwrap();
    assert!(later >= 30, "{lazy}");
    let eager = sync(&["--create", "--from-start", "--district", district]);
    assert_eq!(eager[district]["created"], later);
    assert_eq!(sync(&["--create"])[district]["changes"], 0);

    let list = document(&accounts(&store, &["list", "--json", "--limit", "1000"]), 0);
    let list = list["accounts"].as_array().unwrap();
    assert_eq!(list.len() as u64, later);
    let page = text(&accounts(&store, &["list", "--limit", "5"]));
    assert!(page.contains("There are more: --after"), "{page}");
    let student = list.iter().find(|one| one["class"] == "Student").unwrap();
    let id = student["account"].as_str().unwrap();
    let user = student["links"][0]["id"].as_str().unwrap();

    let masked = document(&accounts(&store, &["show", id, "--json"]), 0);
    let open = document(&accounts(&store, &["show", id, "--values", "--json"]), 0);
    let first = |shown: &Value| shown["known"][0]["first name"].as_str().unwrap().to_owned();
    assert!(first(&masked).ends_with('…') && !first(&open).ends_with('…'));
    assert_eq!(first(&masked).chars().count(), 2);
    let shown = text(&accounts(&store, &["show", id]));
    assert!(
        shown.contains(user) && shown.contains("--values shows them"),
        "{shown}"
    );
    assert!(!shown.contains(open["known"][0]["last name"].as_str().unwrap()) || shown.is_empty());

    let why = document(&accounts(&store, &["explain", user, "--json"]), 0);
    assert_eq!(
        (why["account"].as_str(), why["rule"].as_str()),
        (Some(id), Some("R1"))
    );
    let why = text(&accounts(&store, &["explain", user]));
    assert!(why.contains(id) && why.contains("R1"), "{why}");
    let nobody = accounts(&store, &["explain", "5a25ffb0c1bc2a0036009999", "--json"]);
    assert_eq!(document(&nobody, 1)["error"]["code"], "not_found");
}

#[test]
fn another_store_is_refused_with_the_next_step() {
    let emulator = Emulator::start(&["--students", "10", "--seed", "4"]);
    let (store, other) = (Store::new(), Store::new());
    store.report(&emulator, 0);
    let url = store.url();
    drop(document(
        &accounts(&store, &["sync", "--store", &url, "--json"]),
        0,
    ));
    // A store of the same district in which less has happened.
    let smaller = Emulator::start(&["--students", "2", "--seed", "4"]);
    other.report(&smaller, 0);
    let url = other.url();
    let refused = accounts(&store, &["sync", "--store", &url]);
    let said = errors(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("--from-start"), "{said}");
    // The step that it names works.
    let from_start = ["sync", "--store", &url, "--from-start", "--json"];
    drop(document(&accounts(&store, &from_start), 0));
}

/// What a terminal of so many columns shows of `cleverctl accounts`.
fn on_terminal(store: &Store, columns: usize, args: &[&str]) -> String {
    let address = store.path().with_file_name("accounts.db");
    let command = format!(
        "stty cols {columns} rows 50; exec {} --color never accounts --accounts sqlite:{} {}",
        cleverctl().get_program().to_str().unwrap(),
        address.display(),
        args.join(" ")
    );
    let shown = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("CLEVER_KEY", KEY)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{text}");
    text.replace('\r', "")
}

#[test]
fn no_terminal_breaks_an_id_and_no_line_is_wider_than_it() {
    let emulator = Emulator::start(&["--students", "12", "--seed", "4"]);
    let store = Store::new();
    store.report(&emulator, 0);
    let url = store.url();
    let sync = on_terminal(&store, 80, &["sync", "--store", &url, "--create"]);
    let list = document(&accounts(&store, &["list", "--json"]), 0);
    let list = list["accounts"].as_array().unwrap();
    let id = list[0]["account"].as_str().unwrap();
    let user = list[0]["links"][0]["id"].as_str().unwrap();
    for columns in [80, 120] {
        let all = [
            sync.clone(),
            on_terminal(&store, columns, &["list"]),
            on_terminal(&store, columns, &["show", id]),
            on_terminal(&store, columns, &["explain", user]),
        ];
        for shown in &all {
            let wide = shown.lines().find(|line| line.chars().count() > columns);
            assert_eq!(wide, None, "{shown}");
        }
        for shown in &all[1..] {
            assert!(shown.contains(id), "{id} is broken:\n{shown}");
            assert!(shown.contains(user), "{user} is broken:\n{shown}");
        }
        assert!(all[1].contains("Governed by"), "{}", all[1]);
    }
}

#[test]
fn a_list_goes_on_behind_its_last_account_and_ends() {
    let emulator = Emulator::start(&["--students", "12", "--seed", "4"]);
    let store = Store::new();
    store.report(&emulator, 0);
    let url = store.url();
    accounts(&store, &["sync", "--store", &url, "--create"]);
    let page = |after: Option<&str>| {
        let mut args = vec!["list", "--json", "--limit", "7", "--state", "active"];
        args.extend(after.map(|id| ["--after", id]).into_iter().flatten());
        document(&accounts(&store, &args), 0)
    };
    let (mut seen, mut next) = (Vec::new(), None::<String>);
    loop {
        let found = page(next.as_deref());
        let some = found["accounts"].as_array().unwrap();
        assert!(!some.is_empty() && some.len() <= 7);
        seen.extend(some.iter().map(|one| one["account"].to_string()));
        match found["next"].as_str() {
            Some(id) => next = Some(id.to_owned()),
            None => break,
        }
    }
    let whole = document(&accounts(&store, &["list", "--json"]), 0);
    let whole = whole["accounts"].as_array().unwrap().iter();
    let whole: Vec<String> = whole.map(|one| one["account"].to_string()).collect();
    assert_eq!(seen, whole);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
    let too_many = accounts(&store, &["list", "--limit", "10001"]);
    assert_eq!(too_many.status.code(), Some(2));
}

#[test]
fn accounts_from_before_come_out_of_a_file_and_a_query() {
    let store = Store::new();
    let file = store.path().with_file_name("accounts.csv");
    fs::write(
        &file,
        "account,class,first_name,last_name,birth,sis_id,favourite\n\
         a1,student,Ximena,Secretperson,2012-05-06,77,blue\n\
         a2,wizard,Bo,Other,2012-05-06,78,red\n\
         ,student,No,Id,2012-05-06,79,red\n\
         a3,student,Odd,Birth,31-Jan,80,red\n\
         a1,student,Twice,There,2012-05-06,81,red\n",
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let import = [
        "import",
        "--csv",
        path,
        "--district",
        "d1",
        "--custody",
        "managed",
    ];
    let dry = [&import[..], &["--dry-run", "--json"]].concat();
    assert_eq!(document(&accounts(&store, &dry), 0)["imported"], 2);
    let done = document(&accounts(&store, &[&import[..], &["--json"]].concat()), 0);
    assert_eq!((&done["rows"], &done["imported"]), (&5.into(), &2.into()));
    let rows: Vec<u64> = done["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["row"].as_u64().unwrap())
        .collect();
    assert_eq!(rows, [2, 3, 5]);
    assert_eq!(done["unread"]["birth"], serde_json::json!([1, 4]));
    assert_eq!(done["ignored"], serde_json::json!(["favourite"]));
    let said = accounts(&store, &import);
    let said = [said.stdout, said.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(
        said.contains("row 2") && said.contains("2 known before"),
        "{said}"
    );
    assert!(
        !said.contains("Secretperson") && !said.contains("31-Jan"),
        "{said}"
    );

    let app = store.path().with_file_name("app.db");
    let connection = rusqlite::Connection::open(&app).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE people (id INTEGER, given TEXT, family TEXT, born TEXT);
             INSERT INTO people VALUES (7, 'Ada', 'Okafor', '2013-02-01'), (8, 'Obi', 'Okafor', NULL)",
        )
        .unwrap();
    let from = format!("sqlite:{}", app.display());
    let query = |columns: &str| {
        let sql = "SELECT id, given, family, born FROM people";
        accounts(
            &store,
            &[
                "import",
                "--query",
                sql,
                "--from",
                &from,
                "--columns",
                columns,
                "--class",
                "student",
                "--json",
            ],
        )
    };
    let done = document(&query("account,first_name,last_name,birth"), 0);
    assert_eq!(
        (&done["imported"], &done["refused"]),
        (&2.into(), &serde_json::json!([]))
    );
    assert_eq!(query("account,first_name").status.code(), Some(2));
    assert_eq!(
        query("account,first_name,nonsense,birth").status.code(),
        Some(2)
    );
    let shown = document(&accounts(&store, &["show", "7", "--values", "--json"]), 0);
    assert_eq!(shown["known"][0]["first name"], "Ada");
    assert_eq!(shown["account"]["custody"], "Personal");
}
