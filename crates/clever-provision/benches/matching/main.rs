//! How well and how fast people are matched: `cargo xtask bench match [-- --people N]`.
//!
//! K-12 rosters are made up, with the truth; the Febrl sets are read from the folder that `CLEVER_FEBRL` names.

#![expect(clippy::print_stdout, reason = "its report is its output")]

mod febrl;
mod k12;
mod meter;
mod people;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut people = 200_000;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--people" {
            people = args.next().ok_or("--people wants a number")?.parse()?;
        }
    }
    k12::run(people)?;
    match std::env::var_os("CLEVER_FEBRL") {
        Some(folder) => febrl::run(folder.as_ref())?,
        None => println!("Febrl: left out; name the folder of its files in CLEVER_FEBRL"),
    }
    Ok(())
}
