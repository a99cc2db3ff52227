//! Prints what is held, in the words that the console shows too.

use anyhow::Result;
use clever_sync::words::Holds;

use crate::ui::{Tone, Ui};

/// Prints of each hold what it would do, since when it waits if `since` knows that, and what the app's users would
/// notice.
pub(crate) fn print(
    ui: &Ui,
    holds: &Holds<'_>,
    since: impl Fn(usize) -> Option<String>,
) -> Result<()> {
    for (at, (what, noticed)) in holds.lines().enumerate() {
        let since = since(at).map_or_else(String::new, |since| format!(" since {since}"));
        ui.toned(Tone::Doubtful, "held", &format!("{since}: {what}"))?;
        ui.line(format!("  if you approve it: {noticed}"))?;
    }
    Ok(())
}
