"""What everything may use: errors, the clock, processes, the console."""
