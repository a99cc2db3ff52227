//! What people ask of a store that has all of the district: no answer may take longer the more there is.

use std::time::{Duration, Instant};

use clever_model::RecordKind;
use clever_sync::{AnyStore, ChangeFilter, Open, explain};

/// How often each is asked, after the first time.
const TIMES: usize = 20;

/// Asks each question by a connection of its own for the first time, then twenty times, and prints milliseconds.
pub(crate) async fn ask(store: &str, url: &str) {
    let open = || async {
        AnyStore::open(&url.parse().unwrap(), Open::Existing)
            .await
            .unwrap()
    };
    let all = open().await.status().await.unwrap();
    let (district, last) = (all[0].district_id.clone(), all[0].changes);
    let filter = |after| ChangeFilter {
        after,
        limit: 100,
        ..ChangeFilter::default()
    };
    let newest = open()
        .await
        .changes(&district, &filter(last - 1))
        .await
        .unwrap();
    let person = newest[0].id.clone();
    assert_eq!(newest[0].kind, RecordKind::Users);
    let questions = [
        "status",
        "changes: the first 100",
        "changes: the last 100",
        "explain a user",
    ];
    for (number, question) in questions.into_iter().enumerate() {
        let mut took = Vec::new();
        let mut connection = open().await;
        for _ in 0..=TIMES {
            let begin = Instant::now();
            match number {
                0 => assert!(!connection.status().await.unwrap().is_empty()),
                3 => assert!(
                    !explain(&mut connection, &district, &person)
                        .await
                        .unwrap()
                        .is_empty()
                ),
                which => {
                    let after = if which == 1 {
                        0
                    } else {
                        last.saturating_sub(100)
                    };
                    let page = connection.changes(&district, &filter(after)).await.unwrap();
                    assert_eq!(page.len(), 100);
                }
            }
            took.push(begin.elapsed());
        }
        let first = took.remove(0);
        took.sort();
        let ms = |of: Duration| of.as_secs_f64() * 1e3;
        let [middle, slowest] = [took[TIMES / 2], took[TIMES - 1]].map(ms);
        println!(
            "| {store}: {question} | {:.1} | {middle:.1} | {slowest:.1} |",
            ms(first)
        );
    }
}
