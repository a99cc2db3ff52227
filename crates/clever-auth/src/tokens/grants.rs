//! The districts that have connected the app, and their tokens.
//!
//! A district's token may change at any time; its id does not. So keep the id, and read the token
//! again when it stops working.

use clever_model::DistrictId;
use serde::Deserialize;
use serde_json::Value;

use super::district::DistrictAppToken;
use crate::app::App;
use crate::message::{Answer, AnswerError, Request, read};

/// One district's grant to the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistrictGrant {
    /// The district: what to store.
    pub district: DistrictId,
    /// Its token of now.
    pub token: DistrictAppToken,
    /// What the token opens; the dashboard decides.
    pub scopes: Vec<String>,
    /// When the grant was made, as Clever wrote it.
    pub created: Option<String>,
}

/// A part of the list of grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The grants that could be read, in the order they came.
    pub grants: Vec<DistrictGrant>,
    /// How many elements can't be read; another owner than a district is no matter.
    pub refused: usize,
    /// The link to the next part, as sent.
    pub next: Option<String>,
}

/// Asks for all districts' grants, or for one district's.
#[must_use]
pub fn request(app: &App, district: Option<&DistrictId>) -> Request {
    let mut query = vec![("owner_type", "district")];
    if let Some(district) = district {
        query.push(("district", district.as_str()));
    }
    app.as_app("oauth/tokens", &query)
}

/// Asks for the part that `next` leads to; `None` when it leads away from the login service.
#[must_use]
pub fn next_request(app: &App, next: &str) -> Option<Request> {
    let first = request(app, None);
    let url = first.url().join(next).ok()?;
    let same = url.origin() == first.url().origin() && url.path() == first.url().path();
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let query: Vec<(&str, &str)> = query.iter().map(|(n, v)| (&**n, &**v)).collect();
    same.then(|| app.as_app("oauth/tokens", &query))
}

/// Reads the answer to [`request`].
///
/// # Errors
///
/// [`AnswerError`]; one unreadable element costs itself only.
pub fn parse(answer: &Answer) -> Result<Grants, AnswerError> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Value>,
        #[serde(default)]
        links: Value,
    }
    let list: List = read(answer)?;
    let (mut grants, mut refused) = (Vec::new(), 0);
    for element in &list.data {
        let owner = element["owner"]["type"].as_str();
        if owner.is_some_and(|owner| owner != "district") {
            continue;
        }
        match grant(element) {
            Some(grant) => grants.push(grant),
            None => refused += 1,
        }
    }
    Ok(Grants {
        grants,
        refused,
        next: next(&list.links)?,
    })
}

/// The link to the next part. Only links that can all be read, or no links at all, prove that there is none:
/// one that can't be read might be it, and a list that ends too early hides districts.
fn next(links: &Value) -> Result<Option<String>, AnswerError> {
    const UNREADABLE: AnswerError = AnswerError::Missing("links");
    let links = match links {
        Value::Null => return Ok(None),
        Value::Array(links) => links,
        _ => return Err(UNREADABLE),
    };
    let mut next = None;
    let mut unreadable = false;
    for link in links {
        match (link["rel"].as_str(), link["uri"].as_str()) {
            (Some(rel), uri) if rel.trim().eq_ignore_ascii_case("next") => {
                let uri = uri.filter(|uri| !uri.is_empty()).ok_or(UNREADABLE)?;
                if next
                    .replace(uri.to_owned())
                    .is_some_and(|other| other != uri)
                {
                    return Err(UNREADABLE);
                }
            }
            (Some(_), _) => {}
            (None, _) => unreadable = true,
        }
    }
    if unreadable && next.is_none() {
        return Err(UNREADABLE);
    }
    Ok(next)
}

/// Finds a district's token of now among `grants`: the newest, if it has several.
#[must_use]
pub fn current<'a>(
    grants: &'a [DistrictGrant],
    district: &DistrictId,
) -> Option<&'a DistrictGrant> {
    grants
        .iter()
        .filter(|grant| grant.district == *district)
        .max_by(|a, b| a.created.cmp(&b.created))
}

/// One district's grant; `None` where owner or token can't be read. What else it has may be odd.
fn grant(element: &Value) -> Option<DistrictGrant> {
    let owner = &element["owner"];
    if owner["type"].as_str() != Some("district") {
        return None;
    }
    let texts = element["scopes"].as_array().map(Vec::as_slice);
    let scopes = texts.unwrap_or_default().iter();
    Some(DistrictGrant {
        district: owner["id"].as_str()?.parse().ok()?,
        token: DistrictAppToken::new(element["access_token"].as_str()?).ok()?,
        scopes: scopes
            .filter_map(|scope| scope.as_str().map(ToOwned::to_owned))
            .collect(),
        created: element["created"].as_str().map(ToOwned::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        let redirect = "https://app.example/callback".parse().unwrap();
        App::new("our-app", "s3cret".to_owned(), redirect).unwrap()
    }

    #[test]
    fn a_rotated_token_is_found_by_its_district() {
        let d1 = DistrictId::new("d1").unwrap();
        assert_eq!(
            request(&app(), Some(&d1)).url().as_str(),
            "https://clever.com/oauth/tokens?owner_type=district&district=d1"
        );
        let body = r#"{"data":[
            {"id":"t1","created":"2022-06-23T21:56:32.335Z","owner":{"type":"district","id":"d1"},"access_token":"aaaa1111","scopes":["read:students"]},
            {"id":"t2","created":"2023-06-23T21:56:32.335Z","owner":{"type":"district","id":"d1"},"access_token":"bbbb2222"},
            {"id":"t3","owner":{"type":"school","id":"s1"},"access_token":"cccc3333"},
            {"owner":{"type":"district","id":"d2"},"access_token":"il-user-token"}, 7],
            "links":[{"rel":"self","uri":"/oauth/tokens"}]}"#;
        let list = parse(&Answer {
            status: 200,
            body: body.into(),
        })
        .unwrap();
        // A user's token among the districts', and a number; the school's token is no loss.
        assert_eq!((list.grants.len(), list.refused, &list.next), (2, 2, &None));
        assert_eq!(
            current(&list.grants, &d1).unwrap().token.secret(),
            "bbbb2222"
        );
        assert_eq!(current(&list.grants, &DistrictId::new("d9").unwrap()), None);
        assert!(!format!("{list:?}").contains("2222"));
    }

    /// A part whose link can't be read is no end: a district that it hides would be "not connected".
    #[test]
    fn field_01_a_list_of_grants_ends_only_where_its_links_say_so() {
        let next = |links: &str| {
            let body = format!(r#"{{"data":[],"links":{links}}}"#);
            let body = body.into_bytes();
            parse(&Answer { status: 200, body }).map(|grants| grants.next)
        };
        let there = || Ok(Some("/oauth/tokens?page=2".to_owned()));
        for none in [
            "null",
            "[]",
            r#"[{"rel":"self","uri":"/x"}]"#,
            r#"[{"rel":"self"},{"rel":"prev","uri":7}]"#,
        ] {
            assert_eq!(next(none), Ok(None), "{none}");
        }
        for some in [
            r#"[{"rel":"next","uri":"/oauth/tokens?page=2"}]"#,
            r#"[7,{"rel":"next","uri":"/oauth/tokens?page=2"},null]"#,
            r#"[{"rel":" NEXT ","uri":"/oauth/tokens?page=2","type":{}}]"#,
            r#"[{"rel":"next","uri":"/oauth/tokens?page=2"},{"rel":"next","uri":"/oauth/tokens?page=2"}]"#,
        ] {
            assert_eq!(next(some), there(), "{some}");
        }
        for odd in [
            "{}",
            "7",
            r#""next""#,
            r#"{"next":"/oauth/tokens?page=2"}"#,
            "[7]",
            "[null]",
            r#"["/oauth/tokens?page=2"]"#,
            r#"[{"rel":"self","uri":"/x"},{"uri":"/oauth/tokens?page=2"}]"#,
            r#"[{"rel":7,"uri":"/oauth/tokens?page=2"}]"#,
            r#"[{"rel":"next"}]"#,
            r#"[{"rel":"next","uri":null}]"#,
            r#"[{"rel":"next","uri":""}]"#,
            r#"[{"rel":"next","uri":7}]"#,
            r#"[{"rel":"next","href":"/oauth/tokens?page=2"}]"#,
            r#"[{"rel":"next","uri":"/a"},{"rel":"next","uri":"/b"}]"#,
        ] {
            assert_eq!(next(odd), Err(AnswerError::Missing("links")), "{odd}");
        }
    }

    #[test]
    fn an_odd_scope_or_date_costs_no_token() {
        for odd in [
            r#""scopes":null"#,
            r#""scopes":"read:users""#,
            r#""scopes":[7,{}],"created":7"#,
            r#""created":{"at":1},"name":[]"#,
        ] {
            let body = format!(
                r#"{{"data":[{{"owner":{{"type":"district","id":"d1"}},"access_token":"aaaa1111",{odd}}}]}}"#
            );
            let body = body.into_bytes();
            let list = parse(&Answer { status: 200, body }).unwrap();
            assert_eq!((list.grants.len(), list.refused), (1, 0), "{odd}");
        }
    }

    #[test]
    fn a_next_link_does_not_take_the_secret_elsewhere() {
        assert!(next_request(&app(), "/oauth/tokens?owner_type=district&page=2").is_some());
        for next in [
            "https://evil.example/oauth/tokens",
            "//evil.example/",
            "/elsewhere",
        ] {
            assert!(next_request(&app(), next).is_none(), "{next}");
        }
    }
}
