//! Names for what a file is when it is no capture, so that the error says what was found.

/// First bytes of formats that are met in place of captures.
const KNOWN: [(&[u8], &str); 13] = [
    (b"\x7fELF", "an ELF program or library"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "a bzip2-compressed file"),
    (b"\x02\x21\x4c\x18", "a file in the legacy lz4 format"),
    (b"\x1f\x8b", "a gzip-compressed file"),
    (b"\x28\xb5\x2f\xfd", "a zstd-compressed file"),
    (b"\x04\x22\x4d\x18", "an lz4-compressed file"),
    (b"\xfd7zXZ\0", "an xz-compressed file"),
    (b"snoop\0\0\0", "a snoop capture"),
    (b"GMBU", "a Microsoft Network Monitor capture"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"%PDF", "a PDF document"),
];

/// What a file that begins with these bytes is; `whole` when they are all of it.
pub(crate) fn name(head: &[u8]) -> String {
    if head.is_empty() {
        return "an empty file (0 bytes)".to_owned();
    }
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*name).to_owned();
    }
    if head.get(257..262) == Some(b"ustar") {
        return "a tar archive".to_owned();
    }
    match text(head) {
        Some(text) if text.starts_with(['{', '[']) => format!("JSON, beginning `{}`", excerpt(text)),
        Some(text) if text.starts_with('<') => format!("XML or HTML, beginning `{}`", excerpt(text)),
        Some(text) => format!("text, beginning `{}`", excerpt(text)),
        None => format!("binary data, beginning {}", hex(head)),
    }
}

/// What a file is that begins like a capture but ends within its header.
pub(crate) fn cut_header(format: &str, length: usize, need: usize) -> String {
    format!("a {format} file that ends within its header, after {length} of {need} bytes")
}

/// The bytes as text without leading space, if they are text; a character cut at the end is none the less text.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let printable = text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    printable.then(|| text.trim_start())
}

fn excerpt(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(32).collect()
}

fn hex(head: &[u8]) -> String {
    head.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
