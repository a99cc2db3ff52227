//! Every page answers, for each role and from each place where an app may mount it.

use clever_console::Role;
use clever_sync::ChangeFilter;
use clever_sync::look::Looked;

use crate::ground::Ground;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_there_twice_in_one_process() {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    let (one, other) = (
        ground.console().await,
        ground.served("/ops/console", None).await,
    );
    let mut store = ground.store().await;
    let filter = ChangeFilter {
        limit: 1,
        ..ChangeFilter::default()
    };
    let change = store
        .changes(&ground.district, &filter)
        .await
        .unwrap()
        .remove(0);
    let d = format!("/districts/{}", ground.district);
    let paths = [
        "/".to_owned(),
        d.clone(),
        format!("{d}/hold"),
        format!("{d}/runs/1"),
        format!("{d}/changes?kind=users&op=create&field=&run="),
        format!("{d}/changes?field=name.last&before=100"),
        format!("{d}/changes/{}", change.seq),
        format!("{d}/records/{}/{}", change.kind, change.id),
        "/reviews".to_owned(),
        "/accounts".to_owned(),
        "/setup".to_owned(),
        "/audit".to_owned(),
        "/health".to_owned(),
    ];
    for served in [&one, &other] {
        for role in Role::ALL {
            let mut visitor = served.visitor(role).await;
            for path in &paths {
                // Below a path, the home page has no slash at its end.
                let path = if path == "/" && !served.base.is_empty() {
                    ""
                } else {
                    path
                };
                let page = visitor.go(path).await;
                assert_eq!(page.status, 200, "{role} at {path}: {}", page.text);
                let links = page.text.split("href=\"/").skip(1);
                for link in links {
                    let link = link.split('"').next().unwrap();
                    assert!(
                        format!("/{link}").starts_with(&served.base),
                        "/{link} leads out of {}",
                        served.base
                    );
                }
            }
        }
    }
    // A session of one is none of the other.
    let mut visitor = one.visitor(Role::Admin).await;
    visitor.place = format!("{}{}", other.origin, other.base);
    assert_eq!(visitor.go("/audit").await.status, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_page_from_the_newest_to_the_first_without_a_gap() {
    let ground = Ground::new().await;
    ground.emulator.advance_days(2);
    let _ = ground.sync().await;
    let mut store = ground.store().await;
    let last = store.overview(None).await.unwrap()[0].changes;
    let served = ground.console().await;
    let mut viewer = served.visitor(Role::Viewer).await;
    let mut path = format!("/districts/{}/changes", ground.district);
    let mut seen = Vec::new();
    loop {
        let page = viewer.go(&path).await;
        let place = format!("href=\"/districts/{}/changes/", ground.district);
        let all = page.text.split(&place).skip(1);
        seen.extend(all.filter_map(|rest| rest.split('"').next().unwrap().parse::<u64>().ok()));
        let Some((before, _)) = page.text.split_once("\">Older changes") else {
            break;
        };
        path = before
            .rsplit_once("href=\"")
            .unwrap()
            .1
            .replace("&amp;", "&");
    }
    let all: Vec<u64> = (1..=last).rev().collect();
    assert_eq!(seen, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_reveals_the_names_of_a_list_and_nobody_else_does() {
    let ground = Ground::new().await;
    let mut store = ground.store().await;
    let newest = Looked {
        kind: Some(clever_model::RecordKind::Users),
        limit: 1,
        ..Looked::default()
    };
    let page = store.look_through(&ground.district, &newest).await.unwrap();
    let newest = &page.changes[0];
    let record = store
        .record(&ground.district, newest.kind, &newest.id)
        .await
        .unwrap()
        .unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let part = |part: &str| record["name"][part].as_str().unwrap();
    let name = format!("{} {}", part("first"), part("last"));
    let served = ground.console().await;
    let place = format!("/districts/{}/changes", ground.district);
    let reveal = format!("{place}/reveal");
    for role in Role::ALL {
        let mut visitor = served.visitor(role).await;
        let page = visitor.go(&format!("{place}?kind=users")).await;
        assert!(!page.text.contains(&name), "masked for {role}");
        assert_eq!(page.text.contains("Reveal the names"), role == Role::Admin);
        let form = if role == Role::Admin {
            page.form()
        } else {
            visitor
                .go(&format!("/districts/{}", ground.district))
                .await
                .form()
        };
        let send = |reason| {
            [
                ("form", form.clone()),
                ("kind", "users".to_owned()),
                ("reason", reason),
            ]
        };
        let fields = send("a parent called".to_owned());
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let shown = visitor.send(&reveal, &fields).await;
        if role < Role::Admin {
            assert_eq!(shown.status, 403, "{role}");
            continue;
        }
        assert!(shown.text.contains(&name), "{}", shown.text);
        assert!(!shown.text.split("</title>").next().unwrap().contains(&name));
        assert_eq!(visitor.send(&reveal, &fields[..2]).await.status, 422);
    }
    let deeds = ground.store().await.judged(None, None, 9).await.unwrap();
    let said: Vec<&str> = deeds.iter().map(|one| one.subject.as_str()).collect();
    assert_eq!(said, ["names in 50 changes"], "one row, and no name");
    assert_eq!(deeds[0].reason, "a parent called");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_store_says_which_commands_come_next() {
    let ground = Ground::new().await;
    let empty = clever_sql::Address::parse(&format!(
        "sqlite:{}",
        ground.folder.path().join("empty.db").display()
    ))
    .unwrap();
    drop(
        clever_sync::AnyStore::open(&empty, clever_sync::Open::Create)
            .await
            .unwrap(),
    );
    let ground = Ground {
        roster: empty,
        ..ground
    };
    let served = ground.console().await;
    let mut viewer = served.visitor(Role::Viewer).await;
    let home = viewer.go("/").await;
    for command in ["cleverctl doctor", "cleverctl sync", "cleverctl status"] {
        assert!(home.text.contains(command), "{}", home.text);
    }
}
