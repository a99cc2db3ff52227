//! The app under test, as the rehearsal has to know it.

use std::time::Duration;

use clever_model::Role;
use url::Url;

use crate::certify::accounts::Accounts;

/// The app under test.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AppUnderTest {
    /// Its front page, which shows who is signed in.
    pub url: Url,
    /// The page with the button that leads to Clever.
    pub login_url: Url,
    /// The primary redirect URI.
    pub callback: Url,
    /// The roles that the app has a place for.
    pub roles: Vec<Role>,
    /// Whether it is in Clever's Library.
    pub library: bool,
    /// CSS selectors of what somebody clicks who is there for the first time: "I am new here".
    pub first_visit: Vec<String>,
    /// A CSS selector of what logs out, where its words don't say so.
    pub log_out: Option<String>,
    /// How long a page is left alone before it counts as loaded.
    pub quiet: Duration,
    /// Where the app's accounts can be read.
    pub accounts: Option<Accounts>,
}

impl AppUnderTest {
    /// The roles that an app has a place for unless it says otherwise: all but contacts.
    pub const ROLES: [Role; 4] = [
        Role::Student,
        Role::Teacher,
        Role::Staff,
        Role::DistrictAdmin,
    ];

    /// An app whose button is on its front page, and which gets Clever's answers at `callback`.
    #[must_use]
    pub fn new(url: Url, callback: Url) -> Self {
        Self {
            login_url: url.clone(),
            url,
            callback,
            roles: Self::ROLES.to_vec(),
            library: false,
            first_visit: Vec::new(),
            log_out: None,
            quiet: Duration::from_millis(1500),
            accounts: None,
        }
    }

    /// Whether an address is the callback, with whatever parameters.
    pub(crate) fn is_callback(&self, url: &Url) -> bool {
        url.origin() == self.callback.origin() && url.path() == self.callback.path()
    }

    /// Whether an address is the app's.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.url.origin() || url.origin() == self.callback.origin()
    }
}
