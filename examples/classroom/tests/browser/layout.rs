//! By keyboard alone, on a phone, and pictures of every page.

use std::path::{Path, PathBuf};

use clever_model::Role;
use serde_json::json;

use crate::driver::Driver;
use crate::scene::{EMAIL, ENTER, PASSWORD, Scene, TAB, leave, log_in};

/// Presses Tab until the focus is on what a selector finds.
async fn tab_to(driver: &Driver, selector: &str) {
    let is_there =
        format!("return document.activeElement === document.querySelector(\"{selector}\")");
    for _ in 0..60 {
        if driver.script(&is_there).await == true {
            return;
        }
        driver.keys(TAB).await;
    }
    panic!("{selector} is not reached by Tab: {}", driver.page().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_keyboard_alone_a_teacher_gets_to_the_old_account() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::start(true).await;
    let teacher = scene.person(Role::Teacher, |_| true);
    driver.open(scene.url.clone()).await;
    tab_to(&driver, "#log-in").await;
    driver.keys(ENTER).await;
    tab_to(&driver, &format!("a[href$='user={}']", teacher.id)).await;
    driver.keys(ENTER).await;
    driver.wait_for("Do you have an account").await;
    tab_to(&driver, "#email").await;
    driver.keys(EMAIL).await;
    driver.keys(TAB).await;
    driver.keys(PASSWORD).await;
    driver.keys(ENTER).await;
    driver.wait_for("Are you").await;
    tab_to(&driver, "#yes").await;
    driver.keys(ENTER).await;
    driver.wait_for("Fractions with pizza").await;
    // The focus is seen, and the menu can be skipped.
    driver.open(scene.at("account")).await;
    driver.keys(TAB).await;
    let skip = driver
        .script("return document.activeElement.className")
        .await;
    assert_eq!(skip, "skip");
    tab_to(&driver, "#sign-out").await;
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(driver.script(outline).await, "solid");
    driver.keys(ENTER).await;
    driver.wait_for("You are signed out of this app").await;
    driver.end().await;
}

/// Goes to each page in turn and calls it by its name; `look` is called when it is there.
async fn each_page(
    driver: &Driver,
    scene: &Scene,
    teacher: usize,
    mut look: impl AsyncFnMut(&str),
) {
    driver.open(scene.url.clone()).await;
    driver.wait_for("Log in with Clever").await;
    look("sign-in").await;
    let parent = scene.person(Role::Contact, |_| true);
    log_in(driver, scene, &parent).await;
    driver.wait_for("not made for your kind").await;
    look("refused").await;
    leave(driver).await;
    let teacher = scene.nth(Role::Teacher, teacher, |_| true);
    log_in(driver, scene, &teacher).await;
    driver.wait_for("Do you have an account").await;
    look("welcome").await;
    driver.click("#create").await;
    driver.wait_for("Your new account").await;
    look("hello").await;
    driver.click("main form button").await;
    driver.wait_for("Hello, ").await;
    look("teacher").await;
    driver.open(scene.url.clone()).await;
    driver.click(".cards a").await;
    driver.wait_for("All my classes").await;
    look("class").await;
    driver.open(scene.at("account")).await;
    driver.wait_for("Where you are signed in").await;
    look("account").await;
    driver.click("#sign-out").await;
    driver.wait_for("You are signed out").await;
    look("signed-out").await;
    leave(driver).await;
    let admin = scene.person(Role::DistrictAdmin, |_| true);
    log_in(driver, scene, &admin).await;
    driver.wait_for("Do you have an account").await;
    driver.click("#create").await;
    driver.wait_for("Your new account").await;
    driver.open(scene.at("admin")).await;
    driver.wait_for("Who could not get in").await;
    look("admin").await;
    leave(driver).await;
}

/// Waits until the background sync has read the district.
async fn synced(driver: &Driver, scene: &Scene) {
    let teacher = scene.person(Role::Teacher, |_| true);
    log_in(driver, scene, &teacher).await;
    driver.click("#create").await;
    driver.wait_for("Your new account").await;
    for _ in 0..60 {
        driver.open(scene.url.clone()).await;
        if driver.page().await.contains("/classes/") {
            leave(driver).await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    panic!("no roster came: {}", driver.page().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_is_wider_than_a_phone_and_no_button_is_small() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::start(true).await;
    synced(&driver, &scene).await;
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true });
    driver
        .chromium("Emulation.setDeviceMetricsOverride", phone)
        .await;
    // The teacher who waited for the roster is known by now: another one is asked.
    let mut looked = 0;
    each_page(&driver, &scene, 1, async |name| {
        looked += 1;
        let wide = driver.script("return document.documentElement.scrollWidth").await;
        assert!(wide.as_u64().unwrap() <= 390, "{name} is {wide} wide");
        let small = "return [...document.querySelectorAll('button, .button, input:not([type=hidden])')]\
                     .filter(e => e.getBoundingClientRect().height < 43).map(e => e.outerHTML).join()";
        assert_eq!(driver.script(small).await, "", "{name}");
    })
    .await;
    assert_eq!(looked, 9);
    driver.end().await;
}

/// Writes the pictures of the documentation: `cargo xtask screenshots`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it writes files: run it by `cargo xtask screenshots`"]
async fn pictures_of_each_page() {
    let folder = PathBuf::from(std::env::var("CLEVER_SCREENSHOTS").unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let driver = Driver::start().await.unwrap();
    let scene = Scene::start(true).await;
    synced(&driver, &scene).await;
    let window = json!({ "width": 800, "height": 640, "deviceScaleFactor": 1, "mobile": false });
    driver
        .chromium("Emulation.setDeviceMetricsOverride", window)
        .await;
    driver
        .chromium("Emulation.setScrollbarsHidden", json!({ "hidden": true }))
        .await;
    each_page(&driver, &scene, 1, async |name| {
        for colours in ["light", "dark"] {
            let feature = json!([{ "name": "prefers-color-scheme", "value": colours }]);
            driver
                .chromium("Emulation.setEmulatedMedia", json!({ "features": feature }))
                .await;
            save(&driver, &folder, &format!("{name}-{colours}.png")).await;
        }
    })
    .await;
    driver.end().await;
}

async fn save(driver: &Driver, folder: &Path, name: &str) {
    std::fs::write(folder.join(name), driver.picture().await).unwrap();
}
