"""From a name to batches: finding a data set, turning text into numbers, bucketing by length."""
