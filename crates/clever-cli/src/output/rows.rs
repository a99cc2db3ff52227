//! Tables of text that may come from outside.

use std::fmt;

use clever_model::visible;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};

/// Narrowest terminal that tables are fitted to, in columns.
const MIN_WIDTH: u16 = 60;

/// A table whose cells are shown and never obeyed. It is printed by [`super::rows()`] alone.
#[derive(Debug)]
pub(crate) struct Rows(Table);

impl Rows {
    /// Adds a row.
    pub(crate) fn add_row<T: fmt::Display>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.0.add_row(
            cells
                .into_iter()
                .map(|cell| Cell::new(visible(&cell.to_string()))),
        );
    }

    /// The table in lines.
    pub(super) fn drawn(&self) -> String {
        self.0.to_string()
    }
}

/// Starts a table whose columns after the first `left` are numbers.
pub(crate) fn table(headers: &[&str], left: usize) -> Rows {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
        .set_content_arrangement(ContentArrangement::Dynamic);
    // A terminal that gives no room, or names none, would get one letter a line.
    if table.width().is_some_and(|width| width < MIN_WIDTH) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(
        headers
            .iter()
            .map(|header| Cell::new(header).add_attribute(Attribute::Bold)),
    );
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    Rows(table)
}

/// How many columns the terminal behind standard output, or error, has; none where it is no terminal.
pub(super) fn width(error: bool) -> Option<usize> {
    let mut probe = Table::new();
    if error {
        probe.use_stderr();
    }
    probe.width().map(usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_13_a_cell_makes_no_row_and_moves_no_cursor() {
        let mut rows = table(&["District", "Name"], 2);
        rows.add_row(["d1", "X\nd2 │ ok\u{1b}[2K\u{202e}"]);
        let drawn = rows.drawn();
        assert_eq!(drawn.lines().count(), 5, "{drawn}");
        assert!(
            drawn.contains(r"X\nd2 │ ok\u{1b}[2K\u{202e}") && !drawn.contains('\u{1b}'),
            "{drawn}"
        );
    }
}
