use super::*;

fn text(number: u64) -> String {
    serde_json::to_string(&Hex16(number)).unwrap()
}

#[test]
fn endpoint_is_16_lower_case_digits() {
    // S12.13
    assert_eq!(text(0), "\"0000000000000000\"");
    assert_eq!(text(0x0123_4567_89ab_cdef), "\"0123456789abcdef\"");
    assert_eq!(text(u64::MAX), "\"ffffffffffffffff\"");
}

#[derive(Serialize)]
struct One {
    n: u64,
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A broken pipe is told as one, whatever the format: it ends a replay without an error.
#[test]
fn broken_pipe_stays_a_broken_pipe() {
    for format in [Format::JsonLines, Format::Csv] {
        let mut records = RecordWriter::new(format, &["n"], Broken);
        let error = (0..1_000_000)
            .map(|n| records.write(&One { n }))
            .find_map(Result::err)
            .expect("the buffer is smaller than a million records");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
    }
}

#[test]
fn records_longer_than_the_buffer_arrive_whole() {
    let mut out = Vec::new();
    let mut records = RecordWriter::new(Format::JsonLines, &["n"], &mut out);
    for n in 0..50_000 {
        records.write(&One { n }).unwrap();
    }
    records.finish().unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 50_000);
    assert_eq!(text.lines().last(), Some(r#"{"n":49999}"#));
}
