//! What the engine's SDK measures, given to the same recorder as what we measure: one endpoint has both.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Key, Label, Level, Metadata};
use temporalio_common::telemetry::metrics::{
    CoreMeter, Counter, CounterBase, Gauge, GaugeBase, GaugeF64, GaugeF64Base, Histogram,
    HistogramBase, HistogramDuration, HistogramDurationBase, HistogramF64, HistogramF64Base,
    MetricAttributable, MetricAttributes, MetricParameters, NewAttributes, UpDownCounter,
    UpDownCounterBase,
};

/// Passes everything to the recorder of the process.
#[derive(Debug)]
pub(crate) struct Meter;

/// An instrument before its labels are known.
struct Instrument {
    name: String,
}

impl Instrument {
    /// With the unit at the end of the name, where the buckets of times are chosen by it.
    fn new(params: &MetricParameters, unit: &str) -> Arc<Self> {
        let name = format!("{}{unit}", params.name);
        Arc::new(Self { name })
    }

    fn key(&self, attributes: &MetricAttributes) -> Key {
        let MetricAttributes::NoOp(labels) = attributes else {
            return Key::from_name(self.name.clone());
        };
        let mut labels: Vec<Label> = labels
            .iter()
            .map(|(name, value)| Label::new(name.clone(), value.clone()))
            .collect();
        labels.sort();
        Key::from_parts(self.name.clone(), labels)
    }
}

fn metadata() -> Metadata<'static> {
    Metadata::new("temporal", Level::INFO, None)
}

struct Counts(metrics::Counter);
struct Levels(metrics::Gauge);
struct Values(metrics::Histogram);

impl CounterBase for Counts {
    fn adds(&self, value: u64) {
        self.0.increment(value);
    }
}

impl GaugeBase for Levels {
    #[expect(clippy::cast_precision_loss, reason = "a level is small")]
    fn records(&self, value: u64) {
        self.0.set(value as f64);
    }
}

impl GaugeF64Base for Levels {
    fn records(&self, value: f64) {
        self.0.set(value);
    }
}

impl UpDownCounterBase for Levels {
    #[expect(clippy::cast_precision_loss, reason = "a level is small")]
    fn adds(&self, value: i64) {
        self.0.increment(value as f64);
    }
}

impl HistogramBase for Values {
    #[expect(clippy::cast_precision_loss, reason = "a size is small")]
    fn records(&self, value: u64) {
        self.0.record(value as f64);
    }
}

impl HistogramF64Base for Values {
    fn records(&self, value: f64) {
        self.0.record(value);
    }
}

impl HistogramDurationBase for Values {
    fn records(&self, value: Duration) {
        self.0.record(value.as_secs_f64());
    }
}

/// What the recorder gives for an instrument with its labels.
macro_rules! bound {
    ($base:ident, $kind:ident, $register:ident) => {
        impl MetricAttributable<Box<dyn $base>> for Instrument {
            fn with_attributes(
                &self,
                attributes: &MetricAttributes,
            ) -> Result<Box<dyn $base>, Box<dyn Error>> {
                let key = self.key(attributes);
                Ok(Box::new($kind(metrics::with_recorder(|recorder| {
                    recorder.$register(&key, &metadata())
                }))))
            }
        }
    };
}

bound!(CounterBase, Counts, register_counter);
bound!(GaugeBase, Levels, register_gauge);
bound!(GaugeF64Base, Levels, register_gauge);
bound!(UpDownCounterBase, Levels, register_gauge);
bound!(HistogramBase, Values, register_histogram);
bound!(HistogramF64Base, Values, register_histogram);
bound!(HistogramDurationBase, Values, register_histogram);

impl CoreMeter for Meter {
    fn new_attributes(&self, attributes: NewAttributes) -> MetricAttributes {
        MetricAttributes::NoOp(Arc::new(attributes.into()))
    }

    fn extend_attributes(
        &self,
        existing: MetricAttributes,
        attributes: NewAttributes,
    ) -> MetricAttributes {
        let mut all: HashMap<String, String> = match existing {
            MetricAttributes::NoOp(labels) => (*labels).clone(),
            _ => HashMap::new(),
        };
        all.extend::<HashMap<String, String>>(attributes.into());
        MetricAttributes::NoOp(Arc::new(all))
    }

    fn counter(&self, params: MetricParameters) -> Counter {
        Counter::new(Instrument::new(&params, ""))
    }

    fn histogram(&self, params: MetricParameters) -> Histogram {
        Histogram::new(Instrument::new(&params, ""))
    }

    fn histogram_f64(&self, params: MetricParameters) -> HistogramF64 {
        HistogramF64::new(Instrument::new(&params, ""))
    }

    fn histogram_duration(&self, params: MetricParameters) -> HistogramDuration {
        HistogramDuration::new(Instrument::new(&params, "_seconds"))
    }

    fn gauge(&self, params: MetricParameters) -> Gauge {
        Gauge::new(Instrument::new(&params, ""))
    }

    fn gauge_f64(&self, params: MetricParameters) -> GaugeF64 {
        GaugeF64::new(Instrument::new(&params, ""))
    }

    fn up_down_counter(&self, params: MetricParameters) -> UpDownCounter {
        UpDownCounter::new(Instrument::new(&params, ""))
    }
}
