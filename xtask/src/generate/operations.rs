//! From progenitor's methods to operations as values: each `async fn` that builds and sends a request
//! becomes a struct of its parameters with the method, the path, the query and the type of the answer.
//! What is found must account for every argument, so that a changed generator stops the run.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use proc_macro2::Literal;
use quote::format_ident;
use syn::parse::{Parse, ParseStream};
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Expr, File, FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, Item, Lit, Pat, PathArguments,
    ReturnType, Token, Type, parse_quote,
};

use super::normalise::pascal;
use super::rewrite::{quote_text, short_path};

/// What the pass must know of a document.
pub(super) struct Facts {
    /// How many operations there are.
    pub(super) operations: usize,
    /// The hosts of operations that live elsewhere, by operation id.
    pub(super) elsewhere: BTreeMap<String, String>,
    /// What parameters mean, by operation id and name.
    pub(super) parameters: BTreeMap<(String, String), String>,
    /// The largest page of each list, by operation id.
    pub(super) lists: BTreeMap<String, u32>,
    /// The names of path parameters that are ids of another system.
    pub(super) foreign_ids: Vec<String>,
}

/// Reduces the client of one version to its operations.
pub(super) fn operations(file: &File, version: &str, facts: &Facts) -> Result<File> {
    let mut items: Vec<Item> = Vec::new();
    let mut found = 0;
    let mut lists = 0;
    let mut moved = 0;
    for function in methods(file) {
        let operation = Operation::read(function, facts)
            .with_context(|| format!("the operation `{}`", function.sig.ident))?;
        lists += usize::from(operation.max_limit.is_some());
        moved += usize::from(operation.host != "Version");
        items.extend(operation.items()?);
        found += 1;
    }
    for (what, found, there) in [
        ("operations", found, facts.operations),
        ("operations of other hosts", moved, facts.elsewhere.len()),
        ("lists", lists, facts.lists.len()),
    ] {
        ensure!(found == there, "{found} of {there} {what} were found");
    }
    let mut file: File = parse_quote! {
        //! The operations of this version, each as a value.

        use http::Method;

        use super::types;
        use crate::envelope::{BarePage, Envelope, Page};
        use crate::event::Event;
        use crate::operation::{
            Call, DataOperation, Host, InvalidRequest, List, Operation, Place,
        };
        use crate::scalar::Date;

        const fn place(method: Method, host: Host, path: &'static str) -> Place {
            Place { method, host, version: #version, path }
        }

        #(#items)*
    };
    Plain.visit_file_mut(&mut file);
    Ok(file)
}

/// The methods that send something.
fn methods(file: &File) -> impl Iterator<Item = &ImplItemFn> {
    file.items
        .iter()
        .filter_map(|item| match item {
            Item::Impl(block) if block.trait_.is_none() => Some(block),
            _ => None,
        })
        .flat_map(|block| &block.items)
        .filter_map(|item| match item {
            ImplItem::Fn(function) if function.sig.asyncness.is_some() => Some(function),
            _ => None,
        })
}

/// One operation, as progenitor's method has it.
struct Operation {
    name: Ident,
    doc: Vec<String>,
    method: Ident,
    host: &'static str,
    path: String,
    fields: Vec<Field>,
    answer: Type,
    max_limit: Option<u32>,
}

struct Field {
    name: Ident,
    ty: Type,
    doc: String,
    sent: Sent,
}

/// How a parameter is sent.
enum Sent {
    /// In the path, as a Clever id.
    Id,
    /// In the path, as an id of another system.
    ForeignId,
    /// In the query, under this name.
    Query(String),
    /// As the body.
    Body,
}

impl Field {
    /// Says whether a call can't be made without it.
    fn is_required(&self) -> bool {
        !quote_text(&self.ty).replace(' ', "").starts_with("Option<")
    }
}

impl Sent {
    /// Says whether a value of the wrong form can stop the call.
    fn may_fail(&self) -> bool {
        !matches!(self, Self::Query(_))
    }
}

impl Operation {
    fn read(function: &ImplItemFn, facts: &Facts) -> Result<Self> {
        let name = pascal(&function.sig.ident.to_string());
        let is_own = |operation: &String| pascal(operation) == name;
        let mut request = Built::default();
        request.visit_block(&function.block);
        let Built {
            method: Some(method),
            path: Some((template, segments)),
            ..
        } = &request
        else {
            bail!("a method or a path is missing");
        };
        let host = match facts
            .elsewhere
            .iter()
            .find(|(operation, _)| is_own(operation))
        {
            None => "Version",
            Some((_, url)) => match url.as_str() {
                "https://clever.com" => "Site",
                "https://api.clever.com" => "Origin",
                url => bail!("it lives at {url}, which no client knows"),
            },
        };
        let doc = documentation(function);
        let mut fields = Vec::new();
        for argument in &function.sig.inputs {
            let FnArg::Typed(argument) = argument else {
                continue;
            };
            let Pat::Ident(pat) = &*argument.pat else {
                bail!("an argument has no name");
            };
            let name = pat.ident.clone();
            let text = name.to_string();
            let query = request.query.iter().find(|(_, field)| *field == text);
            let sent = match query {
                _ if segments.contains(&text) && facts.foreign_ids.contains(&text) => {
                    Sent::ForeignId
                }
                _ if segments.contains(&text) => Sent::Id,
                Some((wire, _)) => Sent::Query(wire.clone()),
                None if request.body && text == "body" => Sent::Body,
                None => bail!("the argument `{text}` is sent nowhere"),
            };
            let meaning = facts
                .parameters
                .iter()
                .find(|((operation, parameter), _)| is_own(operation) && *parameter == text)
                .map_or("What to send.", |(_, meaning)| meaning);
            fields.push(Field {
                name,
                ty: (*argument.ty).clone(),
                doc: format!(" {meaning}"),
                sent,
            });
        }
        let sent = segments.len() + request.query.len() + usize::from(request.body);
        ensure!(
            sent == fields.len(),
            "{sent} values are sent and {} are taken",
            fields.len()
        );
        // In the order of the path, as the call is filled.
        fields.sort_by_key(|field| {
            segments
                .iter()
                .position(|segment| field.name == segment)
                .unwrap_or(usize::MAX)
        });
        let mut parts = template.split("{}");
        let mut path = parts.next().unwrap_or_default().to_owned();
        for (part, segment) in parts.zip(segments) {
            path.push_str(&format!("{{{segment}}}{part}"));
        }
        let max_limit = facts.lists.iter().find(|(operation, _)| is_own(operation));
        Ok(Self {
            name: format_ident!("{name}"),
            doc,
            method: format_ident!("{}", method.to_uppercase()),
            host,
            path,
            fields,
            answer: answer(&function.sig.output)?,
            max_limit: max_limit.map(|(_, limit)| *limit),
        })
    }

    /// The struct, what it sends, and how it begins.
    fn items(&self) -> Result<Vec<Item>> {
        let Self {
            name,
            method,
            path,
            answer,
            ..
        } = self;
        let host = format_ident!("{}", self.host);
        let docs = self
            .doc
            .iter()
            .cloned()
            .chain([String::new(), format!(" `{method} {path}`")]);
        let borrows = self
            .fields
            .iter()
            .any(|field| quote_text(&field.ty).contains('\''));
        let (generics, elided) = if borrows {
            (quote::quote!(<'a>), quote::quote!(<'_>))
        } else {
            Default::default()
        };
        let fields = self.fields.iter().map(|field| {
            let Field { name, ty, doc, .. } = field;
            quote::quote!(#[doc = #doc] pub #name: #ty)
        });
        let required: Vec<&Field> = self
            .fields
            .iter()
            .filter(|field| field.is_required())
            .collect();
        let derives = if required.is_empty() {
            quote::quote!(Debug, Clone, Copy, Default)
        } else {
            quote::quote!(Debug, Clone, Copy)
        };
        let mut call = quote::quote!(Call::new(Self::PLACE));
        let mut may_fail = false;
        for Field { name, sent, .. } in &self.fields {
            if may_fail {
                call = quote::quote!(#call?);
            }
            may_fail = sent.may_fail();
            call = match sent {
                Sent::Id => quote::quote!(#call.id(self.#name)),
                Sent::ForeignId => quote::quote!(#call.foreign_id(self.#name)),
                Sent::Query(wire) => quote::quote!(#call.query(#wire, self.#name)),
                Sent::Body => quote::quote!(#call.json(self.#name)),
            };
        }
        if !may_fail {
            call = quote::quote!(Ok(#call));
        }
        let structure = if self.fields.is_empty() {
            quote::quote!(;)
        } else {
            quote::quote!({ #(#fields),* })
        };
        let mut items: Vec<Item> = vec![
            parse_quote! {
                #(#[doc = #docs])*
                #[derive(#derives)]
                pub struct #name #generics #structure
            },
            parse_quote! {
                impl Operation for #name #elided {
                    type Answer = #answer;
                    const PLACE: Place = place(Method::#method, Host::#host, #path);

                    fn call(&self) -> Result<Call, InvalidRequest> {
                        #call
                    }
                }
            },
        ];
        if self.host == "Version" {
            items.push(parse_quote!(impl DataOperation for #name #elided {}));
        }
        if let Some(limit) = self.max_limit.map(Literal::u32_unsuffixed) {
            items.push(parse_quote! {
                impl List for #name #elided {
                    const MAX_LIMIT: u32 = #limit;
                }
            });
        }
        if !required.is_empty() && required.len() < self.fields.len() {
            let (names, types): (Vec<_>, Vec<_>) = required
                .iter()
                .map(|field| (&field.name, &field.ty))
                .unzip();
            let others = self
                .fields
                .iter()
                .filter(|field| !field.is_required())
                .map(|field| {
                    let name = &field.name;
                    if quote_text(&field.ty).starts_with("Option") {
                        quote::quote!(#name: None)
                    } else {
                        quote::quote!(#name: &[])
                    }
                });
            items.push(parse_quote! {
                impl #generics #name #generics {
                    /// Starts with what must be given.
                    #[must_use]
                    pub const fn new(#(#names: #types),*) -> Self {
                        Self { #(#names,)* #(#others),* }
                    }
                }
            });
        }
        Ok(items)
    }
}

/// The lines of the summary, without what progenitor adds on request and arguments.
fn documentation(function: &ImplItemFn) -> Vec<String> {
    let text: Vec<String> = function
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
        .collect();
    let text = text.join("\n");
    let summary = text.split("\nSends a `").next().unwrap_or_default().trim();
    let summary = if summary.starts_with("Sends a `") {
        ""
    } else {
        summary
    };
    summary
        .lines()
        .map(|line| {
            let end = if line.ends_with(['.', ':', ',']) || line.is_empty() {
                ""
            } else {
                "."
            };
            format!(" {}{end}", line.trim())
        })
        .collect()
}

/// `T` of `Result<ResponseValue<T>, …>`.
fn answer(output: &ReturnType) -> Result<Type> {
    fn inner(ty: &Type) -> Option<&Type> {
        let Type::Path(path) = ty else { return None };
        let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
            return None;
        };
        match arguments.args.first()? {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }
    }
    let ReturnType::Type(_, ty) = output else {
        bail!("it answers nothing");
    };
    let answer = inner(ty).and_then(inner);
    answer.cloned().context("its answer has another form")
}

/// What a method builds its request of.
#[derive(Default)]
struct Built {
    method: Option<String>,
    /// The template with `{}`, and the arguments that fill it.
    path: Option<(String, Vec<String>)>,
    /// Names on the wire and of arguments.
    query: Vec<(String, String)>,
    body: bool,
}

impl<'ast> Visit<'ast> for Built {
    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if !call.path.is_ident("format") {
            return;
        }
        let Ok(Format(arguments)) = syn::parse2(call.tokens.clone()) else {
            return;
        };
        let mut arguments = arguments.iter();
        let Some(Expr::Lit(literal)) = arguments.next() else {
            return;
        };
        let (Lit::Str(template), Some(base)) = (&literal.lit, arguments.next()) else {
            return;
        };
        let template = template.value();
        if let Some(path) = template.strip_prefix("{}")
            && quote_text(base) == "self . baseurl"
        {
            // `encode_path(&name.to_string())`.
            let names = arguments.map(|argument| {
                let text = quote_text(argument).replace(' ', "");
                let name = text.trim_start_matches("encode_path(&");
                name.split('.').next().unwrap_or_default().to_owned()
            });
            self.path = Some((path.to_owned(), names.collect()));
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, call);
        let receiver = quote_text(&call.receiver);
        match call.method.to_string().as_str() {
            method @ ("get" | "post" | "put" | "patch" | "delete")
                if receiver == "self . client" =>
            {
                self.method = Some(method.to_owned());
            }
            "query" => {
                // `&progenitor_client::QueryParam::new("name", &argument)`.
                let text = call.args.first().map(quote_text).unwrap_or_default();
                let name = text.split('"').nth(1).map(ToOwned::to_owned);
                let argument = text
                    .rsplit_once("& ")
                    .map(|(_, argument)| argument.trim_end_matches([')', ' ', ',']).to_owned());
                self.query.extend(name.zip(argument));
            }
            "json" => self.body = true,
            _ => {}
        }
    }
}

/// The arguments of a `format!`.
struct Format(Vec<Expr>);

impl Parse for Format {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let arguments = syn::punctuated::Punctuated::<Expr, Token![,]>::parse_terminated(input)?;
        Ok(Self(arguments.into_iter().collect()))
    }
}

/// Writes names as briefly as the file's imports allow, and lists as slices.
struct Plain;

impl VisitMut for Plain {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        short_path(path, Some(&format_ident!("types")));
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        if quote_text(ty).replace(' ', "") == "Option<&'aVec<String>>" {
            *ty = parse_quote!(&'a [&'a str]);
        }
    }
}
