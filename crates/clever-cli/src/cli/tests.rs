//! What the help says, on a terminal of 80 columns and as a document.

mod deployed;

use std::fmt::Write as _;
use std::path::Path;

use super::*;

/// Every command with its subcommands, by its whole name.
fn all(command: &clap::Command, above: &str) -> Vec<(String, clap::Command)> {
    let name = format!("{above}{}", command.get_name());
    let below = command.get_subcommands();
    let below = below.filter(|one| one.get_name() != "help" && !one.is_hide_set());
    let below: Vec<_> = below
        .flat_map(|one| all(one, &format!("{name} ")))
        .collect();
    let mut found = vec![(name, command.clone())];
    found.extend(below);
    found
}

fn built() -> clap::Command {
    let mut command = command().term_width(80);
    command.build();
    command
}

#[test]
fn the_arguments_are_consistent() {
    command().debug_assert();
}

#[test]
fn help_fits_80_columns_and_breaks_no_word() {
    for (name, mut command) in all(&built(), "") {
        for text in [command.render_help(), command.render_long_help()] {
            let text = text.to_string();
            // The usage is one line, which a terminal wraps.
            for line in text.lines().filter(|line| !line.starts_with("Usage:")) {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
        }
    }
}

#[test]
fn short_help_is_a_line_an_option_and_long_help_says_more() {
    let command = built();
    let sync = command.find_subcommand("sync").unwrap();
    let (short, long) = (
        sync.clone().render_help().to_string(),
        sync.clone().render_long_help().to_string(),
    );
    assert!(short.lines().count() * 2 < long.lines().count());
    for heading in [
        "Which districts:",
        "What is read:",
        "Schedule:",
        "Store:",
        "Examples:",
    ] {
        assert!(short.contains(heading), "{heading} in {short}");
    }
}

#[test]
fn the_list_of_commands_is_in_groups() {
    let text = built().render_help().to_string();
    for (heading, names) in [
        ("Sync:", "undo"),
        ("Accounts:", "review"),
        ("Try it out:", "demo"),
    ] {
        let group = text.split(heading).nth(1).unwrap_or_default();
        let group = group.split("\n\n").next().unwrap_or_default();
        assert!(group.contains(names), "{heading} {names}: {text}");
    }
}

/// The reference in docs/ is what `--help` says. `CLEVER_BLESS=1 cargo nextest run -p clever-cli reference` updates it.
#[test]
fn the_reference_of_commands_is_what_help_says() {
    let mut text = "# Commands\n\nWhat `cleverctl COMMAND --help` says, generated from the program. Do not edit it: \
                    `CLEVER_BLESS=1 cargo\nnextest run -p clever-cli reference` updates it.\n"
        .to_owned();
    for (name, mut command) in all(&built(), "") {
        if name != "cleverctl" {
            // The options of all commands stand with the first.
            command = command.mut_args(|arg| {
                let global = arg.is_global_set();
                arg.hide(global)
            });
        }
        let help = command.render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        // A value in the environment of whoever builds it is no part of it.
        let _ = write!(
            text,
            "\n## `{name}`\n\n```text\n{}\n```\n",
            help.join("\n").trim()
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    if std::env::var_os("CLEVER_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "docs/commands.md is stale: run `CLEVER_BLESS=1 cargo nextest run -p clever-cli reference`"
    );
}

#[test]
fn an_option_of_all_commands_is_no_other_option_of_one() {
    let root = command();
    let global: Vec<String> = root
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .map(|arg| arg.get_id().to_string())
        .collect();
    assert!(global.len() > 4);
    // Not built yet: a command has only its own arguments.
    for (name, command) in all(&root, "").into_iter().skip(1) {
        for arg in command.get_arguments() {
            let id = arg.get_id().to_string();
            assert!(
                !global.contains(&id),
                "{name} has an option {id} of its own"
            );
        }
    }
}
