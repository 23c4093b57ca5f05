use super::{Bench, SECOND};
use crate::ErrorKind;
use crate::samples::balance;

#[test]
fn fault_40_a_connection_is_not_trusted_after_the_machine_slept() {
    for wakes_by_frame in [true, false] {
        let mut bench = Bench::new();
        bench.settle("1", 10);
        bench.names();
        bench.wall += 600 * SECOND;
        if wakes_by_frame {
            // It waited in the socket.
            bench.text(&balance("2", 11));
        } else {
            bench.pass(5 * SECOND);
        }
        assert_eq!(bench.last_error(), ErrorKind::Idle);
        assert_eq!(bench.names(), ["disconnected"]);
        bench.settle("3", 20);
        assert_eq!(bench.names(), ["connected", "gap", "snapshot"]);
    }
}

#[test]
fn a_clock_that_is_stepped_by_seconds_is_no_sleep() {
    let mut bench = Bench::new();
    bench.settle("1", 10);
    bench.wall += 29 * SECOND;
    bench.text(&balance("2", 11));
    bench.wall -= 3_600 * SECOND;
    bench.text(&balance("3", 12));
    assert!(bench.session.is_open());
}
