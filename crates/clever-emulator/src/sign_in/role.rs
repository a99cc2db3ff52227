//! In which role somebody signs in, and under which id versions before v3.0 know the person in it.

use serde_json::Value;

/// The role in which somebody signs in: with several, the one in class comes first.
pub(crate) fn login_role(record: &Value) -> Option<&str> {
    let roles = record["roles"].as_object()?;
    roles.keys().next_back().map(String::as_str)
}

/// The id that somebody had before v3.0, in the role of the sign-in. Students never had another.
pub(crate) fn legacy_id<'a>(record: &'a Value, user: &'a str) -> &'a str {
    login_role(record)
        .and_then(|role| record["roles"][role]["legacy_id"].as_str())
        .unwrap_or(user)
}
