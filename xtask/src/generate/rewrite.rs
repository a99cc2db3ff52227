//! From what progenitor writes to what users get. Each step asserts how often it found its place, so
//! that a changed generator can't make it match nothing, silently.

use anyhow::{Context, Result, ensure};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Block, Expr, Fields, File, ImplItem, Item, ItemMod, ItemStruct, Stmt, Type, parse_quote,
};

/// Rewrites the file of one version, which has `operations` operations.
pub(super) fn client(mut file: File, operations: usize) -> Result<File> {
    let mut builders = 0;
    let mut items = Vec::new();
    for item in file.items {
        match item {
            Item::Mod(mut module) if module.ident == "types" => {
                types(&mut module)?;
                items.push(Item::Mod(module));
            }
            Item::Mod(mut module) if module.ident == "builder" => {
                builders += self::builders(&mut module)?;
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
    Rename.visit_file_mut(&mut file);
    Ok(file)
}

/// The client of a version: a base address and a `reqwest::Client`.
fn client_type() -> [Item; 2] {
    [
        parse_quote! {
            /// Calls this version of the API. Authorization is a default header of the HTTP client.
            #[derive(Clone, Debug)]
            pub struct Client {
                pub(crate) baseurl: String,
                pub(crate) client: reqwest::Client,
            }
        },
        parse_quote! {
            impl Client {
                /// Takes the API's address with its version, and a prepared HTTP client.
                #[must_use]
                pub fn new_with_client(baseurl: &str, client: reqwest::Client) -> Self {
                    Self { baseurl: baseurl.trim_end_matches('/').to_owned(), client }
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
                    serde_json::from_str(json).ok()
                }
            }
        });
    }
    ensure!(tolerant > 50, "only {tolerant} fields were made tolerant");
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
fn builders(module: &mut ItemMod) -> Result<usize> {
    let items = content(module)?;
    items.retain(
        |item| !matches!(item, Item::Use(names) if quote_text(names).contains("encode_path")),
    );
    // Versions without request bodies name no model in their builders but as answers, by full paths.
    let is_use_of_types = |item: &Item| matches!(item, Item::Use(names) if quote_text(names) == "use super :: types ;");
    let uses_types = items.iter().any(|item| {
        let text = quote_text(item).replace(":: types ::", "");
        !is_use_of_types(item) && text.contains("types ::")
    });
    if !uses_types {
        items.retain(|item| !is_use_of_types(item));
    }
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
                send.block = parse_quote!({
                    let client = self.client;
                    let request = self.request()?;
                    crate::support::send(&client.client, request).await
                });
                block.items.insert(at, ImplItem::Fn(request));
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
    Ok(count)
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
struct Rename;

impl VisitMut for Rename {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        visit_mut::visit_path_mut(self, path);
        let text = quote_text(path).replace(' ', "");
        if text.starts_with("progenitor_client::") {
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
        } else if text.starts_with("types::builder::") {
            let last = path.segments.last();
            *path = parse_quote!(types::#last);
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
