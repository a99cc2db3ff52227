//! `cargo xtask`: starts the toolkit's own tasks.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
