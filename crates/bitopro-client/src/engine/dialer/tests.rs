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

fn add(dialer: &mut Dialer, now: Instant) -> LinkId {
    let number = u64::try_from(dialer.links.len()).unwrap();
    let id = LinkId { subscriber: SubscriberId(number), stream: PrivateStream::UserTrades.into() };
    dialer.add(id, now);
    id
}

/// Returns the time until which the link has to wait, or `None` if it dials.
fn wait_of(dialer: &mut Dialer, link: LinkId, now: Instant) -> Option<Instant> {
    match dialer.turn(link, now, DIAL, None) {
        Turn::Dial => None,
        Turn::Wait(until) => {
            assert!(until > now, "the wait must end in the future");
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
fn a_dial_that_never_ends_blocks_others_only_for_its_maximum_duration() {
    let (mut dialer, start) = (dialer(), test_start());
    let (never_ending, second, third) =
        (add(&mut dialer, start), add(&mut dialer, start), add(&mut dialer, start));
    assert_eq!(wait_of(&mut dialer, never_ending, start), None);
    assert_eq!(wait_of(&mut dialer, second, start + SECOND * 10), Some(start + DIAL));
    assert_eq!(wait_of(&mut dialer, second, start + DIAL), None);
    dialer.remove(never_ending);
    let during = wait_of(&mut dialer, third, start + SECOND * 13);
    assert_eq!(during, Some(start + DIAL * 2), "the second dial is still in progress");
    dialer.remove(second);
    assert_eq!(wait_of(&mut dialer, third, start + SECOND * 13), None);
}

#[test]
fn a_hold_prevents_every_link_from_dialling() {
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
        // In reverse order, to check that a link gains nothing by asking first.
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
fn fault_46_a_link_whose_backoff_has_not_expired_gets_no_turn() {
    let (mut dialer, start) = (dialer(), test_start());
    let (first, second) = (add(&mut dialer, start), add(&mut dialer, start));
    dialer.wait(first, start + SECOND * 60);
    assert_eq!(wait_of(&mut dialer, second, start), None);
    dialer.wait(second, start);
    assert_eq!(wait_of(&mut dialer, second, start + SECOND), None);
    assert_eq!(wait_of(&mut dialer, first, start + SECOND), Some(start + SECOND * 60));
}

#[test]
fn fault_46_a_link_that_does_not_take_its_turn_blocks_the_others_for_a_second() {
    let (mut dialer, start) = (dialer(), test_start());
    let (absent, present) = (add(&mut dialer, start), add(&mut dialer, start));
    assert_eq!(wait_of(&mut dialer, present, start), Some(start + SECOND));
    assert_eq!(wait_of(&mut dialer, present, start + SECOND), None);
    dialer.wait(present, start);
    let later = start + SECOND * 5;
    assert_eq!(wait_of(&mut dialer, absent, later), None, "it can still take a later turn");
}

#[test]
fn pauses_double_until_an_upgrade_is_accepted() {
    let (mut dialer, start) = (dialer(), test_start());
    let link = add(&mut dialer, start);
    let pauses: Vec<u64> = (0..6).map(|_| dialer.next_pause().as_secs()).collect();
    assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    dialer.record_upgrade(link, PrivateStream::UserTrades.path(), start);
    assert_eq!(dialer.next_pause(), FIRST_PAUSE);
}

#[test]
fn no_outage_is_counted_while_a_link_is_online() {
    let (mut dialer, start) = (dialer(), test_start());
    let links = [add(&mut dialer, start), add(&mut dialer, start)];
    assert_eq!((dialer.count_outage(), dialer.count_outage()), (Some(0), Some(1)));
    for link in links {
        dialer.record_upgrade(link, PrivateStream::UserTrades.path(), start);
    }
    dialer.wait(links[0], start);
    assert_eq!(dialer.count_outage(), None);
    dialer.remove(links[1]);
    assert_eq!(dialer.count_outage(), Some(1));
}

#[test]
fn a_permanent_refusal_of_the_key_ends_only_the_links_that_are_waiting() {
    let (mut dialer, start) = (dialer(), test_start());
    let (waiting, online) = (add(&mut dialer, start), add(&mut dialer, start));
    dialer.record_upgrade(online, PrivateStream::UserTrades.path(), start);
    let at = Timestamp::from_millis(1);
    assert_eq!(
        (dialer.record_key_refusal(start, at).count, dialer.record_key_refusal(start, at).count),
        (1, 2)
    );
    dialer.refuse_waiting(&Error::new(ErrorKind::Unauthorized, "no"));
    assert!(matches!(dialer.turn(waiting, start, DIAL, None), Turn::Refused(_)));
    let later = add(&mut dialer, start);
    assert_eq!(wait_of(&mut dialer, later, start), None);
    assert_eq!(dialer.record_key_refusal(start, at).count, 1, "the streak has started again");
    dialer.close(later);
    dialer.wait(online, start);
    assert_eq!(wait_of(&mut dialer, online, start + SECOND), None, "it dials again");
    dialer.record_key_refusal(start, at);
    dialer.record_upgrade(online, PrivateStream::UserTrades.path(), start);
    assert_eq!(dialer.record_key_refusal(start, at).count, 1, "an accepted upgrade ends the streak");
}

/// A link, the end of its backoff, and the number of other dials since it became ready.
struct ObservedLink {
    link: LinkId,
    ready_at: Instant,
    overtaken: usize,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// A link that is ready is overtaken at most once by each of the others, whatever their backoffs.
    #[test]
    fn fault_46_no_link_starves(backoffs in prop::collection::vec(0u64..90, 40..60)) {
        let (mut dialer, mut now) = (dialer(), test_start());
        let mut links: Vec<ObservedLink> =
            (0..4).map(|_| ObservedLink { link: add(&mut dialer, now), ready_at: now, overtaken: 0 }).collect();
        let mut backoffs = backoffs.into_iter();
        for _ in 0..4_000 {
            let dialed = links.iter().position(|observed| wait_of(&mut dialer, observed.link, now).is_none());
            if let Some(dialed) = dialed {
                let Some(backoff) = backoffs.next() else { break };
                let others = links.iter_mut().enumerate().filter(|(index, _)| *index != dialed);
                others.filter(|(_, other)| other.ready_at <= now).for_each(|(_, other)| other.overtaken += 1);
                let ready_at = now + SECOND * u32::try_from(backoff).unwrap();
                links[dialed] = ObservedLink { ready_at, overtaken: 0, ..links[dialed] };
                dialer.wait(links[dialed].link, ready_at);
                prop_assert!(links.iter().all(|observed| observed.overtaken <= 3));
            } else {
                now += SECOND;
            }
        }
    }
}
