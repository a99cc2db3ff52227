//! What tasks say to the person who runs them, and what they print to be piped.

/// Says what a task does, on standard error.
#[expect(
    clippy::print_stderr,
    reason = "a task speaks to the person who runs it"
)]
pub(crate) fn say(line: &str) {
    eprintln!("==> {line}");
}

/// Prints a task's result.
#[expect(
    clippy::print_stdout,
    reason = "a task's result goes where it can be piped"
)]
pub(crate) fn print(text: &str) {
    println!("{text}");
}
