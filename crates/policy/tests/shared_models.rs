//! Every model of the shared conformance cases loads and compiles; every real AWS document loads or is refused for a
//! reason that is written down here. The folder is not part of the repository: without it these tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]

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
            let written =
                Document { name: "written".to_owned(), bytes: loaded.network.to_toml().into_bytes() };
            let again = load(&[written], &Selection::default()).unwrap().network;
            assert_eq!((&again.nacls, &again.enis), (&loaded.network.nacls, &loaded.network.enis));
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

/// What the real documents are refused for, file by file and folder by folder; everything else loads. The first entry
/// whose name the path ends with counts; a name with `/` at its end is any file below that folder.
const REFUSED: [(&str, &str); 27] = [
    ("INDEX.tsv", "neither JSON nor TOML"),
    ("/cloudformation/", "a CloudFormation template"),
    ("/flowlogs/", "neither JSON nor TOML"),
    (".tfstate", "a Terraform state"),
    ("inframap-aws_state_sg.json", "a Terraform state"),
    ("inframap-aws_state_sgr.json", "a Terraform state"),
    ("/terraform/", "a Terraform plan"),
    // As published, these are no JSON.
    ("aws-cli/describe-security-groups-1.json", "line 53, column 9: this is not valid JSON: trailing comma"),
    ("aws-cli/describe-subnets-1.json", "line 17, column 39: this is not valid JSON"),
    ("describe/aws-cli", "this is not valid JSON"),
    // What --query left.
    ("aws-cli/describe-security-groups-2.json", "without `--query`"),
    ("aws-cli/get-managed-prefix-list-entries-1.json", "which prefix list"),
    // Interfaces alone, without the groups that they have (S6.1).
    ("aws-cli/describe-network-interfaces-1.json", "`sg-8637d3e3`, which the model lacks"),
    ("aws-cli/describe-network-interfaces-2.json", "`sg-905002f5`, which the model lacks"),
    ("batfish-hybrid-cloud/Reservations.json", "which the model lacks"),
    ("batfish-nat-gateway/Reservations.json", "which the model lacks"),
    ("batfish-tgw-asymmetric/Reservations.json", "which the model lacks"),
    ("us-east-1/Reservations.json", "which the model lacks"),
    ("NetworkInterfaces.json", "which the model lacks"),
    ("ec2.DescribeNetworkInterfaces_1.json", "which the model lacks"),
    ("c7n-test_interface_detach_primary_nic_2", "which the model lacks"),
    ("ec2-describe-network-interfaces.json", "which the model lacks"),
    // One id for several things: made up for a demonstration, or the same ACL before and after a change.
    ("cloudmapper-demo/ec2-describe-instances.json", "`eni-00000000` is described twice"),
    ("describe/cloudmapper-demo", "`eni-00000000` is described twice"),
    ("SecurityGroupTest.json", "`sg-0de0ddfa8a5a12348` is described twice"),
    ("describe/batfish-unit", "`acl-4db39c28` is described twice"),
    ("c7n-test_network_acl_s3_missing", "`acl-6c9db915` is described twice"),
];

#[test]
fn real_documents_load_or_are_refused_for_a_known_reason() {
    let Some(root) = shared("aws/real") else { return };
    let mut paths = files(&root);
    paths.extend(std::fs::read_dir(root.join("describe")).unwrap().map(|entry| entry.unwrap().path()));
    let (mut loaded, mut used) = (0, [false; REFUSED.len()]);
    for path in paths {
        let name = path.to_string_lossy();
        let applies =
            |(end, _): &(&str, &str)| name.ends_with(end) || (end.ends_with('/') && name.contains(end));
        match (load_and_compile(&path), REFUSED.iter().position(applies)) {
            (Ok(_), None) => loaded += 1,
            (Ok(_), Some(at)) => panic!("{name} loads, against {:?}", REFUSED[at]),
            (Err(error), Some(at)) => {
                assert!(error.contains(REFUSED[at].1), "{name}: {error}");
                used[at] = true;
            }
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
    let unused: Vec<_> = REFUSED.iter().zip(used).filter(|(_, used)| !used).map(|(entry, _)| entry).collect();
    assert!(unused.is_empty(), "{unused:?}");
    assert!(loaded >= 35, "{loaded}");
}
