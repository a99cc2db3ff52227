//! Sign-in by OpenID Connect against a real issuer, which is the emulator: it knows people, and a claim says what each is.

use std::collections::BTreeMap;

use clever_auth::issuer::Issuer;
use clever_console::{OpenId, Role, RolesBy};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{RecordKind, Role as PersonRole};
use tokio::net::TcpListener;
use url::Url;

use crate::ground::{Ground, Served, Visitor};

/// An issuer, a console that trusts it, and one person of each sort.
struct Staff {
    emulator: Emulator,
    served: Served,
    teacher: String,
    student: String,
    /// Where the console is that the issuer sends people back to.
    back: String,
}

impl Staff {
    async fn new(ground: &Ground, secret: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("http://{}/console", listener.local_addr().unwrap());
        let back = format!("{place}/enter/back");
        let config = EmulatorConfig {
            world: WorldSource::Generated {
                seed: 3,
                students: 40,
            },
            openid: true,
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let person = |role| {
            emulator.with_world(|world| {
                let mut users = world.list(RecordKind::Users).iter();
                users
                    .find(|(_, user)| user.has_role(role))
                    .unwrap()
                    .0
                    .to_string()
            })
        };
        let (teacher, student) = (person(PersonRole::Teacher), person(PersonRole::Student));
        let issuer = Issuer::new(
            emulator.base_url().clone(),
            emulator.client_id(),
            secret.unwrap_or(emulator.client_secret()).to_owned(),
            Url::parse(&back).unwrap(),
        );
        let roles = RolesBy {
            claim: "user_type".to_owned(),
            roles: BTreeMap::from([("teacher".to_owned(), Role::Operator)]),
            name: "multi_role_user_id".to_owned(),
        };
        let openid = OpenId::new(issuer.unwrap(), roles).unwrap();
        let served = ground.serves(listener, "/console", None, Some(openid));
        Self {
            emulator,
            served,
            teacher,
            student,
            back,
        }
    }

    /// Sends somebody to the issuer; gives the address with which the browser is sent back.
    async fn go(&self, visitor: &mut Visitor, user: &str) -> String {
        let begun = visitor.go("/enter/openid").await;
        assert_eq!(begun.status, 303, "{}", begun.text);
        let cookie = begun.headers["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("SameSite=Lax") && cookie.contains("HttpOnly"),
            "{cookie}"
        );
        let mut to: Url = begun.headers["location"].to_str().unwrap().parse().unwrap();
        assert_eq!(to.origin(), self.emulator.base_url().origin());
        // Whom the page of the issuer would let somebody choose.
        to.query_pairs_mut().append_pair("user", user);
        let answer = visitor.http.get(to).send().await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(back.starts_with(&self.back), "{back}");
        back.strip_prefix(&visitor.place).unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_says_what_somebody_may_do() {
    let ground = Ground::new().await;
    let staff = Staff::new(&ground, None).await;
    let mut visitor = staff.served.stranger();
    assert!(
        visitor
            .go("/enter")
            .await
            .text
            .contains("Sign in at 127.0.0.1")
    );
    let back = staff.go(&mut visitor, &staff.teacher).await;
    let come = visitor.go(&back).await;
    assert_eq!(come.status, 200, "{}", come.text);
    assert!(
        come.text
            .contains("http-equiv=\"refresh\" content=\"0; url=/console\"")
    );
    let cookies: Vec<&str> = come
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap())
        .collect();
    assert!(
        cookies
            .iter()
            .any(|cookie| cookie.contains("SameSite=Strict")),
        "{cookies:?}"
    );
    let home = visitor.go("").await;
    assert_eq!(home.status, 200);
    assert!(
        home.text.contains(&format!("{} (operator)", staff.teacher)),
        "{}",
        home.text
    );
    // The way back is good once.
    assert_eq!(visitor.go(&back).await.status, 403);

    let mut student = staff.served.stranger();
    let back = staff.go(&mut student, &staff.student).await;
    let come = student.go(&back).await;
    assert_eq!(come.status, 403);
    assert!(come.text.contains("have no role here"), "{}", come.text);
    assert_eq!(student.go("").await.status, 303, "nobody is in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_is_of_the_browser_that_went() {
    let ground = Ground::new().await;
    let staff = Staff::new(&ground, None).await;
    let mut victim = staff.served.stranger();
    let mut attacker = staff.served.stranger();
    // Somebody else's way back, brought by a link: no sign-in of this browser's is under way.
    let back = staff.go(&mut attacker, &staff.teacher).await;
    assert_eq!(victim.go(&back).await.status, 403);
    // Nor is it the one that is.
    let _ = staff.go(&mut victim, &staff.student).await;
    assert_eq!(victim.go(&back).await.status, 403);
    assert_eq!(victim.go("").await.status, 303, "nobody is in");
    // A state or a code that was made up.
    for made_up in ["/enter/back", "/enter/back?code=x&state=y"] {
        let _ = staff.go(&mut attacker, &staff.teacher).await;
        assert_eq!(attacker.go(made_up).await.status, 403, "{made_up}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_and_too_many_sign_ins_let_nobody_in() {
    let ground = Ground::new().await;
    let staff = Staff::new(&ground, Some("wrong")).await;
    let mut visitor = staff.served.stranger();
    let back = staff.go(&mut visitor, &staff.teacher).await;
    let come = visitor.go(&back).await;
    assert_eq!(come.status, 403);
    assert!(come.text.contains("came to nothing"), "{}", come.text);
    let mut last = 0;
    for _ in 0..130 {
        last = visitor.go("/enter/openid").await.status;
    }
    assert_eq!(last, 429);
}
