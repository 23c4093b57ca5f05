use super::{Appearance, Cell, Column, Grid, Row, Style};
use crate::samples::look;
use crate::table::EscapeCodes;

const COLUMNS: &[Column] =
    &[Column::LEFT, Column::NUMBER, Column::RIGHT.with_rank(2), Column::LEFT.with_rank(1)];

fn row(texts: [&str; 4]) -> Row {
    texts.map(|text| Cell::plain(&text)).into()
}

fn printed(rows: &[[&str; 4]], width: fn() -> Option<usize>) -> Vec<String> {
    let mut lines = String::new();
    let rows: Vec<Row> = rows.iter().map(|texts| row(*texts)).collect();
    Grid::new(COLUMNS).rows(&rows, &look(width), &mut lines);
    lines.lines().map(str::to_owned).collect()
}

const ROWS: [[&str; 4]; 3] = [
    ["BTC", "1.10", "0/1", "x"],
    ["比特幣", "999999999999.99999999", "all/20", ""],
    ["", "-12", "", "partly"],
];

#[test]
fn columns_are_as_wide_as_their_contents_and_decimal_points_are_aligned() {
    assert_eq!(
        printed(&ROWS, || None),
        [
            "BTC               1.10          0/1 x",
            "比特幣 999999999999.99999999 all/20",
            "                -12                 partly",
        ]
    );
}

#[test]
fn the_least_important_columns_are_left_out_and_then_the_widest_is_cut() {
    let first = |width| printed(&ROWS[1..2], width)[0].clone();
    assert_eq!(first(|| Some(35)), "比特幣 999999999999.99999999 all/20");
    assert_eq!(first(|| Some(34)), "比特幣 999999999999.99999999");
    assert_eq!(first(|| Some(27)), "比特幣 999999999999.999999…");
    assert_eq!(first(|| Some(17)), "比特幣 999999999…");
    for width in [|| Some(0), || Some(1), || Some(7), || Some(12), || Some(33), || Some(41)] {
        let limit = width().unwrap_or_default().max(3);
        for line in printed(&ROWS, width) {
            assert!(super::width(&line) <= limit, "{limit}: {line}");
        }
    }
}

#[test]
fn an_empty_column_is_left_out_first() {
    const COLUMNS: &[Column] = &[Column::LEFT, Column::NUMBER.with_rank(4), Column::NUMBER.with_rank(5)];
    let cells = |texts: [&str; 3]| -> Row { texts.iter().map(Cell::plain).collect() };
    let mut lines = String::new();
    let mut grid = Grid::new(COLUMNS);
    let row = cells(["BTC", "1.10", ""]);
    grid.heading(
        cells(["CODE", "AVAILABLE", "CHANGE"]),
        std::slice::from_ref(&row),
        &look(|| Some(20)),
        &mut lines,
    );
    grid.rows(&[row, cells(["BTC", "1.00", "-0.10"])], &look(|| Some(20)), &mut lines);
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        ["CODE AVAILABLE", "CODE    CHANGE", "BTC", "BTC      -0.10"]
    );
}

#[test]
fn columns_are_left_out_before_a_number_is_cut_below_its_integer() {
    const COLUMNS: &[Column] = &[
        Column::LEFT.with_rank(Column::MAIN),
        Column::LEFT,
        Column::NUMBER.with_rank(Column::MAIN + 2),
        Column::RIGHT,
        Column::LEFT.with_rank(Column::MAIN + 1),
    ];
    let texts = ["07:28:23", "eth_twd", "70673.12345678", "1234567.12345678", "184.125 twd"];
    let line = |width| {
        let mut lines = String::new();
        let row = texts.iter().map(Cell::plain).collect();
        Grid::new(COLUMNS).rows(&[row], &look(width), &mut lines);
        lines.trim_end().to_owned()
    };
    assert_eq!(line(|| Some(60)), "07:28:23 eth_twd 70673.12345678 1234567.12345678 184.125 twd");
    assert_eq!(line(|| Some(50)), "07:28:23 eth_twd 70673.1234… 1234567.1… 184.125 t…");
    assert_eq!(line(|| Some(40)), "07:28:23 eth_twd 70673.… 1234567… 184.1…");
    assert_eq!(line(|| Some(30)), "eth_twd 70673… 1234567… 184.1…");
    assert_eq!(line(|| Some(24)), "eth_twd 70673.… 1234567…");
    assert_eq!(line(|| Some(20)), "eth_twd 1234567.123…");
    assert_eq!(line(|| Some(10)), "eth_… 123…");
}

#[test]
fn the_heading_is_repeated_when_the_terminal_has_room_for_other_columns() {
    let mut grid = Grid::new(COLUMNS);
    let mut lines = String::new();
    let rows = [row(ROWS[0])];
    grid.heading(row(["CODE", "AMOUNT", "EXECUTED", "STATUS"]), &rows, &look(|| None), &mut lines);
    for width in [|| None, || Some(25), || Some(20), || None] {
        grid.rows(&rows, &look(width), &mut lines);
    }
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "CODE AMOUNT EXECUTED STATUS",
            "BTC    1.10      0/1 x",
            "CODE AMOUNT EXECUTED",
            "BTC    1.10      0/1",
            "BTC    1.10      0/1",
            "CODE AMOUNT EXECUTED STATUS",
            "BTC    1.10      0/1 x",
        ]
    );
}

#[test]
fn cells_are_escaped_and_styled() {
    let mut lines = String::new();
    let look = Appearance { escapes: EscapeCodes::All, ..look(|| None) };
    let row = vec![Cell::new(Style::Green, &"A\x1b"), Cell::plain(&"1")];
    Grid::new(COLUMNS).rows(&[row], &look, &mut lines);
    assert_eq!(lines, "\x1b[32mA\\u{1b}\x1b[0m 1\n");
}
