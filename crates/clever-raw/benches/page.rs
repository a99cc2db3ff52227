//! What a page of 10,000 users costs: splitting it into raw records, decoding it record by record, and
//! decoding it whole with plain serde_json. Prints CPU-bound best times and their ratios in one run.
#![cfg(feature = "v3_1")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its report and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clever_raw::envelope::Page;
use clever_raw::page::RawPage;
use clever_raw::v3_1::types::User;
use serde_json::{Value, json};

/// How often each way is measured; the best counts, as noise only adds.
const ROUNDS: usize = 15;

fn main() {
    let records: usize = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .next()
        .unwrap_or(10_000);
    let body = Bytes::from(page(records));
    println!(
        "a page of {records} users, {:.1} MB, {} bytes a record; best of {ROUNDS}\n",
        body.len() as f64 / 1e6,
        body.len() / records
    );
    let split = best(|| {
        let page = RawPage::split(body.clone()).unwrap();
        assert_eq!(page.len(), records);
        black_box(page);
    });
    let lossy = best(|| {
        let decoded = RawPage::split(body.clone()).unwrap().decode::<User>();
        assert_eq!(decoded.records.len(), records);
        black_box(decoded);
    });
    let whole = best(|| {
        let page: Page<User> = serde_json::from_slice(&body).unwrap();
        assert_eq!(page.data.len(), records);
        black_box(page);
    });
    let value = best(|| {
        let page: Value = serde_json::from_slice(&body).unwrap();
        black_box(page);
    });
    println!(
        "{:<46}{:>9}{:>10}{:>12}{:>8}",
        "", "ms", "MB/s", "records/s", "ratio"
    );
    for (name, time) in [
        ("RawPage::split (what a sync pays)", split),
        ("RawPage::split + decode::<User>, lossy", lossy),
        ("serde_json::from_slice::<Page<User>>", whole),
        ("serde_json::from_slice::<Value>", value),
    ] {
        let seconds = time.as_secs_f64();
        println!(
            "{name:<46}{:>9.2}{:>10.0}{:>12.0}{:>8.2}",
            seconds * 1e3,
            body.len() as f64 / 1e6 / seconds,
            records as f64 / seconds,
            seconds / split.as_secs_f64(),
        );
    }
}

/// The shortest of several runs.
fn best(mut work: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .min()
        .unwrap_or_default()
}

/// A list as Clever sends it: four students, then a teacher.
fn page(records: usize) -> Vec<u8> {
    let users: Vec<Value> = (0..records)
        .map(|at| {
            let id = format!("5a25ffb0c1bc2a{at:010x}");
            let name = json!({ "first": format!("First{at}"), "middle": "M", "last": format!("Last{}", at % 997) });
            let roles = if at % 5 == 4 {
                json!({ "teacher": { "sis_id": at.to_string(), "school": "530e5960049e75a9262cff1d", "schools": ["530e5960049e75a9262cff1d"],
                    "state_id": "", "teacher_number": at.to_string(), "title": "Math Teacher", "legacy_id": id,
                    "credentials": { "district_username": format!("t{at}") } } })
            } else {
                json!({ "student": { "dob": "2012-03-09", "ell_status": "N", "frl_status": "Free", "gender": "F", "grade": "7",
                    "graduation_year": "2030", "hispanic_ethnicity": "N", "home_language": "English", "iep_status": "N", "race": "Asian",
                    "schools": ["530e5960049e75a9262cff1d"], "school": "530e5960049e75a9262cff1d", "sis_id": at.to_string(),
                    "state_id": at.to_string(), "student_number": at.to_string(), "legacy_id": id, "section_504_status": "N",
                    "location": { "address": "1 Main Street", "city": "Dover", "state": "DE", "zip": "19901", "lat": "39.1", "lon": "-75.5" },
                    "credentials": { "district_username": format!("s{at}") }, "unweighted_gpa": "3.1", "weighted_gpa": "3.4",
                    "enrollments": [{ "school": "530e5960049e75a9262cff1d", "start_date": "2025-08-20", "end_date": "2026-06-10" }],
                    "ext": { "house": "red" } } })
            };
            json!({ "data": { "id": id, "district": "4fd43cc56d11340000000005", "created": "2021-03-02T22:24:53.347Z",
                "last_modified": "2026-11-02T22:24:53.347Z", "email": format!("u{at}@example.org"), "name": name, "roles": roles },
                "uri": format!("/v3.1/users/{id}") })
        })
        .collect();
    json!({ "data": users, "links": [{ "rel": "self", "uri": "/v3.1/users" }] })
        .to_string()
        .into_bytes()
}
