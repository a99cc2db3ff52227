//! The districts that have connected the app, and their tokens.
//!
//! A district's token may change at any time; its id does not. So keep the id, and read the token
//! again when it stops working.

use clever_model::DistrictId;
use serde::Deserialize;

use crate::app::App;
use crate::message::{Answer, AnswerError, Request, read};
use crate::token::DistrictAppToken;

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
    /// How many elements could not be read as a district's grant.
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
        data: Vec<serde_json::Value>,
        #[serde(default)]
        links: Vec<Link>,
    }
    #[derive(Deserialize)]
    struct Link {
        #[serde(default)]
        rel: String,
        #[serde(default)]
        uri: String,
    }
    let list: List = read(answer)?;
    let elements = list.data.len();
    let grants: Vec<DistrictGrant> = list.data.into_iter().filter_map(grant).collect();
    Ok(Grants {
        refused: elements - grants.len(),
        grants,
        next: list
            .links
            .into_iter()
            .find(|link| link.rel == "next" && !link.uri.is_empty())
            .map(|link| link.uri),
    })
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

fn grant(element: serde_json::Value) -> Option<DistrictGrant> {
    #[derive(Deserialize)]
    struct Element {
        owner: Owner,
        access_token: String,
        #[serde(default)]
        scopes: Vec<String>,
        created: Option<String>,
    }
    #[derive(Deserialize)]
    struct Owner {
        #[serde(rename = "type")]
        kind: String,
        id: String,
    }
    let element: Element = serde_json::from_value(element).ok()?;
    if element.owner.kind != "district" {
        return None;
    }
    Some(DistrictGrant {
        district: element.owner.id.parse().ok()?,
        token: DistrictAppToken::new(element.access_token).ok()?,
        scopes: element.scopes,
        created: element.created,
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
        assert_eq!((list.grants.len(), list.refused, &list.next), (2, 3, &None));
        assert_eq!(
            current(&list.grants, &d1).unwrap().token.secret(),
            "bbbb2222"
        );
        assert_eq!(current(&list.grants, &DistrictId::new("d9").unwrap()), None);
        assert!(!format!("{list:?}").contains("2222"));
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
