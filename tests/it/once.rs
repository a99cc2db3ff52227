//! A record is kept once, and the feed says what it said: whatever comes after a change, over both stores.

use clever_model::RecordKind;
use clever_sync::erase::{PruneRequest, prune};
use tempfile::TempDir;

use crate::promises::{Roster, again, audit, lines, number, stores, student};
use crate::simulation::kept::Kept;

/// The feed as readers of SQL see it; what it said before is still there.
async fn feed_since(kept: &Kept, before: &[String]) -> Vec<String> {
    let feed = "SELECT seq, run, kind, id, op, fields, before, after, prev FROM changes";
    let now = lines(kept, feed).await;
    for line in before {
        assert!(now.contains(line), "{line} of {now:#?}");
    }
    now
}

#[tokio::test]
async fn the_feed_says_what_it_said_though_a_record_is_kept_once() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "once").await {
        let mut roster = Roster::new(40, 4);
        let first = again(&kept, &roster).await;
        let written = "SELECT count(*) FROM _changes WHERE before IS NOT NULL OR after IS NOT NULL";
        assert_eq!(number(&kept, written).await, 0);
        let shown = "SELECT count(*) FROM changes c JOIN users u
            ON u.district_id = c.district_id AND u.id = c.id WHERE c.kind = 'users' AND c.after = u.record";
        let users = first.kinds[&RecordKind::Users].created;
        assert_eq!(number(&kept, shown).await, users);
        let mut told = feed_since(&kept, &[]).await;

        let grade = |roster: &mut Roster, id: &str, grade: &str| {
            roster.one(RecordKind::Users, id)["roles"]["student"]["grade"] = grade.into();
        };
        let twice = "SELECT count(*) FROM _changes WHERE after IS NOT NULL";
        for night in 1..=4 {
            match night {
                1 => grade(&mut roster, "u001", "4"),
                2 => {
                    grade(&mut roster, "u001", "5");
                    roster.remove(RecordKind::Users, "u002");
                    roster.remove(RecordKind::Users, "u006");
                }
                // Clever's bookkeeping alone: the row is another, and the feed says nothing of it.
                3 => {
                    for id in ["u001", "u003"] {
                        roster.one(RecordKind::Users, id)["last_modified"] = "2026-09-13".into();
                    }
                }
                _ => {
                    grade(&mut roster, "u003", "6");
                    roster.all(RecordKind::Users).push(student(2, "s1"));
                }
            }
            assert!(again(&kept, &roster).await.holds.is_empty());
            told = feed_since(&kept, &told).await;
            let touched = if night < 3 { 0 } else { 2 };
            assert_eq!(number(&kept, twice).await, touched, "{night}");
        }

        // By hand: what the feed says is what a sync wrote, and the audit has it from there.
        kept.edit("UPDATE users SET record = '{}' WHERE id = 'u004'")
            .await;
        kept.edit("DELETE FROM users WHERE id = 'u005'").await;
        told = feed_since(&kept, &told).await;
        assert_eq!(audit(&kept).await, 2);
        told = feed_since(&kept, &told).await;
        assert!(again(&kept, &roster).await.is_unchanged());

        let request = PruneRequest {
            district_id: "d".to_owned(),
            archived_before: Some("2027-01-01T00:00:00Z".parse().unwrap()),
            changes_before: None,
            dry_run: false,
        };
        let mut store = kept.open().await;
        let pruned = prune(&mut store, &request, &mut |_| ()).await.unwrap();
        assert_eq!(pruned.records[&RecordKind::Users], 1);
        feed_since(&kept, &told).await;
    }
}
