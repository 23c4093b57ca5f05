//! Distributes the lines of a terminal among its tables and notes.

/// Number of lines above the body of a table: its title and the column names.
const HEADER_LINES: usize = 2;
/// Number of body lines of each table that take precedence over empty lines and notes.
const MIN_BODY_LINES: usize = 3;

/// Maximum number of lines of the latest note.
pub(super) const LATEST_NOTE_LINES: usize = 2;

/// The number of lines of each part. If they exceed the terminal, the last ones are not drawn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Lines of each table body, in order; at least one each.
    pub(super) bodies: Vec<usize>,
    /// True if an empty line follows each table.
    pub(super) is_spaced: bool,
    /// Number of lines with notes below the tables.
    pub(super) notes: usize,
}

impl Layout {
    /// Distributes `lines` among tables whose complete bodies have `wanted` lines each, and at most this many
    /// lines with notes.
    pub(super) fn new(lines: usize, wanted: &[usize], notes: usize) -> Self {
        let tables = wanted.len();
        let least: usize = wanted.iter().map(|wanted| HEADER_LINES + (*wanted).min(MIN_BODY_LINES)).sum();
        let spare = lines.saturating_sub(least);
        // The latest note takes precedence over empty lines, and these over the other notes.
        let is_spaced = spare >= tables + notes.min(LATEST_NOTE_LINES);
        let notes = notes.min(spare.saturating_sub(if is_spaced { tables } else { 0 }));
        let used = HEADER_LINES * tables + notes + if is_spaced { tables } else { 0 };
        Self { bodies: distribute(lines.saturating_sub(used), wanted), is_spaced, notes }
    }
}

/// Distributes lines evenly, with at least one and at most the wanted number for each table.
fn distribute(lines: usize, wanted: &[usize]) -> Vec<usize> {
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
    use super::{HEADER_LINES, Layout};

    #[test]
    fn a_tall_terminal_shows_everything() {
        let layout = Layout::new(60, &[11, 4, 8, 5], 4);
        assert_eq!(layout, Layout { bodies: vec![11, 4, 8, 5], is_spaced: true, notes: 4 });
    }

    #[test]
    fn scarce_lines_are_shared_evenly_up_to_the_wanted_number() {
        assert_eq!(Layout::new(39, &[11, 4, 1000, 1000], 4).bodies, [7, 4, 6, 6]);
        let low = Layout::new(24, &[11, 4, 8, 5], 4);
        assert_eq!(low, Layout { bodies: vec![3, 3, 3, 3], is_spaced: false, notes: 4 });
        let one = Layout::new(23, &[1000], 4);
        assert_eq!(one, Layout { bodies: vec![16], is_spaced: true, notes: 4 });
    }

    #[test]
    fn a_layout_fits_if_every_table_can_have_one_body_line() {
        for lines in 0..80 {
            for wanted in [&[11, 4, 8, 5][..], &[1000; 4], &[1, 1, 1, 1], &[7], &[]] {
                for notes in 0..=4 {
                    let Layout { bodies, is_spaced, notes } = Layout::new(lines, wanted, notes);
                    let tables = bodies.len();
                    let gaps = if is_spaced { tables } else { 0 };
                    let used = bodies.iter().sum::<usize>() + HEADER_LINES * tables + gaps + notes;
                    assert!(used <= lines.max((HEADER_LINES + 1) * tables), "{lines} {wanted:?}: {used}");
                    assert!(bodies.iter().zip(wanted).all(|(body, wanted)| *body >= 1 && body <= wanted));
                }
            }
        }
    }
}
