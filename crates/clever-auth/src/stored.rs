//! Credentials at rest: sealed, and bound to the district and app that they belong to.

use clever_model::DistrictId;

use crate::seal::{NoRandomness, NotOurs, Randomness, SealingKeys};
use crate::token::DistrictAppToken;

/// Seals a district's token for storing.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn seal_district_token(
    keys: &SealingKeys,
    district: &DistrictId,
    client_id: &str,
    token: &DistrictAppToken,
    random: &dyn Randomness,
) -> Result<String, NoRandomness> {
    keys.seal(
        &purpose(district, client_id),
        token.secret().as_bytes(),
        random,
    )
}

/// Opens a stored token; one that was stored for another district or app does not open.
///
/// # Errors
///
/// [`NotOurs`].
pub fn open_district_token(
    keys: &SealingKeys,
    district: &DistrictId,
    client_id: &str,
    sealed: &str,
) -> Result<DistrictAppToken, NotOurs> {
    let bytes = keys.open(&purpose(district, client_id), sealed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| NotOurs)?;
    DistrictAppToken::new(text).map_err(|_| NotOurs)
}

fn purpose<'a>(district: &'a DistrictId, client_id: &'a str) -> [&'a str; 4] {
    [
        "clever-auth",
        "district token",
        district.as_str(),
        client_id,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{KeyId, SystemRandomness};

    #[test]
    fn p26_a_stored_token_opens_for_its_own_district_and_app() {
        let keys = SealingKeys::new(KeyId(1), &[7; 32]);
        let (d1, d2) = (
            DistrictId::new("d1").unwrap(),
            DistrictId::new("d2").unwrap(),
        );
        let token = DistrictAppToken::new("aaaa1111").unwrap();
        let sealed = seal_district_token(&keys, &d1, "app", &token, &SystemRandomness).unwrap();
        assert!(!sealed.contains("aaaa1111"));
        assert_eq!(open_district_token(&keys, &d1, "app", &sealed), Ok(token));
        assert_eq!(
            open_district_token(&keys, &d2, "app", &sealed),
            Err(NotOurs)
        );
        assert_eq!(
            open_district_token(&keys, &d1, "other", &sealed),
            Err(NotOurs)
        );
    }
}
