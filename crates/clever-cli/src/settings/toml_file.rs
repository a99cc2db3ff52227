//! What is wrong with a file of settings, said once: the line, and the setting that was probably meant.

use crate::diagnostics::Usage;

/// How alike two names must be to be one with a typing error.
const ALIKE: f64 = 0.7;

/// Says why the text of the file `shown` can't be used as TOML of the form that was expected.
pub(crate) fn unreadable(shown: &str, text: &str, error: &toml::de::Error) -> Usage {
    let line = error.span().map(|span| {
        let before = text.get(..span.start).unwrap_or(text);
        before.matches('\n').count() + 1
    });
    let place = match line {
        Some(line) => format!("{shown}, line {line}"),
        None => shown.to_owned(),
    };
    let message = error.message();
    // What stands between backticks: the name that was found, then those that there are.
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field").then(|| names.next());
    let Some(Some(found)) = unknown else {
        return Usage::new(format!(
            "{place}: {}",
            message.trim_end().replace('\n', ": ")
        ));
    };
    let known: Vec<&str> = names.collect();
    let says = Usage::new(format!("{place}: there is no setting `{found}`"));
    match nearest(found, &known) {
        Some(meant) => says.hint(format!("did you mean `{meant}`?")),
        None => says.hint(format!("there are: {}", known.join(", "))),
    }
}

/// The name that is most like `found`, if one is alike.
fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &str| strsim::jaro_winkler(found, name);
    let nearest = known
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(nearest) >= ALIKE).then_some(*nearest)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its fields' names are read")]
    struct File {
        max_archived_percent: Option<u64>,
        floor: Option<u64>,
    }

    fn wrong(text: &str) -> Usage {
        let error = toml::from_str::<File>(text).unwrap_err();
        unreadable("policy.toml", text, &error)
    }

    #[test]
    fn d12_an_unknown_setting_is_named_once_with_its_line_and_the_one_that_was_meant() {
        let text = "# ours\nmax_archived_precent = 4\n";
        let usage = wrong(text);
        assert_eq!(
            usage.to_string(),
            "policy.toml, line 2: there is no setting `max_archived_precent`"
        );
        assert_eq!(
            usage.next_step(),
            Some("did you mean `max_archived_percent`?")
        );
        assert_eq!(
            wrong("xyz = 1").next_step(),
            Some("there are: max_archived_percent, floor")
        );
    }

    #[test]
    fn what_is_no_toml_is_said_on_one_line() {
        let said = wrong("floor = \"much\"").to_string();
        assert!(
            said.starts_with("policy.toml, line 1: ") && !said.contains('\n'),
            "{said}"
        );
        let said = wrong("floor = = 1").to_string();
        assert!(
            said.starts_with("policy.toml, line 1: ") && !said.contains('\n'),
            "{said}"
        );
    }
}
