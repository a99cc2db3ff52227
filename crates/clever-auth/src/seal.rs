//! Seals bytes so that only we can open them, for the purpose that they were sealed for.
//!
//! AES-256-GCM-SIV (RFC 8452): a repeated nonce, as bad randomness gives, shows only that two texts
//! were equal. What a sealed text is for, and whose it is, is authenticated with it, so that one moved
//! to another place does not open.

use std::fmt;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;

/// A source of unpredictable bytes.
pub trait Randomness: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] when the source fails; a login can't go on then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

/// The source of randomness failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(bytes).map_err(|_| NoRandomness)
    }
}

/// Makes a text of 32 unpredictable bytes, 43 URL-safe characters long.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn random_text(random: &dyn Randomness) -> Result<String, NoRandomness> {
    let mut bytes = [0; 32];
    random.fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Names a key, so that keys can be changed while old seals still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub u32);

/// A sealed text does not open. Says no more: the reason would help a forger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text is not ours, or not meant for this")]
pub struct NotOurs;

/// A text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes as 43 characters of URL-safe base64")]
pub struct NotAKey;

/// The keys that seals open with; the first one also makes them.
///
/// To change keys: put the new one first, keep the old one as long as its seals shall open.
#[derive(Clone)]
pub struct SealingKeys(Vec<(KeyId, Aes256GcmSiv)>);

/// First byte of a seal: the layout `1, key id (4), nonce (12), cipher text and tag`.
const LAYOUT: u8 = 1;
const HEAD: usize = 1 + 4 + 12;

impl SealingKeys {
    /// Takes `key`, 32 random bytes, to seal and to open with.
    #[must_use]
    pub fn new(id: KeyId, key: &[u8; 32]) -> Self {
        Self(vec![(id, Aes256GcmSiv::new(key.into()))])
    }

    /// Takes a key from its text: what [`random_text`] makes, with white space around it or without.
    ///
    /// # Errors
    ///
    /// [`NotAKey`], which holds nothing of the text.
    pub fn from_text(id: KeyId, text: &str) -> Result<Self, NotAKey> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| NotAKey)?);
        let key: Zeroizing<[u8; 32]> =
            Zeroizing::new(bytes.as_slice().try_into().map_err(|_| NotAKey)?);
        Ok(Self::new(id, &key))
    }

    /// Adds an older key that only opens.
    #[must_use]
    pub fn and_old(mut self, id: KeyId, key: &[u8; 32]) -> Self {
        self.0.push((id, Aes256GcmSiv::new(key.into())));
        self
    }

    /// Says which key seals, to tell a wrong key from a damaged text. Nothing of the key can be found from it.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        self.0.first().and_then(|(_, cipher)| fingerprint(cipher))
    }

    /// Says whether one of the keys has this fingerprint.
    pub(crate) fn knows(&self, wanted: &str) -> bool {
        let mut all = self.0.iter().map(|(_, cipher)| fingerprint(cipher));
        all.any(|one| one.as_deref() == Some(wanted))
    }

    /// Seals `text` for `purpose`, which says what it is and whose, part by part.
    ///
    /// The result is URL-safe base64 and may stand in a cookie.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn seal(
        &self,
        purpose: &[&str],
        text: &[u8],
        random: &dyn Randomness,
    ) -> Result<String, NoRandomness> {
        let (id, cipher) = self.0.first().ok_or(NoRandomness)?;
        let mut out = vec![LAYOUT];
        out.extend(id.0.to_be_bytes());
        let mut nonce = [0; 12];
        random.fill(&mut nonce)?;
        out.extend(nonce);
        let aad = associated(&out[..5], purpose);
        let payload = Payload {
            msg: text,
            aad: &aad,
        };
        // Fails only for texts of gigabytes.
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| NoRandomness)?;
        out.extend(sealed);
        Ok(URL_SAFE_NO_PAD.encode(out))
    }

    /// Opens what [`SealingKeys::seal`] made for the same purpose.
    ///
    /// # Errors
    ///
    /// [`NotOurs`] for anything else.
    pub fn open(&self, purpose: &[&str], sealed: &str) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| NotOurs)?;
        if bytes.len() < HEAD || bytes[0] != LAYOUT {
            return Err(NotOurs);
        }
        let id = KeyId(u32::from_be_bytes(
            bytes[1..5].try_into().map_err(|_| NotOurs)?,
        ));
        let nonce: [u8; 12] = bytes[5..HEAD].try_into().map_err(|_| NotOurs)?;
        let (_, cipher) = self.0.iter().find(|(key, _)| *key == id).ok_or(NotOurs)?;
        let aad = associated(&bytes[..5], purpose);
        let payload = Payload {
            msg: &bytes[HEAD..],
            aad: &aad,
        };
        cipher
            .decrypt(&Nonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| NotOurs)
    }
}

/// The tag of an empty text under a purpose that seals nothing else. A fixed nonce does no harm: the cipher resists
/// its repetition, and the text is always the same.
fn fingerprint(cipher: &Aes256GcmSiv) -> Option<String> {
    let payload = Payload {
        msg: &[],
        aad: b"clever-auth key fingerprint",
    };
    let tag = cipher.encrypt(&Nonce::from([0; 12]), payload).ok()?;
    Some(URL_SAFE_NO_PAD.encode(tag))
}

/// Joins the parts with their lengths, so that no two lists of parts give the same bytes.
fn associated(head: &[u8], purpose: &[&str]) -> Vec<u8> {
    let mut out = head.to_vec();
    for part in purpose {
        out.extend((part.len() as u64).to_be_bytes());
        out.extend(part.as_bytes());
    }
    out
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(id, _)| id))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(id: u32, byte: u8) -> SealingKeys {
        SealingKeys::new(KeyId(id), &[byte; 32])
    }

    #[test]
    fn old_keys_open_and_new_ones_seal() {
        let old = keys(1, 1).seal(&["a"], b"text", &SystemRandomness).unwrap();
        let both = keys(2, 2).and_old(KeyId(1), &[1; 32]);
        assert_eq!(both.open(&["a"], &old).unwrap().as_slice(), b"text");
        let new = both.seal(&["a"], b"text", &SystemRandomness).unwrap();
        assert_eq!(keys(1, 1).open(&["a"], &new), Err(NotOurs));
        assert_eq!(format!("{both:?}"), "[KeyId(2), KeyId(1)]");
    }

    #[test]
    fn a_fingerprint_is_its_keys_alone() {
        let (one, two) = (keys(1, 1), keys(1, 2));
        let print = one.fingerprint().unwrap();
        assert_eq!(print, keys(7, 1).fingerprint().unwrap());
        assert!(one.knows(&print) && !two.knows(&print));
        assert!(two.and_old(KeyId(2), &[1; 32]).knows(&print));
    }

    #[test]
    fn a_key_comes_back_from_its_text() {
        let text = random_text(&SystemRandomness).unwrap();
        let key = SealingKeys::from_text(KeyId(1), &text).unwrap();
        let sealed = key.seal(&["a"], b"text", &SystemRandomness).unwrap();
        let again = SealingKeys::from_text(KeyId(1), &format!(" {text}\n")).unwrap();
        assert_eq!(again.open(&["a"], &sealed).unwrap().as_slice(), b"text");
        for wrong in ["", "short", &text[1..], &format!("{text}A")] {
            assert!(SealingKeys::from_text(KeyId(1), wrong).is_err());
        }
    }

    proptest! {
        #[test]
        fn p26_a_seal_opens_only_whole_under_its_key_and_purpose(
            text in prop::collection::vec(any::<u8>(), 0..60),
            bit in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let ours = keys(1, 1);
            let sealed = ours.seal(&["token", "d1", "app"], &text, &SystemRandomness).unwrap();
            let opened = ours.open(&["token", "d1", "app"], &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), text.as_slice());
            for purpose in [&["token", "d2", "app"][..], &["token", "d1a", "pp"], &["token", "d1"], &[]] {
                prop_assert_eq!(ours.open(purpose, &sealed), Err(NotOurs));
            }
            prop_assert_eq!(keys(1, 2).open(&["token", "d1", "app"], &sealed), Err(NotOurs));
            prop_assert_eq!(keys(2, 1).open(&["token", "d1", "app"], &sealed), Err(NotOurs));
            let mut bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
            let at = bit.index(bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(ours.open(&["token", "d1", "app"], &URL_SAFE_NO_PAD.encode(&bytes)), Err(NotOurs));
            prop_assert_eq!(ours.open(&["token", "d1", "app"], &sealed[..cut.index(sealed.len())]), Err(NotOurs));
        }
    }
}
