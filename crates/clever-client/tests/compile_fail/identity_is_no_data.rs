async fn ask(district: &clever_client::District) {
    let _ = district.call(&clever_client::raw::v3_1::operations::GetTokenInfo).await;
}

fn main() {}
