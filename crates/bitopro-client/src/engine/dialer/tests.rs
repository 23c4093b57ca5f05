use std::time::{Duration, Instant};

use bitopro_model::{PrivateStream, Timestamp};
use proptest::prelude::*;

use super::{Dialer, FIRST_PAUSE, Turn};
use crate::engine::{LinkId, SubscriberId};
use crate::system::test_start;
use crate::{Error, ErrorKind, Settings};

const SECOND: Duration = Duration::from_secs(1);
const DIAL: Duration = Duration::from_secs(11);

fn dialer() -> Dialer {
    Dialer::new(&Settings { dial_spacing: SECOND, ..Settings::default() })
}

/// Adds a link.
fn add(dialer: &mut Dialer, now: Instant) -> LinkId {
    let number = u64::try_from(dialer.links.len()).unwrap();
    let id = LinkId { subscriber: SubscriberId(number), stream: PrivateStream::UserTrades };
    dialer.add(id, now);
    id
}

/// Returns until when the link has to wait, or nothing if it dials.
fn wait_of(dialer: &mut Dialer, link: LinkId, now: Instant) -> Option<Instant> {
    match dialer.turn(link, now, DIAL, None) {
        Turn::Dial => None,
        Turn::Wait(until) => {
            assert!(until > now, "a wait that is over");
            Some(until)
        }
        Turn::Refused(error) => panic!("{error}"),
    }
}

#[test]
fn one_dial_is_in_progress_at_a_time() {
    let (mut dialer, start) = (dialer(), test_start());
    let (first, second) = (add(&mut dialer, start), add(&mut dialer, start));
    assert_eq!(wait_of(&mut dialer, first, start), None);
    assert_eq!(wait_of(&mut dialer, second, start + SECOND * 5), Some(start + DIAL));
    dialer.wait(first, start + SECOND * 60);
    assert_eq!(wait_of(&mut dialer, second, start + SECOND * 5), None);
}

#[test]
fn a_dial_that_never_ends_blocks_no_longer_than_it_may_take() {
    let (mut dialer, start) = (dialer(), test_start());
    let (forgotten, second, third) =
        (add(&mut dialer, start), add(&mut dialer, start), add(&mut dialer, start));
    assert_eq!(wait_of(&mut dialer, forgotten, start), None);
    assert_eq!(wait_of(&mut dialer, second, start + SECOND * 10), Some(start + DIAL));
    assert_eq!(wait_of(&mut dialer, second, start + DIAL), None);
    dialer.remove(forgotten);
    let during = wait_of(&mut dialer, third, start + SECOND * 13);
    assert_eq!(during, Some(start + DIAL * 2), "the second dial is still in progress");
    dialer.remove(second);
    assert_eq!(wait_of(&mut dialer, third, start + SECOND * 13), None);
}

#[test]
fn a_hold_keeps_every_link_from_dialling() {
    let (mut dialer, start) = (dialer(), test_start());
    let link = add(&mut dialer, start);
    dialer.hold(start + SECOND * 7);
    dialer.hold(start + SECOND * 3);
    assert_eq!(wait_of(&mut dialer, link, start), Some(start + SECOND * 7));
    assert_eq!(wait_of(&mut dialer, link, start + SECOND * 7), None);
}

#[test]
fn fault_46_the_link_whose_last_dial_is_the_oldest_goes_next() {
    let (mut dialer, start) = (dialer(), test_start());
    let links: Vec<LinkId> = (0..4).map(|_| add(&mut dialer, start)).collect();
    let mut order = Vec::new();
    for second in 0..8 {
        let now = start + SECOND * second;
        // The other way round, so that a link that asks first gains nothing.
        for link in links.iter().rev() {
            if wait_of(&mut dialer, *link, now).is_none() {
                order.push(link.subscriber.0);
                dialer.wait(*link, now);
            }
        }
    }
    assert_eq!(order, [0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn fault_46_a_link_whose_backoff_has_not_expired_has_no_turn() {
    let (mut dialer, start) = (dialer(), test_start());
    let (first, second) = (add(&mut dialer, start), add(&mut dialer, start));
    dialer.wait(first, start + SECOND * 60);
    assert_eq!(wait_of(&mut dialer, second, start), None);
    dialer.wait(second, start);
    assert_eq!(wait_of(&mut dialer, second, start + SECOND), None);
    assert_eq!(wait_of(&mut dialer, first, start + SECOND), Some(start + SECOND * 60));
}

#[test]
fn fault_46_a_link_that_lets_its_turn_pass_blocks_the_others_for_a_second() {
    let (mut dialer, start) = (dialer(), test_start());
    let (absent, present) = (add(&mut dialer, start), add(&mut dialer, start));
    assert_eq!(wait_of(&mut dialer, present, start), Some(start + SECOND));
    assert_eq!(wait_of(&mut dialer, present, start + SECOND), None);
    dialer.wait(present, start);
    let later = start + SECOND * 5;
    assert_eq!(wait_of(&mut dialer, absent, later), None, "it may still come");
}

#[test]
fn pauses_double_until_an_upgrade_is_accepted() {
    let (mut dialer, start) = (dialer(), test_start());
    let link = add(&mut dialer, start);
    let pauses: Vec<u64> = (0..6).map(|_| dialer.next_pause().as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    dialer.accept(link, PrivateStream::UserTrades, start);
    assert_eq!(dialer.next_pause(), FIRST_PAUSE);
}

#[test]
fn while_a_link_is_online_there_is_no_outage() {
    let (mut dialer, start) = (dialer(), test_start());
    let links = [add(&mut dialer, start), add(&mut dialer, start)];
    assert_eq!((dialer.count_outage(), dialer.count_outage()), (Some(0), Some(1)));
    for link in links {
        dialer.accept(link, PrivateStream::UserTrades, start);
    }
    dialer.wait(links[0], start);
    assert_eq!(dialer.count_outage(), None);
    dialer.remove(links[1]);
    assert_eq!(dialer.count_outage(), Some(1));
}

#[test]
fn a_verdict_about_the_key_ends_the_links_that_wait_and_is_not_kept() {
    let (mut dialer, start) = (dialer(), test_start());
    let (waiting, online) = (add(&mut dialer, start), add(&mut dialer, start));
    dialer.accept(online, PrivateStream::UserTrades, start);
    let at = Timestamp::from_millis(1);
    assert_eq!((dialer.refuse_key(start, at).count, dialer.refuse_key(start, at).count), (1, 2));
    dialer.end_waiting(&Error::new(ErrorKind::Unauthorized, "no"));
    assert!(matches!(dialer.turn(waiting, start, DIAL, None), Turn::Refused(_)));
    let later = add(&mut dialer, start);
    assert_eq!(wait_of(&mut dialer, later, start), None);
    assert_eq!(dialer.refuse_key(start, at).count, 1, "the evidence is used up");
    dialer.close(later);
    dialer.wait(online, start);
    assert_eq!(wait_of(&mut dialer, online, start + SECOND), None, "it asks the exchange again");
    dialer.refuse_key(start, at);
    dialer.accept(online, PrivateStream::UserTrades, start);
    assert_eq!(dialer.refuse_key(start, at).count, 1, "an accepted upgrade refutes what was before");
}

/// A link that is looked at by a test: until when its backoff lasts, and how often it was passed over.
struct Seen {
    link: LinkId,
    ready_at: Instant,
    passed: usize,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Whatever the backoffs, a link that is ready is passed over at most once by each of the others.
    #[test]
    fn fault_46_no_link_starves(backoffs in prop::collection::vec(0u64..90, 40..60)) {
        let (mut dialer, mut now) = (dialer(), test_start());
        let mut links: Vec<Seen> =
            (0..4).map(|_| Seen { link: add(&mut dialer, now), ready_at: now, passed: 0 }).collect();
        let mut backoffs = backoffs.into_iter();
        for _ in 0..4_000 {
            let dialed = links.iter().position(|seen| wait_of(&mut dialer, seen.link, now).is_none());
            if let Some(dialed) = dialed {
                let Some(backoff) = backoffs.next() else { break };
                let passed = links.iter_mut().enumerate().filter(|(index, _)| *index != dialed);
                passed.filter(|(_, seen)| seen.ready_at <= now).for_each(|(_, seen)| seen.passed += 1);
                let ready_at = now + SECOND * u32::try_from(backoff).unwrap();
                links[dialed] = Seen { ready_at, passed: 0, ..links[dialed] };
                dialer.wait(links[dialed].link, ready_at);
                prop_assert!(links.iter().all(|seen| seen.passed <= 3));
            } else {
                now += SECOND;
            }
        }
    }
}
