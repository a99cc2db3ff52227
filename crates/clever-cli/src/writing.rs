//! Files that are there whole or not at all, and are their owner's alone.

use std::path::Path;

use anyhow::{Context, Result};
use clever_files::Draft;

/// Writes beside `path` first, and puts it in its place when all is written.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&mut Draft) -> Result<()>) -> Result<()> {
    clever_files::write_whole(path, write)
        .with_context(|| format!("could not write {}", path.display()))
}
