//! What the errors of the fleet's engine are called, and what to do about them.

#[cfg(feature = "fleet")]
use clever_fleet::{ConnectError, ControlError};

use super::Exit;

/// A word, an exit code, and the next step.
type Cause = (&'static str, Exit, Option<String>);

/// Says what such an error means, if it is one.
#[cfg(feature = "fleet")]
pub(super) fn of_fleet(cause: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    if let Some(error) = cause.downcast_ref::<ConnectError>() {
        return Some(match error {
            ConnectError::Settings(_) | ConnectError::Address(_) => usage(
                "engine_address",
                "name the engine with --engine HOST:PORT, or with TEMPORAL_ADDRESS as for every tool of Temporal's",
            ),
            ConnectError::Attributes(_) => failed(
                "engine_attributes",
                "make the search attributes that docs/fleet.md names with the engine's own tool",
            ),
            ConnectError::Tls { .. } => failed(
                "engine_tls",
                "name the engine's authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH, its name in TEMPORAL_TLS_SERVER_NAME, and \
                 your own certificate and key in TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH",
            ),
            ConnectError::Refused { .. } => failed(
                "engine_refused",
                "check TEMPORAL_API_KEY, and what it may do in the namespace",
            ),
            _ => failed(
                "engine_unreachable",
                "start the engine, or check --engine, and TEMPORAL_TLS_* if it speaks TLS; `cleverctl sync --all` needs none",
            ),
        });
    }
    Some(match cause.downcast_ref::<ControlError>()? {
        ControlError::NoSchedule(_) => failed(
            "not_found",
            "`cleverctl fleet status` lists the districts of the fleet, `cleverctl fleet apply` adds those that are new",
        ),
        ControlError::NothingHeld(_) => failed(
            "nothing_held",
            "`cleverctl fleet status` shows what waits for a decision",
        ),
        ControlError::OtherHash { .. } => usage(
            "other_plan",
            "look at what is held now with `cleverctl status`, and approve that hash",
        ),
        ControlError::Failed(_) => {
            failed("run_failed", "`cleverctl status` says why, and what to do")
        }
        _ => failed("engine", "look at the engine's log, then run again"),
    })
}

/// A program without the fleet has no such error.
#[cfg(not(feature = "fleet"))]
pub(super) fn of_fleet(_: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    None
}

#[cfg(feature = "fleet")]
fn failed(code: &'static str, hint: &str) -> Cause {
    (code, Exit::Failed, Some(hint.to_owned()))
}

#[cfg(feature = "fleet")]
fn usage(code: &'static str, hint: &str) -> Cause {
    (code, Exit::Usage, Some(hint.to_owned()))
}
