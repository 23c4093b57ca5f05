//! How the lines of a terminal are shared out among the tables on it.

/// A heading and the names of the columns.
const ABOVE_BODY: usize = 2;
/// What a body should have before anything is spent on empty lines and notes.
const DECENT_BODY: usize = 3;

/// How many lines each part gets, of which there may be too few: what does not fit is left out at the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The bodies of the tables, in order: at least one line each.
    pub(super) bodies: Vec<usize>,
    /// Whether an empty line stands below each table.
    pub(super) is_spaced: bool,
    /// How many notes stand below the tables.
    pub(super) notes: usize,
}

impl Layout {
    /// Of so many lines, for tables whose bodies would like to have so many each, and so many notes.
    pub(super) fn new(lines: usize, wanted: &[usize], notes: usize) -> Self {
        let tables = wanted.len();
        let least: usize = wanted.iter().map(|wanted| ABOVE_BODY + (*wanted).min(DECENT_BODY)).sum();
        let spare = lines.saturating_sub(least);
        // The latest note is worth more than empty lines, and these are worth more than the other notes.
        let is_spaced = spare >= tables + notes.min(1);
        let notes = notes.min(spare.saturating_sub(if is_spaced { tables } else { 0 }));
        let used = ABOVE_BODY * tables + notes + if is_spaced { tables } else { 0 };
        Self { bodies: shared(lines.saturating_sub(used), wanted), is_spaced, notes }
    }
}

/// Gives everybody the same, but nobody more than wanted, and nobody nothing.
fn shared(lines: usize, wanted: &[usize]) -> Vec<usize> {
    let mut shares = vec![1; wanted.len()];
    let mut left = lines.saturating_sub(shares.len());
    while left > 0 {
        let before = left;
        for (share, wanted) in shares.iter_mut().zip(wanted) {
            if left > 0 && *share < *wanted {
                *share += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::{ABOVE_BODY, Layout};

    #[test]
    fn on_a_high_terminal_everything_has_its_place() {
        let layout = Layout::new(60, &[11, 4, 8, 5], 4);
        assert_eq!(layout, Layout { bodies: vec![11, 4, 8, 5], is_spaced: true, notes: 4 });
    }

    #[test]
    fn what_is_scarce_is_shared_and_what_one_does_not_want_goes_to_the_others() {
        assert_eq!(Layout::new(39, &[11, 4, 1000, 1000], 4).bodies, [7, 4, 6, 6]);
        let low = Layout::new(24, &[11, 4, 8, 5], 4);
        assert_eq!(low, Layout { bodies: vec![3, 3, 3, 3], is_spaced: false, notes: 4 });
        let one = Layout::new(23, &[1000], 4);
        assert_eq!(one, Layout { bodies: vec![16], is_spaced: true, notes: 4 });
    }

    #[test]
    fn it_never_takes_more_than_there_is_as_long_as_each_table_has_a_line() {
        for lines in 0..80 {
            for wanted in [&[11, 4, 8, 5][..], &[1000; 4], &[1, 1, 1, 1], &[7], &[]] {
                for notes in 0..=4 {
                    let Layout { bodies, is_spaced, notes } = Layout::new(lines, wanted, notes);
                    let tables = bodies.len();
                    let gaps = if is_spaced { tables } else { 0 };
                    let used = bodies.iter().sum::<usize>() + ABOVE_BODY * tables + gaps + notes;
                    assert!(used <= lines.max((ABOVE_BODY + 1) * tables), "{lines} {wanted:?}: {used}");
                    assert!(bodies.iter().zip(wanted).all(|(body, wanted)| *body >= 1 && body <= wanted));
                }
            }
        }
    }
}
