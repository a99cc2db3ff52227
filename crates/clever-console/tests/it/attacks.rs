//! What must not be possible, tried.

use std::time::Duration;

use clever_console::Role;
use clever_model::RecordKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ground::{Ground, Served};

/// Every path that writes.
fn deeds(ground: &Ground) -> Vec<String> {
    let place = format!("/districts/{}", ground.district);
    let of_district = [
        "/sync",
        "/hold/reveal",
        "/hold/approve",
        "/hold/leave",
        "/hold/withdraw",
        "/runs/1/undo",
        "/records/users/x/reveal",
        "/records/users/x/forget",
        "/forget",
    ];
    let others = [
        "/reviews/1/reveal",
        "/reviews/1/approve",
        "/reviews/1/decline",
        "/accounts/a/reveal",
        "/accounts/a/merge",
        "/accounts/a/unmerge",
        "/accounts/a/unlink",
        "/accounts/a/end",
        "/schedule/test",
    ];
    let of_district = of_district.iter().map(|path| format!("{place}{path}"));
    of_district.chain(others.map(str::to_owned)).collect()
}

async fn held() -> (Ground, Served) {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    let served = ground.console().await;
    (ground, served)
}

/// The audit, and what the last run held: neither may change.
async fn standing(ground: &Ground) -> (usize, Option<String>, bool) {
    let mut store = ground.store().await;
    let deeds = store.judged(None, None, 100).await.unwrap().len();
    let status = store
        .overview(Some(&ground.district))
        .await
        .unwrap()
        .remove(0);
    let approved = store.approval(&ground.district).await.unwrap().is_some();
    (deeds, status.held_hash, approved)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_who_posts_a_stale_form_and_a_form_from_elsewhere_do_nothing() {
    let (ground, served) = held().await;
    let before = standing(&ground).await;
    let mut viewer = served.visitor(Role::Viewer).await;
    let form = viewer.go("/").await.form();
    let fields = |form: &str| {
        let all = [
            ("form", form),
            ("reason", "because"),
            ("count", "1"),
            ("hash", "x"),
            ("step", "do"),
            ("school", ""),
        ];
        all.map(|(name, value)| (name, value.to_owned()))
    };
    let mut operator = served.visitor(Role::Operator).await;
    let own = operator.go("/").await.form();
    let mut stranger = served.stranger();
    let mut elsewhere = served.visitor(Role::Operator).await;
    let theirs = elsewhere.go("/").await.form();
    for path in deeds(&ground) {
        let sent = fields(&form);
        let sent: Vec<_> = sent
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(
            viewer.send(&path, &sent).await.status,
            403,
            "a viewer at {path}"
        );
        // The viewer's form, and none, in the operator's session.
        assert_eq!(
            operator.send(&path, &sent).await.status,
            403,
            "a stale form at {path}"
        );
        assert_eq!(
            operator.send(&path, &sent[1..]).await.status,
            403,
            "no token at {path}"
        );
        assert_eq!(operator.go(&path).await.status, 405, "a GET at {path}");
        let sent = fields(&theirs);
        let sent: Vec<_> = sent
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        for origin in [Some("https://evil.example"), Some("null"), None] {
            elsewhere.origin = origin.map(str::to_owned);
            assert_eq!(
                elsewhere.send(&path, &sent).await.status,
                403,
                "from {origin:?} at {path}"
            );
        }
        assert_eq!(
            stranger.send(&path, &sent).await.status,
            303,
            "nobody at {path}"
        );
    }
    assert_eq!(standing(&ground).await, before);
    assert_ne!(own, form);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_for_this_browser_alone_and_runs_nothing_from_elsewhere() {
    let (ground, served) = held().await;
    let mut operator = served.visitor(Role::Operator).await;
    let mut pages = vec!["/".to_owned(), "/nowhere".to_owned(), "/audit".to_owned()];
    pages.push(format!("/districts/{}/hold", ground.district));
    for path in pages {
        let page = operator.go(&path).await;
        let header = |name: &str| {
            page.headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let policy = header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(
            header("cache-control").as_deref(),
            Some("no-store"),
            "{path}"
        );
        assert_eq!(header("x-frame-options").as_deref(), Some("DENY"));
        for inline in ["<style", "style=\"", "onclick", "<script>"] {
            assert!(!page.text.contains(inline), "{inline} in {path}");
        }
    }
    let link = served.link(Role::Admin);
    let key = link.split_once("?key=").unwrap().1;
    let mut other = served.stranger();
    let entered = other.send("/enter", &[("key", key)]).await;
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(
        served
            .stranger()
            .send("/enter", &[("key", key)])
            .await
            .status,
        422,
        "a link is good once"
    );
    // A name that somebody pointed here.
    let rebound = operator
        .http
        .get(format!("{}/", served.origin))
        .header("host", "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), 421);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_with_markup_and_formulas_is_text() {
    let ground = Ground::new().await;
    let evil = "<script>alert(1)</script>=cmd|' /C calc'!A0\u{202e}";
    let id = ground.emulator.with_world(|world| {
        let id = world.list(RecordKind::Schools).keys().next().unwrap();
        world.edit(RecordKind::Schools, &id, |school| {
            school["name"] = evil.into();
        });
        id
    });
    let _ = ground.sync().await;
    let served = ground.console().await;
    let mut viewer = served.visitor(Role::Viewer).await;
    let page = viewer
        .go(&format!(
            "/districts/{}/records/schools/{id}",
            ground.district
        ))
        .await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("&lt;script&gt;alert(1)"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script>alert") && !page.text.contains('\u{202e}'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_district_and_what_is_not_there_are_not_found() {
    let (ground, served) = held().await;
    let mut operator = served.visitor(Role::Operator).await;
    let form = operator.go("/").await.form();
    let d = &ground.district;
    for path in [
        "/districts/other/runs/1".to_owned(),
        "/districts/other/hold".to_owned(),
        "/districts/other/changes".to_owned(),
        format!("/districts/{d}/runs/999999"),
        format!("/districts/{d}/runs/18446744073709551615"),
        format!("/districts/{d}/changes/18446744073709551615"),
        format!("/districts/{d}/records/users/'; DROP TABLE users; --"),
        format!("/districts/{d}/records/secrets/1"),
    ] {
        assert_eq!(operator.go(&path).await.status, 404, "{path}");
    }
    let undo = operator
        .send(
            "/districts/other/runs/1/undo",
            &[("form", &form), ("step", "do"), ("reason", "because")],
        )
        .await;
    assert_eq!(undo.status, 404);
    // Somebody of another district sees none of this one.
    let mut foreign = served
        .visitor_of(Role::Admin, Some("5a25ffb0c1bc2a00360000ff"))
        .await;
    for path in ["", "/hold", "/changes", "/runs/1"] {
        let page = foreign.go(&format!("/districts/{d}{path}")).await;
        assert_eq!(page.status, 404, "{path}");
    }
    assert!(!foreign.go("/").await.text.contains(d.as_str()));
    assert!(!foreign.go("/audit").await.text.contains(d.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_who_approve_at_once_one_is_told_of_the_other() {
    let (ground, served) = held().await;
    let place = format!("/districts/{}/hold", ground.district);
    let mut ways = Vec::new();
    for _ in 0..2 {
        let mut operator = served.visitor(Role::Operator).await;
        let page = operator.go(&place).await;
        ways.push((operator, page.form(), page.hidden("hash")));
    }
    let count = {
        let all = ground.store().await.overview(None).await.unwrap();
        all[0]
            .holds
            .iter()
            .map(|one| one.hold.count)
            .sum::<u64>()
            .to_string()
    };
    let path = format!("{place}/approve");
    let [(one, form, hash), (other, their_form, _)] = ways.as_mut_slice() else {
        panic!("two operators")
    };
    let fields = |form: &str| {
        [
            ("form", form.to_owned()),
            ("hash", hash.clone()),
            ("count", count.clone()),
            ("reason", "at once".to_owned()),
        ]
    };
    let (first, second) = (fields(form), fields(their_form));
    let pairs = |all: &[(&'static str, String); 4]| all.clone();
    let (first, second) = (pairs(&first), pairs(&second));
    let first: Vec<(&str, &str)> = first
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let second: Vec<(&str, &str)> = second
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (a, b) = tokio::join!(one.send(&path, &first), other.send(&path, &second));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
    let told = if a.status == 409 { a } else { b };
    assert!(
        told.text.contains("approved already, by the-operator"),
        "{}",
        told.text
    );
    let deeds = ground.store().await.judged(None, None, 10).await.unwrap();
    assert_eq!(deeds.iter().filter(|one| one.deed == "approve").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused_and_a_slow_client_keeps_nobody_waiting() {
    let (ground, served) = held().await;
    let mut operator = served.visitor(Role::Operator).await;
    let form = operator.go("/").await.form();
    let ids = "5a25ffb0c1bc2a0036000001,".repeat(10_000);
    let undo = format!("/districts/{}/runs/1/undo", ground.district);
    let sent = operator
        .send(&undo, &[("form", &form), ("school", &ids)])
        .await;
    assert_eq!(sent.status, 422);
    let long = operator
        .go(&format!(
            "/districts/{}/changes?field={}",
            ground.district,
            "x".repeat(20_000)
        ))
        .await;
    assert!([200, 414, 431].contains(&long.status), "{}", long.status);
    // Twenty clients that begin a form and never end it.
    let host = served.origin.trim_start_matches("http://").to_owned();
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&host).await.unwrap();
        let head = format!(
            "POST /enter HTTP/1.1\r\nhost: {host}\r\norigin: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nkey=",
            served.origin
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let page = tokio::time::timeout(Duration::from_secs(5), operator.go("/"))
        .await
        .unwrap();
    assert_eq!(page.status, 200);
    let mut byte = [0];
    let answered = tokio::time::timeout(Duration::from_millis(50), slow[0].read(&mut byte)).await;
    assert!(answered.is_err(), "it waits by itself");
    // Whoever guesses keys is slowed down.
    let mut stranger = served.stranger();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(stranger.send("/enter", &[("key", "guess")]).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_away_is_said_and_comes_back() {
    let (ground, served) = held().await;
    let mut viewer = served.visitor(Role::Viewer).await;
    assert_eq!(viewer.go("/").await.status, 200);
    let fresh = ground.console().await;
    let mut late = fresh.visitor(Role::Viewer).await;
    let (file, aside) = (
        ground.folder.path().join("roster.db"),
        ground.folder.path().join("aside.db"),
    );
    std::fs::rename(&file, &aside).unwrap();
    let page = late.go("/").await;
    assert_eq!(page.status, 503);
    assert!(page.text.contains("does not answer"), "{}", page.text);
    assert!(!page.text.contains("roster.db"), "no address is shown");
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(late.go("/").await.status, 200);
}
