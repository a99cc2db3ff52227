//! The console as the classroom mounts it: the administrator of a district comes in by the app's own session, and sees the district.

use clever_model::Role;

use crate::driver::Driver;
use crate::scene::{Scene, leave, log_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_administrator_of_a_district_comes_to_the_console_and_a_student_does_not() {
    let Some(driver) = Driver::start().await else {
        return;
    };
    let scene = Scene::start(true).await;
    let admin = scene.person(Role::DistrictAdmin, |_| true);
    log_in(&driver, &scene, &admin).await;
    driver.click("#create").await;
    driver.wait_for("Your new account").await;
    driver.open(scene.at("admin")).await;
    driver.click("#console").await;
    driver.wait_for("All districts").await;
    let district = scene
        .clever
        .with_world(|world| world.district_id().to_owned());
    driver
        .open(scene.at(&format!("console/districts/{district}")))
        .await;
    driver.wait_for("Readers of the changes").await;
    // The app says who may come in, so that there is no link to use and no session to end.
    driver.open(scene.at("console/enter")).await;
    driver.wait_for("there is nothing here").await;
    leave(&driver).await;
    driver.open(scene.at("console")).await;
    driver.wait_for("sign in to the app first").await;
    let student = scene.person(Role::Student, |_| true);
    log_in(&driver, &scene, &student).await;
    driver.wait_for(&format!("Hello, {}", student.name)).await;
    driver.open(scene.at("console")).await;
    driver.wait_for("sign in to the app first").await;
    driver.end().await;
}
