//! From what progenitor writes to what users get. Each step asserts how often it found its place, so
//! that a changed generator can't make it match nothing, silently.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Block, Expr, Fields, File, ImplItem, Item, ItemImpl, ItemMod, ItemStruct, Stmt, Type,
    parse_quote,
};

use super::normalise::pascal;

/// What the rewriting must know of a document.
pub(super) struct Facts {
    /// How many operations there are.
    pub(super) operations: usize,
    /// The hosts of operations that live elsewhere, by operation id.
    pub(super) elsewhere: BTreeMap<String, String>,
    /// What parameters mean, by operation id and name.
    pub(super) parameters: BTreeMap<(String, String), String>,
}

/// A host that operations are sent to, beside the version's address.
#[derive(Clone, Copy)]
enum Host {
    /// Where tokens are given.
    Site,
    /// The API without a version.
    Origin,
}

impl Facts {
    /// The host of a builder's operation, if it is not the version's address.
    fn host(&self, builder: &str) -> Result<Option<Host>> {
        let found = self
            .elsewhere
            .iter()
            .find(|(operation, _)| is_builder_of(builder, operation));
        Ok(match found.map(|(_, url)| url.as_str()) {
            None => None,
            Some("https://clever.com") => Some(Host::Site),
            Some("https://api.clever.com") => Some(Host::Origin),
            Some(url) => bail!("{builder} lives at {url}, which no client knows"),
        })
    }
}

/// Says whether a type, as it is written (`GetUsers < 'a >`), is the builder of `operation`.
fn is_builder_of(builder: &str, operation: &str) -> bool {
    builder.split([' ', '<']).next() == Some(&*pascal(operation))
}

/// Rewrites the file of one version.
pub(super) fn client(mut file: File, facts: &Facts) -> Result<File> {
    let operations = facts.operations;
    let mut builders = 0;
    let mut items = Vec::new();
    for item in file.items {
        match item {
            Item::Mod(mut module) if module.ident == "types" => {
                types(&mut module)?;
                items.push(Item::Mod(module));
            }
            Item::Mod(mut module) if module.ident == "builder" => {
                builders += self::builders(&mut module, facts)?;
                items.push(Item::Mod(module));
            }
            // Ours stand in their place.
            Item::Use(_) | Item::Struct(_) => {}
            Item::Mod(module) if module.ident == "prelude" => {}
            Item::Impl(block) if block.trait_.is_some() => {}
            Item::Impl(block)
                if block
                    .items
                    .iter()
                    .any(|item| matches!(item, ImplItem::Fn(f) if f.sig.ident == "new")) => {}
            item => items.push(item),
        }
    }
    ensure!(
        builders == operations,
        "{builders} builders were rewritten, {operations} operations exist"
    );
    items.extend(client_type());
    file.items = items;
    Rename::default().visit_file_mut(&mut file);
    Ok(file)
}

/// The client of a version: a base address and a `reqwest::Client`.
fn client_type() -> [Item; 2] {
    [
        parse_quote! {
            /// Calls this version of the API. Authorization is a default header of the HTTP client.
            #[derive(Clone, Debug)]
            pub struct Client {
                baseurl: String,
                origin: String,
                site: String,
                client: reqwest::Client,
            }
        },
        parse_quote! {
            impl Client {
                /// Takes the API's address with its version, and a prepared HTTP client.
                ///
                /// Tokens are given at `https://clever.com` when the API is Clever's own, at the same host
                /// when it is another; [`with_site`](Self::with_site) changes that.
                #[must_use]
                pub fn new_with_client(baseurl: &str, client: reqwest::Client) -> Self {
                    let origin = crate::support::origin(baseurl);
                    Self {
                        baseurl: baseurl.trim_end_matches('/').to_owned(),
                        site: crate::support::site(&origin),
                        origin,
                        client,
                    }
                }

                /// Sets the address at which tokens are given.
                #[must_use]
                pub fn with_site(mut self, site: &str) -> Self {
                    self.site = site.trim_end_matches('/').to_owned();
                    self
                }
            }
        },
    ]
}

fn content(module: &mut ItemMod) -> Result<&mut Vec<Item>> {
    let name = module.ident.to_string();
    module
        .content
        .as_mut()
        .map(|(_, items)| items)
        .with_context(|| format!("module {name} is empty"))
}

/// Models: no builders, tolerant fields, boxed roles, a `Debug` that shows nothing.
fn types(module: &mut ItemMod) -> Result<()> {
    module
        .attrs
        .retain(|attribute| !attribute.path().is_ident("allow"));
    let items = content(module)?;
    items.retain(|item| match item {
        Item::Mod(_) => false,
        Item::Impl(block) => !block
            .items
            .iter()
            .any(|item| matches!(item, ImplItem::Fn(f) if f.sig.ident == "builder")),
        _ => true,
    });
    // What stood for the builders goes with them.
    items.retain(|item| {
        !matches!(item, Item::Impl(block) if quote_text(&block.self_ty).contains("builder")
            || block.trait_.as_ref().is_some_and(|(path, _)| quote_text(path).contains("builder")))
    });
    let mut debugs = Vec::new();
    let mut tolerant = 0;
    for item in items.iter_mut() {
        let Item::Struct(model) = item else { continue };
        tolerant += self::tolerant(model)?;
        debugs.push(redacted_debug(model));
        let name = &model.ident;
        debugs.push(parse_quote! {
            impl crate::de::Tolerant for #name {
                fn read(json: &str) -> Option<Self> {
                    crate::de::object(json)
                }
            }
        });
    }
    ensure!(tolerant > 0, "no field was made tolerant");
    items.extend(debugs);
    Ok(())
}

fn quote_text(tokens: &impl quote::ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

/// Makes each optional field read whatever comes.
fn tolerant(model: &mut ItemStruct) -> Result<usize> {
    // Derives that survive; `Debug` is written by hand.
    for attribute in &mut model.attrs {
        if attribute.path().is_ident("derive") {
            *attribute = parse_quote!(#[derive(serde::Deserialize, serde::Serialize, Clone, PartialEq, Default)]);
        }
    }
    model.attrs.push(parse_quote!(#[non_exhaustive]));
    let roles = model.ident == "Roles";
    let Fields::Named(fields) = &mut model.fields else {
        return Ok(0);
    };
    let mut count = 0;
    for field in &mut fields.named {
        if !quote_text(&field.ty)
            .replace(' ', "")
            .starts_with("::std::option::Option<")
        {
            continue;
        }
        if roles {
            box_inside(&mut field.ty)?;
        }
        field
            .attrs
            .push(parse_quote!(#[serde(default, deserialize_with = "crate::de::tolerant")]));
        count += 1;
    }
    Ok(count)
}

/// `Option<T>` as `Option<Box<T>>`: a user has one role of five.
fn box_inside(ty: &mut Type) -> Result<()> {
    let Type::Path(path) = ty else {
        anyhow::bail!("a role is no path")
    };
    let last = path
        .path
        .segments
        .last_mut()
        .context("a role has no type")?;
    let syn::PathArguments::AngleBracketed(arguments) = &mut last.arguments else {
        anyhow::bail!("a role is not optional")
    };
    for argument in &mut arguments.args {
        if let syn::GenericArgument::Type(inner) = argument {
            let plain = inner.clone();
            *inner = parse_quote!(Box<#plain>);
        }
    }
    Ok(())
}

fn redacted_debug(model: &ItemStruct) -> Item {
    let (name, text) = (&model.ident, model.ident.to_string());
    parse_quote! {
        impl std::fmt::Debug for #name {
            /// Shows the type alone: what is in it may be personal.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(#text).finish_non_exhaustive()
            }
        }
    }
}

/// Operations: `request()` builds, `send()` sends what it built.
fn builders(module: &mut ItemMod, facts: &Facts) -> Result<usize> {
    let mut elsewhere = 0;
    let items = content(module)?;
    items.retain(
        |item| !matches!(item, Item::Use(names) if quote_text(names).contains("encode_path")),
    );
    let mut count = 0;
    for item in items.iter_mut() {
        match item {
            Item::Impl(block) => {
                let at = block
                    .items
                    .iter()
                    .position(|item| matches!(item, ImplItem::Fn(f) if f.sig.ident == "send"));
                block
                    .items
                    .retain(|item| !matches!(item, ImplItem::Fn(f) if f.sig.ident == "body_map"));
                plain_body(block)?;
                let Some(at) = at else { continue };
                let at = at.min(block.items.len() - 1);
                let ImplItem::Fn(send) = &mut block.items[at] else {
                    continue;
                };
                let mut request = send.clone();
                request.sig.ident = parse_quote!(request);
                request.sig.asyncness = None;
                request.sig.output =
                    parse_quote!(-> Result<reqwest::Request, crate::support::Error>);
                request.attrs = vec![
                    parse_quote!(#[doc = " Builds the request without sending it."]),
                    parse_quote!(#[doc = ""]),
                    parse_quote!(#[doc = " # Errors"]),
                    parse_quote!(#[doc = ""]),
                    parse_quote!(#[doc = " [`crate::support::Error::InvalidRequest`] when a parameter is missing or no id."]),
                ];
                request.block =
                    request_block(&request.block).context("a request has another form")?;
                if let Some(host) = facts.host(&quote_text(&block.self_ty))? {
                    elsewhere += 1;
                    move_to(&mut request.block, host)?;
                }
                send.block = parse_quote!({
                    let client = self.client;
                    let request = self.request()?;
                    crate::support::send(&client.client, request).await
                });
                block.items.insert(at, ImplItem::Fn(request));
                document_setters(block, facts);
                count += 1;
            }
            Item::Struct(builder) => {
                // A builder may hold what a user typed.
                for attribute in &mut builder.attrs {
                    if attribute.path().is_ident("derive") {
                        *attribute = parse_quote!(#[derive(Clone)]);
                    }
                }
            }
            _ => {}
        }
    }
    ensure!(
        elsewhere == facts.elsewhere.len(),
        "{elsewhere} of {} operations were moved to their hosts",
        facts.elsewhere.len()
    );
    Ok(count)
}

/// A body is taken as its model, and must be given.
fn plain_body(block: &mut ItemImpl) -> Result<()> {
    let mut model = None;
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        if function.sig.ident != "body" {
            continue;
        }
        // `where V: TryInto<types::Model>`.
        let text = quote_text(&function.sig.generics.where_clause);
        let name = text
            .split_once("TryInto < types :: ")
            .and_then(|(_, rest)| rest.split([' ', '>']).next())
            .context("a body has no model")?;
        let ty: Type = syn::parse_str(&format!("types::{name}"))?;
        *function = parse_quote! {
            pub fn body(mut self, body: #ty) -> Self {
                self.body = Ok(body);
                self
            }
        };
        model = Some(name.to_owned());
    }
    let Some(model) = model else { return Ok(()) };
    struct Unset(usize);
    impl VisitMut for Unset {
        fn visit_field_value_mut(&mut self, field: &mut syn::FieldValue) {
            if quote_text(&field.member) == "body" && field.colon_token.is_some() {
                field.expr = parse_quote!(Err("body was not initialized".to_string()));
                self.0 += 1;
            }
        }

        fn visit_local_mut(&mut self, local: &mut syn::Local) {
            if quote_text(&local.pat) == "body"
                && let Some(init) = &mut local.init
            {
                init.expr = parse_quote!(body.map_err(Error::InvalidRequest)?);
                self.0 += 1;
            }
        }
    }
    let mut unset = Unset(0);
    unset.visit_item_impl_mut(block);
    ensure!(
        unset.0 == 2,
        "the body {model} was found in {} places",
        unset.0
    );
    Ok(())
}

/// Sends a request to another host than the version's address.
fn move_to(block: &mut Block, host: Host) -> Result<()> {
    struct Move(Host, usize);
    impl VisitMut for Move {
        fn visit_macro_mut(&mut self, call: &mut syn::Macro) {
            let Ok(Format(mut arguments)) = syn::parse2(call.tokens.clone()) else {
                return;
            };
            for argument in &mut arguments {
                if quote_text(argument) == "client . baseurl" {
                    *argument = match self.0 {
                        Host::Site => parse_quote!(client.site),
                        Host::Origin => parse_quote!(client.origin),
                    };
                    self.1 += 1;
                }
            }
            call.tokens = quote::quote!(#(#arguments),*);
        }
    }
    let mut moving = Move(host, 0);
    moving.visit_block_mut(block);
    ensure!(
        moving.1 == 1,
        "the version's address was found {} times",
        moving.1
    );
    Ok(())
}

/// Says what each parameter means; `new` is for the client alone.
fn document_setters(block: &mut ItemImpl, facts: &Facts) {
    let builder = quote_text(&block.self_ty);
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let name = function.sig.ident.to_string();
        match name.as_str() {
            "new" => function.vis = parse_quote!(pub(super)),
            "request" | "send" => {}
            name => {
                let meaning = facts
                    .parameters
                    .iter()
                    .find(|((operation, parameter), _)| {
                        is_builder_of(&builder, operation) && parameter == name
                    })
                    .map_or("What to send.", |(_, meaning)| meaning);
                let meaning = format!(" {meaning}");
                function.attrs.push(parse_quote!(#[doc = #meaning]));
            }
        }
    }
}

/// The statements up to the built request, without the version header that progenitor adds.
fn request_block(send: &Block) -> Result<Block> {
    struct DropHeaders(usize);
    impl VisitMut for DropHeaders {
        fn visit_expr_mut(&mut self, expression: &mut Expr) {
            visit_mut::visit_expr_mut(self, expression);
            if let Expr::MethodCall(call) = expression
                && call.method == "headers"
            {
                *expression = (*call.receiver).clone();
                self.0 += 1;
            }
        }
    }
    let mut kept = Vec::new();
    for statement in &send.stmts {
        let text = quote_text(statement);
        if text.contains("header_map") && !text.contains("request") {
            continue;
        }
        let mut statement = statement.clone();
        if let Stmt::Local(local) = &mut statement
            && quote_text(&local.pat).contains("request")
        {
            let mut drop_headers = DropHeaders(0);
            drop_headers.visit_local_mut(local);
            ensure!(
                drop_headers.0 == 1,
                "the version header was found {} times",
                drop_headers.0
            );
            let init = local.init.as_ref().context("the request has no value")?;
            let value = &init.expr;
            kept.push(parse_quote!(let request = #value;));
            kept.push(Stmt::Expr(parse_quote!(Ok(request)), None));
            return Ok(Block {
                stmts: kept,
                ..send.clone()
            });
        }
        kept.push(statement);
    }
    anyhow::bail!("no request is built")
}

/// Points the names of progenitor's run-time crate to ours.
#[derive(Default)]
struct Rename {
    /// Whether the models' own module is being visited.
    in_types: bool,
}

impl VisitMut for Rename {
    /// The lints are ours to hold.
    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        self.in_types = module.ident == "types";
        visit_mut::visit_item_mod_mut(self, module);
        self.in_types = false;
        module
            .attrs
            .retain(|attribute| !attribute.path().is_ident("allow"));
    }

    fn visit_field_value_mut(&mut self, field: &mut syn::FieldValue) {
        visit_mut::visit_field_value_mut(self, field);
        if quote_text(&field.member) == quote_text(&field.expr) {
            field.colon_token = None;
        }
    }

    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        let text = quote_text(path).replace(' ', "");
        // What every module has in scope anyway.
        let prelude = [
            "option::Option",
            "string::String",
            "vec::Vec",
            "convert::TryInto",
        ];
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if names
            .join("::")
            .strip_prefix("std::")
            .is_some_and(|name| prelude.contains(&name))
        {
            if let Some(last) = path.segments.last().cloned() {
                *path = last.into();
            }
        } else if text.starts_with("progenitor_client::") {
            let rest: Vec<_> = path.segments.iter().skip(1).cloned().collect();
            *path = parse_quote!(crate::support::#(#rest)::*);
        } else if text.starts_with("Error::") {
            if let Some(last) = path.segments.last().cloned() {
                *path = parse_quote!(crate::support::Error::#last);
            }
        } else if text.starts_with("ResponseValue<") {
            if let Some(segment) = path.segments.last() {
                let arguments = segment.arguments.clone();
                *path = parse_quote!(crate::support::Answer #arguments);
            }
        } else if text == "Error<ByteStream>" {
            *path = parse_quote!(crate::support::Error);
        } else if text.starts_with("types::builder::")
            || (text.starts_with("crate::v") && text.contains("::types::"))
        {
            let last = path.segments.last();
            *path = if self.in_types {
                parse_quote!(#last)
            } else {
                parse_quote!(types::#last)
            };
        }
    }

    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
        // An id is checked before it may stand in a path.
        if let Expr::Macro(call) = expression
            && quote_text(&call.mac.path) == "format"
        {
            let tokens = call.mac.tokens.to_string();
            if tokens.contains("encode_path") {
                let parsed: Result<Format, _> = syn::parse2(call.mac.tokens.clone());
                if let Ok(Format(mut arguments)) = parsed {
                    for argument in &mut arguments {
                        if let Expr::Call(segment) = argument {
                            let inner = &segment.args;
                            *argument = parse_quote!(crate::support::segment(#inner)?);
                        }
                    }
                    *expression = parse_quote!(format!(#(#arguments),*));
                }
            }
        }
    }
}

/// The arguments of a `format!`.
struct Format(Vec<Expr>);

impl syn::parse::Parse for Format {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        let arguments =
            syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated(input)?;
        Ok(Self(arguments.into_iter().collect()))
    }
}
