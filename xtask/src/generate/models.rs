//! From progenitor's models to tolerant ones: optional fields read whatever comes, roles are boxed, and
//! `Debug` shows nothing. Each step asserts how often it found its place, so that a changed generator
//! can't make it match nothing, silently.

use anyhow::{Context, Result, bail, ensure};
use syn::visit_mut::{self, VisitMut};
use syn::{Fields, File, GenericArgument, Item, ItemStruct, PathArguments, Type, parse_quote};

use super::rewrite::{quote_text, short_path};

/// Takes the module `types` out of progenitor's `file` and makes a file of it.
pub(super) fn models(file: &File) -> Result<File> {
    let module = file
        .items
        .iter()
        .find_map(|item| match item {
            Item::Mod(module) if module.ident == "types" => Some(module.clone()),
            _ => None,
        })
        .context("there is no module `types`")?;
    let (_, mut items) = module.content.context("the module `types` is empty")?;
    // Error conversions of builders and the like are not ours.
    items.retain(|item| matches!(item, Item::Struct(_)));
    ensure!(!items.is_empty(), "no models were found");
    let mut names = Vec::new();
    let mut count = 0;
    for item in &mut items {
        let Item::Struct(model) = item else { continue };
        count += tolerant(model)?;
        names.push(model.ident.clone());
    }
    ensure!(count > 0, "no field was made tolerant");
    items.push(parse_quote!(crate::models!(#(#names),*);));
    let mut file: File = parse_quote! {
        //! The models of this version.

        use serde::{Deserialize, Serialize};

        use super::enums;
        use crate::de::tolerant;
        use crate::envelope::{BarePage, Envelope, Page};
        use crate::event::Event;
        use crate::scalar::{Date, Timestamp};

        #(#items)*
    };
    Plain.visit_file_mut(&mut file);
    Ok(file)
}

/// Makes each optional field read whatever comes.
fn tolerant(model: &mut ItemStruct) -> Result<usize> {
    for attribute in &mut model.attrs {
        // `Debug` is written by the macro at the end.
        if attribute.path().is_ident("derive") {
            *attribute = parse_quote!(#[derive(Clone, PartialEq, Default, Deserialize, Serialize)]);
        }
    }
    model.attrs.push(parse_quote!(#[non_exhaustive]));
    let roles = model.ident == "Roles";
    let Fields::Named(fields) = &mut model.fields else {
        return Ok(0);
    };
    let mut count = 0;
    for field in &mut fields.named {
        let ty = quote_text(&field.ty).replace(' ', "");
        if !ty.starts_with("::std::option::Option<") {
            continue;
        }
        if roles {
            box_inside(&mut field.ty)?;
        }
        field
            .attrs
            .push(parse_quote!(#[serde(default, deserialize_with = "tolerant")]));
        count += 1;
    }
    Ok(count)
}

/// `Option<T>` as `Option<Box<T>>`: a user has one role of five.
fn box_inside(ty: &mut Type) -> Result<()> {
    let Type::Path(path) = ty else {
        bail!("a role is no path")
    };
    let last = path
        .path
        .segments
        .last_mut()
        .context("a role has no type")?;
    let PathArguments::AngleBracketed(arguments) = &mut last.arguments else {
        bail!("a role is not optional")
    };
    for argument in &mut arguments.args {
        if let GenericArgument::Type(inner) = argument {
            let plain = inner.clone();
            *inner = parse_quote!(Box<#plain>);
        }
    }
    Ok(())
}

/// Writes names as briefly as the file's imports allow.
struct Plain;

impl VisitMut for Plain {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        short_path(path, None);
    }
}
