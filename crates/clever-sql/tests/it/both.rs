//! What holds in both databases. PostgreSQL takes part where `CLEVER_TEST_POSTGRES` names a server, as `cargo xtask test`
//! does.

use std::sync::Arc;

use clever_sql::{
    Address, Backend, Database, DatabaseError, Kind, Open, Postgres, Tables, Transaction, Type,
    Value, Version, migrate, version,
};
use tempfile::TempDir;

const SHELF: Tables = Tables {
    store: "shelf",
    versions: &[
        Version::both("CREATE TABLE works (id TEXT PRIMARY KEY, pages BIGINT, cover BLOB)"),
        Version::both("ALTER TABLE works ADD COLUMN shelf TEXT; CREATE TABLE users (id TEXT)"),
    ],
};

/// The same, as PostgreSQL spells it.
const POSTGRES: Tables = Tables {
    store: "shelf",
    versions: &[
        Version::both("CREATE TABLE works (id TEXT PRIMARY KEY, pages BIGINT, cover BYTEA)"),
        Version::both("ALTER TABLE works ADD COLUMN shelf TEXT; CREATE TABLE users (id TEXT)"),
    ],
};

const BESIDE: Tables = Tables {
    store: "beside",
    versions: &[Version::both("CREATE TABLE beside (id TEXT)")],
};

/// Its second table is the shelf's.
const BROKEN: Tables = Tables {
    store: "broken",
    versions: &[Version::both(
        "CREATE TABLE broken (id TEXT); CREATE TABLE works (id TEXT)",
    )],
};

/// The steps to the first version alone.
fn first(tables: &Tables) -> Tables {
    Tables {
        versions: &tables.versions[..1],
        ..*tables
    }
}

fn tables(db: &Database) -> Tables {
    match db.kind() {
        Kind::Sqlite => SHELF,
        Kind::Postgres => POSTGRES,
    }
}

/// The address of another database of the server.
fn at(server: &str, database: &str, query: &str) -> Address {
    let (place, given) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = place.rsplit_once('/').unwrap();
    Address::parse(&format!("{host}/{database}?{given}&{query}")).unwrap()
}

/// An empty database at the server, if one is named.
async fn empty(name: &str) -> Option<(String, String)> {
    let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") else {
        eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server");
        return None;
    };
    let database = format!("sql_{name}_{}", std::process::id());
    let mut admin = Database::open(&Address::parse(&server).unwrap(), Open::Existing)
        .await
        .unwrap();
    for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        admin.batch(&format!("{sql} {database}")).await.unwrap();
    }
    Some((server, database))
}

/// An empty place in each database, to be opened as often as need be.
async fn places(name: &str, folder: &TempDir) -> Vec<Address> {
    let file = folder.path().join("shelf.db");
    let mut all = vec![Address::parse(&format!("sqlite:{}", file.display())).unwrap()];
    if let Some((server, database)) = empty(name).await {
        all.push(at(&server, &database, ""));
    }
    all
}

async fn open(address: &Address) -> Database {
    let mut db = Database::open(address, Open::Create).await.unwrap();
    let tables = tables(&db);
    migrate(&mut db, &tables, Open::Create).await.unwrap();
    db
}

async fn count(db: &mut Database) -> i64 {
    let sql = "SELECT count(*) FROM main.works";
    db.one(sql, &[]).await.unwrap().int(0).unwrap()
}

const COLUMNS: [(&str, Type); 3] = [
    ("id", Type::Text),
    ("pages", Type::Int),
    ("cover", Type::Blob),
];

#[tokio::test]
async fn what_is_written_is_read_as_it_was() {
    let folder = TempDir::new().unwrap();
    for address in places("values", &folder).await {
        let mut db = open(&address).await;
        let rows: Vec<Value<'_>> = vec![
            "Emma".into(),
            474_i64.into(),
            [0_u8, 255, 7].into(),
            "Ωμέγα \u{1F4DA} \"'\\".into(),
            Value::Null,
            Value::Null,
            "".into(),
            i64::MIN.into(),
            [0_u8; 0].into(),
        ];
        // In bulk as new rows, and as rows that may be there.
        db.insert("main.works", &COLUMNS, &rows, "").await.unwrap();
        let keep = "ON CONFLICT (id) DO UPDATE SET pages = excluded.pages";
        db.insert("main.works", &COLUMNS, &rows, keep)
            .await
            .unwrap();
        let clash = db.insert("main.works", &COLUMNS, &rows, "").await;
        assert!(clash.is_err());
        assert_eq!(count(&mut db).await, 3);
        let sql = "SELECT id, pages, cover FROM main.works ORDER BY pages IS NULL, pages DESC";
        let mut read = Vec::new();
        for row in db.query(sql, &[]).await.unwrap() {
            read.extend(row.0);
        }
        let order = [0, 1, 2, 6, 7, 8, 3, 4, 5];
        assert_eq!(read, order.map(|at| rows[at].clone()));
        let mut lent = Vec::new();
        db.each(sql, &[], &mut |row| {
            lent.push((row.text(0)?.to_owned(), row.maybe_bytes::<3>(2).ok()));
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(lent[0], ("Emma".to_owned(), Some(Some([0, 255, 7]))));
        assert_eq!(lent[1], (String::new(), None), "three bytes were asked for");
        let list = format!(
            "SELECT count(*) FROM main.works WHERE id {} OR pages {}",
            db.kind().among(1),
            db.kind().among(2)
        );
        let params = [
            Value::texts(["Emma", "Persuasion"]),
            Value::Ints(vec![i64::MIN]),
        ];
        assert_eq!(db.one(&list, &params).await.unwrap().int(0).unwrap(), 2);
        let odd = db
            .one("SELECT id FROM main.works", &[])
            .await
            .unwrap()
            .int(0);
        assert!(matches!(odd, Err(DatabaseError::OddRow { column: 0 })));
    }
}

#[tokio::test]
async fn however_many_rows_are_inserted_each_is_there_and_one_that_is_refused_is_an_error() {
    let folder = TempDir::new().unwrap();
    for address in places("many", &folder).await {
        let mut db = open(&address).await;
        let mut next = 0_i64;
        let mut rows = |count: i64| -> Vec<Value<'static>> {
            let numbers = next..next + count;
            next += count;
            numbers
                .flat_map(|number| [number.to_string().into(), number.into(), Value::Null])
                .collect()
        };
        let mut all = 0;
        for some in [0, 1, 31, 32, 33, 64, 100] {
            let rows = rows(some);
            db.insert("main.works", &COLUMNS, &rows, "").await.unwrap();
            all += some;
            assert_eq!(count(&mut db).await, all);
        }
        let other = "SELECT count(*) FROM main.works WHERE id <> CAST(pages AS TEXT)";
        assert_eq!(db.one(other, &[]).await.unwrap().int(0).unwrap(), 0);
        for refused in [0, 40, 69] {
            let mut rows = rows(70);
            rows[refused * COLUMNS.len()] = "7".into();
            let mut writing = Transaction::write(&mut db).await.unwrap();
            let clash = writing.insert("main.works", &COLUMNS, &rows, "").await;
            assert!(clash.is_err(), "{refused}");
            drop(writing);
            assert_eq!(count(&mut db).await, all, "{refused}");
        }
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_never_was() {
    let folder = TempDir::new().unwrap();
    for address in places("drop", &folder).await {
        let mut db = open(&address).await;
        let add = "INSERT INTO main.works (id) VALUES (?1)";
        let mut kept = Transaction::write(&mut db).await.unwrap();
        kept.execute(add, &["a".into()]).await.unwrap();
        kept.commit().await.unwrap();
        let mut dropped = Transaction::write(&mut db).await.unwrap();
        dropped.execute(add, &["b".into()]).await.unwrap();
        assert_eq!(count(&mut dropped).await, 2);
        drop(dropped);
        assert_eq!(count(&mut db).await, 1);
        // One that a statement broke, and one whose future is dropped while it waits.
        let mut broken = Transaction::write(&mut db).await.unwrap();
        broken.execute(add, &["b".into()]).await.unwrap();
        assert!(broken.execute(add, &["a".into()]).await.is_err());
        drop(broken);
        let mut second = Database::open(&address, Open::Existing).await.unwrap();
        {
            let mut work = Box::pin(async {
                let mut cut = Transaction::write(&mut db).await.unwrap();
                cut.execute(add, &["c".into()]).await.unwrap();
                std::future::pending::<()>().await;
                cut.commit().await.unwrap();
            });
            let longest = std::time::Duration::from_millis(200);
            tokio::time::timeout(longest, &mut work).await.unwrap_err();
        }
        let mut next = Transaction::write(&mut second).await.unwrap();
        next.execute(add, &["c".into()]).await.unwrap();
        next.roll_back().await.unwrap();
        assert_eq!(count(&mut db).await, 1);
        // One that reads sees one moment, and writes nothing.
        let mut reading = Transaction::read(&mut db).await.unwrap();
        assert_eq!(count(&mut reading).await, 1);
        if second.kind() == Kind::Postgres {
            second.execute(add, &["d".into()]).await.unwrap();
            assert_eq!(count(&mut reading).await, 1);
            let refused = reading.execute(add, &["e".into()]).await;
            assert!(
                matches!(refused, Err(DatabaseError::ReadOnly)),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn tables_are_made_once_and_brought_up_to_date() {
    let folder = TempDir::new().unwrap();
    for address in places("versions", &folder).await {
        let mut db = Database::open(&address, Open::Create).await.unwrap();
        let all = tables(&db);
        let old = first(&all);
        assert_eq!(version(&mut db, &all).await.unwrap(), None);
        let missing = migrate(&mut db, &all, Open::Existing).await;
        assert!(matches!(missing, Err(DatabaseError::Missing { .. })));
        migrate(&mut db, &old, Open::Create).await.unwrap();
        assert_eq!(version(&mut db, &all).await.unwrap(), Some(1));
        db.execute("INSERT INTO main.works (id) VALUES ('a')", &[])
            .await
            .unwrap();
        // Everybody at once: one does it, and the row stays.
        let mut both = (db, Database::open(&address, Open::Existing).await.unwrap());
        let (one, other) = tokio::join!(
            migrate(&mut both.0, &all, Open::Existing),
            migrate(&mut both.1, &all, Open::Existing)
        );
        one.unwrap();
        other.unwrap();
        let (mut db, _) = both;
        assert_eq!(version(&mut db, &all).await.unwrap(), Some(2));
        let sql = "SELECT id FROM main.works WHERE shelf IS NULL";
        assert_eq!(db.one(sql, &[]).await.unwrap().text(0).unwrap(), "a");
        let later = migrate(&mut db, &old, Open::Create).await;
        assert!(
            matches!(
                later,
                Err(DatabaseError::Version {
                    found: 2,
                    expected: 1,
                    ..
                })
            ),
            "{later:?}"
        );
        // Another store beside it; one whose step fails leaves nothing.
        migrate(&mut db, &BESIDE, Open::Create).await.unwrap();
        let taken = migrate(&mut db, &BROKEN, Open::Create).await;
        let Err(DatabaseError::Taken { message, place }) = taken else {
            panic!("{taken:?}");
        };
        assert!(message.contains("works"), "{message}");
        assert_eq!(place, db.place());
        assert_eq!(version(&mut db, &BROKEN).await.unwrap(), None);
        assert!(db.query("SELECT id FROM main.broken", &[]).await.is_err());
    }
}

#[tokio::test]
async fn field_15_tables_of_the_app_are_no_obstacle_and_a_collision_says_what_to_do() {
    let Some((server, database)) = empty("schemas").await else {
        return;
    };
    let mut app = Database::open(&at(&server, &database, ""), Open::Existing)
        .await
        .unwrap();
    app.batch("CREATE TABLE public.users (name TEXT); INSERT INTO public.users VALUES ('theirs')")
        .await
        .unwrap();
    let mut ours = open(&at(&server, &database, "")).await;
    let mut quoted = open(&at(&server, &database, "schema=Our%20roster")).await;
    for db in [&mut ours, &mut quoted] {
        db.execute("INSERT INTO main.users VALUES ('ours')", &[])
            .await
            .unwrap();
        let rows = db.query("SELECT id FROM main.users", &[]).await.unwrap();
        assert_eq!(rows.len(), 1);
        let path = db.one("SHOW search_path", &[]).await.unwrap();
        assert_eq!({ path }.text(0).unwrap(), "\"$user\", public");
    }
    let schemas = "SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace
                   WHERE nspname !~ '^(pg_|information)'";
    let found = app.one(schemas, &[]).await.unwrap().text(0).unwrap();
    assert_eq!(found, "Our roster,clever,public");
    // In the app's own schema, nothing is made.
    let mut clash = Database::open(&at(&server, &database, "schema=public"), Open::Create)
        .await
        .unwrap();
    let taken = migrate(&mut clash, &POSTGRES, Open::Create)
        .await
        .unwrap_err();
    assert!(matches!(taken, DatabaseError::Taken { .. }), "{taken:?}");
    assert!(taken.to_string().contains("\"users\"") && taken.to_string().contains("`public`"));
    assert!(taken.hint().unwrap().contains("schema="), "{taken}");
    let left = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(app.one(left, &[]).await.unwrap().int(0).unwrap(), 1);
}

#[tokio::test]
async fn a_connection_of_the_app_is_given_back_as_it_was() {
    let Some((server, database)) = empty("over").await else {
        return;
    };
    drop(
        Database::open(&at(&server, &database, ""), Open::Create)
            .await
            .unwrap(),
    );
    let Ok((client, connection)) = tokio_postgres::connect(
        &server.replace("/postgres", &format!("/{database}")),
        tokio_postgres::NoTls,
    )
    .await
    else {
        eprintln!("skipped: the server wants TLS, which the app of this test does not speak");
        return;
    };
    tokio::spawn(connection);
    client
        .batch_execute("SET lock_timeout = '7s'; SET search_path TO public; SET jit = on")
        .await
        .unwrap();
    let client = Arc::new(client);
    let settings = async || {
        let sql = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
                   WHERE source <> 'default' OR name IN ('jit', 'plan_cache_mode', 'search_path')";
        let row = client.query_one(sql, &[]).await.unwrap();
        row.get::<_, String>(0)
    };
    let before = settings().await;
    let mut db = Postgres::over(Arc::clone(&client), "clever").await.unwrap();
    migrate(&mut db, &POSTGRES, Open::Create).await.unwrap();
    db.execute("INSERT INTO main.users VALUES ('ours')", &[])
        .await
        .unwrap();
    let during = settings().await;
    assert!(during.contains("lock_timeout=60000"), "{during}");
    // Dropped in the middle of a transaction.
    let mut cut = Transaction::write(&mut db).await.unwrap();
    cut.execute("INSERT INTO main.users VALUES ('no')", &[])
        .await
        .unwrap();
    drop(cut);
    drop(db);
    assert_eq!(settings().await, before);
    let left = "SELECT (SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%main%' OR statement LIKE '%clever%'),
                       (SELECT count(*) FROM clever.users)";
    let row = client.query_one(left, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 1));
    let odd = Postgres::over(Arc::clone(&client), "a\"b").await;
    assert!(matches!(odd, Err(DatabaseError::Address(_))));
}

#[tokio::test]
async fn no_value_of_a_row_is_in_an_error() {
    let folder = TempDir::new().unwrap();
    for address in places("errors", &folder).await {
        let mut db = open(&address).await;
        db.batch("INSERT INTO main.works (id, pages) VALUES ('Secret', 1)")
            .await
            .unwrap();
        if db.kind() == Kind::Postgres {
            db.batch(
                "CREATE FUNCTION main.tell() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'what % has', NEW.id; END $$;
                 CREATE TRIGGER tell BEFORE UPDATE ON main.works FOR EACH ROW EXECUTE FUNCTION main.tell()",
            )
            .await
            .unwrap();
        }
        let secret = || [Value::from("Secret")];
        for sql in [
            "INSERT INTO main.works (id) VALUES (?1)",
            "INSERT INTO main.works (pages, id) SELECT 1, CAST(?1 AS TEXT)",
            "UPDATE main.works SET pages = 2 WHERE id = ?1 RETURNING abs('Secret')",
            "SELECT CAST(CAST(?1 AS TEXT) AS BIGINT) FROM main.nothing",
            "SELECT CAST(CAST(?1 AS TEXT) AS BIGINT)",
            "SELECT length(?1, ?1)",
        ] {
            let Err(error) = db.query(sql, &secret()).await else {
                // SQLite reads a text as a number where PostgreSQL refuses.
                assert_eq!(db.kind(), Kind::Sqlite, "{sql}");
                continue;
            };
            let mut shown = format!("{error} {error:?} {:?}", error.hint());
            let mut source = std::error::Error::source(&error);
            while let Some(one) = source {
                shown += &format!(" {one}");
                source = one.source();
            }
            // Its own literal is the statement's, not a row's.
            assert!(
                sql.contains("'Secret'") || !shown.contains("Secret"),
                "{sql}: {shown}"
            );
        }
    }
}
