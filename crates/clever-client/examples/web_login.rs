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

use axum::Router;
use axum::routing::get;
use clever_auth::login::{LoginFlow, SessionDigest};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness, random_text};
use clever_auth::{App, IdTokenVerifier, LoginToken, OpenId, VerifiedLogin};
use clever_client::web::{CurrentUser, Sessions, WebLogin};
use clever_client::{ClientOptions, LoginService};
use tokio::net::TcpListener;
use url::Url;

/// Who is signed in, by a digest of the session's id: what leaks from here opens nothing.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<HashMap<[u8; 32], String>>>);

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<[u8; 32], String>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sessions for Memory {
    type User = String;

    async fn begin(&self, id: &str, login: VerifiedLogin, _token: LoginToken) -> Option<()> {
        // Here an application finds or makes the account for `login.user_id()`, and reads with the token.
        let greeting = match login.name().0 {
            Some(name) => format!("Hello {name} ({})", login.user_id()),
            None => format!("Hello {}", login.user_id()),
        };
        self.with(|all| all.insert(SessionDigest::of(id).0, greeting));
        Some(())
    }

    async fn find(&self, id: &str) -> Option<String> {
        self.with(|all| all.get(&SessionDigest::of(id).0).cloned())
    }

    async fn end(&self, id: &str) {
        self.with(|all| all.remove(&SessionDigest::of(id).0));
    }
}

async fn home(CurrentUser(greeting): CurrentUser<Memory>) -> String {
    greeting
}

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
