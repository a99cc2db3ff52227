//! Who a token is, in every version, and the identity endpoints that no file of Clever's describes: validated
//! against our overlay's words for them.

use clever_emulator::EmulatorConfig;
use serde_json::Value;

use super::schema::{EXTRAS, Extra, Schemas};
use super::{documents, generated, root};

/// What `/me` has beyond the words of the overlay.
const OF_ME: &[Extra] = &[Extra {
    schemas: "MeResponse",
    field: "type",
    why: "DOC: the kind of user stands beside the data, too",
}];

#[tokio::test]
async fn who_a_token_is_is_answered_in_every_version_as_our_documents_say() {
    let documents = documents::read(root()).expect("documents");
    let config = EmulatorConfig {
        world: generated(),
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.expect("an emulator");
    let http = reqwest::Client::new();
    let base = emulator
        .base_url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let people: Vec<String> = emulator.with_world(|world| {
        let users = world.list("users".parse().expect("a kind")).values();
        let mut roles = std::collections::BTreeMap::new();
        for user in users {
            let of = user.value()["roles"]
                .as_object()
                .expect("roles")
                .keys()
                .cloned()
                .collect::<Vec<_>>();
            roles.entry(of).or_insert_with(|| user.id().into_owned());
        }
        roles.into_values().collect()
    });
    assert!(people.len() >= 5, "one of each role, and of several");
    let mut wrong = Vec::new();
    for (version, document) in &documents {
        let extras: Vec<&Extra> = EXTRAS.iter().chain(OF_ME).collect();
        let mut schemas = Schemas::of(document, true, &extras);
        let mut check = async |path: &str, request: reqwest::RequestBuilder| {
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{version} {path}");
            let body: Value = answer.json().await.expect("JSON");
            let name = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
                .as_str()
                .and_then(|name| name.rsplit('/').next())
                .expect("a schema");
            // DOC: before v2.0 `/me` has the whole record of the person, as the type says.
            let breaches = match body["type"].as_str() {
                Some(kind) if path == "/me" && version == "v1.2" => {
                    let words = kind
                        .split('_')
                        .map(|word| word[..1].to_uppercase() + &word[1..]);
                    let model = words.collect::<String>();
                    schemas.breaches(&model, &body["data"])
                }
                _ => schemas.breaches(name, &body),
            };
            wrong.extend(
                breaches
                    .into_iter()
                    .map(|breach| format!("{version} {path}: {breach}")),
            );
        };
        for person in &people {
            // v1 knows no contacts who sign in.
            if version == "v1.2" && is_contact(&emulator, person) {
                continue;
            }
            let token = emulator.user_token(person);
            check(
                "/me",
                http.get(format!("{base}/{version}/me")).bearer_auth(&token),
            )
            .await;
            check(
                "/userinfo",
                http.get(format!("{base}/userinfo")).bearer_auth(&token),
            )
            .await;
            check(
                "/oauth/tokeninfo",
                http.get(format!("{base}/oauth/tokeninfo"))
                    .bearer_auth(&token),
            )
            .await;
        }
        let tokens = http
            .get(format!("{base}/oauth/tokens?owner_type=district"))
            .basic_auth(emulator.client_id(), Some(emulator.client_secret()));
        check("/oauth/tokens", tokens).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    emulator.stop().await;
}

fn is_contact(emulator: &clever_emulator::Emulator, person: &str) -> bool {
    emulator.with_world(|world| {
        let user = world.value("users".parse().expect("a kind"), person);
        user.is_some_and(|user| user["roles"]["contact"].is_object())
    })
}
