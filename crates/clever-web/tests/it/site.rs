//! A small app on the adapter. Its pages are lines of text: who is in, who is asked, and the form's token.

use std::sync::{Arc, Mutex};

use axum::extract::{FromRef, RawForm, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{BoxError, Router};
use clever_auth::login::LoginFlow;
use clever_auth::seal::{KeyId, SealingKeys};
use clever_auth::{IdTokenVerifier, OpenId, SafePath};
use clever_client::web::{CurrentUser, WebLogin, WebOptions};
use clever_client::{ClientOptions, LoginService};
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::ManualClock;
use clever_model::{Clock, Role, SystemClock, Timestamp};
use clever_provision::ledger::MergeId;
use clever_provision::{
    Account, AccountId, AccountProof, AccountState, Class, Custody, LoginMethod,
};
use clever_web::{AccountPool, Accounts, AccountsOptions, App, Came, Visit};
use tempfile::TempDir;

/// Notes who entered.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<(AccountId, Came, usize)>>>);

impl Notes {
    pub(crate) fn all(&self) -> Vec<(AccountId, Came, usize)> {
        self.0.lock().unwrap().clone()
    }
}

impl App for Notes {
    async fn entered(&self, visit: &Visit<'_>) -> Result<(), BoxError> {
        let classes = visit.classes.map_or(0, <[_]>::len);
        let note = (visit.account.clone(), visit.came, classes);
        self.0.lock().unwrap().push(note);
        Ok(())
    }
}

pub(crate) type Own = Accounts<Notes>;

#[derive(Clone)]
struct Pages {
    login: WebLogin<Own>,
    accounts: Own,
    clock: Arc<ManualClock>,
}

impl FromRef<Pages> for WebLogin<Own> {
    fn from_ref(pages: &Pages) -> Self {
        pages.login.clone()
    }
}

async fn home(me: CurrentUser<Own>) -> String {
    let me = me.0;
    format!(
        "in {} as {} roles {}",
        me.account,
        me.user,
        me.profile.roles.len()
    )
}

async fn ask(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let wish = SafePath::root();
    match pages.accounts.asked(&pages.login, &headers, &wish).await {
        Ok(asked) => format!("asked {} {:?}", asked.user, asked.accepts).into_response(),
        Err(way) => way,
    }
}

async fn new(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let wish = SafePath::root();
    match pages.accounts.asked(&pages.login, &headers, &wish).await {
        Ok(asked) => pages.accounts.says_new(&pages.login, asked, &wish).await,
        Err(way) => way,
    }
}

/// The form names the account whose password was right.
async fn mine(State(pages): State<Pages>, headers: HeaderMap, RawForm(form): RawForm) -> Response {
    let account = AccountId::new(String::from_utf8(form.to_vec()).unwrap());
    let wish = SafePath::root();
    let Pages {
        accounts, login, ..
    } = &pages;
    match accounts.asked(login, &headers, &wish).await {
        Ok(asked) => {
            let user = &asked.user;
            accounts
                .proven(login, &headers, user, &account, &wish)
                .await
        }
        Err(way) => way,
    }
}

async fn join(
    State(pages): State<Pages>,
    me: CurrentUser<Own>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    let account = AccountId::new(String::from_utf8(form.to_vec()).unwrap());
    let Pages {
        accounts, login, ..
    } = &pages;
    let user = &me.0.user;
    let wish = SafePath::root();
    accounts
        .proven(login, &headers, user, &account, &wish)
        .await
}

/// Takes the newest merge back, on proof of the account that the form names.
async fn part(State(pages): State<Pages>, me: CurrentUser<Own>, RawForm(form): RawForm) -> String {
    let account = AccountId::new(String::from_utf8(form.to_vec()).unwrap());
    let merges = pages.accounts.connections(&me.0).await.unwrap().merges;
    let merge = merges.first().map_or(MergeId(0), |merge| merge.merge);
    let proof = AccountProof::after_reauthentication(account, pages.clock.now());
    format!(
        "{:?}",
        pages.accounts.unmerge(&me.0, merge, proof).await.unwrap()
    )
}

async fn disconnect(State(pages): State<Pages>, me: CurrentUser<Own>) -> String {
    format!(
        "{:?}",
        pages.accounts.unlink(&me.0, &me.0.user).await.unwrap()
    )
}

async fn not_me(State(pages): State<Pages>, me: CurrentUser<Own>) -> String {
    pages.accounts.says_not_me(&me.0).await.unwrap();
    "noted".to_owned()
}

/// An app, its Clever and its database.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) accounts: Own,
    pub(crate) notes: Notes,
    pub(crate) clock: Arc<ManualClock>,
}

/// A Clever, and a place for databases.
pub(crate) struct Scene {
    pub(crate) clever: Emulator,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) address: String,
    /// Where the first app listens, if Clever has to know.
    place: Mutex<Option<tokio::net::TcpListener>>,
    _folder: TempDir,
}

/// Where a test keeps accounts: SQLite always, PostgreSQL where `CLEVER_TEST_POSTGRES` names a server.
pub(crate) async fn addresses(folder: &TempDir, name: &str) -> Vec<String> {
    let mut all = vec![format!(
        "sqlite:{}",
        folder.path().join("accounts.db").display()
    )];
    if let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") {
        let schema = format!("web_{name}");
        let (client, link) = tokio_postgres::connect(&server, tokio_postgres::NoTls)
            .await
            .unwrap();
        let link = tokio::spawn(link);
        let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
        client.batch_execute(&drop).await.unwrap();
        std::mem::drop(client);
        link.await.unwrap().unwrap();
        let joint = if server.contains('?') { '&' } else { '?' };
        all.push(format!("{server}{joint}schema={schema}"));
    }
    all
}

impl Scene {
    /// Scenes over each database, one after the other.
    pub(crate) async fn over_each(name: &str) -> Vec<Self> {
        let folder = TempDir::new().unwrap();
        let mut scenes = Vec::new();
        let addresses = addresses(&folder, name).await;
        let mut folder = Some(folder);
        for address in addresses {
            let clock = Arc::new(ManualClock::at(SystemClock.now()));
            scenes.push(Self {
                clever: emulator(true, Vec::new(), &clock).await,
                clock,
                address,
                place: Mutex::default(),
                _folder: folder.take().unwrap_or_else(|| TempDir::new().unwrap()),
            });
        }
        scenes
    }

    pub(crate) async fn new() -> Self {
        Self::with(true, Vec::new(), None).await
    }

    /// No district has connected the app: only the Library leads to it.
    pub(crate) async fn of_library() -> Self {
        let place = listener().await;
        let redirect = format!("http://{}/callback", place.local_addr().unwrap());
        Self::with(false, vec![redirect], Some(place)).await
    }

    async fn with(
        connected: bool,
        redirect: Vec<String>,
        place: Option<tokio::net::TcpListener>,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        Self {
            clever: emulator(connected, redirect, &clock).await,
            clock,
            place: Mutex::new(place),
            address: format!("sqlite:{}", folder.path().join("accounts.db").display()),
            _folder: folder,
        }
    }

    /// The id of a person with a role, the nth.
    pub(crate) fn person(&self, role: Role, nth: usize) -> String {
        self.clever.with_world(|world| {
            let all = world.with_role(role);
            let found = all.iter().nth(nth).map(|(id, _)| id.to_string());
            found.unwrap()
        })
    }

    /// Starts the app, as a process would: nothing is shared with another one but the database and the key.
    pub(crate) async fn site(&self) -> Site {
        let place = self.place.lock().unwrap().take();
        let listener = match place {
            Some(place) => place,
            None => listener().await,
        };
        let url = format!("http://{}", listener.local_addr().unwrap());
        let clever = self.clever.base_url().clone();
        let secret = self.clever.client_secret().to_owned();
        let redirect = format!("{url}/callback").parse().unwrap();
        let app = clever_auth::App::new(self.clever.client_id(), secret, redirect).unwrap();
        let app = app.at(clever.clone(), clever.clone()).unwrap();
        let client = ClientOptions {
            api_url: clever,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ..ClientOptions::default()
        };
        let clock = Arc::clone(&self.clock);
        let keys = SealingKeys::new(KeyId(1), &[7; 32]);
        let pool = AccountPool::open(&self.address, keys.clone(), 4)
            .await
            .unwrap();
        let notes = Notes::default();
        let options = AccountsOptions {
            client: client.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ..AccountsOptions::default()
        };
        let accounts = Accounts::new(notes.clone(), pool, keys.clone(), options);
        let openid = OpenId::Checked(IdTokenVerifier::new(&app));
        let login = WebLogin::with_options(
            LoginFlow::new(app, keys),
            LoginService::new(client).unwrap(),
            accounts.clone(),
            openid,
            WebOptions {
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                ..WebOptions::default()
            },
        );
        let pages = Pages {
            login: login.clone(),
            accounts: accounts.clone(),
            clock: Arc::clone(&clock),
        };
        let router = Router::new()
            .route("/", get(home))
            .route("/welcome", get(ask))
            .route("/new", post(new))
            .route("/mine", post(mine))
            .route("/join", post(join))
            .route("/part", post(part))
            .route("/disconnect", post(disconnect))
            .route("/not-me", post(not_me))
            .merge(login.router())
            .with_state(pages);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Site {
            url,
            accounts,
            notes,
            clock,
        }
    }
}

async fn listener() -> tokio::net::TcpListener {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn emulator(
    connected: bool,
    redirect_uris: Vec<String>,
    clock: &Arc<ManualClock>,
) -> Emulator {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 3,
            students: 60,
        },
        connected,
        openid: true,
        redirect_uris,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        ..EmulatorConfig::default()
    };
    clever_emulator::start(config).await.unwrap()
}

impl Site {
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Makes an account from before, with a password whose holder has used it.
    pub(crate) async fn sign_up(&self, id: &str, at: Timestamp) {
        let account = Account {
            id: AccountId::new(id),
            version: 0,
            custody: Custody::Personal,
            class: Class::Employee,
            state: AccountState::Active,
            links: Vec::new(),
            methods: vec![LoginMethod {
                id: "password".into(),
                proven_at: Some(at),
            }],
            last_used: Some(at),
        };
        let mut store = self.accounts.pool().get().await.unwrap();
        store.import(&[account], at).await.unwrap();
    }

    /// Which account a Clever id opens.
    pub(crate) async fn opened_by(&self, user: &str) -> Option<AccountId> {
        let mut store = self.accounts.pool().get().await.unwrap();
        store.opened_by(&user.parse().unwrap()).await.unwrap()
    }
}
