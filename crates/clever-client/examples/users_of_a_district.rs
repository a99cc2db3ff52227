//! Reads the users of a district to the list's proven end, and counts them by role:
//!
//! ```sh
//! CLEVER_TOKEN=… cargo run -p clever-client --example users_of_a_district
//! ```
//!
//! `CLEVER_API_URL` names an emulator's address.

use std::collections::BTreeMap;
use std::error::Error;

use clever_client::raw::v3_1::types::User;
use clever_client::{ClientOptions, District, DistrictAppToken};
use futures_util::{StreamExt as _, pin_mut};

/// The roles of a user; one person may have several.
fn roles(user: &User) -> impl Iterator<Item = &'static str> {
    let has = user.roles.as_ref().map(|roles| {
        [
            ("student", roles.student.is_some()),
            ("teacher", roles.teacher.is_some()),
            ("staff", roles.staff.is_some()),
            ("district admin", roles.district_admin.is_some()),
            ("contact", roles.contact.is_some()),
        ]
    });
    let has = has.into_iter().flatten();
    has.filter(|(_, has)| *has).map(|(role, _)| role)
}

/// How many users have each role. A list that does not come to its end is an error, and no smaller number.
pub(crate) async fn users_by_role(
    api: Option<&str>,
    token: &str,
) -> Result<BTreeMap<&'static str, u64>, Box<dyn Error>> {
    let mut options = ClientOptions::default();
    if let Some(api) = api {
        options.api_url = api.parse()?;
    }
    let district = District::new(options, DistrictAppToken::new(token)?)?;
    let mut counts = BTreeMap::new();
    let users = district.users().records();
    pin_mut!(users);
    while let Some(element) = users.next().await {
        match element?.record() {
            Some(user) => roles(&user).for_each(|role| *counts.entry(role).or_default() += 1),
            None => *counts.entry("unreadable").or_default() += 1,
        }
    }
    Ok(counts)
}

#[cfg_attr(test, expect(dead_code, reason = "a test calls what it calls"))]
#[expect(clippy::print_stdout, reason = "an example shows what it found")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = std::env::var("CLEVER_API_URL").ok();
    let token =
        std::env::var("CLEVER_TOKEN").map_err(|_| "set CLEVER_TOKEN to a district-app token")?;
    for (role, count) in users_by_role(api.as_deref(), &token).await? {
        println!("{role}: {count}");
    }
    Ok(())
}
