//! A request of the API as a value: its method, its address, and what its answer reads as. No I/O.
//!
//! The structs in each version's `operations` module are generated from `openapi/`. [`Operation::call`]
//! turns one into a [`Call`], which any HTTP client can send: [`Call::request`] gives an `http::Request`
//! without credentials. The crate's own client (`client`, with the feature `reqwest`) is one such sender.
//!
//! Decision: the identity endpoints (`/userinfo`, `/oauth/*`) are among every version's operations, though they have no
//! version and live at other hosts. The overlay marks them with `servers`, and each operation names its host by
//! [`Place::host`]. progenitor is a tool of `xtask` alone: its own run-time crate prints whole answers in its errors.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::models::scalar::Date;

/// Longest id that may stand in a path, in bytes.
const MAX_ID: usize = 256;

/// What is encoded in a segment of a path (RFC 3986: all but the unreserved characters).
const NOT_PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The names of the query parameters that every list shares. A test holds them against `openapi/`.
pub mod parameter {
    /// How many records a page has.
    pub const LIMIT: &str = "limit";
    /// The page after this id.
    pub const STARTING_AFTER: &str = "starting_after";
    /// The page before this id.
    pub const ENDING_BEFORE: &str = "ending_before";
    /// `true` adds the length of the whole list.
    pub const COUNT: &str = "count";
}

/// One operation of one API version, with its parameters as fields.
pub trait Operation {
    /// What the body of a successful answer reads as.
    type Answer: Decode;

    /// Where the document has the operation.
    const PLACE: Place;

    /// Writes down what to send.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`] if a value can't stand in a path, or the body can't be written.
    fn call(&self) -> Result<Call, InvalidRequest>;
}

/// An operation below the API's version. The others are those of identity, which have hosts and
/// credentials of their own.
pub trait DataOperation: Operation {}

/// An operation that answers a page of a list, with links to the pages beside it.
pub trait List: DataOperation {
    /// The most records that a page may have.
    const MAX_LIMIT: u32;
}

/// Where a document has an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The HTTP method.
    pub method: Method,
    /// The host, and what its address starts with.
    pub host: Host,
    /// The API version whose document it is, such as `v3.1`.
    pub version: &'static str,
    /// The path's template, such as `/users/{id}`.
    pub path: &'static str,
}

/// A host that operations are sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// The API, below its version.
    Version,
    /// The API without a version.
    Origin,
    /// The site where tokens are given.
    Site,
}

/// A value can't be sent. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A Clever id has an unusual form and could change the path.
    #[error("{path}: an id has 1 to {MAX_ID} letters, digits, `-`, `_` or `~`")]
    Id {
        /// The path's template.
        path: &'static str,
    },
    /// An id of another system can't stand in a path.
    #[error("{path}: an id of another system has 1 to {MAX_ID} bytes and is not `.` or `..`")]
    ForeignId {
        /// The path's template.
        path: &'static str,
    },
    /// The body can't be written as JSON.
    #[error("{path}: the body can't be written as JSON")]
    Body {
        /// The path's template.
        path: &'static str,
    },
    /// The address is no URL.
    #[error("{path}: the API's address is no address")]
    Address {
        /// The path's template.
        path: &'static str,
    },
}

/// What to send. Its `Debug` shows the template of the path alone.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    place: Place,
    /// The path with its ids, and the rest of the template.
    path: String,
    rest: &'static str,
    query: Vec<(&'static str, String)>,
    body: Option<Bytes>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place.method, self.place.path)
    }
}

impl Call {
    /// Starts a call at `place`, without any of its parameters.
    pub fn new(place: Place) -> Self {
        let rest = place.path;
        let mut call = Self {
            place,
            path: String::new(),
            rest,
            query: Vec::new(),
            body: None,
        };
        call.advance();
        call
    }

    /// Moves what stands before the next placeholder of the template into the path.
    fn advance(&mut self) {
        let (plain, rest) = match self.rest.split_once('{') {
            Some((plain, rest)) => (plain, rest.split_once('}').map_or("", |(_, rest)| rest)),
            None => (self.rest, ""),
        };
        self.path.push_str(plain);
        self.rest = rest;
    }

    /// Fills the next placeholder with a Clever id.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::Id`] if the id could change the path.
    pub fn id(mut self, id: &str) -> Result<Self, InvalidRequest> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
        // An empty id addresses the list, and `..` its parent.
        if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(allowed) {
            return Err(InvalidRequest::Id {
                path: self.place.path,
            });
        }
        self.path.push_str(id);
        self.advance();
        Ok(self)
    }

    /// Fills the next placeholder with another system's id, which may be any text; it is sent encoded.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::ForeignId`] if it is empty, too long or a step in a path.
    pub fn foreign_id(mut self, id: &str) -> Result<Self, InvalidRequest> {
        if id.is_empty() || id.len() > MAX_ID || matches!(id, "." | "..") {
            return Err(InvalidRequest::ForeignId {
                path: self.place.path,
            });
        }
        self.path.extend(utf8_percent_encode(id, NOT_PLAIN));
        self.advance();
        Ok(self)
    }

    /// Adds a query parameter: nothing, one value, or one for each element of a list.
    pub fn query(mut self, name: &'static str, value: impl Values) -> Self {
        value.each(&mut |value| self.query.push((name, value)));
        self
    }

    /// Sets the body.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::Body`] if it can't be written as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, InvalidRequest> {
        let body = serde_json::to_vec(body).map_err(|_| InvalidRequest::Body {
            path: self.place.path,
        })?;
        self.body = Some(body.into());
        Ok(self)
    }

    /// Sets how many records a page of a [`List`] has. It is sent before all other parameters.
    pub fn limit(mut self, records: u32) -> Self {
        self.query.retain(|(name, _)| *name != parameter::LIMIT);
        self.query
            .insert(0, (parameter::LIMIT, records.to_string()));
        self
    }

    /// Sets the query parameter `name`, which the operation must know; see [`parameter`].
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.retain(|(other, _)| *other != name);
        self.query.push((name, value.into()));
        self
    }

    /// Leaves out the query parameter `name`.
    pub fn without(mut self, name: &str) -> Self {
        self.query.retain(|(other, _)| *other != name);
        self
    }

    /// Sends the call to another version of the API, whose document has the same operation.
    pub fn in_version(mut self, version: &'static str) -> Self {
        self.place.version = version;
        self
    }

    /// Where the document has the operation.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The query parameters, in the order in which they are sent.
    #[must_use]
    pub fn parameters(&self) -> &[(&'static str, String)] {
        &self.query
    }

    /// The body, as JSON.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// The whole address. It holds ids: keep it out of logs.
    #[must_use]
    pub fn address(&self, hosts: &Hosts) -> String {
        let mut address = match self.place.host {
            Host::Version => format!("{}/{}{}", hosts.api, self.place.version, self.path),
            Host::Origin => format!("{}{}", hosts.api, self.path),
            Host::Site => format!("{}{}", hosts.site, self.path),
        };
        if !self.query.is_empty() {
            let pairs = self.query.iter().map(|(name, value)| (name, value));
            address.push('?');
            address.push_str(
                &form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish(),
            );
        }
        address
    }

    /// The request for an HTTP client. The caller adds `Authorization`.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::Address`] if the hosts are no addresses.
    pub fn request(&self, hosts: &Hosts) -> Result<Request<Bytes>, InvalidRequest> {
        let mut request = Request::builder()
            .method(self.place.method.clone())
            .uri(self.address(hosts))
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let body = self.body.clone().unwrap_or_default();
        request.body(body).map_err(|_| InvalidRequest::Address {
            path: self.place.path,
        })
    }
}

/// The addresses of the API and of the site where tokens are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    api: String,
    site: String,
}

impl Hosts {
    /// Takes the API's address without a version, such as `https://api.clever.com`.
    ///
    /// Tokens are given at `https://clever.com` if the API is Clever's own, and at the same host if it is a
    /// stand-in.
    #[must_use]
    pub fn new(api: &str) -> Self {
        let api = api.trim_end_matches('/').to_owned();
        let site = if api == "https://api.clever.com" {
            "https://clever.com".to_owned()
        } else {
            api.clone()
        };
        Self { api, site }
    }

    /// Sets the address of the site where tokens are given.
    #[must_use]
    pub fn with_site(mut self, site: &str) -> Self {
        site.trim_end_matches('/').clone_into(&mut self.site);
        self
    }
}

/// A value that a query can carry.
pub trait Values {
    /// Calls `add` with each text to send.
    fn each(self, add: &mut dyn FnMut(String));
}

impl Values for &str {
    fn each(self, add: &mut dyn FnMut(String)) {
        add(self.to_owned());
    }
}

impl Values for i64 {
    fn each(self, add: &mut dyn FnMut(String)) {
        add(self.to_string());
    }
}

impl Values for &Date {
    fn each(self, add: &mut dyn FnMut(String)) {
        add(self.as_str().to_owned());
    }
}

impl<T: Values> Values for Option<T> {
    fn each(self, add: &mut dyn FnMut(String)) {
        if let Some(value) = self {
            value.each(add);
        }
    }
}

impl Values for &[&str] {
    fn each(self, add: &mut dyn FnMut(String)) {
        for value in self {
            add((*value).to_owned());
        }
    }
}

/// A body that an operation answers with.
pub trait Decode: Sized + Send {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// If the bytes are not JSON of the expected shape.
    fn decode(body: &[u8]) -> Result<Self, serde_json::Error>;
}

impl<T: DeserializeOwned + Send> Decode for T {
    fn decode(body: &[u8]) -> Result<Self, serde_json::Error> {
        // An operation without an answer has an empty body.
        let body = crate::json::text::without_mark(body);
        if body.is_empty() {
            serde_json::from_str("null")
        } else {
            serde_json::from_slice(body)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &'static str) -> Call {
        Call::new(Place {
            method: Method::GET,
            host: Host::Version,
            version: "v3.1",
            path,
        })
    }

    #[test]
    fn ids_fill_the_template_in_its_order_and_can_not_change_a_path() {
        let hosts = Hosts::new("https://api.clever.com/");
        let filled = call("/sections/{id}/assignments/{assignment_id}/submissions")
            .id("58da8c63d7dc0ca0680003ed")
            .and_then(|call| call.foreign_id("a b/../ü"))
            .unwrap();
        assert_eq!(
            filled.address(&hosts),
            "https://api.clever.com/v3.1/sections/58da8c63d7dc0ca0680003ed/assignments/a%20b%2F..%2F%C3%BC/submissions"
        );
        for wrong in ["", ".", "..", "a/b", "a?b", "a%2e", "é"] {
            let refused = call("/users/{id}").id(wrong).unwrap_err();
            assert!(refused.to_string().starts_with("/users/{id}: "), "{wrong}");
        }
        for wrong in ["", ".", ".."] {
            assert!(call("/a/{id}").foreign_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_has_what_is_given_in_order_and_encoded() {
        let kinds: &[&str] = &["users", "sections"];
        let sent = call("/events")
            .query("record_type", kinds)
            .query("school", None::<&str>)
            .query("limit", Some(5_i64))
            .query("after", "a&b")
            .with(parameter::COUNT, "true")
            .limit(7);
        assert_eq!(
            sent.address(&Hosts::new("http://127.0.0.1:9/clever")),
            "http://127.0.0.1:9/clever/v3.1/events?limit=7&record_type=users&record_type=sections&after=a%26b&count=true"
        );
    }

    #[test]
    fn tokens_are_given_where_the_api_has_them() {
        let place = |host| Place {
            method: Method::POST,
            host,
            version: "v3.1",
            path: "/oauth/tokens",
        };
        let at = |hosts: &Hosts, host| Call::new(place(host)).address(hosts);
        let clever = Hosts::new("https://api.clever.com");
        assert_eq!(at(&clever, Host::Site), "https://clever.com/oauth/tokens");
        assert_eq!(
            at(&clever, Host::Origin),
            "https://api.clever.com/oauth/tokens"
        );
        let stand_in = Hosts::new("http://127.0.0.1:9");
        assert_eq!(at(&stand_in, Host::Site), "http://127.0.0.1:9/oauth/tokens");
        let own = stand_in.with_site("http://127.0.0.1:8/");
        assert_eq!(at(&own, Host::Site), "http://127.0.0.1:8/oauth/tokens");
    }

    #[test]
    fn a_request_carries_the_body_and_shows_no_id() {
        let call = call("/users/{id}").id("5a25ffb0c1bc2a0036000000").unwrap();
        let call = call.json(&serde_json::json!({ "a": 1 })).unwrap();
        assert_eq!(format!("{call:?}"), "GET /users/{id}");
        let request = call.request(&Hosts::new("https://api.clever.com")).unwrap();
        assert_eq!(request.body().as_ref(), br#"{"a":1}"#);
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        assert!(call.request(&Hosts::new("no address")).is_err());
    }
}
