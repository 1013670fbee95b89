//! Against SciPy 1.17, which was given the same numbers.

use super::*;

fn uniform(n: usize) -> Vec<[f64; 4]> {
    let mut x = 12_345_u64;
    let mut next = || {
        x = (x * 1_103_515_245 + 12_345) % (1 << 31);
        x as f64 / (1_u64 << 31) as f64
    };
    (0..n).map(|_| [next(), next(), next(), next()]).collect()
}

fn near(found: Found, value: f64, p: f64) {
    let (v, q) = (found.value.unwrap(), found.p.unwrap());
    assert!((v - value).abs() <= 1e-12, "{v} for {value}");
    assert!((q - p).abs() <= 1e-9 * p, "{q} for {p}");
}

#[test]
fn measures_are_those_of_scipy() {
    // Pearson; Spearman; Spearman with ties; Cramér's V; the correlation ratio: values and probabilities.
    let known = [
        (
            5,
            [
                0.22491204069575116,
                0.3,
                0.6708203932499368,
                0.0,
                0.108853043388841,
            ],
            [
                0.7160660865239074,
                0.623837664781073,
                0.21516994256955022,
                0.40465279495160555,
                0.8616781927839671,
            ],
        ),
        (
            40,
            [
                0.3097380017267847,
                0.31763602251407136,
                0.9544810179231956,
                0.22831819937296824,
                0.08271871201426982,
            ],
            [
                0.05177901817774383,
                0.04579669818225358,
                1.4575579792496966e-21,
                0.11322319823925452,
                0.9690410330028203,
            ],
        ),
        (
            3000,
            [
                0.2758554679475092,
                0.2600101071122341,
                0.9490616274718167,
                0.3768951337646192,
                0.04391642574894353,
            ],
            [
                1.5687072309173372e-53,
                1.501927717987742e-47,
                1e-300,
                1.0712630250376243e-268,
                0.12256339478965322,
            ],
        ),
    ];
    for (n, values, p) in known {
        let rows = uniform(n);
        let a: Vec<f64> = rows.iter().map(|u| u[0]).collect();
        let b: Vec<f64> = rows.iter().map(|u| 0.3 * u[0] + u[1]).collect();
        let c: Vec<u32> = rows.iter().map(|u| (u[2] * 4.0) as u32 + 1).collect();
        let d = rows.iter().zip(&c);
        let d: Vec<u32> = d
            .map(|(u, c)| ((u[3] + 0.2 * (f64::from(*c) - 1.0)) * 3.0) as u32 + 1)
            .collect();
        let e: Vec<f64> = rows.iter().map(|u| (u[1] * 6.0).floor()).collect();
        let [pa, pb, pe] = [&a, &b, &e].map(|of| Prepared::new(of));
        near(pa.correlation(&pb, false), values[0], p[0]);
        near(pa.correlation(&pb, true), values[1], p[1]);
        near(pb.correlation(&pe, true), values[2], p[2]);
        near(cramers_v(&c, &d), values[3], p[3]);
        near(correlation_ratio(&c, &b), values[4], p[4]);
        // The same of the rows that have both, where others are between them.
        let holes = |of: &[f64], every: usize| -> Vec<f64> {
            let with = of.iter().enumerate();
            with.flat_map(|(i, v)| {
                if i % every == 0 {
                    vec![f64::NAN, *v]
                } else {
                    vec![*v, 7.0]
                }
            })
            .collect()
        };
        let (x, y) = (holes(&a, 2), holes(&b, 2));
        let y: Vec<f64> = y
            .iter()
            .zip(&x)
            .map(|(v, _)| if *v == 7.0 { f64::NAN } else { *v })
            .collect();
        let [px, py] = [&x, &y].map(|of| Prepared::new(of));
        near(px.correlation(&py, true), values[1], p[1]);
        near(px.correlation(&py, false), values[0], p[0]);
    }
}

#[test]
fn tails_keep_their_digits() {
    let a: Vec<f64> = (0..200).map(f64::from).collect();
    let b: Vec<f64> = a.iter().map(|x| x + (x * 7.0).sin() * 3.0).collect();
    let found = Prepared::new(&a).correlation(&Prepared::new(&b), false);
    assert!((found.value.unwrap() - 0.9993264240364329).abs() < 1e-14);
    assert!((found.p.unwrap() / 3.5571913082382627e-286 - 1.0).abs() < 1e-8);
    for (t, freedom, p) in [
        (0.01, 3.0, 0.992649111412852),
        (2.0, 1e6, 0.04550053385131924),
        (30.0, 50.0, 1.2380022795987244e-33),
        (5.0, 998.0, 6.769469788053708e-07),
    ] {
        let found = f_above(t * t, 1.0, freedom);
        assert!((found / p - 1.0).abs() < 1e-9, "{t} {freedom}: {found}");
    }
}

#[test]
fn odd_columns_have_no_measure() {
    let (line, flat) = ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]);
    let [line, flat] = [&line, &flat].map(|of| Prepared::new(of));
    for ranked in [false, true] {
        let found = line.correlation(&flat, ranked);
        assert_eq!((found.value, found.p, found.n), (None, None, 3));
        let found = line.correlation(&line, ranked);
        assert_eq!((found.value, found.p), (Some(1.0), Some(LEAST)));
    }
    let none = Prepared::new(&[]);
    assert_eq!(none.correlation(&none, true).n, 0);
    let apart = Prepared::new(&[f64::NAN, f64::NAN, 1.0]);
    assert_eq!(
        Prepared::new(&[1.0, 2.0, f64::NAN])
            .correlation(&apart, false)
            .value,
        None
    );
    let huge = Prepared::new(&[f64::MAX, -f64::MAX, 0.0, 1e308]);
    assert!(huge.correlation(&huge, false).value.unwrap() > 0.999);
    assert_eq!(cramers_v(&[1, 1, 1], &[1, 2, 3]).value, None);
    assert_eq!(cramers_v(&[], &[]).n, 0);
    // Each its own: the correction leaves nothing.
    let own: Vec<u32> = (1..=50).collect();
    assert!(cramers_v(&own, &own).value.unwrap() <= 1.0);
    assert_eq!(correlation_ratio(&[1, 1], &[1.0, 2.0]).value, None);
    assert_eq!(correlation_ratio(&[1, 2], &[1.0, 1.0]).value, None);
    assert_eq!(correlation_ratio(&[1, 2], &[1.0, 2.0]).p, None);
    assert_eq!(information(&[1, 1], &[1, 2]).value, None);
    let same = information(&own, &own);
    assert!(same.value.unwrap() > 0.9);
}

/// A parabola: no correlation, all information.
#[test]
fn information_sees_curves() {
    let x: Vec<f64> = (-500..=500).map(f64::from).collect();
    let y: Vec<f64> = x.iter().map(|x| x * x).collect();
    let [x, y] = [&x, &y].map(|of| Prepared::new(of));
    assert!(x.correlation(&y, false).value.unwrap().abs() < 1e-9);
    let (x, y) = (parts(&x, 32), parts(&y, 32));
    assert_eq!((x.iter().max(), x.iter().min()), (Some(&32), Some(&1)));
    assert!(information(&x, &y).value.unwrap() > 0.7);
    // Two fair coins: none.
    let (a, b): (Vec<u32>, Vec<u32>) = (0..400).map(|i| (i % 2 + 1, i / 2 % 2 + 1)).unzip();
    let coins = information(&a, &b);
    assert!(coins.value.unwrap() < 0.01 && coins.p.unwrap() > 0.99);
}

#[test]
fn probabilities_are_adjusted() {
    let p = [
        Some(0.01),
        None,
        Some(0.04),
        Some(0.03),
        Some(0.005),
        Some(0.5),
    ];
    let q = adjusted(&p);
    assert_eq!(q[1], None);
    let known = [0.025, 0.05, 0.05, 0.025, 0.5];
    for (found, known) in q.iter().flatten().zip(known) {
        assert!((found - known).abs() < 1e-15);
    }
    assert_eq!(adjusted(&[]), []);
}

/// Block by block and pair by pair, to the last bit.
#[test]
fn products_of_all_pairs_are_those_of_each() {
    for n in [1, 2, 255, 256, 4_095, 4_096, 4_097, 10_000] {
        let column = |seed: u64| -> Vec<f64> {
            let mut x = seed;
            let mut next = || {
                x = (x * 1_103_515_245 + 12_345) % (1 << 31);
                x as f64 / 7.0
            };
            (0..n).map(|_| next()).collect()
        };
        let mut columns = [column(1), column(2), column(3), vec![5.0; n]];
        columns[1][0] = f64::NAN;
        let prepared: Vec<Prepared<'_>> = columns.iter().map(|of| Prepared::new(of)).collect();
        let mut all: Vec<Option<&Prepared<'_>>> = prepared.iter().map(Some).collect();
        all.push(None);
        for ranked in [false, true] {
            let products = Products::new(&all, ranked, &|| false).unwrap();
            for (i, a) in prepared.iter().enumerate() {
                for (j, b) in prepared.iter().enumerate().skip(i + 1) {
                    let found = a.correlation_by(b, ranked, products.of(i, j));
                    assert_eq!(found, a.correlation(b, ranked), "{n} {i} {j}");
                }
            }
        }
        assert!(n < 2 || Products::new(&all, false, &|| true).is_err());
    }
}
