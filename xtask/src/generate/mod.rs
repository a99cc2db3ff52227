//! `cargo xtask generate`: from our documents to clever-raw's modules.
//!
//! imported facts → overlay → normalise → progenitor → rewrite → prettyplease. The result is committed;
//! `--check` writes nothing and compares, so that documents and code can't part.
//!
//! Decision: words come after facts. A field that nobody has described stops `generate --check` and not `upgrade-api`: a new
//! version's client compiles first, and is described before it lands.

pub mod documents;
mod emit;
mod models;
mod normalise;
mod operations;
mod overlay;
#[cfg(test)]
mod places;
mod rewrite;
mod shared;

use std::collections::BTreeMap;
use std::fs;
use std::panic;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;

use crate::say::say;

/// The models of the roster's kinds, in any version.
const KINDS: &[(&str, &str)] = &[
    ("contacts", "Contact"),
    ("courses", "Course"),
    ("district_admins", "DistrictAdmin"),
    ("districts", "District"),
    ("events", "Event"),
    ("resources", "Resource"),
    ("school_admins", "SchoolAdmin"),
    ("schools", "School"),
    ("sections", "Section"),
    ("students", "Student"),
    ("teachers", "Teacher"),
    ("terms", "Term"),
    ("users", "User"),
];

/// Writes the modules of every version, or of `only` one, or compares them with what is there.
pub(crate) fn run(root: &Path, check: bool, only: Option<&str>) -> Result<()> {
    let documents = documents::read(root)?;
    if let Some(only) = only {
        let known: Vec<&str> = documents.keys().map(String::as_str).collect();
        ensure!(
            known.contains(&only),
            "{only} is not below openapi/; there are: {}",
            known.join(", ")
        );
    }
    let mut differing = Vec::new();
    let mut undocumented = Vec::new();
    for (version, document) in documents
        .iter()
        .filter(|(version, _)| only.is_none_or(|only| only == *version))
    {
        let module = documents::module_of(version);
        let generated = version_files(document.clone(), version, &module)
            .with_context(|| format!("version {version}"))?;
        undocumented.extend(
            generated
                .undocumented
                .iter()
                .map(|place| format!("{version}: {place}")),
        );
        let folder = root.join("crates/clever-raw/src").join(&module);
        if check {
            differing.extend(compare(&folder, &generated.files)?);
            continue;
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
        for (name, text) in &generated.files {
            let path = folder.join(name);
            fs::write(&path, text)
                .with_context(|| format!("could not write {}", path.display()))?;
        }
        say(&format!(
            "wrote {} files of {version}",
            generated.files.len()
        ));
    }
    differing.extend(shared::run(root, &documents, check)?);
    if !undocumented.is_empty() {
        let places = undocumented.join("\n  ");
        let hint = "say in openapi/common/overlay.yaml what these are";
        // An upgrade must not wait for words; a commit must.
        ensure!(!check, "{hint}:\n  {places}");
        say(&format!("{hint}:\n  {places}"));
    }
    ensure!(
        differing.is_empty(),
        "generated files are not what the documents give; run `cargo xtask generate`:\n  {}",
        differing.join("\n  ")
    );
    Ok(())
}

/// Names each file that is missing, superfluous or different, with its first differing line.
fn compare(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut differing = Vec::new();
    for (name, wanted) in files {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Err(_) => differing.push(format!("{}: missing", path.display())),
            Ok(found) if found != *wanted => {
                let line = found
                    .lines()
                    .zip(wanted.lines())
                    .take_while(|(a, b)| a == b)
                    .count()
                    + 1;
                differing.push(format!("{}:{line}: differs", path.display()));
            }
            Ok(_) => {}
        }
    }
    for entry in
        fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?
    {
        let entry = entry?;
        if !files.contains_key(&*entry.file_name().to_string_lossy()) {
            differing.push(format!("{}: not generated", entry.path().display()));
        }
    }
    Ok(differing)
}

/// What one version's document gives.
struct Generated {
    /// Files of the module, by name.
    files: BTreeMap<String, String>,
    /// Places that nobody has described.
    undocumented: Vec<String>,
}

/// Makes the files of one version from its document.
fn version_files(mut document: Value, version: &str, module: &str) -> Result<Generated> {
    normalise::exploded(&document)?;
    let elsewhere = normalise::servers(&mut document)?;
    let facts = operations::Facts {
        operations: normalise::errors(&mut document)?,
        elsewhere,
        parameters: normalise::parameters(&document),
        lists: normalise::lists(&document),
        foreign_ids: normalise::foreign_ids(&document),
    };
    let events = normalise::events(&mut document)?;
    ensure!(!events.types.is_empty(), "no event types were found");
    let meanings = emit::enum_meanings(&document);
    let envelopes = normalise::envelopes(&mut document)?;
    let enums = normalise::enums(&mut document)?;
    ensure!(
        normalise::scalars(&mut document)? > 0,
        "no dates were found"
    );
    let wrapped = envelopes.values().map(normalise::Envelope::model);
    let keep: Vec<&str> = KINDS
        .iter()
        .map(|(_, model)| *model)
        .chain(wrapped)
        .collect();
    normalise::prune(&mut document, &keep)?;
    // A role of v3 is no kind of record: its plural has no list of its own.
    let kinds: Vec<(&str, &str)> = KINDS
        .iter()
        .copied()
        .filter(|(kind, _)| document["paths"][format!("/{kind}")].is_object())
        .collect();
    ensure!(!kinds.is_empty(), "no lists of records were found");
    let mut undocumented = documents::undocumented(&document);
    // Their words stand with their types.
    undocumented.retain(|place| !place.starts_with("Event"));
    let shapes = emit::shapes(&document, &enums, &kinds)?;
    ensure!(
        normalise::nullable(&mut document)? > 0,
        "no optional fields were found"
    );

    let text = document.to_string();
    let used: normalise::Enums = enums
        .into_iter()
        .filter(|(name, _)| text.contains(&format!("#/components/schemas/{name}\"")))
        .collect();
    let mut settings = progenitor::GenerationSettings::default();
    settings.with_interface(progenitor::InterfaceStyle::Positional);
    let mut replace = |name: &str, with: String| {
        settings.with_replacement(name, &with, std::iter::empty());
    };
    for name in used.keys() {
        replace(name, format!("crate::{module}::enums::{name}"));
    }
    for name in ["Timestamp", "Date"] {
        replace(name, format!("crate::scalar::{name}"));
    }
    replace("Event", "crate::event::Event".to_owned());
    for (name, envelope) in &envelopes {
        let of = |model: &str| match model {
            "Event" => "crate::event::Event".to_owned(),
            model => format!("crate::{module}::types::{model}"),
        };
        replace(
            name,
            match envelope {
                normalise::Envelope::One(model) => {
                    format!("crate::envelope::Envelope<{}>", of(model))
                }
                normalise::Envelope::Page(model) => format!("crate::envelope::Page<{}>", of(model)),
                normalise::Envelope::BarePage(model) => {
                    format!("crate::envelope::BarePage<{}>", of(model))
                }
            },
        );
    }
    let file = progenitor_file(document, &settings)?;
    let models = finished(models::models(&file)?)?;
    let operations = finished(operations::operations(&file, version, &facts)?)?;
    let module_text = format!(
        "{}//! Version {} of the API.\n\npub mod enums;\nmod events;\npub mod operations;\npub mod shapes;\npub mod types;\n\npub use events::EventObject;\n",
        emit::HEADER,
        version.trim_start_matches('v'),
    );
    // Shapes and enums are written loosely; one printer gives all files one form.
    let pretty = |text: &str| -> Result<String> {
        let file = syn::parse_file(text).context("a generated file does not parse")?;
        Ok(emit::HEADER.to_owned() + &prettyplease::unparse(&file))
    };
    Ok(Generated {
        files: BTreeMap::from([
            ("enums.rs".to_owned(), emit::enums(&used, &meanings)),
            ("events.rs".to_owned(), pretty(&emit::events(&events))?),
            ("mod.rs".to_owned(), module_text),
            ("operations.rs".to_owned(), operations),
            ("shapes.rs".to_owned(), pretty(&shapes)?),
            ("types.rs".to_owned(), models),
        ]),
        undocumented,
    })
}

/// Writes a file of ours out, with the imports that it needs and no more.
fn finished(mut file: syn::File) -> Result<String> {
    rewrite::drop_unused_imports(&mut file);
    let text = emit::HEADER.to_owned() + &spaced(&prettyplease::unparse(&file));
    // An example that names no values can't be compiled.
    let text = text.replace("```ignore", "```text");
    for foreign in [
        "progenitor",
        "chrono",
        "api-version",
        "regress",
        "encode_path",
    ] {
        ensure!(
            !text.contains(foreign),
            "`{foreign}` of the generator stands in the generated code"
        );
    }
    Ok(text)
}

/// Puts an empty line between items, which the printer leaves out.
fn spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut before = "";
    for line in text.lines() {
        let between_imports = before.starts_with("use ") && line.starts_with("use ");
        let ends =
            matches!(before, "}" | "};") || before.ends_with(';') || before.starts_with("//!");
        let begins = !line.starts_with([' ', '}', ')']) && !line.starts_with("//!");
        if ends && begins && !between_imports && !before.starts_with(' ') {
            spaced.push('\n');
        }
        spaced.push_str(line);
        spaced.push('\n');
        before = line;
    }
    spaced
}

/// Runs progenitor, whose failures are panics.
fn progenitor_file(
    document: Value,
    settings: &progenitor::GenerationSettings,
) -> Result<syn::File> {
    let document: openapiv3::OpenAPI =
        serde_json::from_value(document).context("the normalised document is not OpenAPI 3.0")?;
    let settings = settings.clone();
    let generated = panic::catch_unwind(move || {
        progenitor::Generator::new(&settings).generate_tokens(&document)
    });
    match generated {
        Ok(Ok(tokens)) => syn::parse2(tokens).context("progenitor's code does not parse"),
        Ok(Err(error)) => Err(anyhow!(error).context("progenitor refused the document")),
        Err(_) => bail!("progenitor panicked; its message is above"),
    }
}
