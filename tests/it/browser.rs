//! The web login in a real browser: a headless Chromium (Debian's `chromium`), if one is installed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use url::Url;

use crate::driver::{Driver, chromium};
use crate::login::{Entry, Person, Scene};

/// Loads an address with a fresh profile, follows wherever it leads, and gives the page at the end.
pub(crate) async fn load(program: &'static str, profile: &Path, url: Url) -> String {
    let mut command = tokio::process::Command::new(program);
    command
        .args([
            "--headless",
            // A container has no user namespaces; only this machine's pages are loaded.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--virtual-time-budget=10000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(url.as_str())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), command.output());
    let output = output.await.unwrap().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The door with the person picked already, as a click on Clever's page would.
fn picked(scene: &Scene, entry: Entry) -> Url {
    let mut door = match entry {
        Entry::Portal => scene.emulator.base_url().join("portal/launch").unwrap(),
        _ => scene.door(entry),
    };
    if entry == Entry::Portal {
        door.query_pairs_mut()
            .append_pair("client_id", scene.emulator.client_id());
    }
    door.query_pairs_mut().append_pair("user", &scene.user);
    door
}

#[tokio::test]
async fn a_browser_that_comes_from_clever_ends_signed_in() {
    let Some(program) = chromium().await else {
        return;
    };
    for entry in [Entry::Portal, Entry::Library, Entry::InstantLogin] {
        let scene = Scene::new(Person::Teacher).await;
        let profile = TempDir::new().unwrap();
        let page = load(program, profile.path(), picked(&scene, entry)).await;
        assert!(page.contains(&scene.user), "{entry:?}: {page}");
        assert_eq!(scene.signed_in().join(" "), scene.user, "{entry:?}");
    }
}

#[tokio::test]
async fn a8_a_planted_callback_signs_a_browser_in_to_nobodys_account() {
    let Some(program) = chromium().await else {
        return;
    };
    let scene = Scene::new(Person::Teacher).await;
    let profile = TempDir::new().unwrap();
    // The attacker's own code, in a link for the victim: without a `state` it leads to Clever's page.
    let planted = scene.site.join("callback?code=planted").unwrap();
    let page = load(program, profile.path(), planted).await;
    assert!(page.contains("Log in with Clever"), "{page}");
    let planted = scene
        .site
        .join("callback?code=planted&state=forged")
        .unwrap();
    let page = load(program, profile.path(), planted).await;
    assert!(page.contains("could not be finished"), "{page}");
    assert!(scene.signed_in().is_empty());
}

#[tokio::test]
async fn a31_a_browser_that_blocks_cookies_gets_a_page_that_says_so() {
    let Some(program) = chromium().await else {
        return;
    };
    let scene = Scene::new(Person::Teacher).await;
    let profile = TempDir::new().unwrap();
    let folder = profile.path().join("Default");
    std::fs::create_dir_all(&folder).unwrap();
    let preferences = r#"{"profile":{"default_content_setting_values":{"cookies":2}}}"#;
    std::fs::write(folder.join("Preferences"), preferences).unwrap();
    let before = scene.emulator.requests();
    // Clever has no cookie either, so the person is picked in every address: the way that would go round.
    let mut authorize = scene.site.join("login").unwrap();
    authorize
        .query_pairs_mut()
        .append_pair("return_to", "/classes");
    let page = load(program, profile.path(), authorize).await;
    assert!(page.contains("Log in with Clever"), "{page}");
    let page = load(program, profile.path(), scene.after_restart().await).await;
    assert!(page.contains("Allow cookies"), "{page}");
    assert!(scene.signed_in().is_empty());
    assert!(scene.emulator.requests() - before < 20);
}

#[tokio::test]
async fn from_the_portal_a_click_on_the_apps_icon_ends_signed_in() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::new(Person::Teacher).await;
    driver.open(scene.door(Entry::Portal)).await;
    driver
        .click(&format!("a[href$='user={}']", scene.user))
        .await;
    driver.wait_for("Signed in as").await;
    driver.click("#app").await;
    driver.wait_for(&scene.user).await;
    let at = driver.address().await;
    assert_eq!(
        at,
        scene.site.join("/").unwrap(),
        "in one go, without a word of the code"
    );
    assert_eq!(scene.signed_in().join(" "), scene.user);
    driver.end().await;
}

/// The page that begins a portal's login again continues by itself under its own policy, and leaves no step
/// that the back button would stop at.
#[tokio::test]
async fn a_portal_callback_goes_on_by_itself_in_a_browser() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::new(Person::Teacher).await;
    // The person is signed in at Clever, as everybody who comes from its portal is.
    driver.open(scene.door(Entry::Portal)).await;
    driver
        .click(&format!("a[href$='user={}']", scene.user))
        .await;
    driver.wait_for("Signed in as").await;
    let portal = driver.address().await;
    driver
        .open(scene.site.join("callback?code=portal").unwrap())
        .await;
    driver.wait_for(&scene.user).await;
    assert_eq!(driver.address().await, scene.site.join("/").unwrap());
    driver.back().await;
    driver.wait_for("Signed in as").await;
    assert_eq!(driver.address().await, portal);
    driver.end().await;
}

#[tokio::test]
async fn field_f4_signed_out_stays_signed_out_in_a_browser() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::new(Person::Teacher).await;
    driver.open(scene.door(Entry::Portal)).await;
    driver
        .click(&format!("a[href$='user={}']", scene.user))
        .await;
    driver.click("#app").await;
    driver.wait_for(&scene.user).await;
    driver.open(scene.site.join("logout").unwrap()).await;
    driver.click("button").await;
    driver.wait_for("signed out of this app").await;
    assert!(scene.signed_in().is_empty());
    // Clever's session goes on; back, and back again, brings nobody in.
    for _ in 0..2 {
        driver.back().await;
    }
    driver.open(scene.site.join("logout").unwrap()).await;
    driver.wait_for("signed out of this app").await;
    assert!(driver.page().await.contains("sign out of Clever too"));
    assert!(scene.signed_in().is_empty());
    driver.end().await;
}

#[tokio::test]
async fn inside_a_frame_a_click_leads_out_of_it() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::new(Person::Teacher).await;
    let inner = scene.site.join("classes").unwrap();
    let page = format!("<!doctype html><title>An LMS</title><iframe src=\"{inner}\"></iframe>");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let outer = format!("http://{}/", listener.local_addr().unwrap());
    let show = move || std::future::ready(axum::response::Html(page.clone()));
    let router = axum::Router::new().route("/", axum::routing::get(show));
    tokio::spawn(async move { axum::serve(listener, router).await });
    driver.open(outer.parse().unwrap()).await;
    driver.enter_frame().await;
    driver.wait_for("in a window of its own").await;
    driver.click("a").await;
    driver.leave_frame().await;
    // Clever's page, in the whole window.
    driver
        .click(&format!("a.teacher[href$='user={}']", scene.user))
        .await;
    driver.wait_for(&scene.user).await;
    assert_eq!(driver.address().await, inner);
    driver.end().await;
}

#[tokio::test]
async fn from_the_apps_button_a_district_and_a_user_are_picked_and_the_callback_signs_in() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::among(Person::Teacher, 2).await;
    driver.open(scene.door(Entry::Button)).await;
    driver.wait_for("My district is not listed").await;
    let districts = scene.emulator.districts();
    assert_eq!(districts.len(), 3);
    driver
        .click(&format!("a.district[href*='{}']", districts[0].id))
        .await;
    driver
        .click(&format!("a.teacher[href$='user={}']", scene.user))
        .await;
    driver.wait_for(&scene.user).await;
    assert_eq!(driver.address().await.path(), "/classes");
    assert_eq!(scene.signed_in().join(" "), scene.user);
    driver.end().await;
}

#[tokio::test]
async fn the_emulators_page_lets_a_day_pass_and_breaks_something_by_clicks() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::new(Person::Teacher).await;
    let emulator = &scene.emulator;
    driver.open(emulator.base_url().clone()).await;
    let before = emulator.with_world(|world| world.now());
    driver.click("#days-1").await;
    driver.wait_for("Done: A day passes").await;
    assert!(emulator.with_world(|world| world.now()) > before);
    driver.wait_for("day 1").await;
    // The next request for users goes wrong, and the page shows it without being loaded again.
    driver.write("input[name=path]", "/users").await;
    driver.click("#fault option:nth-child(7)").await;
    driver.write("input[name=times]", "2").await;
    driver.click("#break").await;
    driver.wait_for("2 times").await;
    let rule = emulator.faults().rules().remove(0).rule;
    assert_eq!(rule.to_string(), "server-error@/users*2");
    let url = emulator.base_url().join("/v3.1/users").unwrap();
    let asked = reqwest::Client::new()
        .get(url)
        .bearer_auth(emulator.district_token());
    assert_eq!(asked.send().await.unwrap().status(), 500);
    driver.wait_for("class=\"path\">/v3.1/users</td>").await;
    driver.click("#rules button[value='1']").await;
    driver.wait_for("Nothing is broken.").await;
    assert!(emulator.faults().rules().is_empty());
    driver.click("#rollover").await;
    driver.wait_for("Done: rollover").await;
    driver.end().await;
}
