//! Shared computers, several tabs, impatient fingers, and people about whom little is known.

use clever_model::Role;

use crate::driver::Driver;
use crate::scene::{Scene, leave, log_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_one_at_the_same_browser_is_never_the_one_before() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::start(true).await;
    // From the portal, a student of whom no address is known.
    let ana = scene.person(Role::Student, |user| {
        user["email"].as_str().is_none_or(str::is_empty)
    });
    driver.open(scene.door("portal/launch", &ana)).await;
    driver.wait_for(&format!("Hello, {}", ana.name)).await;
    driver.wait_for("My classes").await;
    // The next one comes from the portal, and nobody has signed out.
    let ben = scene.nth(Role::Student, 3, |user| {
        user["id"].as_str() != Some(&ana.id)
    });
    driver.open(scene.door("portal/launch", &ben)).await;
    driver.wait_for(&format!("Hello, {}", ben.name)).await;
    driver.back().await;
    driver.open(scene.url.clone()).await;
    driver.wait_for(&format!("Hello, {}", ben.name)).await;
    driver.open(scene.at("account")).await;
    driver.click("#not-me").await;
    driver.wait_for("You are signed out of this app").await;
    // A parent has no place here, and reads why.
    let parent = scene.person(Role::Contact, |_| true);
    leave(&driver).await;
    log_in(&driver, &scene, &parent).await;
    driver
        .wait_for("not made for your kind of Clever account")
        .await;
    // The person whom they ask sees both.
    let admin = scene.person(Role::DistrictAdmin, |_| true);
    leave(&driver).await;
    log_in(&driver, &scene, &admin).await;
    driver.click("#create").await;
    driver.wait_for("Your new account").await;
    driver.open(scene.at("admin")).await;
    driver.wait_for("A parent or guardian").await;
    driver.wait_for("Was in this account and said").await;
    driver.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn back_double_clicks_and_three_tabs_make_one_account() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::start(true).await;
    // A teacher who is staff, too, if the world has one.
    let two_roles = |user: &serde_json::Value| {
        user["roles"]["teacher"].is_object() && user["roles"]["staff"].is_object()
    };
    let teacher = scene.person(Role::Teacher, two_roles);
    let mut tabs = vec![driver.new_tab().await];
    driver.open(scene.url.clone()).await;
    for _ in 0..2 {
        tabs.push(driver.new_tab().await);
        driver.open(scene.at("account")).await;
        driver.wait_for("Log in with Clever").await;
    }
    // All three stand at Clever's page; each picks the same person.
    driver.to_tab(&tabs[0]).await;
    driver.click("#log-in").await;
    driver.wait_for("Log in with Clever (emulated)").await;
    for tab in &tabs {
        driver.to_tab(tab).await;
        driver
            .click(&format!("a[href$='user={}']", teacher.id))
            .await;
        driver
            .wait_for("Do you have an account here already?")
            .await;
    }
    // An older tab's question is out of date: it is asked again, and nothing breaks.
    driver.to_tab(&tabs[0]).await;
    driver.click("#create").await;
    driver.wait_for("Nothing was changed").await;
    driver.to_tab(&tabs[2]).await;
    driver
        .script("const b = document.querySelector('#create'); b.click(); b.click();")
        .await;
    driver.wait_for("Your").await;
    driver.open(scene.url.clone()).await;
    driver.wait_for(&format!("Hello, {}", teacher.name)).await;
    driver.wait_for("My schools").await;
    driver.wait_for("My classes").await;
    // Back to Clever's answer, and forth.
    driver.back().await;
    driver.back().await;
    driver.open(scene.at("account")).await;
    driver.wait_for("Where you are signed in").await;
    let sessions = driver
        .script("return document.querySelectorAll('section[aria-labelledby=sessions] li').length");
    assert_eq!(sessions.await, 1);
    driver.end().await;
}
