//! The report as text: a table of splits, then what is wrong, then what is worth knowing.

use super::report::{Frames, Report, SplitReport};

/// Heads of the table's columns.
const HEADS: [&str; 8] = [
    "split",
    "clips",
    "readable",
    "frames",
    "size",
    "fps",
    "colours",
    "ground truth",
];

/// Sizes that are named; the others are counted.
const SIZES: usize = 3;

impl Report {
    /// The report as lines.
    pub fn table(&self) -> String {
        let mut rows = vec![HEADS.map(str::to_owned)];
        rows.extend(self.splits.iter().map(SplitReport::row));
        let widths: Vec<usize> = (0..HEADS.len())
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                cells.max().unwrap_or(0)
            })
            .collect();
        let mut lines: Vec<String> = Vec::new();
        for row in &rows {
            let cells = row.iter().zip(&widths);
            let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            lines.push(line.trim_end().to_owned());
        }
        lines.push(String::new());
        for fault in &self.faults {
            let clip = fault.clip.as_ref().map(|clip| format!(" {clip}"));
            lines.push(format!(
                "{} {}{}: {}",
                fault.kind.word(),
                fault.split,
                clip.unwrap_or_default(),
                fault.message
            ));
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines.push(match self.faults.len() {
            0 => format!("{}: nothing is wrong", self.dataset),
            1 => format!("{}: 1 fault", self.dataset),
            count => format!("{}: {count} faults", self.dataset),
        });
        lines.join("\n")
    }
}

impl SplitReport {
    fn row(&self) -> [String; 8] {
        let none = || "–".to_owned();
        let clips = match self.published {
            Some(published) => format!("{} of {published}", self.clips),
            None => self.clips.to_string(),
        };
        let frames = self.frames.map(|Frames { min, median, max }| {
            if min == max {
                min.to_string()
            } else {
                format!("{min}..{max}, median {median}")
            }
        });
        let fps = self.fps.map(|[least, greatest]| {
            if least == greatest {
                least.to_string()
            } else {
                format!("{least}..{greatest}")
            }
        });
        let colours = self
            .colours
            .map(|[least, greatest]| format!("{least}..{greatest}"));
        let knows: Vec<&str> = self.knows.iter().map(|truth| truth.word()).collect();
        [
            self.split.clone(),
            clips,
            format!("{} of {}", self.readable, self.examined),
            frames.unwrap_or_else(none),
            self.size(),
            fps.unwrap_or_else(none),
            colours.unwrap_or_else(none),
            if knows.is_empty() {
                none()
            } else {
                knows.join(", ")
            },
        ]
    }

    /// Sizes as width × height, with the number of clips where there are several.
    fn size(&self) -> String {
        match &self.sizes[..] {
            [] => "–".to_owned(),
            [one] => format!("{}×{}", one.width, one.height),
            several => {
                let named = several.iter().take(SIZES);
                let named =
                    named.map(|one| format!("{} of {}×{}", one.clips, one.width, one.height));
                let mut named: Vec<String> = named.collect();
                if several.len() > SIZES {
                    named.push(format!("{} other sizes", several.len() - SIZES));
                }
                named.join(", ")
            }
        }
    }
}
