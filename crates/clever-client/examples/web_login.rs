//! A web application that people sign in to with Clever, whole: sessions in memory, one page.
//!
//! Try it against the emulator:
//!
//! ```sh
//! cleverctl emulator --openid        # prints its address, the client id and the secret
//! CLEVER_URL=http://127.0.0.1:8787 CLEVER_CLIENT_ID=… CLEVER_CLIENT_SECRET=… \
//!     cargo run -p clever-client --features axum --example web_login
//! ```
//!
//! What the sign-in has to say of failures is logged to standard error.
#![expect(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::Html;
use axum::routing::get;
use axum::{BoxError, Router};
use clever_auth::login::{LoginFlow, SessionDigest};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness, random_text};
use clever_auth::{App, IdTokenVerifier, LoginToken, OpenId, VerifiedLogin};
use clever_client::web::{Admission, CurrentUser, Sessions, WebLogin};
use clever_client::{ClientOptions, LoginService};
use tokio::net::TcpListener;
use url::Url;

/// What the page shows of whoever is signed in.
#[derive(Clone)]
struct Person {
    name: String,
    id: String,
}

/// Who is signed in, by a digest of the session's id: what leaks from here opens nothing.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<HashMap<[u8; 32], Person>>>);

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<[u8; 32], Person>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sessions for Memory {
    type User = Person;

    async fn begin(
        &self,
        id: &str,
        login: VerifiedLogin,
        _token: LoginToken,
    ) -> Result<Admission, BoxError> {
        // Here an application finds or makes the account for `login.user_id()`, and reads with the token. What
        // fails there, such as its database, is an `Err`; a person whom it does not take is `Refused`.
        let (first, last) = login.name();
        let name: Vec<&str> = [first, last].into_iter().flatten().collect();
        let person = Person {
            name: name.join(" "),
            id: login.user_id().to_string(),
        };
        self.with(|all| all.insert(SessionDigest::of(id).0, person));
        Ok(Admission::In)
    }

    async fn find(&self, id: &str) -> Result<Option<Person>, BoxError> {
        Ok(self.with(|all| all.get(&SessionDigest::of(id).0).cloned()))
    }

    async fn end(&self, id: &str) -> Result<(), BoxError> {
        self.with(|all| all.remove(&SessionDigest::of(id).0));
        Ok(())
    }

    fn name(person: &Person) -> Option<String> {
        (!person.name.is_empty()).then(|| person.name.clone())
    }
}

async fn home(CurrentUser(person): CurrentUser<Memory>) -> Html<String> {
    let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>web_login</title>\
         <p>Hello {} ({})</p>\
         <form method=\"post\" action=\"/logout\"><button>Sign out</button></form></html>",
        text(&person.name),
        text(&person.id)
    ))
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example writes its log lines itself"
)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let clever: Url = env::var("CLEVER_URL")?.parse()?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let redirect = "http://127.0.0.1:3000/callback".parse()?;
    let app = App::new(
        &env::var("CLEVER_CLIENT_ID")?,
        env::var("CLEVER_CLIENT_SECRET")?,
        redirect,
    )?
    .at(clever.clone(), clever.clone())?;
    let options = ClientOptions {
        api_url: clever,
        ..ClientOptions::default()
    };
    let service = LoginService::new(options)?;
    // `OpenId::Off` is for apps without OpenID Connect. Where it is on, the check stays on: an issuer that is
    // down when the application starts is asked again later.
    let openid = OpenId::Checked(IdTokenVerifier::new(&app));
    // A real application keeps its key: pending logins outlive a restart then.
    let key = SealingKeys::from_text(KeyId(1), &random_text(&SystemRandomness)?)?;
    let login = WebLogin::new(LoginFlow::new(app, key), service, Memory::default(), openid);
    let site = Router::new()
        .route("/", get(home))
        .merge(login.router())
        .with_state(login);
    println!("Open http://127.0.0.1:3000/ in a browser.");
    axum::serve(listener, site).await?;
    Ok(())
}
