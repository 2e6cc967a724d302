//! Golden pairs: `diagnostics/<case>.yaml` is what a policy author wrote, `diagnostics/<case>.err`
//! the exact text that is printed. `BLESS=1 cargo test -p tollgate-policy` writes the latter anew.
//!
//! A line `# file: NAME` in a case begins another rule file of that name.

use std::path::Path;
use std::{env, fs};
use tollgate_policy::{Source, compile, render};

#[test]
fn every_mistake_is_explained() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut cases: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    let wrong: Vec<_> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(case: &Path) -> Result<(), String> {
    let sources = sources(case);
    let printed = match compile(&sources) {
        Ok(_) => return Err(format!("{}: compiles", case.display())),
        Err(errors) => render(&errors, &sources),
    };
    let golden = case.with_extension("err");
    if env::var_os("BLESS").is_some() {
        fs::write(&golden, &printed).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    if printed == expected {
        return Ok(());
    }
    Err(format!(
        "{}: printed\n{printed}\nexpected\n{expected}",
        case.display()
    ))
}

fn sources(case: &Path) -> Vec<Source> {
    let text = fs::read_to_string(case).unwrap();
    let mut parts = text.split("# file: ");
    let first = parts.next().unwrap();
    let name = case.file_name().unwrap().to_str().unwrap();
    let mut sources = vec![Source {
        name: name.to_owned(),
        text: first.to_owned(),
    }];
    for part in parts {
        let (name, text) = part.split_once('\n').unwrap();
        sources.push(Source {
            name: name.to_owned(),
            text: text.to_owned(),
        });
    }
    sources
}
