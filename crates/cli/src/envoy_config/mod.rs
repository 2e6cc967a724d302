//! `tollgate envoy-config`: an Envoy's configuration written, or an existing one checked.

mod arguments;

use crate::failure::Failure;
use crate::{output, policy};
use anyhow::Context;
use arguments::Sources;
use std::fs;
use std::io::Write;
use std::path::Path;
use tollgate_envoy_config::Finding;

pub(crate) use arguments::EnvoyConfig;

pub(crate) fn run(command: &EnvoyConfig, out: &mut impl Write) -> Result<(), Failure> {
    match (&command.check, &command.sources) {
        (Some(bootstrap), _) => check(bootstrap, out),
        (None, Some(sources)) => write(sources, command, out),
        (None, None) => {
            Err(anyhow::anyhow!("give --check BOOTSTRAP, or --policies and others").into())
        }
    }
}

fn check(bootstrap: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let read = |file: &Path| fs::read_to_string(file);
    let findings = tollgate_envoy_config::check(bootstrap, &read)
        .with_context(|| format!("can't check {}", bootstrap.display()))?;
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| format!("{finding}\n"))
        .collect();
    if findings.iter().any(Finding::is_mistake) {
        return Err(Failure::Wrong(lines.concat()));
    }
    write!(out, "{}", lines.concat())?;
    writeln!(out, "{}: nothing is missing", bootstrap.display())?;
    Ok(())
}

/// Discovery files first: what they define exists before anything refers to it.
fn write(sources: &Sources, command: &EnvoyConfig, out: &mut impl Write) -> Result<(), Failure> {
    let document = policy::compile(&sources.policies)?;
    policy::warnings::of_all(&document, &mut std::io::stderr().lock())?;
    let options = sources.options(&command.tuning)?;
    let files = match sources.listeners(&command.platform)? {
        Some(listeners) if !sources.fragment => {
            tollgate_envoy_config::generate(&document, &listeners, &options)?
        }
        _ => tollgate_envoy_config::fragment(&document, &options)?,
    };
    let folder = &sources.output;
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    for file in &files {
        output::write_file(&folder.join(&file.name), file.contents.as_bytes())?;
        writeln!(out, "{}", folder.join(&file.name).display())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        command: EnvoyConfig,
    }

    fn run_with(arguments: &[&str]) -> Result<String, Failure> {
        let cli = Cli::parse_from([&["envoy-config"], arguments].concat());
        let mut out = Vec::new();
        run(&cli.command, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn notes_are_printed_but_only_mistakes_fail_a_check() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir(path("policies")).unwrap();
        fs::write(
            path("policies/rules.yaml"),
            "models: {chat: {price: free, targets: {stable: {}}}}",
        )
        .unwrap();
        let (policies, output, bootstrap) =
            (path("policies"), path("out"), path("out/bootstrap.json"));
        let arguments = format!(
            "--policies {policies} --module m.wasm --upstream 127.0.0.1:8000 --listen 8080 \
             --trusted-hops 1 -o {output}"
        );
        let written = run_with(&arguments.split(' ').collect::<Vec<_>>());
        assert!(written.is_ok_and(|names| names.contains(&bootstrap)));

        let said = run_with(&["--check", &bootstrap]);
        let last = format!("\n{bootstrap}: nothing is missing\n");
        assert!(said.is_ok_and(|said| said.contains("\n  note: ") && said.ends_with(&last)));

        let text = fs::read_to_string(&bootstrap).unwrap();
        fs::write(
            &bootstrap,
            text.replace("\"merge_slashes\": true", "\"merge_slashes\": false"),
        )
        .unwrap();
        let Err(Failure::Wrong(said)) = run_with(&["--check", &bootstrap]) else {
            panic!("a mistake was not found");
        };
        assert!(said.contains("\n  add: merge_slashes: true\n") && said.contains("\n  note: "));
    }
}
