//! `cleverctl emulator`: a Clever on this machine, until interrupted.

use anyhow::{Context, Result};
use clever_emulator::{EmulatorConfig, WorldSource};
use serde_json::json;

use crate::args::EmulatorArgs;
use crate::diagnostics::Exit;
use crate::output;
use crate::settings::TOKEN_VARIABLE;

/// Serves until Ctrl-C.
pub(crate) async fn run(args: EmulatorArgs, as_json: bool) -> Result<Exit> {
    let world = match args.recorded {
        Some(folder) => WorldSource::Recorded(folder),
        None => WorldSource::Generated {
            seed: args.seed,
            students: args.students,
        },
    };
    let config = EmulatorConfig {
        listen: args.listen,
        world,
        district_token: std::env::var(TOKEN_VARIABLE)
            .ok()
            .filter(|token| !token.trim().is_empty()),
        events: args.events,
        openid: args.openid,
        pkce: args.pkce,
        redirect_uris: args.redirect_uris,
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config)
        .await
        .context("could not start the emulator")?;
    let base_url = emulator
        .base_url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let token = emulator.district_token();
    if as_json {
        output::json(&json!({
            "base_url": base_url, "district_token": token,
            "client_id": emulator.client_id(), "client_secret": emulator.client_secret(),
        }))?;
    } else {
        output::line(format!("Clever emulator on {base_url}"))?;
        output::line(format!("district token: {token}"))?;
        output::line(format!("client id: {}", emulator.client_id()))?;
        output::line(format!("client secret: {}", emulator.client_secret()))?;
        output::line(format!("portal: {base_url}/in/springfield"))?;
        output::line("")?;
        output::line("Try it from another terminal:")?;
        output::line(format!(
            "  curl -H 'Authorization: Bearer {token}' '{base_url}/v3.1/users?limit=2'"
        ))?;
        output::line(format!(
            "  {TOKEN_VARIABLE}={token} cleverctl sync --api-url {base_url}"
        ))?;
        output::line(format!(
            "  CLEVER_CLIENT_ID={} CLEVER_CLIENT_SECRET={} cleverctl login --api-url {base_url}",
            emulator.client_id(),
            emulator.client_secret()
        ))?;
        output::line("Ctrl-C ends it.")?;
    }
    tokio::signal::ctrl_c()
        .await
        .context("could not wait for Ctrl-C")?;
    emulator.stop().await;
    Ok(Exit::Done)
}
