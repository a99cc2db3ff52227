//! What the browser sends: the headers of each request as they leave it, which no page and no script can tell.

use serde_json::{Value, json};
use url::Url;

use super::driver::{Browser, BrowserError};

/// A request as it left the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The host that it went to, with its port where that is not the scheme's own.
    pub(crate) to: String,
    /// The page that it says it comes from.
    pub(crate) referer: Option<Url>,
}

impl Browser {
    /// What was sent since this was asked last, in all tabs.
    pub(crate) async fn sent(&self) -> Result<Vec<Sent>, BrowserError> {
        let log = self
            .post("se/log", json!({ "type": "performance" }))
            .await?;
        let entries = log.as_array().map(Vec::as_slice).unwrap_or_default();
        let messages = entries.iter().filter_map(|entry| entry["message"].as_str());
        Ok(messages.filter_map(read).collect())
    }
}

/// Reads one event of Chromium's; none if it is about something else.
fn read(message: &str) -> Option<Sent> {
    // Most events are of another kind, and long.
    if !message.contains("requestWillBeSentExtraInfo") {
        return None;
    }
    let event: Value = serde_json::from_str(message).ok()?;
    let event = &event["message"];
    if event["method"] != "Network.requestWillBeSentExtraInfo" {
        return None;
    }
    let headers = event["params"]["headers"].as_object()?;
    let value = |names: &[&str]| {
        let mut all = headers.iter();
        let found = all.find(|(name, _)| names.iter().any(|one| name.eq_ignore_ascii_case(one)));
        found.and_then(|(_, value)| value.as_str())
    };
    Some(Sent {
        to: value(&["host", ":authority"])?.to_owned(),
        referer: value(&["referer"]).and_then(|page| page.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_the_page_that_it_comes_from() {
        let event = |method: &str, headers: Value| {
            let message = json!({ "method": method, "params": { "headers": headers } });
            json!({ "message": message, "webview": "x" }).to_string()
        };
        let method = "Network.requestWillBeSentExtraInfo";
        let headers = json!({ "Host": "cdn.example", "Referer": "https://app.example/a?b=c" });
        let sent = Sent {
            to: "cdn.example".to_owned(),
            referer: "https://app.example/a?b=c".parse().ok(),
        };
        assert_eq!(read(&event(method, headers.clone())), Some(sent));
        let by_http2 = json!({ ":authority": "cdn.example" });
        assert_eq!(read(&event(method, by_http2)).unwrap().referer, None);
        assert_eq!(read(&event("Network.requestWillBeSent", headers)), None);
    }
}
