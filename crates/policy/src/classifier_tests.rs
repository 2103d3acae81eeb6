use vpcreplay_flow::Protocol;

use super::{CHUNK, Classifier, Pattern};
use crate::probe::Selector;
use crate::service::Service;

// S5.1, S6.3: which rule is first does not depend on the word of bits or the chunk that it falls into.
#[test]
fn rules_keep_their_positions_over_words_and_chunks() {
    let peers: Vec<[(u128, u128); 1]> = (0..2 * CHUNK as u128 + 100).map(|peer| [(peer, peer)]).collect();
    let patterns: Vec<Pattern<'_>> = peers.iter().map(|peer| (peer.as_slice(), Service::All)).collect();
    let classifier = Classifier::<u32>::new(&patterns);
    for (peer, position) in (0_u32..).zip(0..patterns.len()) {
        assert_eq!(classifier.first(peer, Protocol::TCP, Selector::Port(80)), Some(position));
    }
    let beyond = u32::try_from(patterns.len()).unwrap_or(u32::MAX);
    assert_eq!(classifier.first(beyond, Protocol::TCP, Selector::Port(80)), None);
}
