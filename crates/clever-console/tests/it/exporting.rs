//! A roster as a file: an admin's, with a reason, by a page and by the API; what is written for it goes.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use clever_console::{Role, new_token};
use clever_model::{Clock as _, SystemClock};
use serde_json::json;

use crate::ground::Ground;

/// The files of a zip, by name.
fn files(zip: &[u8]) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let all = zip.len();
    let mut read = |at| {
        let mut file = zip.by_index(at).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().into_owned(), text)
    };
    (0..all).map(&mut read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_exports_a_roster_with_a_reason_and_nobody_else_does() {
    for ground in Ground::each("export").await {
        let served = ground.console().await;
        let place = format!("/districts/{}", ground.district);
        let export = format!("{place}/export");
        let mut operator = served.visitor(Role::Operator).await;
        let page = operator.go(&place).await;
        assert!(!page.text.contains("Export the roster"));
        let form = page.form();
        let sent = [
            ("form", form.as_str()),
            ("format", "csv"),
            ("reason", "a new system"),
        ];
        assert_eq!(operator.send(&export, &sent).await.status, 403);

        let mut admin = served.visitor(Role::Admin).await;
        let form = admin.go(&place).await.form();
        let sent = |format, reason| {
            [
                ("form", form.as_str()),
                ("format", format),
                ("reason", reason),
            ]
        };
        for wrong in [sent("csv", " "), sent("pdf", "a new system")] {
            assert_eq!(admin.send(&export, &wrong).await.status, 422);
        }
        let headers = admin
            .send(&export, &sent("spreadsheets", "a new system"))
            .await
            .headers;
        assert_eq!(headers["content-type"], "application/zip");
        assert_eq!(
            headers["content-disposition"],
            "attachment; filename=\"roster-spreadsheets.zip\""
        );
        assert_eq!(headers["cache-control"], "no-store");

        // A program with a token has the same file.
        let mut store = ground.store().await;
        let made = new_token("export", Role::Admin, None, SystemClock.now(), None).unwrap();
        assert!(store.add_token(&made.digest, &made.kept).await.unwrap());
        let ask = async |format: &str, key: &str| {
            let body = json!({ "format": format, "reason": "each night" });
            let request = admin.http.post(format!("{}/api{export}", served.origin));
            let request = request
                .bearer_auth(&made.token)
                .header("Idempotency-Key", key);
            let answer = request.json(&body).send().await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.bytes().await.unwrap())
        };
        assert_eq!(ask("pdf", "export-0").await.0, 422);
        let (status, csv) = ask("csv", "export-1").await;
        assert_eq!(status, 200);
        let all = files(&csv);
        let students = all.iter().find(|(name, _)| name == "students.csv");
        let (_, students) = students.unwrap();
        let active = store.status().await.unwrap()[0].records.clone();
        assert!(active[4].1 >= 120, "{active:?}");
        // A row for each of a student's contacts, after a header.
        let rows = students.lines().skip(1);
        let ids: BTreeSet<&str> = rows.filter_map(|row| row.split(',').nth(1)).collect();
        assert_eq!(ids.len(), 120, "each student");
        let (_, oneroster) = ask("oneroster", "export-2").await;
        let all = files(&oneroster);
        assert!(
            all.iter().any(|(name, _)| name == "manifest.csv"),
            "{all:?}"
        );
        // Sent again with its key, it is made again, and is one row.
        assert_eq!(ask("oneroster", "export-2").await.0, 200);

        let deeds = store.judged(Some(&ground.district), None, 9).await.unwrap();
        let deeds: Vec<[&str; 4]> = deeds
            .iter()
            .map(|one| [&one.deed, &one.subject, &one.actor, &one.reason].map(String::as_str))
            .collect();
        assert_eq!(
            deeds,
            [
                ["export", "oneroster", "token export", "each night"],
                ["export", "csv", "token export", "each night"],
                ["export", "spreadsheets", "the-admin", "a new system"]
            ]
        );
    }
}
