use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex};

use super::{End, Filling, Supply, UNIT};

/// Gives what the script says; notes how much it was asked for.
struct Script(VecDeque<io::Result<usize>>, Arc<Mutex<Vec<usize>>>);

impl Read for Script {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.1.lock().unwrap().push(room.len());
        let length = self.0.pop_front().expect("read behind its end")?;
        room[..length].fill(1);
        Ok(length)
    }
}

fn supply(filling: Filling, script: Vec<io::Result<usize>>) -> (Supply, Arc<Mutex<Vec<usize>>>) {
    let asked = Arc::default();
    (Supply::new(Box::new(Script(script.into(), Arc::clone(&asked))), filling), asked)
}

// S1.5: a decoder is asked for the same, however large the buffer is.
#[test]
fn decoders_are_asked_in_units() {
    for units in [1, 2, 3] {
        let script = vec![Ok(UNIT), Ok(10), Ok(UNIT - 10), Ok(7), Ok(0)];
        let (mut supply, asked) = supply(Filling::Full, script);
        let mut room = vec![0; units * UNIT + 5];
        let mut total = 0;
        while let Ok(length) = supply.fill(&mut room) {
            assert!(length > 0);
            total += length;
        }
        assert_eq!(total, 2 * UNIT + 7);
        assert_eq!(*asked.lock().unwrap(), [UNIT, UNIT, UNIT - 10, UNIT, UNIT - 7]);
    }
}

#[test]
fn pipes_are_read_once() {
    let (mut supply, _) = supply(Filling::Once, vec![Ok(3), Ok(5), Ok(0)]);
    let mut room = vec![0; 2 * UNIT];
    assert_eq!([(); 4].map(|()| supply.fill(&mut room)), [Ok(3), Ok(5), Err(End::Whole), Err(End::Whole)]);
}

// What came before an error is good; after it nothing is read any more.
#[test]
fn the_end_is_told_after_the_bytes() {
    let error = |kind| Err(io::Error::new(kind, "broken"));
    for filling in [Filling::Once, Filling::Full] {
        let script = vec![error(ErrorKind::Interrupted), Ok(4), error(ErrorKind::Other)];
        let (mut supply, _) = supply(filling, script);
        let mut room = vec![0; UNIT];
        let failed = Err(End::Failed("broken".to_owned()));
        assert_eq!([(); 3].map(|()| supply.fill(&mut room)), [Ok(4), failed.clone(), failed]);
    }
}
