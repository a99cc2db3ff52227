//! How well and how fast people are matched: `cargo xtask bench match`.

mod febrl;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::var_os("CLEVER_FEBRL") {
        Some(folder) => febrl::run(folder.as_ref())?,
        None => println!("Febrl: left out; name the folder of its files in CLEVER_FEBRL"),
    }
    Ok(())
}
