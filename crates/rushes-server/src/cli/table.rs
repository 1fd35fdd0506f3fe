//! Columns that line up.

/// Rows under headings. The last column is ragged, numbers stand to the right.
#[derive(Clone, Debug)]
pub(crate) struct Table<'a> {
    headings: Vec<&'a str>,
    rows: Vec<Vec<String>>,
}

impl<'a> Table<'a> {
    /// A table with these headings and no rows.
    pub(crate) fn new(headings: &[&'a str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; a cell for each heading. Line ends in a cell become spaces.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let plain = |cell: String| cell.replace(['\n', '\r', '\t'], " ");
        self.rows.push(cells.into_iter().map(plain).collect());
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text; nothing when there are no rows.
    pub(crate) fn text(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let widths: Vec<usize> = (0..self.headings.len()).map(|n| self.width(n)).collect();
        let headings = self.headings.iter().map(|heading| (*heading).to_owned()).collect();
        let lines = std::iter::once(&headings).chain(&self.rows);
        lines.map(|cells| line(cells, &widths)).collect()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(self.headings.get(column).map_or(0, |heading| heading.chars().count()))
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| match cell.parse::<u64>() {
            Ok(_) => format!("{cell:>width$}"),
            Err(_) => format!("{cell:<width$}"),
        })
        .collect();
    format!("{}\n", padded.join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let mut table = Table::new(&["NAME", "FRAMES"]);
        table.row(["a\nb".into(), "7".into()]);
        table.row(["longer".into(), "1200".into()]);
        assert_eq!(table.text(), "NAME    FRAMES\na b          7\nlonger    1200\n");
        assert_eq!(Table::new(&["NAME"]).text(), "");
    }
}
