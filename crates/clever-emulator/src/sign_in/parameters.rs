//! The parameters of queries and forms.

use std::collections::BTreeMap;

/// The parameters of a query or a form, by name; the first of a name counts.
pub(crate) fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        found.entry(name.into_owned()).or_insert(value.into_owned());
    }
    found
}

/// Says whether a query or a form has a parameter more than once, which OAuth forbids (RFC 6749, 3.1 and 3.2).
pub(crate) fn repeats(text: &str) -> bool {
    parameters(text).len() < url::form_urlencoded::parse(text.as_bytes()).count()
}
