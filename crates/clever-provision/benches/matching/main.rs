//! How well and how fast people are matched: `cargo xtask bench match [-- --people N]`.
//!
//! Two kinds of K-12 rosters are made up, with the truth: those of `people.rs`, and districts of other habits from several seeds
//! (`--wide N` people of each of `--seeds N`, and with `--only wide` nothing else). The Febrl sets are read from the folder that
//! `CLEVER_FEBRL` names.

#![expect(clippy::print_stdout, reason = "its report is its output")]

mod febrl;
mod k12;
mod meter;
mod names;
mod people;
mod random;
mod wide;
mod world;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut people, mut wide, mut seeds) = (200_000, 100_000, 3);
    let mut only = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let place = match arg.as_str() {
            "--people" => &mut people,
            "--wide" => &mut wide,
            "--seeds" => &mut seeds,
            "--only" => {
                only = args.next();
                continue;
            }
            _ => continue,
        };
        *place = args.next().ok_or("a number is missing")?.parse()?;
    }
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("people") {
        k12::run(people)?;
    }
    if wanted("wide") {
        wide::run(wide, seeds)?;
    }
    match std::env::var_os("CLEVER_FEBRL") {
        Some(folder) if wanted("febrl") => febrl::run(folder.as_ref())?,
        Some(_) => {}
        None => println!("Febrl: left out; name the folder of its files in CLEVER_FEBRL"),
    }
    Ok(())
}
