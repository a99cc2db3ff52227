//! What is done at a terminal, in the audit of the store: a page and a command write it by the same function.

use anyhow::Result;
use clever_model::{Clock as _, SystemClock, visible};
use clever_sync::look::Deed;
use clever_sync::{AnyStore, StoreError};

use crate::diagnostics::Usage;
use crate::ui::Ui;

/// The role of whoever has the store itself, and so may do everything.
pub(crate) const ROLE: &str = "terminal";

/// Who does something: the name that was given, or that of the login.
pub(crate) fn who(named: Option<&str>) -> Result<String> {
    let login = || {
        ["USER", "LOGNAME", "USERNAME"]
            .iter()
            .find_map(|name| std::env::var(name).ok())
    };
    let name = named
        .map(ToOwned::to_owned)
        .or_else(login)
        .unwrap_or_default();
    let name = visible(name.trim()).into_owned();
    if name.is_empty() {
        return Err(Usage::new("who does this is not known")
            .hint("name yourself with --by")
            .into());
    }
    Ok(name)
}

/// Writes into the audit what was done to what. A store that takes none is said, and fails nothing: it is done already.
pub(crate) async fn note(
    store: &mut AnyStore,
    district_id: &str,
    deed: &str,
    subject: &str,
    ui: &Ui,
) {
    note_by(store, None, district_id, deed, subject, ui).await;
}

/// The same for a deed of somebody who was named.
pub(crate) async fn note_by(
    store: &mut AnyStore,
    by: Option<&str>,
    district_id: &str,
    deed: &str,
    subject: &str,
    ui: &Ui,
) {
    let actor = who(by).unwrap_or_else(|_| "not known".to_owned());
    let deed = Deed {
        district_id,
        at: SystemClock.now(),
        actor: &actor,
        role: ROLE,
        deed,
        subject,
        reason: "",
        key: None,
    };
    if let Err(error) = store.judge(&deed).await {
        unwritten(&error, ui);
    }
}

/// Says that the audit does not have what was done.
pub(crate) fn unwritten(error: &StoreError, ui: &Ui) {
    ui.note(format!("note: the audit does not have this: {error}"));
}
