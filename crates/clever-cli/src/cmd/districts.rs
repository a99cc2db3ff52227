//! `cleverctl districts`: who has connected the app, and how each district stands.

use anyhow::{Context, Result};
use clap::Args;
use clever_client::{District, LoginService};
use clever_model::DistrictId;
use serde::{Deserialize, Serialize};

use crate::access::{AppArgs, ServiceArgs, no_redirect};
use crate::diagnostics::Exit;
use crate::ui::{self, Document, Ui};

/// Arguments of `districts`.
#[derive(Debug, Args)]
pub(crate) struct DistrictsArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) app: AppArgs,
    /// Only this district.
    #[arg(long, value_name = "ID")]
    pub(crate) district: Option<DistrictId>,
}

/// One district, as printed.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    district: String,
    name: Option<String>,
    state: Option<String>,
    last_sync: Option<String>,
    connected: Option<String>,
    scopes: Vec<String>,
    /// Why its record could not be read.
    error: Option<String>,
}

/// The districts that connected the app.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Connected {
    districts: Vec<Row>,
}

impl Document for Connected {
    const NAME: &'static str = "districts";
}

/// The part of a district's record that is shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) last_sync: Option<String>,
    pub(crate) pause_start: Option<String>,
    pub(crate) error: Option<String>,
}

/// Reads the district's own record.
pub(crate) async fn record(district: &District) -> Result<Shown, clever_client::ClientError> {
    let page = district.district().await?;
    let record = page.records().next();
    Ok(record
        .and_then(|record| serde_json::from_str(record.json).ok())
        .unwrap_or_default())
}

/// Prints a row a district.
pub(crate) async fn run(args: &DistrictsArgs, ui: &Ui) -> Result<Exit> {
    let app = args.app.app(&args.service, &no_redirect()?)?;
    let grants = LoginService::new(args.service.options())?
        .district_grants(&app, args.district.as_ref())
        .await
        .context("could not list the districts")?;
    let mut rows = Vec::new();
    for grant in grants {
        let district = District::new(args.service.options(), grant.token)?;
        let (shown, error) = match record(&district).await {
            Ok(shown) => (shown, None),
            Err(error) => (Shown::default(), Some(error.to_string())),
        };
        rows.push(Row {
            district: grant.district.to_string(),
            name: shown.name,
            state: shown.state,
            last_sync: shown.last_sync,
            connected: grant.created,
            scopes: grant.scopes,
            error,
        });
    }
    if ui.json {
        ui.document(&Connected { districts: rows })?;
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        ui.line("No district has connected the app.")?;
        return Ok(Exit::Done);
    }
    let mut table = ui::table(&["District", "Name", "State", "Last sync", "Scopes"], 4);
    for row in &rows {
        table.add_row([
            row.district.clone(),
            row.name.clone().unwrap_or_else(|| "?".to_owned()),
            row.state.clone().unwrap_or_else(|| "?".to_owned()),
            row.last_sync.clone().unwrap_or_else(|| "never".to_owned()),
            row.scopes.len().to_string(),
        ]);
    }
    ui.rows(&table)?;
    for row in rows.iter().filter(|row| row.error.is_some()) {
        ui.line(format!(
            "{}: {}",
            row.district,
            row.error.as_deref().unwrap_or_default()
        ))?;
    }
    Ok(Exit::Done)
}
