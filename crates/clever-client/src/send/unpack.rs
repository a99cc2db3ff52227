//! Takes a compressed body apart in one go. In pieces, as HTTP clients do it, each piece would cost a copy of the window
//! that the next one looks back into.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// What is asked for, and can be taken apart here.
pub(super) const GZIP: &str = "gzip";

/// No byte of a compressed body stands for more than so many.
const MOST_OF_A_BYTE: usize = 1032;

/// Why a body can't be used, and what had come of it by then.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is cut, or says something else than was sent.
    Damaged(Bytes),
    /// It holds more than was allowed.
    TooLarge(Bytes),
}

/// Says whether a body is compressed.
pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    let coding = headers.get(CONTENT_ENCODING);
    let coding = coding.and_then(|coding| coding.to_str().ok());
    coding.is_some_and(|coding| {
        let coding = coding.trim();
        coding.eq_ignore_ascii_case(GZIP) || coding.eq_ignore_ascii_case("x-gzip")
    })
}

/// A body as it was before it was compressed, if it was; at most `most` bytes.
pub(super) fn body(came: Bytes, packed: bool, most: usize) -> Result<Bytes, Fault> {
    if packed {
        unpacked(&came, most)
    } else {
        Ok(came)
    }
}

/// What a compressed body holds.
fn unpacked(packed: &[u8], most: usize) -> Result<Bytes, Fault> {
    let mut decoder = MultiGzDecoder::new(packed);
    let mut body = vec![0; said(packed).min(most) + 1];
    let mut filled = 0;
    loop {
        match decoder.read(&mut body[filled..]) {
            Ok(0) => return Ok(cut(body, filled)),
            Ok(more) => filled += more,
            Err(_) => return Err(Fault::Damaged(cut(body, filled))),
        }
        if filled > most {
            return Err(Fault::TooLarge(cut(body, most)));
        }
        if filled == body.len() {
            body.resize((2 * filled).min(most + 1), 0);
        }
    }
}

/// How long a compressed body says that it is unpacked; it may be wrong, and can't be longer than compression goes.
fn said(packed: &[u8]) -> usize {
    let said = packed.last_chunk().copied().map(u32::from_le_bytes);
    let said = usize::try_from(said.unwrap_or_default()).unwrap_or(usize::MAX);
    said.min(packed.len().saturating_mul(MOST_OF_A_BYTE))
}

fn cut(mut body: Vec<u8>, length: usize) -> Bytes {
    body.truncate(length);
    body.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    /// Text that compresses, of which no byte is like the next.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..40)
            .prop_flat_map(|word| (Just(word), 0_usize..60))
            .prop_map(|(word, times)| word.repeat(times))
    }

    proptest! {
        #[test]
        fn a_body_comes_out_as_it_went_in(body in text(), more in text()) {
            let whole = packed(&body);
            prop_assert_eq!(unpacked(&whole, body.len()), Ok(Bytes::from(body.clone())));
            let both = [whole, packed(&more)].concat();
            let wanted = Bytes::from([body, more].concat());
            prop_assert_eq!(unpacked(&both, wanted.len() + 5), Ok(wanted));
        }

        #[test]
        fn a_body_that_is_cut_is_damaged(body in text(), at in any::<prop::sample::Index>()) {
            let whole = packed(&body);
            let cut = &whole[..at.index(whole.len())];
            let is_damaged = matches!(unpacked(cut, 1 << 16), Err(Fault::Damaged(_)));
            prop_assert!(is_damaged);
        }

        #[test]
        fn a_wrong_byte_gives_no_other_text(body in text(), at in any::<prop::sample::Index>(), wrong in 1_u8..) {
            let mut spoiled = packed(&body);
            let at = at.index(spoiled.len());
            spoiled[at] ^= wrong;
            if let Ok(read) = unpacked(&spoiled, 1 << 16) {
                prop_assert_eq!(read, body);
            }
        }

        #[test]
        fn what_holds_too_much_is_found_by_its_first_byte_too_many(body in text(), less in 1_usize..50) {
            prop_assume!(body.len() >= less);
            let most = body.len() - less;
            let wanted = Err(Fault::TooLarge(Bytes::copy_from_slice(&body[..most])));
            prop_assert_eq!(unpacked(&packed(&body), most), wanted);
        }
    }

    #[test]
    fn a_length_that_is_a_lie_costs_no_memory() {
        let mut short = packed(b"{}");
        let end = short.len();
        short[end - 4..].fill(0xff);
        assert!(said(&short) <= short.len() * MOST_OF_A_BYTE);
        assert!(matches!(unpacked(&short, 1 << 30), Err(Fault::Damaged(_))));
        assert_eq!(said(b"{}"), 0);
    }

    #[test]
    fn codings_are_read_whatever_their_case() {
        let with = |coding: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
            is_packed(&headers)
        };
        assert!(with("gzip") && with(" GZip") && with("x-gzip"));
        assert!(!with("br") && !with("identity") && !is_packed(&HeaderMap::new()));
    }
}
