//! API of history: any point, any range, as fine as asked.

use super::queries::Step;
use super::rollup::QUARTER;
use super::sample::{Datum, Grade, Sample, millis, time};
use crate::Estate;
use crate::fleet::queries::{self as fleet, GapLine};
use crate::http::{device, with};
use crate::registry::{DeviceEntry, Registry};
use axum::response::Response;
use bo_model::Time;
use bo_web::{Ctx, Kind, Level, Need, Result, Routes, WebError, reply};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// The longest range, about eleven years, in milliseconds.
const MAX_RANGE: i64 = 4018 * 24 * 3_600_000;
/// Most rows of one answer.
const MAX_ROWS: usize = 20_000;
/// Bucket lengths to choose from, in milliseconds.
const STEPS: [i64; 13] = [
    1000, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 900_000, 1_800_000, 3_600_000, 10_800_000,
    21_600_000, 43_200_000,
];

/// One row: a sample or a bucket. `avg` is null where nothing was known, so that a line breaks there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// When, or the bucket's begin.
    pub at: Time,
    /// Smallest in the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The sample, or the bucket's mean weighted by time.
    pub avg: Option<f64>,
    /// Largest in the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Last in the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<f64>,
    /// Samples in the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Part of the bucket in which a value was known, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<f64>,
    /// For words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
    /// Of a sample that is not good: `uncertain` or `bad`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<&'static str>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// From, in milliseconds.
    pub from: i64,
    /// Until before, in milliseconds.
    pub to: i64,
    /// How fine.
    pub step: Step,
    /// Its word in the answer.
    pub word: String,
}

/// Routes of history.
pub fn routes(estate: &Arc<Estate>) -> Routes {
    Routes::new("estate")
        .get("/api/v1/devices/{id}/history/{name}", Need::object(Kind::DEVICE, "id", Level::View), with(estate, show))
        .about("History of a status variable; the last day when not asked otherwise")
        .query(json!({"type": "object", "properties": {
            "from": {"type": "string", "description": "RFC 3339, or microseconds since 1970"},
            "to": {"type": "string", "description": "RFC 3339, or microseconds since 1970"},
            "step": {"type": "string", "description": "`raw`, `1min`, `15min`, `1h`, `1d`; chosen by `points` when absent"},
            "points": {"type": "integer", "minimum": 10, "maximum": 5000, "description": "About how many rows; 600 when absent"},
            "format": {"type": "string", "enum": ["json", "csv"]}}}))
}

async fn show(estate: Arc<Estate>, ctx: Ctx) -> Result<Response> {
    let (registry, entry) = device(&estate, &ctx)?;
    let name: String = ctx.param("name")?;
    let asked = asked(&ctx, &registry, &entry)?;
    let declared = entry.driver.as_ref().and_then(|driver| driver.manifest.status.get(&name));
    let point = estate.history.points.find(entry.device.id, &name);
    if declared.is_none() && point.is_none() {
        return Err(WebError::NotFound);
    }
    let (rows, gaps) = match &point {
        Some(point) => read(&estate, &ctx, point.id, &entry, &asked)?,
        None => (Vec::new(), Vec::new()),
    };
    if ctx.query_value("format") == "csv" {
        let header = ["time", "value", "min", "max", "last", "count", "known", "quality", "why"];
        return reply::csv(&format!("{}-{name}", entry.device.address), &header, rows.into_iter().map(cells));
    }
    let unit = declared.map_or("", |status| status.field.unit.as_str());
    Ok(reply::json(&json!({ "items": rows, "step": asked.word, "unit": unit, "gaps": gaps })))
}

fn cells(row: Row) -> Vec<String> {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let value = row.text.as_ref().map_or_else(|| number(row.avg), |text| text.to_string());
    vec![
        row.at.rfc3339(),
        value,
        number(row.min),
        number(row.max),
        number(row.last),
        row.count.map(|count| count.to_string()).unwrap_or_default(),
        number(row.known),
        row.quality.unwrap_or("good").to_owned(),
        row.why.unwrap_or("").to_owned(),
    ]
}

/// Reads a point's rows, and the losses of its edge that overlap.
pub fn read(
    estate: &Estate,
    ctx: &Ctx,
    point: i64,
    entry: &DeviceEntry,
    asked: &Asked,
) -> Result<(Vec<Row>, Vec<GapLine>)> {
    let now = millis(ctx.now());
    let reader = estate.history.reader(point);
    let (from, to) = (asked.from, asked.to);
    ctx.read(|tx| {
        let gaps = fleet::gaps_between(tx, entry.edge, time(from), time(to))?;
        let gaps =
            gaps.into_iter().filter(|gap| matches!(gap.class.as_str(), "history" | "status")).collect();
        let rows = match &asked.step {
            Step::Samples => {
                let samples = reader.samples(tx, from, to)?;
                if samples.len() > MAX_ROWS {
                    let why = format!("holds {} samples; ask for a shorter range or a step", samples.len());
                    return Err(WebError::field("from", why));
                }
                samples.into_iter().map(sample_row).collect()
            }
            step => bucket_rows(&reader.buckets(tx, (from, to), step, now)?, step),
        };
        Ok::<_, WebError>((rows, gaps))
    })
}

fn sample_row(sample: Sample) -> Row {
    let text = match &sample.datum {
        Datum::Text(text) => Some(text.clone()),
        _ => None,
    };
    let quality = (sample.grade != Grade::GOOD).then(|| sample.grade.word());
    Row {
        at: time(sample.at),
        avg: sample.number(),
        min: None,
        max: None,
        last: None,
        count: None,
        known: None,
        text,
        quality,
        why: sample.grade.reason(),
    }
}

/// Buckets as rows; where one or more are missing in between, a row that knows nothing.
fn bucket_rows(buckets: &[super::Bucket], step: &Step) -> Vec<Row> {
    let length = match step {
        Step::Every(step) => *step,
        Step::Hours(_) => 3_600_000,
        // A day may have 25 hours.
        Step::Days(_) => 25 * 3_600_000,
        Step::Samples => i64::MAX,
    };
    let nothing = |at: i64| Row {
        at: time(at),
        min: None,
        avg: None,
        max: None,
        last: None,
        count: Some(0),
        known: Some(0.0),
        text: None,
        quality: Some("bad"),
        why: None,
    };
    let mut rows: Vec<Row> = Vec::with_capacity(buckets.len());
    let mut before: Option<i64> = None;
    for bucket in buckets {
        if let Some(before) = before
            && bucket.start - before > length
        {
            rows.push(nothing(before + length));
        }
        before = Some(bucket.start);
        rows.push(Row {
            at: time(bucket.start),
            min: Some(bucket.min),
            avg: Some(bucket.mean),
            max: Some(bucket.max),
            last: Some(bucket.last),
            count: Some(bucket.count),
            known: Some((bucket.known as f64 / length as f64).min(1.0)),
            text: None,
            quality: None,
            why: None,
        });
    }
    rows
}

/// Range and step of a request.
pub fn asked(ctx: &Ctx, registry: &Registry, entry: &DeviceEntry) -> Result<Asked> {
    let now = millis(ctx.now());
    let to = instant(ctx, "to")?.unwrap_or(now);
    let from = instant(ctx, "from")?.unwrap_or(to - 24 * 3_600_000);
    if from >= to {
        return Err(WebError::field("from", "must be before `to`"));
    }
    if to - from > MAX_RANGE {
        return Err(WebError::field("from", "must be at most eleven years before `to`"));
    }
    let zone = || {
        let name = registry.time_zone(entry.zone).unwrap_or_else(|| "UTC".into());
        TimeZone::get(&name).unwrap_or(TimeZone::UTC)
    };
    let points: i64 = ctx.query_value("points").parse().unwrap_or(600).clamp(10, 5000);
    let word = ctx.query_value("step");
    let step = match word.as_str() {
        "" | "auto" => choose(to - from, points, zone),
        "raw" => Step::Samples,
        "1h" => Step::Hours(zone()),
        "1d" => Step::Days(zone()),
        text => {
            let step = bo_model::span::parse(text).map_err(|error| WebError::field("step", error))?;
            let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
            if step < 1000 || (step > QUARTER && step % QUARTER != 0) {
                return Err(WebError::field(
                    "step",
                    "must be a second or longer; above 15min a multiple of it",
                ));
            }
            Step::Every(step)
        }
    };
    if let Step::Every(step) = step
        && (to - from) / step > MAX_ROWS as i64
    {
        return Err(WebError::field("step", "is too fine for this range"));
    }
    let word = match &step {
        Step::Samples => "raw".into(),
        Step::Every(step) => bo_model::span::format(std::time::Duration::from_millis(*step as u64)),
        Step::Hours(_) => "1h".into(),
        Step::Days(_) => "1d".into(),
    };
    Ok(Asked { from, to, step, word })
}

/// The finest step that gives at most `points` rows.
fn choose(range: i64, points: i64, zone: impl Fn() -> TimeZone) -> Step {
    match STEPS.iter().find(|step| range / **step <= points) {
        Some(3_600_000) => Step::Hours(zone()),
        Some(step) => Step::Every(*step),
        None => Step::Days(zone()),
    }
}

fn instant(ctx: &Ctx, name: &str) -> Result<Option<i64>> {
    let text = ctx.query_value(name);
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(micros) = text.parse::<i64>() {
        return Ok(Some(micros.div_euclid(1000)));
    }
    // A `+` of an offset arrives as a space when it was not escaped.
    let parsed: std::result::Result<jiff::Timestamp, _> = text.replace(' ', "+").parse();
    let parsed = parsed.map_err(|_| {
        WebError::field(name, "must be like 2026-05-01T12:00:00Z, or microseconds since 1970")
    })?;
    Ok(Some(parsed.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Bucket;

    #[test]
    fn a_range_gets_the_finest_step_that_fits() {
        let zone = || TimeZone::UTC;
        assert_eq!(choose(3_600_000, 600, zone), Step::Every(10_000));
        assert_eq!(choose(24 * 3_600_000, 600, zone), Step::Every(300_000));
        assert_eq!(choose(7 * 24 * 3_600_000, 600, zone), Step::Every(1_800_000));
        assert_eq!(choose(20 * 24 * 3_600_000, 600, zone), Step::Hours(TimeZone::UTC));
        assert_eq!(choose(MAX_RANGE, 600, zone), Step::Days(TimeZone::UTC));
    }

    #[test]
    fn a_line_breaks_where_nothing_was_known() {
        let bucket =
            |start| Bucket { start, count: 1, known: 60_000, min: 1.0, max: 1.0, mean: 1.0, last: 1.0 };
        let rows = bucket_rows(&[bucket(0), bucket(60_000), bucket(300_000)], &Step::Every(60_000));
        let line: Vec<Option<f64>> = rows.iter().map(|row| row.avg).collect();
        assert_eq!(line, [Some(1.0), Some(1.0), None, Some(1.0)]);
        assert_eq!(rows[2].at, time(120_000));
    }
}
