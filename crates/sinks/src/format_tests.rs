use super::*;

#[test]
fn extension_chooses_the_format() {
    assert_eq!(Format::from_path(Path::new("a/b.jsonl")), Ok(Format::JsonLines));
    assert_eq!(Format::from_path(Path::new("B.CSV")), Ok(Format::Csv));
    assert_eq!(Format::from_path(Path::new("-")), Ok(Format::JsonLines));
}

#[test]
fn formats_that_are_not_built_are_refused_by_name() {
    let error = Format::from_path(Path::new("out.parquet")).unwrap_err();
    assert_eq!(error.to_string(), "`out.parquet`: the format .parquet is not built yet; use .jsonl or .csv");
    assert!(Format::from_path(Path::new("x.arrow")).unwrap_err().to_string().contains(".arrow is not built"));
}

#[test]
fn unknown_extensions_list_the_known_ones() {
    let error = Format::from_path(Path::new("out.json.gz")).unwrap_err().to_string();
    assert!(error.contains(".gz") && error.contains(".jsonl") && error.contains(".csv"), "{error}");
    let error = Format::from_path(Path::new("out")).unwrap_err().to_string();
    assert!(error.contains("no extension") && error.contains(".jsonl"), "{error}");
}
