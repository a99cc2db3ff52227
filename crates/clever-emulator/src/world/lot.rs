//! Numbers that follow from a seed and words alone: what is made up of somebody on some day is made up alike
//! again.

/// A number of 64 bits for `words`, in their order.
pub(crate) fn draw(seed: u64, words: &[&str]) -> u64 {
    // FNV-1a over the words, a mark between them; SplitMix64's last step spreads it.
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in words.iter().flat_map(|word| word.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Whether a lot of `percent` in a hundred falls on `words`.
pub(crate) fn falls(seed: u64, percent: u64, words: &[&str]) -> bool {
    draw(seed, words) % 100 < percent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lot_is_the_same_again_and_falls_as_often_as_it_says() {
        assert_eq!(draw(1, &["a", "b"]), draw(1, &["a", "b"]));
        assert_ne!(draw(1, &["a", "b"]), draw(1, &["ab", ""]));
        assert_ne!(draw(1, &["a", "b"]), draw(2, &["a", "b"]));
        let fell = (0..10_000).filter(|one| falls(7, 5, &["day", &one.to_string()]));
        let fell = fell.count();
        assert!((400..600).contains(&fell), "{fell}");
    }
}
