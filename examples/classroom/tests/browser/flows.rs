//! The flow of Clever's guide, for people whom a district shares and for those whom a teacher does.

use clever_model::Role;

use crate::driver::Driver;
use crate::scene::{EMAIL, PASSWORD, Scene, claim, leave, log_in};

const ASKED: &str = "Do you have an account here already?";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teacher_of_a_district_proves_the_old_account_and_a_squatter_gets_nothing() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::start(true).await;
    let teacher = scene.nth(Role::Teacher, 0, |_| true);
    let squatter = scene.nth(Role::Teacher, 1, |_| true);

    log_in(&driver, &scene, &teacher).await;
    driver.wait_for(ASKED).await;
    claim(&driver, "", "a wrong one", "#use").await;
    driver.wait_for("No account here has this address").await;
    claim(&driver, "", PASSWORD, "#use").await;
    // Clever asks who it is, since the computer may be shared.
    driver.wait_for("Are you").await;
    driver.click("#yes").await;
    driver.wait_for(&format!("Hello, {}", teacher.name)).await;
    driver.wait_for("Fractions with pizza").await;
    driver.wait_for("Premium").await;

    // Signed out stays signed out.
    driver.click("#sign-out").await;
    driver.wait_for("You are signed out of this app").await;
    driver.open(scene.url.clone()).await;
    driver.wait_for("Log in with Clever").await;
    // Later: straight in, without a question.
    driver.click("#log-in").await;
    driver.wait_for(&format!("Hello, {}", teacher.name)).await;

    // Somebody else who knows the password, and one who guesses.
    leave(&driver).await;
    log_in(&driver, &scene, &squatter).await;
    driver.wait_for(ASKED).await;
    claim(&driver, "", PASSWORD, "#use").await;
    driver.wait_for("Are you").await;
    driver.click("#yes").await;
    driver.wait_for("can't be connected").await;
    leave(&driver).await;
    log_in(&driver, &scene, &squatter).await;
    for _ in 0..5 {
        driver.wait_for(ASKED).await;
        claim(&driver, "", "guess", "#use").await;
        driver.wait_for("id=\"wrong\"").await;
    }
    claim(&driver, "", PASSWORD, "#use").await;
    driver.wait_for("tried too often").await;
    let page = driver.page().await;
    assert!(
        !page.contains(EMAIL) || page.contains("type=\"email\""),
        "{page}"
    );
    driver.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teacher_of_the_library_is_new_and_two_accounts_are_joined_and_parted() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::start(false).await;
    let teacher = scene.person(Role::Teacher, |_| true);
    driver.open(scene.door("library/install", &teacher)).await;
    driver.wait_for(ASKED).await;
    driver.click("#create").await;
    // The first visit: what Clever gave stands there, the rest is asked and may be left out.
    driver.wait_for("Your new account").await;
    driver.write("#school", "Lincoln Elementary").await;
    driver.click("main form button").await;
    driver.wait_for(&format!("Hello, {}", teacher.name)).await;
    driver.wait_for("Free: you use Classroom").await;
    driver.wait_for("students)").await;
    driver.write("#title", "Written by the new one").await;
    driver.click("form[action='/works'] button").await;
    driver.wait_for("Written by the new one").await;

    driver.open(scene.at("account")).await;
    claim(&driver, "join-", PASSWORD, "#join").await;
    driver.wait_for("Are you").await;
    driver.click("#yes").await;
    driver
        .wait_for("Another account was joined to this one")
        .await;
    driver.open(scene.url.clone()).await;
    driver.wait_for("Fractions with pizza").await;
    driver.wait_for("Written by the new one").await;

    // That was a mistake: both are as they were.
    driver.open(scene.at("account")).await;
    claim(&driver, "part-", PASSWORD, "#part").await;
    driver.wait_for("The accounts are two again").await;
    driver.open(scene.url.clone()).await;
    driver.click("#log-in").await;
    driver.wait_for("Written by the new one").await;
    assert!(!driver.page().await.contains("Fractions with pizza"));
    driver.end().await;
}
