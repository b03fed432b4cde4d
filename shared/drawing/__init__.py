"""Small pictures, as SVG: what the pages of a report and of an engine show."""
