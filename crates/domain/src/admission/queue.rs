//! The fair queue: bounded, in order of arrival for each caller, in turns among callers, by priority among classes.
//!
//! A caller with ten thousand requests waiting delays another caller's one by a single turn. A class is as urgent as its
//! longest waiter, who gains one class for every ten seconds, so that the lowest class goes on too; of two equally urgent
//! classes the one whose waiter came first has the turn. Pure: whoever waits, and how it is woken, is the business of the
//! owner.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
    time::{Duration, Instant},
};

/// How long a waiter waits until it counts as one class higher.
const AGING: Duration = Duration::from_secs(10);

/// How urgent a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before the others.
    High,
    /// Like most.
    #[default]
    Normal,
    /// After the others.
    Low,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];
}

/// The queue holds as many as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full")]
pub struct QueueFull;

/// A place in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket {
    priority: Priority,
    number: u64,
}

/// A bounded queue of `T`, fair among callers `K`.
#[derive(Debug)]
pub struct FairQueue<K, T> {
    capacity: usize,
    classes: [Class<K, T>; 3],
    /// Numbers arrivals and turns.
    next: u64,
}

#[derive(Debug)]
struct Class<K, T> {
    /// Everyone, by arrival.
    waiters: BTreeMap<u64, Waiter<K, T>>,
    /// The waiters of each caller, by arrival, and the caller's turn.
    lanes: HashMap<K, Lane>,
    /// The callers, by turn.
    turns: BTreeMap<u64, K>,
}

#[derive(Debug)]
struct Waiter<K, T> {
    key: K,
    since: Instant,
    item: T,
}

#[derive(Debug)]
struct Lane {
    turn: u64,
    waiters: BTreeSet<u64>,
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// An empty queue of at most `capacity`.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, classes: std::array::from_fn(|_| Class::new()), next: 0 }
    }

    /// Goes on with another capacity; whoever waits beyond it stays.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.classes.iter().map(|class| class.waiters.len()).sum()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.classes.iter().all(|class| class.waiters.is_empty())
    }

    /// Lets `item` wait behind the others of its caller.
    ///
    /// # Errors
    /// [`QueueFull`] if it holds as many as it may.
    pub fn push(&mut self, item: T, (key, priority): (K, Priority), now: Instant) -> Result<Ticket, QueueFull> {
        if self.len() >= self.capacity {
            return Err(QueueFull);
        }
        let number = self.number();
        let turn = self.number();
        self.class(priority).push(number, turn, Waiter { key, since: now, item });
        Ok(Ticket { priority, number })
    }

    /// Whose turn it is.
    pub fn peek(&self, now: Instant) -> Option<(Ticket, &T)> {
        let priority = self.most_urgent(now)?;
        let class = &self.classes[priority as usize];
        let number = class.next()?;
        Some((Ticket { priority, number }, &class.waiters.get(&number)?.item))
    }

    /// Takes out whose turn it is; its caller's next turn comes after everybody else's.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        let (ticket, _) = self.peek(now)?;
        let turn = self.number();
        let class = self.class(ticket.priority);
        let key = class.waiters.get(&ticket.number)?.key.clone();
        let item = class.remove(ticket.number);
        class.move_turn(&key, turn);
        item
    }

    /// Takes a waiter out who no longer waits; `None` if it has been taken out before. It costs its caller no turn.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.class(ticket.priority).remove(ticket.number)
    }

    fn most_urgent(&self, now: Instant) -> Option<Priority> {
        let urgency = |priority: &Priority| {
            let (number, oldest) = self.classes[*priority as usize].waiters.first_key_value()?;
            let gained = now.saturating_duration_since(oldest.since).as_secs() / AGING.as_secs();
            Some(((*priority as u64).saturating_sub(gained), *number))
        };
        Priority::ALL.into_iter().filter(|priority| urgency(priority).is_some()).min_by_key(urgency)
    }

    fn class(&mut self, priority: Priority) -> &mut Class<K, T> {
        &mut self.classes[priority as usize]
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl<K: Clone + Eq + Hash, T> Class<K, T> {
    fn new() -> Self {
        Self { waiters: BTreeMap::new(), lanes: HashMap::new(), turns: BTreeMap::new() }
    }

    fn push(&mut self, number: u64, turn: u64, waiter: Waiter<K, T>) {
        let lane = self.lanes.entry(waiter.key.clone()).or_insert_with(|| {
            self.turns.insert(turn, waiter.key.clone());
            Lane { turn, waiters: BTreeSet::new() }
        });
        lane.waiters.insert(number);
        self.waiters.insert(number, waiter);
    }

    fn next(&self) -> Option<u64> {
        let (_, key) = self.turns.first_key_value()?;
        self.lanes.get(key)?.waiters.first().copied()
    }

    fn remove(&mut self, number: u64) -> Option<T> {
        let Waiter { key, item, .. } = self.waiters.remove(&number)?;
        let lane = self.lanes.get_mut(&key)?;
        lane.waiters.remove(&number);
        if lane.waiters.is_empty() {
            self.turns.remove(&lane.turn);
            self.lanes.remove(&key);
        }
        Some(item)
    }

    fn move_turn(&mut self, key: &K, turn: u64) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        self.turns.remove(&lane.turn);
        lane.turn = turn;
        self.turns.insert(turn, key.clone());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn drained(mut queue: FairQueue<u8, u32>, now: Instant) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop(now)).collect()
    }

    #[test]
    fn a_caller_with_many_waiting_delays_another_by_one_turn() {
        let (now, mut queue) = (origin(), FairQueue::new(200));
        for item in 0..100 {
            queue.push(item, (1, Priority::Normal), now).unwrap();
        }
        queue.push(900, (2, Priority::Normal), now).unwrap();
        assert_eq!(drained(queue, now)[..4], [0, 900, 1, 2]);
    }

    #[test]
    fn the_lowest_class_goes_on_once_it_has_waited_long_enough() {
        let (start, mut queue) = (origin(), FairQueue::new(9));
        queue.push(1, (1, Priority::Low), start).unwrap();
        let later = start + Duration::from_secs(19);
        queue.push(2, (1, Priority::High), later).unwrap();
        assert_eq!(queue.peek(later).unwrap().1, &2);
        assert_eq!(queue.peek(start + Duration::from_secs(20)).unwrap().1, &1);
    }

    #[test]
    fn a_full_queue_takes_nobody_until_somebody_leaves() {
        let (now, mut queue) = (origin(), FairQueue::new(1));
        let ticket = queue.push(1, (1, Priority::Normal), now).unwrap();
        assert_eq!(queue.push(2, (1, Priority::High), now), Err(QueueFull));
        assert_eq!((queue.remove(ticket), queue.remove(ticket)), (Some(1), None));
        queue.push(2, (1, Priority::Normal), now).unwrap();
    }

    #[test]
    fn another_capacity_holds_from_then_on_and_sends_nobody_away() {
        let (now, mut queue) = (origin(), FairQueue::new(1));
        queue.push(1, (1, Priority::Normal), now).unwrap();
        queue.set_capacity(2);
        queue.push(2, (1, Priority::Normal), now).unwrap();
        queue.set_capacity(1);
        assert_eq!(queue.push(3, (1, Priority::Normal), now), Err(QueueFull));
        assert_eq!(drained(queue, now), [1, 2]);
    }

    /// The same queue, as a list that is searched.
    #[derive(Default)]
    struct Model {
        waiters: Vec<(u32, u8, Priority, Instant)>,
        /// The moment of each caller's turn, by class.
        turns: HashMap<(Priority, u8), u64>,
        next: u64,
    }

    impl Model {
        fn push(&mut self, item: u32, (key, priority): (u8, Priority), now: Instant) {
            self.next += 1;
            self.turns.entry((priority, key)).or_insert(self.next);
            self.waiters.push((item, key, priority, now));
        }

        fn pop(&mut self, now: Instant) -> Option<u32> {
            let first_of = |class: Priority| self.waiters.iter().position(|(_, _, priority, _)| *priority == class);
            let urgency = |class: Priority| {
                first_of(class).map(|at| {
                    let gained = (now - self.waiters[at].3).as_secs() / 10;
                    ((class as u64).saturating_sub(gained), at, class)
                })
            };
            let (.., class) = Priority::ALL.into_iter().filter_map(urgency).min()?;
            let of_class = self.waiters.iter().enumerate().filter(|(_, (_, _, priority, _))| *priority == class);
            let (at, _) = of_class.min_by_key(|(at, (_, key, ..))| (self.turns[&(class, *key)], *at))?;
            let (item, key, ..) = self.waiters.remove(at);
            self.next += 1;
            self.turns.insert((class, key), self.next);
            self.forget_idle();
            Some(item)
        }

        fn remove(&mut self, item: u32) -> Option<u32> {
            let at = self.waiters.iter().position(|(known, ..)| *known == item)?;
            self.waiters.remove(at);
            self.forget_idle();
            Some(item)
        }

        fn forget_idle(&mut self) {
            let waiters = &self.waiters;
            self.turns.retain(|(class, key), _| waiters.iter().any(|(_, known, of, _)| known == key && of == class));
        }
    }

    #[derive(Debug, Clone)]
    enum Action {
        Push(u8, usize),
        Pop,
        Remove(usize),
        Wait(u64),
    }

    fn actions() -> impl Strategy<Value = Vec<Action>> {
        let action = prop_oneof![
            4 => (0_u8..4, 0_usize..3).prop_map(|(key, class)| Action::Push(key, class)),
            2 => Just(Action::Pop),
            1 => (0_usize..50).prop_map(Action::Remove),
            1 => (0_u64..15).prop_map(Action::Wait),
        ];
        prop::collection::vec(action, 1..150)
    }

    proptest! {
        #[test]
        fn it_does_what_the_plain_list_does(actions in actions(), capacity in 1_usize..40) {
            let (mut now, mut queue, mut model) = (origin(), FairQueue::new(capacity), Model::default());
            let mut tickets = Vec::new();
            for action in actions {
                match action {
                    Action::Push(key, class) => {
                        let item = u32::try_from(tickets.len()).unwrap();
                        let pushed = queue.push(item, (key, Priority::ALL[class]), now);
                        prop_assert_eq!(pushed.is_ok(), model.waiters.len() < capacity);
                        if let Ok(ticket) = pushed {
                            model.push(item, (key, Priority::ALL[class]), now);
                            tickets.push(ticket);
                        }
                    }
                    Action::Pop => prop_assert_eq!(queue.pop(now), model.pop(now)),
                    Action::Remove(at) => if let Some(ticket) = tickets.get(at) {
                        prop_assert_eq!(queue.remove(*ticket), model.remove(u32::try_from(at).unwrap()));
                    },
                    Action::Wait(seconds) => now += Duration::from_secs(seconds),
                }
                prop_assert_eq!(queue.len(), model.waiters.len());
                prop_assert_eq!(queue.is_empty(), model.waiters.is_empty());
            }
        }
    }
}
