//! Diagnostics as text: each with the lines it is about.

use crate::Source;
use crate::diagnostic::{Diagnostic, Mark, Site};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::borrow::Cow;
use std::ops::Range;

/// Prints diagnostics without colours: message, file, line, column (in characters, from 1), the
/// line itself with a marker, and help. `sources` are those that were compiled.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source]) -> String {
    let sources: Vec<Lines<'_>> = sources.iter().map(Lines::new).collect();
    let renderer = Renderer::plain();
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[report(diagnostic, &sources)]));
        text.push_str("\n\n");
    }
    text
}

fn report<'a>(diagnostic: &'a Diagnostic, sources: &'a [Lines<'a>]) -> Group<'a> {
    let excerpts = excerpts(diagnostic, sources);
    let title = Level::ERROR.primary_title(diagnostic.message.as_str());
    let group = Group::with_title(title).elements(
        excerpts
            .iter()
            .map(|excerpt| excerpt.snippet(diagnostic.hidden)),
    );
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// One excerpt for each line with marks, in the order of the marks.
fn excerpts<'a>(diagnostic: &'a Diagnostic, sources: &'a [Lines<'a>]) -> Vec<Excerpt<'a>> {
    let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
    let mut kind = AnnotationKind::Primary;
    for mark in &diagnostic.marks {
        let Some(lines) = sources.get(mark.site.file) else {
            continue;
        };
        let line = lines.index(mark.site.start);
        let same_line =
            |excerpt: &&mut Excerpt<'_>| std::ptr::eq(excerpt.lines, lines) && excerpt.line == line;
        match excerpts.iter_mut().find(same_line) {
            Some(excerpt) => excerpt.marks.push((kind, mark)),
            None => excerpts.push(Excerpt {
                lines,
                line,
                marks: vec![(kind, mark)],
            }),
        }
        kind = AnnotationKind::Context;
    }
    excerpts
}

/// One line with the marks on it. Only this line is handed on, so that printing costs the same
/// in a file of any length.
struct Excerpt<'a> {
    lines: &'a Lines<'a>,
    line: usize,
    marks: Vec<(AnnotationKind, &'a Mark)>,
}

impl<'a> Excerpt<'a> {
    fn snippet(&self, hidden: bool) -> Snippet<'a, Annotation<'a>> {
        let mut text = Cow::Borrowed(self.lines.text(self.line));
        let mut annotations = Vec::with_capacity(self.marks.len());
        for (kind, mark) in &self.marks {
            let range = self.lines.range(self.line, mark.site);
            let label = (!mark.label.is_empty()).then_some(mark.label.as_str());
            annotations.push(kind.span(range.clone()).label(label));
            if hidden {
                let stars = "*".repeat(range.len());
                text.to_mut().replace_range(range, &stars);
            }
        }
        Snippet::source(text)
            .path(self.lines.source.name.as_str())
            .line_start(self.line + 1)
            .annotations(annotations)
    }
}

/// A source whose lines are found without reading it again from the beginning.
struct Lines<'a> {
    source: &'a Source,
    /// Byte offset of each line's first character.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(source: &'a Source) -> Self {
        let newlines = source.text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            source,
            starts: std::iter::once(0).chain(newlines).collect(),
        }
    }

    /// Index of the line that holds this byte.
    fn index(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// A line without its end.
    fn text(&self, line: usize) -> &'a str {
        let text = &self.source.text;
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied().unwrap_or(text.len());
        text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// The part of a site that lies on its first line, in bytes of that line.
    fn range(&self, line: usize, site: Site) -> Range<usize> {
        let text = self.text(line);
        let within = |offset: usize| text.floor_char_boundary(offset - self.starts[line]);
        within(site.start)..within(site.end)
    }
}
