//! Whose account it is: a question answered, a link taken back; two accounts made one, and two again.

use clever_console::Role;
use clever_model::{DistrictId, Role as PersonRole, Timestamp, UserId};
use clever_provision::store::{AccountStore, CandidateMaterial, Material};
use clever_provision::{
    Account, AccountId, AccountState, Candidate, Class, Custody, Evidence, LoginMethod, Person,
    Policy, Subject, decide,
};

use crate::ground::{Ground, keys};

const PERSON: &str = "5a25ffb0c1bc2a0036000b01";
/// Somebody else of whom a question may be.
pub(crate) const OTHER: &str = "5a25ffb0c1bc2a0036000b02";

/// Now, to the second.
fn now() -> Timestamp {
    let now = clever_model::Clock::now(&clever_model::SystemClock);
    Timestamp::from_second(now.as_second()).unwrap()
}

/// Two accounts of the district, and a question about whom one of them is.
pub(crate) async fn question(ground: &Ground) {
    let now = now();
    let mut accounts = AccountStore::open(&ground.accounts, keys()).await.unwrap();
    let district = DistrictId::new(ground.district.as_str()).unwrap();
    let account = |id: &str| Account {
        id: AccountId::new(id),
        version: 1,
        custody: Custody::Managed {
            by: district.clone(),
        },
        class: Class::Student,
        state: AccountState::Active,
        links: Vec::new(),
        methods: vec![LoginMethod {
            id: "password".into(),
            proven_at: None,
        }],
        last_used: Some(now),
    };
    accounts
        .import(&[account("a1"), account("a2")], now)
        .await
        .unwrap();
    ask(ground, PERSON, "a1").await;
    assert_eq!(accounts.reviews().await.unwrap().len(), 1);
}

/// Asks whether an account is a person's of the district.
pub(crate) async fn ask(ground: &Ground, person: &str, account: &str) {
    let now = now();
    let mut accounts = AccountStore::open(&ground.accounts, keys()).await.unwrap();
    let district = DistrictId::new(ground.district.as_str()).unwrap();
    let person = Person::new(
        UserId::new(person).unwrap(),
        Some(district),
        [PersonRole::Student],
    );
    let subject = Subject::roster(&person).unwrap();
    let candidate = Candidate {
        account: AccountId::new(account),
        evidence: [Evidence::NamesAgree].into(),
    };
    let beside = CandidateMaterial {
        account: [("first".to_owned(), "Mena".to_owned())].into(),
        fields: [
            ("first".to_owned(), ("nickname".to_owned(), 5_250)),
            ("last".to_owned(), ("differs".to_owned(), -3_100)),
        ]
        .into(),
        millibits: Some(2_150),
        sibling_known: true,
        ..CandidateMaterial::default()
    };
    let material = Material {
        person: [("first".to_owned(), "Ximena".to_owned())].into(),
        candidates: [(
            candidate.account.clone(),
            beside.with_evidence(&candidate.evidence),
        )]
        .into(),
    };
    let directory = accounts
        .directory(&subject, &[], vec![candidate])
        .await
        .unwrap();
    let decided = decide(&subject, &[], &directory, &Policy::default(), now);
    accounts
        .apply(&subject, &decided, &[], None, Some(&material), now)
        .await
        .unwrap();
}

/// Of two hundred accounts of another district, nobody who may see one district has a page, however their ids lie.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_see_one_district_has_pages_of_its_accounts_alone() {
    let ground = Ground::new().await;
    let mut accounts = AccountStore::open(&ground.accounts, keys()).await.unwrap();
    let account = |id: String, district: &str| Account {
        id: AccountId::new(id),
        version: 1,
        custody: Custody::Managed {
            by: DistrictId::new(district).unwrap(),
        },
        class: Class::Student,
        state: AccountState::Active,
        links: Vec::new(),
        methods: Vec::new(),
        last_used: Some(now()),
    };
    let others = (0..120).map(|at| account(format!("b{at:03}"), "5a25ffb0c1bc2a0036000fff"));
    let own = (0..60).map(|at| account(format!("c{at:03}"), &ground.district));
    let all: Vec<Account> = others.chain(own).collect();
    accounts.import(&all, now()).await.unwrap();
    let served = ground.console().await;
    let mut viewer = served
        .visitor_of(Role::Viewer, Some(&ground.district))
        .await;
    let mut seen = Vec::new();
    let mut next = "/accounts".to_owned();
    loop {
        let page = viewer.go(&next).await;
        let links = page.text.split("href=\"/accounts/").skip(1);
        let ids: Vec<String> = links
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect();
        seen.push(ids);
        let Some((before, _)) = page.text.split_once("\">More accounts") else {
            break;
        };
        next = before.rsplit_once("href=\"").unwrap().1.to_owned();
    }
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [50, 10]);
    let wanted: Vec<String> = (0..60).map(|at| format!("c{at:03}")).collect();
    assert_eq!(seen.concat(), wanted);
    let mut everybody = served.visitor(Role::Viewer).await;
    assert!(everybody.go("/accounts").await.text.contains("b000"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_and_the_answer_taken_back() {
    for ground in Ground::each("accounts").await {
        question(&ground).await;
        let served = ground.console().await;
        let mut operator = served.visitor(Role::Operator).await;
        assert!(operator.go("/").await.text.contains("1 question waits"));
        let list = operator.go("/reviews").await;
        let id = list
            .text
            .split("/reviews/")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let page = operator.go(&format!("/reviews/{id}")).await;
        assert!(
            page.text.contains("A sibling or twin is known"),
            "{}",
            page.text
        );
        assert!(
            page.text.contains("+5.2") && page.text.contains("−3.1"),
            "{}",
            page.text
        );
        assert!(!page.text.contains("Ximena") && !page.text.contains("Mena"));
        let form = page.form();
        let page = operator
            .send(
                &format!("/reviews/{id}/reveal"),
                &[("form", &form), ("reason", "to compare")],
            )
            .await;
        assert!(page.text.contains("Ximena") && page.text.contains("Mena"));
        let wrong = operator
            .send(
                &format!("/reviews/{id}/approve"),
                &[("form", &form), ("account", "a2")],
            )
            .await;
        assert_eq!(wrong.status, 422, "an account that was not asked about");
        let done = operator
            .send(
                &format!("/reviews/{id}/approve"),
                &[("form", &form), ("account", "a1")],
            )
            .await;
        assert_eq!(done.status, 303, "{}", done.text);
        let again = operator
            .send(
                &format!("/reviews/{id}/approve"),
                &[("form", &form), ("account", "a1")],
            )
            .await;
        assert_eq!(again.status, 409, "it is answered");
        let user = UserId::new(PERSON).unwrap();
        let mut accounts = AccountStore::open(&ground.accounts, keys()).await.unwrap();
        assert_eq!(
            accounts.opened_by(&user).await.unwrap(),
            Some(AccountId::new("a1"))
        );
        let page = operator.go("/accounts/a1").await;
        assert!(page.text.contains("somebody decided it"), "{}", page.text);
        let back = operator
            .send(
                "/accounts/a1/unlink",
                &[
                    ("form", &form),
                    ("user", PERSON),
                    ("reason", "it was the twin"),
                ],
            )
            .await;
        assert_eq!(back.status, 303, "{}", back.text);
        assert_eq!(accounts.opened_by(&user).await.unwrap(), None);
        accounts.verify().await.unwrap();
        let deeds = ground.store().await.judged(None, None, 10).await.unwrap();
        let deeds: Vec<&str> = deeds.iter().map(|one| one.deed.as_str()).collect();
        assert_eq!(deeds, ["unlink", "link", "reveal"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_are_one_with_a_plan_first_and_two_again() {
    let ground = Ground::new().await;
    question(&ground).await;
    let served = ground.console().await;
    let mut operator = served.visitor(Role::Operator).await;
    let form = operator.go("/accounts").await.form();
    let plan = operator
        .send(
            "/accounts/a1/merge",
            &[("form", &form), ("other", "a2"), ("step", "plan")],
        )
        .await;
    assert!(plan.text.contains("Nothing was done yet"), "{}", plan.text);
    let missing = operator
        .send(
            "/accounts/a1/merge",
            &[
                ("form", &form),
                ("other", "none"),
                ("step", "do"),
                ("reason", "one person"),
            ],
        )
        .await;
    assert_eq!(missing.status, 404);
    let own = operator
        .send(
            "/accounts/a1/merge",
            &[
                ("form", &form),
                ("other", "a1"),
                ("step", "do"),
                ("reason", "one person"),
            ],
        )
        .await;
    assert_eq!(own.status, 409, "{}", own.text);
    let done = operator
        .send(
            "/accounts/a1/merge",
            &[
                ("form", &form),
                ("other", "a2"),
                ("step", "do"),
                ("reason", "one person"),
            ],
        )
        .await;
    assert_eq!(done.status, 303, "{}", done.text);
    let place = done.headers["location"].to_str().unwrap().to_owned();
    let page = operator.go(&place).await;
    assert!(page.text.contains("Merged into it"), "{}", page.text);
    let merge = page.hidden("merge");
    let back = operator
        .send(
            &format!("{place}/unmerge"),
            &[("form", &form), ("merge", &merge), ("reason", "two people")],
        )
        .await;
    assert_eq!(back.status, 303, "{}", back.text);
    let mut accounts = AccountStore::open(&ground.accounts, keys()).await.unwrap();
    for id in ["a1", "a2"] {
        let account = accounts
            .account(&AccountId::new(id))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(account.state, AccountState::Active);
    }
    accounts.verify().await.unwrap();
}
