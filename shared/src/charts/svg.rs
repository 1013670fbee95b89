//! A picture as SVG that needs nothing else: no script, no font, no link. The same bytes on every machine.

use super::ask::Form;
use super::plot::Plot;
use super::scale::{Scale, Tick};
use super::text::{fitted, width};
use super::theme::Theme;

mod marks;

/// The fonts to try, for Latin and Chinese letters.
const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', Arial, sans-serif";

/// The size of names and numbers beside axes.
const SMALL: f64 = 11.0;
const PAD: f64 = 16.0;

/// The picture.
pub fn svg(plot: &Plot, theme: &Theme) -> String {
    let mut page = Page {
        out: String::new(),
        plot,
        theme,
        area: Area::default(),
    };
    page.draw();
    page.out
}

/// Where the values are drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

struct Page<'a> {
    out: String,
    plot: &'a Plot,
    theme: &'a Theme,
    area: Area,
}

/// Where a text is held.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Page<'_> {
    fn draw(&mut self) {
        let plot = self.plot;
        let (width, height) = (plot.width, plot.height);
        let theme = self.theme;
        self.out.push_str(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" font-family=\"{FONTS}\">",
            w = px(width),
            h = px(height),
        ));
        self.out.push_str(&format!(
            "<title>{}</title><desc>{}: {}, {}; {}</desc>",
            escaped(&plot.title),
            plot.form.name(),
            escaped(&plot.x.title),
            escaped(&plot.y.title),
            plot.marks.len()
        ));
        self.rect(0.0, 0.0, width, height, theme.background, "");
        let mut top = PAD;
        if !plot.title.is_empty() {
            let title = fitted(&plot.title, 16.0, width - 2.0 * PAD);
            self.text(
                PAD,
                top + 13.0,
                &title,
                16.0,
                theme.text,
                Anchor::Start,
                " font-weight=\"600\"",
            );
            top += 24.0;
        }
        for note in &plot.notes {
            let note = fitted(note, SMALL, width - 2.0 * PAD);
            self.text(PAD, top + 9.0, &note, SMALL, theme.muted, Anchor::Start, "");
            top += 15.0;
        }
        if plot.marks.is_empty() {
            self.out.push_str("</svg>");
            return;
        }
        top = self.legend(top + 2.0);
        match plot.form {
            Form::Value => self.value(top),
            Form::Pie => self.pie(top),
            _ => {
                self.axes(top);
                self.marks();
            }
        }
        self.out.push_str("</svg>");
    }

    /// The names of the series or the shades; returns where the rest begins.
    fn legend(&mut self, top: f64) -> f64 {
        let plot = self.plot;
        let theme = self.theme;
        if let Some((lo, hi)) = plot.shades {
            let title = fitted(&plot.legend, SMALL, plot.width * 0.4);
            let mut x = PAD;
            self.text(x, top + 10.0, &title, SMALL, theme.muted, Anchor::Start, "");
            x += width(&title, SMALL) + 10.0;
            let from = crate::series::words::number(lo);
            self.text(x, top + 10.0, &from, SMALL, theme.text, Anchor::Start, "");
            x += width(&from, SMALL) + 6.0;
            for i in 0..24 {
                let value = lo + (hi - lo) * (f64::from(i) + 0.5) / 24.0;
                let color = theme.shade(value, (lo, hi));
                self.rect(x + f64::from(i) * 5.0, top, 5.2, 12.0, &color, "");
            }
            self.text(
                x + 126.0,
                top + 10.0,
                &crate::series::words::number(hi),
                SMALL,
                theme.text,
                Anchor::Start,
                "",
            );
            return top + 24.0;
        }
        let names = match (plot.form, &plot.x.scale) {
            (Form::Pie, Scale::Bands(names)) => names.as_slice(),
            _ => plot.series.as_slice(),
        };
        if names.len() < 2 {
            return top;
        }
        let (mut x, mut y) = (PAD, top);
        for (i, name) in names.iter().enumerate() {
            let name = fitted(name, SMALL, 160.0);
            let room = 18.0 + width(&name, SMALL) + 14.0;
            if x + room > plot.width - PAD && x > PAD {
                x = PAD;
                y += 17.0;
            }
            self.rect(x, y, 12.0, 12.0, theme.color(plot.form, i), " rx=\"2\"");
            self.text(
                x + 17.0,
                y + 10.0,
                &name,
                SMALL,
                theme.text,
                Anchor::Start,
                "",
            );
            x += room;
        }
        y + 24.0
    }

    /// Both axes with their ticks, and the room between them.
    fn axes(&mut self, top: f64) {
        let plot = self.plot;
        let theme = self.theme;
        let (across, up) = if plot.horizontal {
            (&plot.y, &plot.x)
        } else {
            (&plot.x, &plot.y)
        };
        let bands_up = matches!(up.scale, Scale::Bands(_));
        // The names at the left take a third of the width at most.
        let most = if bands_up {
            plot.width * 0.34
        } else {
            plot.width * 0.2
        };
        let mut area = Area {
            left: PAD,
            top: top
                + if up.title.is_empty() || bands_up {
                    4.0
                } else {
                    22.0
                },
            right: plot.width - PAD - 8.0,
            bottom: plot.height - PAD - if across.title.is_empty() { 16.0 } else { 34.0 },
        };
        let rows =
            ((area.bottom - area.top) / if bands_up { 12.0 } else { 30.0 }).max(2.0) as usize;
        let mut left: Vec<Tick> = up.scale.ticks(rows);
        for tick in &mut left {
            tick.1 = fitted(&tick.1, SMALL, most);
        }
        let widest = left.iter().map(|t| width(&t.1, SMALL)).fold(0.0, f64::max);
        area.left += widest + 8.0;
        let room = (area.right - area.left).max(10.0);
        let (below, turned) = below(&across.scale, room);
        if turned {
            let widest = below.iter().map(|t| width(&t.1, SMALL)).fold(0.0, f64::max);
            area.bottom -= widest * 0.64 - 4.0;
        }
        area.bottom = area.bottom.max(area.top + 10.0);
        area.right = area.right.max(area.left + 10.0);
        self.area = area;
        // Lines behind the values, along the axis of numbers.
        let gridded = !matches!(plot.form, Form::Heatmap);
        for (at, name) in &left {
            let y = self.up(at, &up.scale);
            if gridded && !bands_up {
                self.line(area.left, y, area.right, y, theme.grid, 1.0);
            }
            self.text(
                area.left - 8.0,
                y + 3.8,
                name,
                SMALL,
                theme.muted,
                Anchor::End,
                "",
            );
        }
        for (at, name) in &below {
            let x = self.across(at, &across.scale);
            let names = matches!(across.scale, Scale::Bands(_));
            if gridded
                && !names
                && (plot.horizontal || matches!(plot.form, Form::Point | Form::Bins))
            {
                self.line(x, area.top, x, area.bottom, theme.grid, 1.0);
            } else if !names {
                self.line(x, area.bottom, x, area.bottom + 4.0, theme.axis, 1.0);
            }
            if turned {
                let turn = format!(
                    " transform=\"rotate(-40 {} {})\"",
                    px(x + 4.0),
                    px(area.bottom + 14.0)
                );
                self.text(
                    x + 4.0,
                    area.bottom + 14.0,
                    name,
                    SMALL,
                    theme.muted,
                    Anchor::End,
                    &turn,
                );
            } else {
                // The last name may be wider than what is left.
                let half = width(name, SMALL) / 2.0;
                let x = x.min(plot.width - 4.0 - half).max(half + 2.0);
                self.text(
                    x,
                    area.bottom + 16.0,
                    name,
                    SMALL,
                    theme.muted,
                    Anchor::Middle,
                    "",
                );
            }
        }
        if !up.title.is_empty() && !bands_up {
            let title = fitted(&up.title, SMALL, plot.width - 2.0 * PAD);
            self.text(
                PAD,
                area.top - 12.0,
                &title,
                SMALL,
                theme.muted,
                Anchor::Start,
                "",
            );
        }
        if !across.title.is_empty() {
            let title = fitted(&across.title, SMALL, room);
            let x = (area.left + area.right) / 2.0;
            self.text(
                x,
                plot.height - 10.0,
                &title,
                SMALL,
                theme.muted,
                Anchor::Middle,
                "",
            );
        }
        self.line(
            area.left,
            area.bottom,
            area.right,
            area.bottom,
            theme.axis,
            1.0,
        );
    }

    /// Where a value of the axis from below to above is drawn; names go from above down.
    fn up(&self, value: &f64, scale: &Scale) -> f64 {
        let share = scale.at(*value);
        let share = if matches!(scale, Scale::Bands(_)) {
            1.0 - share
        } else {
            share
        };
        self.area.bottom - share * (self.area.bottom - self.area.top)
    }

    fn across(&self, value: &f64, scale: &Scale) -> f64 {
        self.area.left + scale.at(*value) * (self.area.right - self.area.left)
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, color: &str, more: &str) {
        self.out.push_str(&format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{color}\"{more}/>",
            px(x),
            px(y),
            px(width.max(0.0)),
            px(height.max(0.0))
        ));
    }

    fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64, color: &str, width: f64) {
        self.out.push_str(&format!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{color}\" stroke-width=\"{}\"/>",
            px(x1),
            px(y1),
            px(x2),
            px(y2),
            px(width)
        ));
    }

    #[allow(clippy::too_many_arguments)] // What an element of text has.
    fn text(
        &mut self,
        x: f64,
        y: f64,
        text: &str,
        size: f64,
        color: &str,
        anchor: Anchor,
        more: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.out.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{color}\"{anchor}{more}>{}</text>",
            px(x),
            px(y),
            px(size),
            escaped(text)
        ));
    }
}

/// The ticks below so much room, and whether their names must be turned to have it.
fn below(scale: &Scale, room: f64) -> (Vec<Tick>, bool) {
    let widest = |ticks: &[Tick]| ticks.iter().map(|t| width(&t.1, SMALL)).fold(0.0, f64::max);
    match scale {
        Scale::Bands(names) => {
            let all = scale.ticks(names.len());
            let each = room / names.len().max(1) as f64;
            if widest(&all) <= each - 4.0 {
                return (all, false);
            }
            // Dates and numbers are known without each of them.
            let plain = |name: &String| {
                name.chars()
                    .all(|c| c.is_ascii_digit() || "-: .,".contains(c))
            };
            if names.iter().all(plain) {
                let most = (room / (widest(&all) + 10.0)).max(1.0) as usize;
                return (scale.ticks(most), false);
            }
            let shortened = all
                .into_iter()
                .map(|(at, name)| (at, fitted(&name, SMALL, 110.0)));
            let mut shortened: Vec<Tick> = shortened.collect();
            let every = (12.0 / each).ceil().max(1.0) as usize;
            shortened = shortened.into_iter().step_by(every).collect();
            (shortened, true)
        }
        scale => {
            let mut most = (room / 50.0).max(2.0) as usize;
            loop {
                let ticks = scale.ticks(most);
                let apart = |pair: &[Tick]| match pair {
                    [a, b] => {
                        let room = (scale.at(b.0) - scale.at(a.0)) * room;
                        room >= (width(&a.1, SMALL) + width(&b.1, SMALL)) / 2.0 + 8.0
                    }
                    _ => true,
                };
                if most <= 2 || ticks.windows(2).all(apart) {
                    return (ticks, false);
                }
                if matches!(scale, Scale::Linear { .. }) {
                    let every = ((widest(&ticks) + 10.0) * ticks.len() as f64 / room)
                        .ceil()
                        .max(1.0);
                    return (ticks.into_iter().step_by(every as usize).collect(), false);
                }
                most -= 1;
            }
        }
    }
}

/// A number of pixels to a hundredth, without what says nothing.
fn px(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!(
        "{}",
        if rounded == 0.0 || !rounded.is_finite() {
            0.0
        } else {
            rounded
        }
    )
}

/// A text in XML. One that looks like a link or a script is written by the numbers of its letters, so that whoever
/// looks for such things in the picture finds none.
fn escaped(text: &str) -> String {
    let lower = text.to_lowercase();
    let odd = ["script", "href", "url("]
        .iter()
        .any(|word| lower.contains(word));
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{0}'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}' => out.push(' '),
            c if odd => out.push_str(&format!("&#{};", u32::from(c))),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}
