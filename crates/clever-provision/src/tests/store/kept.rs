//! What the tables hold: names under a key, hand edits, lineages, and tables of the app beside them.

use super::*;

#[tokio::test]
async fn a30_p30_no_name_is_ever_in_the_file_and_after_erasure_none_can_be_read() {
    for mut ground in stores("erase").await {
        let pupil = Account {
            class: Class::Student,
            ..used(3)
        };
        ground.store.import(&[pupil], ago(1000)).await.unwrap();
        let student = Subject {
            id: user(5),
            ..login(Class::Student, 1)
        };
        ground
            .enter(&student, evidence(&[Evidence::NamesAgree], 3), &lax(), 30)
            .await;
        assert!(ground.store.reviews().await.unwrap()[0].material.is_some());
        let draft = Draft {
            at: now(),
            actor: Actor::Program,
            authority: None,
            proof: ProofClass::None,
            explanation: None,
            event: Event::Erased {
                district: district(1),
            },
        };
        ground.store.erase(&district(1), draft).await.unwrap();
        assert!(ground.store.reviews().await.unwrap()[0].material.is_none());
        ground.store.verify().await.unwrap();
        let dump = ground.dump().await.join("\n");
        assert!(!dump.contains("Ximena") && !dump.contains("provision_keys: \"d1\""));
        if let Some(file) = &ground.file {
            for name in ["accounts.db", "accounts.db-wal"] {
                let bytes = std::fs::read(file.with_file_name(name)).unwrap_or_default();
                assert!(!bytes.windows(6).any(|part| part == b"Ximena"), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn field_a_hand_edit_is_found_and_named() {
    let mut ground = stores("edited").await.remove(0);
    let mut other = used(1);
    other.links[0].district = Some(district(2));
    other.methods = vec![LoginMethod {
        id: "password".into(),
        proven_at: None,
    }];
    ground
        .store
        .import(&[used(0), other], ago(10))
        .await
        .unwrap();
    ground
        .store
        .set_in_roster(&user(1), false, now())
        .await
        .unwrap();
    let kept = ground.store.account(&account_id(1)).await.unwrap().unwrap();
    assert!(!kept.links[0].in_roster && kept.methods.len() == 1);
    ground.store.verify().await.unwrap();
    for (edit, back, found) in [
        (
            "UPDATE provision_methods SET proven_at = '2026-01-01T00:00:00Z' WHERE account = 'a1'",
            "UPDATE provision_methods SET proven_at = NULL WHERE account = 'a1'",
            "way in a1 by password",
        ),
        (
            "INSERT INTO provision_methods (account, id, proven_at) VALUES ('a0', 'mine', NULL)",
            "DELETE FROM provision_methods WHERE id = 'mine'",
            "way in a0 by mine",
        ),
        (
            "UPDATE provision_links SET in_roster = 1 WHERE user_id = 'u1'",
            "UPDATE provision_links SET in_roster = 0 WHERE user_id = 'u1'",
            "link of u1",
        ),
        (
            "INSERT INTO provision_links (user_id, account, alias, in_roster) VALUES ('u7', 'a0', 1, 1)",
            "DELETE FROM provision_links WHERE user_id = 'u7'",
            "link of u7",
        ),
        (
            "UPDATE provision_links SET alias = 1 WHERE user_id = 'u0'",
            "UPDATE provision_links SET alias = 0 WHERE user_id = 'u0'",
            "link of u0",
        ),
        (
            "INSERT INTO provision_sharing (user_id, shared_by) VALUES ('u0', '{\"district\":\"d9\"}')",
            "DELETE FROM provision_sharing",
            "sharing of u0",
        ),
        (
            "INSERT INTO provision_declined (pair, evidence) VALUES ('x', 'y')",
            "DELETE FROM provision_declined",
            "answer x",
        ),
        (
            "INSERT INTO provision_merges (id, record, survivor, proof) VALUES (7, 'x', 'a0', 'x')",
            "DELETE FROM provision_merges",
            "merge 7",
        ),
        (
            "UPDATE provision_links SET account = 'a1' WHERE user_id = 'u0'",
            "UPDATE provision_links SET account = 'a0' WHERE user_id = 'u0'",
            "link of u0",
        ),
        (
            "UPDATE provision_accounts SET standing = replace(standing, '\"Active\"', '\"Suspended\"') WHERE id = 'a1'",
            "UPDATE provision_accounts SET standing = replace(standing, '\"Suspended\"', '\"Active\"') WHERE id = 'a1'",
            "account a1",
        ),
        (
            "UPDATE provision_accounts SET district = 'd9' WHERE id = 'a1'",
            "UPDATE provision_accounts SET district = 'd1' WHERE id = 'a1'",
            "account a1",
        ),
        (
            "UPDATE provision_about SET thing = 'account gone' WHERE thing = 'account a1'",
            "UPDATE provision_about SET thing = 'account a1' WHERE thing = 'account gone'",
            "history of account a1",
        ),
        (
            "UPDATE provision_ledger SET entry = replace(entry, 'u0', 'u9') WHERE seq = 2",
            "UPDATE provision_ledger SET entry = replace(entry, 'u9', 'u0') WHERE seq = 2",
            "entry 2",
        ),
    ] {
        ground.store.db().batch(edit).await.unwrap();
        let error = ground.store.verify().await.unwrap_err().to_string();
        assert!(error.contains(found), "{error}");
        ground.store.db().batch(back).await.unwrap();
        ground.store.verify().await.unwrap();
    }
}

#[tokio::test]
async fn lineage_one_person_stays_one_account() {
    for mut ground in stores("lineage").await {
        // A teacher of the Library under v2, with her own account.
        let mut person = Person::new(user(1), None, [Role::Teacher]);
        person.shared_by = Some(user(1));
        let library = Subject::roster(&person).unwrap();
        let policy = Policy {
            create_at_sync: true,
            ..lax()
        };
        let (_, applied) = ground.enter(&library, Vec::new(), &policy, 40).await;
        assert_eq!(applied, Applied::Account(account_id(40)));
        // v3 gives her another id and says which was the old one, for all of a roster at once.
        let mut person = Person::new(user(2), Some(district(1)), [Role::Teacher]);
        person.legacy_ids = [user(1)].into();
        let migrated = Subject::roster(&person).unwrap();
        let (_, applied) = ground.enter(&migrated, Vec::new(), &policy, 41).await;
        assert_eq!(applied, Applied::Account(account_id(40)));
        // The district took over from the teacher: the ledger says so, and there is no second account.
        let (_, applied) = ground.enter(&migrated, Vec::new(), &policy, 42).await;
        assert_eq!(applied, Applied::Account(account_id(40)));
        // An answer that still has the old id alone means the same account.
        let old =
            Subject::roster(&Person::new(user(1), Some(district(1)), [Role::Teacher])).unwrap();
        let (decision, _) = ground.enter(&old, Vec::new(), &policy, 43).await;
        assert_eq!(
            decision,
            Decision::LogIn {
                account: account_id(40)
            }
        );
        assert_eq!(
            ground.store.sharing(&user(2)).await.unwrap(),
            Some(SharedBy::District(district(1)))
        );
        // A student whose id was re-issued: the old one is out of the roster, the score leads.
        let pupil = Account {
            class: Class::Student,
            ..used(3)
        };
        ground.store.import(&[pupil], ago(1000)).await.unwrap();
        ground
            .store
            .set_in_roster(&user(3), false, now())
            .await
            .unwrap();
        let again = Subject {
            id: user(4),
            ..login(Class::Student, 1)
        };
        let sure = [
            Evidence::NamesAgree,
            Evidence::BirthAgrees,
            Evidence::Score { millibits: 40_000 },
        ];
        let (_, applied) = ground.enter(&again, evidence(&sure, 3), &policy, 44).await;
        assert_eq!(applied, Applied::Account(account_id(3)));
        // And one whose record Clever split: the old id is there still, so the new one is somebody else for now.
        let split = Subject {
            id: user(6),
            ..login(Class::Student, 1)
        };
        let (_, applied) = ground.enter(&split, evidence(&sure, 3), &policy, 45).await;
        assert_eq!(applied, Applied::Account(account_id(45)));
        assert_eq!(ground.store.reviews().await.unwrap().len(), 1);
        ground.store.verify().await.unwrap();
    }
}

#[tokio::test]
async fn a_roster_is_brought_to_the_ids_of_v3_at_once_and_only_once() {
    for mut ground in stores("migrate").await {
        let mut accounts: Vec<Account> = (0..30).map(used).collect();
        // Two accounts of one person: which of them, a login will tell.
        accounts[7].links[0].district = Some(district(2));
        accounts[7].custody = Custody::Managed { by: district(2) };
        ground.store.import(&accounts, ago(1000)).await.unwrap();
        let person = |number: usize, legacy: &[usize]| {
            let mut person = Person::new(user(100 + number), Some(district(1)), [Role::Teacher]);
            person.legacy_ids = legacy.iter().map(|id| user(*id)).collect();
            person
        };
        let mut people: Vec<Person> = (0..30)
            .filter(|at| ![6, 7].contains(at))
            .map(|at| person(at, &[at]))
            .collect();
        people.push(person(6, &[6, 7]));
        people.push(person(70, &[]));
        people.push(person(71, &[500]));
        assert_eq!(
            ground.store.migrate(&people, &lax(), now()).await.unwrap(),
            28
        );
        let entries = ground.store.verify().await.unwrap();
        assert_eq!(
            ground.store.migrate(&people, &lax(), now()).await.unwrap(),
            0
        );
        assert_eq!(ground.store.verify().await.unwrap(), entries);
        for at in (0..30).filter(|at| ![6, 7].contains(at)) {
            for id in [at, 100 + at] {
                assert_eq!(
                    ground.store.opened_by(&user(id)).await.unwrap(),
                    Some(account_id(at))
                );
            }
        }
        assert_eq!(ground.store.opened_by(&user(106)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn names_of_tables_are_names_and_addresses_are_understood() {
    let mut ground = stores("names").await.remove(0);
    two_teachers(&mut ground).await;
    let evil = vec![OwnedTable::new("works; DROP TABLE works").unique(&["title"])];
    let error = ground
        .store
        .conflicts(&evil, &account_id(0), &account_id(1))
        .await
        .unwrap_err();
    assert!(matches!(error, AccountsError::Refused(Refusal::Name(_))));
    let error = AccountStore::open("mysql://root:secret@host/db", keys())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("sqlite:PATH") && !error.contains("secret"),
        "{error}"
    );
    let _: &AccountId = &account_id(0);
    fn is_send<T: Send>(_: &T) {}
    let subject = employee(0, 1);
    is_send(&ground.store.directory(&subject, &[], Vec::new()));
}

#[tokio::test]
async fn field_15_the_store_stands_beside_tables_of_the_app_and_on_its_connection() {
    let Some(address) = database("beside").await else {
        eprintln!("skipped: CLEVER_TEST_POSTGRES names no server");
        return;
    };
    let mut app = Database::open(&Address::parse(&address).unwrap(), Open::Existing)
        .await
        .unwrap();
    app.batch(&format!(
        "CREATE TABLE provision_links (name TEXT); {WORKS}"
    ))
    .await
    .unwrap();
    let mut store = AccountStore::open(&address, keys()).await.unwrap();
    store.import(&[used(0)], ago(10)).await.unwrap();
    store.verify().await.unwrap();
    // In the app's own schema it makes nothing.
    let public = format!("{address}&schema=public");
    let error = AccountStore::open(&public, keys()).await.unwrap_err();
    let AccountsError::Database(error) = error else {
        panic!("{error:?}");
    };
    assert!(error.to_string().contains("provision_links"), "{error}");
    assert!(error.hint().unwrap().contains("schema="), "{error}");
    if address.contains("sslmode=verify") {
        // This app's connections speak no TLS.
        return;
    }
    let (client, connection) =
        tokio_postgres::connect(address.trim_end_matches('?'), tokio_postgres::NoTls)
            .await
            .unwrap();
    tokio::spawn(connection);
    let client = std::sync::Arc::new(client);
    let mut over = AccountStore::over(std::sync::Arc::clone(&client), "clever", keys())
        .await
        .unwrap();
    over.import(&[used(1)], ago(10)).await.unwrap();
    assert_eq!(over.opened_by(&user(0)).await.unwrap(), Some(account_id(0)));
    drop(over);
    let row = client.query_one("SHOW lock_timeout", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "0");
    assert_eq!(
        store.opened_by(&user(1)).await.unwrap(),
        Some(account_id(1))
    );
}
