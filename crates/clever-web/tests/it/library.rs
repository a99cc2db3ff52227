//! Teachers and students whom no district shares.

use clever_model::Role;

use crate::browser::Browser;
use crate::site::Scene;

#[tokio::test]
async fn a_library_teachers_classes_come_with_her_and_vouch_for_her_students() {
    let scene = Scene::of_library().await;
    let site = scene.site().await;
    let teacher = scene.person(Role::Teacher, 0);
    let student = scene.clever.with_world(|world| {
        let mut sections = world.list(clever_model::RecordKind::Sections).values();
        let found = sections.find_map(|section| {
            let section = section.value();
            let hers = section["teachers"].to_string().contains(&teacher);
            let first = section["students"][0].as_str()?.to_owned();
            hers.then_some(first)
        });
        found.unwrap()
    });
    let early = library(&scene, &site.url, &student).await;
    assert_eq!(early.0, 403, "{early:?}");
    assert!(
        early.1.contains("Your teacher has to come first"),
        "{early:?}"
    );
    let page = library(&scene, &site.url, &teacher).await;
    assert!(page.1.starts_with("asked"), "{page:?}");
    let page = library(&scene, &site.url, &student).await;
    assert!(page.1.starts_with("in "), "{page:?}");
}

/// Signs in through the Library: the code comes without a `state`, and the login begins again with a session at Clever.
async fn library(scene: &Scene, site: &str, user: &str) -> (u16, String) {
    let base = scene.clever.base_url();
    let mut url = base.join("library/install").unwrap();
    url.query_pairs_mut()
        .append_pair("client_id", scene.clever.client_id())
        .append_pair("user", user);
    let mut browser = Browser::new();
    let page = browser.go(url.as_str(), "").await;
    assert_eq!(page.status, 401, "{page:?}");
    let page = browser.go(&format!("{site}/"), "").await;
    (page.status, page.text)
}
