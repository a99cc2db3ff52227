//! `cleverctl console`: one document with a link that is good once, and the pages behind it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};

use crate::connect::somebody;
use crate::ground::{Emulator, Store, cleverctl, errors, held};

/// A console that ends with the value.
struct Served {
    process: Child,
    link: String,
}

impl Served {
    fn start(args: &[&str]) -> Self {
        let mut process = cleverctl()
            .args(["console", "--json", "--as", "kim"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let link = held("console", &line)["link"].as_str().unwrap().to_owned();
        Self { process, link }
    }

    /// The home page, as whoever opens the link sees it.
    async fn home(&self) -> String {
        let client = reqwest::Client::builder().no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none());
        let client = client.build().unwrap();
        let door = client.get(&self.link).send().await.unwrap();
        assert!(door.text().await.unwrap().contains("Come in"));
        let (enter, key) = self.link.split_once("?key=").unwrap();
        let origin = enter.strip_suffix("/enter").unwrap();
        let come_in = || {
            let form = client.post(enter).body(format!("key={key}"));
            form.header("Content-Type", "application/x-www-form-urlencoded")
                .header("Origin", origin)
                .send()
        };
        let entered = come_in().await.unwrap();
        assert_eq!(entered.status(), 303);
        let cookie = entered.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap();
        let home = client.get(format!("{origin}/")).header("Cookie", cookie);
        let page = home.send().await.unwrap().text().await.unwrap();
        let again = come_in().await.unwrap();
        assert_eq!(again.status(), 422, "a link is good once");
        page
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn whoever_opens_the_link_sees_the_districts_of_the_store() {
    let (emulator, store) = (Emulator::start(&["--students", "60"]), Store::new());
    let report = store.report(&emulator, 0);
    let served = Served::start(&["--store", &store.url()]);
    let home = served.home().await;
    let name = report["district_name"].as_str().unwrap();
    assert!(home.contains(name) && home.contains("kim"), "{home}");
}

#[tokio::test]
async fn the_demo_has_trouble_for_whoever_looks() {
    let served = Served::start(&["--demo"]);
    let home = tokio::time::timeout(Duration::from_secs(120), served.home());
    let home = home.await.unwrap();
    for sentence in ["need you", "held", "failing"] {
        assert!(home.contains(sentence), "{sentence}: {home}");
    }
}

/// Asks the API of a console.
async fn api(served: &Served, token: &str, path: &str) -> (u16, serde_json::Value) {
    let (enter, _) = served.link.split_once("/enter").unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{enter}/api{path}"));
    let answer = request.bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_token_opens_the_api_until_it_is_taken_away() {
    let (emulator, store) = (Emulator::start(&["--students", "60"]), Store::new());
    let report = store.report(&emulator, 0);
    let token = |args: &[&str], exit| {
        let output = cleverctl()
            .args(["--json", "console", "token"])
            .args(args)
            .args(["--store", &store.url()])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
        output.stdout
    };
    let made = held(
        "console-token",
        token(&["add", "nightly", "--for", "90d"], 0),
    );
    let secret = made["token"].as_str().unwrap();
    assert_eq!(made["role"], "viewer");
    token(&["add", "nightly"], 2);
    let listed = held("console-tokens", token(&["list"], 0));
    assert_eq!(listed["tokens"][0]["name"], "nightly");
    assert!(!listed.to_string().contains(secret));

    let served = Served::start(&["--store", &store.url()]);
    let (status, districts) = api(&served, secret, "/districts").await;
    assert_eq!(status, 200);
    assert_eq!(
        districts["districts"][0]["district_id"],
        report["district_id"]
    );
    let printed = cleverctl().args(["console", "openapi"]).output().unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let (_, served_document) = api(&served, secret, "/openapi.json").await;
    assert_eq!(printed["paths"], served_document["paths"]);
    held("console-token-removed", token(&["remove", "nightly"], 0));
    assert_eq!(api(&served, secret, "/districts").await.0, 401);
    token(&["remove", "nightly"], 1);
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(headers: &HeaderMap) -> String {
    let all = headers.get_all(SET_COOKIE).iter();
    all.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
        .collect::<Vec<_>>()
        .join("; ")
}

#[tokio::test]
async fn people_sign_in_at_an_issuer_and_a_claim_says_what_they_may_do() {
    let emulator = Emulator::start(&["--students", "40", "--openid"]);
    let store = Store::new();
    store.report(&emulator, 0);
    let secret = store.path().with_file_name("secret");
    std::fs::write(&secret, format!("{}\n", emulator.client_secret)).unwrap();
    let (url, secret) = (store.url(), secret.display().to_string());
    let args = [
        ["--store", &url],
        ["--openid-issuer", &emulator.url],
        ["--openid-client-id", &emulator.client_id],
        ["--openid-claim", "user_type"],
        ["--openid-role", "teacher=operator"],
        ["--openid-name", "multi_role_user_id"],
    ];
    let args = args.concat();
    let served = Served::start(&[&args[..], &["--openid-secret-file", &secret]].concat());
    let (site, _) = served.link.split_once("/enter").unwrap();
    let client = reqwest::Client::builder().no_proxy();
    let client = client.redirect(reqwest::redirect::Policy::none());
    let client = client.build().unwrap();
    // Who has a role comes in under the name of the claim; who has none does not.
    for (role, status) in [("teacher", 200), ("student", 403)] {
        let person = somebody(&emulator, role);
        let begun = client.get(format!("{site}/enter/openid"));
        let begun = begun.send().await.unwrap();
        let mut issuer: url::Url = begun.headers()[LOCATION].to_str().unwrap().parse().unwrap();
        issuer.query_pairs_mut().append_pair("user", &person);
        let answer = client.get(issuer).send().await.unwrap();
        let back = answer.headers()[LOCATION].to_str().unwrap();
        assert!(back.starts_with(&format!("{site}/enter/back?")), "{back}");
        let come = client.get(back).header(COOKIE, cookies(begun.headers()));
        let come = come.send().await.unwrap();
        assert_eq!(come.status(), status, "{role}");
        let home = client.get(format!("{site}/"));
        let home = home.header(COOKIE, cookies(come.headers())).send();
        let home = home.await.unwrap().text().await.unwrap();
        let is_in = home.contains(&format!("{person} (operator)"));
        assert_eq!(is_in, role == "teacher", "{home}");
    }
    // What is missing or no role is said before anybody opens a page.
    let refused = |args: &[&str], says: &str| {
        let output = cleverctl().arg("console").args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(errors(&output).contains(says), "{}", errors(&output));
    };
    refused(&args, "CLEVER_CONSOLE_SECRET");
    refused(&args[..6], "--openid-role");
    refused(
        &["--openid-role", "teacher=king"],
        "viewer, operator or admin",
    );
}

/// What is done at a terminal is a row of the audit, too.
#[tokio::test]
async fn the_audit_has_what_is_done_at_a_terminal() {
    let (emulator, store) = (Emulator::start(&["--students", "60"]), Store::new());
    store.report(&emulator, 0);
    // The same district, and most of its people are not there.
    let fewer = Emulator::start(&["--students", "10"]);
    let held_by = store.report(&fewer, 3);
    let hash = held_by["plan_hash"].as_str().unwrap();
    let synced = store.sync(&fewer, &["--approve", hash]);
    assert_eq!(synced.status.code(), Some(0), "{}", errors(&synced));
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().display().to_string();
    for args in [
        vec!["export", "--format", "csv", &out],
        vec!["undo", "3", "--yes"],
    ] {
        let done = cleverctl()
            .args(&args)
            .args(["--store", &store.url()])
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(0), "{args:?}: {}", errors(&done));
    }
    let database = rusqlite::Connection::open(store.url().trim_start_matches("sqlite:")).unwrap();
    let mut rows = database
        .prepare("SELECT deed || ' ' || subject || ' ' || role FROM audit WHERE actor <> 'sync' ORDER BY key")
        .unwrap();
    let rows: Vec<String> = rows
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let approve = format!("approve {hash} terminal");
    assert_eq!(
        rows,
        [
            approve.as_str(),
            "export csv terminal",
            "undo run 3 terminal"
        ]
    );
}
