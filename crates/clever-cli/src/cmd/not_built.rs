//! What a smaller build of `cleverctl` lacks: it says so, and how to have it.

#[cfg(not(feature = "full"))]
use std::ffi::OsString;

#[cfg(not(feature = "full"))]
use clap::Args;

/// Arguments of a command that this build does not have. They are not read.
#[cfg(not(feature = "full"))]
#[derive(Debug, Args)]
pub(crate) struct Unread {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// A part was asked for that this build does not have.
#[derive(Debug, thiserror::Error)]
#[error("this cleverctl was built without {part}")]
pub(crate) struct NotBuilt {
    part: &'static str,
    /// The feature of the crate that brings it.
    feature: &'static str,
}

impl NotBuilt {
    /// That `part` is missing, which `feature` brings.
    pub(crate) fn new(part: &'static str, feature: &'static str) -> Self {
        Self { part, feature }
    }

    /// How to have it.
    pub(crate) fn hint(&self) -> String {
        let feature = self.feature;
        // Its build costs more than that of all the rest.
        let whole = match feature {
            "lake" => "`full` has everything but this",
            _ => "`full` has everything",
        };
        format!("install one that has it: `cargo install clever-cli --features {feature}`; {whole}")
    }
}
