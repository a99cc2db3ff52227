//! A login that came back.

use clever_auth::login::cookies::Cookies;
use clever_auth::login::{Arrival, Login, LoginFlow, Redeem};
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness};
use clever_auth::{App, SafePath};
use clever_model::{Clock, SystemClock};

/// A code that has come back to the browser that began its login.
pub(crate) fn begun(app: &App, code: &str) -> Redeem<Login> {
    let flow = LoginFlow::new(app.clone(), SealingKeys::new(KeyId(1), &[7; 32]));
    let (now, random) = (SystemClock.now(), &SystemRandomness);
    let departure = flow
        .start(&Cookies::default(), &SafePath::root(), None, now, random)
        .unwrap();
    let mut query = departure.authorize.query_pairs();
    let state = query.find(|(name, _)| name == "state").unwrap().1;
    let query = format!("code={code}&state={state}");
    match flow.callback(&departure.cookies(), &query, None, now, random) {
        Ok(Arrival::Login(redeem, _)) => redeem,
        other => panic!("{other:?}"),
    }
}
