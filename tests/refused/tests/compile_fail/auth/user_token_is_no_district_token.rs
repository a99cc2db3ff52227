fn needs_district(_: clever_auth::DistrictAppToken) {}

fn swap(token: clever_auth::UserToken) {
    needs_district(token);
}

fn main() {}
