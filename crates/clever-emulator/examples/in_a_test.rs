//! What a test of yours does with the emulator: it starts one, asks it, makes trouble and lets a day pass.
//!
//! ```sh
//! cargo run -p clever-emulator --example in_a_test
//! ```

use std::error::Error;

use clever_emulator::{EmulatorConfig, Fault, WorldSource};

/// The status of the third request for users, and how much happened on a school day.
pub(crate) async fn a_refusal_and_a_day() -> Result<(u16, u32), Box<dyn Error>> {
    let config = EmulatorConfig {
        world: WorldSource::Generated {
            seed: 7,
            students: 300,
        },
        ..EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await?;
    emulator
        .faults()
        .add(Fault::RateLimited.on("/users").nth(3));

    let users = emulator.base_url().join("v3.1/users")?;
    let mut status = 0;
    for _ in 0..3 {
        let request = reqwest::Client::new().get(users.clone());
        let answer = request.bearer_auth(emulator.district_token()).send();
        status = answer.await?.status().as_u16();
    }
    let day = emulator.advance_days(1);
    emulator.stop().await;
    Ok((status, day.total()))
}

#[cfg_attr(test, expect(dead_code, reason = "a test calls what it calls"))]
#[expect(clippy::print_stdout, reason = "an example shows what it found")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (status, changes) = a_refusal_and_a_day().await?;
    println!("the third request was answered {status}; {changes} things happened on a day");
    Ok(())
}
