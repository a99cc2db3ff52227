//! Plain words: a doc comment says something. One word in place of a sentence says what the name says.

/// Names each doc comment of one word.
pub(super) fn breaches(shown: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut block: Vec<&str> = Vec::new();
    for (number, line) in text.lines().chain([""]).enumerate() {
        if let Some(words) = line.trim_start().strip_prefix("///") {
            block.extend(words.split_whitespace());
            continue;
        }
        if let [word] = block.as_slice()
            // Code is more than a word: it has a form.
            && !word.starts_with(['`', '#'])
        {
            breaches.push(format!(
                "{shown}:{number}: the doc comment {word:?} says no more than a name would"
            ));
        }
        block.clear();
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_is_no_documentation() {
        let of = |text: &str| breaches("a.rs", text).len();
        assert_eq!(of("/// Which.\naccount: AccountId,"), 1);
        assert_eq!(
            of("/// The account that was merged away.\naccount: AccountId,"),
            0
        );
        assert_eq!(of("/// Which\n/// one.\naccount: AccountId,"), 0);
        assert_eq!(of("/// `users`.\nUsers,"), 0);
        assert_eq!(of("// Why."), 0);
    }
}
