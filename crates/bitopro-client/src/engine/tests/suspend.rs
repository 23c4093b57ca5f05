use super::{Bench, SECOND};
use crate::ErrorKind;
use crate::samples::balance;

#[test]
fn fault_40_a_connection_is_not_trusted_after_the_machine_slept() {
    for wakes_by_frame in [true, false] {
        let mut bench = Bench::new();
        bench.connect_with_snapshot("1", 10);
        bench.take_names();
        bench.wall += 600 * SECOND;
        if wakes_by_frame {
            // The frame waited in the socket during the sleep.
            bench.receive_text(&balance("2", 11));
        } else {
            bench.advance(5 * SECOND);
        }
        assert_eq!(bench.last_error(), ErrorKind::Idle);
        assert_eq!(bench.take_names(), ["disconnected"]);
        bench.connect_with_snapshot("3", 20);
        assert_eq!(bench.take_names(), ["connected", "gap", "snapshot"]);
    }
}

#[test]
fn setting_the_clock_ahead_by_less_than_the_limit_or_back_is_not_a_sleep() {
    let mut bench = Bench::new();
    bench.connect_with_snapshot("1", 10);
    bench.wall += 29 * SECOND;
    bench.receive_text(&balance("2", 11));
    bench.wall -= 3_600 * SECOND;
    bench.receive_text(&balance("3", 12));
    assert!(bench.link.is_open());
}
