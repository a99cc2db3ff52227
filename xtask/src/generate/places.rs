//! Holds the committed operations against the documents, without the pass that wrote them: each stands
//! at the method, path and host of its document, and sends the query parameters that it names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use syn::{Expr, ImplItem, Item, Lit};

use super::normalise::pascal;
use super::{documents, rewrite::quote_text};

/// Method, host, path, query parameters.
type Facts = (String, String, String, BTreeSet<String>);

/// What a document says of its operations, by the name of their struct.
fn said(document: &Value) -> BTreeMap<String, Facts> {
    let mut said = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let host = match item["servers"][0]["url"].as_str() {
            None => "Version",
            Some("https://clever.com") => "Site",
            Some("https://api.clever.com") => "Origin",
            Some(other) => panic!("{path} is at {other}"),
        };
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else {
                continue;
            };
            let parameters = operation["parameters"].as_array();
            let query = parameters
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            let facts = (method.to_uppercase(), host.to_owned(), path.clone(), query);
            said.insert(pascal(id), facts);
        }
    }
    said
}

fn texts(tokens: &impl quote::ToTokens) -> Vec<String> {
    tokens
        .to_token_stream()
        .into_iter()
        .flat_map(|token| match token {
            proc_macro2::TokenTree::Group(group) => texts(&group.stream()),
            proc_macro2::TokenTree::Literal(literal) => {
                match syn::parse_str(&literal.to_string()) {
                    Ok(Lit::Str(text)) => vec![text.value()],
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        })
        .collect()
}

/// What the committed file sends, by the name of the struct.
fn sent(file: &syn::File) -> BTreeMap<String, Facts> {
    let mut sent = BTreeMap::new();
    for item in &file.items {
        let Item::Impl(block) = item else { continue };
        let is_operation = block
            .trait_
            .as_ref()
            .is_some_and(|(path, ..)| path.is_ident("Operation"));
        if !is_operation {
            continue;
        }
        let name = quote_text(&block.self_ty);
        let name = name.split([' ', '<']).next().unwrap().to_owned();
        let (mut place, mut query) = (None, BTreeSet::new());
        for item in &block.items {
            match item {
                ImplItem::Const(constant) => {
                    let Expr::Call(call) = &constant.expr else {
                        panic!("{name} has no place")
                    };
                    let words: Vec<String> = call.args.iter().map(quote_text).collect();
                    let last = |text: &str| text.rsplit(' ').next().unwrap().to_owned();
                    let path = texts(&call.args[2]).remove(0);
                    place = Some((last(&words[0]), last(&words[1]), path));
                }
                ImplItem::Fn(function) => query = texts(&function.block).into_iter().collect(),
                _ => {}
            }
        }
        let (method, host, path) = place.unwrap();
        sent.insert(name, (method, host, path, query));
    }
    sent
}

#[test]
fn each_operation_stands_where_its_document_has_it() {
    let root = crate::root().unwrap();
    let documents = documents::read(&root).unwrap();
    assert_eq!(documents.len(), 5);
    for (version, document) in documents {
        let module = documents::module_of(&version);
        let path = root.join(format!("crates/clever-raw/src/{module}/operations.rs"));
        let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (said, sent) = (said(&document), sent(&file));
        assert!(said.len() > 40, "{version} has {} operations", said.len());
        assert_eq!(said, sent, "{version}");
    }
}

/// The names that all lists share stand in clever-raw by hand.
#[test]
fn the_names_of_paging_are_those_of_the_documents() {
    let root = crate::root().unwrap();
    let path = root.join("crates/clever-raw/src/operation.rs");
    let file = syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
    let module = file.items.iter().find_map(|item| match item {
        Item::Mod(module) if module.ident == "parameter" => Some(module),
        _ => None,
    });
    let names = module.unwrap().content.as_ref().unwrap().1.iter();
    let names: BTreeSet<String> = names
        .map(|item| match item {
            Item::Const(constant) => texts(&constant.expr).remove(0),
            _ => panic!("the module has more than names"),
        })
        .collect();
    let documents = documents::read(&root).unwrap();
    let lists = &said(&documents["v3.1"])["GetUsers"].3;
    assert!(names.len() == 4 && names.is_subset(lists), "{names:?}");
}
