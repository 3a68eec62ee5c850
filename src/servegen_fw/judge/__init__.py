"""From records to a verdict: metrics, intervals that allow for autocorrelation, gates, objectives."""
