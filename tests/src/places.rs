//! Where the workspace and the material shared between projects are.

use std::path::{Path, PathBuf};

/// The folder of the workspace's manifest.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("this package lies in the workspace").to_owned()
}

/// A path of the shared material: beside the workspace, or where `VPCREPLAY_SHARED` says. When it is not there the
/// tests that need it are skipped, and say so.
pub fn shared(path: &str) -> Option<PathBuf> {
    let beside = || workspace().parent().expect("the workspace is not the root").join("shared");
    let folder = std::env::var_os("VPCREPLAY_SHARED").map_or_else(beside, PathBuf::from).join(path);
    if folder.exists() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there; VPCREPLAY_SHARED names its folder", folder.display());
    None
}

/// What lies in a folder, by name.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = listing.map(|entry| entry.expect("a folder that can be read").path()).collect();
    paths.sort();
    paths
}

/// The files with one of these extensions in a folder, by name.
pub fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut paths = entries(folder);
    paths.retain(|path| extensions.iter().any(|extension| path.extension().is_some_and(|e| e == *extension)));
    paths
}

/// Every file below a folder, by path.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in entries(folder) {
        if path.is_dir() { all.extend(files_below(&path)) } else { all.push(path) }
    }
    all
}

/// The last part of a path, as text.
pub fn name(path: &Path) -> String {
    path.file_name().expect("a path with a name").to_string_lossy().into_owned()
}

/// The text of a file.
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
