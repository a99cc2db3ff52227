//! A made-up district in a store, a console over it, and somebody who visits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clever_auth::DistrictAppToken;
use clever_auth::seal::{KeyId, SealingKeys};
use clever_client::{ClientOptions, District};
use clever_console::{
    Alerts, Console, Directory, OpenId, Options, Person, Role, Runner, Started, Stores,
};
use clever_emulator::{Emulator, EmulatorConfig, Happening, WorldSource};
use clever_model::SystemClock;
use clever_sql::{Address, Backend as _, Database, Open};
use clever_sync::erase::NotesKey;
use clever_sync::{AnyStore, SyncError, SyncOptions, SyncPolicy, SyncReport, sync};
use futures_util::future::BoxFuture;
use reqwest::redirect::Policy;
use tempfile::TempDir;
use tokio::net::TcpListener;
use url::form_urlencoded::Serializer;

/// A district that is synced, and its store.
pub(crate) struct Ground {
    pub(crate) emulator: Emulator,
    pub(crate) district: String,
    pub(crate) roster: Address,
    pub(crate) accounts: String,
    pub(crate) folder: TempDir,
}

pub(crate) fn keys() -> SealingKeys {
    SealingKeys::new(KeyId(1), &[7; 32])
}

/// The address of an empty database in the server that the environment names, if it names one.
async fn database(name: &str) -> Option<String> {
    let server = std::env::var("CLEVER_TEST_POSTGRES").ok()?;
    let mut admin = Database::open(&Address::parse(&server).unwrap(), Open::Existing)
        .await
        .unwrap();
    let database = format!("console_{name}_{}", std::process::id());
    for sql in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
        admin.batch(&format!("{sql} {database}")).await.unwrap();
    }
    let (place, query) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = place.rsplit_once('/').unwrap();
    Some(format!("{host}/{database}?{query}"))
}

impl Ground {
    /// A district in a file.
    pub(crate) async fn new() -> Self {
        Self::over(None, 7).await
    }

    /// Another district in a file of its own.
    pub(crate) async fn another() -> Self {
        Self::over(None, 8).await
    }

    /// One district for each database.
    pub(crate) async fn each(name: &str) -> Vec<Self> {
        let mut all = vec![Self::new().await];
        match database(name).await {
            Some(address) => all.push(Self::over(Some(address), 7).await),
            None => eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server"),
        }
        all
    }

    async fn over(address: Option<String>, seed: u64) -> Self {
        let config = EmulatorConfig {
            world: WorldSource::Generated {
                seed,
                students: 120,
            },
            ..EmulatorConfig::default()
        };
        let emulator = clever_emulator::start(config).await.unwrap();
        let folder = TempDir::new().unwrap();
        let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let accounts = address.clone().unwrap_or_else(|| file("accounts.db"));
        let roster = address.unwrap_or_else(|| file("roster.db"));
        let ground = Self {
            district: emulator.with_world(|world| world.district_id().to_owned()),
            emulator,
            roster: Address::parse(&roster).unwrap(),
            accounts,
            folder,
        };
        let _ = ground.sync().await;
        ground
    }

    pub(crate) async fn store(&self) -> AnyStore {
        AnyStore::open(&self.roster, Open::Create).await.unwrap()
    }

    pub(crate) async fn sync(&self) -> SyncReport {
        self.runs(false).await.unwrap()
    }

    fn syncs(&self) -> Syncs {
        Syncs {
            roster: self.roster.clone(),
            options: ClientOptions {
                api_url: self.emulator.base_url().clone(),
                ..ClientOptions::default()
            },
            token: self.emulator.district_token().to_owned(),
        }
    }

    /// A run or a look, whatever becomes of it.
    pub(crate) async fn runs(&self, dry_run: bool) -> Result<SyncReport, SyncError> {
        self.syncs().run(dry_run).await
    }

    /// What syncs the district for a console.
    pub(crate) fn runner(&self) -> Arc<dyn Runner> {
        Arc::new(self.syncs())
    }

    /// The same with another token.
    pub(crate) fn runner_with(&self, token: &str) -> Arc<dyn Runner> {
        let token = token.to_owned();
        Arc::new(Syncs {
            token,
            ..self.syncs()
        })
    }

    /// Takes a school out of the sharing, so that the next sync holds something.
    pub(crate) async fn hold(&self) -> SyncReport {
        self.emulator.happen(Happening::UnshareSchool);
        let report = self.sync().await;
        assert!(!report.holds.is_empty());
        report
    }

    pub(crate) async fn console(&self) -> Served {
        self.served("", None).await
    }

    pub(crate) async fn served(&self, base: &str, runner: Option<Arc<dyn Runner>>) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.serves(listener, base, runner, None)
    }

    /// A console that looks where a directory says.
    pub(crate) async fn console_by(&self, directory: Arc<dyn Directory>) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stores = self.stores().with_directory(directory);
        self.serves_from(listener, stores, "", None, None)
    }

    fn stores(&self) -> Stores {
        Stores::new(self.roster.clone()).with_accounts(&self.accounts, keys(), Vec::new())
    }

    /// The same with an issuer, on an address that is known before.
    pub(crate) fn serves(
        &self,
        listener: TcpListener,
        base: &str,
        runner: Option<Arc<dyn Runner>>,
        openid: Option<OpenId>,
    ) -> Served {
        self.serves_from(listener, self.stores(), base, runner, openid)
    }

    fn serves_from(
        &self,
        listener: TcpListener,
        stores: Stores,
        base: &str,
        runner: Option<Arc<dyn Runner>>,
        openid: Option<OpenId>,
    ) -> Served {
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::<Pager>::default();
        let options = Options {
            runner,
            openid,
            alerts: Some(Arc::clone(&told) as _),
            notes_key: Some(NotesKey::from_secret(b"of the tests")),
            ..Options::at(&origin, base)
        };
        let console = Console::new(stores, options).unwrap();
        let router = console.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Served {
            console,
            told,
            origin,
            base: base.to_owned(),
        }
    }
}

/// Syncs as the district's schedule would, when a page asks for it.
struct Syncs {
    roster: Address,
    options: ClientOptions,
    token: String,
}

impl Syncs {
    async fn run(&self, dry_run: bool) -> Result<SyncReport, SyncError> {
        let token = DistrictAppToken::new(self.token.clone()).unwrap();
        let district = District::new(self.options.clone(), token).unwrap();
        let mut store = AnyStore::open(&self.roster, Open::Create).await.unwrap();
        let policy = SyncPolicy::default();
        let how = SyncOptions {
            dry_run,
            ..SyncOptions::default()
        };
        sync(&district, &mut store, &policy, &how, &SystemClock, &()).await
    }
}

impl Runner for Syncs {
    fn start<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Started, String>> {
        Box::pin(async move {
            let ran = self.run(false).await;
            ran.map(|_| Started::Now).map_err(|error| error.to_string())
        })
    }

    fn look<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<SyncReport, String>> {
        Box::pin(async move { self.run(true).await.map_err(|error| error.to_string()) })
    }
}

/// Whom alerts go to: it counts them.
#[derive(Default)]
pub(crate) struct Pager(pub(crate) AtomicUsize);

impl Alerts for Pager {
    fn places(&self) -> Vec<&'static str> {
        vec!["a pager"]
    }

    fn test(&self) -> BoxFuture<'_, Result<usize, String>> {
        Box::pin(async {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(1)
        })
    }
}

/// A console that listens.
pub(crate) struct Served {
    pub(crate) console: Console,
    pub(crate) told: Arc<Pager>,
    pub(crate) origin: String,
    pub(crate) base: String,
}

impl Served {
    /// A link for somebody with this role.
    pub(crate) fn link(&self, role: Role) -> String {
        self.link_of(role, None)
    }

    fn link_of(&self, role: Role, district: Option<&str>) -> String {
        let person = Person {
            name: format!("the-{role}"),
            role,
            district: district.map(str::to_owned),
        };
        self.console.link(person).unwrap()
    }

    /// Somebody with this role, signed in.
    pub(crate) async fn visitor(&self, role: Role) -> Visitor {
        self.visitor_of(role, None).await
    }

    /// Somebody who may see one district.
    pub(crate) async fn visitor_of(&self, role: Role, district: Option<&str>) -> Visitor {
        let link = self.link_of(role, district);
        let key = link.split_once("?key=").unwrap().1.to_owned();
        let mut visitor = self.stranger();
        let entered = visitor.send("/enter", &[("key", &key)]).await;
        assert_eq!(entered.status, 303, "{}", entered.text);
        visitor
    }

    pub(crate) fn stranger(&self) -> Visitor {
        let http = reqwest::Client::builder().redirect(Policy::none());
        Visitor {
            http: http.build().unwrap(),
            place: format!("{}{}", self.origin, self.base),
            origin: Some(self.origin.clone()),
            cookies: BTreeMap::new(),
        }
    }
}

/// An answer.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Page {
    /// The token of the page's forms.
    pub(crate) fn form(&self) -> String {
        self.hidden("form")
    }

    /// The value of a hidden field.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&mark).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Somebody with a browser that keeps cookies and follows nothing.
pub(crate) struct Visitor {
    pub(crate) http: reqwest::Client,
    pub(crate) place: String,
    pub(crate) origin: Option<String>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Visitor {
    fn cookie(&self) -> String {
        let all = self.cookies.iter();
        all.map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    async fn sent(&mut self, request: reqwest::RequestBuilder) -> Page {
        let answer = request
            .header("cookie", self.cookie())
            .send()
            .await
            .unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .split_once('=')
                .unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Page {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.unwrap(),
        }
    }

    pub(crate) async fn go(&mut self, path: &str) -> Page {
        let request = self.http.get(format!("{}{path}", self.place));
        self.sent(request).await
    }

    /// Sends a form.
    pub(crate) async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self
            .http
            .post(format!("{}{path}", self.place))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        self.sent(request).await
    }
}
