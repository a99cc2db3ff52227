//! `cleverctl console`: one document with a link that is good once, and the pages behind it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::ground::{Emulator, Store, cleverctl, held};

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
