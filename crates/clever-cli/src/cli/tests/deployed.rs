//! The command lines in `deploy/`: each is one that `cleverctl` understands, whoever starts it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::command;

const PROGRAM: &str = "/usr/bin/cleverctl";

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(path)
}

fn yaml(path: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Parses the arguments that follow the program's name.
fn is_understood(arguments: &[String], place: &str) {
    let line = std::iter::once("cleverctl").chain(arguments.iter().map(String::as_str));
    if let Err(error) = command().try_get_matches_from(line) {
        panic!("{place}: {error}");
    }
}

/// Parses a command that begins with the program.
fn is_a_command(line: &[String], place: &str) {
    assert_eq!(line[0], PROGRAM, "{place}");
    is_understood(&line[1..], place);
}

#[test]
fn the_command_lines_of_the_compose_file_are_understood() {
    assert!(of_compose("compose.yaml") >= 2);
}

#[cfg(feature = "fleet")]
#[test]
fn the_command_lines_of_a_fleet_are_understood() {
    assert_eq!(of_compose("fleet.compose.yaml"), 1);
    assert_eq!(of_manifest("fleet.yaml"), 1);
}

/// Parses the command lines of a compose file; says how many services are ours.
fn of_compose(name: &str) -> usize {
    let file = yaml(&deploy(name));
    let services = file["services"].as_object().unwrap();
    let mut ours = 0;
    for (name, service) in services {
        let image = service["image"].as_str().unwrap();
        if !image.starts_with("clever-toolkit/cleverctl:") {
            continue;
        }
        ours += 1;
        is_understood(&texts(&service["command"]), name);
        let probe = texts(&service["healthcheck"]["test"]);
        assert_eq!(probe[0], "CMD", "{name}");
        is_a_command(&probe[1..], name);
    }
    ours
}

#[test]
fn the_command_lines_of_the_manifests_are_understood() {
    let commands = ["cronjob.yaml", "deployment.yaml"].map(of_manifest);
    assert_eq!(commands, [1, 1]);
}

/// Parses the command lines of a manifest; says how many containers it has.
fn of_manifest(name: &str) -> usize {
    let manifest = yaml(&deploy("kubernetes").join(name));
    let job = &manifest["spec"]["jobTemplate"]["spec"]["template"];
    let template = if job.is_null() {
        &manifest["spec"]["template"]
    } else {
        job
    };
    let containers = template["spec"]["containers"].as_array().unwrap();
    for container in containers {
        is_understood(&texts(&container["args"]), name);
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            let command = &container[probe]["exec"]["command"];
            if !command.is_null() {
                is_a_command(&texts(command), name);
            }
        }
    }
    containers.len()
}

#[test]
fn the_command_line_of_the_unit_is_understood() {
    let unit = fs::read_to_string(deploy("systemd/clever-sync.service")).unwrap();
    let lines: Vec<&str> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("ExecStart="))
        .collect();
    assert!(!lines.is_empty());
    for line in lines {
        is_a_command(&shlex::split(line).unwrap(), line);
    }
}
