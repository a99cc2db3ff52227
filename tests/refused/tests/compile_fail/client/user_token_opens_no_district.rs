fn open(options: clever_client::ClientOptions, token: clever_auth::UserToken) {
    let _ = clever_client::District::new(options, token);
}

fn main() {}
