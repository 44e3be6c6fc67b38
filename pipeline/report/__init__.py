"""An execution as a report: figures, thresholds, graph and pictures, in Markdown or on one page."""
