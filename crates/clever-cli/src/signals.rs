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

/// From now on, a process that is asked to stop removes the files that it is writing and ends, with 130 after Ctrl-C and
/// 143 after SIGTERM as if nobody had listened. Only for commands that do not wait for it with [`Stop`].
pub(crate) fn leave_nothing_half_written() {
    #[cfg(unix)]
    if let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        tokio::spawn(async move {
            let number = tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
            };
            clever_files::abandon();
            std::process::exit(128 + number.as_raw_value());
        });
    }
}
