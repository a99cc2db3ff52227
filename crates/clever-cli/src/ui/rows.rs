//! Tables of text that may come from outside, which fit a terminal without breaking a word.

use std::fmt;

use clever_model::visible;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width,
};

use super::{ZERO, wrap};

/// A table whose cells are shown and never obeyed. It is printed by [`super::Ui::rows`] alone.
#[derive(Debug)]
pub(crate) struct Rows {
    headers: Vec<String>,
    /// How many columns from the left are words; the others are numbers.
    left: usize,
    rows: Vec<Vec<String>>,
}

/// Starts a table whose columns after the first `left` are numbers.
pub(crate) fn table(headers: &[&str], left: usize) -> Rows {
    Rows {
        headers: headers.iter().map(|header| (*header).to_owned()).collect(),
        left,
        rows: Vec::new(),
    }
}

impl Rows {
    /// Adds a row.
    pub(crate) fn add_row<T: fmt::Display>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter();
        self.rows.push(
            cells
                .map(|cell| visible(&cell.to_string()).into_owned())
                .collect(),
        );
    }

    /// The table in lines for a terminal of `width` columns, or for no terminal.
    ///
    /// If the terminal is so narrow that a heading, an id or another word would be broken, each row becomes a
    /// paragraph.
    pub(super) fn drawn(&self, width: Option<usize>, styled: bool) -> Vec<String> {
        let narrowest = self.longest_words();
        let frame = 3 * narrowest.len() + 1;
        let least = frame + narrowest.iter().copied().map(usize::from).sum::<usize>();
        if width.is_some_and(|width| width < least) {
            return self.paragraphs(width);
        }
        let mut table = self.begun(styled);
        if let Some(width) = width.and_then(|width| u16::try_from(width).ok()) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        for row in &self.rows {
            table.add_row(row.iter().map(Cell::new));
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            if at >= self.left {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if let Some(least) = narrowest.get(at) {
                let padded = least + column.padding_width();
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(padded)));
            }
        }
        table.lines().collect()
    }

    fn begun(&self, styled: bool) -> Table {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
            .set_content_arrangement(ContentArrangement::Disabled);
        if styled {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let headers = self.headers.iter();
        table.set_header(headers.map(|header| Cell::new(header).add_attribute(Attribute::Bold)));
        table
    }

    /// How wide the longest word of each column is.
    fn longest_words(&self) -> Vec<u16> {
        let words = |text: &String| Cell::new(text.replace(' ', "\n"));
        let mut table = Table::new();
        table.set_header(self.headers.iter().map(words));
        for row in &self.rows {
            table.add_row(row.iter().map(words));
        }
        table.column_max_content_widths()
    }

    /// Each row as its first cell, and below it the others with their headings.
    fn paragraphs(&self, width: Option<usize>) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut cells = row.iter().zip(&self.headers);
            if let Some((first, _)) = cells.next() {
                lines.extend(wrap::lines(first, width));
            }
            let told = cells.filter(|(cell, _)| !cell.is_empty() && *cell != ZERO);
            let told: Vec<String> = told
                .map(|(cell, heading)| format!("{heading}: {cell}"))
                .collect();
            if !told.is_empty() {
                lines.extend(wrap::lines(&format!("  {}", told.join("; ")), width));
            }
        }
        lines
    }
}

/// How many columns the terminal behind standard output, or error, has; none where it is no terminal.
pub(super) fn width(error: bool) -> Option<usize> {
    let mut probe = Table::new();
    if error {
        probe.use_stderr();
    }
    // A terminal that names no room is no reason to print a letter a line.
    probe.width().map(usize::from).filter(|width| *width >= 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn districts() -> Rows {
        let headers = [
            "District",
            "Name",
            "Status",
            "Last success",
            "Last run",
            "Held",
        ];
        let mut rows = table(&headers, 5);
        rows.add_row([
            "6a702e609e3779b90100000b",
            "Mount Pleasant Unified School District of the Lakes",
            "held",
            "26 h ago",
            "just now",
            "2",
        ]);
        rows.add_row([
            "6a702e609e3779b90100000c",
            "Hill",
            "ok",
            "2 h ago",
            "2 h ago",
            ZERO,
        ]);
        rows
    }

    #[test]
    fn d9_no_width_breaks_a_heading_an_id_or_a_word() {
        let rows = districts();
        let words = |text: &str| -> Vec<String> {
            let parts = text.split(|c: char| c.is_whitespace() || "│;".contains(c));
            parts.map(str::to_owned).collect()
        };
        for width in 20..160 {
            let drawn = rows.drawn(Some(width), false);
            let shown = words(&drawn.join("\n"));
            for cell in rows.rows.iter().flatten().filter(|cell| *cell != ZERO) {
                for word in words(cell) {
                    assert!(
                        shown.contains(&word),
                        "{width}: {word} in\n{}",
                        drawn.join("\n")
                    );
                }
            }
            if width >= 40 {
                let longest = drawn.iter().map(|line| line.chars().count()).max();
                assert!(longest <= Some(width), "{width}:\n{}", drawn.join("\n"));
            }
        }
    }

    #[test]
    fn a_narrow_terminal_gets_a_paragraph_a_row() {
        assert_eq!(
            districts().drawn(Some(60), false),
            [
                "6a702e609e3779b90100000b",
                "  Name: Mount Pleasant Unified School District of the Lakes;",
                "    Status: held; Last success: 26 h ago; Last run: just",
                "    now; Held: 2",
                "6a702e609e3779b90100000c",
                "  Name: Hill; Status: ok; Last success: 2 h ago; Last run: 2",
                "    h ago",
            ]
        );
    }

    #[test]
    fn field_13_a_cell_makes_no_row_and_moves_no_cursor() {
        let mut rows = table(&["District", "Name"], 2);
        rows.add_row(["d1", "X\nd2 │ ok\u{1b}[2K\u{202e}"]);
        let drawn = rows.drawn(None, false);
        assert_eq!(drawn.len(), 5, "{drawn:?}");
        let drawn = drawn.join("\n");
        assert!(
            drawn.contains(r"X\nd2 │ ok\u{1b}[2K\u{202e}") && !drawn.contains('\u{1b}'),
            "{drawn}"
        );
    }
}
