//! One operation of the API, sent with an HTTP client that clever-raw does not know:
//!
//! ```sh
//! CLEVER_TOKEN=… cargo run -p clever-raw --no-default-features --features v3_1 --example other_client
//! ```
//!
//! `CLEVER_API_URL` names an emulator's address. For Clever's own, switch on a TLS feature of ureq.

use std::error::Error;

use clever_raw::operation::{Decode as _, Hosts, Operation};
use clever_raw::v3_1::operations::GetSchools;

/// Sends `operation` with ureq and reads its answer.
fn send<O: Operation>(
    hosts: &Hosts,
    token: &str,
    operation: &O,
) -> Result<O::Answer, Box<dyn Error>> {
    let mut request = operation.call()?.request(hosts)?;
    let bearer = format!("Bearer {token}").parse()?;
    request.headers_mut().insert("authorization", bearer);
    let (parts, body) = request.into_parts();
    let request = http::Request::from_parts(parts, body.to_vec());
    let body = ureq::Agent::new_with_defaults()
        .run(request)?
        .into_body()
        .read_to_vec()?;
    Ok(O::Answer::decode(&body)?)
}

/// The names of the schools that the token may see, from the first page of their list.
pub(crate) fn school_names(api: &str, token: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let schools = GetSchools {
        limit: Some(100),
        ..GetSchools::default()
    };
    let page = send(&Hosts::new(api), token, &schools)?;
    let names = page.data.into_iter().filter_map(|school| school.data.name);
    Ok(names.collect())
}

#[cfg_attr(test, expect(dead_code, reason = "a test calls what it calls"))]
#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn Error>> {
    let api = std::env::var("CLEVER_API_URL");
    let api = api.unwrap_or_else(|_| "https://api.clever.com".to_owned());
    let token =
        std::env::var("CLEVER_TOKEN").map_err(|_| "set CLEVER_TOKEN to a district-app token")?;
    for name in school_names(&api, &token)? {
        println!("{name}");
    }
    Ok(())
}
