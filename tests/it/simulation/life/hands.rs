//! What people do in a life: they plan and apply, take back, and edit rows by hand.

use clever_sync::{Only, PlanError, UndoError, UndoRequest, apply_plan, mark_edited, undo};

use super::*;

impl Life<'_> {
    /// Makes a plan's file, or applies the one there is.
    pub(super) async fn plan_or_apply(&mut self) {
        let Some((path, run, from, sent)) = self.plan.take() else {
            let path = self.folder.join("a.plan");
            let options = SyncOptions {
                dry_run: true,
                plan: Some(path.clone()),
                ..SyncOptions::default()
            };
            let before = self.kept.look(&self.district).await;
            let from = self.server.time();
            let source = Source::fine(&self.server, self.page);
            let mut store = self.kept.open().await;
            let ended = sync(
                &source,
                &mut store,
                &self.policy,
                &options,
                &self.clock,
                &(),
            )
            .await;
            let sent = source.sent.take();
            drop(source);
            self.tell(format!("planned: {}", said(&ended)));
            let report = ended.unwrap();
            assert_eq!(report.outcome, Outcome::Planned);
            assert_eq!(before, self.kept.look(&self.district).await, "a plan wrote");
            let (sent, from) = self.with_what_was_left(&report, sent, from);
            self.plan = Some((path, before.runs, from, sent));
            return self.run().await;
        };
        let before = self.kept.look(&self.district).await;
        let mut store = self.kept.open().await;
        let ended = apply_plan(&path, &mut store, &self.policy, &self.clock, &()).await;
        self.tell(format!("plan of run {run} applied: {}", said(&ended)));
        match &ended {
            Ok(report) => {
                assert_eq!((report.path, before.runs), (RunPath::Plan, run));
                let after = self.kept.look(&self.district).await;
                let entries = self.kept.feed(&self.district, before.seq).await;
                invariants::the_feed_tells_each_change_once(&before, &after, &entries);
                for entry in &entries {
                    let said = entry.after.as_deref().map(meaning);
                    let came = sent.records.get(&entry.key);
                    let told = sent.events.get(&entry.key);
                    let known = match &said {
                        Some(said) => came.is_some_and(|all| all.contains_key(said)),
                        None => came.is_none(),
                    };
                    assert!(known || told == Some(&said), "{entry:?} was not planned");
                    self.undone.remove(&entry.key);
                }
                self.before_runs.insert(after.runs, before);
                self.held = None;
            }
            Err(error) => {
                let stale = matches!(error, SyncError::Plan(PlanError::Stale { .. }));
                assert!(stale && before.runs != run, "{error:?} {}", before.runs);
                assert_eq!(before, self.kept.look(&self.district).await);
            }
        }
        let _ = from;
    }

    /// Takes back a run, or a part of it.
    pub(super) async fn take_back(&mut self) {
        let runs: Vec<i64> = self.before_runs.keys().copied().collect();
        let Some(run) = self.chance.one(&runs).copied() else {
            return self.run().await;
        };
        let any = |life: &mut Self, kind| {
            let ids: Vec<String> = life
                .server
                .list(kind)
                .into_iter()
                .map(|(id, _)| id)
                .collect();
            life.chance.one(&ids).cloned()
        };
        let only = match self.chance.below(4) {
            0 => any(self, RecordKind::Users).map(Only::Record),
            1 => any(self, RecordKind::Sections).map(Only::Section),
            2 => any(self, RecordKind::Schools).map(Only::School),
            _ => None,
        };
        let request = UndoRequest {
            district_id: self.district.clone(),
            run: run.unsigned_abs(),
            only,
            dry_run: false,
        };
        let before = self.kept.look(&self.district).await;
        let mut store = self.kept.open().await;
        let ended = undo(&mut store, &request, &self.policy, &self.clock, &()).await;
        let after = self.kept.look(&self.district).await;
        self.tell(format!(
            "undo of {run}, {:?}: {:?}",
            request.only,
            ended.as_ref().map(|report| report.undo)
        ));
        match ended {
            Ok(_) => {
                let entries = self.kept.feed(&self.district, before.seq).await;
                invariants::the_feed_tells_each_change_once(&before, &after, &entries);
                invariants::the_undo_put_back(&before, &after, &self.before_runs[&run]);
                for entry in &entries {
                    let was = before.records[&entry.key].clone();
                    let put_aside = was.active.then_some(was.says);
                    self.undone.insert(entry.key.clone(), put_aside);
                }
                self.before_runs.insert(after.runs, before);
                self.held = None;
            }
            Err(error) => {
                assert!(matches!(error, UndoError::Nothing { .. }), "{error:?}");
                assert_eq!(before, after);
            }
        }
    }

    /// Somebody edits rows; a look finds them all, and the snapshot after it mends them.
    pub(super) async fn hand_edit(&mut self) {
        let look = self.kept.look(&self.district).await;
        let of = |kind: RecordKind| -> Vec<String> {
            let active = look.records.iter().filter(|(_, held)| held.active);
            active
                .filter(|((of, _), _)| *of == kind)
                .map(|((_, id), _)| id.clone())
                .collect()
        };
        let (users, sections) = (of(RecordKind::Users), of(RecordKind::Sections));
        let (Some(user), Some(section)) = (
            self.chance.one(&users).cloned(),
            self.chance.one(&sections).cloned(),
        ) else {
            return self.run().await;
        };
        let place = |id: &str| format!("WHERE district_id = '{}' AND id = '{id}'", self.district);
        let edit = match self.chance.below(7) {
            0 => format!("UPDATE users SET last_name = 'Edited' {}", place(&user)),
            1 => format!("UPDATE sections SET school_id = NULL {}", place(&section)),
            2 => format!("UPDATE users SET archived_at = changed_at {}", place(&user)),
            3 => format!(
                "UPDATE sections SET archived_at = changed_at {}",
                place(&section)
            ),
            4 => format!("DELETE FROM sections {}", place(&section)),
            5 => format!(
                "INSERT INTO schools (district_id, id, record, first_seen_at, changed_at, source)
                 VALUES ('{}', 'by-hand', '{{}}', 'x', 'x', 1)
                 ON CONFLICT (district_id, id) DO UPDATE SET archived_at = NULL",
                self.district
            ),
            _ => format!("UPDATE users SET email = 'edited' {}", place(&user)),
        };
        let sticky = !self.policy.sticky.is_empty() && edit.contains("email");
        self.kept.edit(&edit).await;
        let mut store = self.kept.open().await;
        let id = DistrictId::new(self.district.as_str()).unwrap();
        let found = mark_edited(&mut store, &id, &self.policy).await.unwrap();
        self.tell(format!("{edit}: {found} found"));
        assert_eq!(found, u64::from(!sticky), "{edit}");
        self.settle().await;
    }
}
