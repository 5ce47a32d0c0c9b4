"""What the distribution operator or an aggregator demands, and what follows from it: limits, timers and proof."""
