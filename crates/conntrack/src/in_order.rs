//! What parts of an engine noted, each in order of its packets, in the order of all packets.

/// Goes through lists that are each in order of a packet's number, in the order of all. Of equal numbers the earlier list
/// comes first.
pub fn in_order<T>(lists: &mut [&mut [T]], packet: impl Fn(&T) -> u64, mut each: impl FnMut(&mut T)) {
    let mut next = vec![0; lists.len()];
    // The number of each list's next packet; the greatest where there is none.
    let mut heads: Vec<u64> = lists.iter().map(|list| list.first().map_or(u64::MAX, &packet)).collect();
    loop {
        let (mut first, mut least) = (0, u64::MAX);
        for (list, head) in heads.iter().enumerate() {
            if *head < least {
                (first, least) = (list, *head);
            }
        }
        let (Some(list), Some(at), Some(head)) =
            (lists.get_mut(first), next.get_mut(first), heads.get_mut(first))
        else {
            return;
        };
        if least == u64::MAX {
            return;
        }
        if let Some(item) = list.get_mut(*at) {
            each(item);
        }
        *at += 1;
        *head = list.get(*at).map_or(u64::MAX, &packet);
    }
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn lists_become_one() {
        let (mut one, mut other, mut none) =
            (vec![(1, 'a'), (4, 'b'), (4, 'c')], vec![(2, 'd'), (4, 'e')], vec![]);
        let mut order = String::new();
        let mut lists: [&mut [(u64, char)]; 3] = [&mut one, &mut none, &mut other];
        in_order(&mut lists, |item| item.0, |item| order.push(item.1));
        assert_eq!(order, "adbce");
        in_order(&mut [] as &mut [&mut [u64]], |item| *item, |_| unreachable!("there is none"));
    }
}
