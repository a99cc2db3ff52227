//! Spans that a collector of OpenTelemetry gets.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::ground::{Emulator, Store, errors};

/// What came: the head of each request, and its body.
type Got = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector on loopback that takes everything; its address, and what came.
fn collector() -> (String, Got) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let got = Got::default();
    let kept = Arc::clone(&got);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let mut part = [0; 16_384];
            let (head, body) = loop {
                let count = stream.read(&mut part).unwrap();
                assert!(count > 0, "a request ended early");
                bytes.extend_from_slice(&part[..count]);
                let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                    continue;
                };
                let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
                let length = head.to_lowercase();
                let length = length.split_once("content-length: ").unwrap().1;
                let length: usize = length.lines().next().unwrap().parse().unwrap();
                if bytes.len() >= at + 4 + length {
                    break (head, bytes[at + 4..].to_vec());
                }
            };
            kept.lock().unwrap().push((head, body));
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, got)
}

#[test]
fn a_collector_gets_spans_of_stable_names_and_nothing_of_a_person() {
    let (emulator, store) = (Emulator::start(&["--students", "60"]), Store::new());
    let (address, got) = collector();
    let output = store
        .syncing(&emulator, &[])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &address)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(!errors(&output).contains("WARN"), "{}", errors(&output));
    let all = got.lock().unwrap().clone();
    assert!(!all.is_empty(), "nothing came");
    let mut spans: Vec<Span> = Vec::new();
    let mut text = String::new();
    for (head, body) in &all {
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        text += &format!("{head}\n{}\n", String::from_utf8_lossy(body));
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        for resource in request.resource_spans {
            let named = format!("{:?}", resource.resource);
            assert!(named.contains("cleverctl"), "{named}");
            spans.extend(resource.scope_spans.into_iter().flat_map(|of| of.spans));
        }
    }
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let stable = ["sync", "learn", "check", "settle", "apply", "clever_call"];
    for name in stable {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    // The stages are parts of the sync, in one trace.
    let sync = spans.iter().find(|span| span.name == "sync").unwrap();
    let district = format!("{:?}", sync.attributes);
    assert!(district.contains("district"), "{district}");
    for name in ["learn", "check", "settle", "apply"] {
        let stage = spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(stage.trace_id, sync.trace_id, "{name}");
        assert_eq!(stage.parent_span_id, sync.span_id, "{name}");
    }
    // Neither the token nor anybody's name or address.
    assert!(!text.contains(&emulator.token));
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    let mut people = connection
        .prepare("SELECT json_extract(record, '$.name.last'), json_extract(record, '$.email') FROM users")
        .unwrap();
    let people = people.query_map([], |row| {
        Ok([row.get::<_, Option<String>>(0)?, row.get(1)?])
    });
    let people: Vec<String> = people
        .unwrap()
        .flat_map(|row| row.unwrap().into_iter().flatten())
        .collect();
    assert!(people.len() > 60);
    for value in people {
        assert!(!text.contains(&value), "{value}");
    }
}

#[test]
fn a_collector_that_is_away_keeps_no_run_from_its_work() {
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    let output = store
        .syncing(&emulator, &[])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(store.number("SELECT count(*) FROM runs"), 1);
}
