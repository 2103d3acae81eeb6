//! What parts of an engine noted, each in order of its packets, in the order of all packets.

/// Goes through lists that are each in order of a packet's number, in the order of all. What is noted of one packet is all
/// in one list.
pub fn in_order<T>(lists: &mut [&mut [T]], packet: impl Fn(&T) -> u64, mut each: impl FnMut(&mut T)) {
    let Some(mut order) = Order::of(lists, &packet) else { return };
    for (list, items) in (0..).zip(lists.iter()) {
        items.iter().for_each(|item| order.note(packet(item), list));
    }
    let mut lists: Vec<_> = lists.iter_mut().map(|items| items.iter_mut()).collect();
    order.each(|number, list| {
        let Some(items) = lists.get_mut(list) else { return };
        while items.as_slice().first().is_some_and(|item| packet(item) == number) {
            items.next().map(&mut each);
        }
    });
}

/// Which list has something of which packet. Packets of a batch lie close to each other, so that a place for each finds the
/// next one faster than comparisons of the lists' heads.
struct Order {
    first: u64,
    /// A bit for each packet of which there is something.
    is_noted: Vec<u64>,
    /// By packet, the list that has it.
    lists: Vec<u16>,
}

impl Order {
    /// With room for the packets of lists that are in order; `None` where they have none.
    fn of<T>(lists: &[&mut [T]], packet: impl Fn(&T) -> u64) -> Option<Self> {
        let first = lists.iter().filter_map(|items| items.first()).map(&packet).min()?;
        let last = lists.iter().filter_map(|items| items.last()).map(&packet).max()?;
        // As many as a batch has at most, which is in memory.
        let packets = usize::try_from(last - first).ok()?.checked_add(1)?;
        let is_noted = vec![0; packets.div_ceil(64)];
        Some(Self { first, is_noted, lists: vec![0; packets] })
    }

    fn note(&mut self, number: u64, list: u16) {
        let at = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        if let (Some(word), Some(own)) = (self.is_noted.get_mut(at / 64), self.lists.get_mut(at)) {
            *word |= 1 << (at % 64);
            *own = list;
        }
    }

    /// Tells every packet of which there is something, in order, and its list.
    fn each(&self, mut tell: impl FnMut(u64, usize)) {
        for ((word, lists), start) in
            self.is_noted.iter().zip(self.lists.chunks(64)).zip((self.first..).step_by(64))
        {
            let mut bits = *word;
            while bits != 0 {
                let at = bits.trailing_zeros();
                bits &= bits - 1;
                let list = lists.get(at as usize).copied().unwrap_or_default();
                tell(start + u64::from(at), usize::from(list));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_order;

    fn order(mut lists: Vec<Vec<(u64, char)>>) -> String {
        let mut order = String::new();
        let mut lists: Vec<&mut [(u64, char)]> = lists.iter_mut().map(Vec::as_mut_slice).collect();
        in_order(&mut lists, |item| item.0, |item| order.push(item.1));
        order
    }

    #[test]
    fn lists_become_one() {
        assert_eq!(
            order(vec![vec![(1, 'a'), (4, 'c'), (4, 'd')], vec![], vec![(2, 'b'), (5, 'e')]]),
            "abcde"
        );
        assert_eq!(order(vec![vec![(7, 'a')]]), "a");
        assert_eq!(order(vec![vec![], vec![]]), "");
        assert_eq!(order(vec![]), "");
    }

    #[test]
    fn packets_may_lie_far_from_each_other() {
        let numbers = [3, 66, 67, 130, 131, 194, 1000, 1023, 1024];
        let lists = (0..4).map(|list| {
            let own = numbers.iter().zip('a'..).filter(|(number, _)| *number % 4 == list);
            own.map(|(number, name)| (*number, name)).collect()
        });
        assert_eq!(order(lists.collect()), "abcdefghi");
    }

    #[test]
    fn items_can_be_changed() {
        let (mut one, mut other) = ([(1, 0), (3, 0)], [(2, 0)]);
        let mut count = 0;
        in_order(
            &mut [&mut one, &mut other],
            |item| item.0,
            |item| {
                count += 1;
                item.1 = count;
            },
        );
        assert_eq!((one, other), ([(1, 1), (3, 3)], [(2, 2)]));
    }
}
