//! What a fault makes of an answer's content. What it makes of the sending is `serve/send.rs`'s.

use serde_json::{Value, json};
use url::Url;

use super::fault::Fault;
use crate::reply::Reply;
use crate::sign_in::codes::invalid_code;

impl Reply {
    /// What `fault` makes of the answer's content to a request of this number.
    pub(crate) fn spoiled(self, fault: Fault, request: u64) -> Self {
        match fault {
            Fault::RateLimited => Self::too_many(),
            Fault::RateLimitedJson => Self::message(429, "Rate limit exceeded"),
            Fault::ServerError => Self::message(500, "Internal server error"),
            Fault::Html404 => Self::no_such_path("/"),
            Fault::TokenRotated => Self::unauthorized(),
            Fault::Truncated => {
                let mut at = self.body.len() / 2;
                while !self.body.is_char_boundary(at) {
                    at -= 1;
                }
                Self {
                    body: self.body[..at].to_owned(),
                    ..self
                }
            }
            Fault::EmptyBody => Self {
                body: String::new(),
                ..self
            },
            Fault::HtmlPage => Self::page(200, "Maintenance", "<p>We will be back soon.</p>"),
            Fault::Html403 => Self::page(403, "Request blocked", ""),
            Fault::Redirect => Self::redirect("https://login.example.org/?to=api".to_owned()),
            Fault::FailedPage => Self {
                body: json!({ "data": [], "links": [], "error": "upstream time-out" }).to_string(),
                ..self
            },
            Fault::ByteOrderMark => Self {
                body: format!("\u{feff}{}", self.body),
                ..self
            },
            Fault::OtherIssuer => self.with_json(|document| {
                document["issuer"] = "https://issuer.example".into();
            }),
            Fault::EmptyKeys => self.with_json(|set| set["keys"] = json!([])),
            Fault::CodeReplay => invalid_code(),
            Fault::MissingState => self.without_state(),
            Fault::Cut
            | Fault::Reset
            | Fault::Hang
            | Fault::Trickle
            | Fault::NotUtf8
            | Fault::RotateToken
            | Fault::RotateKey
            | Fault::Slow
            | Fault::Endless
            | Fault::ExpiredCursor
            | Fault::DuplicatedPage
            | Fault::BrokenGzip => self,
            Fault::DistrictPaused => self.with_json(pause),
            Fault::ShuffledMembers => self.with_json(|answer| shuffle(answer, request)),
            Fault::ReorderedKeys => match serde_json::from_str::<Value>(&self.body) {
                Ok(page) => Self {
                    body: reordered(&page),
                    ..self
                },
                Err(_) => self,
            },
            _ => self.with_page(|page| spoil_page(page, fault)),
        }
    }

    /// Changes the body as JSON, if it is a list.
    fn with_page(self, change: impl FnOnce(&mut Value)) -> Self {
        self.with_json(|page| {
            if page["data"].is_array() {
                change(page);
            }
        })
    }

    /// Changes the body, if it is JSON.
    fn with_json(self, change: impl FnOnce(&mut Value)) -> Self {
        match serde_json::from_str::<Value>(&self.body) {
            Ok(mut page) => {
                change(&mut page);
                Self {
                    body: page.to_string(),
                    ..self
                }
            }
            Err(_) => self,
        }
    }

    /// The way back, less the `state`.
    fn without_state(mut self) -> Self {
        let Some(mut back) = self.location.as_deref().and_then(|to| Url::parse(to).ok()) else {
            return self;
        };
        let kept: Vec<_> = back
            .query_pairs()
            .into_owned()
            .filter(|(name, _)| name != "state")
            .collect();
        back.query_pairs_mut().clear().extend_pairs(kept);
        self.location = Some(back.into());
        self
    }
}

/// Marks the district, alone or in its list, as paused.
fn pause(answer: &mut Value) {
    let mark = |district: &mut Value| {
        district["state"] = json!("paused");
        district["pause_start"] = json!("2026-06-02");
    };
    match &mut answer["data"] {
        Value::Array(all) => all.iter_mut().for_each(|one| mark(&mut one["data"])),
        one => mark(one),
    }
}

/// Lists of which Clever promises no order.
const SETS: [&str; 7] = [
    "students",
    "teachers",
    "schools",
    "student_relationships",
    "enrollments",
    "roles",
    "login_methods",
];

/// Begins each set at another member than at the request before, and names the first once more at the end.
fn shuffle(value: &mut Value, request: u64) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::Array(all) if SETS.contains(&key.as_str()) && !all.is_empty() => {
                        let turn = request % all.len() as u64;
                        all.rotate_left(usize::try_from(turn).unwrap_or_default());
                        all.extend(all.first().cloned());
                    }
                    value => shuffle(value, request),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| shuffle(one, request)),
        _ => {}
    }
}

fn spoil_page(page: &mut Value, fault: Fault) {
    let own = page["links"].as_array().and_then(|links| {
        links
            .iter()
            .find(|link| link["rel"] == "self")
            .map(|link| link["uri"].clone())
    });
    let last = page["data"].as_array().and_then(|all| {
        let id = all.last()?["data"]["id"].as_str()?;
        Some(id.to_owned())
    });
    match (fault, page.as_object_mut()) {
        (Fault::NoCount, Some(page)) => drop(page.remove("count")),
        (Fault::OddCount, Some(page)) if page.contains_key("count") => {
            page.insert("count".to_owned(), json!("a few"));
        }
        (Fault::LinksObject, Some(page)) => {
            let links = page.get("links").and_then(Value::as_array).into_iter();
            let links: serde_json::Map<String, Value> = links
                .flatten()
                .filter_map(|link| Some((link["rel"].as_str()?.to_owned(), link["uri"].clone())))
                .collect();
            page.insert("links".to_owned(), links.into());
        }
        _ => {}
    }
    if let Some(links) = page["links"].as_array_mut() {
        match fault {
            Fault::OddLinks => {
                let odd = [
                    Value::Null,
                    json!({ "rel": "prev", "uri": null }),
                    json!({ "rel": 7, "uri": "/" }),
                ];
                links.splice(0..0, odd);
            }
            Fault::NextNowhere => {
                for link in links.iter_mut().filter(|link| link["rel"] == "next") {
                    link["uri"] = Value::Null;
                }
            }
            Fault::NeverEnds if !links.iter().any(|link| link["rel"] == "next") => {
                let own = own.as_ref().and_then(Value::as_str).unwrap_or_default();
                links.push(json!({ "rel": "next", "uri": after(own, last.as_deref()) }));
            }
            Fault::SamePage => {
                // The addresses grow with what is asked, so none comes twice.
                for link in links.iter_mut().filter(|link| link["rel"] == "next") {
                    let own = own.as_ref().and_then(Value::as_str).unwrap_or_default();
                    let (path, query) = own.split_once('?').unwrap_or((own, ""));
                    link["uri"] = format!("{path}?{query}&again={}", own.len()).into();
                }
            }
            Fault::EmptyList | Fault::EarlyEnd => links.retain(|link| link["rel"] != "next"),
            Fault::RepeatedPage => {
                for link in links.iter_mut().filter(|link| link["rel"] == "next") {
                    link["uri"] = own.clone().unwrap_or_default();
                }
            }
            _ => {}
        }
    }
    let Some(elements) = page["data"].as_array_mut() else {
        return;
    };
    match fault {
        Fault::EmptyList => elements.clear(),
        Fault::DuplicatedRecords => {
            let twice = elements
                .iter()
                .flat_map(|element| [element.clone(), element.clone()])
                .collect();
            *elements = twice;
        }
        Fault::Unordered => elements.reverse(),
        _ => {
            for element in elements {
                spoil_record(&mut element["data"], fault);
            }
        }
    }
}

/// The address of a page behind the one at `own`, whose last record has this id: a cursor that is new each time.
fn after(own: &str, last: Option<&str>) -> String {
    let (path, query) = own.split_once('?').unwrap_or((own, ""));
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let (cursors, others): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| name == "starting_after");
    let cursor = last.or(cursors.first().map(|(_, cursor)| cursor.as_str()));
    let next = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(others)
        .append_pair("starting_after", &format!("{}0", cursor.unwrap_or("f")))
        .finish();
    format!("{path}?{next}")
}

fn spoil_record(record: &mut Value, fault: Fault) {
    let student = record["roles"]["student"].is_object();
    let section = record["students"].is_array();
    match fault {
        Fault::UnknownEnum if student => record["roles"]["student"]["gender"] = json!("Nonbinary"),
        Fault::UnknownEnum if section => record["subject"] = json!("astronomy"),
        Fault::UnknownField => record["added_in_a_minor_version"] = json!({ "value": 1 }),
        Fault::Nulls if student => {
            record["email"] = Value::Null;
            record["roles"]["student"]["schools"] = Value::Null;
            record["roles"]["student"]["ext"] = Value::Null;
        }
        Fault::Nulls if section => record["period"] = Value::Null,
        Fault::WrongType if student => {
            record["roles"]["student"]["sis_id"] = json!({ "not": "text" });
        }
        Fault::WrongType if section => record["section_number"] = json!(["not", "text"]),
        _ => {}
    }
}

/// Writes a value with the keys of its objects in reverse order of the alphabet.
fn reordered(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let parts = map.iter().rev();
            let parts: Vec<String> = parts
                .map(|(key, value)| format!("{}:{}", json!(key), reordered(value)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(all) => {
            format!(
                "[{}]",
                all.iter().map(reordered).collect::<Vec<_>>().join(",")
            )
        }
        one => one.to_string(),
    }
}
