//! The console as an app mounts it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use clever_auth::seal::NoRandomness;

use crate::api;
use crate::door;
use crate::pages;
use crate::site::{Options, Site};
use crate::stores::Stores;
use crate::who::Person;

/// The largest form that is read, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// A console over stores. Several in one process do not know of each other.
#[derive(Clone)]
pub struct Console(Arc<Site>);

impl Console {
    /// Makes one; nothing is opened before somebody looks.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] if the system has none.
    pub fn new(stores: Stores, options: Options) -> Result<Self, NoRandomness> {
        Ok(Self(Arc::new(Site::new(stores, options)?)))
    }

    /// Makes a link by which `person` comes in: good once, for ten minutes. An app that signs people in itself needs none.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] if the system has none.
    pub fn link(&self, person: Person) -> Result<String, NoRandomness> {
        let key = self.0.links.make(person, self.0.now())?;
        let (origin, enter) = (&self.0.options.origin, self.0.at("/enter"));
        Ok(format!("{origin}{enter}?key={key}"))
    }

    /// All pages and the API, under the path of the options: to be merged into an app's own router.
    pub fn router(&self) -> Router {
        let site = Arc::clone(&self.0);
        let pages = match &self.0.options.gate {
            Some(_) => pages::routes(),
            None => pages::routes()
                .route("/enter", get(door::show).post(door::enter))
                .route("/enter/openid", get(door::begin))
                .route("/enter/back", get(door::back))
                .route("/leave", post(door::leave)),
        };
        let pages = pages
            .fallback(async || crate::trouble::Trouble::Missing)
            .layer(DefaultBodyLimit::max(MAX_FORM))
            .layer(from_fn_with_state(Arc::clone(&site), door::guard))
            .with_state(Arc::clone(&site))
            .nest("/api", api::routes(&site));
        match self.0.options.base.as_str() {
            "" => pages,
            base => Router::new().nest(base, pages),
        }
    }
}
