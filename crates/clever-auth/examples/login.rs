//! A login from the button to the verified person, with the answers that Clever would give: the crate makes no request, so
//! none is made here. In your app, an HTTP client of yours sends each request and brings its answer.
//!
//! ```sh
//! cargo run -p clever-auth --example login
//! ```

use std::error::Error;

use clever_auth::login::cookies::Cookies;
use clever_auth::login::{Arrival, LoginFlow};
use clever_auth::seal::{KeyId, Randomness, SealingKeys, SystemRandomness};
use clever_auth::{Answer, App, OpenId, SafePath, VerifiedLogin};
use clever_model::{Clock, SystemClock};

/// What Clever would answer.
fn answer(body: &str) -> Answer {
    Answer {
        status: 200,
        body: body.into(),
    }
}

/// Who came, and which page the person wanted.
pub(crate) fn login() -> Result<(VerifiedLogin, String), Box<dyn Error>> {
    let (now, random) = (SystemClock.now(), &SystemRandomness);
    let redirect = "https://app.example/callback".parse()?;
    let app = App::new("client-id", "client-secret".to_owned(), redirect)?;
    // In your app, the key outlives the process.
    let mut key = [0; 32];
    random.fill(&mut key)?;
    let flow = LoginFlow::new(app, SealingKeys::new(KeyId(1), &key));

    // The button: send the browser to `departure.authorize`, with the cookie.
    let wanted = SafePath::new("/classes")?;
    let departure = flow.start(&Cookies::default(), &wanted, None, now, random)?;

    // Clever sends the browser back with a code, and the `state` that it was given.
    let mut query = departure.authorize.query_pairs();
    let state = query.find(|(name, _)| name == "state");
    let state = state.ok_or("the address has a state")?.1;
    let callback = format!("code=c1&state={state}");
    let arrival = flow.callback(&departure.cookies(), &callback, None, now, random)?;
    let Arrival::Login(redeem, _cookies) = arrival else {
        return Err("the callback is no end of this browser's login".into());
    };

    // Send `redeem.request()`, once: it takes the code for a token.
    let tokens = answer(r#"{"access_token":"ilc-example","token_type":"Bearer"}"#);
    let identify = redeem.answered(&tokens)?;
    // Send `identify.me_request()`: it says who the person is.
    let me = answer(
        r#"{"type":"user","data":{"id":"5a25ffb0c1bc2a0036000001","district":"5a25ffb0c1bc2a0036000002","authorized_by":"district"}}"#,
    );
    let signed_in = identify.finish(&me, None, OpenId::Off, now)?;
    Ok((signed_in.login, signed_in.return_to.as_str().to_owned()))
}

#[cfg_attr(test, expect(dead_code, reason = "a test calls what it calls"))]
#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    let (person, wanted) = login()?;
    println!("{} goes to {wanted}", person.user_id());
    Ok(())
}
