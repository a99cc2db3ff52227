fn leak(token: &clever_auth::RawToken) -> &str {
    token.secret()
}

fn main() {}
