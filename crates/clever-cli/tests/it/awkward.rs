//! A small Clever on loopback that sends whatever a test wants: records that no emulator would make up.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// An answer: its status, further headers, and its body.
pub(crate) type Answer = (u16, String, String);
/// What is asked before the lists are: the path, and how many requests came before.
type Hook = Box<dyn Fn(&str, usize) -> Option<Answer> + Send>;

/// The token that opens it.
pub(crate) const TOKEN: &str = "awkward";
/// Its district's id.
pub(crate) const DISTRICT: &str = "600000000000000000000001";

/// What it serves; it ends with the process.
#[derive(Clone)]
pub(crate) struct Awkward {
    lists: Arc<Mutex<Value>>,
    hook: Arc<Mutex<Hook>>,
    pub(crate) url: String,
}

/// An id of a person, section or event.
pub(crate) fn id(number: usize) -> String {
    format!("60000000{number:016x}")
}

/// A district of some students with a teacher and two sections.
pub(crate) fn small(students: usize) -> Value {
    let school = id(101);
    let mut users = vec![json!({
        "id": id(5001), "name": { "first": "Tia", "last": "Each" }, "email": "t1@example.org",
        "roles": { "teacher": { "sis_id": "t1", "school": school, "schools": [school] } },
    })];
    users.extend((1..=students).map(|at| {
        json!({
            "id": id(10_000 + at), "name": { "first": format!("Firstname{at}"), "last": format!("Lastname{at}") },
            "email": format!("st{at}@example.org"),
            "roles": { "student": {
                "sis_id": format!("st{at}"), "grade": "5", "dob": "5/17/2015", "school": school, "schools": [school],
            } },
        })
    }));
    let members: Vec<String> = (1..=students).map(|at| id(10_000 + at)).collect();
    let section = |at: usize| {
        json!({
            "id": id(400_000 + at), "name": format!("Section {at}"), "school": school, "sis_id": format!("x{at}"),
            "teacher": id(5001), "teachers": [id(5001)], "students": members,
        })
    };
    json!({
        "districts": [{ "id": DISTRICT, "name": "Test USD", "state": "running", "last_sync": "2026-09-01T00:00:00.000Z" }],
        "schools": [{ "id": school, "name": "School 1", "sis_id": "s1" }],
        "terms": [], "courses": [], "users": users, "sections": [section(1), section(2)], "events": [],
    })
}

impl Awkward {
    /// Serves `lists`.
    pub(crate) fn start(lists: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let served = Self {
            lists: Arc::new(Mutex::new(lists)),
            hook: Arc::new(Mutex::new(Box::new(|_, _| None))),
            url,
        };
        let server = served.clone();
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                // A client that went away asks no more.
                drop(stream.and_then(|stream| server.answer(stream, at)));
            }
        });
        served
    }

    /// Changes what is served.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Value)) {
        edit(&mut self.lists.lock().expect("no test panicked within"));
    }

    /// Answers as `hook` says, if it says something.
    pub(crate) fn hook(&self, hook: impl Fn(&str, usize) -> Option<Answer> + Send + 'static) {
        *self.hook.lock().expect("no test panicked within") = Box::new(hook);
    }

    fn answer(&self, mut stream: TcpStream, at: usize) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut first, mut known) = (String::new(), false);
        reader.read_line(&mut first)?;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? <= 2 {
                break;
            }
            known |= header.to_ascii_lowercase().trim() == format!("authorization: bearer {TOKEN}");
        }
        let target = first.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = self.hook.lock().expect("no test panicked within")(path, at);
        let (status, headers, body) = match asked {
            Some(answer) => answer,
            None if !known => (
                401,
                String::new(),
                r#"{"message":"Unauthorized"}"#.to_owned(),
            ),
            None => self.page(path, query),
        };
        write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nX-Request-Id: req-{at}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// A whole list on one page.
    fn page(&self, path: &str, query: &str) -> Answer {
        let lists = self.lists.lock().expect("no test panicked within");
        let kind = path.rsplit('/').next().unwrap_or_default();
        let Some(all) = lists[kind].as_array() else {
            return (404, String::new(), r#"{"message":"not found"}"#.to_owned());
        };
        let word = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
                .next()
        };
        let mut all: Vec<&Value> = all.iter().collect();
        all.sort_by_key(|record| record["id"].as_str().map(ToOwned::to_owned));
        let count = all.len();
        if let Some(after) = word("starting_after") {
            all.retain(|record| record["id"].as_str().is_some_and(|id| *id > *after));
        }
        if word("ending_before").is_some_and(|before| before == "last") {
            all.drain(..count.saturating_sub(1));
        }
        let data: Vec<Value> = all
            .into_iter()
            .map(|record| json!({ "data": record }))
            .collect();
        let mut page = json!({ "data": data, "links": [{ "rel": "self", "uri": path }] });
        if word("count").is_some() {
            page["count"] = count.into();
        }
        (200, String::new(), page.to_string())
    }
}
