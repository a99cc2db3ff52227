//! `docs/tutorials`: each program runs as it is written there, and prints what stands below it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::consumers::{LANGUAGES, VERSIONS};
use crate::ground::errors;

/// The first piece of a document in this language.
fn piece<'a>(document: &'a str, language: &str) -> &'a str {
    let begin = format!("\n```{language}\n");
    let (_, rest) = document.split_once(&begin).expect(language);
    rest.split_once("\n```\n").expect("the piece ends").0
}

/// A folder with a `clever-emulator`, which `cleverctl emulator` is as well.
fn programs() -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clever-emulator");
    let program = env!("CARGO_BIN_EXE_cleverctl");
    fs::write(
        &path,
        format!("#!/bin/sh\nexec '{program}' emulator \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn each_tutorials_program_prints_what_stands_below_it() {
    let documents = [
        ("python.md", "python"),
        ("ruby.md", "ruby"),
        ("node.md", "js"),
        ("go.md", "go"),
    ];
    let programs = programs();
    let mut path = vec![programs.path().to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let path = std::env::join_paths(path).unwrap();
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorials");
    for ((language, version), (name, word)) in LANGUAGES.iter().zip(VERSIONS).zip(documents) {
        let document = fs::read_to_string(folder.join(name)).unwrap();
        let (program, says) = (piece(&document, word), piece(&document, "text"));
        if !language.is_here(version, "anything") {
            continue;
        }
        let file = programs.path().join(format!("tutorial.{}", language.end));
        fs::write(&file, program).unwrap();
        let words = [language.run, &[file.to_str().unwrap()]].concat();
        let output = language
            .command(&words)
            .env("PATH", &path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", errors(&output));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said.trim_end(), says, "{name}");
    }
}
