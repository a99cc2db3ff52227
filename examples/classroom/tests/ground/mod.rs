//! What a story of the app stands on: a Clever with a small district, and the app's settings for it.

use std::path::Path;
use std::time::Duration;

use classroom::Config;
use clever_emulator::{Emulator, EmulatorConfig, WorldSource};

/// A Clever with so many students.
pub(crate) fn clever_of(students: u32) -> EmulatorConfig {
    EmulatorConfig {
        world: WorldSource::Generated { seed: 17, students },
        openid: true,
        ..EmulatorConfig::default()
    }
}

/// The app at any free address, with its files in `data`; it syncs once in a story.
pub(crate) fn settings(clever: &Emulator, data: &Path) -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        url: None,
        data: data.to_owned(),
        database: None,
        client: Some((
            clever.client_id().to_owned(),
            clever.client_secret().to_owned(),
        )),
        clever: Some(clever.base_url().clone()),
        sync_every: Duration::from_secs(300),
        before: Vec::new(),
    }
}
