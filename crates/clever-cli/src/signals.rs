//! How a process is asked to stop: Ctrl-C at a terminal, SIGTERM from a service manager.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears that the process is asked to stop, from when it is made: what comes between two waits is not lost.
pub(crate) struct Stop {
    /// Interrupt and terminate; none where the system gives no handler.
    #[cfg(unix)]
    signals: Option<(Signal, Signal)>,
}

impl Stop {
    /// Begins to listen.
    pub(crate) fn listen() -> Self {
        Self {
            #[cfg(unix)]
            signals: signal(SignalKind::interrupt())
                .and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)))
                .ok(),
        }
    }

    /// Waits until the process is asked to stop.
    pub(crate) async fn asked(&mut self) {
        #[cfg(unix)]
        if let Some((interrupt, terminate)) = &mut self.signals {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
        drop(tokio::signal::ctrl_c().await);
    }
}
