fn main() {
    let _ = clever_auth::VerifiedLogin {};
}
