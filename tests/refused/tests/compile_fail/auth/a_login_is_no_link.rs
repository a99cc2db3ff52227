use clever_auth::login::{Link, Login, SignedIn};

fn link(_: SignedIn<Link>) {}

fn swap(signed_in: SignedIn<Login>) {
    link(signed_in);
}

fn main() {}
