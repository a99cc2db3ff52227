//! A district lives, and the store follows.

use clever_model::RecordKind;

use crate::ground::Ground;

#[tokio::test]
async fn after_each_day_the_store_is_the_district() {
    let ground = Ground::new(11, 150).await;
    let first = ground.sync().await.unwrap();
    assert_eq!(
        first.kinds[&RecordKind::Users].created as usize,
        ground.stored().len() - others(&ground)
    );
    assert_eq!(ground.stored(), ground.served());
    for _ in 0..5 {
        let day = ground.emulator.advance_days(1);
        let report = ground.sync().await.unwrap();
        let users = &report.kinds[&RecordKind::Users];
        // A student who leaves may take the adults along.
        assert_eq!(users.created, u64::from(day.enrolled));
        assert!(users.archived >= u64::from(day.withdrawn));
        assert_eq!(ground.stored(), ground.served());
        ground.check_feed();
        let again = ground.sync().await.unwrap();
        assert!(again.is_unchanged(), "{:?}", again.kinds);
    }
}

/// Stored records that are no users.
fn others(ground: &Ground) -> usize {
    ground
        .stored()
        .keys()
        .filter(|(kind, _)| *kind != RecordKind::Users)
        .count()
}

#[tokio::test]
async fn an_unshared_school_is_held_and_named() {
    let ground = Ground::new(3, 300).await;
    drop(ground.sync().await.unwrap());
    let before = ground.stored();
    ground.emulator.with_world(|world| {
        let school = world.list(RecordKind::Schools).keys().next().unwrap();
        let quoted = format!("\"school\":\"{school}\"");
        for kind in [RecordKind::Users, RecordKind::Sections] {
            let gone: Vec<_> = world
                .list(kind)
                .iter()
                .filter(|(_, record)| record.json().contains(&quoted))
                .map(|(id, _)| id)
                .collect();
            assert!(gone.len() > 3, "{kind}");
            for id in gone {
                world.remove(kind, &id);
            }
        }
        world.remove(RecordKind::Schools, &school);
    });
    let report = ground.sync().await.unwrap();
    let hold = report
        .holds
        .iter()
        .find(|hold| hold.kind == RecordKind::Users)
        .expect("users are held");
    assert!(hold.cause.to_string().contains("school"), "{}", hold.cause);
    assert_eq!(ground.counts(RecordKind::Users).1, 0);
    assert!(
        before
            .keys()
            .filter(|(kind, _)| *kind == RecordKind::Users)
            .all(|key| ground.stored().contains_key(key))
    );
}

#[tokio::test]
async fn a_role_switched_off_is_held_and_named() {
    let ground = Ground::new(4, 200).await;
    drop(ground.sync().await.unwrap());
    ground.emulator.with_world(|world| {
        let contacts: Vec<_> = world
            .list(RecordKind::Users)
            .iter()
            .filter(|(_, user)| user.has_role(clever_model::Role::Contact))
            .map(|(id, _)| id)
            .collect();
        for id in contacts {
            world.remove(RecordKind::Users, &id);
        }
    });
    let report = ground.sync().await.unwrap();
    assert_eq!(report.holds.len(), 1);
    assert!(
        report.holds[0].cause.to_string().contains("contact"),
        "{}",
        report.holds[0].cause
    );
}

#[tokio::test]
async fn a_paused_district_archives_nothing() {
    let ground = Ground::new(5, 100).await;
    drop(ground.sync().await.unwrap());
    ground.emulator.with_world(|world| {
        let district = world.district_id().to_owned();
        world.edit(RecordKind::Districts, &district, |record| {
            record["state"] = "paused".into();
        });
        world.retain(RecordKind::Users, |at| at != 7);
    });
    let report = ground.sync().await.unwrap();
    assert_eq!(ground.counts(RecordKind::Users).1, 0);
    assert!(
        report
            .holds
            .iter()
            .any(|hold| hold.cause.to_string().contains("paused")),
        "{:?}",
        report.holds
    );
}
