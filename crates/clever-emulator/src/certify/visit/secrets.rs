//! What must stay between Clever, the app's server and the browser's address: the emulator's tokens and codes, known by their form.

/// How the emulator's user tokens begin, and how long they are.
const TOKEN: (&str, usize) = ("il000000000000", 40);
/// The same of its codes.
const CODE: (&str, usize) = ("code0000", 20);

/// Whether a text has a token of the emulator's in it.
pub(crate) fn has_token(text: &str) -> bool {
    has(text, TOKEN, "il")
}

/// Whether a text has a code of the emulator's in it.
pub(crate) fn has_code(text: &str) -> bool {
    has(text, CODE, "code")
}

/// Whether a text has something that begins so and is so long; what follows `word` in it are hex digits.
fn has(text: &str, (begin, length): (&str, usize), word: &str) -> bool {
    text.match_indices(begin).any(|(at, _)| {
        let found = text.get(at..at + length).unwrap_or_default();
        found.len() == length
            && found[word.len()..]
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_a_code_are_known_by_their_form() {
        assert!(has_token(&format!("token=il{:038x};", 7)));
        assert!(!has_token("il0000") && !has_token(&format!("il{}", "z".repeat(38))));
        assert!(has_code(&format!("/callback?code=code{:016x}&state=1", 7)));
        // The code of a class is none of Clever's.
        assert!(!has_code("/join?code=code7") && !has_code(&format!("code{}", "z".repeat(16))));
    }
}
