//! The accounts of the app under test: they follow the roster, as an app's accounts should.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::Break;

/// Records on a page.
const LIMIT: usize = 100;
/// So many who leave at once are deleted by an app that takes a rollover for a clean-up.
const MANY: usize = 5;

/// An account.
#[derive(Clone)]
struct Account {
    clever_id: String,
    account_id: usize,
    name: String,
    sis_id: Option<String>,
    is_active: bool,
}

/// The accounts.
#[derive(Default)]
pub(crate) struct Accounts {
    all: Vec<Account>,
    made: usize,
    /// Who is in the roster, as of the last sync.
    roster: BTreeSet<String>,
}

/// The full name in a user's record.
pub(crate) fn name(user: &Value) -> String {
    let part = |part: &str| user["name"][part].as_str().unwrap_or_default().to_owned();
    format!("{} {}", part("first"), part("last"))
}

fn sis_id(user: &Value) -> Option<String> {
    let roles = user["roles"].as_object()?;
    let found = roles.values().find_map(|role| role["sis_id"].as_str());
    found.map(ToOwned::to_owned)
}

/// Reads the whole roster, or its first page.
pub(crate) async fn read(base: &str, token: &str, first_page_alone: bool) -> Vec<Value> {
    let http = reqwest::Client::new();
    let (mut next, mut all) = (Some(format!("/v3.1/users?limit={LIMIT}")), Vec::new());
    while let Some(path) = next.take() {
        let asked = http.get(format!("{base}{path}")).bearer_auth(token).send();
        let mut page: Value = asked.await.unwrap().json().await.unwrap();
        let users = page["data"].as_array_mut().unwrap();
        all.extend(users.iter_mut().map(|user| user["data"].take()));
        let links = page["links"].as_array().unwrap();
        let link = links.iter().find(|link| link["rel"] == "next");
        next = link.map(|link| link["uri"].as_str().unwrap().to_owned());
        if first_page_alone {
            break;
        }
    }
    all
}

impl Accounts {
    /// Somebody signs in.
    pub(crate) fn signed_in(&mut self, user: &Value, broken: Option<Break>) {
        let id = user["id"].as_str().unwrap();
        if broken == Some(Break::UsersUnique) || !self.is_known(id) {
            self.add(user, broken);
        }
    }

    fn is_known(&self, id: &str) -> bool {
        self.all.iter().any(|account| account.clever_id == id)
    }

    /// Adds an account, or gives one whose holder has another id now its new id.
    fn add(&mut self, user: &Value, broken: Option<Break>) {
        let id = user["id"].as_str().unwrap().to_owned();
        let (name, roster) = (name(user), &self.roster);
        let moved = self
            .all
            .iter_mut()
            .find(|account| account.name == name && !roster.contains(&account.clever_id));
        if let Some(account) = moved
            && broken != Some(Break::UsersRekeyed)
            && account.clever_id != id
        {
            account.clever_id = id;
            account.is_active = true;
            return;
        }
        self.made += 1;
        self.all.push(Account {
            clever_id: id,
            account_id: self.made,
            name,
            sis_id: sis_id(user),
            is_active: true,
        });
    }

    /// Follows the roster.
    pub(crate) fn follow(&mut self, users: &[Value], broken: Option<Break>) {
        let ours = |user: &&Value| {
            let roles = user["roles"].as_object().unwrap();
            roles.keys().any(|role| role != "contact")
        };
        let users: Vec<&Value> = users.iter().filter(ours).collect();
        self.roster = users
            .iter()
            .map(|user| user["id"].as_str().unwrap().to_owned())
            .collect();
        for user in users {
            let id = user["id"].as_str().unwrap();
            if !self.is_known(id) {
                self.add(user, broken);
            }
            // A sign-in alone does not give the number.
            let own = self.all.iter_mut().find(|account| account.clever_id == id);
            own.unwrap().sis_id = sis_id(user);
        }
        let roster = &self.roster;
        let is_gone = |account: &Account| !roster.contains(&account.clever_id);
        let many = self
            .all
            .iter()
            .filter(|one| one.is_active && is_gone(one))
            .count()
            > MANY;
        if broken == Some(Break::UsersRollover) && many {
            self.all.retain(|account| !is_gone(account));
        }
        for account in &mut self.all {
            let there = roster.contains(&account.clever_id);
            if there && !account.is_active && broken == Some(Break::UsersRestored) {
                self.made += 1;
                account.account_id = self.made;
            }
            account.is_active = there || broken == Some(Break::UsersArchived);
        }
    }

    /// The export.
    pub(crate) fn export(&self, broken: Option<Break>) -> Value {
        let row = |account: &Account| {
            let sis_id = match (&account.sis_id, broken) {
                (Some(text), Some(Break::UsersSisIds)) => text
                    .parse::<f64>()
                    .map_or_else(|_| json!(text), |number| json!(number)),
                (sis_id, _) => json!(sis_id),
            };
            json!({
                "clever_id": account.clever_id, "account_id": account.account_id, "sis_id": sis_id,
                "status": if account.is_active { "active" } else { "archived" },
            })
        };
        json!({ "users": self.all.iter().map(row).collect::<Vec<_>>() })
    }
}
