fn find_account(_mail: &str) {}

fn by_mail(email: &clever_auth::UnverifiedEmail) {
    find_account(email);
}

fn main() {}
