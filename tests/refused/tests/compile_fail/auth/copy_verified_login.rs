fn twice(login: &clever_auth::VerifiedLogin) -> clever_auth::VerifiedLogin {
    Clone::clone(login)
}

fn main() {}
