//! Writes what is staged to a file, for a person to look at and approve.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use clever_files::Draft;

use crate::act::plan::file::{Line, Plan};
use crate::act::settle::finish;
use crate::error::{PlanError, SyncError};
use crate::store::{Op, Rows, Run};

/// Writes what is staged to a file: the rows to a file without a name first, for their hash stands before them.
pub(crate) async fn write<R: Run>(path: &Path, plan: &Plan, run: &mut R) -> Result<(), SyncError> {
    let failed = |source| PlanError::File {
        path: path.to_owned(),
        source,
    };
    let mut plan = plan.clone();
    let mut hasher = blake3::Hasher::new();
    let mut draft = Draft::begin(path).map_err(failed)?;
    let mut out = BufWriter::new(draft.spare().map_err(failed)?);
    let mut staged = Rows::all(true);
    while let Some(rows) = staged.next(run).await? {
        let mut before = BTreeMap::new();
        for of_kind in rows.chunk_by(|a, b| a.kind == b.kind) {
            let updated = of_kind.iter().filter(|row| row.op() == Op::Update);
            let ids: Vec<&str> = updated.map(|row| row.id.as_str()).collect();
            if let Some(first) = of_kind.first() {
                let known = run.find(first.kind, &ids).await?;
                let known = known
                    .into_iter()
                    .map(|(id, known)| ((first.kind, id), known.record));
                before.extend(known);
            }
        }
        for row in rows {
            plan.note(&row);
            let before = before.remove(&(row.kind, row.id.clone()));
            let line = Line::of(row, before);
            let line = serde_json::to_string(&line).unwrap_or_default();
            hasher.update(line.as_bytes());
            writeln!(out, "{line}").map_err(failed)?;
        }
    }
    let mut rows = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    plan.hash = finish(&hasher);
    let head = serde_json::to_string(&plan).unwrap_or_default();
    writeln!(draft, "{head}").map_err(failed)?;
    rows.rewind().map_err(failed)?;
    io::copy(&mut rows, &mut draft).map_err(failed)?;
    Ok(draft.publish().map_err(failed)?)
}
