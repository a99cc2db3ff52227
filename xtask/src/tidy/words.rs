//! Plain words: a doc comment says something, and no sentence has to be read twice.
//!
//! *Decision*: a list of our own. `vale` is the checker that others use; its packages in the registries fetch a binary
//! from elsewhere when they first run, and it does not read the string literals of Rust, which are our messages.

use anyhow::{Context, Result};
use regex::Regex;

use super::prose::Passage;

/// A phrase that a reader has to read twice.
struct Rule {
    /// What it looks like; a space stands for a line break too.
    phrase: &'static str,
    /// Not if the text after it is like this.
    unless: Option<&'static str>,
    /// What to write.
    instead: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        phrase: r"\b(?:is|are|was|were|be|been|being|isn't|aren't) (?:(?:not|also|still|only|already|never|each) )?told\b",
        unless: Some(r"^ (?:apart\b|to [a-z]|that\b|how\b|why\b|otherwise\b)"),
        instead: "say what happens: is reported, is shown, is given, is known",
    },
    Rule {
        phrase: r"\btold of\b|(?:,|;|:|\band|\bor|\bas|\bnot) told\b",
        unless: Some(r"^ (?:apart\b|to [a-z]|us\b|it\b|them\b|that\b)"),
        instead: "give the sentence a subject and a verb: the report says, who has been told about",
    },
    Rule {
        phrase: r"\bsurely\b",
        unless: None,
        instead: "certainly, with certainty, or what the proof is",
    },
    Rule {
        phrase: r"\banew\b",
        unless: None,
        instead: "again, or from the start",
    },
    Rule {
        phrase: r"\b(?:go|goes|gone|going|went) on (?:from|with|where|there|after|like)\b",
        unless: None,
        instead: "continue",
    },
    Rule {
        phrase: r"\b[Nn]obody's\b",
        unless: None,
        instead: "say who: no account, no user, has no owner",
    },
    Rule {
        phrase: r"\b(?:do(?:es)? not|don't|doesn't) do\b",
        unless: Some(r"^ (?:it|that|this|so|anything|the)\b"),
        instead: "is not enough, or what can't be done",
    },
    Rule {
        phrase: r", (?:both|all|each|itself|(?:[a-z]+ )?[a-z]+(?:es|ns|ts|ds)) left out\b",
        unless: None,
        instead: "without, or apart from",
    },
    Rule {
        phrase: r"\b(?:for|first|of) who (?:left|has|is alone|came)\b",
        unless: None,
        instead: "the people who, or a noun: leavers",
    },
    Rule {
        phrase: r"\bbelongs? into\b",
        unless: None,
        instead: "belongs in, or put it in",
    },
    Rule {
        phrase: r"\b[Ww]hat is left\b|\bleft to you\b|\b[Ww]hat was left\b",
        unless: None,
        instead: "the rest, what remains, or who decides",
    },
    Rule {
        phrase: r"\bworst end\b",
        unless: None,
        instead: "the most severe result",
    },
    Rule {
        phrase: r"[.;:,] Who [a-z]+[^?.;:]*[.;]",
        unless: None,
        instead: "whoever, or the people who",
    },
    Rule {
        phrase: r"\b(?:only|also|even) where\b|, where (?:it|that|one|there) (?:is|was|has|had)\b",
        unless: None,
        instead: "if or when; where is for places",
    },
    Rule {
        phrase: r"(?:[.;:] |\n\n)Where [a-z][^?.!|:,]*,",
        unless: None,
        instead: "if or when; where is for places",
    },
];

/// The rules, ready to be applied.
pub(super) struct Words(Vec<(Regex, Option<Regex>, &'static str)>);

impl Words {
    pub(super) fn new() -> Result<Self> {
        let rules = RULES.iter().map(|rule| {
            let of = |pattern: &str| {
                Regex::new(&pattern.replace(' ', r"\s+"))
                    .with_context(|| format!("the rule {pattern:?} is no regular expression"))
            };
            Ok((
                of(rule.phrase)?,
                rule.unless.map(of).transpose()?,
                rule.instead,
            ))
        });
        Ok(Self(rules.collect::<Result<_>>()?))
    }

    /// Names each phrase of `passage` that a rule is about, with its line and what to write.
    pub(super) fn breaches(&self, shown: &str, passage: &Passage) -> Vec<String> {
        let text = &passage.text;
        let mut breaches = Vec::new();
        for (phrase, unless, instead) in &self.0 {
            for found in phrase.find_iter(text) {
                if unless
                    .as_ref()
                    .is_some_and(|unless| unless.is_match(&text[found.end()..]))
                {
                    continue;
                }
                // Some begin at the end of the sentence before.
                let words = found
                    .as_str()
                    .trim_start_matches(|char: char| !char.is_alphabetic());
                let line = passage.line + text[..found.end() - words.len()].matches('\n').count();
                let words: Vec<&str> = words.split_whitespace().take(6).collect();
                breaches.push(format!(
                    "{shown}:{line}: {:?}; write: {instead}",
                    words.join(" ")
                ));
            }
        }
        breaches
    }
}

/// Names each doc comment of one word.
pub(super) fn one_word(shown: &str, text: &str) -> Vec<String> {
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
    use super::super::prose;
    use super::*;

    #[test]
    fn one_word_is_no_documentation() {
        let of = |text: &str| one_word("a.rs", text).len();
        assert_eq!(of("/// Which.\naccount: AccountId,"), 1);
        assert_eq!(
            of("/// The account that was merged away.\naccount: AccountId,"),
            0
        );
        assert_eq!(of("/// Which\n/// one.\naccount: AccountId,"), 0);
        assert_eq!(of("/// `users`.\nUsers,"), 0);
        assert_eq!(of("// Why."), 0);
    }

    /// What is wrong with the words of a Rust file.
    fn of(source: &str) -> Vec<String> {
        let words = Words::new().unwrap();
        let passages = prose::of_rust(source);
        passages
            .iter()
            .flat_map(|passage| words.breaches("a.rs", passage))
            .collect()
    }

    #[test]
    fn a_phrase_is_named_with_its_line_and_what_to_write() {
        assert_eq!(
            of("fn f() {}\n\n/// A failure is\n/// told. And begun.\nfn g() {}\n"),
            [
                "a.rs:3: \"is told\"; write: say what happens: is reported, is shown, is given, is known"
            ]
        );
    }

    #[test]
    fn each_rule_finds_its_phrase() {
        for wrong in [
            "Each failed try is told.",
            "The rows, told by key.",
            "Who knows is told of nobody.",
            "Not surely one person.",
            "It is read anew.",
            "The next run goes on from there.",
            "This is nobody's account.",
            "Events alone do not do: none came.",
            "Events don't do here.",
            "The ids between two, both left out.",
            "Archives the accounts of who left.",
            "A password belongs into the file.",
            "Uncertain pairs are left to you.",
            "What is left goes to a review.",
            "The worst end as the exit code.",
            "Views help. Who only reads needs SELECT.",
            "It is applied only where it was approved.",
            "The id, where there is one.",
            "Rows differ. Where a field is missing, the row is held.",
        ] {
            assert!(!of(&format!("// {wrong}")).is_empty(), "{wrong}");
            assert!(!of(&format!("let x = {wrong:?};")).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn plain_words_and_code_pass() {
        for right in [
            "The two can't be told apart.",
            "It moves only when it is told to move.",
            "Who opens a class?",
            "Who governs it: the district.",
            "Where is the state kept?",
            "It is kept where the store is.",
            "It does not do this twice.",
            "The field `is told anew`.",
        ] {
            assert_eq!(of(&format!("// {right}")), [""; 0], "{right}");
        }
    }
}
