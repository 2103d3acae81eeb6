//! Every model of the shared conformance cases loads and compiles; every real AWS document loads or is refused for a
//! reason that is written down here. The folder is not part of the repository: without it these tests say so and pass.

use std::path::{Path, PathBuf};

use vpcreplay_policy::{Document, Loaded, Options, Policy, Registry, Selection, load};

fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder);
    if !path.is_dir() {
        eprintln!("SKIPPED: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Files of a folder, sorted; with those of its subfolders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn documents(path: &Path) -> Vec<Document> {
    let paths = if path.is_dir() { files(path) } else { vec![path.to_owned()] };
    let read = |path: PathBuf| Document {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        bytes: std::fs::read(path).unwrap(),
    };
    paths.into_iter().map(read).collect()
}

fn load_and_compile(path: &Path) -> Result<Loaded, String> {
    let loaded = load(&documents(path), &Selection::default()).map_err(|error| error.to_string())?;
    let mut registry = Registry::new();
    let (policy, _) = Policy::compile(&loaded.network, &Options::default(), None, &mut registry)
        .map_err(|error| error.to_string())?;
    assert_eq!(policy.enis().count(), loaded.network.enis.len());
    Ok(loaded)
}

#[test]
fn every_conformance_model_loads_without_surprises() {
    let Some(root) = shared("conformance") else { return };
    let mut seen = 0;
    for case in std::fs::read_dir(root).unwrap() {
        let case = case.unwrap().path();
        if !case.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&case).unwrap() {
            let path = entry.unwrap().path();
            if !path.file_name().unwrap().to_string_lossy().starts_with("model") {
                continue;
            }
            let loaded =
                load_and_compile(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let odd: Vec<_> =
                loaded.warnings.iter().filter(|warning| warning.code != "default-nacl").collect();
            assert!(odd.is_empty(), "{}: {odd:?}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 48, "{seen}");
}

#[test]
fn every_performance_model_loads() {
    let Some(root) = shared("tools/models") else { return };
    for path in files(&root) {
        match load_and_compile(&path) {
            Ok(_) => {}
            // A block whose third part is 256: no address, so no block.
            Err(error) if error.contains("`198.18.256.0/24` is not a CIDR block") => {}
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
}
