//! Days that pass by themselves, one every so often. What a day does follows from the world alone, never from
//! when it came.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::shared::Shared;

/// Lets days pass as the ticker says, as long as the emulator is there.
pub(crate) async fn run(shared: Weak<Shared>, mut every: watch::Receiver<Option<Duration>>) {
    loop {
        let period = *every.borrow_and_update();
        let due = async {
            match period {
                Some(period) => tokio::time::sleep(period).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = every.changed() => if changed.is_err() {
                return;
            },
            () = due => {
                let Some(shared) = shared.upgrade() else { return };
                // A large district's day takes long enough to hold up answers.
                let pass = move || drop(Arc::clone(&shared).pass(1));
                if tokio::task::spawn_blocking(pass).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clever_model::RecordKind;

    use super::*;
    use crate::{Emulator, EmulatorConfig, WorldSource};

    async fn emulator(day_every: Option<Duration>) -> Emulator {
        let config = EmulatorConfig {
            world: WorldSource::Generated {
                seed: 3,
                students: 40,
            },
            day_every,
            ..EmulatorConfig::default()
        };
        crate::start(config).await.unwrap()
    }

    fn now(emulator: &Emulator) -> i64 {
        emulator.with_world(|world| world.now().as_second())
    }

    /// Days that passed while `seconds` do.
    async fn days_in(emulator: &Emulator, seconds: u64) -> i64 {
        let before = now(emulator);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        (now(emulator) - before) / 86_400
    }

    fn texts(emulator: &Emulator) -> Vec<String> {
        emulator.with_world(|world| {
            let kinds = RecordKind::ALL.into_iter();
            let records = kinds.flat_map(|kind| world.list(kind).values());
            records.map(|one| one.json().into_owned()).collect()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_day_passes_every_so_often_until_the_clock_is_stopped() {
        let emulator = emulator(Some(Duration::from_secs(30))).await;
        assert_eq!(days_in(&emulator, 29).await, 0);
        assert_eq!(days_in(&emulator, 2).await, 1);
        assert_eq!(days_in(&emulator, 90).await, 3);
        emulator.run_clock(None);
        assert_eq!(days_in(&emulator, 900).await, 0);
        emulator.run_clock(Some(Duration::from_secs(5)));
        assert_eq!(days_in(&emulator, 26).await, 5);
        assert_eq!(emulator.day_every(), Some(Duration::from_secs(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn days_that_pass_by_themselves_do_what_they_do_on_command() {
        let (by_itself, on_command) = (emulator(None).await, emulator(None).await);
        by_itself.run_clock(Some(Duration::from_secs(1)));
        assert_eq!(days_in(&by_itself, 7).await, 6, "the seventh is due now");
        by_itself.run_clock(None);
        let days = (now(&by_itself) - now(&on_command)) / 86_400;
        on_command.advance_days(u32::try_from(days).unwrap());
        assert_eq!(texts(&by_itself), texts(&on_command));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_never_started_stands() {
        let emulator = emulator(None).await;
        assert_eq!(days_in(&emulator, 86_400).await, 0);
        emulator.run_clock(Some(Duration::ZERO));
        assert_eq!(emulator.day_every(), None);
    }
}
