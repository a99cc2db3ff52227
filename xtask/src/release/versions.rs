//! One version for all that is released together.

use cargo_metadata::{Metadata, Package};

/// The crates that go to the registry, in the order of the metadata.
pub(super) fn published(metadata: &Metadata) -> Vec<&Package> {
    let mut packages = metadata.workspace_packages();
    packages.retain(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()));
    packages
}

/// Names what disagrees with `version`: a crate, one of our crates as another needs it, or a tag.
pub(super) fn breaches(packages: &[&Package], version: &str, tag: Option<&str>) -> Vec<String> {
    let mut breaches = Vec::new();
    if let Some(tag) = tag
        && tag != format!("v{version}")
    {
        breaches.push(format!("the tag is {tag} and the version {version}"));
    }
    let ours = |name: &str| packages.iter().any(|package| *package.name == name);
    for package in packages {
        if package.version.to_string() != version {
            breaches.push(format!("{} has version {}", package.name, package.version));
        }
        for dependency in &package.dependencies {
            let wanted = dependency.req.to_string();
            if !ours(&dependency.name) || wanted == format!("^{version}") {
                continue;
            }
            // A crate that its own tests name has no version, and no place in the package.
            if wanted == "*" && dependency.kind == cargo_metadata::DependencyKind::Development {
                continue;
            }
            breaches.push(format!(
                "{} needs {} {wanted}",
                package.name, dependency.name
            ));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn package(name: &str, version: &str, dependencies: &[Value]) -> Package {
        let package = json!({
            "name": name, "version": version, "id": format!("path+file:///{name}#{version}"), "targets": [],
            "dependencies": dependencies, "features": {}, "manifest_path": "/nowhere/Cargo.toml",
        });
        serde_json::from_value(package).unwrap()
    }

    fn needs(name: &str, requirement: &str, kind: Option<&str>) -> Value {
        json!({
            "name": name, "req": requirement, "kind": kind, "optional": false, "uses_default_features": true,
            "features": [], "target": null, "source": null, "rename": null, "registry": null, "path": "/nowhere",
        })
    }

    #[test]
    fn a_crate_that_was_left_behind_is_named() {
        let model = package("model", "0.2.0", &[]);
        let own = [
            needs("model", "^0.2.0", None),
            needs("serde", "^1", None),
            needs("client", "*", Some("dev")),
        ];
        let client = package("client", "0.2.0", &own);
        assert_eq!(
            breaches(&[&model, &client], "0.2.0", Some("v0.2.0")),
            [""; 0]
        );
        let behind = package("client", "0.1.0", &[needs("model", "^0.1.0", None)]);
        assert_eq!(
            breaches(&[&model, &behind], "0.2.0", Some("0.2.0")),
            [
                "the tag is 0.2.0 and the version 0.2.0",
                "client has version 0.1.0",
                "client needs model ^0.1.0"
            ]
        );
        let unversioned = package("client", "0.2.0", &[needs("model", "*", None)]);
        assert_eq!(
            breaches(&[&model, &unversioned], "0.2.0", None),
            ["client needs model *"]
        );
    }
}
