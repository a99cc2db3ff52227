//! The `openidconnect` crate as a second client: it discovers the emulated issuer, signs in, checks the id
//! token and reads the claims, without a line of ours.

use clever_emulator::{Emulator, EmulatorConfig, Happening, WorldSource};
use clever_model::{RecordKind, Role};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, OAuth2TokenResponse, RedirectUrl, TokenResponse,
};

/// Sends what the crate wants to send.
async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let (parts, body) = request.into_parts();
    let answer = client
        .request(parts.method, parts.uri.to_string())
        .headers(parts.headers)
        .body(body)
        .send()
        .await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

async fn emulator() -> (Emulator, String) {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 3,
            students: 40,
        },
        openid: true,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let teacher = emulator.with_world(|world| {
        let mut users = world.list(RecordKind::Users).iter();
        let found = users.find(|(_, user)| user.has_role(Role::Teacher));
        found.unwrap().0.to_string()
    });
    (emulator, teacher)
}

#[tokio::test]
async fn another_openid_client_signs_in_against_the_emulator() {
    let (emulator, teacher) = emulator().await;
    let issuer = emulator
        .base_url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let issuer = IssuerUrl::new(issuer).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &send)
        .await
        .unwrap();
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(emulator.client_id().to_owned()),
        Some(ClientSecret::new(emulator.client_secret().to_owned())),
    )
    .set_redirect_uri(RedirectUrl::new("http://127.0.0.1:9/callback".to_owned()).unwrap());
    for round in 0..2 {
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let (mut address, state, nonce) = client
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .url();
        address.query_pairs_mut().append_pair("user", &teacher);
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let answer = browser.build().unwrap().get(address).send().await.unwrap();
        let back: url::Url = answer.headers()["location"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let value = |name: &str| {
            let mut query = back.query_pairs();
            query
                .find(|(found, _)| found == name)
                .unwrap()
                .1
                .into_owned()
        };
        assert_eq!(&value("state"), state.secret());
        let code = || AuthorizationCode::new(value("code"));
        let tokens = client
            .exchange_code(code())
            .unwrap()
            .request_async(&send)
            .await
            .unwrap();
        assert!(
            client
                .exchange_code(code())
                .unwrap()
                .request_async(&send)
                .await
                .is_err()
        );
        let id_token = tokens.id_token().unwrap();
        let verifier = client.id_token_verifier();
        if round == 1 {
            // The keys that it discovered do not have the new one.
            assert!(id_token.claims(&verifier, &nonce).is_err());
            continue;
        }
        let claims = id_token.claims(&verifier, &nonce).unwrap();
        assert_eq!(claims.subject().as_str(), teacher);
        assert!(
            id_token
                .claims(&verifier, &Nonce::new("another".to_owned()))
                .is_err()
        );
        // Clever's `/userinfo` has an object for `name`, where OpenID Connect has a text: strict clients such
        // as this one can't read it. Ours can (clever-auth); this one reads the answer without it.
        let subject = Some(claims.subject().clone());
        let strict: Result<CoreUserInfoClaims, _> = client
            .user_info(tokens.access_token().clone(), subject.clone())
            .unwrap()
            .request_async(&send)
            .await;
        assert!(strict.is_err());
        let lenient = |request| async move {
            let mut answer = send(request).await?;
            let mut claims: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
            claims.as_object_mut().unwrap().remove("name");
            *answer.body_mut() = claims.to_string().into_bytes();
            Ok::<_, reqwest::Error>(answer)
        };
        let info: CoreUserInfoClaims = client
            .user_info(tokens.access_token().clone(), subject)
            .unwrap()
            .request_async(&lenient)
            .await
            .unwrap();
        assert_eq!(info.subject().as_str(), teacher);
        assert!(info.given_name().is_some());
        assert_eq!(info.given_name(), claims.given_name());
        emulator.happen(Happening::KeyRotate);
    }
}
