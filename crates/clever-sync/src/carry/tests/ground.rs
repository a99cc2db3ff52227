//! Two stores: in the first the district `d` beside `e`, in the second `f`. Every table has rows of each.

use clever_model::DistrictId;
use clever_sql::{Address, Type};

use super::cut::{Cut, Knife};
use crate::carry::parts::{self, Of, Part};
use crate::carry::tally::{Tally, tally};
use crate::carry::write;
use crate::store::AnyStore;
use crate::store::sql::{Backend as _, RosterDb, Sql, SqlStore};
use clever_sql::Open;

pub(super) fn district() -> DistrictId {
    DistrictId::new("d").unwrap()
}

/// Two stores and a knife over both.
pub(super) struct Ground {
    pub(super) old: SqlStore<Cut>,
    pub(super) new: SqlStore<Cut>,
    pub(super) cut: Knife,
    urls: Vec<String>,
}

impl Ground {
    pub(super) async fn in_memory() -> Self {
        let stores = [AnyStore::nowhere().unwrap(), AnyStore::nowhere().unwrap()];
        Self::over(stores, Vec::new()).await
    }

    /// Two schemas of the server that `CLEVER_TEST_POSTGRES` names; none if it names none.
    pub(super) async fn on_a_server(name: &str) -> Option<Self> {
        let Ok(url) = std::env::var("CLEVER_TEST_POSTGRES") else {
            eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server");
            return None;
        };
        let joined = if url.contains('?') { '&' } else { '?' };
        let process = std::process::id();
        let of = |which: &str| format!("{url}{joined}schema=carry_{name}_{which}_{process}");
        let urls = vec![of("a"), of("b")];
        drop_schemas(&urls).await;
        let open = async |url: &str| {
            let address: Address = url.parse().unwrap();
            AnyStore::open(&address, Open::Create).await.unwrap()
        };
        let stores = [open(&urls[0]).await, open(&urls[1]).await];
        Some(Self::over(stores, urls).await)
    }

    async fn over([old, new]: [AnyStore; 2], urls: Vec<String>) -> Self {
        let cut = Knife::new();
        let under = |store: AnyStore| {
            SqlStore::on(Cut {
                db: store.db,
                knife: cut.clone(),
            })
        };
        let mut ground = Self {
            old: under(old),
            new: under(new),
            urls,
            cut,
        };
        ground.empty().await;
        ground
    }

    /// Puts both stores back to where they were at first.
    pub(super) async fn empty(&mut self) {
        let parts = parts::parts().await.unwrap();
        for store in [&mut self.old, &mut self.new] {
            for id in ["d", "e", "f"] {
                if let Some(of) = write::find(&mut store.db, id).await.unwrap() {
                    write::erase(&mut store.db, &parts, &of).await.unwrap();
                }
            }
            store
                .db
                .execute("DELETE FROM main._moves", &[])
                .await
                .unwrap();
        }
        fill(&mut self.old, "e", 4).await;
        fill(&mut self.old, "d", 3).await;
        fill(&mut self.new, "f", 2).await;
        for store in [&mut self.old, &mut self.new] {
            // It is the move's to pause it.
            store
                .db
                .execute("DELETE FROM main._pauses", &[])
                .await
                .unwrap();
        }
    }

    /// Has both servers notice that the process is gone.
    pub(super) fn end_process(&mut self) -> bool {
        let was_cut = self.cut.disarm();
        for store in [&mut self.old, &mut self.new] {
            store.db.send("ROLLBACK");
        }
        was_cut
    }

    pub(super) fn urls(&self) -> [String; 2] {
        [self.urls[0].clone(), self.urls[1].clone()]
    }

    /// Throws the schemas away.
    pub(super) async fn leave(self) {
        let urls = self.urls.clone();
        drop(self);
        drop_schemas(&urls).await;
    }
}

pub(super) async fn drop_schemas(urls: &[String]) {
    for url in urls {
        let (server, schema) = url.rsplit_once("schema=").unwrap();
        let server = server.trim_end_matches(['?', '&']);
        let address: Address = server.parse().unwrap();
        let mut db = clever_sql::Database::open(&address, Open::Create)
            .await
            .unwrap();
        let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
        db.batch(&sql).await.unwrap();
    }
}

/// Makes up so many rows of a district in every table.
pub(super) async fn fill<B: RosterDb>(store: &mut SqlStore<B>, id: &str, rows: i64) {
    let db = &mut store.db;
    let mut of = Of {
        id: id.to_owned(),
        number: 0,
    };
    for part in parts::parts().await.unwrap() {
        let page = match &part {
            Part::Rows(table) => {
                let one = ["_districts", "_forget_keys", "_alerts"].contains(&table.table);
                let value = |column: &str, kind: Type, row: i64| match (kind, column) {
                    (_, "district_id") => Sql::from(id.to_owned()),
                    (_, "op") => "create".to_owned().into(),
                    (_, "what") => "person".to_owned().into(),
                    (_, "after" | "event_cursor" | "snapshot_at") => Sql::Null,
                    (Type::Text, "at") => "2026-09-14T11:00:00Z".to_owned().into(),
                    (Type::Text, "ending") => "done".to_owned().into(),
                    (Type::Int | Type::Int4 | Type::Int2, _) => row.into(),
                    (Type::Blob, name) => {
                        let length = if name == "key" { 32 } else { 16 };
                        Sql::Blob(vec![u8::try_from(row % 256).unwrap(); length].into())
                    }
                    (Type::Text, _) => format!("{}.{column}.{row}", table.table).into(),
                };
                let row = |row: i64| {
                    let columns = table.columns.iter();
                    columns
                        .map(|(name, kind)| value(name, *kind, row))
                        .collect()
                };
                (0..if one { 1 } else { rows }).map(row).collect()
            }
            Part::Places => (0..rows)
                .map(|row| {
                    let ids = [
                        format!("sections.id.{row}"),
                        format!("_people.id.{}", rows - 1 - row),
                    ];
                    let [section, person] = ids;
                    vec![section.into(), 0_i64.into(), person.into(), 1_i64.into()]
                })
                .collect(),
            Part::OfDeed { table, .. } if *table == "_approvals" => {
                vec![vec!["00ff".to_owned().into(), 2_i64.into()]]
            }
            Part::OfDeed { .. } => vec![vec![1_i64.into()]],
        };
        write::write(db, &part, &of, page).await.unwrap();
        if of.number == 0 {
            of = write::find(db, id).await.unwrap().unwrap();
        }
    }
}

/// What a store has of a district.
pub(super) async fn has<B: RosterDb>(store: &mut SqlStore<B>, id: &str) -> Vec<Tally> {
    let parts = parts::parts().await.unwrap();
    let of = write::find(&mut store.db, id).await.unwrap().unwrap();
    tally(&mut store.db, &parts, &of).await.unwrap()
}

/// The tallies of these tables, or of all others.
pub(super) fn only(all: &[Tally], tables: &[&str], among: bool) -> Vec<Tally> {
    let is_in = |tally: &&Tally| tables.contains(&tally.table.as_str()) == among;
    all.iter().filter(is_in).cloned().collect()
}
