//! An admin forgets: first what would go, then it; who it was is nowhere afterwards, and the note stays.

use clever_console::Role;
use clever_emulator::Happening;

use crate::ground::Ground;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_forgets_a_person_and_an_operator_does_not() {
    for ground in Ground::each("forgetting").await {
        let report = ground.hold().await;
        let sample = report
            .held_samples
            .iter()
            .find(|one| one.kind.as_str() == "users")
            .unwrap();
        let served = ground.console().await;
        let place = format!("/districts/{}/records/users/{}", ground.district, sample.id);
        let mut operator = served.visitor(Role::Operator).await;
        let page = operator.go(&place).await;
        assert!(!page.text.contains("Forget this person"));
        let form = page.form();
        let forget = format!("{place}/forget");
        let refused = operator
            .send(
                &forget,
                &[("form", &form), ("step", "do"), ("reason", "asked for")],
            )
            .await;
        assert_eq!(refused.status, 403);

        let mut admin = served.visitor(Role::Admin).await;
        let page = admin.go(&place).await;
        assert!(page.text.contains("Forget this person"), "{}", page.text);
        let form = page.form();
        // Whoever is in the roster would come back: that is said, unless they are kept out.
        let look = admin
            .send(&forget, &[("form", &form), ("step", "look")])
            .await;
        assert_eq!(look.status, 409);
        assert!(
            look.text.contains("never to be taken in again"),
            "{}",
            look.text
        );
        let fields = [
            ("form", form.as_str()),
            ("step", "look"),
            ("keep_out", "yes"),
        ];
        let look = admin.send(&forget, &fields).await;
        assert_eq!(look.status, 200, "{}", look.text);
        assert!(
            look.text.contains("Nothing was erased yet"),
            "{}",
            look.text
        );
        assert_eq!(admin.go(&place).await.status, 200, "a look erases nothing");
        let fields = [("form", form.as_str()), ("step", "do"), ("reason", "")];
        assert_eq!(
            admin.send(&forget, &fields).await.status,
            422,
            "a reason is needed"
        );
        let fields = [
            ("form", form.as_str()),
            ("step", "do"),
            ("reason", "the family asked"),
            ("keep_out", "yes"),
        ];
        let done = admin.send(&forget, &fields).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert!(done.text.contains("It is forgotten"), "{}", done.text);
        assert_eq!(admin.go(&place).await.status, 404);
        let audit = admin.go("/audit").await;
        assert!(audit.text.contains("the family asked") && audit.text.contains("digest"));
        assert!(!audit.text.contains(&sample.id), "{}", audit.text);
        ground.emulator.happen(Happening::UnshareSchool);
        let _ = ground.sync().await;
        assert_eq!(
            admin.go(&place).await.status,
            404,
            "the next run keeps the person out"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_forgets_a_district() {
    let ground = Ground::new().await;
    let served = ground.console().await;
    let mut admin = served.visitor(Role::Admin).await;
    let place = format!("/districts/{}", ground.district);
    let page = admin.go(&place).await;
    let form = page.form();
    let (_, name) = page.text.split_once("<h1>").unwrap();
    let name = name.split('<').next().unwrap().to_owned();
    let forget = format!("{place}/forget");
    let look = admin
        .send(&forget, &[("form", &form), ("step", "look")])
        .await;
    assert!(look.text.contains("Forget this district?"), "{}", look.text);
    let fields = [
        ("form", form.as_str()),
        ("step", "do"),
        ("reason", "the contract ended"),
    ];
    let done = admin.send(&forget, &fields).await;
    assert!(done.text.contains("It is forgotten"), "{}", done.text);
    // What remains is that there was a district, and that it was forgotten.
    let page = admin.go(&place).await;
    assert!(
        page.text.contains("forget") && !page.text.contains(&name),
        "{}",
        page.text
    );
    let mut store = ground.store().await;
    let record = store.record(
        &ground.district,
        clever_model::RecordKind::Districts,
        &ground.district,
    );
    assert_eq!(record.await.unwrap(), None);
    let audit = admin.go("/audit").await;
    assert!(audit.text.contains("the contract ended"), "{}", audit.text);
}
