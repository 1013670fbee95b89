//! Bars, lines, points and cells.

use super::{Anchor, Page, SMALL, escaped, px};
use crate::charts::ask::Form;
use crate::charts::plot::Mark;
use crate::charts::scale::Scale;
use crate::charts::text::{fitted, width};
use crate::charts::theme::Theme;
use crate::series::words::number;

/// The most marks of which each says what it is when it is pointed at.
const TOLD: usize = 400;

impl Page<'_> {
    /// Draws the values between the axes.
    pub(super) fn marks(&mut self) {
        match self.plot.form {
            Form::Line | Form::Area => self.lines(),
            Form::Band => self.band(),
            Form::Bar | Form::Waterfall | Form::Tornado => self.bars(),
            Form::Point => self.points(),
            Form::Histogram => self.histogram(),
            Form::Heatmap => self.cells(),
            Form::Bins => self.bins(),
            Form::Value | Form::Pie => {}
        }
    }

    fn place(&self, mark: &Mark, y: f64) -> (f64, f64) {
        (
            self.across(&mark.x, &self.plot.x.scale),
            self.up(&y, &self.plot.y.scale),
        )
    }

    fn series(&self, series: usize) -> Vec<Mark> {
        let marks = self.plot.marks.iter().filter(|m| m.series == series);
        marks.cloned().collect()
    }

    /// A mark as a short text.
    fn told(&self, mark: &Mark) -> String {
        let plot = self.plot;
        if plot.marks.len() > TOLD {
            return String::new();
        }
        let at = |scale: &Scale, value: f64| match scale {
            Scale::Bands(names) => names.get(value as usize).cloned().unwrap_or_default(),
            Scale::Time { .. } => crate::charts::table::iso(value),
            _ => number(value),
        };
        let mut parts = vec![at(&plot.x.scale, mark.x)];
        if matches!(plot.form, Form::Heatmap | Form::Point) {
            parts.push(at(&plot.y.scale, mark.y));
        }
        parts.extend(
            plot.series
                .get(mark.series)
                .filter(|s| !s.is_empty())
                .cloned(),
        );
        let parts = parts.join(", ");
        let told = match plot.form {
            Form::Point => parts,
            Form::Tornado => format!("{parts}: {} – {}", number(mark.y2), number(mark.y)),
            _ => format!("{parts}: {}", number(mark.value)),
        };
        format!("<title>{}</title>", escaped(&told))
    }

    fn box_of(&mut self, mark: &Mark, corners: [f64; 4], color: &str, more: &str) {
        let [x1, y1, x2, y2] = corners;
        let told = self.told(mark);
        let (x, y) = (x1.min(x2), y1.min(y2));
        let (wide, high) = ((x2 - x1).abs(), (y2 - y1).abs());
        self.rect(x, y, wide, high, color, more);
        if !told.is_empty() {
            // The element was closed at once.
            self.out.truncate(self.out.len() - 2);
            self.out.push_str(&format!(">{told}</rect>"));
        }
    }

    fn path(&mut self, points: &[(f64, f64)], more: &str) {
        let mut path = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            path.push_str(&format!(
                "{}{} {}",
                if i == 0 { "M" } else { "L" },
                px(*x),
                px(*y)
            ));
        }
        self.out.push_str(&format!("<path d=\"{path}\"{more}/>"));
    }

    fn dot(&mut self, x: f64, y: f64, radius: f64, color: &str, more: &str, told: &str) {
        self.out.push_str(&format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{color}\"{more}",
            px(x),
            px(y),
            px(radius)
        ));
        match told {
            "" => self.out.push_str("/>"),
            told => self.out.push_str(&format!(">{told}</circle>")),
        }
    }

    fn lines(&mut self) {
        let few =
            self.plot.marks.len() <= 40 * self.plot.series.len() && self.plot.form == Form::Line;
        for series in (0..self.plot.series.len()).rev() {
            let marks = self.series(series);
            let color = self.theme.color(self.plot.form, series);
            let tops: Vec<(f64, f64)> = marks.iter().map(|m| self.place(m, m.y)).collect();
            if self.plot.form == Form::Area {
                let mut around = tops.clone();
                around.extend(marks.iter().rev().map(|m| self.place(m, m.y2)));
                let opacity = if self.plot.stacked { "0.85" } else { "0.25" };
                self.path(
                    &around,
                    &format!(" fill=\"{color}\" fill-opacity=\"{opacity}\""),
                );
            }
            if !self.plot.stacked {
                let thin = if marks.len() > 300 { "1.2" } else { "2" };
                self.path(
                    &tops,
                    &format!(" fill=\"none\" stroke=\"{color}\" stroke-width=\"{thin}\" stroke-linejoin=\"round\" stroke-linecap=\"round\""),
                );
            }
            if few || tops.len() == 1 {
                for (mark, (x, y)) in marks.iter().zip(tops) {
                    let told = self.told(mark);
                    self.dot(x, y, 3.0, color, "", &told);
                }
            }
        }
    }

    fn band(&mut self) {
        for series in 0..self.plot.series.len() {
            let marks = self.series(series);
            let color = self.theme.color(self.plot.form, series);
            // Runs of rows that have bounds.
            for run in marks.chunk_by(|a, b| a.lo.is_nan() == b.lo.is_nan()) {
                if run.first().is_none_or(|m| m.lo.is_nan()) {
                    continue;
                }
                let mut around: Vec<(f64, f64)> = run.iter().map(|m| self.place(m, m.hi)).collect();
                around.extend(run.iter().rev().map(|m| self.place(m, m.lo)));
                self.path(&around, &format!(" fill=\"{color}\" fill-opacity=\"0.2\""));
            }
            let line: Vec<(f64, f64)> = marks
                .iter()
                .filter(|m| !m.y.is_nan())
                .map(|m| self.place(m, m.y))
                .collect();
            let thin = if line.len() > 300 { "1.2" } else { "2" };
            self.path(
                &line,
                &format!(" fill=\"none\" stroke=\"{color}\" stroke-width=\"{thin}\" stroke-linejoin=\"round\""),
            );
            for mark in marks.iter().filter(|m| m.flagged && !m.y.is_nan()) {
                let (x, y) = self.place(mark, mark.y);
                let told = self.told(mark);
                self.dot(x, y, 4.0, self.theme.alarm, "", &told);
            }
        }
    }

    fn bars(&mut self) {
        let plot = self.plot;
        let names = match &plot.x.scale {
            Scale::Bands(names) => names.len().max(1) as f64,
            _ => return,
        };
        let along = if plot.horizontal {
            self.area.bottom - self.area.top
        } else {
            self.area.right - self.area.left
        };
        let band = along / names;
        let groups = if plot.stacked || plot.form != Form::Bar {
            1.0
        } else {
            plot.series.len() as f64
        };
        let thick = (band * if band > 8.0 { 0.76 } else { 0.9 } / groups).min(72.0);
        let alone = plot.series.len() == 1 && plot.form == Form::Bar;
        for mark in &plot.marks {
            let color = self.theme.color(plot.form, mark.series);
            let beside = if groups > 1.0 {
                mark.series as f64 - (groups - 1.0) / 2.0
            } else {
                0.0
            };
            let middle = beside * thick;
            let corners = if plot.horizontal {
                let y = self.up(&mark.x, &plot.x.scale) + middle;
                let (from, to) = (
                    self.across(&mark.y2, &plot.y.scale),
                    self.across(&mark.y, &plot.y.scale),
                );
                [from, y - thick / 2.0, to, y + thick / 2.0]
            } else {
                let x = self.across(&mark.x, &plot.x.scale) + middle;
                let (from, to) = (
                    self.up(&mark.y2, &plot.y.scale),
                    self.up(&mark.y, &plot.y.scale),
                );
                [x - thick / 2.0, from, x + thick / 2.0, to]
            };
            self.box_of(mark, corners, color, "");
            if alone || plot.form == Form::Waterfall {
                self.bar_number(mark, corners, thick);
            }
        }
        self.zero();
    }

    /// The number of a bar behind its end, if there is room.
    fn bar_number(&mut self, mark: &Mark, corners: [f64; 4], thick: f64) {
        let [x1, y1, x2, y2] = corners;
        let shown = number(mark.value);
        let (room, size) = (width(&shown, SMALL - 1.0), SMALL - 1.0);
        let muted = self.theme.muted;
        if self.plot.horizontal {
            if thick < 9.0 {
                return;
            }
            let y = (y1 + y2) / 2.0 + 3.6;
            let back = x2 < x1;
            let end = if back {
                x2 - 4.0 - room
            } else {
                x2 + 4.0 + room
            };
            if back && end > self.area.left {
                self.text(x2 - 4.0, y, &shown, size, muted, Anchor::End, "");
            } else if !back && end < self.plot.width - 2.0 {
                self.text(x2 + 4.0, y, &shown, size, muted, Anchor::Start, "");
            } else {
                let color = self.inside(mark);
                let (x, anchor) = if back {
                    (x2 + 4.0, Anchor::Start)
                } else {
                    (x2 - 4.0, Anchor::End)
                };
                if (x2 - x1).abs() > room + 8.0 {
                    self.text(x, y, &shown, size, color, anchor, "");
                }
            }
        } else if room < thick.max(14.0) + 4.0 {
            let x = (x1 + x2) / 2.0;
            let under = mark.value < 0.0 && self.plot.form == Form::Bar;
            let y = if under {
                y2.max(y1) + 11.0
            } else {
                y2.min(y1) - 4.0
            };
            self.text(x, y, &shown, size, muted, Anchor::Middle, "");
        }
    }

    /// The colour of a text on a mark.
    fn inside(&self, mark: &Mark) -> &'static str {
        let color = self.theme.color(self.plot.form, mark.series);
        if Theme::is_light(color) {
            "#14191f"
        } else {
            "#ffffff"
        }
    }

    /// The line at 0 where there is something below.
    fn zero(&mut self) {
        let Scale::Linear { from, to, .. } = self.plot.y.scale else {
            return;
        };
        if from < 0.0 && to > 0.0 {
            let (axis, area) = (self.theme.muted, self.area);
            if self.plot.horizontal {
                let x = self.across(&0.0, &self.plot.y.scale);
                self.line(x, area.top, x, area.bottom, axis, 1.0);
            } else {
                let y = self.up(&0.0, &self.plot.y.scale);
                self.line(area.left, y, area.right, y, axis, 1.0);
            }
        }
    }

    fn points(&mut self) {
        let many = self.plot.marks.len();
        let (radius, opacity) = match many {
            0..=60 => (4.0, "0.8"),
            61..=600 => (3.2, "0.6"),
            _ => (2.4, "0.4"),
        };
        for mark in &self.plot.marks {
            let (x, y) = self.place(mark, mark.y);
            let color = self.theme.color(self.plot.form, mark.series);
            let told = self.told(mark);
            self.dot(
                x,
                y,
                radius,
                color,
                &format!(" fill-opacity=\"{opacity}\""),
                &told,
            );
        }
    }

    fn histogram(&mut self) {
        let color = self.theme.color(self.plot.form, 0);
        for mark in &self.plot.marks {
            let (x1, y1) = self.place(mark, mark.y);
            let x2 = self.across(&mark.x2, &self.plot.x.scale);
            let y2 = self.up(&mark.y2, &self.plot.y.scale);
            self.box_of(
                mark,
                [x1 + 0.5, y1, (x2 - 0.5).max(x1 + 1.0), y2],
                color,
                "",
            );
        }
    }

    fn bins(&mut self) {
        let shades = self.plot.shades.unwrap_or((0.0, 1.0));
        for mark in &self.plot.marks {
            let (x1, y1) = self.place(mark, mark.y);
            let x2 = self.across(&mark.x2, &self.plot.x.scale);
            let y2 = self.up(&mark.y2, &self.plot.y.scale);
            let color = self.theme.shade(mark.value, shades);
            self.box_of(mark, [x1, y1, x2, y2], &color, "");
        }
    }

    fn cells(&mut self) {
        let shades = self.plot.shades.unwrap_or((0.0, 1.0));
        let count = |scale: &Scale| match scale {
            Scale::Bands(names) => names.len().max(1) as f64,
            _ => 1.0,
        };
        let wide = (self.area.right - self.area.left) / count(&self.plot.x.scale);
        let high = (self.area.bottom - self.area.top) / count(&self.plot.y.scale);
        for mark in &self.plot.marks {
            let (x, y) = self.place(mark, mark.y);
            let color = self.theme.shade(mark.value, shades);
            let corners = [
                x - wide / 2.0 + 0.5,
                y - high / 2.0 + 0.5,
                x + wide / 2.0 - 0.5,
                y + high / 2.0 - 0.5,
            ];
            self.box_of(mark, corners, &color, "");
            let shown = number(mark.value);
            if width(&shown, SMALL - 1.0) < wide - 4.0 && high > 13.0 {
                let ink = if Theme::is_light(&color) {
                    "#1f2933"
                } else {
                    "#ffffff"
                };
                self.text(x, y + 3.6, &shown, SMALL - 1.0, ink, Anchor::Middle, "");
            }
        }
    }

    /// One number in the middle.
    pub(super) fn value(&mut self, top: f64) {
        let Some(mark) = self.plot.marks.first() else {
            return;
        };
        let (text, muted) = (self.theme.text, self.theme.muted);
        let shown = match mark.value {
            v if v.abs() >= 1000.0 && v.abs() < 1e15 => crate::series::words::grouped(
                &crate::charts::table::plain((v * 100.0).round() / 100.0),
            ),
            v if v.abs() < 1000.0 && v.abs() >= 0.001 => {
                crate::charts::table::plain((v * 1e4).round() / 1e4)
            }
            v => crate::charts::table::plain(v),
        };
        let size = (72.0f64).min((self.plot.width - 60.0) / width(&shown, 1.0).max(0.1));
        let (x, y) = (self.plot.width / 2.0, (top + self.plot.height) / 2.0);
        self.text(
            x,
            y + size * 0.2,
            &shown,
            size,
            text,
            Anchor::Middle,
            " font-weight=\"600\"",
        );
        let name = fitted(&self.plot.y.title, 16.0, self.plot.width - 40.0);
        self.text(
            x,
            y + size * 0.2 + 32.0,
            &name,
            16.0,
            muted,
            Anchor::Middle,
            "",
        );
    }

    /// Slices from the top on, clockwise.
    pub(super) fn pie(&mut self, top: f64) {
        let total: f64 = self.plot.marks.iter().map(|m| m.value).sum();
        let (x, y) = (self.plot.width / 2.0, (top + self.plot.height - 8.0) / 2.0);
        let radius = ((self.plot.height - top) / 2.0 - 24.0)
            .min(self.plot.width / 2.0 - 40.0)
            .max(10.0);
        let mut turn = 0.0;
        let at = |turn: f64, radius: f64| {
            let angle = turn * 2.0 * std::f64::consts::PI;
            (x + radius * libm::sin(angle), y - radius * libm::cos(angle))
        };
        let background = self.theme.background;
        for mark in &self.plot.marks {
            let share = mark.value / total;
            let color = self.theme.color(self.plot.form, mark.x as usize);
            let told = self.told(mark);
            let ((x1, y1), (x2, y2)) = (at(turn, radius), at(turn + share, radius));
            if share > 0.9999 {
                self.dot(x, y, radius, color, "", &told);
            } else {
                let large = u8::from(share > 0.5);
                let r = px(radius);
                self.out.push_str(&format!(
                    "<path d=\"M{} {}L{} {}A{r} {r} 0 {large} 1 {} {}Z\" fill=\"{color}\" stroke=\"{background}\" stroke-width=\"1.5\">{told}</path>",
                    px(x), px(y), px(x1), px(y1), px(x2), px(y2)
                ));
            }
            if share >= 0.04 {
                let (lx, ly) = at(
                    turn + share / 2.0,
                    if share > 0.9999 { 0.0 } else { radius * 0.7 },
                );
                let shown = format!("{}%", number(share * 100.0));
                let ink = if Theme::is_light(color) {
                    "#14191f"
                } else {
                    "#ffffff"
                };
                self.text(lx, ly + 4.0, &shown, SMALL, ink, Anchor::Middle, "");
            }
            turn += share;
        }
    }
}
