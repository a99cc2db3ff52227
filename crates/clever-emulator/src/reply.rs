//! An answer before it is sent: a status, a content type and a body.

use serde_json::json;

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// How every page looks.
const STYLE: &str = include_str!("style.css");

/// A status, a content type and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// Where a redirection leads.
    pub(crate) location: Option<String>,
    /// A cookie to set, with its attributes.
    pub(crate) cookie: Option<String>,
    /// The methods that the path takes, if another one came.
    pub(crate) allow: Option<String>,
}

impl Reply {
    fn new(status: u16, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            content_type,
            body,
            location: None,
            cookie: None,
            allow: None,
        }
    }

    pub(crate) fn json(body: String) -> Self {
        Self::new(200, JSON, body)
    }

    /// An error as the API words it.
    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self::new(status, JSON, json!({ "message": message }).to_string())
    }

    /// An error as v1 words it: its clients read it under another key.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::new(status, JSON, json!({ "error": message }).to_string())
    }

    /// An error as OAuth words it.
    pub(crate) fn refused(status: u16, error: &str, description: &str) -> Self {
        let body = json!({ "error": error, "error_description": description });
        Self::new(status, JSON, body.to_string())
    }

    /// The answer to a token that opens nothing.
    pub(crate) fn unauthorized() -> Self {
        Self::message(401, "Unauthorized: the bearer token is not valid")
    }

    /// The answer to more requests than the limit allows.
    pub(crate) fn too_many() -> Self {
        Self::new(429, TEXT, "Too Many Requests".to_owned())
    }

    /// The answer to a path that the token does not open: a page for people.
    pub(crate) fn no_such_path(path: &str) -> Self {
        // The path is shown as text, never as markup.
        let path = escaped(path);
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n\
             </head>\n<body>\n<pre>Cannot GET {path}</pre>\n</body>\n</html>\n"
        );
        Self::new(404, HTML, body)
    }

    /// A page for people. `title` and `body` are markup.
    pub(crate) fn page(status: u16, title: &str, body: &str) -> Self {
        let main = format!("<main class=\"narrow\">\n<h1>{title}</h1>\n{body}\n</main>");
        Self::document(status, title, "", &main)
    }

    /// A whole document: what stands in its head beside the title, and its body, as markup.
    pub(crate) fn document(status: u16, title: &str, head: &str, body: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n"
        );
        Self::new(status, HTML, body)
    }

    pub(crate) fn redirect(location: String) -> Self {
        Self {
            location: Some(location),
            ..Self::page(302, "Found", "")
        }
    }
}

/// `text` so that a browser shows it and does nothing else with it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
