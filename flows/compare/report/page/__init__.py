"""report.html: its templates, its style, its tables and charts."""
