//! The console in a browser: a decision from the first page to the way back, by keyboard, on a telephone, and through axe.

use std::path::{Path, PathBuf};

use clever_console::Role;
use serde_json::{Value, json};

use crate::accounts::question;
use crate::driver::Driver;
use crate::ground::{Ground, Served};

/// A district with something held and a question, and a console that may sync.
async fn scene() -> (Ground, Served) {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    question(&ground).await;
    let served = ground.served("", Some(ground.runner())).await;
    (ground, served)
}

async fn come_in(driver: &Driver, served: &Served, role: Role) {
    driver.open(served.link(role).parse().unwrap()).await;
    driver.click("#enter").await;
    driver.wait_for("All districts").await;
}

async fn go(driver: &Driver, served: &Served, path: &str) {
    driver
        .open(format!("{}{path}", served.origin).parse().unwrap())
        .await;
}

/// Every page, by its name and path.
async fn pages(ground: &Ground) -> Vec<(&'static str, String)> {
    let mut store = ground.store().await;
    let filter = clever_sync::ChangeFilter {
        kind: Some(clever_model::RecordKind::Users),
        limit: 1,
        ..clever_sync::ChangeFilter::default()
    };
    let change = store
        .changes(&ground.district, &filter)
        .await
        .unwrap()
        .remove(0);
    let mut accounts =
        clever_provision::store::AccountStore::open(&ground.accounts, crate::ground::keys())
            .await
            .unwrap();
    let review = accounts.reviews().await.unwrap().remove(0).id;
    let d = format!("/districts/{}", ground.district);
    vec![
        ("home", "/".to_owned()),
        ("hold", format!("{d}/hold")),
        ("district", d.clone()),
        ("run", format!("{d}/runs/1")),
        ("changes", format!("{d}/changes")),
        ("change", format!("{d}/changes/{}", change.seq)),
        ("person", format!("{d}/records/users/{}", change.id)),
        ("reviews", "/reviews".to_owned()),
        ("review", format!("/reviews/{review}")),
        ("accounts", "/accounts".to_owned()),
        ("account", "/accounts/a1".to_owned()),
        ("setup", "/setup".to_owned()),
        ("schedule", "/schedule".to_owned()),
        ("audit", "/audit".to_owned()),
        ("health", "/health".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_finds_what_needs_them_decides_it_and_takes_it_back() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let (_ground, served) = scene().await;
    come_in(&driver, &served, Role::Operator).await;
    driver.wait_for("2 need you").await;
    driver.click("a.decide").await;
    driver.wait_for("Nothing of it was written").await;
    driver.wait_for("may no longer be shared").await;
    // The number stands on the page, in bold, before its field.
    let asked = driver
        .script("return document.querySelector('label[for=count] strong').textContent")
        .await;
    driver.write("#count", asked.as_str().unwrap()).await;
    driver
        .write("#why-approve", "the district confirmed it")
        .await;
    driver.click("#approve").await;
    driver.wait_for("Nothing of this district is held").await;
    driver.wait_for("the district confirmed it").await;
    driver.click("#deeds a").await;
    driver.wait_for("was let through").await;
    driver.click("#preview").await;
    driver.wait_for("Nothing was done yet").await;
    driver
        .write("#why-undo", "it was a mistake after all")
        .await;
    driver.click("#undo").await;
    driver.wait_for("Took back").await;
    // The times are in the viewer's zone.
    let titles = driver
        .script("return [...document.querySelectorAll('time')].map(t => t.title).join()")
        .await;
    assert!(!titles.as_str().unwrap().contains(" UTC,"), "{titles}");
    go(&driver, &served, "/audit").await;
    driver.wait_for("it was a mistake after all").await;
    driver.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_by_keys_and_the_answer_taken_back() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let (_ground, served) = scene().await;
    come_in(&driver, &served, Role::Operator).await;
    go(&driver, &served, "/reviews").await;
    driver.click("main table a").await;
    driver.wait_for("A sibling or twin is known").await;
    driver.keys("s").await;
    driver.wait_for("1 question waits").await;
    driver.click("main table a").await;
    driver.wait_for("A sibling or twin is known").await;
    driver.keys("a").await;
    driver.wait_for("somebody decided it").await;
    driver
        .write(
            "form[action$='/unlink'] input[name=reason]",
            "it was the twin",
        )
        .await;
    driver.click("button.unlink").await;
    driver.wait_for("Nobody from Clever").await;
    driver.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_forgets_somebody_after_a_look_at_what_goes() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let (ground, served) = scene().await;
    come_in(&driver, &served, Role::Admin).await;
    let all = pages(&ground).await;
    let (_, person) = all.iter().find(|(name, _)| *name == "person").unwrap();
    go(&driver, &served, person).await;
    driver.click("input[name=keep_out]").await;
    driver.click("#forget").await;
    driver.wait_for("Nothing was erased yet").await;
    serious(&driver, "what would be erased").await;
    driver.write("#why-forget", "the family asked for it").await;
    driver.click("#forget").await;
    driver.wait_for("It is forgotten").await;
    go(&driver, &served, "/audit").await;
    driver.wait_for("the family asked for it").await;
    driver.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_pauses_a_district_looks_what_a_sync_would_do_and_lets_it_go_on() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let (ground, served) = scene().await;
    come_in(&driver, &served, Role::Operator).await;
    let place = format!("/districts/{}", ground.district);
    go(&driver, &served, &place).await;
    driver.click("details summary").await;
    driver.write("#why-pause", "a new SIS until Monday").await;
    driver.click("#pause").await;
    driver.wait_for("No run begins until").await;
    driver.wait_for("a new SIS until Monday").await;
    serious(&driver, "a paused district").await;
    driver.click("#look").await;
    driver.wait_for("What it would hold").await;
    serious(&driver, "what a sync would do").await;
    go(&driver, &served, &place).await;
    driver.write("#why-resume", "the new SIS is whole").await;
    driver.click("#resume").await;
    driver.wait_for("Sync now").await;
    go(&driver, &served, "/audit").await;
    driver.wait_for("a new SIS until Monday").await;
    driver.end().await;
}

/// Fails if axe finds something serious on the page, where axe is.
async fn serious(driver: &Driver, name: &str) {
    if let Some(axe) = axe() {
        driver.script(&axe).await;
        let found = driver.script(SERIOUS).await;
        assert_eq!(found, Value::Array(Vec::new()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_sends_a_test_of_alerts() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let (_ground, served) = scene().await;
    come_in(&driver, &served, Role::Operator).await;
    go(&driver, &served, "/schedule").await;
    driver.write("#why-test", "a new pager").await;
    driver.click("#test").await;
    driver.wait_for("A test was sent to 1 place").await;
    driver.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_is_wider_than_its_screen_and_no_button_is_small() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let (ground, served) = scene().await;
    come_in(&driver, &served, Role::Admin).await;
    for width in [390, 1280, 2560] {
        let screen = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width == 390 });
        driver
            .chromium("Emulation.setDeviceMetricsOverride", screen)
            .await;
        for (name, path) in pages(&ground).await {
            go(&driver, &served, &path).await;
            let wide = driver
                .script("return document.documentElement.scrollWidth")
                .await;
            assert!(
                wide.as_u64().unwrap() <= width,
                "{name} is {wide} wide on {width}"
            );
            let small = "return [...document.querySelectorAll('button, .button, nav a, select, input:not([type=hidden])')]\
                         .filter(e => e.getBoundingClientRect().height < 43).map(e => e.outerHTML).join()";
            assert_eq!(driver.script(small).await, "", "{name}");
        }
    }
    driver.end().await;
}

/// What axe finds that keeps somebody out.
const SERIOUS: &str = "return axe.run(document).then(r => r.violations\
                       .filter(v => v.impact === 'serious' || v.impact === 'critical')\
                       .map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))";

/// The script of axe-core, which `cargo xtask test` installs from npm.
fn axe() -> Option<String> {
    let place = "../../target/axe/node_modules/axe-core/axe.min.js";
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    let found = std::fs::read_to_string(&place).ok();
    if found.is_none() {
        eprintln!(
            "skipped: {} is missing; `cargo xtask test` installs it where npm is",
            place.display()
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious_on_any_page_light_or_dark() {
    let (Some(axe), Some(driver)) = (axe(), Driver::start().await) else {
        return;
    };
    let (ground, served) = scene().await;
    come_in(&driver, &served, Role::Admin).await;
    for colours in ["light", "dark"] {
        let feature = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        driver
            .chromium("Emulation.setEmulatedMedia", json!({ "features": feature }))
            .await;
        for (name, path) in pages(&ground).await {
            go(&driver, &served, &path).await;
            driver.script(&axe).await;
            let found = driver.script(SERIOUS).await;
            assert_eq!(found, Value::Array(Vec::new()), "{name} in {colours}");
        }
    }
    driver.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_whole_without_scripts() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let (_ground, served) = scene().await;
    driver
        .chromium(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": true }),
        )
        .await;
    driver
        .open(served.link(Role::Operator).parse().unwrap())
        .await;
    driver.click("#enter").await;
    driver.click("a.decide").await;
    driver
        .write("#why-leave", "the district is still asked")
        .await;
    driver.click("#leave").await;
    driver.wait_for("the district is still asked").await;
    driver.end().await;
}

/// The pages of which there is a picture on a telephone.
const ON_A_PHONE: [&str; 4] = ["home", "hold", "person", "review"];

/// Writes the pictures of the documentation: `cargo xtask screenshots`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it writes files: run it by `cargo xtask screenshots`"]
async fn pictures_of_each_page() {
    let folder = PathBuf::from(std::env::var("CLEVER_SCREENSHOTS").unwrap());
    let driver = Driver::start().await.unwrap();
    let (ground, served) = scene().await;
    come_in(&driver, &served, Role::Operator).await;
    driver
        .chromium("Emulation.setScrollbarsHidden", json!({ "hidden": true }))
        .await;
    for (colours, width, height, mark) in [
        ("light", 1100, 760, "light"),
        ("dark", 1100, 760, "dark"),
        ("light", 390, 844, "phone"),
    ] {
        let feature = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        driver
            .chromium("Emulation.setEmulatedMedia", json!({ "features": feature }))
            .await;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width == 390 });
        driver
            .chromium("Emulation.setDeviceMetricsOverride", screen)
            .await;
        for (name, path) in pages(&ground).await {
            if mark == "phone" && !ON_A_PHONE.contains(&name) {
                continue;
            }
            go(&driver, &served, &path).await;
            std::fs::write(
                folder.join(format!("console-{name}-{mark}.png")),
                driver.picture().await,
            )
            .unwrap();
        }
    }
    driver.end().await;
}
