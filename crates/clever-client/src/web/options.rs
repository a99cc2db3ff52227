//! What an application may choose about its sign-in.

use std::fmt;
use std::sync::Arc;

use clever_auth::SafePath;
use clever_auth::seal::{Randomness, SystemRandomness};
use clever_model::{Clock, SystemClock};
use url::Url;

use super::page::{Message, Page};

/// Makes the pages of a sign-in.
pub type Pages = Box<dyn Fn(&Message<'_>) -> Page + Send + Sync>;

/// An application's choices; the default suits an application at the root of its host.
pub struct WebOptions {
    /// Makes the pages; [`WebOptions::with_pages`] takes a closure.
    pub pages: Pages,
    /// Where the routes are, as browsers see them, if that is not what stands before the last part of the
    /// app's redirect address.
    pub base: Option<SafePath>,
    /// Where a sign-in leads that was begun without a wish, as browsers see it. By default the front page:
    /// `/`, below whatever path a proxy strips.
    pub home: Option<SafePath>,
    /// Where signing out leads, as browsers see it, instead of the page that says so. It must be a page for
    /// everybody: one that asks for a [`super::CurrentUser`] would sign the person in again.
    pub after_sign_out: Option<SafePath>,
    /// Where a person signs out of Clever. By default Clever's own front page, where the menu beside one's
    /// name has it: Clever documents no address that does it.
    pub sign_out_of_clever: Option<Url>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub random: Arc<dyn Randomness>,
}

impl WebOptions {
    /// Makes the pages by a closure, which gives a whole HTML page as text, or a [`Page`] with a content
    /// security policy of its own.
    #[must_use]
    pub fn with_pages<P: Into<Page>>(
        mut self,
        pages: impl Fn(&Message<'_>) -> P + Send + Sync + 'static,
    ) -> Self {
        self.pages = Box::new(move |message| pages(message).into());
        self
    }
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            pages: Box::new(plain),
            base: None,
            home: None,
            after_sign_out: None,
            sign_out_of_clever: None,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandomness),
        }
    }
}

fn plain(message: &Message<'_>) -> Page {
    message.page()
}

impl fmt::Debug for WebOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebOptions")
            .field("base", &self.base)
            .field("home", &self.home)
            .field("after_sign_out", &self.after_sign_out)
            .finish_non_exhaustive()
    }
}
