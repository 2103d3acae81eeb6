use super::Further;
use crate::flow::NIL;

#[test]
fn lists_share_nodes_without_mixing() {
    let mut further = Further::new();
    let (mut odd, mut even) = (NIL, NIL);
    for number in 0..10 {
        let list = if number % 2 == 0 { &mut even } else { &mut odd };
        *list = further.add(number, *list);
    }
    assert_eq!(further.list(odd).copied().collect::<Vec<_>>(), [9, 7, 5, 3, 1]);
    assert_eq!(further.take(&mut odd, |number| *number == 5), Some(5));
    assert_eq!(further.take(&mut odd, |number| *number == 9), Some(9));
    assert_eq!(further.take(&mut odd, |number| *number == 4), None);
    assert_eq!(further.list(odd).copied().collect::<Vec<_>>(), [7, 3, 1]);
    assert_eq!(further.list(even).copied().collect::<Vec<_>>(), [8, 6, 4, 2, 0]);
    *further.find_mut(even, |number| *number == 4).unwrap() = 40;
    assert!(further.find_mut(even, |number| *number == 4).is_none());
    even = further.add(10, even);
    even = further.add(12, even);
    assert_eq!(further.nodes.len(), 10, "freed nodes are used again");
    assert_eq!(further.list(even).copied().collect::<Vec<_>>(), [12, 10, 8, 6, 40, 2, 0]);
}
