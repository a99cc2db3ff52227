//! `changes --to-delta`: the feed as a Delta table, and its upkeep. What is asked for, and what is printed of it, are the same in a
//! build without the lake, which says that it is one.

use std::path::PathBuf;

use clap::Args;

#[cfg(all(feature = "lake", feature = "fleet"))]
mod after_runs;
#[cfg(all(not(feature = "lake"), feature = "fleet"))]
mod never;
#[cfg(any(feature = "lake", feature = "schema"))]
mod told;
#[cfg(feature = "lake")]
mod written;
#[cfg(all(feature = "lake", feature = "fleet"))]
pub(crate) use after_runs::AfterRuns;
#[cfg(all(not(feature = "lake"), feature = "fleet"))]
pub(crate) use never::AfterRuns;
#[cfg(feature = "schema")]
pub(crate) use told::Told;
#[cfg(feature = "lake")]
pub(super) use written::run;

const LAKE: &str = "To a lake";

/// Arguments of the lake.
#[derive(Debug, Args)]
pub(crate) struct LakeArgs {
    /// Append what is new to the Delta table in DIR, with all values.
    ///
    /// The folder is made if it is missing, and holds personal data. Each change is in the table once, of every district unless
    /// --district names one. The lake is the consumer `lake`, unless --consumer names another. In a build with the feature `lake`.
    #[arg(
        long,
        help_heading = LAKE,
        value_name = "DIR",
        conflicts_with_all = ["webhook", "limit", "after", "since", "run", "op", "kind", "values"]
    )]
    pub(crate) to_delta: Option<PathBuf>,
    /// Begin with what the store has left, if the beginning of its feed was pruned.
    #[arg(long, help_heading = LAKE, requires = "to_delta")]
    pub(crate) from_what_is_left: bool,
    /// Then erase from the table whom the store has forgotten, and the old files with it.
    ///
    /// Whoever reads an older version of the table at this moment loses its files. Copies of the folder are not reached.
    #[arg(long, help_heading = LAKE, requires = "to_delta", conflicts_with = "follow")]
    pub(crate) erase: bool,
    /// Then write small files of the table again as fewer large ones.
    #[arg(long, help_heading = LAKE, requires = "to_delta", conflicts_with = "follow")]
    pub(crate) compact: bool,
    /// Then delete files that the table has not needed for so many days, and what killed writers left.
    #[arg(long, help_heading = LAKE, value_name = "DAYS", requires = "to_delta", conflicts_with = "follow")]
    pub(crate) vacuum: Option<u16>,
}

/// Says that this build has no lake.
#[cfg(not(feature = "lake"))]
#[expect(clippy::unused_async, reason = "as where it is built")]
pub(super) async fn run(
    _: &std::path::Path,
    _: &crate::settings::StoreUrl,
    _: &super::ChangesArgs,
    _: &crate::ui::Ui,
) -> anyhow::Result<crate::diagnostics::Exit> {
    Err(crate::cmd::not_built::NotBuilt::new("the lake", "lake").into())
}
