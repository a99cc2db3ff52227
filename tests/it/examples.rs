//! The examples of the crates run, and show what they say.

#[path = "../../crates/clever-provision/examples/decide.rs"]
mod decide;
#[path = "../../crates/clever-emulator/examples/in_a_test.rs"]
mod in_a_test;
#[path = "../../crates/clever-auth/examples/login.rs"]
mod login;
#[path = "../../crates/clever-client/examples/users_of_a_district.rs"]
mod users_of_a_district;

use clever_emulator::{EmulatorConfig, WorldSource};
use clever_provision::Decision;

#[tokio::test]
async fn the_clients_example_counts_the_users_of_a_district() {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 3,
            students: 90,
        },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let api = emulator.base_url().to_string();
    let counts = users_of_a_district::users_by_role(Some(&api), emulator.district_token()).await;
    let counts = counts.unwrap();
    assert_eq!(counts["student"], 90);
    assert!(counts["teacher"] > 0, "{counts:?}");
    assert!(!counts.contains_key("unreadable"), "{counts:?}");
    emulator.stop().await;
}

#[test]
fn the_example_of_a_login_ends_with_its_person() {
    let (person, wanted) = login::login().unwrap();
    assert_eq!(person.user_id().as_str(), "5a25ffb0c1bc2a0036000001");
    assert_eq!(wanted, "/classes");
}

#[tokio::test]
async fn the_example_of_a_decision_makes_one_account() {
    let [first, second] = decide::twice().await.unwrap();
    assert!(matches!(first.decision, Decision::Create { .. }));
    assert!(matches!(second.decision, Decision::LogIn { .. }));
}

#[tokio::test]
async fn the_emulators_example_meets_its_trouble() {
    let (status, changes) = in_a_test::a_refusal_and_a_day().await.unwrap();
    assert_eq!(status, 429);
    assert!(changes > 0);
}
